"""What a discriminator's slope costs: penalties on D, beside the adversarial loss, one value per example, (n, 1).

`GAN.discriminator_loss` adds them, weighted, to what D descends; `get` makes those that a recipe names.

All are computed in float32: squares and differences of slopes need its digits. D must judge each image by itself and
the same twice, so it has no batch norm and no dropout where one of these is used (`check`).

A finite difference (Lin et al. 2025, arXiv:2501.08316, section 3.4, "approximated R1") stands for a gradient: with n
from N(0, 1) and small σ, E[((D(x + σn) - D(x)) / σ)²] = ‖∇D(x)‖². It takes one more pass of D, and no second
derivative. Lin et al. 2025 (arXiv:2511.22475, section 3.1) take it on a quarter of the batch.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from kgan.batch import Batch, Pair
from kgan.runtime.errors import UserError

Discriminate = Callable[[Batch], tf.Tensor]  # maps to logits, (n, 1), always under the same augmentation


class Penalty(NamedTuple):
    """A functional of D: `cost(discriminate, pair, key)` gives (n, 1) values, `weight` multiplies their mean.

    Under `name` their plain mean is logged, without weight and decay; not where it is "".
    """

    cost: Callable[[Discriminate, Pair, tf.Tensor], tf.Tensor]
    weight: float = 1.0
    share: float = 1.0  # of the batch that it is taken on
    name: str = ""
    settings: Mapping[str, Any] | None = None  # by which a file makes it again; None: it is somebody's own


def _named(make: Callable[..., Penalty]) -> Callable[..., Penalty]:
    """Lets the penalties that `make` makes say by which settings."""
    @functools.wraps(make)
    def make_named(*args: Any, **kwargs: Any) -> Penalty:
        arguments = inspect.signature(make).bind(*args, **kwargs).arguments
        return make(*args, **kwargs)._replace(settings={"penalty": make.__name__, **arguments})

    return make_named


def squared_slope(discriminate: Discriminate, batch: Batch) -> tf.Tensor:
    """‖∇D(x)‖², summed over an image's values, float32 (n, 1)."""
    images = tf.cast(batch.images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = discriminate(batch._replace(images=images))
    slope = tf.cast(tape.gradient(logits, images), tf.float32)
    return tf.reduce_sum(tf.square(slope), axis=[1, 2, 3])[:, None]


def squared_difference(discriminate: Discriminate, batch: Batch, logits: tf.Tensor, key: tf.Tensor,
                       sigma: float) -> tf.Tensor:
    """((D(x + σn) - D(x)) / σ)², of D(x) = `logits`: `squared_slope` in the mean for small σ, float32 (n, 1)."""
    images = tf.cast(batch.images, tf.float32)
    moved = discriminate(batch._replace(images=images + sigma * tf.random.stateless_normal(tf.shape(images), key)))
    return tf.square((tf.cast(moved, tf.float32) - tf.cast(logits, tf.float32)) / sigma)


@_named
def r1(weight: float, share: float = 1.0) -> Penalty:
    """½γ ‖∇D(x)‖² at real images: Mescheder et al. 2018 (arXiv:1801.04406), equation 9; `weight` is γ.

    The ½ is in the penalty's own weight, γ/2.
    """
    return Penalty(lambda discriminate, pair, key: squared_slope(discriminate, pair.real), weight / 2, share, "R1")


@_named
def r2(weight: float, share: float = 1.0) -> Penalty:
    """½γ ‖∇D(G(z))‖² at generated images: Mescheder et al. 2018, equation 10; `weight` is γ."""
    return Penalty(lambda discriminate, pair, key: squared_slope(discriminate, pair.fake), weight / 2, share, "R2")


@_named
def r1_difference(weight: float, sigma: float, share: float = 1.0) -> Penalty:
    """`r1` by finite differences of σ = `sigma`, in pixel values of [-1, 1]."""
    return Penalty(lambda discriminate, pair, key: squared_difference(
        discriminate, pair.real, pair.real_logits, _fold(key, 1), sigma), weight / 2, share, "R1")


@_named
def r2_difference(weight: float, sigma: float, share: float = 1.0) -> Penalty:
    """`r2` by finite differences of σ = `sigma`, in pixel values of [-1, 1]."""
    return Penalty(lambda discriminate, pair, key: squared_difference(
        discriminate, pair.fake, pair.fake_logits, _fold(key, 2), sigma), weight / 2, share, "R2")


@_named
def wgan_gp(weight: float = 10.0, share: float = 1.0) -> Penalty:
    """(‖∇D(x̂)‖ - 1)² at x̂ between a real and a fake: Gulrajani et al. 2017 (arXiv:1704.00028), equation 3."""
    def cost(discriminate: Discriminate, pair: Pair, key: tf.Tensor) -> tf.Tensor:
        real, fake = (tf.cast(batch.images, tf.float32) for batch in (pair.real, pair.fake))
        between = real + tf.random.stateless_uniform((tf.shape(real)[0], 1, 1, 1), _fold(key, 3)) * (fake - real)
        return tf.square(tf.sqrt(squared_slope(discriminate, pair.real._replace(images=between)) + 1e-12) - 1.0)

    return Penalty(cost, weight, share)


@_named
def drift(weight: float = 1e-3, share: float = 1.0) -> Penalty:
    """D(x)² at real images: Karras et al. 2018 (arXiv:1710.10196), appendix A.1, ε_drift."""
    return Penalty(lambda discriminate, pair, key: tf.square(tf.cast(pair.real_logits, tf.float32)), weight, share)


BY_NAME: dict[str, tuple[Callable[..., Penalty], ...]] = {
    "r1": (r1,), "r2": (r2,), "r1_r2": (r1, r2), "wgan_gp": (wgan_gp,), "wgan_gp_drift": (wgan_gp, drift)}
DIFFERENCES_BY_NAME = {"r1": (r1_difference,), "r2": (r2_difference,), "r1_r2": (r1_difference, r2_difference)}


def get(kind: str, weight: float, sigma: float | None = None, share: float = 1.0) -> tuple[Penalty, ...]:
    """Returns the penalties called `kind`, a key of BY_NAME; by finite differences where `sigma` is given.

    `drift` keeps its own weight.

    Raises:
        UserError: no such penalty, or no finite-difference form of it.
    """
    if kind not in BY_NAME:
        raise UserError(f"penalty={kind!r} is unknown; known: {', '.join(BY_NAME)}.")
    if sigma is not None and kind not in DIFFERENCES_BY_NAME:
        raise UserError(f"penalty={kind} has no form by finite differences ({', '.join(DIFFERENCES_BY_NAME)} have); "
                        "leave --penalty_sigma out.")
    if sigma is not None:
        return tuple(make(weight, sigma, share) for make in DIFFERENCES_BY_NAME[kind])
    return tuple(make(share=share) if make is drift else make(weight, share) for make in BY_NAME[kind])


def settings(penalties: Iterable[Penalty]) -> list[dict[str, Any]]:
    """Returns what `from_settings` makes these penalties of, for JSON.

    Raises:
        UserError: one is not made by this module, so a file can't say what it was.
    """
    kept = [penalty.settings for penalty in penalties]
    if None in kept:
        raise UserError("one of the penalties is none of kgan.penalties, so a file can't name it; save gan.generator "
                        "and gan.discriminator, or gan.state().")
    return [dict(one) for one in kept if one is not None]


def from_settings(kept: Iterable[Mapping[str, Any]]) -> tuple[Penalty, ...]:
    """Returns the penalties whose `settings` these were."""
    makers = {make.__name__: make for make in (r1, r2, r1_difference, r2_difference, wgan_gp, drift)}
    return tuple(makers[one["penalty"]](**{name: value for name, value in one.items() if name != "penalty"})
                 for one in kept)


def check(discriminator: keras.Model) -> None:
    """Raises UserError when D couples the images of a batch, or answers differently each time."""
    def unfit(layer: keras.layers.Layer) -> bool:
        return isinstance(layer, keras.layers.BatchNormalization) or (
            isinstance(layer, keras.layers.Dropout) and layer.rate > 0)

    if names := [type(layer).__name__ for layer in discriminator.layers if unfit(layer)]:
        raise UserError(f"a penalty needs a discriminator that judges each image by itself, and the same twice; this "
                        f"one has {names[0]}: choose another --model, or --dropout=0, or no --penalty.")


def _fold(key: tf.Tensor, constant: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(key, constant)
