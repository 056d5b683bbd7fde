"""GAN(NN): two-layer networks with 128 hidden nodes.

Source: A. Li, L. Luo, T. Gu, "Image Generation Using Generative Adversarial Nets", section 4.2.

    Generator               Output      Params  | Discriminator           Output      Params
    z                       100                 | image in [-1, 1]        28×28×1
    Dense, ReLU             128         12,928  | Flatten                 784
    Dense, tanh             784        101,136  | Dense, ReLU             128        100,480
    Reshape                 28×28×1             | Dense (logit)           1              129
    Total                              114,064  |                                    100,609

Departures. The logit is returned and the sigmoid lives in the loss. The paper gives no activations, loss for the
generator, rate, batch size or length. Ours: ReLU and, for images in [-1, 1], tanh; the non-saturating loss (the minimax
loss gives digits as well); SGD without momentum at 0.1; batch size 64; 100 epochs; Keras' Glorot-uniform weights.
"""

import math

import keras
from keras import layers

from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1]."""
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(128, activation="relu")(z)
    x = layers.Dense(math.prod(recipe.image_shape), activation="tanh", dtype="float32")(x)
    image = layers.Reshape(recipe.image_shape, dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, H, W, C) in [-1, 1], to logits, (batch, 1)."""
    image = keras.Input(recipe.image_shape, name="image")
    x = layers.Flatten()(image)
    x = layers.Dense(128, activation="relu")(x)
    logit = layers.Dense(1, dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


RECIPE = Recipe(
    model="gan_nn",
    dataset="mnist",
    image_size=28,
    channels=1,
    loss="non_saturating",
    latent_dim=100,
    epochs=100,
    batch_size=64,
    optimizer="sgd",
    g_learning_rate=0.1,
    d_learning_rate=0.1,
    beta_1=0.0,
    tick=500,
)
