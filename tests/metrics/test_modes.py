import numpy as np
import pytest

from kgan.metrics import modes


def test_shares_count_every_class():
    np.testing.assert_allclose(modes.shares(np.array([0, 0, 2, 2, 2, 2, 4, 4, 4, 4]), 6), [0.2, 0, 0.4, 0, 0.4, 0])


def test_modes_have_at_least_a_hundredth():
    assert modes.modes(np.array([0.98, 0.01, 0.0099, 0.0001]), np.full(4, 0.25)) == 2


def test_modes_of_rare_classes_have_a_tenth_of_their_training_share():
    even = np.full(200, 1 / 200)  # of 200 balanced classes none has a hundredth
    assert modes.modes(even, even) == 200
    assert modes.missing(even, even) == []
    drawn = even.copy()
    drawn[[3, 8]] = 0.0004
    assert modes.modes(drawn, even) == 198
    assert modes.missing(drawn, even) == [3, 8]


def test_modes_count_no_class_that_was_never_trained_on():
    assert modes.modes(np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 0.0])) == 1


def test_missing_classes_are_rare_for_their_training_share():
    even, skewed = np.full(10, 0.1), np.array([0.895, 0.1, 0.005])
    drawn = np.full(10, 0.1)
    drawn[[3, 8]] = 0.0099
    assert modes.missing(drawn, even) == [3, 8]
    assert modes.missing(np.array([0.9, 0.099, 0.001]), skewed) == []  # a fifth of its share
    assert modes.missing(np.array([0.9, 0.0996, 0.0004]), skewed) == [2]
    assert modes.missing(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == []  # never trained on


def test_class_kl_by_hand_and_by_symmetry_of_nothing():
    even = np.full(10, 0.1)
    three = np.zeros(10)
    three[[1, 5, 7]] = 1 / 3
    assert modes.class_kl(three, even) == pytest.approx(np.log(10 / 3))
    assert modes.class_kl(even, even) == 0
    assert modes.class_kl(even, three) == np.inf
