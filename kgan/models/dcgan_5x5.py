"""DCGAN with 5×5 convolutions, for digits at 28×28 and faces at 64×64.

Source: A. Li, L. Luo, T. Gu, "Image Generation Using Generative Adversarial Nets", section 4.3; what it leaves open,
from Radford et al. 2016 (arXiv:1511.06434), which it follows.

`*` in the tables: the paper's own.

Recipes:
    default: reads the paper's "4-layer CNN" as four convolutions
    zero_sum: the game of section 3.2, "setting L_G + L_D = 0", with equation (4)'s factor of ½: the minimax loss, and
        half of D's
    two_g_steps: from github.com/carpedm20/DCGAN-tensorflow (model.py, main.py), whose defaults the paper's numbers
        resemble (108-pixel crops, 5×5 filters, 100 values of z; inferred, not known): its two generator steps for
        each of D, and its z, uniform in ±1
    two_convolutions: these and, as that code for MNIST, another reading of "4-layer CNN": two convolutions and two
        dense layers, told the class, with batch norm's epsilon at 1e-5
    on `celeb_a`: faces at 64×64, mirrored, of the centred 108×108 pixels

Not in the paper:
    widths: 64 to 512 (Radford et al.)
    batch norm: everywhere except at G's output and D's input (Radford et al.)
    LeakyReLU: of slope 0.2, in D (Radford et al.)
    initial weights: N(0, 0.02) (Radford et al.)
    optimizer: Adam 2e-4, β1 = 0.5 (Radford et al.)
    batch size: 64 (carpedm20's code)
    length: 25 epochs (carpedm20's code)
    batch norm's momentum: 0.9 (carpedm20's code)
    size of faces: 64×64 (carpedm20's code); the paper's "108*108" is then the centre of CelebA's aligned pictures
    loss: non-saturating; G learns "by maximizing the possibility of the D being correct, or in other words, by trying
        to "fool" D" (section 3.1), where "correct" is read as "wrong"
    z: N(0, 1) (ours)
    k of Algorithm 1: 1 (ours)
    mirrored faces: ours
    SELU in G: ours; with Radford et al.'s ReLU G ignored z on MNIST (experiments/results/README.md)

Differs from the paper:
    logit: it is returned, the sigmoid lives in the loss
    size of faces: G's output has "the same size of the image", which would be 108×108: here 64×64
    resampling: D's maps are "down-sampled" after each convolution, G's go through "the convolutional layer and
        upsampling": here strides do both, as Radford et al. have it
    D's loss: equation (4) has a factor of ½ on it, and equation (5), said to equal it, has none: here none
    sizes at 28×28: strides give 14, 7, 4, 2; back from 4 to 7 there is no output padding
    G of `two_convolutions`: ends in tanh, where that code has a sigmoid, for images in [0, 1]
    z of `two_convolutions`: drawn anew for each step, where that code has one draw for all three
    D of `two_convolutions`: that code truncates the weights of its convolutions at two deviations, here they are not

Results: docs/results/runs.md#dcgan_5x5
"""

import keras
from keras import layers

