"""One stateless stream: batch k is a function of (seed, k), so a run resumes at any step with nothing stored.

Example::

    data = prepare(locate("digits"), image_size=28, channels=1)
    batches = stream(data.images, batch_size=64, seed=0, start=1000)  # goes on with batch 1,000
"""

import functools

import numpy as np
import tensorflow as tf

from kgan import images as images_lib


class Batches:
    """Which images each batch holds: a function of (seed, number of the batch).

    Args:
        chosen: indices of the images that are streamed, (n,).
        seed: of every epoch.
        batch_size: images of a batch.
        skip: positions of the sequence before batch 0.
    """

    def __init__(self, chosen: np.ndarray, seed: int, batch_size: int, skip: int = 0) -> None:
        self.chosen, self.seed, self.batch_size, self.skip = chosen, seed, batch_size, skip
        self.epoch = functools.lru_cache(maxsize=2)(self._epoch)

    def _epoch(self, number: int) -> np.ndarray:
        """Returns an epoch's images in their order, (n, 2): index, and whether it is mirrored."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.chosen))
        mirrored = np.random.default_rng([self.seed, number, 1]).random(len(self.chosen)) < 0.5
        return np.stack([self.chosen[order], mirrored], axis=1)

    def rows(self, k: int, part: int, parts: int) -> range:
        """Returns the positions, in the endless sequence, of one of the `parts` of batch k: every parts-th of them."""
        return range(self.skip + k * self.batch_size + part, self.skip + (k + 1) * self.batch_size, parts)

    def images(self, rows: range) -> tuple[np.ndarray, np.ndarray]:
        """Returns the index of the image at each position, and whether it is mirrored."""
        places = (divmod(row, len(self.chosen)) for row in rows)
        indices, mirrored = np.array([self.epoch(epoch)[place] for epoch, place in places]).T
        return indices, mirrored.astype(bool)


def stream(images: np.ndarray, *, batch_size: int, seed: int, start: int = 0, flip: bool = False,
           labels: np.ndarray | None = None, chosen: np.ndarray | None = None, skip: int = 0,
           part: tuple[int, int, int] = (0, 1, 1)) -> tf.data.Dataset:
    """Streams batches without end.

    Position p of the endless sequence lies in epoch p // n and is that epoch's permutation at p % n, n being the
    number of images, or of those chosen; whether it is mirrored is a function of (seed, p) as well.

    Args:
        images: uint8, (n, H, W, C), at rest.
        batch_size: images per element: for a `GAN`, d_steps minibatches.
        seed: with k alone decides what batch k holds.
        start: number of the first batch: the step at which a run goes on.
        flip: mirror images left to right, each with probability 1/2.
        labels: integers, (n,), or None.
        chosen: indices of the images to stream; None: all.
        skip: images of the sequence before batch 0.
        part: (first, here, all): each batch is divided into `all` parts, part r being its rows r, r + all, …, and
            elements are the parts first … first + here - 1 of each batch, one after the other.

    Returns:
        Elements `{"image": float32 (batch_size // all, H, W, C) in [-1, 1]}` and, with labels, `"label"`, int64.
    """
    arrays = {"image": images} if labels is None else {"image": images, "label": labels.astype(np.int64)}
    batches = Batches(np.arange(len(images)) if chosen is None else chosen, seed, batch_size, skip)
    first, here, parts = part

    def gather(number: np.int64) -> list[np.ndarray]:
        k, r = divmod(int(number), here)
        indices, mirrored = batches.images(batches.rows(k, first + r, parts))
        values = {name: array[indices] for name, array in arrays.items()}
        if flip:
            values["image"][mirrored] = values["image"][mirrored, :, ::-1]
        return list(values.values())

    def batch(number: tf.Tensor) -> dict[str, tf.Tensor]:
        gathered = tf.numpy_function(gather, [number], [array.dtype for array in arrays.values()])
        element = {name: tf.ensure_shape(values, (batch_size // parts, *array.shape[1:]))
                   for (name, array), values in zip(arrays.items(), gathered, strict=True)}
        return element | {"image": images_lib.to_float(element["image"])}

    options = tf.data.Options()
    # The autotuner's thread sleeps 10 ms, 20 ms, … 41 s …, and at times the end of `fit` waits for it to wake.
    options.autotune.enabled = False
    return tf.data.Dataset.range(start * here, tf.int64.max).map(batch).prefetch(2).with_options(options)
