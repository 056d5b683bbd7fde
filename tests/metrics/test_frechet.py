import numpy as np
import pytest
from scipy.linalg import sqrtm

from kgan.metrics.frechet import frechet, gaussian


def _sets(seed=0, n=400, d=16):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) @ random.normal(size=(d, d)), 0.5 + random.normal(size=(n + 7, d)) ** 2


def _referee(x, y):
    a, b = np.cov(x.T), np.cov(y.T)
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(a + b - 2 * sqrtm(a @ b).real)


@pytest.mark.parametrize("seed", range(5))
def test_frechet_equals_scipys_matrix_root(seed):
    x, y = _sets(seed)
    assert frechet(x, y) == pytest.approx(_referee(x, y), rel=1e-6)


def test_frechet_of_equal_covariances_is_the_squared_mean_shift():
    x, _ = _sets()
    shift = np.linspace(-1, 1, 16)
    assert frechet(x, x + shift) == pytest.approx(np.sum(shift**2), rel=1e-9)


def test_frechet_of_one_dimension_by_hand():
    # Means 1 and 3, variances 4 and 9: (1 - 3)² + (2 - 3)².
    assert gaussian(np.array([1.0]), np.array([[4.0]]), np.array([3.0]), np.array([[9.0]])) == pytest.approx(5.0)


def test_frechet_covariance_is_unbiased():
    # Variances of {0, 2} and {0, 4} with n - 1 below: 2 and 8; means 1 and 2. 1 + (√2 - √8)² = 3.
    assert frechet(np.array([[0.0], [2.0]]), np.array([[0.0], [4.0]])) == pytest.approx(3.0)


def test_frechet_is_symmetric_ignores_order_and_is_nothing_for_identical_sets():
    x, y = _sets()
    assert frechet(x, y) == pytest.approx(frechet(y, x), rel=1e-9)
    assert frechet(x[::-1], y) == pytest.approx(frechet(x, y), rel=1e-9)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)


def test_frechet_stands_singular_covariances():
    x, y = _sets(n=9, d=16)  # fewer examples than dimensions
    assert frechet(x, x + 1) == pytest.approx(16, rel=1e-9)
    assert frechet(np.ones((10, 16)), np.zeros((10, 16))) == pytest.approx(16)
    assert np.isfinite(frechet(x, y))


def test_one_image_has_no_covariance():
    x, _ = _sets(n=50, d=3)
    assert frechet(x[:1], x) == pytest.approx(np.sum((x[0] - x.mean(axis=0)) ** 2) + np.trace(np.cov(x.T)))
    assert frechet(x[:1], x[:1]) == 0
