"""Kinds of images, found by k-means: inside each class, or among all where no classes are told."""

import warnings

import numpy as np
from scipy.cluster import vq

SIDE = 14  # pixels that images are averaged down to, at most
FITTED = 20_000  # images that the centres are fitted to
ROUNDS = 30


def kinds(images: np.ndarray, count: int, classes: np.ndarray | None = None) -> np.ndarray:
    """Divides uint8 images, (n, H, W, C), into `count` kinds, or those of each class, (n,) numbers, into as many.

    Returns:
        int32 (n,): class number * count + kind, without classes the kind.

    Kinds with neighbouring numbers look alike: they are in the order of their centres' first principal component. The
    result is a function of images, count and classes. Discriminators that are told such kinds: Liu et al. 2020,
    "Diverse image generation via self-conditioned GANs" (arXiv:2006.10728), who cluster D's features anew while
    training; Sage et al. 2018 (arXiv:1712.04407), who cluster once, as here.
    """
    numbers = np.zeros(len(images), np.int64) if classes is None else np.asarray(classes, np.int64)
    features, found = _small(images), numbers * count
    for number in np.unique(numbers):
        where = np.flatnonzero(numbers == number)
        found[where] += _divided(features[where], min(count, len(where)))
    return found.astype(np.int32)


def _divided(features: np.ndarray, count: int) -> np.ndarray:
    chosen = np.random.default_rng(0).permutation(len(features))[:FITTED]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fewer different images than kinds: some kinds stay empty then
        centres, _ = vq.kmeans2(features[chosen], count, iter=ROUNDS, minit="++", seed=0)
    deviations = centres - centres.mean(axis=0)
    main = np.linalg.svd(deviations, full_matrices=False)[2][0]
    return vq.vq(features, centres[np.argsort(deviations @ main)])[0]


def like(images: np.ndarray, known: np.ndarray, labels: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Returns what `kinds` would give other images, of these class numbers, (n,).

    That is the kind of their class whose mean over the `known` images, of these `labels`, is nearest. Int32 (n,).
    """
    features, others, found = _small(known), _small(images), np.zeros(len(images), np.int32)
    for number in np.unique(classes):
        there = [label for label in np.unique(labels) if label // count == number]
        means = np.stack([features[labels == label].mean(axis=0) for label in there])
        where = np.flatnonzero(classes == number)
        found[where] = np.array(there)[vq.vq(others[where], means)[0]]
    return found


def _small(images: np.ndarray) -> np.ndarray:
    """Averages images over squares of whole pixels, to SIDE at most: float32 (n, values)."""
    count, height, width, channels = images.shape
    by = -(-height // SIDE)
    rows, columns = height // by, width // by
    squares = images[:, :rows * by, :columns * by].reshape(count, rows, by, columns, by, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1)
