import numpy as np
import pytest
from scipy import ndimage

from kgan.metrics import noise


def _reals():
    images = np.zeros((200, 6, 6, 1), np.uint8)
    images[:, 2:4, 2:4] = np.random.default_rng(0).integers(100, 256, (200, 2, 2, 1))
    images[0, 0, 0] = 255  # once in 200: still background
    return images


def test_background_deviation_by_hand():
    real = _reals()
    clean, dirty = np.zeros((10, 6, 6, 1), np.uint8), np.zeros((10, 6, 6, 1), np.uint8)
    dirty[:, 0, 0] = 255  # one of 32 background pixels at 2 above -1
    dirty[:, 2, 2] = 255  # not background
    assert noise.background_deviation(clean, real) == 0
    assert noise.background_deviation(dirty, real) == pytest.approx(2 / 32)


def test_photographs_have_no_background():
    assert noise.background_deviation(_reals(), np.full((5, 6, 6, 1), 9, np.uint8)) is None


def test_roughness_tells_blur_from_noise():
    real = _reals()
    blurred = ndimage.gaussian_filter(real, (0, 1, 1, 0))
    noisy = np.clip(real + np.random.default_rng(0).normal(0, 30, real.shape), 0, 255).astype(np.uint8)
    assert noise.roughness(real, real) == 1
    assert noise.roughness(blurred, real) < 0.8
    assert noise.roughness(noisy, real) > 1.2


def test_roughness_by_hand():
    real, half = np.zeros((1, 2, 2, 1), np.uint8), np.zeros((1, 2, 2, 1), np.uint8)
    real[0, 0, 0], half[0, 0, 0] = 200, 100
    assert noise.roughness(half, real) == pytest.approx(0.5)


def test_matched_roughness_compares_like_with_like():
    real = np.zeros((4, 2, 2, 1), np.uint8)
    real[:, 0, 0, 0] = [200, 200, 20, 20]  # a rough class 0 and a smooth class 1
    classes = np.array([0, 0, 1, 1])
    assert noise.roughness(real[2:], real) == pytest.approx(20 / 110)
    assert noise.matched_roughness(real[2:], classes[2:], real, classes) == pytest.approx(1)
    assert noise.matched_roughness(real[2:] * 2, classes[2:], real, classes) == pytest.approx(2)
    assert noise.matched_roughness(real, np.array([0, 0, 1, 2]), real, classes) == pytest.approx(1)  # 2 is unknown


def test_contrast_of_grey_is_nothing():
    real = _reals()
    assert noise.contrast(real, real) == 1
    assert noise.contrast(np.full_like(real, 128), real) == 0
