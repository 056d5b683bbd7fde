"""DCGAN at 64×64×3.

Source: M. Abhijeet, "Generative Adversarial Networks", figures 2 and 3; Radford, Metz & Chintala 2016
(arXiv:1511.06434), section 3 and 4; the PyTorch DCGAN tutorial, which the former follows.

    Generator                        Output      Params
    z                                100
    Reshape                          1×1×100
    ConvT 4×4, BatchNorm, ReLU       4×4×512     821,248
    ConvT 4×4/2, BatchNorm, ReLU     8×8×256   2,098,176
    ConvT 4×4/2, BatchNorm, ReLU     16×16×128   524,800
    ConvT 4×4/2, BatchNorm, ReLU     32×32×64    131,328
    ConvT 4×4/2, tanh                64×64×3       3,072
    Total                                      3,578,624
    Trainable                                  3,576,704

    Discriminator
    image in [-1, 1]                 64×64×3
    Conv 4×4/2, LeakyReLU            32×32×64      3,072
    Conv 4×4/2, BatchNorm, LeakyReLU 16×16×128   131,584
    Conv 4×4/2, BatchNorm, LeakyReLU 8×8×256     525,312
    Conv 4×4/2, BatchNorm, LeakyReLU 4×4×512   2,099,200
    Conv 4×4                         1×1×1         8,192
    Flatten (logit)                  1
    Total                                      2,767,360
    Trainable                                  2,765,568

Convolutions have no biases; their weights start from N(0, 0.02), batch norm's gammas from N(1, 0.02).

Departures. The logit is returned and the sigmoid lives in the loss. The generator's loss is the tutorial's "using
real labels": non-saturating. Batch size 128 and batch norm's momentum 0.9 and epsilon 1e-5 are the tutorial's; on
faces mirroring is ours.
"""

import keras
from keras import layers

from kgan.layers import normal
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, 64, 64, 3) in [-1, 1]."""
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Reshape((1, 1, recipe.latent_dim))(z)
    x = layers.Conv2DTranspose(512, 4, use_bias=False, kernel_initializer=normal())(x)
    x = layers.ReLU()(_batch_norm()(x))
    for filters in (256, 128, 64):
        x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False,
                                   kernel_initializer=normal())(x)
        x = layers.ReLU()(_batch_norm()(x))
    image = layers.Conv2DTranspose(3, 4, strides=2, padding="same", use_bias=False, activation="tanh",
                                   kernel_initializer=normal(), dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, 64, 64, 3) in [-1, 1], to logits, (batch, 1)."""
    image = keras.Input(recipe.image_shape, name="image")
    x = layers.Conv2D(64, 4, strides=2, padding="same", use_bias=False, kernel_initializer=normal())(image)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    for filters in (128, 256, 512):
        x = layers.Conv2D(filters, 4, strides=2, padding="same", use_bias=False, kernel_initializer=normal())(x)
        x = layers.LeakyReLU(negative_slope=0.2)(_batch_norm()(x))
    x = layers.Conv2D(1, 4, use_bias=False, kernel_initializer=normal(), dtype="float32")(x)
    logit = layers.Flatten(dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


def _batch_norm() -> layers.Layer:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=normal(mean=1.0))


SHAPES = ((64, 64, 3),)

RECIPE = Recipe(
    model="dcgan64",
    dataset="cifar10",
    image_size=64,
    channels=3,
    loss="non_saturating",
    latent_dim=100,
    epochs=25,
    batch_size=128,
    optimizer="adam",
    g_learning_rate=2e-4,
    d_learning_rate=2e-4,
    beta_1=0.5,
    tick=10,
)

RECIPES = {"celeb_a": RECIPE.override(dataset="celeb_a", flip=True)}
