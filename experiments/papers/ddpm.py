"""A small denoising diffusion model (DDPM), for images of 28×28×1 or 32×32×3.

Source: J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", 2020 (arXiv:2006.11239): algorithm 1 with
L_simple of equation 14, algorithm 2; ε is predicted, T = 1000, β rises linearly from 1e-4 to 0.02 (section 4). Fewer
steps: J. Song, C. Meng, S. Ermon, "Denoising Diffusion Implicit Models", 2020 (arXiv:2010.02502), equation 12 with
σ = 0, on a linear subsequence of the 1,000 (appendix D.2).

Not in the papers:
    the estimate of x₀: cut to [-1, 1] at each step, as in Ho et al.'s code, and ε drawn after it

Differs from Ho et al.:
    networks: patches of 2×2 pixels are the first grid's values, as in Hoogeboom et al. 2023 (arXiv:2301.11093),
        section 3.3: two grids of 48 and 64 features, one residual block for each on the way down and on the way up,
        0.5 M parameters; theirs have four grids, two blocks, attention at 16×16, dropout, 35.7 M
    optimizer: Adam at 1e-3, batches of 32; theirs 2e-4, 128
    moving average: of decay min(0.999, (1 + step) / (10 + step)); theirs 0.9999, for 800,000 steps
"""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from experiments.papers.reference import Reference
from kgan.images import to_uint8

STEPS = 1000  # T
BETAS = np.linspace(1e-4, 0.02, STEPS)  # β_1 … β_T
ALPHA_BARS = np.concatenate([[1.0], np.cumprod(1 - BETAS)])  # ᾱ_0 … ᾱ_T
Predictor = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (x_t, t) -> ε


def build_network(shape: tuple[int, int, int], widths: tuple[int, ...] = (48, 64)) -> keras.Model:
    """Maps x_t, (batch, H, W, C), and t, (batch,) in 1…T, to ε, (batch, H, W, C): a U-Net of patches of 2×2 pixels.

    A residual block for each grid on the way down, one in the middle, one for each grid on the way up; each takes t.
    """
    image, time = keras.Input(shape, name="x_t"), keras.Input((), dtype="int32", name="t")
    embedding = layers.Dense(4 * widths[0], activation="silu")(Sinusoids(2 * widths[0])(time))
    x, skips = layers.Conv2D(widths[0], 4, strides=2, padding="same")(image), []
    for number, width in enumerate(widths):
        if number:
            x = layers.Conv2D(width, 3, strides=2, padding="same")(x)
        x = _block(x, embedding, width)
        skips.append(x)
    x = _block(x, embedding, widths[-1])
    for number, width in reversed(list(enumerate(widths))):
        x = _block(layers.Concatenate()([x, skips[number]]), embedding, width)
        if number:
            x = layers.Conv2D(widths[number - 1], 3, padding="same")(layers.UpSampling2D()(x))
    x = layers.Activation("silu")(layers.GroupNormalization(8)(x))
    x = layers.Conv2D(4 * shape[2], 3, padding="same", kernel_initializer="zeros")(x)
    return keras.Model([image, time], DepthToSpace()(x), name="unet")


