"""GAN(NN): two-layer networks with 128 hidden nodes.

Source: A. Li, L. Luo, T. Gu, "Image Generation Using Generative Adversarial Nets", section 4.2.

    Generator     Output     Params | Discriminator     Output     Params
    z             100*              | image in [-1, 1]  28×28×1*
    Dense*, ReLU  128*       12,928 | Flatten           784
    Dense*, tanh  784*      101,136 | Dense*, ReLU      128*      100,480
    Reshape       28×28×1*          | Dense* (logit)    1*            129
    Total                   114,064 | Total                       100,609

* in the paper; Params follow from it.

Recipes. The default is ours where the paper is silent (below). `--recipe=zero_sum` is the game of section 3.2,
"setting L_G + L_D = 0", with equation (4)'s factor of ½: D's loss halved, the minimax loss for G at half the rate,
which under SGD is half the loss.

Run. `python -m kgan.train --model=gan_nn --dataset=mnist`. Kept is this run, with kgan 0.1: 506 s on 2 cores, FCD
15.32 by a judge of that version, whose numbers can't be compared with today's, one seed
(`experiments/results/gan_nn_mnist/`). None of `zero_sum` is kept.

Not in the paper. Activations: ReLU and, for images in [-1, 1], tanh. The generator's loss: section 3.2 assumes a
zero-sum game and leaves the formula out, section 3.1 says that G learns "by trying to "fool" D"; here the
non-saturating loss. SGD's rate 0.1, without momentum; batch size 64; 100 epochs; Keras' Glorot-uniform weights; z ~
N(0, 1); k = 1: ours.

Differs from the paper. The logit is returned and the sigmoid lives in the loss. Equation (4) has a factor of ½ on D's
loss, which is half of D's rate under SGD, and equation (5), said to equal it, has none: here none.
"""

import math

import keras
from keras import layers

from kgan.layers import prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1]."""
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(128, activation="relu")(prior(z, recipe.z_prior))
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

NAMED_RECIPES = {
    "zero_sum": RECIPE.override(loss="minimax", d_loss_weight=0.5, g_learning_rate=0.05),
}
