"""The networks that are timed: kgan's by name, and the TensorFlow tutorial's and keras.io's from their tables.

Sources: tensorflow.org/tutorials/generative/dcgan (28×28×1, batch size 256, Adam 1e-4);
keras.io/examples/generative/dcgan_overriding_train_step (64×64×3, batch size 32, Adam 1e-4; its sigmoids at the
discriminator's end and the generator's end are a logit and a tanh here, as in kgan's networks).
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import layers

from kgan import models


class Net(NamedTuple):
    """A pair of networks and the setting that it is trained in."""

    build: Callable[[], tuple[keras.Model, keras.Model]]
    image_shape: tuple[int, int, int]
    latent_dim: int
    batch_size: int
    learning_rate: float
    beta_1: float


def paper(name: str) -> Net:
    """Returns a model's networks in the setting of its recipe."""
    recipe = models.recipe(name)
    module = importlib.import_module(f"kgan.models.{name}")
    return Net(lambda: (module.build_generator(recipe), module.build_discriminator(recipe)), recipe.image_shape,
               recipe.latent_dim, recipe.batch_size, recipe.g_learning_rate, recipe.beta_1)


def _tutorial() -> tuple[keras.Model, keras.Model]:
    z = keras.Input((100,), name="z")
    x = layers.Dense(7 * 7 * 256, use_bias=False)(z)
    x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    x = layers.Reshape((7, 7, 256))(x)
    for filters, strides in ((128, 1), (64, 2)):
        x = layers.Conv2DTranspose(filters, 5, strides=strides, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    image = layers.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh",
                                   dtype="float32")(x)
    return keras.Model(z, image), _judge((28, 28, 1), (64, 128), 5, 0.3, 0.3)


def keras_io(width: int = 128, activation: str = "tanh") -> tuple[keras.Model, keras.Model]:
    """Returns keras.io's networks, or some of another width; `activation` stands at the generator's end."""
    z = keras.Input((128,), name="z")
    x = layers.Reshape((8, 8, width))(layers.Dense(8 * 8 * width)(z))
    for filters in (width, 2 * width, 4 * width):
        x = layers.LeakyReLU(negative_slope=0.2)(
            layers.Conv2DTranspose(filters, 4, strides=2, padding="same")(x))
    image = layers.Conv2D(3, 5, padding="same", activation=activation, dtype="float32")(x)
    return keras.Model(z, image), _judge((64, 64, 3), (width // 2, width, width), 4, 0.2, None)


def _judge(shape: tuple[int, int, int], widths: tuple[int, ...], kernel: int, last_dropout: float,
           dropout: float | None) -> keras.Model:
    image = keras.Input(shape, name="image")
    x = image
    for filters in widths:
        x = layers.Conv2D(filters, kernel, strides=2, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=0.3 if dropout else 0.2)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    x = layers.Flatten()(x)
    x = x if dropout else layers.Dropout(last_dropout)(x)
    return keras.Model(image, layers.Dense(1, dtype="float32")(x))


NETS = {
    "dcgan": paper("dcgan"),
    "tutorial": Net(_tutorial, (28, 28, 1), 100, 256, 1e-4, 0.9),
    "dcgan_5x5": paper("dcgan_5x5"),
    "dcgan64": paper("dcgan64"),
    "keras_io": Net(keras_io, (64, 64, 3), 128, 32, 1e-4, 0.9),
}
