import numpy as np
import pytest

from kgan.metrics import memorisation


def _images(seed, n=300, size=8):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 1)).astype(np.uint8)


def test_disjoint_images_of_one_kind_are_not_memorised():
    found = memorisation.memorisation(_images(0), _images(1), _images(2))
    assert found == pytest.approx(1, abs=0.02)


def test_copies_of_training_images_are_memorised_to_nothing():
    train, held_out = _images(1), _images(2)
    assert memorisation.memorisation(train[::-1], train, held_out) == 0
    assert memorisation.memorisation(held_out, train, held_out) == np.inf
    assert memorisation.memorisation(train, train, train) == 1  # nothing to tell apart


def test_memorisation_compares_sets_of_one_size():
    images, train, held_out = _images(0), _images(1), _images(2, 50)
    assert memorisation.memorisation(images, train, held_out) == memorisation.memorisation(images, train[:50], held_out)


def test_copies_are_a_share_and_near_ones_count():
    train = _images(1, 1000, 28)
    fake = _images(0, 100, 28)
    fake[:20] = train[500:520]
    fake[20:30] = np.clip(train[600:610].astype(int) + 3, 0, 255)
    assert memorisation.copies(fake, train) == pytest.approx(0.30)


def test_copies_are_looked_for_among_the_given_images_alone():
    train = _images(1, 200, 28)
    fake = train[[3, 8, 150]]
    assert memorisation.copies(fake, train, np.arange(100)) == pytest.approx(2 / 3)
    assert memorisation.copies(fake, train, np.array([150, 8, 0])) == pytest.approx(2 / 3)  # in any order
    assert memorisation.copies(fake, train, np.arange(10, 100)) == 0


def test_images_further_than_near_are_no_copies():
    train = _images(1, 1000, 28) // 2
    assert memorisation.copies(train[:50] + 5, train) == 0
    assert memorisation.copies(train[:50] + 4, train) == 1


def test_duplicates_are_among_the_images_themselves():
    images = _images(0, 100, 28)
    assert memorisation.duplicates(images) == 0
    images[:5] = images[5:10]
    assert memorisation.duplicates(images) == pytest.approx(0.10)
    assert memorisation.duplicates(np.repeat(images[:1], 40, axis=0)) == 1


def test_colour_and_odd_sizes_are_pooled_alike():
    images = np.random.default_rng(0).integers(0, 256, (30, 37, 37, 3)).astype(np.uint8)
    assert memorisation.copies(images[10:15], images) == 1
