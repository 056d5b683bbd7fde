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


def test_numbers_in_parts_are_those_of_the_whole(monkeypatch):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (100, 6, 5, 3)).astype(np.uint8)
    real = (random.integers(0, 200, (90, 6, 5, 3)) * (np.arange(6) > 2)[:, None, None]).astype(np.uint8)
    monkeypatch.setattr(noise, "parts", lambda array: (slice(start, start + 7) for start in range(0, len(array), 7)))
    steps = [np.abs(np.diff(images.astype(float), axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2)]
    real_steps = [np.abs(np.diff(real.astype(float), axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2)]
    assert noise.roughness(images, real) == pytest.approx(sum(steps).mean() / sum(real_steps).mean(), rel=1e-12)
    assert noise.contrast(images, real) == pytest.approx(images.std(dtype=float) / real.std(dtype=float), rel=1e-12)
    assert noise.background_deviation(images, real) == pytest.approx(images[:, :3].mean() / 127.5, rel=1e-12)


def test_a_ratio_to_plain_images_is_none():
    """Of black images, as of one colour: no number, and no warning of NumPy's, which pytest would raise."""
    black, classes = np.zeros((10, 4, 4, 1), np.uint8), np.zeros(10, int)
    with np.errstate(all="raise"):
        assert noise.contrast(_reals()[:, :4, :4], black) is None
        assert noise.roughness(_reals()[:, :4, :4], black) is None
        assert noise.matched_roughness(_reals()[:10, :4, :4], classes, black, classes) is None


def test_brightness_is_the_difference_of_means_beside_the_spread_of_real_images():
    real = np.stack([np.full((4, 4, 3), level, np.uint8) for level in (51, 102, 153)])
    found = noise.brightness(real + np.uint8(51), real)
    assert found == pytest.approx((0.2, 0.2 * np.sqrt(2 / 3)))
    assert noise.brightness(real[:1], real).brightness == pytest.approx(-0.2)
