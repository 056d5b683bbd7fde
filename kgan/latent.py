"""z, as a pure function of what it belongs to (a training step, or a sample's seed), and ways through its space."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

_SAMPLING = -1  # the key word that stands where training has its step


def key(seed: int, step: tf.Tensor, draw: int, replica: tf.Tensor) -> tf.Tensor:
    """Returns the key of one draw of one training step, int32 (2,): z's own, and the root of all others in it."""
    words = tf.constant([seed, 0], tf.int32)
    # Folding hashes the key so far and keeps the last word as it is: with the step last, no two steps share a key.
    for word in (replica, draw, step):
        words = fold(words, tf.cast(word, tf.int32))
    return words


def fold(key: tf.Tensor, word: tf.Tensor) -> tf.Tensor:
    """Returns another key, a function of `key` and an integer."""
    return tf.random.experimental.stateless_fold_in(key, word)


def normal(key: tf.Tensor, shape: tuple[tf.Tensor, int]) -> tf.Tensor:
    """N(0, 1) noise, `shape` = (batch, latent_dim), float32."""
    return tf.random.stateless_normal(shape, key)


def dimension(generator: keras.Model) -> int:
    """Returns the length of a generator's z, its first input."""
    return generator.inputs[0].shape[-1]


def proportional_labels(counts: Sequence[int], size: int) -> np.ndarray:
    """Returns `size` labels, int32, in the proportions of `counts`, the training images of each class."""
    shares = np.cumsum(counts) / np.sum(counts)
    return np.searchsorted(shares, (np.arange(size) + 0.5) / size).astype(np.int32)


def from_seeds(seeds: tf.Tensor, latent_dim: int) -> tf.Tensor:
    """N(0, 1) noise, (n, latent_dim), float32; row i depends on seeds[i] alone. `seeds` are (n,) integers."""
    return _rows(tf.cast(seeds, tf.int64), latent_dim)


@tf.function(reduce_retracing=True)  # run eagerly, `map_fn` takes a millisecond per seed
def _rows(seeds: tf.Tensor, latent_dim: int) -> tf.Tensor:
    return tf.map_fn(
        lambda seed: tf.random.stateless_normal((latent_dim,), tf.stack([seed, _SAMPLING])),
        seeds,
        fn_output_signature=tf.TensorSpec((latent_dim,), tf.float32),
    )


def slerp(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """Spherical interpolation from `a`, at t = 0, to `b`, at t = 1; (latent_dim,) each.

    White 2016 (arXiv:1609.04468), section 2.1: between points of N(0, 1) the straight line passes too near the origin.
    Where a and b point the same or opposite ways, or one is 0, no arc is given and it is the straight line.
    """
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    angle = np.arccos(np.clip(np.dot(a, b) / norms, -1, 1)) if norms else 0.0
    if np.sin(angle) < 1e-6:
        return straight(a, b, t)
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def straight(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """Interpolation on the straight line from `a`, at t = 0, to `b`, at t = 1; of equal shapes."""
    return (1 - t) * a + t * b


def walk(stops: np.ndarray, frames: int, way: Callable[..., np.ndarray] = slerp) -> np.ndarray:
    """Leads from each of `stops`, (n, length), to the next and back to the first: (n * frames, length).

    `way` is `slerp` or `straight`.
    """
    return np.stack([way(a, b, frame / frames) for a, b in zip(stops, np.roll(stops, -1, axis=0), strict=True)
                     for frame in range(frames)])


def arithmetic(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Returns mean(a) - mean(b) + mean(c) of z's, (n, latent_dim) each: (latent_dim,).

    Radford, Metz & Chintala 2016 (arXiv:1511.06434), section 6.3.2: single z's are unstable, means of three are not.
    """
    return a.mean(axis=0) - b.mean(axis=0) + c.mean(axis=0)


def directions(z: np.ndarray, images: np.ndarray, count: int) -> np.ndarray:
    """Returns the `count` directions in z that change the pictures most, (count, latent_dim), of length 1.

    They are the left singular vectors of the covariance of z, (n, latent_dim), with its images, (n, H, W, C): for z of
    N(0, 1), the best linear account of what z does.
    """
    pixels = images.reshape(len(images), -1).astype(np.float32)
    covariance = z.T @ (pixels - pixels.mean(axis=0)) / len(z)
    return np.linalg.svd(covariance, full_matrices=False)[0].T[:count]
