"""Kinds of images, found by k-means where there are no labels, or none may be used."""

import numpy as np
from scipy.cluster import vq

SIDE = 14  # pixels that images are averaged down to, at most
FITTED = 20_000  # images that the centres are fitted to
ROUNDS = 30


def kinds(images: np.ndarray, count: int) -> np.ndarray:
    """Returns the kind of each of uint8 `images`, (n, H, W, C): int32 (n,), below `count`.

    Kinds with neighbouring numbers look alike: they are in the order of their centres' first principal component. The
    result is a function of images and count. Discriminators that are told such kinds: Liu et al. 2020, "Diverse image
    generation via self-conditioned GANs" (arXiv:2006.10728), who cluster D's features anew while training; Sage et al.
    2018 (arXiv:1712.04407), who cluster once, as here.
    """
    features = _small(images)
    chosen = np.random.default_rng(0).permutation(len(features))[:FITTED]
    centres, _ = vq.kmeans2(features[chosen], count, iter=ROUNDS, minit="++", seed=0)
    deviations = centres - centres.mean(axis=0)
    main = np.linalg.svd(deviations, full_matrices=False)[2][0]
    return vq.vq(features, centres[np.argsort(deviations @ main)])[0].astype(np.int32)


def like(images: np.ndarray, known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the kind of each of other images, int32 (n,): that whose mean over the `known` images is nearest."""
    features, found = _small(known), np.unique(labels)
    means = np.stack([features[labels == kind].mean(axis=0) for kind in found])
    return found[vq.vq(_small(images), means)[0]].astype(np.int32)


def _small(images: np.ndarray) -> np.ndarray:
    """Averages images over squares of whole pixels, to SIDE at most: float32 (n, values)."""
    count, height, width, channels = images.shape
    by = -(-height // SIDE)
    rows, columns = height // by, width // by
    squares = images[:, :rows * by, :columns * by].reshape(count, rows, by, columns, by, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1)
