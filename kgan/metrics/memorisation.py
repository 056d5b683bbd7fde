"""Memorisation: are generated images nearer to the training images than to images that were never trained on?

Source: the idea of Meehan et al. 2020, "A non-parametric test to detect data-copying" (arXiv:2004.05675); the ratio
of medians, and the share of near-exact copies.
"""

import math

import numpy as np

from kgan.metrics.neighbours import nearest, parts

NEAR = 4.0  # grey levels, root mean square, up to which two images are called the same
POOLED = 16  # pixels a side at which the nearest image is looked for


def memorisation(fake: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> float:
    """Median distance generated → train over generated → held-out, in pixels; about 1 when nothing is memorised.

    Both real sets are cut to the size of the smaller. Below 1 the training images are nearer; copies give 0; inf where
    the images are held-out ones.
    """
    size = min(len(train), len(held_out))
    to_train, to_held_out = (np.median(nearest(fake, reals[:size])[0]) for reals in (train, held_out))
    if to_held_out == 0:
        return 1.0 if to_train == 0 else float("inf")
    return float(to_train / to_held_out)


def copies(fake: np.ndarray, train: np.ndarray, among: np.ndarray | None = None) -> float:
    """Share of generated images that are some training image, up to NEAR; `among` are indices of those to look at."""
    return float(np.mean(_near(fake, train, np.arange(len(train)) if among is None else among)))


def duplicates(fake: np.ndarray) -> float:
    """Share of generated images that are another generated image, up to NEAR."""
    return float(np.mean(_near(fake, fake, np.arange(len(fake)), itself=True)))


def _near(images: np.ndarray, others: np.ndarray, among: np.ndarray, itself: bool = False) -> np.ndarray:
    """Returns a mask: True where the nearest other image is within NEAR grey levels, root mean square, at full size.

    The nearest is searched on pooled pixels, a part of the others at a time: they may be mapped, and large.
    """
    chosen = [among[start:start + 4096] for start in range(0, len(among), 4096)]
    pooled = np.concatenate([_pooled(others[some]) for some in chosen])
    _, indices = nearest(_pooled(images), pooled, itself=itself)
    near = np.empty(len(images), bool)
    for rows in parts(images):
        difference = images[rows].astype(np.float32) - others[among[indices[rows]]]
        near[rows] = np.sqrt(np.mean(difference**2, axis=(1, 2, 3))) <= NEAR
    return near


def _pooled(images: np.ndarray) -> np.ndarray:
    """Averages squares of pixels, so that POOLED remain along the longer side, or fewer."""
    _, height, width, channels = images.shape
    side = math.ceil(max(height, width) / POOLED)
    down, across = height // side, width // side
    pooled = np.empty((len(images), down, across, channels), np.float32)
    for rows in parts(images):
        blocks = images[rows, :down * side, :across * side].reshape(-1, down, side, across, side, channels)
        pooled[rows] = blocks.mean(axis=(2, 4), dtype=np.float32)
    return pooled
