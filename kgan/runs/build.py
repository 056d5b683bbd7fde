"""From a recipe to its GAN, and its optimizers with their schedules of rates and momenta."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from kgan import augment, kernels, losses, models, penalties
from kgan.gan import GAN
from kgan.layers import ClusterByLatent, progressive
from kgan.recipe import Recipe
from kgan.runtime import machine


def build_gan(recipe: Recipe, cluster_counts: Sequence[int] | None = None,
              networks: tuple[keras.Model, keras.Model] | None = None, step: int = 0,
              stretch: tf.Variable | None = None) -> GAN:
    """Returns the recipe's GAN, compiled; where networks grow, as it is after `step` steps.

    Args:
        recipe: of the GAN.
        cluster_counts: training images of each cluster, class after class, where the generator chooses among them.
        networks: generator and discriminator, in place of the recipe's own.
        step: that was the last one before the networks are as they are to be.
        stretch: multiplies the lengths of all schedules, whenever it is read; None: 1.

    Raises:
        UserError: the recipe names a model or a loss that there is not.
    """
    phase = recipe.phase_of(step)
    recipe = recipe.for_phase(phase)
    loss = losses.smoothed(losses.get(recipe.loss or ""), recipe.label_smoothing)
    if recipe.precision != "float32" and not machine.computes_bfloat16():
        logging.warning("This processor has no bfloat16 instructions: %s is computed in float32 and rounded; float32 "
                        "is faster.", recipe.precision)
    generator, discriminator = networks or models.build(recipe)
    models.freeze(recipe, generator, discriminator)
    set_shares(cluster_counts, generator)
    gan = GAN(generator, discriminator, update=recipe.update, accumulate=recipe.accumulate,
              augment=augment.get(recipe.augment, recipe.augment_target), d_steps=recipe.d_steps,
              g_steps=recipe.g_steps, ema_decay=recipe.ema_decay_per_step,
              first_step=phase.start, fade_steps=(phase.steps or 0) if phase.fade else 0, seed=recipe.seed)
    cost = () if recipe.penalty is None else penalties.get(recipe.penalty, recipe.penalty_weight or 0.0,
                                                             recipe.penalty_sigma, recipe.penalty_share)
    gan.compile(
        loss=loss,
        g_optimizer=build_optimizer(recipe, recipe.g_learning_rate or 0.0, recipe.g_steps,
                                     wait=max(0, recipe.discriminator_warmup - phase.start), stretch=stretch),
        d_optimizer=build_optimizer(recipe, recipe.d_learning_rate or 0.0, recipe.d_steps, stretch=stretch),
        penalties=cost,
        d_loss_weight=recipe.d_loss_weight,
        penalty_decay=build_schedule(recipe, recipe.floor if recipe.penalty_floor is None else recipe.penalty_floor,
                                     stretch=stretch),
    )
    gan.batch_check = None  # kgan's own stream is in the right range
    return gan


def set_shares(counts: Sequence[int] | None, generator: keras.Model, average: keras.Model | None = None) -> None:
    """Sets how often a generator, and its average, choose each cluster: as often as it is in the training images.

    Where the generator does so already, its average stays as it is, to the last bit.
    """
    clusters = ClusterByLatent.of(generator)
    if clusters is None or counts is None:
        return
    each = np.reshape(counts, clusters.shares.shape)
    shares = (each / np.maximum(each.sum(axis=1, keepdims=True), 1)).astype(np.float32)  # a class may be held out whole
    if not np.array_equal(clusters.shares, shares):
        clusters.shares.assign(shares)
        if average is not None:
            ClusterByLatent.of(average).shares.assign(shares)  # type: ignore[union-attr]


def grown(gan: GAN, recipe: Recipe, cluster_counts: Sequence[int] | None = None) -> GAN:
    """Returns the GAN of the phase that begins at the step of `gan`: it has learnt what its layers' namesakes have.

    New layers are as untrained ones of this recipe; the optimizers begin anew.
    """
    new = build_gan(recipe, cluster_counts, step=int(gan.step) + 1)
    for ours, theirs in ((new.generator, gan.generator), (new.discriminator, gan.discriminator),
                         (new.ema_generator, gan.ema_generator)):
        if ours is not None:
            copy_by_name(theirs, ours)
    if new.adaptive is not None and gan.adaptive is not None:
        new.adaptive.probability.assign(gan.adaptive.probability)
    return new


def copy_by_name(theirs: keras.Model, ours: keras.Model) -> None:
    """Copies the weights of layers that have the same name in both networks, frozen ones too, but no fade's α."""
    known = {layer.name: layer for layer in theirs.layers}
    for layer in ours.layers:
        if layer.weights and layer.name in known and not isinstance(layer, progressive.Fade):
            layer.set_weights(known[layer.name].get_weights())