from kgan.layers import normal, one_hot, prior, with_label
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), and labels, if there are classes, to images, (batch, H, W, C) in [-1, 1].

    Layers::

        Generator                      28×28×1   64×64×3       Params      Params
        z                              100*
        Dense*                         2048      8192         206,848     827,392
        Reshape*                       2×2×512   4×4×512
        BatchNorm, SELU                2×2×512   4×4×512        2,048       2,048
        ConvT 5×5*/2, BatchNorm, SELU  4×4×256   8×8×256    3,278,080   3,278,080
        ConvT 5×5*/2, BatchNorm, SELU  7×7×128   16×16×128    819,840     819,840
        ConvT 5×5*/2, BatchNorm, SELU  14×14×64  32×32×64     205,120     205,120
        ConvT 5×5*/2, tanh             28×28×1*  64×64×3        1,601       4,803
        Total                                               4,513,537   5,137,283
        Trainable                                           4,511,617   5,135,363
    """
    if recipe.classes is not None:
        return generator_of_two_convolutions(recipe)
    size, to_seven = (2, 0) if recipe.image_size == 28 else (4, None)
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(size * size * 512, kernel_initializer=normal())(prior(z, recipe.z_prior))
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
    """Maps images, (batch, H, W, C) in [-1, 1], and labels, if there are classes, to logits, (batch, 1).

    Layers::

        Discriminator                       28×28×1   64×64×3       Params      Params
        image in [-1, 1]                    28×28×1*  64×64×3
        Conv* 5×5*/2, LeakyReLU             14×14×64  32×32×64       1,664       4,864
        Conv* 5×5*/2, BatchNorm, LeakyReLU  7×7×128   16×16×128    205,440     205,440
        Conv* 5×5*/2, BatchNorm, LeakyReLU  4×4×256   8×8×256      820,480     820,480
        Conv* 5×5*/2, BatchNorm, LeakyReLU  2×2×512   4×4×512    3,279,360   3,279,360
        Flatten*                            2048      8192
        Dense* (logit)                      1*        1*             2,049       8,193
        Total                                                    4,308,993   4,318,337
        Trainable                                                4,307,201   4,316,545
    """
    if recipe.classes is not None:
        return discriminator_of_two_convolutions(recipe)
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


def generator_of_two_convolutions(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), and labels, (batch,), to images.

    Layers::

        Generator of two_convolutions  Output        Params
        z                              100*
        label                          one of 10
        One-hot                        10               100
        Uniform                        100
        with label                     110
        Dense*, BatchNorm, ReLU        1024         117,760
        with label                     1034
        Dense, BatchNorm, ReLU         6272       6,516,608
        Reshape*                       7×7×128
        with label                     7×7×138
        ConvT 5×5*/2, BatchNorm, ReLU  14×14×128    442,240
        with label                     14×14×138
        ConvT 5×5*/2, tanh             28×28×1*       3,451
        Total                                     7,080,159
        Trainable                                 7,065,211
    """
    assert recipe.classes is not None
    size = recipe.image_size // 4
    z, label = keras.Input((recipe.latent_dim,), name="z"), keras.Input((), dtype="int32", name="label")
    row = one_hot(label, recipe.classes)
    x = with_label(prior(z, recipe.z_prior), row)
    x = layers.Dense(1024, kernel_initializer=normal())(x)
    x = layers.ReLU()(_batch_norm()(x))
    x = layers.Dense(size * size * 128, kernel_initializer=normal())(with_label(x, row))
    x = layers.ReLU()(_batch_norm()(x))
    x = layers.Reshape((size, size, 128))(x)
    x = layers.Conv2DTranspose(128, 5, strides=2, padding="same", kernel_initializer=normal())(with_label(x, row))
    x = layers.ReLU()(_batch_norm()(x))
    image = layers.Conv2DTranspose(recipe.channels, 5, strides=2, padding="same", activation="tanh",
                                   kernel_initializer=normal(), dtype="float32")(with_label(x, row))
    return keras.Model([z, label], image, name="generator")


def discriminator_of_two_convolutions(recipe: Recipe) -> keras.Model:
    """Maps images and labels, (batch,), to logits.

    Layers::

        Discriminator of two_convolutions   Output        Params
        image in [-1, 1]                    28×28×1*
        label                               one of 10
        One-hot                             10               100
        with label                          28×28×11
        Conv* 5×5*/2, LeakyReLU             14×14×11       3,036
        with label                          14×14×21
        Conv* 5×5*/2, BatchNorm, LeakyReLU  7×7×74        39,220
        Flatten*                            3626
        with label                          3636
        Dense, BatchNorm, LeakyReLU         1024       3,728,384
        with label                          1034
        Dense* (logit)                      1*             1,035
        Total                                          3,771,775
        Trainable                                      3,769,479
    """
    assert recipe.classes is not None
    image, label = keras.Input(recipe.image_shape, name="image"), keras.Input((), dtype="int32", name="label")
    row = one_hot(label, recipe.classes)
    x = layers.Conv2D(recipe.channels + recipe.classes, 5, strides=2, padding="same",
                      kernel_initializer=normal())(with_label(image, row))
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(64 + recipe.classes, 5, strides=2, padding="same",
                      kernel_initializer=normal())(with_label(x, row))
    x = layers.LeakyReLU(negative_slope=0.2)(_batch_norm()(x))
    x = layers.Flatten()(x)
    x = layers.Dense(1024, kernel_initializer=normal())(with_label(x, row))
    x = layers.LeakyReLU(negative_slope=0.2)(_batch_norm()(x))
    logit = layers.Dense(1, kernel_initializer=normal(), dtype="float32")(with_label(x, row))
    return keras.Model([image, label], logit, name="discriminator")


def _batch_norm() -> layers.Layer:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


SUPPORTS = {"classes"}  # with classes, the networks of two convolutions

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

NAMED_RECIPES = {
    "zero_sum": RECIPE.override(loss="minimax", d_loss_weight=0.5),
    "two_g_steps": RECIPE.override(g_steps=2, z_prior="uniform"),
    "two_convolutions": RECIPE.override(classes=10, g_steps=2, z_prior="uniform"),
}

RECIPES_BY_DATASET = {"celeb_a": RECIPE.override(dataset="celeb_a", image_size=64, channels=3, crop=108, flip=True)}
