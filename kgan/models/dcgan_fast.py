"""A small DCGAN for 28×28 grey images that is told their classes: for two CPU cores and a few minutes.

Source: kgan's own, of parts that others published. DCGAN: Radford et al. 2016 (arXiv:1511.06434). D's score of a
label, its embedding times D's features: Miyato & Koyama 2018 (arXiv:1802.05637), equation 3. R1 and R2: Mescheder et
al. 2018 (arXiv:1801.04406), equations 9 and 10; by finite differences on a quarter of the batch: Lin et al. 2025
(arXiv:2511.22475), section 3.1. A schedule of rate and γ down to a floor, He's initial weights, no norm in D: Huang
et al. 2024 (arXiv:2501.05441). Clusters found by k-means and told to D: Sage et al. 2018 (arXiv:1712.04407).

Classes and clusters: G and D are told the data's own classes, as many as there are. k-means divides the training
images of each class into clusters, `--clusters` (128) in all, as many of each: G chooses one by z's first value, each
as often as among the images, and D is told it. With `--noconditional`, or where the data have no labels, all images
are divided together, and G takes z alone. `--clusters=0` leaves clusters out: the tables are of that, for 10 classes.
With 12 clusters of each, both networks embed 120 labels instead of 10, and G has their 120 shares.

Recipes:
    default: 1,600,000 images; what each part of it gives: experiments/results/stability/table.md
    own_pictures: networks and settings of `pictures`, at 28×28 in grey, without flips; for all data but `mnist` and
        `digits`
    on `digits`: 10 clusters, 200,000 images, with schedule and average shortened likewise

Not in its sources:
    widths: small, for on two cores ten times the images are worth more than ten times the width
    γ: 0.05 belongs to these networks and to MNIST; it does not transfer, neither to other data nor to another D;
        own_pictures has the rule of `pictures`
    all other numbers: ours

Differs from its sources:
    Radford et al.: have batch norm in D too, ReLU in G and rates of 2e-4
    Huang et al.: have no norm in G either, no tanh, β1 = 0, a pairing loss and exact penalties on whole batches;
        theirs is a recipe for long training on GPUs
    Mescheder et al.: take one of R1 and R2, exactly
    Miyato & Koyama: normalise D's spectrum and G's batches by class
    Sage et al.: cluster an autoencoder's or a classifier's features, here it is pixels, averaged to 14×14

Results: docs/results/runs.md#dcgan_fast
"""

import keras
from keras import layers

from kgan.layers import ClusterByLatent, prior
from kgan.models import pictures
from kgan.recipe import Recipe

OWN = "own_pictures"


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), and labels, if there are classes, to images, (batch, 28, 28, 1) in [-1, 1].

    Layers::

        Generator                    Output    Params
        z                            64
        label                        one of 10
        Embedding                    64           640
        with label                   128
        Dense                        4704     606,816
        Reshape                      7×7×96
        BatchNorm, LeakyReLU         7×7×96       384
        ConvT 4×4/2                  14×14×48  73,776
        BatchNorm, LeakyReLU         14×14×48     192
        ConvT 4×4/2, LeakyReLU       28×28×16  12,304
        Conv 3×3, tanh               28×28×1      145
        Total                                 694,257
        Trainable                             693,969
    """
    if recipe.recipe == OWN:
        return pictures.build_generator(recipe)
    z = keras.Input((recipe.latent_dim,), name="z")
    x, labels = prior(z, recipe.z_prior), []
    if recipe.classes is not None:
        labels = [keras.Input((), dtype="int32", name="label")]
    if recipe.label_count:
        count = recipe.clusters_per_class
        label = labels[0] if count == 1 else ClusterByLatent(count, recipe.classes or 1)(z, *labels)
        x = layers.Concatenate()([x, layers.Embedding(recipe.label_count, 64)(label)])
    x = layers.Dense(7 * 7 * 96, kernel_initializer="he_normal")(x)
    x = layers.Reshape((7, 7, 96))(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2DTranspose(48, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2DTranspose(16, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    image = layers.Conv2D(1, 3, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model([z, *labels] if labels else z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, 28, 28, 1) in [-1, 1], and labels, if there are classes or clusters, to logits, (batch, 1).

    Layers::

        Discriminator          Output     Params
        image in [-1, 1]       28×28×1
        label                  one of 10
        Embedding              96            960
        Conv 4×4/2, LeakyReLU  14×14×24      408
        Conv 4×4/2, LeakyReLU  7×7×48     18,480
        Conv 3×3, LeakyReLU    7×7×96     41,568
        Depthwise 7×7          1×1×96      4,800
        Flatten                96
        Dense                  1              97
        Dot with embedding     1
        Sum of the last two    1
        Total                             66,313
        Trainable                         66,313
    """
    if recipe.recipe == OWN:
        return pictures.build_discriminator(recipe)
    image = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(24, 4, strides=2, padding="same", kernel_initializer="he_normal")(image)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(48, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(96, 3, padding="same", kernel_initializer="he_normal")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.DepthwiseConv2D(7)(x)
    x = layers.Flatten()(x)
    logit = layers.Dense(1, dtype="float32")(x)
    if not recipe.label_count:
        return keras.Model(image, logit, name="discriminator")
    label = keras.Input((), dtype="int32", name="label")
    match = layers.Dot(axes=1, dtype="float32")([x, layers.Embedding(recipe.label_count, 96)(label)])
    return keras.Model([image, label], layers.Add(dtype="float32")([logit, match]), name="discriminator")


SUPPORTS = {"classes", "clusters"}

SHAPES = ((28, 28, 1),)

RECIPE = Recipe(
    model="dcgan_fast",
    dataset="mnist",
    image_size=28,
    channels=1,
    conditional=True,
    clusters=128,
    loss="non_saturating",
    latent_dim=64,
    images=1_600_000,
    batch_size=64,
    update="simultaneous",
    optimizer="adam",
    g_learning_rate=1e-3,
    d_learning_rate=1e-3,
    beta_1=0.5,
    beta_2=0.99,
    schedule="cosine",
    decay_images=1_200_000,
    floor=0.1,
    penalty="r1_r2",
    penalty_weight=0.05,
    penalty_sigma=0.01,
    penalty_share=0.25,
    ema_images=500_000,
    tick=100,
)

NAMED_RECIPES = {
    "own_pictures": RECIPE.override(clusters=16, loss="relativistic", latent_dim=128, images=1_500_000, batch_size=32,
                                    beta_1=0.0, decay_images=1_500_000, penalty_weight=0.0049, augment="translation"),
}

RECIPES_BY_DATASET = {"digits": RECIPE.override(dataset="digits", clusters=10, images=200_000, decay_images=150_000,
                                    ema_images=100_000)}
