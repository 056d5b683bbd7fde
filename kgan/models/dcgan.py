"""DCGAN for 28×28 digits.

Source: Q. Zhao, "Image Generation Using Generative Adversarial Networks", figures 2 and 3, sections 3 and 4.

`*` in the tables: the paper's figures 2 and 3, with the activations of its sections 3.1 and 3.2. Kernels and strides
follow from its numbers.

Recipes:
    default: ours, see below
    likely: RMSprop 1e-3, batch size 128, dropout 0.4, which are those of the first DCGAN lab of the paper's
        reference 3, "Generative Deep Learning with TensorFlow": the same networks and nearly the same sentences, with
        32 codings (with 100, and batch size 32, they are in A. Géron's "Hands-On Machine Learning", second edition,
        chapter 17). That is inferred, not known; and the lab trains D on one mixed batch, whose loss is a mean, where
        the paper's 1.41 fits a sum
    on `digits`: 2,400 steps at batch size 32 (ours)

Not in the paper:
    optimizer: Adam 2e-4, β1 = 0.5 (Radford et al. 2016, section 4)
    slopes of LeakyReLU: 0.2 (Radford et al. 2016, section 4)
    batch size: 64 (ours)
    dropout rate: 0.3 (ours)
    z, "random noise": N(0, 1) (ours)
    loss: non-saturating (Goodfellow et al. 2014, section 3); the paper's value for G, 0.53, is above 0, which
        excludes minimax, and its 1.41 for D fits the sum of both halves, as here
    k of Algorithm 1: 1 (ours)
    initial weights: Glorot-uniform (Keras' default)
    batch norm's momentum: 0.99 (Keras' default), where `dcgan_5x5`, `dcgan_pooled` and `dcgan64` have 0.9

Differs from the paper:
    logit: it is returned, the sigmoid lives in the loss
    data: without Colab's `mnist_train_small.csv` the first 20,000 of MNIST's images stand in for it
    D in G's phase: does not move; the paper contradicts itself: it is "not trainable" (section 1), its weights "can
        be changed" (section 4)

Results: docs/results/runs.md#dcgan
"""

import keras
from keras import layers

from kgan.layers import prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, 28, 28, 1) in [-1, 1].

    Layers::

        Generator            Output      Params
        z                    100*
        Dense*               6272*      633,472*
        Reshape*             7×7×128*
        BatchNorm*           7×7×128*       512*
        ConvT* 5×5/2, SELU*  14×14×64*  204,864*
        BatchNorm*           14×14×64*      256*
        ConvT* 5×5/2, tanh*  28×28×1*     1,601*
        Total                           840,705*
        Trainable                       840,321*
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(7 * 7 * 128)(prior(z, recipe.z_prior))
    x = layers.Reshape((7, 7, 128))(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2DTranspose(64, 5, strides=2, padding="same", activation="selu")(x)
    x = layers.BatchNormalization()(x)
    image = layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, 28, 28, 1) in [-1, 1], to logits, (batch, 1).

    Layers::

        Discriminator            Output      Params
        image in [-1, 1]         28×28×1*
        Conv* 5×5/2, LeakyReLU*  14×14×64*    1,664*
        Dropout* 0.3             14×14×64*
        Conv* 5×5/2, LeakyReLU*  7×7×128*   204,928*
        Dropout* 0.3             7×7×128*
        Flatten*                 6272*
        Dense* (logit)           1*           6,273*
        Total                               212,865*
        Trainable                           212,865*
    """
    image = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(64, 5, strides=2, padding="same")(image)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Dropout(recipe.dropout)(x)
    x = layers.Conv2D(128, 5, strides=2, padding="same")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Dropout(recipe.dropout)(x)
    x = layers.Flatten()(x)
    logit = layers.Dense(1, dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


SHAPES = ((28, 28, 1),)

RECIPE = Recipe(
    model="dcgan",
    dataset="mnist_small",
    image_size=28,
    channels=1,
    loss="non_saturating",
    latent_dim=100,
    epochs=20,
    batch_size=64,
    optimizer="adam",
    g_learning_rate=2e-4,
    d_learning_rate=2e-4,
    beta_1=0.5,
    dropout=0.3,
    tick=50,
)

NAMED_RECIPES = {
    "likely": RECIPE.override(optimizer="rmsprop", g_learning_rate=1e-3, d_learning_rate=1e-3, beta_1=0.0, dropout=0.4,
                              batch_size=128),
}

RECIPES_BY_DATASET = {"digits": RECIPE.override(dataset="digits", steps=2400, batch_size=32)}
