"""Noise and blur: pixels that should be background and aren't, and how rough the images are."""

import numpy as np

BACKGROUND = 0.99  # of the real images, in which a background pixel is black


def background_deviation(images: np.ndarray, real: np.ndarray) -> float | None:
    """Mean distance from -1, in [0, 2], over pixels that are black in BACKGROUND of the real images.

    None where there are no such pixels, as in photographs.
    """
    background = (real == 0).mean(axis=0) >= BACKGROUND
    return float(images[:, background].mean() / 127.5) if background.any() else None


def roughness(images: np.ndarray, real: np.ndarray) -> float:
    """Mean total variation of the images over that of the real ones: below 1 blurred, above 1 noisy."""
    return float(_total_variation(images).mean() / _total_variation(real).mean())


def matched_roughness(images: np.ndarray, classes: np.ndarray, real: np.ndarray, real_classes: np.ndarray) -> float:
    """Roughness against real images in the same mixture of classes: a set of ones only is no blurred set of digits.

    `classes` and `real_classes` are those that one judge sees, (n,) and (m,).
    """
    count = int(max(classes.max(), real_classes.max())) + 1
    sizes = np.bincount(real_classes, minlength=count)
    of_class = np.bincount(real_classes, _total_variation(real), count) / np.maximum(sizes, 1)
    known = sizes[classes] > 0
    if not known.any():
        return roughness(images, real)
    return float(_total_variation(images)[known].mean() / of_class[classes][known].mean())


def contrast(images: np.ndarray, real: np.ndarray) -> float:
    """Standard deviation of all pixels over that of the real images: 0 for plain grey."""
    return float(images.std(dtype=np.float64) / real.std(dtype=np.float64))


def _total_variation(images: np.ndarray) -> np.ndarray:
    """Mean step between neighbouring pixels, down and across, of each image."""
    images = images.astype(np.int16)
    return sum(np.abs(np.diff(images, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2))
