"""A DCGAN for own pictures: 32, 64 or 128 pixels, grey, colour or transparent, of any ratio.

Source: kgan's own, after the principles of Huang et al. 2024, "The GAN is dead; long live the GAN!" (R3GAN,
arXiv:2501.05441), sections 2 and 3: the pairing loss with R1 and R2 on each step, no norm in D, LeakyReLU, He's
initial weights, Adam with β1 = 0, rate and γ on a cosine down to a floor, and a moving average whose half-life is a
share of the images seen. Of the papers' parts it has those that two cores can afford. The penalty by finite
differences on a quarter of the batch: Lin et al. 2025 (arXiv:2511.22475), section 3.1. What D sees is moved: Zhao et
al. 2020 (arXiv:2006.10738). D's score of a label: Miyato & Koyama 2018 (arXiv:1802.05637), equation 3. The fixed filter
behind each transposed convolution, so that no grid of dots is left: Zhang 2019 (arXiv:1904.11486), section 3.2. γ of
0.0002 × pixels / images of a batch: Karras et al. 2020 (arXiv:2006.06676), appendix C.

Classes and clusters: as `dcgan_fast`, with 16 clusters in all: ten classes stay undivided.

Shapes: the longer side is 32, 64 or 128 pixels, the shorter any number. D halves a side of n pixels to ⌈n / 2⌉, down to
the base grid, at most 4×4; G doubles from there, and cuts off what is over. The tables are of 64×64×3, for 10 classes.

Recipes:
    default: 1,500,000 images; each part is a field, so `--loss`, `--penalty_weight`, `--augment` and others leave it
        out or change it
    on `celeb_a`: the centred 108×108 pixels

Not in its sources:
    widths: small, for on two cores more images are worth more than wider layers
    all numbers but γ's rule: ours

Differs from its sources:
    Huang et al.: have residual blocks of grouped convolutions with Fixup weights, filters in D too, no batch norm in G
        and no tanh, exact penalties on whole batches, γ of 0.05 for CIFAR-10 at 32×32, and rates of 2e-4 down to 5e-5,
        for networks many times as wide
    Zhao et al.: also change colours and cut squares out
    Zhang: filters before a classifier's strides

Results: docs/results/runs.md#pictures
"""

import math

import keras
import numpy as np
from keras import layers

from kgan.layers import ClusterByLatent, prior
from kgan.recipe import Recipe

