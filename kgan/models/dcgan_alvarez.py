"""DCGAN for 28×28 digits, that of TensorFlow's tutorial.

Source: V. M. M. Alvarez, "Image generation: GAN vs DCGAN", sections 2 and 3. The text prints no layers: "The detailed
descriptions about the model architectures and selected hyperparameters can be found in the colab notebook
accompanying this project." It is public: Project_DCGAN.ipynb in the author's repository,
github.com/vmartinezalvarez/Image-generation-GAN-vs-DCGAN. Its networks are those of
tensorflow.org/tutorials/generative/dcgan.

`*` in the tables: the notebook, which prints both networks' summaries; the slope is Keras' default there. The
generator's dense and transposed convolutional layers have no biases. The discriminator is that of `dcgan`, row for row.

Recipes:
    default: the notebook's: -log D(G(z)) for G, both networks stepped at once from one batch of fakes, Adam 1e-4 with
        β1 = 0.9, batch size 256, z ~ N(0, 1), 100 epochs (figure 2)
    algorithm_1: what the text prints: SGD, D first, then G on fresh z, descending log(1 - D(G(z))); the rate of 0.01
        is ours: at Goodfellow et al.'s 0.1 (`gan_maxout`) these networks diverge

Not in the paper:
    k of Algorithm 1: 1 (the notebook)
    initial weights: Glorot-uniform (Keras' default, as the notebook)
    batch norm's momentum: 0.99 (Keras' default, as the notebook)
    "useful tricks" that prepare the images: scaled to [-1, 1] (the notebook)

Differs from the paper:
    loss, order and optimizer: the notebook contradicts the text's Algorithm 1; the default follows the notebook
    logit: D's output, as in the notebook; the sigmoid (figure 1) lives in the loss
    last batch of a pass: the notebook's holds 96 real images and 256 fakes; here all are full

Results: docs/results/runs.md#dcgan_alvarez
"""

import keras
from keras import layers

from kgan.layers import prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, 28, 28, 1) in [-1, 1].

    Layers::

        Generator             Output        Params
        z                     100*
        Dense*                12544*     1,254,400*
        BatchNorm*            12544*        50,176*
        LeakyReLU* 0.3        12544*
        Reshape*              7×7×256*
        ConvT* 5×5*           7×7×128*     819,200*
        BatchNorm*            7×7×128*         512*
        LeakyReLU* 0.3        7×7×128*
        ConvT* 5×5/2*         14×14×64*    204,800*
        BatchNorm*            14×14×64*        256*
        LeakyReLU* 0.3        14×14×64*
        ConvT* 5×5/2*, tanh*  28×28×1*       1,600*
        Total                            2,330,944*
        Trainable                        2,305,472*
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Dense(7 * 7 * 256, use_bias=False)(prior(z, recipe.z_prior))
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU(negative_slope=0.3)(x)
    x = layers.Reshape((7, 7, 256))(x)
    for filters, strides in ((128, 1), (64, 2)):
        x = layers.Conv2DTranspose(filters, 5, strides=strides, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.LeakyReLU(negative_slope=0.3)(x)
    image = layers.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh",
                                   dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, 28, 28, 1) in [-1, 1], to logits, (batch, 1).

    Layers::

        Discriminator     Output      Params
        image in [-1, 1]  28×28×1*
        Conv* 5×5/2*      14×14×64*    1,664*
        LeakyReLU* 0.3    14×14×64*
        Dropout* 0.3*     14×14×64*
        Conv* 5×5/2*      7×7×128*   204,928*
        LeakyReLU* 0.3    7×7×128*
        Dropout* 0.3*     7×7×128*
        Flatten*          6272*
        Dense* (logit)    1*           6,273*
        Total                        212,865*
        Trainable                    212,865*
    """
    image = keras.Input((28, 28, 1), name="image")
    x = image
    for filters in (64, 128):
        x = layers.Conv2D(filters, 5, strides=2, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=0.3)(x)
        x = layers.Dropout(recipe.dropout)(x)
    x = layers.Flatten()(x)
    logit = layers.Dense(1, dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


SHAPES = ((28, 28, 1),)

RECIPE = Recipe(
    model="dcgan_alvarez",
    dataset="mnist",
    image_size=28,
    channels=1,
    loss="non_saturating",
    latent_dim=100,
    epochs=100,
    batch_size=256,
    update="simultaneous",
    optimizer="adam",
    g_learning_rate=1e-4,
    d_learning_rate=1e-4,
    beta_1=0.9,
    dropout=0.3,
    tick=10,
)

NAMED_RECIPES = {
    "algorithm_1": RECIPE.override(loss="minimax", update="alternating", optimizer="sgd", g_learning_rate=0.01,
                                   d_learning_rate=0.01, beta_1=0.0),
}
