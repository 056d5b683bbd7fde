import numpy as np
import pytest

from kgan.metrics.kid import kernel_distance, mmd2


def _sets(shift=0.0, n=60, d=5):
    random = np.random.default_rng(0)
    return random.normal(size=(n, d)), random.normal(size=(n, d)) + shift


def test_mmd2_equals_a_double_loop():
    x, y = _sets(0.3, n=12)

    def k(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / 5 + 1) ** 3

    m = len(x)
    within = sum(k(z[i], z[j]) for z in (x, y) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    between = sum(k(a, b) for a in x for b in y) / m**2
    assert mmd2(x, y) == pytest.approx(within - 2 * between, abs=1e-9)


def test_kernel_distance_averages_subsets_and_gives_their_spread():
    x, y = _sets(1.0)
    found = kernel_distance(x, y, subsets=7, size=20, seed=3)
    random = np.random.default_rng(3)
    values = [mmd2(x[random.choice(60, 20, replace=False)], y[random.choice(60, 20, replace=False)])
              for _ in range(7)]
    assert found.mean == pytest.approx(np.mean(values))
    assert found.spread == pytest.approx(np.std(values))


def test_kernel_distance_is_slightly_negative_for_identical_sets_and_grows_with_a_shift():
    x, _ = _sets(n=1000)
    same = mmd2(x, x)
    assert -0.03 < same < 0  # the diagonal is in the cross term alone
    near, far = (kernel_distance(x, x + shift, subsets=10).mean for shift in (0.5, 1))
    assert near > 0.1
    assert far > 2 * near


def test_mmd2_is_symmetric_and_ignores_order():
    x, y = _sets(0.5)
    assert mmd2(x, y) == pytest.approx(mmd2(y, x))
    assert mmd2(x[::-1], y) == pytest.approx(mmd2(x, y))


def test_kernel_distance_is_unbiased():
    random = np.random.default_rng(1)
    values = [mmd2(random.normal(size=(40, 3)), random.normal(size=(40, 3))) for _ in range(400)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 20


@pytest.mark.parametrize(("sizes", "known"), [
    ((60, 60), False), ((60, 90), False), ((90, 60), False), ((61, 90), True)])
def test_kernel_distance_has_no_spread_where_a_subset_is_a_whole_set(sizes, known):
    x, y = (_sets(1.0, n=size)[number] for number, size in enumerate(sizes))
    found = kernel_distance(x, y, subsets=6, size=60)
    assert (found.spread is not None) == known
    if sizes == (60, 60):
        assert found.mean == pytest.approx(mmd2(x, y), rel=1e-9)
    assert found.mean == pytest.approx(mmd2(x[:60], y[:60]), rel=0.5)
