"""GAN of multilayer perceptrons for 28×28 digits.

Source: V. M. M. Alvarez, "Image generation: GAN vs DCGAN", sections 2 and 3. The text prints no layers: "The detailed
descriptions about the model architectures and selected hyperparameters can be found in the colab notebook
accompanying this project." It is public: Project_GAN.ipynb in the author's repository,
github.com/vmartinezalvarez/Image-generation-GAN-vs-DCGAN.

`*` in the tables: the notebook, which prints both networks' summaries; the slope is Keras' default there.

Recipes:
    default: the notebook's: -log D(G(z)) for G, both networks stepped at once from one batch of fakes, Adam 1e-4 with
        β1 = 0.9, batch size 256, z ~ N(0, 1), 200 epochs (figure 2)
    algorithm_1: what the text prints: SGD, D first, then G on fresh z, descending log(1 - D(G(z))); the rate of 0.1
        is Goodfellow et al.'s (`gan_maxout`)

Not in the paper:
    k of Algorithm 1: 1 (the notebook)
    initial weights: Glorot-uniform (Keras' default, as the notebook)
    "useful tricks" that prepare the images: scaled to [-1, 1] (the notebook)

Differs from the paper:
    loss, order and optimizer: the notebook contradicts the text's Algorithm 1; the default follows the notebook
    logit: D's output, as in the notebook; the sigmoid (figure 1) lives in the loss
    flattening: the notebook flattens images outside of the networks
    last batch of a pass: the notebook's holds 96 real images and 256 fakes; here all are full

Results: docs/results/runs.md#gan
"""

import math

import keras
from keras import layers

from kgan.layers import prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1].

    Layers::

        Generator       Output      Params
        z               100*
        Dense*          256*        25,856*
        LeakyReLU* 0.3  256*
        Dense*          512*       131,584*
        LeakyReLU* 0.3  512*
        Dense*          1024*      525,312*
        LeakyReLU* 0.3  1024*
        Dense*, tanh*   784*       803,600*
        Reshape         28×28×1
        Total                    1,486,352*
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x = prior(z, recipe.z_prior)
    for units in (256, 512, 1024):
        x = layers.Dense(units)(x)
        x = layers.LeakyReLU(negative_slope=0.3)(x)
    x = layers.Dense(math.prod(recipe.image_shape), activation="tanh", dtype="float32")(x)
    image = layers.Reshape(recipe.image_shape, dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, H, W, C) in [-1, 1], to logits, (batch, 1).

    Layers::

        Discriminator     Output      Params
        image in [-1, 1]  28×28×1
        Flatten           784
        Dense*            1024*      803,840*
        LeakyReLU* 0.3    1024*
        Dropout* 0.3*     1024*
        Dense*            512*       524,800*
        LeakyReLU* 0.3    512*
        Dropout* 0.3*     512*
        Dense*            256*       131,328*
        LeakyReLU* 0.3    256*
        Dropout* 0.3*     256*
        Dense* (logit)    1*             257*
        Total                      1,460,225*
    """
    image = keras.Input(recipe.image_shape, name="image")
    x = layers.Flatten()(image)
    for units in (1024, 512, 256):
        x = layers.Dense(units)(x)
        x = layers.LeakyReLU(negative_slope=0.3)(x)
        x = layers.Dropout(recipe.dropout)(x)
    logit = layers.Dense(1, dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


RECIPE = Recipe(
    model="gan",
    dataset="mnist",
    image_size=28,
    channels=1,
    loss="non_saturating",
    latent_dim=100,
    epochs=200,
    batch_size=256,
    update="simultaneous",
    optimizer="adam",
    g_learning_rate=1e-4,
    d_learning_rate=1e-4,
    beta_1=0.9,
    dropout=0.3,
    tick=50,
)

NAMED_RECIPES = {
    "algorithm_1": RECIPE.override(loss="minimax", update="alternating", optimizer="sgd", g_learning_rate=0.1,
                                   d_learning_rate=0.1, beta_1=0.0),
}
