"""Keras layers that the papers need and Keras lacks."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kgan.layers import progressive as progressive  # so that files of `progan` open once this package is imported


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
        self.affine = keras.layers.Dense(units * pieces, kernel_initializer=kernel_initializer, dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights of all the affine maps."""
        self.affine.build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Maps (batch, n) to (batch, units)."""
        return ops.max(ops.reshape(self.affine(inputs), (-1, self.units, self.pieces)), axis=-1)

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
        return self.low + (self.high - self.low) * _phi(z)


@keras.saving.register_keras_serializable(package="kgan")
class Uniform(keras.layers.Layer):
    """Turns N(0, 1) into a uniform distribution over [-limit, limit], entry by entry: limit (2 Φ(z) - 1)."""

    def __init__(self, limit: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit

    def call(self, z: Any) -> Any:
        """Maps z to the same shape within the limits."""
        return self.limit * ops.erf(z / np.sqrt(2.0))

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return super().get_config() | {"limit": self.limit}


def prior(z: Any, name: str) -> Any:
    """Returns z, N(0, 1), as the distribution that a recipe's `z_prior` names.

    Called right after a generator's input, so that z is N(0, 1) outside whatever the paper draws from. "normal" adds no
    layer; the others are uniform in [-1, 1], and of variance 1, in ±√3.
    """
    if name == "normal":
        return z
    return Uniform({"uniform": 1.0, "uniform_unit_variance": 3**0.5}[name], dtype="float32")(z)


def one_hot(label: Any, classes: int) -> Any:
    """Turns labels, (batch,) integers below `classes`, into one-hot rows: an embedding that is never trained."""
    return keras.layers.Embedding(classes, classes, embeddings_initializer="identity", trainable=False)(label)


def with_label(x: Any, label: Any) -> Any:
    """Appends what `one_hot` gave to x: (batch, n) → (batch, n + classes), (batch, H, W, C) → (…, C + classes)."""
    if len(x.shape) == 4:
        _, height, width, _ = x.shape
        classes = label.shape[-1]
        label = keras.layers.RepeatVector(height * width)(label)
        label = keras.layers.Reshape((height, width, classes))(label)  # a constant map for each class
    return keras.layers.Concatenate()([x, label])


@keras.saving.register_keras_serializable(package="kgan")
class ClusterByLatent(keras.layers.Layer):
    """Chooses one of a class' `count` clusters by the first value of z: (batch, n), labels (batch,) → int32 (batch,).

    For each class the line of N(0, 1) is cut into intervals, in the order of the clusters; cluster k of class c has the
    share `shares[c, k]` of it, and the number c * count + k. Without labels there is one class. The shares are facts
    about data: set, not trained.
    """

    def __init__(self, count: int, classes: int = 1, **kwargs: Any) -> None:
        # Always float32: rounded, z would lie in another cluster's interval here than in `z_for`, and in an export.
        super().__init__(**kwargs | {"dtype": "float32"})
        self.count = count
        self.classes = classes

    @classmethod
    def of(cls, generator: keras.Model) -> "ClusterByLatent | None":
        """Returns the generator's layer of this class; None where it has none."""
        return next((layer for layer in generator.layers if isinstance(layer, cls)), None)

    def build(self, *input_shapes: tuple[int | None, ...]) -> None:
        """Makes the shares, equal until they are set."""
        self.shares = self.add_weight(shape=(self.classes, self.count), trainable=False, name="shares", dtype="float32",
                                      initializer=keras.initializers.Constant(1 / self.count))

    def call(self, z: Any, label: Any = None) -> Any:
        """Returns the numbers of z's clusters."""
        label = ops.zeros_like(z[:, 0], dtype="int32") if label is None else ops.cast(label, "int32")
        ends = ops.take(ops.cumsum(self.shares, axis=1)[:, :-1], label, axis=0)
        return label * self.count + ops.sum(ops.cast(_phi(z[:, :1]) > ends, "int32"), axis=1)

    def z_for(self, number: Any, z: Any) -> tuple[Any, Any]:
        """Returns z with another first value, and labels: those with which `call` gives these numbers.

        z stands in its cluster's interval as it stood in the whole line. So z of N(0, 1), with clusters drawn by their
        shares, stays N(0, 1).
        """
        starts = ops.reshape(ops.cumsum(self.shares, axis=1) - self.shares, [-1])
        inside = ops.clip(_phi(z[:, 0]), 0.01, 0.99)  # float32 must not round it over an end
        place = ops.take(starts, number) + ops.take(ops.reshape(self.shares, [-1]), number) * inside
        z = ops.concatenate([2.0**0.5 * ops.erfinv(2.0 * place - 1.0)[:, None], z[:, 1:]], axis=1)
        return z, ops.floor_divide(number, self.count)

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return super().get_config() | {"count": self.count, "classes": self.classes}


@keras.saving.register_keras_serializable(package="kgan")
class Kind(ClusterByLatent):
    """`ClusterByLatent` in files to format 4: Keras finds weights in a file by the name of a layer's class."""


def _phi(z: Any) -> Any:
    """The share of N(0, 1) below z."""
    return 0.5 * (1.0 + ops.erf(z / 2.0**0.5))
