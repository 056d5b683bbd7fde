"""ProGAN: networks that grow from 4×4 to the size of the images, one resolution at a time.

Source: Karras, Aila, Laine & Lehtinen 2018, "Progressive growing of GANs for improved quality, stability, and
variation" (arXiv:1710.10196): table 2, cut at 128×128, sections 2 to 4, appendix A. Chapagain 2019 takes such a
generator, the public module `progan-128`, and trains its last networks on.

* in the tables: the paper's own.

    Generator               Output       Params    | Discriminator            Output       Params
    z                       512*                   | image in [-1, 1]         128×128×3
    PixelNorm               512                    | Conv* 1×1*, LeakyReLU*   128×128×128*       512
    Dense, LeakyReLU*       4×4×512*     4,194,816 | Conv* 3×3*, LeakyReLU*   128×128×128*   147,584
    PixelNorm               4×4×512                | Conv* 3×3*, LeakyReLU*   128×128×256*   295,168
    Conv* 3×3*, LeakyReLU*  4×4×512*     2,359,808 | AveragePooling 2×2       64×64×256*
    PixelNorm               4×4×512                | Conv* 3×3*, LeakyReLU*   64×64×256*     590,080
    Upsample*               8×8×512*               | Conv* 3×3*, LeakyReLU*   64×64×512*   1,180,160
    Conv* 3×3*, LeakyReLU*  8×8×512*     2,359,808 | AveragePooling 2×2       32×32×512*
    PixelNorm               8×8×512                | Conv* 3×3*, LeakyReLU*   32×32×512*   2,359,808
    Conv* 3×3*, LeakyReLU*  8×8×512*     2,359,808 | Conv* 3×3*, LeakyReLU*   32×32×512*   2,359,808
    PixelNorm               8×8×512                | AveragePooling 2×2       16×16×512*
    Upsample*               16×16×512*             | Conv* 3×3*, LeakyReLU*   16×16×512*   2,359,808
    Conv* 3×3*, LeakyReLU*  16×16×512*   2,359,808 | Conv* 3×3*, LeakyReLU*   16×16×512*   2,359,808
    PixelNorm               16×16×512              | AveragePooling 2×2       8×8×512*
    Conv* 3×3*, LeakyReLU*  16×16×512*   2,359,808 | Conv* 3×3*, LeakyReLU*   8×8×512*     2,359,808
    PixelNorm               16×16×512              | Conv* 3×3*, LeakyReLU*   8×8×512*     2,359,808
    Upsample*               32×32×512*             | AveragePooling 2×2       4×4×512*
    Conv* 3×3*, LeakyReLU*  32×32×512*   2,359,808 | Minibatch stddev*        4×4×513*
    PixelNorm               32×32×512              | Conv* 3×3*, LeakyReLU*   4×4×512*     2,364,416
    Conv* 3×3*, LeakyReLU*  32×32×512*   2,359,808 | Conv* 4×4*, LeakyReLU*   1×1×512*     4,194,816
    PixelNorm               32×32×512              | Flatten                  512
    Upsample*               64×64×512*             | Dense*                   1*                 513
    Conv* 3×3*, LeakyReLU*  64×64×256*   1,179,904 |
    PixelNorm               64×64×256              |
    Conv* 3×3*, LeakyReLU*  64×64×256*     590,080 |
    PixelNorm               64×64×256              |
    Upsample*               128×128×256*           |
    Conv* 3×3*, LeakyReLU*  128×128×128*   295,040 |
    PixelNorm               128×128×128            |
    Conv* 3×3*, LeakyReLU*  128×128×128*   147,584 |
    PixelNorm               128×128×128            |
    Conv* 1×1*              128×128×3*         387 |
    Clip to [-1, 1]         128×128×3              |
    Total                               22,926,467 | Total                                22,932,097

All convolutions and dense layers have equalised learning rates (section 4.1), biases of 0, LeakyReLU of slope 0.2.
While a resolution fades in (figure 2) there are two more 1×1 convolutions, of the resolution before.

Run. `python -m kgan.train --model=progan` (`celeb_a`, 128×128): each resolution fades in over 800,000 images, then
trains alone over 800,000, as in the paper. `--recipe=small` is for two cores: 32×32, at most 64 channels, `cifar10`.
`--image_size` is any of 4, 8, …, 1024, `--max_channels` the width, `--grow_images=0 --images=N` trains all at once.

Not in the paper. From its published code: z is normalised as pixels are, groups of 4 for the minibatch's deviation,
Adam begun anew whenever the networks change, the scale of the first dense layer. How CelebA is cut: the largest
square.

Differs from the paper. Its 4×4 convolution of z is written as the dense layer that it is. Samples are clipped to [-1,
1] where they are drawn. Real images are averaged over squares from the largest resolution, each time. The averaged
generator forgets its first weights faster (`GAN.move_average`). The paper stops at 1024×1024 with batches of 3;
`small` has batches of 16 as well, and shorter phases.
"""

from typing import Any

import keras
from keras import layers

