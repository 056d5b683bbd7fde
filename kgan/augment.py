"""Differentiable augmentation of what D sees, real and fake alike.

Source: Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training" (arXiv:2006.10738), section 3:
colour (brightness, saturation, contrast), translation by up to an eighth of the side, a cut-out of half the side.
Each is drawn per image from a key, so a pair can be given the same draw.

`Adaptive` applies each to an image with a probability that follows how far D overfits: Karras et al. 2020, "Training
generative adversarial networks with limited data" (arXiv:2006.06676), section 3.1.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kgan.runtime.errors import UserError

Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (images, key) -> images, in [-1, 1] mostly

SHIFT = 1 / 8  # of the side, at most
CUT = 1 / 2  # of the side
CHOICE = 8  # and on: constants by which it is drawn whether a part is applied to an image; the parts have 1 to 7
CROSSING = 500_000  # images over which the probability could go from 0 to 1, as in Karras et al. 2020
PROBABILITY = "augment_probability"  # name of a variable


@keras.saving.register_keras_serializable(package="kgan")
def none(images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Leaves images, (n, H, W, C), as they are."""
    return images


@keras.saving.register_keras_serializable(package="kgan")
def colour(images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Moves brightness by up to ½, saturation by a factor in [0, 2] and contrast by one in [½, 3/2]; alpha stays."""
    brightness, saturation, contrast = (_uniform(images, key, constant) for constant in (1, 2, 3))
    images, alpha = images[..., :3], images[..., 3:]
    images = images + (brightness - 0.5)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = (images - grey) * (2.0 * saturation) + grey if images.shape[3] > 1 else images
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = (images - mean) * (contrast + 0.5) + mean
    return tf.concat([images, alpha], axis=3) if alpha.shape[3] else images


@keras.saving.register_keras_serializable(package="kgan")
def translation(images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Moves images by whole pixels, up to SHIFT of the side each way; 0 comes in from outside, as in the source."""
    height, width = images.shape[1:3]
    y, x = (_whole(images, key, constant, -int(side * SHIFT + 0.5), int(side * SHIFT + 0.5))
            for constant, side in ((4, height), (5, width)))
    rows = _gathered(images, tf.range(height)[None] + y, 1)
    return _gathered(rows, tf.range(width)[None] + x, 2)


@keras.saving.register_keras_serializable(package="kgan")
def cutout(images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Sets a square of CUT of the side, centred anywhere, to 0; less where it reaches over an edge."""
    height, width = images.shape[1:3]
    rows, columns = _hole(images, key, 6, height), _hole(images, key, 7, width)
    hole = tf.cast(rows[:, :, None] & columns[:, None, :], images.dtype)[..., None]
    return images * (1.0 - hole)


def _hole(images: tf.Tensor, key: tf.Tensor, constant: int, side: int) -> tf.Tensor:
    """Returns which rows, or columns, a hole takes, (n, side), drawn as in the source's code.

    A hole of even size lies between pixels and has one place more; one before the first pixel is drawn into it.
    """
    size = int(side * CUT + 0.5)
    first = _whole(images, key, constant, 0, side - size % 2) - size // 2
    places = tf.range(side)[None]
    return (places >= first) & (places <= tf.maximum(first + size - 1, 0))


BY_NAME = {"colour": colour, "translation": translation, "cutout": cutout}


def get(parts: str | None, target: float | None = None) -> Augment:
    """Returns the composition of parts named as "colour,translation,cutout"; without any, `none`.

    With a `target` it is `Adaptive`.

    Raises:
        UserError: there is no such part.
    """
    if not parts:
        return none
    return Composed(parts) if target is None else Adaptive(parts, target)


@keras.saving.register_keras_serializable(package="kgan")
class Composed:
    """Parts named as "colour,translation,cutout", one after the other; a file keeps their names."""

    def __init__(self, parts: str) -> None:
        names = parts.split(",")
        if unknown := [name for name in names if name not in BY_NAME]:
            raise UserError(f"augment={unknown[0]!r} is unknown; known: {', '.join(BY_NAME)}, joined by commas.")
        self.parts = parts
        self.functions = [BY_NAME[name] for name in names]

    def __call__(self, images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        """Augments images, (n, H, W, C)."""
        for function in self.functions:
            images = function(images, key)
        return images

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return {"parts": self.parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Composed":
        """Returns the composition of a configuration from `get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="kgan")
class Adaptive(Composed):
    """Parts, each applied to an image with a probability p, which `move` moves by how far D overfits.

    p is a state of training: `GAN.state` has it. `train_step` moves it where the loss has a threshold, by the share of
    real images above it; else whoever trains does, as kgan's runs do by `runs.monitoring.AugmentControl`.

    Args:
        parts: of `Composed`.
        target: measure of overfitting that D is held at.
    """

    def __init__(self, parts: str, target: float) -> None:
        super().__init__(parts)
        self.target = target
        # Each replica assigns the same.
        self.probability = keras.Variable(0.0, trainable=False, name=PROBABILITY, aggregation="only_first_replica")
        self.variables = (self.probability,)

    def __call__(self, images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        """Augments images, (n, H, W, C); which ones, each part draws for itself."""
        for constant, function in enumerate(self.functions, CHOICE):
            draw = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), _fold(key, constant))
            images = tf.where(draw < self.probability, function(images, key), images)
        return images

    def move(self, overfitting: Any, images: Any) -> None:
        """Moves p up where `overfitting` is above the target, else down, by what so many real images allow."""
        step = tf.cast(images, tf.float32) / CROSSING
        moved = self.probability + tf.where(overfitting > self.target, step, -step)
        self.probability.assign(tf.clip_by_value(moved, 0.0, 1.0))

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return super().get_config() | {"target": self.target}


def _uniform(images: tf.Tensor, key: tf.Tensor, constant: int) -> tf.Tensor:
    """A number in [0, 1) per image, (n, 1, 1, 1)."""
    return tf.cast(tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), _fold(key, constant)), images.dtype)


def _whole(images: tf.Tensor, key: tf.Tensor, constant: int, least: int, most: int) -> tf.Tensor:
    """A whole number in [least, most] per image, int32 (n, 1)."""
    return tf.random.stateless_uniform((tf.shape(images)[0], 1), _fold(key, constant), least, most + 1, tf.int32)


def _fold(key: tf.Tensor, constant: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(key, constant)


def _gathered(images: tf.Tensor, places: tf.Tensor, axis: int) -> tf.Tensor:
    """Takes rows (axis 1) or columns (axis 2) at places, (n, side); 0 where a place lies outside."""
    side = images.shape[axis]
    inside = tf.cast((places >= 0) & (places < side), images.dtype)
    taken = tf.gather(images, tf.clip_by_value(places, 0, side - 1), axis=axis, batch_dims=1)
    return taken * (inside[:, :, None, None] if axis == 1 else inside[:, None, :, None])
