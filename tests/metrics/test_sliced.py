import tracemalloc

import numpy as np
import pytest

from kgan.metrics import sliced


def _images(seed, n=50, size=28, channels=1):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, channels)).astype(np.uint8)


def test_sliced_in_one_dimension_is_the_wasserstein_distance():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(200, 1)), random.normal(2, 3, size=(200, 1))
    expected = np.abs(np.sort(a[:, 0]) - np.sort(b[:, 0])).mean()
    assert sliced.sliced(a, b, 4, 0) == pytest.approx(expected, rel=1e-6)


def test_sliced_of_a_shift_is_its_mean_length_along_a_direction():
    # |cos| of a random direction in the plane is 2/π on average; a shift of 3 moves every sorted pair by 3 cos.
    a = np.random.default_rng(0).normal(size=(500, 2))
    assert sliced.sliced(a, a + np.array([3.0, 0.0]), 4000, 0) == pytest.approx(6 / np.pi, rel=0.02)


@pytest.mark.parametrize(("size", "channels", "levels"), [(28, 1, 2), (32, 3, 2), (64, 3, 3)])
def test_pyramid_levels_add_up_to_the_image(size, channels, levels):
    images = _images(0, 3, size, channels).astype(np.float32)
    found = sliced.pyramid(images)
    assert [level.shape[1] for level in found] == [size // 2**i for i in range(levels)]
    rest = found[-1]
    for level in found[-2::-1]:
        wide = np.zeros_like(level)
        wide[:, ::2, ::2] = 4 * rest
        rest = level + sliced._blur(wide)
    np.testing.assert_allclose(rest, images, atol=1e-3)


def test_pyramid_of_a_plain_image_has_no_detail():
    plain = np.full((2, 32, 32, 1), 100, np.float32)
    detail, rest = sliced.pyramid(plain)
    np.testing.assert_allclose(detail, 0, atol=1e-3)
    np.testing.assert_allclose(rest, 100, atol=1e-3)


def test_swd_of_identical_sets_is_nothing_and_of_other_texture_is_not():
    images, others = _images(0, 500), _images(1, 500)
    assert sliced.swd(images, images.copy()) == 0
    same_kind = sliced.swd(images, others)
    smooth = np.cumsum(others // 8, axis=1, dtype=np.uint8)
    assert 0 < same_kind < 50
    assert sliced.swd(images, smooth) > 3 * same_kind


def test_images_smaller_than_a_patch_are_compared_whole():
    images = _images(0, 50, 5)
    assert sliced.swd(images, images.copy()) == 0
    assert sliced.swd(images, _images(1, 50, 5) // 2 + images // 2) > 0


def test_images_are_taken_in_parts_and_the_patches_are_the_same(monkeypatch):
    random = np.random.default_rng(0)
    real, fake = (random.integers(0, high, (40, 28, 28, 1)).astype(np.uint8) for high in (256, 200))
    whole = sliced.swd(real, fake)
    monkeypatch.setattr(sliced, "parts", lambda some: (slice(start, start + 7) for start in range(0, len(some), 7)))
    assert sliced.swd(real, fake) == whole


def test_the_patches_of_one_level_are_held_at_a_time(monkeypatch):
    monkeypatch.setattr(sliced, "parts", lambda some: (slice(start, start + 4) for start in range(0, len(some), 4)))
    real, fake = _images(0, 300, 64, 3), _images(1, 300, 64, 3)
    patches = 300 * 16 * 7 * 7 * 3 * 4  # bytes of a set's, of a level
    tracemalloc.start()
    sliced.swd(real, fake, projections=8)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 5 * patches  # both sets', what one takes to be normalised, and small parts


def test_patches_of_more_images_than_are_taken_at_once_are_all_cut_and_have_deviation_1():
    images = _images(0, 1_200, 16, 3)
    vectors = sliced._descriptors(images, 0, 16, 0)
    assert vectors.shape == (1_200 * 16, 7 * 7 * 3)
    values = vectors.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-6)
    assert vectors[16 * 1_000:].std() == pytest.approx(1, rel=0.05)