from kgan.layers import prior
from kgan.layers.progressive import Clip, EqualizedConv2D, EqualizedDense, Fade, MinibatchStddev, PixelNorm
from kgan.recipe import RESOLUTIONS, SMALLEST, Recipe
from kgan.runtime.errors import UserError


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, size, size, channels) in [-1, 1].

    In training they are not clipped. With `grow_images` the last resolution fades in.
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x = PixelNorm()(prior(z, recipe.z_prior))
    x = EqualizedDense((4, 4, _channels(4, recipe)), gain=2**0.5 / 4, name="4x4_dense")(x)
    x = PixelNorm()(layers.LeakyReLU(negative_slope=0.2)(x))
    x = PixelNorm()(_conv(x, _channels(4, recipe), "4x4_conv"))
    for size in _sizes(recipe)[1:]:
        before, x = x, layers.UpSampling2D()(x)
        x = PixelNorm()(_conv(x, _channels(size, recipe), f"{size}x{size}_conv_1"))
        x = PixelNorm()(_conv(x, _channels(size, recipe), f"{size}x{size}_conv_2"))
    image = _to_rgb(x, recipe)
    if _fading(recipe):
        image = Fade(dtype="float32")(layers.UpSampling2D(dtype="float32")(_to_rgb(before, recipe)), image)
    return keras.Model(z, Clip(dtype="float32")(image), name="generator")


def build_discriminator(recipe: Recipe) -> keras.Model:
    """Maps images, (batch, size, size, channels) in [-1, 1], to what the paper calls D's output, (batch, 1).

    Each is judged beside the others of its minibatch. With `grow_images` the last resolution fades in.
    """
    image = keras.Input(recipe.image_shape, name="image")
    x = _from_rgb(image, recipe.image_size, recipe)
    for size in reversed(_sizes(recipe)[1:]):
        x = _conv(x, _channels(size, recipe), f"{size}x{size}_conv_1")
        x = _conv(x, _channels(size // 2, recipe), f"{size}x{size}_conv_2")
        x = layers.AveragePooling2D(2)(x)
        if size == recipe.image_size and _fading(recipe):
            x = Fade()(_from_rgb(layers.AveragePooling2D(2)(image), size // 2, recipe), x)
    x = MinibatchStddev()(x)
    x = _conv(x, _channels(4, recipe), "4x4_conv_1")
    x = _conv(x, _channels(4, recipe), "4x4_conv_2", kernel_size=4, padding="valid")
    x = layers.Flatten()(x)
    logit = EqualizedDense((1,), gain=1.0, name="logit", dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


def blocks(network: keras.Model) -> list[list[keras.layers.Layer]]:
    """Returns the layers that have weights by resolution, in the network's order; D's last dense layer stands alone."""
    found: dict[str, list[keras.layers.Layer]] = {}
    for layer in network.layers:
        if layer.weights and not isinstance(layer, Fade):
            found.setdefault(layer.name.split("_")[0], []).append(layer)
    return list(found.values())


def _conv(x: Any, filters: int, name: str, kernel_size: int = 3, padding: str = "same") -> Any:
    x = EqualizedConv2D(filters, kernel_size, padding=padding, name=name)(x)
    return layers.LeakyReLU(negative_slope=0.2)(x)


def _to_rgb(x: Any, recipe: Recipe) -> Any:
    size = x.shape[1]
    return EqualizedConv2D(recipe.channels, 1, gain=1.0, name=f"{size}x{size}_to_rgb", dtype="float32")(x)


def _from_rgb(image: Any, size: int, recipe: Recipe) -> Any:
    x = EqualizedConv2D(_channels(size, recipe), 1, name=f"{size}x{size}_from_rgb")(image)
    return layers.LeakyReLU(negative_slope=0.2)(x)


def _channels(size: int, recipe: Recipe) -> int:
    """How many the maps of a resolution have (table 2): 512 up to 32×32, then half for each doubling."""
    return min(recipe.max_channels or 512, 2**14 // size)


def _sizes(recipe: Recipe) -> list[int]:
    if recipe.image_size not in RESOLUTIONS:
        raise UserError(f"image_size={recipe.image_size} is not a shape of progan; it has 4, 8, 16, 32, …, 1024.")
    return [SMALLEST * 2**k for k in range((recipe.image_size // SMALLEST).bit_length())]


def _fading(recipe: Recipe) -> bool:
    return recipe.grow_images > 0 and recipe.image_size > SMALLEST


SUPPORTS = {"growth"}

RECIPE = Recipe(
    model="progan",
    dataset="celeb_a",
    image_size=128,
    channels=3,
    grow_images=800_000,
    loss="wasserstein",
    penalty="wgan_gp_drift",
    penalty_weight=10.0,
    latent_dim=512,
    batch_size=16,
    optimizer="adam",
    g_learning_rate=1e-3,
    d_learning_rate=1e-3,
    beta_1=0.0,
    beta_2=0.99,
    epsilon=1e-8,
    ema_decay=0.999,
    tick=100,
)

RECIPES_BY_DATASET = {name: RECIPE.override(dataset=name, image_size=32, channels=channels)
           for name, channels in (("cifar10", 3), ("mnist", 1), ("mnist_small", 1), ("digits", 1))}

NAMED_RECIPES = {"small": RECIPE.override(dataset="cifar10", image_size=32, max_channels=64, latent_dim=64,
                                          grow_images=10_000)}
