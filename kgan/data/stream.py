"""One stateless stream: batch k is a function of (seed, k), so a run resumes at any step with nothing stored.

Example::

    data = prepare(locate("digits"), image_size=28, channels=1)
    batches = stream(data.images, batch_size=64, seed=0, start=1000)  # goes on with batch 1,000
"""

import functools

import numpy as np
import tensorflow as tf

from kgan import images as images_lib


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
    count = len(images) if chosen is None else len(chosen)
    first, here, parts = part

    @functools.lru_cache(maxsize=2)
    def permutation(epoch: int) -> np.ndarray:
        order = np.random.default_rng([seed, epoch]).permutation(count)
        return order if chosen is None else chosen[order]

    @functools.lru_cache(maxsize=2)
    def mirrored(epoch: int) -> np.ndarray:
        return np.random.default_rng([seed, epoch, 1]).random(count) < 0.5

    def gather(number: np.int64) -> list[np.ndarray]:
        k, r = divmod(number, here)
        rows = range(skip + k * batch_size + first + r, skip + (k + 1) * batch_size, parts)
        positions = [divmod(position, count) for position in rows]
        indices = np.array([permutation(epoch)[i] for epoch, i in positions])
        gathered = {name: array[indices] for name, array in arrays.items()}
        if flip:
            chosen = np.array([mirrored(epoch)[i] for epoch, i in positions])
            gathered["image"][chosen] = gathered["image"][chosen, :, ::-1]
        return list(gathered.values())

    def batch(number: tf.Tensor) -> dict[str, tf.Tensor]:
        gathered = tf.numpy_function(gather, [number], [array.dtype for array in arrays.values()])
        element = {name: tf.ensure_shape(values, (batch_size // parts, *array.shape[1:]))
                   for (name, array), values in zip(arrays.items(), gathered, strict=True)}
        return element | {"image": images_lib.to_float(element["image"])}

    options = tf.data.Options()
    # The autotuner's thread sleeps 10 ms, 20 ms, … 41 s …, and at times the end of `fit` waits for it to wake.
    options.autotune.enabled = False
    return tf.data.Dataset.range(start * here, tf.int64.max).map(batch).prefetch(2).with_options(options)
