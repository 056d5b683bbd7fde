"""A DCGAN for 64×64 colour pictures, in whose place `pictures` stands now; its runs go on.

Source: kgan's own, after the principles of Huang et al. 2024, "The GAN is dead; long live the GAN!" (R3GAN,
arXiv:2501.05441), sections 2 and 3: the pairing loss with R1 and R2 on each step, no norm in D, LeakyReLU, He's
initial weights, Adam with β1 = 0, rate and γ on a cosine down to a floor, and a moving average whose half-life is a
share of the images seen. Of the papers' parts it has those that two cores can afford. The penalty by finite
differences on a quarter of the batch: Lin et al. 2025 (arXiv:2511.22475), section 3.1. What D sees is moved: Zhao et
al. 2020 (arXiv:2006.10738). D's score of a label: Miyato & Koyama 2018 (arXiv:1802.05637), equation 3.

Classes and clusters: as `dcgan_fast`, with 16 clusters in all: ten classes stay undivided.

Recipes:
    default: 1,500,000 images; each part is a field, so `--loss`, `--penalty_weight`, `--augment` and others leave it
        out or change it
    on `celeb_a`: the centred 108×108 pixels

Not in its sources:
    γ: 0.1 belongs to these networks and these data; it does not transfer
    all other numbers: ours

Differs from its sources:
    Huang et al.: have residual blocks of grouped convolutions with Fixup weights, resampling by a low-pass filter, no
        batch norm in G and no tanh, exact penalties on whole batches, γ of 0.05 for CIFAR-10 at 32×32, and rates of
        2e-4 down to 5e-5, for networks many times as wide
    Zhao et al.: also change colours and cut squares out

Results: docs/results/runs.md#dcgan_stable
"""

import keras
from keras import layers

from kgan.layers import ClusterByLatent, prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), and labels, if there are classes, to images, (batch, 64, 64, 3) in [-1, 1].

    Layers::

        Generator             Output     Params
        z                     128
        label                 one of 10
        Embedding             64            640
        with label            192
        Dense                 3072      592,896
        Reshape               4×4×192
        BatchNorm, LeakyReLU  4×4×192       768
        ConvT 4×4/2           8×8×96    295,008
        BatchNorm, LeakyReLU  8×8×96        384
        ConvT 4×4/2           16×16×48   73,776
        BatchNorm, LeakyReLU  16×16×48      192
        ConvT 4×4/2           32×32×32   24,608
        BatchNorm, LeakyReLU  32×32×32      128
        ConvT 4×4/2           64×64×16    8,208
        LeakyReLU             64×64×16
        Conv 3×3, tanh        64×64×3       435
        Total                           997,043
        Trainable                       996,307
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x, labels = prior(z, recipe.z_prior), []
    if recipe.classes is not None:
        labels = [keras.Input((), dtype="int32", name="label")]
    if recipe.label_count:
        count = recipe.clusters_per_class
        label = labels[0] if count == 1 else ClusterByLatent(count, recipe.classes or 1)(z, *labels)
        x = layers.Concatenate()([x, layers.Embedding(recipe.label_count, 64)(label)])
    x = layers.Dense(4 * 4 * 192, kernel_initializer="he_normal")(x)
    x = layers.Reshape((4, 4, 192))(x)
    for filters in (96, 48, 32, 16):
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    image = layers.Conv2D(3, 3, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model([z, *labels] if labels else z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, 64, 64, 3) in [-1, 1], and labels, if there are classes or clusters, to logits, (batch, 1).

    Layers::

        Discriminator           Output     Params
        image in [-1, 1]        64×64×3
        label                   one of 10
        Embedding               192         1,920
        Conv 4×4/2, LeakyReLU   32×32×24    1,176
        Conv 4×4/2, LeakyReLU   16×16×48   18,480
        Conv 4×4/2, LeakyReLU   8×8×96     73,824
        Conv 4×4/2, LeakyReLU   4×4×192   295,104
        Conv 3×3, LeakyReLU     4×4×192   331,968
        Depthwise 4×4           1×1×192     3,264
        Flatten                 192
        Dense                   1             192
        Dot with embedding      1
        Sum of the last two     1
        Total                             725,928
        Trainable                         725,928
    """
    image = keras.Input((64, 64, 3), name="image")
    x = image
    for filters in (24, 48, 96, 192):
        x = layers.Conv2D(filters, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(192, 3, padding="same", kernel_initializer="he_normal")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.DepthwiseConv2D(4)(x)
    x = layers.Flatten()(x)
    logit = layers.Dense(1, use_bias=False, dtype="float32")(x)  # a pairing loss is blind to it
    if not recipe.label_count:
        return keras.Model(image, logit, name="discriminator")
    label = keras.Input((), dtype="int32", name="label")
    match = layers.Dot(axes=1, dtype="float32")([x, layers.Embedding(recipe.label_count, 192)(label)])
    return keras.Model([image, label], layers.Add(dtype="float32")([logit, match]), name="discriminator")


SUPPORTS = {"classes", "clusters"}

SHAPES = ((64, 64, 3),)

RECIPE = Recipe(
    model="dcgan_stable",
    dataset="cifar10",
    image_size=64,
    channels=3,
    flip=True,
    conditional=True,
    clusters=16,
    loss="relativistic",
    penalty="r1_r2",
    penalty_weight=0.1,
    penalty_sigma=0.01,
    penalty_share=0.25,
    augment="translation",
    latent_dim=128,
    images=1_500_000,
    batch_size=64,
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
    tick=50,
)

RECIPES_BY_DATASET = {"celeb_a": RECIPE.override(dataset="celeb_a", crop=108)}
