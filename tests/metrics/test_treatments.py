import numpy as np
import pytest

from kgan.metrics import treatments


def _seen(shares, n, random):
    """Probabilities near one-hot, of treatments with these shares."""
    return 0.98 * np.eye(len(shares))[random.choice(len(shares), n, p=shares)] + 0.02 / len(shares)


def test_what_is_seen_more_often_than_among_real_pictures_is_named_most_frequent_first():
    random = np.random.default_rng(0)
    real, seen = _seen([0.9, 0.05, 0.05], 400, random), _seen([0.2, 0.3, 0.5], 400, random)
    found = treatments.numbers(seen, real)
    assert found["treated"] == [2, 1]
    np.testing.assert_allclose(found["treatments"], seen.mean(axis=0))
    np.testing.assert_allclose(found["real_treatments"], real.mean(axis=0))
    assert treatments.numbers(real, seen)["treated"] == [0]


def test_what_stands_out_most_in_standard_errors_comes_first():
    random = np.random.default_rng(0)
    real = np.tile([0.9, 0.05, 0.05], (100, 1))
    seen = np.stack([np.zeros(100), random.permutation(np.repeat([0.0, 0.7], 50)), np.full(100, 0.3)], axis=1)
    found = treatments.numbers(seen, real)
    assert found["treatments"][1] > found["treatments"][2]
    assert found["treated"] == [2, 1]


@pytest.mark.parametrize(("shares", "count"), [([0.84, 0.11, 0.05], 5000), ([0.7, 0.25, 0.05], 30)])
def test_small_and_chance_differences_are_none(shares, count):
    random = np.random.default_rng(0)
    assert treatments.numbers(_seen(shares, count, random), _seen([0.9, 0.05, 0.05], count, random))["treated"] == []
