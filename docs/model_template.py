"""NAME: what it is, and for which images.

Source: author, "title" (year), sections or figures; the author's own code, if it is public.

`*` in the tables: the paper's own. This line says whose the marked cells are; what follows from them by arithmetic has
no mark.

Recipes:
    default: what the author is known to have run, else what the text says
    minimax: each of NAMED_RECIPES: where text and author differ, where a blank has a likely source (inferred, or
        known?), where another reading is natural
    on `digits`: each of RECIPES_BY_DATASET, and whether data and length are ours

Not in the paper:
    optimizer: Adam 2e-4, β1 = 0.5 (Radford et al. 2016, section 4)
    batch size: 64 (ours)
    every other setting that the paper leaves open: what stands here (where it comes from): layers, sizes, length of
        the run, distribution of z, loss, k, initial weights, batch norm's momentum, dropout rate, slopes, how
        pictures become images

Differs from the paper:
    logit: it is returned, the sigmoid lives in the loss
    a setting: it says "word for word" (section), here it is Y, because Z

Results: docs/results/runs.md#NAME
"""

import keras
from keras import layers

from kgan.layers import prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, 28, 28, 1) in [-1, 1].

    Layers::

        Generator            Output     Params
        z                    100*
        Dense*               3136*     316,736
        Reshape*             7×7×64
        BatchNorm, ReLU      7×7×64        256
        ConvT* 5×5/2, ReLU   14×14×32   51,232
        ConvT* 5×5/2, tanh*  28×28×1*      801
        Total                          369,025
        Trainable                      368,897
    """
    z = keras.Input((recipe.latent_dim,), name="z")  # N(0, 1), whatever the generator draws from
    x = layers.Dense(7 * 7 * 64)(prior(z, recipe.z_prior))  # layers in the table's order
    x = layers.Reshape((7, 7, 64))(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2DTranspose(32, 5, strides=2, padding="same", activation="relu")(x)
    # The last layer is float32 in every precision.
    image = layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, 28, 28, 1) in [-1, 1], to logits, (batch, 1).

    Layers::

        Discriminator           Output    Params
        image in [-1, 1]        28×28×1*
        Conv* 5×5/2, LeakyReLU  14×14×32     832
        Conv* 5×5/2, LeakyReLU  7×7×64    51,264
        Flatten                 3136
        Dropout 0.3             3136
        Dense* (logit)          1*         3,137
        Total                             55,233
        Trainable                         55,233
    """
    image = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(32, 5, strides=2, padding="same")(image)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(64, 5, strides=2, padding="same")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(recipe.dropout)(x)
    logit = layers.Dense(1, dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


SHAPES = ((28, 28, 1),)  # that the table fixes; leave it out where any shape will do

# Networks that are told classes have SUPPORTS = {"classes"}, a 2nd input keras.Input((), dtype="int32", name="label")
# where recipe.classes is not None, and `one_hot` and `with_label` of kgan.layers: see dcgan_5x5.py. Those that choose
# clusters by z, which D is told, have "clusters" in it too, and a layer `ClusterByLatent`
# where recipe.clusters_per_class is not 1: see dcgan_fast.py.

RECIPE = Recipe(
    model="model_template",  # the module's own name
    dataset="mnist",
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

NAMED_RECIPES = {"minimax": RECIPE.override(loss="minimax")}  # --recipe=minimax: read without importing

RECIPES_BY_DATASET = {"digits": RECIPE.override(dataset="digits", steps=2400)}  # where settings differ
