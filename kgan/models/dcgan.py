"""DCGAN for 28×28 digits.

Source: Q. Zhao, "Image Generation Using Generative Adversarial Networks", figures 2 and 3.

    Generator               Output      Params  | Discriminator           Output      Params
    z                       100                 | image in [-1, 1]        28×28×1
    Dense                   6272       633,472  | Conv 5×5/2, LeakyReLU   14×14×64     1,664
    Reshape                 7×7×128             | Dropout                 14×14×64
    BatchNorm               7×7×128        512  | Conv 5×5/2, LeakyReLU   7×7×128    204,928
    ConvT 5×5/2, SELU       14×14×64   204,864  | Dropout                 7×7×128
    BatchNorm               14×14×64       256  | Flatten                 6272
    ConvT 5×5/2, tanh       28×28×1      1,601  | Dense (logit)           1            6,273
    Total                              840,705  |                                    212,865
    Trainable                          840,321  |                                    212,865

Departures. The logit is returned and the sigmoid lives in the loss: the same function, numerically stable.
The paper gives no optimizer, rates, batch size, loss or slopes. Ours: Adam 2e-4 with β1 = 0.5 and
LeakyReLU 0.2 (Radford et al. 2016, section 4); dropout 0.3 (the rate in public copies of these nets);
batch size 64; the non-saturating loss (Goodfellow et al. 2014, section 3); Keras' Glorot-uniform weights.
On `digits`, where 20 epochs are 562 steps, 2,400 steps at batch size 32: the most readable of sizes 16, 32, 64.
This pair also stands in for the DCGAN of Alvarez, "Image generation: GAN vs DCGAN", which prints no layers.
"""

import keras
from keras import layers

from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, 28, 28, 1) in [-1, 1]."""
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(7 * 7 * 128)(z)
    x = layers.Reshape((7, 7, 128))(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2DTranspose(64, 5, strides=2, padding="same", activation="selu")(x)
    x = layers.BatchNormalization()(x)
    image = layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, 28, 28, 1) in [-1, 1], to logits, (batch, 1)."""
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

NAMED = {
    "likely": RECIPE.override(optimizer="rmsprop", g_learning_rate=1e-3, d_learning_rate=1e-3, beta_1=0.0, dropout=0.4,
                              batch_size=128),
}

RECIPES = {"digits": RECIPE.override(dataset="digits", steps=2400, batch_size=32)}