def _block(x: keras.KerasTensor, embedding: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """Returns x plus two convolutions of it, t's embedding added between them."""
    shortcut = x if x.shape[-1] == width else layers.Conv2D(width, 1)(x)
    x = layers.Activation("silu")(layers.GroupNormalization(8)(x))
    x = layers.Conv2D(width, 3, padding="same")(x)
    x = layers.Add()([x, layers.Reshape((1, 1, width))(layers.Dense(width)(embedding))])
    x = layers.Activation("silu")(layers.GroupNormalization(8)(x))
    x = layers.Conv2D(width, 3, padding="same", kernel_initializer="zeros")(x)
    return layers.Add()([x, shortcut])


class DepthToSpace(layers.Layer):
    """Lays four features out as 2×2 pixels: (batch, H, W, 4 C) to (batch, 2 H, 2 W, C)."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the pixels."""
        return tf.nn.depth_to_space(x, 2)


class Sinusoids(layers.Layer):
    """Maps t, (batch,), to `size` sines and cosines of it, (batch, size): Vaswani et al. 2017, section 3.5."""

    def __init__(self, size: int, **settings: object) -> None:
        super().__init__(**settings)
        self.size = size

    def call(self, time: tf.Tensor) -> tf.Tensor:
        """Returns the sines, then the cosines, of periods up to 10,000 · 2π."""
        rates = tf.exp(-math.log(10_000) * tf.range(self.size // 2, dtype="float32") / (self.size // 2))
        angles = tf.cast(time, "float32")[:, None] * rates
        return tf.concat([tf.sin(angles), tf.cos(angles)], axis=1)

    def get_config(self) -> dict:
        """Returns what the constructor takes."""
        return {**super().get_config(), "size": self.size}


def diffuse(images: tf.Tensor, time: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Returns x_t = √ᾱ_t x₀ + √(1 - ᾱ_t) ε of images in [-1, 1] and t, (batch,) in 0…T: equation 4."""
    alpha_bar = tf.gather(tf.constant(ALPHA_BARS, tf.float32), time)[:, None, None, None]
    return tf.sqrt(alpha_bar) * images + tf.sqrt(1 - alpha_bar) * noise


def times(steps: int) -> list[int]:
    """Returns `steps` of 1…T, T first: ⌊c i⌋ with c = T / steps; all of them are Ho et al.'s."""
    return [STEPS * number // steps for number in range(steps, 0, -1)]


def denoise(predict: Predictor, x: tf.Tensor, time: tf.Tensor, before: tf.Tensor, noise: tf.Tensor,
            ancestral: bool) -> tf.Tensor:
    """Takes x from time t to an earlier one, images (batch, H, W, C).

    Ancestral: Ho et al.'s algorithm 2, the mean written as that of equation 7 in the estimate of x₀, with σ² = β_t;
    `before` is t - 1. Else Song et al.'s equation 12 with σ = 0.
    """
    bars = tf.constant(ALPHA_BARS, tf.float32)
    here, there = bars[time], bars[before]
    predicted = predict(x, tf.fill(tf.shape(x)[:1], time))
    start = tf.clip_by_value((x - tf.sqrt(1 - here) * predicted) / tf.sqrt(here), -1.0, 1.0)
    if not ancestral:
        predicted = (x - tf.sqrt(here) * start) / tf.sqrt(1 - here)  # that of the x₀ which was cut
        return tf.sqrt(there) * start + tf.sqrt(1 - there) * predicted
    beta = 1 - here / there
    mean = (tf.sqrt(there) * beta * start + tf.sqrt(1 - beta) * (1 - there) * x) / (1 - here)
    return tf.where(before > 0, mean + tf.sqrt(beta) * noise, mean)


class DDPM(Reference):
    """The network, and its moving average, which draws; the loss of an image is L_simple, a mean over its values."""

    batch_size = 32
    samples = 1000

    def __init__(self, seed: int = 0, shape: tuple[int, int, int] = (28, 28, 1)) -> None:
        super().__init__(seed)
        network = build_network(shape)
        self.averaged(network, keras.models.clone_model(network))
        self.shape = shape
        self.compile(optimizer=keras.optimizers.Adam(1e-3))

    def losses_of(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the mean of (ε - ε_θ(x_t, t))², t uniform in 1…T: equation 14."""
        time = keras.random.randint(tf.shape(images)[:1], 1, STEPS + 1, seed=self.noise)
        noise = keras.random.normal(tf.shape(images), seed=self.noise)
        predicted = self.network([diffuse(images, time, noise), time], training=True)
        return tf.reduce_mean((noise - predicted)**2, axis=(1, 2, 3))

    def generate(self, count: int, seed: int = 0, steps: int = 20, ancestral: bool = False,
                 batch: int = 100) -> np.ndarray:
        """Returns `count` images, uint8 (count, H, W, C), in so many steps; ancestral: all T, by algorithm 2.

        Noise is a function of seed, first image of the batch and t.
        """
        path = times(STEPS if ancestral else steps)
        drawn = []
        for start in range(0, count, batch):
            shape = (min(batch, count - start), *self.shape)
            x = tf.random.stateless_normal(shape, (seed, start * (STEPS + 1)))
            for time, before in zip(path, [*path[1:], 0], strict=True):
                noise = tf.random.stateless_normal(shape, (seed, start * (STEPS + 1) + time)) if ancestral else x
                x = self.step_back(x, tf.constant(time), tf.constant(before), noise, ancestral)
            drawn.append(to_uint8(x).numpy())
        return np.concatenate(drawn)

    @tf.function
    def step_back(self, x: tf.Tensor, time: tf.Tensor, before: tf.Tensor, noise: tf.Tensor,
                  ancestral: bool) -> tf.Tensor:
        """`denoise` by the moving average, compiled."""
        return denoise(lambda x, time: self.average([x, time], training=False), x, time, before, noise, ancestral)
