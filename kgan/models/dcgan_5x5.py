"""DCGAN with four 5×5 convolutions in each network, for digits at 28×28 and faces at 64×64.

Source: A. Li, L. Luo, T. Gu, "Image Generation Using Generative Adversarial Nets", section 4.3.

    Generator                        64×64×3     28×28×1  Params at 64   at 28
    z                                100
    Dense                            8192        2048         827,392    206,848
    Reshape                          4×4×512     2×2×512
    BatchNorm, SELU                  4×4×512     2×2×512        2,048      2,048
    ConvT 5×5/2, BatchNorm, SELU     8×8×256     4×4×256    3,278,080  3,278,080
    ConvT 5×5/2, BatchNorm, SELU     16×16×128   7×7×128      819,840    819,840
    ConvT 5×5/2, BatchNorm, SELU     32×32×64    14×14×64     205,120    205,120
    ConvT 5×5/2, tanh                64×64×3     28×28×1        4,803      1,601
    Total                                                   5,137,283  4,513,537
    Trainable                                               5,135,363  4,511,617

    Discriminator                    64×64×3     28×28×1
    image in [-1, 1]                 64×64×3     28×28×1
    Conv 5×5/2, LeakyReLU            32×32×64    14×14×64       4,864      1,664
    Conv 5×5/2, BatchNorm, LeakyReLU 16×16×128   7×7×128      205,440    205,440
    Conv 5×5/2, BatchNorm, LeakyReLU 8×8×256     4×4×256      820,480    820,480
    Conv 5×5/2, BatchNorm, LeakyReLU 4×4×512     2×2×512    3,279,360  3,279,360
    Flatten                          8192        2048
    Dense (logit)                    1           1              8,193      2,049
    Total                                                   4,318,337  4,308,993
    Trainable                                               4,316,545  4,307,201

The "4-layer CNN" is read as four convolutions. Faces are read as the centred 108×108 pixels of CelebA's aligned
pictures, resized to 64×64, as DCGANs of that time took them.

Departures. The logit is returned and the sigmoid lives in the loss. The paper gives no widths, strides, activations,
normalisation, optimizer, batch size or length. It follows DCGAN, so Radford et al. 2016 (arXiv:1511.06434) fills in:
strides of 2 in place of pooling, widths 64 to 512, batch norm except at G's output and D's input, LeakyReLU 0.2 in D,
weights from N(0, 0.02), Adam 2e-4 with β1 = 0.5 (section 4). SELU in G in place of Radford's ReLU, with which G ignores
z on MNIST (`experiments/results/README.md`). Batch norm's momentum is 0.9, so that samples, drawn from the moving
statistics, follow the weights within tens of steps. Batch size 64, 25 epochs. The non-saturating loss: "maximizing the
possibility of the D being" wrong (section 3.1). Faces are mirrored at random.
At 28×28 strides of 2 give 14, 7, 4, 2; back from 4 to 7 there is no output padding.
"""

import keras
from keras import layers

from kgan.layers import normal
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1]."""
    size, to_seven = (2, 0) if recipe.image_size == 28 else (4, None)
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(size * size * 512, kernel_initializer=normal())(z)
    x = layers.Reshape((size, size, 512))(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Activation("selu")(x)
    for filters, output_padding in ((256, None), (128, to_seven), (64, None)):
        x = layers.Conv2DTranspose(filters, 5, strides=2, padding="same", output_padding=output_padding,
                                   kernel_initializer=normal())(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("selu")(x)
    image = layers.Conv2DTranspose(recipe.channels, 5, strides=2, padding="same", activation="tanh",
                                   kernel_initializer=normal(), dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, H, W, C) in [-1, 1], to logits, (batch, 1)."""
    image = keras.Input(recipe.image_shape, name="image")
    x = layers.Conv2D(64, 5, strides=2, padding="same", kernel_initializer=normal())(image)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    for filters in (128, 256, 512):
        x = layers.Conv2D(filters, 5, strides=2, padding="same", kernel_initializer=normal())(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Flatten()(x)
    logit = layers.Dense(1, kernel_initializer=normal(), dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


SHAPES = ((28, 28, 1), (64, 64, 3))

RECIPE = Recipe(
    model="dcgan_5x5",
    dataset="mnist",
    image_size=28,
    channels=1,
    loss="non_saturating",
    latent_dim=100,
    epochs=25,
    batch_size=64,
    optimizer="adam",
    g_learning_rate=2e-4,
    d_learning_rate=2e-4,
    beta_1=0.5,
    tick=20,
)

RECIPES = {"celeb_a": RECIPE.override(dataset="celeb_a", image_size=64, channels=3, crop=108, flip=True)}
