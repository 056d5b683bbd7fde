"""The first GAN: multilayer perceptrons, with maxout in the discriminator, for 28×28 digits.

Source: Goodfellow et al. 2014, "Generative Adversarial Nets" (arXiv:1406.2661), section 5 (rectifiers in G, maxout
and dropout in D), with the sizes of its published experiment: mnist.yaml in github.com/goodfeli/adversarial.

`*` in the tables: the published experiment; Params follow from it.

Recipes:
    default: ours: Algorithm 1's loss and order, k = 1, batch size 100 (the experiment's), Adam 2e-4 with β1 = 0.5
        (Radford et al. 2016, section 4), z ~ N(0, 1), 200 epochs. With SGD in place of Adam it fails
        (experiments/results/gan_sgd/)
    experiment: the experiment's settings: -log D(G(z)) for G, D's loss halved, both networks stepped at once from one
        batch of fakes; SGD at 0.1, divided by 1.000004 at each step down to 1e-6; momentum from 0.5 to 0.7 over 250
        passes of its 50,000 images; batch size 100; z uniform in ±√3

Not in the paper:
    length of `experiment`: it has no end; ours is where its momentum stops growing, 12,500,000 images
    order of updates of `experiment`: that of its code, not Algorithm 1's
    noise: an older version of its mnist.yaml has Gaussian noise
    dropout: `--dropout` is the rate after the maxout layers

Differs from the paper:
    logit: it is returned, the sigmoid lives in the loss
    G's last activation: tanh in place of the sigmoid, for images in [-1, 1], not in [0, 1]
    G's last biases: start at zero, not at the pixels' means
    data: all of the data set, not the first 50,000 of MNIST's images
    momentum of `experiment`: grows from the first step on, at each step; there once a pass, from the first pass on

Results: docs/results/runs.md#gan_maxout
"""

import math

import keras
from keras import layers

from kgan.layers import Maxout, prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1].

    Layers::

        Generator      Output      Params
        z              100*
        Dense*, ReLU*  1200*      121,200
        Dense*, ReLU*  1200*    1,441,200
        Dense*, tanh   784*       941,584
        Reshape        28×28×1
        Total                   2,503,984
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(1200, activation="relu", kernel_initializer=_uniform(0.05))(prior(z, recipe.z_prior))
    x = layers.Dense(1200, activation="relu", kernel_initializer=_uniform(0.05))(x)
    x = layers.Dense(math.prod(recipe.image_shape), activation="tanh", kernel_initializer=_uniform(0.05),
                     dtype="float32")(x)
    image = layers.Reshape(recipe.image_shape, dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, H, W, C) in [-1, 1], to logits, (batch, 1).

    Layers::

        Discriminator     Output      Params
        image in [-1, 1]  28×28×1
        Flatten           784*
        Dropout* 0.2*     784*
        Maxout* of 5*     240*       942,000
        Dropout* 0.5*     240*
        Maxout* of 5*     240*       289,200
        Dropout* 0.5*     240*
        Dense* (logit)    1*             241
        Total                      1,231,441
    """
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
    model="gan_maxout",
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

NAMED_RECIPES = {
    "experiment": RECIPE.override(loss="non_saturating", d_loss_weight=0.5, update="simultaneous", images=12_500_000,
                                  optimizer="sgd", g_learning_rate=0.1, d_learning_rate=0.1, beta_1=0.5,
                                  momentum_end=0.7, momentum_images=12_500_000, schedule="exponential", floor=1e-5,
                                  decay_images=287_823_600, z_prior="uniform_unit_variance"),
}
