import numpy as np
import pytest

from kgan.metrics.gap import gap

TRAIN, FAKE = np.array([2.0, 4.0]), np.array([-1.5, -0.5])  # means 3 and -1


@pytest.mark.parametrize(("unseen", "expected"), [
    ([3.0] * 5, 0.0), ([1.0] * 5, 0.5), ([-1.0] * 5, 1.0), ([-3.0] * 5, 1.5), ([5.0] * 5, -0.5)])
def test_gap_is_how_far_unseen_images_lie_on_the_way_to_fakes(unseen, expected):
    # 300 of each, or the standard errors, 1 / √2 of two training images, hide a difference of 4.
    assert gap(np.tile(TRAIN, 150), np.array(unseen), np.tile(FAKE, 150)) == pytest.approx(expected, abs=1e-12)


def test_gap_needs_training_images_judged_as_more_real_than_fakes():
    even = np.zeros(9)
    assert gap(even, even - 1, even) is None
    assert gap(even, even, even + 1) is None
    assert gap(even, even - 1, even - 1) == 1


def test_gap_needs_ten_standard_errors():
    around = np.array([-1.0, 1.0] * 50)  # variance 1, of 100: the three means' standard error is √(3 / 100) = 0.1732
    assert gap(around + 1.733, around + 1.0, around) == pytest.approx(0.733 / 1.733)
    assert gap(around + 1.731, around + 1.0, around) is None
    few = 2 * around[:64]  # variance 4, of 64: 0.25, with the others √(4 / 64 + 2 / 100) = 0.2872
    assert gap(around + 2.88, few, around) == pytest.approx(1)
    assert gap(around + 2.86, few, around) is None
