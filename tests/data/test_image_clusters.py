import numpy as np
import pytest

from kgan.data.clusters import clusters, nearest


def _of_brightness(levels, size=28, channels=1):
    """Flat images, with a grey level of noise."""
    noise = np.random.default_rng(0).integers(-1, 2, (len(levels), size, size, channels))
    return (np.asarray(levels)[:, None, None, None] + noise).astype(np.uint8)


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (8, 1), (64, 3), (45, 3)])
def test_flat_images_of_three_brightnesses_are_three_clusters_in_order(size, channels):
    levels = np.array([200, 20, 100] * 10)
    found = clusters(_of_brightness(levels, size, channels), 3)
    order = found[[1, 2, 0]]
    assert order.tolist() in ([0, 1, 2], [2, 1, 0])  # neighbours in number are neighbours in brightness
    np.testing.assert_array_equal(found, np.tile(found[:3], 10))
    assert (found.dtype, found.shape) == (np.int32, (30,))


def test_all_images_get_a_cluster_though_few_are_fitted(monkeypatch):
    monkeypatch.setattr("kgan.data.clusters.FITTED", 12)
    found = clusters(_of_brightness(np.tile([10, 240], 50)), 2)
    assert np.bincount(found).tolist() == [50, 50]


def test_clusters_are_a_function_of_images_and_count():
    images = np.random.default_rng(1).integers(0, 256, (60, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(clusters(images, 5), clusters(images.copy(), 5))


def test_other_images_get_the_cluster_with_the_nearest_mean():
    known, labels = _of_brightness([10, 30, 100, 200]), np.array([4, 4, 0, 7])  # means 20, 100 and 200
    found = nearest(_of_brightness([5, 55, 65, 140, 160, 250]), known, labels, np.zeros(6, int), 10)
    assert found.tolist() == [4, 4, 0, 0, 7, 7]
    assert found.dtype == np.int32


def test_clusters_stay_inside_their_classes():
    """Brightnesses 10 and 200 of class 0, 20 and 210 of class 1: 20 is nearer to 10, and of its own class' cluster."""
    images, classes = _of_brightness([10, 200, 20, 210] * 5), np.array([0, 0, 1, 1] * 5)
    found = clusters(images, 2, classes)
    np.testing.assert_array_equal(found // 2, classes)
    assert all(len(set(found[start::4])) == 1 for start in range(4)) and len(set(found)) == 4
    others = nearest(_of_brightness([15, 15]), images, found, np.array([0, 1]), 2)
    np.testing.assert_array_equal(others, [found[0], found[2]])
    assert clusters(images[:3], 5, classes[:3]).tolist()[2] == 5  # of fewer images than clusters each is one


def test_fewer_different_images_than_clusters_leave_some_empty_without_a_word(recwarn):
    same = np.full((30, 28, 28, 1), 7, np.uint8)
    assert len(set(clusters(same, 5))) == 1
    found = clusters(np.concatenate([same, np.full_like(same, 200)]), 5)
    assert len(set(found[:30])) == len(set(found[30:])) == 1 and found[0] != found[-1]
    assert not list(recwarn)
