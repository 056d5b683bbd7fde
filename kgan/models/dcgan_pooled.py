"""DCGAN whose discriminator shrinks by average pooling, for digits and small colour pictures.

Source: A. Chapagain, "DCGAN - Image Generation" (2019), "Discriminative" and "Generative Model Implementation".

    Generator                        28×28×1     32×32×3  Params at 28   at 32
    z                                100
    Dense                            12544       16384      1,266,944  1,654,784
    Reshape                          7×7×256     8×8×256
    BatchNorm, LeakyReLU             7×7×256     8×8×256        1,024      1,024
    ConvT 3×3, BatchNorm, LeakyReLU  7×7×128     8×8×128      295,552    295,552
    ConvT 3×3/2, BatchNorm, LeakyReLU 14×14×64   16×16×64      74,048     74,048
    ConvT 3×3/2, tanh                28×28×1     32×32×3          577      1,731
    Total                                                   1,638,145  2,027,139
    Trainable                                               1,637,249  2,026,243

    Discriminator
    image in [-1, 1]                 28×28×1     32×32×3
    Conv 3×3, LeakyReLU              28×28×64    32×32×64         640      1,792
    AveragePooling 2×2, BatchNorm    14×14×64    16×16×64         256        256
    Conv 3×3, LeakyReLU              14×14×128   16×16×128     73,856     73,856
    AveragePooling 2×2, BatchNorm    7×7×128     8×8×128          512        512
    Conv 3×3, LeakyReLU              7×7×256     8×8×256      295,168    295,168
    AveragePooling 2×2, BatchNorm    3×3×256     4×4×256        1,024      1,024
    Flatten                          2304        4096
    Dropout 0.4                      2304        4096
    Dense (logit)                    1           1              2,305      4,097
    Total                                                     373,761    376,705
    Trainable                                                 372,865    375,809

CelebA is "rescaled to 28×28" while the generator is one for 32×32×3: `--image_size` chooses, 28 by default.

Departures. The logit is returned and the sigmoid lives in the loss. "The same features" in the generator are read
as the discriminator's convolutions mirrored; as pooling gives 14, 7, 3, which no stride undoes, they start at a
quarter of the size with strides 1, 2, 2. The paper gives no activations, optimizer, rates or latent size: LeakyReLU
0.2, Adam 2e-4 with β1 = 0.5, weights from N(0, 0.02), 100 (Radford et al. 2016, which it cites). The generator
"maximizes D(G(z))": the non-saturating loss. Batch norm's momentum is 0.9, so that samples, drawn from the moving
statistics, follow the weights within tens of steps. CelebA's pictures of "160X160 pixels" are the centred 160×160 of
the aligned ones, mirrored at random.
"""

import keras
from keras import layers

from kgan.layers import normal
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1]."""
    size = recipe.image_size // 4
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(size * size * 256, kernel_initializer=normal())(z)
    x = layers.Reshape((size, size, 256))(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    for filters, strides in ((128, 1), (64, 2)):
        x = layers.Conv2DTranspose(filters, 3, strides=strides, padding="same", kernel_initializer=normal())(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    image = layers.Conv2DTranspose(recipe.channels, 3, strides=2, padding="same", activation="tanh",
                                   kernel_initializer=normal(), dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, H, W, C) in [-1, 1], to logits, (batch, 1)."""
    image = keras.Input(recipe.image_shape, name="image")
    x = image
    for filters in (64, 128, 256):
        x = layers.Conv2D(filters, 3, padding="same", kernel_initializer=normal())(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        x = layers.AveragePooling2D(2)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(recipe.dropout)(x)
    logit = layers.Dense(1, kernel_initializer=normal(), dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


SHAPES = ((28, 28, 1), (28, 28, 3), (32, 32, 3))

RECIPE = Recipe(
    model="dcgan_pooled",
    dataset="mnist",
    image_size=28,
    channels=1,
    loss="non_saturating",
    latent_dim=100,
    steps=50_000,
    batch_size=32,
    optimizer="adam",
    g_learning_rate=2e-4,
    d_learning_rate=2e-4,
    beta_1=0.5,
    dropout=0.4,
    tick=50,
)

RECIPES = {
    "celeb_a": RECIPE.override(dataset="celeb_a", channels=3, crop=160, flip=True, epochs=100),
    "cifar10": RECIPE.override(dataset="cifar10", image_size=32, channels=3),
}
