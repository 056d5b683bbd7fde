import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kgan.metrics import neighbours


@pytest.fixture(params=[2**24, 64], ids=["one block", "many"])
def sets(request, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", request.param)
    random = np.random.default_rng(0)
    return random.normal(size=(23, 4)), random.normal(size=(31, 4))


def test_nearest_equals_scipy(sets):
    x, y = sets
    expected = cdist(x.astype(np.float32), y.astype(np.float32))
    found, indices = neighbours.nearest(x, y)
    np.testing.assert_array_equal(indices, expected.argmin(axis=1))
    np.testing.assert_allclose(found, expected.min(axis=1), rtol=1e-12)


def test_nearest_in_its_own_set_is_another_one(sets):
    x, _ = sets
    expected = cdist(x.astype(np.float32), x.astype(np.float32)) + np.diag(np.full(len(x), np.inf))
    np.testing.assert_array_equal(neighbours.nearest(x, x, itself=True)[1], expected.argmin(axis=1))


def test_nearest_of_a_copy_is_at_exactly_nothing():
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1)).astype(np.uint8)
    found, indices = neighbours.nearest(images[::-1], images)
    np.testing.assert_array_equal(indices, np.arange(50)[::-1])
    assert (found == 0).all()


def test_kth_distances_equal_scipy(sets):
    x, _ = sets
    expected = np.sort(cdist(x, x), axis=1)
    np.testing.assert_allclose(neighbours.kth_distances(x, 3, 5), expected[:, [3, 5]].T, rtol=1e-9)


def test_distances_cover_every_pair_once(sets):
    x, y = sets
    blocks = list(neighbours.distances(x, y))
    np.testing.assert_allclose(np.concatenate([block for _, block in blocks]), cdist(x, y), rtol=1e-9)
    assert all(block.size <= max(neighbours.BLOCK, len(y)) for _, block in blocks)


@pytest.mark.parametrize("itself", [False, True])
def test_nearest_in_parts_is_nearest(monkeypatch, itself):
    """Both sets are made floats a part at a time; of equally near ones the first counts, in whatever part."""
    random = np.random.default_rng(0)
    x, y = (random.integers(0, 4, (count, 3, 2, 1)).astype(np.uint8) for count in (41, 53))
    if itself:
        y = x
    expected = cdist(x.reshape(len(x), -1), y.reshape(len(y), -1))
    if itself:
        np.fill_diagonal(expected, np.inf)
    monkeypatch.setattr(neighbours, "BLOCK", 21)  # 7 images at a time
    found, indices = neighbours.nearest(x, y, itself=itself)
    np.testing.assert_array_equal(indices, expected.argmin(axis=1))
    np.testing.assert_allclose(found, expected.min(axis=1))


def test_copies_are_at_no_distance_whatever_rounding_leaves():
    x = np.random.default_rng(0).normal(10, 1, (40, 300))
    x = np.repeat(x, 6, axis=0)
    assert (neighbours.kth_distances(x, 3, 5) == 0).all()
    found = np.concatenate([block for _, block in neighbours.distances(x, x[::6])])
    assert (found == 0).sum() == 40 * 6
    assert (neighbours.kth_distances(x, 6) > 1).all()
