"""GAN(NN): two-layer networks with 128 hidden nodes.

Source: A. Li, L. Luo, T. Gu, "Image Generation Using Generative Adversarial Nets", section 4.2.

`*` in the tables: the paper's own; Params follow from it.

Recipes:
    default: ours where the paper is silent, see below
    zero_sum: the game of section 3.2, "setting L_G + L_D = 0", with equation (4)'s factor of ½: D's loss halved, the
        minimax loss for G at half the rate, which under SGD is half the loss

Not in the paper:
    activations: ReLU and, for images in [-1, 1], tanh (ours)
    loss of G: non-saturating; section 3.2 assumes a zero-sum game and leaves the formula out, section 3.1 says that G
        learns "by trying to "fool" D"
    optimizer: the rate of SGD is 0.1, without momentum (ours)
    batch size: 64 (ours)
    length: 100 epochs (ours)
    initial weights: Glorot-uniform (Keras' default)
    z: N(0, 1) (ours)
    k of Algorithm 1: 1 (ours)

Differs from the paper:
    logit: it is returned, the sigmoid lives in the loss
    D's loss: equation (4) has a factor of ½ on it, which is half of D's rate under SGD, and equation (5), said to
        equal it, has none: here none

Results: docs/results/runs.md#gan_nn
"""

import math

import keras
from keras import layers

from kgan.layers import prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1].

    Layers::

        Generator     Output     Params
        z             100*
        Dense*, ReLU  128*       12,928
        Dense*, tanh  784*      101,136
        Reshape       28×28×1*
        Total                   114,064
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(128, activation="relu")(prior(z, recipe.z_prior))
    x = layers.Dense(math.prod(recipe.image_shape), activation="tanh", dtype="float32")(x)
    image = layers.Reshape(recipe.image_shape, dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, H, W, C) in [-1, 1], to logits, (batch, 1).

    Layers::

        Discriminator     Output     Params
        image in [-1, 1]  28×28×1*
        Flatten           784
        Dense*, ReLU      128*      100,480
        Dense* (logit)    1*            129
        Total                       100,609
    """
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

NAMED_RECIPES = {
    "zero_sum": RECIPE.override(loss="minimax", d_loss_weight=0.5, g_learning_rate=0.05),
}
