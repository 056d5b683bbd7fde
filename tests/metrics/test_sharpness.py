import numpy as np
import pytest
from scipy import ndimage
from sklearn.datasets import load_sample_images

from kgan.metrics.noise import roughness
from kgan.metrics.sharpness import grain, sharpness


@pytest.fixture(scope="module")
def tiles():
    """Pieces of scikit-learn's two photographs, 32×32, mixed."""
    pieces = [photograph[top:top + 32, left:left + 32] for photograph in load_sample_images().images
              for top in range(0, 385, 32) for left in range(0, 600, 32)]
    return np.random.default_rng(0).permutation(np.stack(pieces))


def test_hand_computed():
    real = np.zeros((1, 4, 4, 1), np.uint8)
    real[0, :, 2:] = 100  # steps of 100; at half the size, where squares are summed, of 400
    soft = np.zeros((1, 4, 4, 1), np.uint8)
    soft[0] = np.array([0, 30, 60, 90])[None, :, None]  # of 30; at half the size 2·(60 + 90) - 2·(0 + 30) = 240
    assert sharpness(soft, real) == pytest.approx((30 / 240) / (100 / 400))
    # 12 steps across; the mean is over them and as many down.
    assert grain(soft, real) == pytest.approx((12 * 30 / 24 / (2 * 240 / 4)) / (4 * 100 / 24 / (2 * 400 / 4)))


def test_blur_and_noise_are_told_from_what_the_pictures_show(tiles):
    real, other = tiles[:200], tiles[200:400]
    assert sharpness(other, real) == pytest.approx(1, abs=0.05)
    assert grain(other, real) == pytest.approx(1, abs=0.08)
    variation = np.abs(np.diff(other.astype(int), axis=2)).mean(axis=(1, 2, 3))
    smooth = other[variation < np.median(variation)]
    assert roughness(smooth, real) < 0.6  # what roughness alone would call blurred
    assert sharpness(smooth, real) > 0.92
    assert sharpness(ndimage.gaussian_filter(other, (0, 0.5, 0.5, 0)), real) < 0.9
    noisy = np.clip(other + np.random.default_rng(0).normal(0, 10, other.shape), 0, 255).astype(np.uint8)
    assert grain(noisy, real) > 1.16


def test_odd_small_and_plain_images():
    images = np.random.default_rng(0).integers(0, 255, (5, 7, 7, 1)).astype(np.uint8)
    assert sharpness(images, images) == grain(images, images) == 1
    assert sharpness(images[:, :3, :3], images[:, :3, :3]) is None
    plain = np.full((5, 8, 8, 1), 9, np.uint8)
    assert sharpness(plain, plain) is grain(plain, plain) is None
