"""Noise, blur and light: pixels that should be background and aren't, how rough and how bright the images are."""

from typing import NamedTuple

import numpy as np

from kgan.metrics.neighbours import parts

BACKGROUND = 0.99  # of the real images, in which a background pixel is black


class Brightness(NamedTuple):
    """How much brighter images are than real ones, from -1 to 1, and the spread of real images' own brightness."""

    brightness: float
    brightness_spread: float


def background_deviation(images: np.ndarray, real: np.ndarray) -> float | None:
    """Mean distance from -1, in [0, 2], over pixels that are black in BACKGROUND of the real images.

    None where there are no such pixels, as in photographs.
    """
    black = sum((real[rows] == 0).sum(axis=0) for rows in parts(real))
    background = black / len(real) >= BACKGROUND
    if not background.any():
        return None
    total = sum(images[rows][:, background].sum(dtype=np.int64) for rows in parts(images))
    return float(total / (len(images) * background.sum()) / 127.5)


def roughness(images: np.ndarray, real: np.ndarray) -> float | None:
    """Mean total variation of the images over that of the real ones: below 1 blurred, above 1 noisy.

    None where the real ones are plain: no ratio tells then.
    """
    return _ratio(_total_variation(images).mean(), _total_variation(real).mean())


def matched_roughness(images: np.ndarray, classes: np.ndarray, real: np.ndarray,
                      real_classes: np.ndarray) -> float | None:
    """Roughness against real images in the same mixture of classes: a set of ones only is no blurred set of digits.

    `classes` and `real_classes` are those that one judge sees, (n,) and (m,).
    """
    count = int(max(classes.max(), real_classes.max())) + 1
    sizes = np.bincount(real_classes, minlength=count)
    of_class = np.bincount(real_classes, _total_variation(real), count) / np.maximum(sizes, 1)
    known = sizes[classes] > 0
    if not known.any():
        return roughness(images, real)
    return _ratio(_total_variation(images)[known].mean(), of_class[classes][known].mean())


def contrast(images: np.ndarray, real: np.ndarray) -> float | None:
    """Standard deviation of all pixels over that of the real images: 0 for plain grey.

    None where all pixels of the real images are equal.
    """
    return _ratio(_deviation(images), _deviation(real))


def brightness(images: np.ndarray, real: np.ndarray) -> Brightness:
    """Mean of all pixels minus that of the real images, of white; and the standard deviation of real images' means."""
    means, real_means = (np.concatenate([some[rows].mean(axis=(1, 2, 3)) for rows in parts(some)]) / 255
                         for some in (images, real))
    return Brightness(float(means.mean() - real_means.mean()), float(real_means.std()))


def colourless(images: np.ndarray) -> float:
    """Share of the images whose channels are all equal."""
    grey = [(images[rows] == images[rows][..., :1]).all(axis=(1, 2, 3)) for rows in parts(images)]
    return float(np.concatenate(grey).mean())


def _ratio(number: float, real: float) -> float | None:
    return float(number / real) if real else None


def _deviation(images: np.ndarray) -> float:
    """Standard deviation of all pixels, exact: from how often each of the 256 values occurs."""
    counts = np.sum([np.bincount(images[rows].ravel(), minlength=256) for rows in parts(images)], axis=0)
    values = np.arange(256)
    mean = counts @ values / counts.sum()
    return float(np.sqrt(counts @ (values - mean)**2 / counts.sum()))


def _total_variation(images: np.ndarray) -> np.ndarray:
    """Mean step between neighbouring pixels, down and across, of each image."""
    steps = np.empty(len(images))
    for rows in parts(images):
        some = images[rows].astype(np.int16)
        steps[rows] = sum(np.abs(np.diff(some, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2))
    return steps
