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
    assert modes.missing(even, even, even, 10_000) == []
    drawn = even.copy()
    drawn[[3, 8]] = 0.0004
    assert modes.modes(drawn, even) == 198
    assert modes.missing(drawn, even, even, 10_000) == [3, 8]


def test_modes_count_no_class_that_was_never_trained_on():
    assert modes.modes(np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 0.0])) == 1


def test_missing_classes_are_rare_for_their_training_share():
    even, skewed = np.full(10, 0.1), np.array([0.895, 0.1, 0.005])
    drawn = np.full(10, 0.1)
    drawn[[3, 8]] = 0.0099
    assert modes.missing(drawn, even, even, 10_000) == [3, 8]
    assert modes.missing(np.array([0.9, 0.099, 0.001]), skewed, skewed, 10_000) == []  # a fifth of its share
    assert modes.missing(np.array([0.9, 0.0996, 0.0004]), skewed, skewed, 10_000) == [2]
    assert modes.missing(np.array([1.0, 0.0]), *[np.array([1.0, 0.0])] * 2, 10_000) == []  # never trained on


@pytest.mark.parametrize(("classes", "count"), [(10, 30), (10, 60), (26, 60), (100, 200), (100, 1000)])
def test_missing_is_no_matter_of_chance(classes, count):
    random, even = np.random.default_rng(0), np.full(classes, 1 / classes)
    for _ in range(300):
        found = modes.numbers(random.integers(0, classes, count), even, even)
        assert (found["missing"], found["thin"]) == ([], [])


def test_an_absent_class_is_missing_where_there_should_be_enough_of_it():
    # (1 - 0.1)^n · 10 classes < 1e-6: n = 153 or more.
    even, drawn = np.full(10, 0.1), np.array([0, *np.full(9, 1 / 9)])
    assert modes.missing(drawn, even, even, 152) == []
    assert modes.missing(drawn, even, even, 153) == [0]
    seldom_seen = np.array([0.01, *np.full(9, 0.11)])  # by a judge that takes most of its real images for others
    assert modes.missing(drawn, seldom_seen, even, 1000) == []


def test_thin_classes_have_less_than_half_of_their_share_and_are_not_missing():
    even = np.full(10, 0.1)
    drawn = np.array([0.0501, 0.0499, 0.033, 0.0101, 0.0099, 0.0, 0.2, 0.2, 0.2, 0.2568])
    assert modes.thin(drawn, even, even, 10_000) == [1, 2, 3]
    assert modes.missing(drawn, even, even, 10_000) == [4, 5]
    skewed = np.array([0.2, *np.full(9, 0.8 / 9)])
    assert modes.thin(even, skewed, even, 10_000) == []
    assert modes.thin(np.array([0.09, *np.full(9, 0.91 / 9)]), skewed, even, 10_000) == [0]  # of its own share


def test_thin_is_no_matter_of_chance():
    even, drawn = np.full(10, 0.1), np.array([0.033, *np.full(9, 0.967 / 9)])
    # Of 2 · 640 images the standard error of the difference is √(2 · 0.09 / 640) = 0.01677; four are 0.06708.
    assert modes.thin(drawn, even, even, 640) == []
    assert modes.thin(drawn, even, even, 650) == [0]  # 0.06656 < 0.067


def test_numbers_of_classes_are_those_of_the_functions():
    classes = np.array([0] * 8 + [1] * 2)
    real, trained = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
    found = modes.numbers(classes, real, trained)
    assert found == {"modes": 2, "class_kl": pytest.approx(0.8 * np.log(2) + 0.2 * np.log(0.5)),
                     "shares": [0.8, 0.2, 0.0], "real_shares": [0.5, 0.3, 0.2], "missing": [], "thin": []}
    assert modes.numbers(np.repeat(classes, 100), real, trained)["missing"] == [2]
    assert modes.numbers(np.repeat([0, 1, 2], [860, 100, 40]), real, trained)["thin"] == [1, 2]
    assert modes.numbers(np.repeat([0, 1, 2], [660, 190, 150]), real, trained)["thin"] == []  # 0.19 of 0.3, not of 0.4


def test_class_kl_by_hand_and_by_symmetry_of_nothing():
    even = np.full(10, 0.1)
    three = np.zeros(10)
    three[[1, 5, 7]] = 1 / 3
    assert modes.class_kl(three, even) == pytest.approx(np.log(10 / 3))
    assert modes.class_kl(even, even) == 0
    assert modes.class_kl(even, three) == np.inf
