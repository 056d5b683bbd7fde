"""GAN of multilayer perceptrons for 28×28 digits, trained by Algorithm 1.

Source: V. M. M. Alvarez, "Image generation: GAN vs DCGAN", section 2 and Algorithm 1. The paper prints no layers; the
networks are those of the work it cites: Goodfellow et al. 2014 (arXiv:1406.2661), section 5 (rectifiers in the
generator, maxout and dropout in the discriminator), with the sizes of its published experiment
(github.com/goodfeli/adversarial, mnist.yaml).

    Generator               Output      Params  | Discriminator           Output      Params
    z                       100                 | image in [-1, 1]        28×28×1
    Dense, ReLU             1200       121,200  | Flatten, Dropout 0.2    784
    Dense, ReLU             1200     1,441,200  | Maxout of 5, Dropout    240        942,000
    Dense, tanh             784        941,584  | Maxout of 5, Dropout    240        289,200
    Reshape                 28×28×1             | Dense (logit)           1              241
    Total                            2,503,984  |                                  1,231,441

Departures. The logit is returned and the sigmoid lives in the loss. tanh in place of the sigmoid, for images in
[-1, 1], and biases start at zero, not at the pixels' means. Adam 2e-4 with β1 = 0.5 (Radford et al. 2016) in place of
SGD, which at the experiment's rate of 0.1 and momentum of 0.5 diverges on these images, and at 0.02 saturates: the
discriminator wins, log(1 - D(G(z))) is flat, and all z give one picture (`experiments/results/README.md`).
Alvarez' DCGAN, whose layers the paper does not print either, is `dcgan`.
"""

import math

import keras
from keras import layers

from kgan.layers import Maxout
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1]."""
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(1200, activation="relu", kernel_initializer=_uniform(0.05))(z)
    x = layers.Dense(1200, activation="relu", kernel_initializer=_uniform(0.05))(x)
    x = layers.Dense(math.prod(recipe.image_shape), activation="tanh", kernel_initializer=_uniform(0.05),
                     dtype="float32")(x)
    image = layers.Reshape(recipe.image_shape, dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, H, W, C) in [-1, 1], to logits, (batch, 1)."""
    image = keras.Input(recipe.image_shape, name="image")
    x = layers.Flatten()(image)
    x = layers.Dropout(0.2)(x)
    x = Maxout(240, pieces=5, kernel_initializer=_uniform(0.005))(x)
    x = layers.Dropout(recipe.dropout)(x)
    x = Maxout(240, pieces=5, kernel_initializer=_uniform(0.005))(x)
    x = layers.Dropout(recipe.dropout)(x)
    logit = layers.Dense(1, kernel_initializer=_uniform(0.005), dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


def _uniform(limit: float) -> keras.Initializer:
    return keras.initializers.RandomUniform(-limit, limit)


RECIPE = Recipe(
    model="gan",
    dataset="mnist",
    image_size=28,
    channels=1,
    loss="minimax",
    latent_dim=100,
    epochs=200,
    batch_size=100,
    optimizer="adam",
    g_learning_rate=2e-4,
    d_learning_rate=2e-4,
    beta_1=0.5,
    dropout=0.5,
    tick=200,
)
