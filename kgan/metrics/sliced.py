"""Sliced Wasserstein distance between patches of Laplacian pyramids. Needs no network.

Source: Karras et al. 2018, "Progressive growing of GANs" (arXiv:1710.10196), section 5: 7×7 patches at each level,
normalised by channel, 512 random projections; printed × 10³. Here 16 patches an image instead of 128.
"""

import numpy as np
from scipy import ndimage

from kgan.metrics.neighbours import parts

PATCH = 7
SMALLEST = 14  # pixels a side of the coarsest level
KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16


def swd(real: np.ndarray, fake: np.ndarray, patches: int = 16, projections: int = 512, seed: int = 0) -> float:
    """Mean over levels of the sliced Wasserstein distance × 10³, of as many images of each set as the smaller has.

    Both sets are cut at the same places, so identical sets give 0.
    """
    count = min(len(real), len(fake))
    distances = []
    for level in range(len(sides(real))):  # one at a time: their patches may fill the memory
        a, b = (_descriptors(images[:count], level, patches, seed) for images in (real, fake))
        distances.append(sliced(a, b, projections, seed))
    return 1e3 * float(np.mean(distances))


def sliced(a: np.ndarray, b: np.ndarray, projections: int, seed: int) -> float:
    """Mean 1-Wasserstein distance of two sets of n vectors, (n, d), along random directions of length 1."""
    directions = np.random.default_rng(seed).normal(size=(projections, a.shape[1])).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    gaps = []
    for start in range(0, projections, 64):  # not all at once: they may fill the memory
        some = directions[start:start + 64]
        gaps.append(np.abs(np.sort(some @ a.T, axis=1) - np.sort(some @ b.T, axis=1)).mean(axis=1))
    return float(np.mean(np.concatenate(gaps)))


def sides(images: np.ndarray) -> list[tuple[int, int]]:
    """Returns height and width of the levels of `pyramid`."""
    found = [images.shape[1:3]]
    while min(found[-1]) // 2 >= SMALLEST and not any(side % 2 for side in found[-1]):
        found.append((found[-1][0] // 2, found[-1][1] // 2))
    return found


def pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Splits float32 images, (n, H, W, C), into Laplacian levels, finest first; the last is the low-pass rest."""
    return [_level(images, number) for number in range(len(sides(images)))]


def _level(images: np.ndarray, number: int) -> np.ndarray:
    last = number == len(sides(images)) - 1
    for _ in range(number):
        images = _halved(images)
    if last:
        return images
    wide = np.zeros_like(images)
    wide[:, ::2, ::2] = 4 * _halved(images)
    return images - _blur(wide)


def _halved(images: np.ndarray) -> np.ndarray:
    return _blur(images)[:, ::2, ::2]


def _blur(images: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        images = ndimage.convolve1d(images, KERNEL, axis=axis, mode="mirror")
    return images


def _descriptors(images: np.ndarray, level: int, patches: int, seed: int) -> np.ndarray:
    """Cuts patches at random places of a level of the pyramid; returns them normalised, as vectors, (n, d)."""
    random, levels = np.random.default_rng(seed), sides(images)
    cut = np.empty((len(images) * patches, *[min(PATCH, *levels[level])] * 2, images.shape[3]), np.float32)
    for start in range(0, len(images), 1000):
        some = images[start:start + 1000]
        ends = [[side - min(PATCH, *both) + 1 for side in both] for both in levels]
        places = [random.integers(0, end, (len(some) * patches, 2)).reshape(-1, patches, 2) for end in ends][level]
        for rows in parts(some):  # as floats all at once they may not fit into memory
            here = slice((start + rows.start) * patches, (start + rows.stop) * patches)
            cut[here] = _patches(_level(some[rows].astype(np.float32), level), places[rows])
    return _normalised(cut)


def _normalised(level: np.ndarray) -> np.ndarray:
    """Normalises each channel over the set, in place; returns vectors, (n, d)."""
    axes, precise = (0, 1, 2), np.float64  # so many float32 numbers, one after another, would lose the third digit
    level -= level.mean(axes, precise).astype(np.float32)
    squares = sum(np.square(part).sum(axes, precise) for part in np.array_split(level, len(level) // 1000 + 1))
    level /= np.maximum(np.sqrt(squares / level[..., 0].size), 1e-8).astype(np.float32)
    return level.reshape(len(level), -1)


def _patches(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Cuts patches whose upper left corners are at places, (n, patches, 2)."""
    side = min(PATCH, *images.shape[1:3])
    windows = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))
    picked = np.repeat(np.arange(len(images)), places.shape[1])
    rows, columns = places.reshape(-1, 2).T
    return np.moveaxis(windows[picked, rows, columns], 1, -1)  # (n, 7, 7, C)
