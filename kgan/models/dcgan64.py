"""DCGAN at 64×64×3.

Source: Meher Abhijeet, "Generative Adversarial Networks", "Implementation"; what its text leaves open, from the
PyTorch DCGAN tutorial, its reference 1 (pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html), which follows
Radford, Metz & Chintala 2016 (arXiv:1511.06434).

`*` in the tables: the paper's text, which also says z ~ N(0, 1); its figures 2 and 3, of the networks,
were not at hand.

Recipes:
    default: the tutorial's order of updates, which the paper's "Training" tells: G learns from the fakes that D was
        shown, judged again by the new D. As the paper has it, real and fake images pass D apart, with one step for
        both, and grids show the same z again and again
    algorithm_1: fresh z for G, as Goodfellow et al.'s Algorithm 1
    on `celeb_a`: data and mirroring are ours

Not in the paper:
    widths, kernels, strides: the tutorial's
    biases: none (the tutorial)
    z: 100 values (the tutorial)
    slopes of LeakyReLU: 0.2 (the tutorial)
    batch size: 128 (the tutorial)
    batch norm: momentum 0.9, epsilon 1e-5 (the tutorial)
    CIFAR-10's 32×32 made 64×64: bicubic here, bilinear by the tutorial's defaults

Differs from the paper:
    logit: it is returned, the sigmoid lives in the loss
    initial weights: it says that "all model weights" start from N(0, 0.02); here those of convolutions do, and batch
        norm's gammas from N(1, 0.02), betas from 0, as the tutorial's
    loss: G's "using real labels" is non-saturating; the minimax game is printed too
    grids: the tutorial draws them with the batch's statistics, here samples are drawn with the moving ones

Results: docs/results/runs.md#dcgan64
"""

import keras
from keras import layers

from kgan.layers import normal, prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, 64, 64, 3) in [-1, 1].

    Layers::

        Generator                        Output        Params
        z                                100
        Reshape                          1×1×100
        ConvT* 4×4, BatchNorm*, ReLU*    4×4×512      821,248
        ConvT* 4×4/2, BatchNorm*, ReLU*  8×8×256    2,098,176
        ConvT* 4×4/2, BatchNorm*, ReLU*  16×16×128    524,800
        ConvT* 4×4/2, BatchNorm*, ReLU*  32×32×64     131,328
        ConvT* 4×4/2, tanh*              64×64×3        3,072
        Total                                       3,578,624
        Trainable                                   3,576,704
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x = layers.Reshape((1, 1, recipe.latent_dim))(prior(z, recipe.z_prior))
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
    """Maps images, (batch, 64, 64, 3) in [-1, 1], to logits, (batch, 1).

    Layers::

        Discriminator                        Output        Params
        image in [-1, 1]                     64×64×3*
        Conv* 4×4/2, LeakyReLU*              32×32×64       3,072
        Conv* 4×4/2, BatchNorm*, LeakyReLU*  16×16×128    131,584
        Conv* 4×4/2, BatchNorm*, LeakyReLU*  8×8×256      525,312
        Conv* 4×4/2, BatchNorm*, LeakyReLU*  4×4×512    2,099,200
        Conv 4×4                             1×1×1          8,192
        Flatten (logit)                      1
        Total                                           2,767,360
        Trainable                                       2,765,568
    """
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
    update="shared",
    tick=10,
)

NAMED_RECIPES = {"algorithm_1": RECIPE.override(update="alternating")}

RECIPES_BY_DATASET = {"celeb_a": RECIPE.override(dataset="celeb_a", flip=True)}
