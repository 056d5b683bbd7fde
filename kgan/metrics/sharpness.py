"""Sharpness and grain: are edges as steep, and is there as much fine noise, as in real images, whatever they show?

Roughness alone takes a set of skies for blurred photographs. Both are measured beside the same at half the size, where
blur of a pixel and noise of single pixels have less of a part.
"""

from collections.abc import Callable

import numpy as np


def sharpness(images: np.ndarray, real: np.ndarray) -> float | None:
    """How steep the steepest step of an image is beside the same at half the size, over that of real ones.

    Below 1: blurred. None where there is no half, or nothing varies.
    """
    return _beside_half(images, real, lambda steps: steps.max(axis=1))


def grain(images: np.ndarray, real: np.ndarray) -> float | None:
    """Total variation beside that at half the size, over that of real ones. Above 1: noisy. None as `sharpness`."""
    return _beside_half(images, real, lambda steps: steps.mean(axis=1))


def _beside_half(images: np.ndarray, real: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> float | None:
    if min(images.shape[1:3]) < 4:
        return None
    ratios = []
    for some in (images, real):
        parts = [some[start:start + 1000] for start in range(0, len(some), 1000)]
        whole, half = (np.concatenate([of(_steps(sized(part))) for part in parts]) for sized in (np.asarray, _halved))
        if not half.any():
            return None
        ratios.append(whole.mean(dtype=np.float64) / half.mean(dtype=np.float64))
    return float(ratios[0] / ratios[1]) if ratios[1] else None


def _steps(images: np.ndarray) -> np.ndarray:
    """Returns the steps between neighbouring pixels, down and across, of each image: (n, steps)."""
    images = images.astype(np.int16)
    return np.concatenate([np.abs(np.diff(images, axis=axis)).reshape(len(images), -1) for axis in (1, 2)], axis=1)


def _halved(images: np.ndarray) -> np.ndarray:
    """Sums squares of 2×2 pixels."""
    rows, columns = images.shape[1] // 2, images.shape[2] // 2
    squares = images[:, :2 * rows, :2 * columns].reshape(len(images), rows, 2, columns, 2, -1)
    return squares.sum(axis=(2, 4), dtype=np.int16)
