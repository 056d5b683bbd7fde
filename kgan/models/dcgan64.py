"""DCGAN at 64×64×3.

Source: Meher Abhijeet, "Generative Adversarial Networks", "Implementation"; what its text leaves open, from the
PyTorch DCGAN tutorial, its reference 1 (pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html), which follows
Radford, Metz & Chintala 2016 (arXiv:1511.06434).

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

* in the paper's text, as is z ~ N(0, 1); its figures 2 and 3, of the networks, were not at hand.

Recipes. The default takes the order of updates of the tutorial, which the paper's "Training" tells: G learns from the
fakes that D was shown, judged again by the new D. `--recipe=algorithm_1` draws fresh z for G, as Goodfellow et al.'s
Algorithm 1; so did kgan to 0.2. As the paper has it, real and fake images pass D apart, with one step for both, and
grids show the same z again and again. On `celeb_a` data and mirroring are ours.

Run. `python -m kgan.train --model=dcgan64 --dataset=cifar10`. Kept are 2,500 steps of `algorithm_1` at batch size 32
on 20,000 of CIFAR-10's pictures, 4 epochs, with kgan 0.1: 2,042 s on 2 cores, FCD 17.42 against a tenth of them, seen
in training too, by a judge of that version, whose numbers can't be compared with others, one seed
(`experiments/results/dcgan64_cifar10/`). None of the 25 epochs is kept, none of the default's order, and none of
faces. At the 53.9 images/s of `experiments/results/speed/` 25 epochs of 50,000 are 6.4 hours.

Not in the paper. Widths, kernels, strides, no biases, 100 values of z, slopes of 0.2, batch size 128, batch norm's
momentum 0.9 and epsilon 1e-5: the tutorial's. How CIFAR-10's 32×32 become 64×64: bicubic here, bilinear by the
tutorial's defaults.

Differs from the paper. The logit is returned and the sigmoid lives in the loss. It says that "all model weights"
start from N(0, 0.02): here those of convolutions do, and batch norm's gammas from N(1, 0.02), betas from 0, as the
tutorial's. G's loss "using real labels" is non-saturating; the minimax game is printed too. The tutorial draws its
grids with the batch's statistics, here samples are drawn with the moving ones.
"""

import keras
from keras import layers

from kgan.layers import normal, prior
from kgan.recipe import Recipe


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, 64, 64, 3) in [-1, 1]."""
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
    """Maps images, (batch, 64, 64, 3) in [-1, 1], to logits, (batch, 1)."""
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
