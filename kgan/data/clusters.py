"""Clusters of images, found by k-means: inside each class, or among all where no classes are told.

The way of `Recipe.clusters`: `clusters` divides each class into `Recipe.clusters_per_class`; `runs.training_data` makes
class * count + cluster an image's label. D embeds the label, and scores an image by how the two match. G's layer
`ClusterByLatent` cuts z's first value by the clusters' shares (`runs.build.set_shares`), and G embeds the number. In
training, `GAN.fake` moves z into the cluster of the real image beside it.
"""

import math
import warnings
from collections.abc import Callable

import numpy as np
from scipy.cluster import vq

from kgan.runtime.errors import UserError

SIDE = 14  # pixels that images are averaged down to, at most
FITTED = 20_000  # images that the centres are fitted to
ROUNDS = 30


def clusters(images: np.ndarray, count: int, classes: np.ndarray | None = None, method: str = "sklearn") -> np.ndarray:
    """Divides uint8 images, (n, H, W, C), into `count` clusters, or those of each class, (n,) numbers, into as many.

    Clusters with neighbouring numbers look alike: they are in the order of their centres' first principal component.
    The result is a function of images, count, classes and method. Discriminators that are told such clusters: Liu et
    al. 2020, "Diverse image generation via self-conditioned GANs" (arXiv:2006.10728), who cluster D's features anew
    while training; Sage et al. 2018 (arXiv:1712.04407), who cluster once, as here.

    Args:
        images: to divide.
        count: of clusters.
        classes: number of each image's class; None: they have none.
        method: one of METHODS: "sklearn", or "scipy", which runs of format 3 and earlier were started with.

    Returns:
        int32 (n,): class number * count + cluster, without classes the cluster.

    Raises:
        UserError: SciPy's call of earlier versions is gone.
    """
    numbers = np.zeros(len(images), np.int64) if classes is None else np.asarray(classes, np.int64)
    features, labels = _features(images), numbers * count
    for number in np.unique(numbers):
        members = np.flatnonzero(numbers == number)
        labels[members] += _divided(features[members], min(count, len(members)), METHODS[method])
    return labels.astype(np.int32)


def _divided(features: np.ndarray, count: int, fit: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Returns the cluster of each image, from 0."""
    chosen = np.random.default_rng(0).permutation(len(features))[:FITTED]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fewer different images than clusters: some stay empty then
        centres = fit(features[chosen], count)
    return vq.vq(features, centres)[0]


def _by_sklearn(features: np.ndarray, count: int) -> np.ndarray:
    """Returns the centres, in order."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # sums over threads come in any order
        kmeans = KMeans(count, n_init=1, max_iter=ROUNDS, random_state=0).fit(features.astype(np.float64))
    centres = kmeans.cluster_centers_
    main = _main_component(centres)
    # A singular vector's sign is any.
    return centres[np.argsort((centres - centres.mean(axis=0)) @ main * np.sign(main[np.argmax(np.abs(main))]))]


def _by_scipy(features: np.ndarray, count: int) -> np.ndarray:
    """Returns the centres, in the order that the sign of the machine's singular vectors gives."""
    try:
        centres, _ = vq.kmeans2(features, count, iter=ROUNDS, minit="++", seed=0)
    except TypeError as error:
        raise UserError("the clusters that this run was started with can't be found again: this SciPy has no "
                        "kmeans2(seed=) any more; install an earlier SciPy, or give --accept_labels to go on with new "
                        "clusters.") from error
    return centres[np.argsort((centres - centres.mean(axis=0)) @ _main_component(centres))]


METHODS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {"sklearn": _by_sklearn, "scipy": _by_scipy}


def _main_component(centres: np.ndarray) -> np.ndarray:
    return np.linalg.svd(centres - centres.mean(axis=0), full_matrices=False)[2][0]


def nearest(images: np.ndarray, known: np.ndarray, labels: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Returns what `clusters` would give other images, of these class numbers, (n,).

    That is the cluster of their class whose mean over the `known` images, of these `labels`, is nearest. Int32 (n,).
    """
    features, others, result = _features(known), _features(images), np.zeros(len(images), np.int32)
    for number in np.unique(classes):
        own = [label for label in np.unique(labels) if label // count == number]
        means = np.stack([features[labels == label].mean(axis=0) for label in own])
        members = np.flatnonzero(classes == number)
        result[members] = np.array(own)[vq.vq(others[members], means)[0]]
    return result


def _features(images: np.ndarray) -> np.ndarray:
    """Averages images over squares of whole pixels, to SIDE at most: float32 (n, values)."""
    count, height, width, channels = images.shape
    by = math.ceil(height / SIDE)
    rows, columns = height // by, width // by
    squares = images[:, :rows * by, :columns * by].reshape(count, rows, by, columns, by, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1)
