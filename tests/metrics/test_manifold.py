import numpy as np
import pytest
from prdc import compute_prdc

from kgan.metrics import neighbours
from kgan.metrics.manifold import manifold


def _sets(n=500, m=500, d=8, shift=0.5, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)), random.normal(size=(m, d)) * 0.8 + shift


@pytest.mark.parametrize("sizes", [(500, 500), (300, 700)])
def test_manifold_equals_the_authors_package(sizes, monkeypatch):
    real, fake = _sets(*sizes)
    monkeypatch.setattr(neighbours, "BLOCK", 2**14)
    found = manifold(real, fake)
    three, five = (compute_prdc(real, fake, nearest_k=k) for k in (3, 5))
    expected = (three["precision"], three["recall"], five["density"], five["coverage"])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1 / min(sizes))
    assert 0.1 < found.precision < 0.99  # a case that could tell
    assert 0.1 < found.coverage < 0.99


def test_manifold_of_identical_sets_is_one():
    real, _ = _sets()
    np.testing.assert_allclose(manifold(real, real.copy()), (1, 1, 1, 1))


def test_coverage_of_equal_distributions():
    random = np.random.default_rng(0)
    found = manifold(*random.normal(size=(2, 3000, 4)))
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.01)  # Naeem et al. 2020, section 3.2
    assert found.density == pytest.approx(1, abs=0.05)


def test_manifold_ignores_order_and_swaps_precision_for_recall():
    real, fake = _sets()
    np.testing.assert_allclose(manifold(real[::-1], fake[::-1]), manifold(real, fake))
    assert manifold(fake, real)[:2] == manifold(real, fake)[1::-1]


def test_dropped_half_costs_recall_and_coverage_not_precision():
    random = np.random.default_rng(0)
    real = random.normal(size=(1000, 4))
    real[500:] += 20
    found = manifold(real, random.normal(size=(1000, 4)))
    assert found.precision > 0.9
    assert found.recall < 0.55
    assert found.coverage < 0.55


@pytest.mark.parametrize(("copies", "inside"), [(2, 4), (4, 4), (6, 6)])
def test_identical_sets_with_copies_are_alike_whatever_the_order(copies, inside):
    """Real = fake, each image several times: balls of copies have radius 0, and hold their copies.

    Of two the ball of 5 neighbours reaches to the second other image, and holds it and the first with their copies.
    """
    real = np.repeat(_sets(60)[0], copies, axis=0)
    order = np.random.default_rng(1).permutation(len(real))
    found = manifold(real[order], real)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == pytest.approx(inside / 5)
    far = manifold(real, real + 100)
    assert far == (0, 0, 0, 0)
