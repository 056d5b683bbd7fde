"""One stateless stream: batch k is a function of (seed, k), so a run resumes at any step with nothing stored."""

import numpy as np
import tensorflow as tf

from kgan import images as images_lib


class Order:
    """The order in which a data set is visited: for each epoch its own permutation.

    Position p of the endless sequence lies in epoch p // n and is that epoch's permutation at p % n.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.seed = seed
        self._epoch = -1
        self._permutation = np.empty(0, np.int64)

    def indices(self, start: int, length: int) -> np.ndarray:
        """Returns the data indices, int64 (length,), at positions start … start + length - 1."""
        positions = np.arange(start, start + length)
        result = np.empty(length, np.int64)
        for epoch in np.unique(positions // self.count):
            inside = positions // self.count == epoch
            result[inside] = self._permute(int(epoch))[positions[inside] % self.count]
        return result

    def _permute(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            self._permutation = np.random.default_rng([self.seed, epoch]).permutation(self.count)
            self._epoch = epoch
        return self._permutation


def stream(images: np.ndarray, *, batch_size: int, seed: int, start: int = 0,
           labels: np.ndarray | None = None) -> tf.data.Dataset:
    """Streams batches without end.

    Args:
        images: uint8, (n, H, W, C), at rest.
        batch_size: images per element: for a `GAN`, d_steps minibatches.
        seed: with k alone decides what batch k holds.
        start: number of the first batch: the step at which a run goes on.
        labels: integers, (n,), or None.

    Returns:
        Elements `{"image": float32 (batch_size, H, W, C) in [-1, 1]}` and, with labels, `"label"`, int64.
    """
    order = Order(len(images), seed)

    def gather(k: np.int64) -> tuple[np.ndarray, np.ndarray]:
        indices = order.indices(int(k) * batch_size, batch_size)
        return images[indices], (indices if labels is None else labels[indices].astype(np.int64))

    def batch(k: tf.Tensor) -> dict[str, tf.Tensor]:
        image, label = tf.numpy_function(gather, [k], (tf.uint8, tf.int64))
        element = {"image": images_lib.to_float(tf.ensure_shape(image, (batch_size, *images.shape[1:])))}
        if labels is not None:
            element["label"] = tf.ensure_shape(label, (batch_size,))
        return element

    steps = tf.data.Dataset.range(start, tf.int64.max)
    return steps.map(batch).prefetch(tf.data.AUTOTUNE)