# Channels by the longer side: G's from the base grid to the image, D's from the image to the base grid; 28 is for
# `dcgan_fast`.
G_WIDTHS = {28: (128, 64, 32, 32), 32: (128, 64, 32, 32), 64: (128, 64, 32, 16, 16), 128: (128, 128, 64, 32, 16, 16)}
D_WIDTHS = {28: (32, 64, 128), 32: (32, 64, 128), 64: (16, 32, 64, 128), 128: (16, 32, 64, 128, 128)}
BINOMIAL = np.outer([1, 2, 1], [1, 2, 1]).reshape(3, 3, 1, 1) / 16


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), and labels, if there are classes, to images, (batch, H, W, C) in [-1, 1].

    The depthwise convolutions are the fixed filters: [1 2 1] ⊗ [1 2 1] / 16 for each channel, never trained.

    Layers::

        Generator             Output     Params
        z                     128
        label                 one of 10
        Embedding             64            640
        with label            192
        Dense                 2048      395,264
        Reshape               4×4×128
        BatchNorm, LeakyReLU  4×4×128       512
        ConvT 4×4/2           8×8×64    131,136
        Depthwise 3×3         8×8×64        576
        BatchNorm, LeakyReLU  8×8×64        256
        ConvT 4×4/2           16×16×32   32,800
        Depthwise 3×3         16×16×32      288
        BatchNorm, LeakyReLU  16×16×32      128
        ConvT 4×4/2           32×32×16    8,208
        Depthwise 3×3         32×32×16      144
        BatchNorm, LeakyReLU  32×32×16       64
        ConvT 4×4/2           64×64×16    4,112
        Depthwise 3×3         64×64×16      144
        LeakyReLU             64×64×16
        Conv 3×3, tanh        64×64×3       435
        Total                           574,707
        Trainable                       573,075
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x, labels = prior(z, recipe.z_prior), []
    if recipe.classes is not None:
        labels = [keras.Input((), dtype="int32", name="label")]
    if recipe.label_count:
        count = recipe.clusters_per_class
        label = labels[0] if count == 1 else ClusterByLatent(count, recipe.classes or 1)(z, *labels)
        x = layers.Concatenate()([x, layers.Embedding(recipe.label_count, 64)(label)])
    base, *larger = _grids(recipe)
    first, *widths = G_WIDTHS[recipe.image_size]
    x = layers.Dense(math.prod(base) * first, kernel_initializer="he_normal")(x)
    x = layers.Reshape((*base, first))(x)
    for filters, grid in zip(widths, larger, strict=True):
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, trainable=False,
                                   depthwise_initializer=keras.initializers.Constant(BINOMIAL))(x)
        if (over := [(0, have - want) for have, want in zip(x.shape[1:3], grid, strict=True)]) != [(0, 0)] * 2:
            x = layers.Cropping2D(over)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    image = layers.Conv2D(recipe.channels, 3, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model([z, *labels] if labels else z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, H, W, C) in [-1, 1], and labels, if there are classes or clusters, to logits, (batch, 1).

    Layers::

        Discriminator           Output     Params
        image in [-1, 1]        64×64×3
        label                   one of 10
        Embedding               128         1,280
        Conv 4×4/2, LeakyReLU   32×32×16      784
        Conv 4×4/2, LeakyReLU   16×16×32    8,224
        Conv 4×4/2, LeakyReLU   8×8×64     32,832
        Conv 4×4/2, LeakyReLU   4×4×128   131,200
        Conv 3×3, LeakyReLU     4×4×128   147,584
        Depthwise 4×4           1×1×128     2,176
        Flatten                 128
        Dense                   1             128
        Dot with embedding      1
        Sum of the last two     1
        Total                             324,208
        Trainable                         324,208
    """
    image = keras.Input(recipe.image_shape, name="image")
    x = image
    for filters in D_WIDTHS[recipe.image_size]:
        x = layers.Conv2D(filters, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(128, 3, padding="same", kernel_initializer="he_normal")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.DepthwiseConv2D(_grids(recipe)[0])(x)
    x = layers.Flatten()(x)
    logit = layers.Dense(1, use_bias=False, dtype="float32")(x)  # a pairing loss is blind to it
    if not recipe.label_count:
        return keras.Model(image, logit, name="discriminator")
    label = keras.Input((), dtype="int32", name="label")
    match = layers.Dot(axes=1, dtype="float32")([x, layers.Embedding(recipe.label_count, 128)(label)])
    return keras.Model([image, label], layers.Add(dtype="float32")([logit, match]), name="discriminator")


def _grids(recipe: Recipe) -> list[tuple[int, int]]:
    """Rows and columns from the base grid to the image: a side of n pixels is halved to ⌈n / 2⌉."""
    grids = [recipe.image_shape[:2]]
    for _ in D_WIDTHS[recipe.image_size]:
        grids.append((-(-grids[-1][0] // 2), -(-grids[-1][1] // 2)))
    return grids[::-1]


SUPPORTS = {"classes", "clusters", "ratio", "channels"}

SHAPES = ((64, 64, 3), (32, 32, 3), (128, 128, 3))

RECIPE = Recipe(
    model="pictures",
    dataset="cifar10",
    image_size=64,
    channels=3,
    flip=True,
    conditional=True,
    clusters=16,
    loss="relativistic",
    penalty="r1_r2",
    penalty_weight=0.0256,
    penalty_sigma=0.01,
    penalty_share=0.25,
    augment="translation",
    latent_dim=128,
    images=1_500_000,
    batch_size=32,
    update="simultaneous",
    optimizer="adam",
    g_learning_rate=1e-3,
    d_learning_rate=1e-3,
    beta_1=0.0,
    beta_2=0.99,
    schedule="cosine",
    decay_images=1_500_000,
    floor=0.1,
    ema_images=500_000,
    tick=100,
)

RECIPES_BY_DATASET = {"celeb_a": RECIPE.override(dataset="celeb_a", crop=108)}
