import numpy as np
import pytest

from kgan.metrics import baselines


def test_pca_gaussian_has_the_data_mean_and_covariance():
    random = np.random.default_rng(0)
    train = (128 + 8 * random.normal(size=(4000, 6)) @ random.normal(size=(6, 16))).clip(0, 255)
    train = train.astype(np.uint8).reshape(-1, 4, 4, 1)
    drawn = baselines.pca_gaussian(train, 4000)
    assert drawn.shape == train.shape
    np.testing.assert_allclose(drawn.mean(axis=0), train.mean(axis=0), atol=4)
    real, fake = (np.cov(images.reshape(-1, 16).T) for images in (train, drawn))
    np.testing.assert_allclose(fake, real, atol=0.1 * np.abs(real).max())


def test_pca_gaussian_is_drawn_in_parts_and_is_the_same(monkeypatch):
    train = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), np.uint8)
    whole = baselines.pca_gaussian(train, 100)
    monkeypatch.setattr(baselines, "PART", 7 * 8 * 8 * 3)
    np.testing.assert_array_equal(baselines.pca_gaussian(train, 100), whole)
    assert whole.std(axis=0).min() > 0


def test_mean_image_and_noise():
    train = np.array([[[[10]], [[21]]], [[[20]], [[21]]]], np.uint8)
    np.testing.assert_array_equal(baselines.mean_image(train, 3)[2, :, 0, 0], [15, 21])
    noise = baselines.uniform_noise((400, 5, 5, 1))
    assert (noise.min(), noise.max()) == (0, 255)
    assert noise.mean() == pytest.approx(127.5, abs=3)


def test_subset_is_random_always_the_same_and_in_order():
    images = np.arange(60, dtype=np.uint8)
    some = baselines.subset(images, 20)
    assert len(set(some.tolist())) == 20
    assert some.tolist() == sorted(some.tolist()) == baselines.subset(images, 20).tolist()
    assert some.max() > 40  # not the first 20
    assert baselines.subset(images, 60) is images
