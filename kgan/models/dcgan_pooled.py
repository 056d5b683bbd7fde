"""DCGAN whose discriminator shrinks by average pooling, for digits and small colour pictures.

Source: A. Chapagain, "DCGAN--Image Generation" (2019), "Discriminative" and "Generative Model Implementation".

`*` in the tables: the paper's own; of maps between images and logit, the number of filters alone (64, 128, 256).

Recipes:
    default: the non-saturating loss, for the generator "maximizes D(G(z))"; 50,000 steps, for which the paper took 4
        hours
    minimax: the value function V(G, D) that the paper prints beside that sentence
    chollet: the settings of F. Chollet, "Deep Learning with Python", section 8.5, on which the paper leans: the
        sentence on (latent_dim,) and (32, 32, 3), dropout 0.4 and LeakyReLU in both networks are in it. They are
        RMSprop at 8e-4 for D and 4e-4 for G, gradients clipped to ±1, 32 values of z, and D's loss as the mean over
        reals and fakes, half of their sum. That the paper took them is inferred, not known. Not taken from it: slopes
        of 0.3, noise on D's labels, batch size 20, its networks
    on `celeb_a`: 100 epochs, of which the paper ran 3 (`--epochs=3`), in 11 hours; mirrored
    on `cifar10`: Chollet's pictures, but all classes of them; length and data are ours

Not in the paper:
    LeakyReLU: of slope 0.2, in G after Chollet, in D after Radford et al. 2016 as well
    G's last activation: tanh
    optimizer: Adam 2e-4, β1 = 0.5 (Radford et al., section 4)
    initial weights: N(0, 0.02) (Radford et al., section 4)
    z: 100 values (Radford et al., section 4), from N(0, 1) (ours)
    batch norm in G: read from "The features of generative models are same as the discriminator"
    batch norm's momentum: 0.9, so that samples, drawn from the moving statistics, follow the weights within tens of
        steps (ours)
    k of Algorithm 1: 1 (ours)
    mirrored faces: ours
    size of CelebA: "rescaled to 28X28 pixels", while the generator is one for (32, 32, 3): `--image_size` chooses, 28
        by default

Differs from the paper:
    logit: it is returned, the sigmoid lives in the loss
    G's first transposed convolution: has no fractional stride: pooling gives 14, 7, 3, which no stride undoes, so G
        starts at a quarter of the size, with strides 1, 2, 2
    CelebA's pictures of "160X160 pixels": the centred 160×160 of the aligned ones, which have 178×218
    fine-tuning of a pre-trained ProGAN: see `progan`

Results: docs/results/runs.md#dcgan_pooled
"""

import keras
from keras import layers

from kgan.layers import normal, prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1].

    Layers::

        Generator                            28×28×1    28×28×3    32×32×3       Params      Params      Params
        z                                    100
        Dense                                12544      12544      16384      1,266,944   1,266,944   1,654,784
        Reshape                              7×7×256    7×7×256    8×8×256
        BatchNorm, LeakyReLU                 7×7×256    7×7×256    8×8×256        1,024       1,024       1,024
        ConvT* 3×3*, BatchNorm, LeakyReLU    7×7×128*   7×7×128*   8×8×128*     295,552     295,552     295,552
        ConvT* 3×3*/2, BatchNorm, LeakyReLU  14×14×64*  14×14×64*  16×16×64*     74,048      74,048      74,048
        ConvT* 3×3*/2, tanh                  28×28×1*   28×28×3*   32×32×3*         577       1,731       1,731
        Total                                                                 1,638,145   1,639,299   2,027,139
        Trainable                                                             1,637,249   1,638,403   2,026,243
    """
    size = recipe.image_size // 4
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(size * size * 256, kernel_initializer=normal())(prior(z, recipe.z_prior))
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
    """Maps images, (batch, H, W, C) in [-1, 1], to logits, (batch, 1).

    Layers::

        Discriminator                     28×28×1     28×28×3     32×32×3      Params    Params    Params
        image in [-1, 1]                  28×28×1*    28×28×3*    32×32×3*
        Conv* 3×3*, LeakyReLU             28×28×64*   28×28×64*   32×32×64*       640     1,792     1,792
        AveragePooling* 2×2*, BatchNorm*  14×14×64    14×14×64    16×16×64        256       256       256
        Conv* 3×3*, LeakyReLU             14×14×128*  14×14×128*  16×16×128*   73,856    73,856    73,856
        AveragePooling* 2×2*, BatchNorm*  7×7×128     7×7×128     8×8×128         512       512       512
        Conv* 3×3*, LeakyReLU             7×7×256*    7×7×256*    8×8×256*    295,168   295,168   295,168
        AveragePooling* 2×2*, BatchNorm*  3×3×256     3×3×256     4×4×256       1,024     1,024     1,024
        Flatten*                          2304        2304        4096
        Dropout* 0.4*                     2304        2304        4096
        Dense* (logit)                    1*          1*          1*            2,305     2,305     4,097
        Total                                                                 373,761   374,913   376,705
        Trainable                                                             372,865   374,017   375,809
    """
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

NAMED_RECIPES = {
    "minimax": RECIPE.override(loss="minimax"),
    "chollet": RECIPE.override(optimizer="rmsprop", d_learning_rate=8e-4, g_learning_rate=4e-4, beta_1=0.0, clip=1.0,
                               latent_dim=32, d_loss_weight=0.5),
}

RECIPES_BY_DATASET = {
    "celeb_a": RECIPE.override(dataset="celeb_a", channels=3, crop=160, flip=True, epochs=100),
    "cifar10": RECIPE.override(dataset="cifar10", image_size=32, channels=3),
}
