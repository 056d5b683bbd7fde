"""Keras layers that the papers need and Keras lacks."""

from typing import Any

import keras
import numpy as np
from keras import ops


def normal(mean: float = 0.0) -> keras.Initializer:
    """N(mean, 0.02), DCGAN's initial weights (Radford et al. 2016, section 4).

    A new one for every layer: an initializer that is used twice gives both layers the same numbers.
    """
    return keras.initializers.RandomNormal(mean, stddev=0.02)


@keras.saving.register_keras_serializable(package="kgan")
class Maxout(keras.layers.Layer):
    """The largest of `pieces` affine maps, for each of `units` outputs: (batch, n) → (batch, units).

    Source: Goodfellow et al. 2013, "Maxout networks" (arXiv:1302.4389), section 3.
    """

    def __init__(self, units: int, pieces: int, *, kernel_initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces
        self.affine = keras.layers.Dense(units * pieces, kernel_initializer=kernel_initializer,
                                         dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights of all the affine maps."""
        self.affine.build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Maps (batch, n) to (batch, units)."""
        return ops.max(ops.reshape(self.affine(inputs), (-1, self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns (batch, units)."""
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        initializer = keras.initializers.serialize(self.affine.kernel_initializer)
        return super().get_config() | {"units": self.units, "pieces": self.pieces, "kernel_initializer": initializer}


@keras.saving.register_keras_serializable(package="kgan")
class NormalToUniform(keras.layers.Layer):
    """Turns N(0, 1) into a uniform distribution over [low, high], feature by feature: low + (high - low) Φ(z).

    The weights `low` and `high`, (features,) each, are facts about data: set, not trained.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the bounds, [0, 1] until they are set."""
        self.low = self.add_weight(shape=input_shape[-1:], initializer="zeros", trainable=False, name="low")
        self.high = self.add_weight(shape=input_shape[-1:], initializer="ones", trainable=False, name="high")

    def call(self, z: Any) -> Any:
        """Maps z, (batch, features), to the same shape within the bounds."""
        phi = 0.5 * (1.0 + ops.erf(z / np.sqrt(2.0)))
        return self.low + (self.high - self.low) * phi

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of z."""
        return input_shape
