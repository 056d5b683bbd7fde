"""What a step is made of: batches of images with their conditions, and what D says of a real and a fake one."""

import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from kgan.runtime.errors import UserError


class Batch(NamedTuple):
    """Images, (n, H, W, C) in [-1, 1], and what they are conditioned on, (n, …) each: labels, or nothing.

    `z`, (n, latent_dim), is what G makes an image of beside each of them, where that was drawn before.
    """

    images: tf.Tensor
    conditions: tuple[tf.Tensor, ...] = ()
    z: tf.Tensor | None = None

    @classmethod
    def of(cls, data: Any, conditional: bool) -> "Batch":
        """Returns a batch of `fit`'s data: images, and labels where the networks are conditional.

        Raises:
            UserError: conditional networks, and no labels.
        """
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        images, labels = (x["image"], x.get("label")) if isinstance(x, dict) else (x, y)
        if not conditional:
            return cls(images)
        if labels is None:
            raise UserError("this generator is conditional: the batches need labels, as {'image': …, 'label': …} or "
                            "(images, labels).")
        return cls(images, (labels,))

    def split(self, count: int) -> list["Batch"]:
        """Returns `count` minibatches of one size."""
        parts = zip(*(tf.split(tensor, count) for tensor in (self.images, *self.conditions)), strict=True)
        zs = [None] * count if self.z is None else tf.split(self.z, count)
        return [Batch(images, tuple(conditions), z) for (images, *conditions), z in zip(parts, zs, strict=True)]

    def first(self, count: Any) -> "Batch":
        """Returns the first `count` of them."""
        return Batch(self.images[:count], tuple(condition[:count] for condition in self.conditions))


class Pair(NamedTuple):
    """What D judged in a step, and its logits, (n, 1) each."""

    real: Batch
    fake: Batch
    real_logits: tf.Tensor
    fake_logits: tf.Tensor

    def first(self, share: float) -> "Pair":
        """Returns the first `share` of it, rounded up."""
        if share >= 1.0:
            return self
        count = tf.cast(tf.math.ceil(share * tf.cast(tf.shape(self.real_logits)[0], tf.float32)), tf.int32)
        if (size := self.real_logits.shape[0]) is not None:
            count = math.ceil(share * size)
        return Pair(self.real.first(count), self.fake.first(count), self.real_logits[:count], self.fake_logits[:count])