def build_optimizer(recipe: Recipe, learning_rate: float, steps_per_turn: int = 1, wait: int = 0,
                    stretch: tf.Variable | None = None) -> keras.Optimizer:
    """Returns the recipe's optimizer for a network that makes `steps_per_turn` steps in each turn of both.

    In its first `wait` turns its rate is 0: it gathers moments, and the network stays as it is.
    """
    rate = build_schedule(recipe, recipe.floor, steps_per_turn, learning_rate, stretch) or learning_rate
    rate = Wait(rate, wait * steps_per_turn) if wait else rate
    if recipe.optimizer == "sgd":
        if recipe.momentum_end is None:
            return keras.optimizers.SGD(rate, momentum=recipe.beta_1, clipvalue=recipe.clip)
        steps = (recipe.momentum_images or 1) / recipe.images_per_step * steps_per_turn
        return SGD(rate, recipe.beta_1 or 0.0, recipe.momentum_end, steps, stretch, clipvalue=recipe.clip)
    if recipe.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate, rho=recipe.beta_2 or 0.9, momentum=recipe.beta_1, clipvalue=recipe.clip)
    adam = keras.optimizers.Adam if machine.has_gpu() else kernels.Adam
    return adam(rate, beta_1=recipe.beta_1, beta_2=0.999 if recipe.beta_2 is None else recipe.beta_2,
                epsilon=recipe.epsilon or 1e-7, clipvalue=recipe.clip)


def build_schedule(recipe: Recipe, floor: float, steps_per_turn: int = 1, start: float = 1.0,
                   stretch: tf.Variable | None = None) -> "Decay | None":
    """Returns the recipe's schedule, from a step to a value between `start` and `floor` of it; None: it is constant."""
    if recipe.schedule == "constant":
        return None
    return Decay(start, recipe.schedule, floor, (recipe.decay_images or 1) / recipe.images_per_step * steps_per_turn,
                 stretch)


@keras.saving.register_keras_serializable(package="kgan")
class Decay(keras.optimizers.schedules.LearningRateSchedule):
    """A value that falls from `start` to `floor` of it over `length` steps, and stays there.

    "cosine": half a cosine, as Loshchilov & Hutter 2017 (arXiv:1608.03983), equation 5, without restarts.
    "exponential": floor to the power of the share that is done. Goodfellow et al.'s published experiment divides its
    rate by 1.000004 at each step: floor 1e-5 after 2,878,236 steps. `stretch`, a variable, multiplies `length`.
    """

    def __init__(self, start: float, shape: str, floor: float, length: float,
                 stretch: tf.Variable | None = None) -> None:
        self.start = start
        self.shape = shape
        self.floor = floor
        self.length = length
        self.stretch = stretch

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the value at `step`."""
        done = _done(step, self.length, self.stretch)
        if self.shape == "cosine":
            return self.start * (self.floor + (1.0 - self.floor) * 0.5 * (1.0 + tf.cos(3.14159265 * done)))
        return self.start * tf.pow(self.floor, done)

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return {"start": self.start, "shape": self.shape, "floor": self.floor,
                "length": _stretched(self.length, self.stretch)}


@keras.saving.register_keras_serializable(package="kgan")
class Wait(keras.optimizers.schedules.LearningRateSchedule):
    """0 for `steps`, then `rate`: a number or a schedule, which counts from the beginning."""

    def __init__(self, rate: Any, steps: int) -> None:
        self.rate = rate
        self.steps = steps

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the value at `step`."""
        value = self.rate(step) if callable(self.rate) else self.rate
        return tf.where(tf.cast(step, tf.int64) < self.steps, 0.0, value)

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return {"rate": keras.saving.serialize_keras_object(self.rate), "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Wait":
        """Returns the schedule of that configuration."""
        return cls(keras.saving.deserialize_keras_object(config["rate"]), config["steps"])


@keras.saving.register_keras_serializable(package="kgan")
class SGD(keras.optimizers.SGD):
    """Keras' SGD with a momentum that goes from `momentum` to `momentum_end` in a straight line over `steps`.

    `stretch`, a variable, multiplies these.
    """

    def __init__(self, learning_rate: Any, momentum: float, momentum_end: float, steps: float,
                 stretch: tf.Variable | None = None, **kwargs: Any) -> None:
        super().__init__(learning_rate, momentum=momentum, **kwargs)
        self.momentum_end = momentum_end
        self.steps = steps
        self.stretch = stretch

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """Moves `variable` and its momentum."""
        now = self.momentum + (self.momentum_end - self.momentum) * _done(
            self.iterations, self.steps, self.stretch)
        velocity = self.momentums[self._get_variable_index(variable)]
        velocity.assign(now * velocity - learning_rate * gradient)
        variable.assign_add(velocity)

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return super().get_config() | {"momentum_end": self.momentum_end,
                                       "steps": _stretched(self.steps, self.stretch)}


def _done(step: Any, length: float, stretch: tf.Variable | None) -> tf.Tensor:
    return tf.minimum(tf.cast(step, tf.float32) / (length if stretch is None else length * stretch), 1.0)


def _stretched(length: float, stretch: tf.Variable | None) -> float:
    return length if stretch is None else length * float(stretch)
