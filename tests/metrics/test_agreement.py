import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from kgan.metrics.agreement import agreement


def test_agreement_is_the_share_of_classes_that_are_the_asked_ones():
    assert agreement(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2], np.int32)) == 0.75
    assert agreement(np.array([1, 0]), np.array([0, 1])) == 0


def test_agreement_is_accuracy():
    seen, asked = np.random.default_rng(0).integers(0, 3, (2, 500))
    assert agreement(seen, asked) == pytest.approx(accuracy_score(asked, seen), abs=1e-12)


def test_labels_that_are_not_one_for_each_image_are_refused():
    with pytest.raises(ValueError, match=r"\(4,\) classes were seen, and \(4, 1\) asked"):
        agreement(np.zeros(4), np.zeros((4, 1)))
