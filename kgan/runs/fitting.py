"""`fit` in ticks, and in phases where networks grow."""

import time
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from kgan.data.stream import stream
from kgan.gan import GAN
from kgan.layers.progressive import smaller
from kgan.recipe import Phase, Recipe
from kgan.runs import callbacks as callbacks_lib
from kgan.runs import devices
from kgan.runs.build import grown
from kgan.runs.training_data import Data
from kgan.runtime import machine

CALIBRATION_SECONDS = 2.0
AT_ONCE = 50  # steps at most that a GPU makes before Python is asked again


def steps_within(seconds: float, gan: GAN, recipe: Recipe, data: Data) -> int:
    """Returns how many steps take about as long, in whole ticks, measured on steps that are then taken back.

    The steps alone: what a judge's training, looks, grids and checkpoints take comes on top.
    """
    before, tick, phase = gan.state(), recipe.tick or 1, recipe.phases[0]

    def fit(steps: int) -> float:
        began = time.monotonic()
        gan.fit(_batches(gan, recipe, data, phase, 0), steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
        return time.monotonic() - began

    fit(2)  # compiles
    count = 8
    while (taken := fit(count)) < CALIBRATION_SECONDS:
        count *= 2
    gan.load_state(before)
    steps = max(1, round(seconds / taken * count / tick)) * tick
    logging.info("%s steps will take about %.3g minutes here; looks, grids and checkpoints come on top.", f"{steps:,}",
                 seconds / 60)
    return steps


def fit_and_grow(gan: GAN, recipe: Recipe, data: Data, total: int,
                 callbacks: Sequence[keras.callbacks.Callback]) -> GAN:
    """Fits up to step `total`, phase after phase, or until `stop_training`; returns what it has grown to.

    At the end of a phase there is a checkpoint, from which the next one's networks are a function, and a grid.
    """
    while (step := int(gan.step)) < total and not gan.stop_training:
        phase = recipe.phase_of(step + 1)
        if phase != recipe.phase_of(step):
            with gan.distribute_strategy.scope():
                gan = grown(gan, recipe, data.cluster_counts)
            logging.info("Step %s: %s×%s %s over %s steps.", f"{step:,}", phase.image_size, phase.image_size,
                         "fades in" if phase.fade else "trains alone", f"{phase.steps:,}")
        end = total if phase is recipe.phases[-1] else min(total, phase.start + (phase.steps or 0))
        _fit(gan, recipe, data, phase, end, callbacks)
        if int(gan.step) == end < total:
            for callback in callbacks:
                if isinstance(callback, callbacks_lib.Checkpoints):
                    callback.save()
    return gan


def _fit(gan: GAN, recipe: Recipe, data: Data, phase: Phase, total: int,
         callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Fits up to step `total` of a phase: to the next tick end, by whole ticks, then the rest of one."""
    tick = recipe.tick or 1
    while (step := int(gan.step)) < total and not gan.stop_training:
        size = min(tick - step % tick, total - step)
        ticks = (total - step) // size if size == tick else 1
        done = step // tick
        if machine.has_gpu() and gan.distribute_strategy is tf.distribute.get_strategy():
            execute_at_once(gan, size)
        gan.fit(_batches(gan, recipe, data, phase, step), steps_per_epoch=size, initial_epoch=done, epochs=done + ticks,
                shuffle=False, verbose=0, callbacks=list(callbacks))


def execute_at_once(gan: GAN, size: int) -> None:
    """Lets TensorFlow make several of a tick's `size` steps without asking Python after each; the bits are the same.

    Keras would overshoot a tick that is no multiple of them, and fails under a strategy.
    """
    steps = max(count for count in range(1, AT_ONCE + 1) if size % count == 0)
    if gan.steps_per_execution != steps:
        gan.steps_per_execution = steps
        gan.make_train_function(force=True)


def _batches(gan: GAN, recipe: Recipe, data: Data, phase: Phase, step: int) -> Any:
    """Returns the batches of a phase from `step` on, as `fit` takes them."""
    def batches(part: tuple[int, int, int]) -> tf.data.Dataset:
        found = stream(data.prepared.images, batch_size=phase.batch_size * recipe.d_steps, seed=recipe.seed,
                       start=step - phase.start, skip=phase.seen, flip=recipe.flip, labels=data.labels,
                       chosen=data.chosen, part=part)
        if phase.image_size < recipe.image_size:
            found = found.map(lambda batch: {**batch, "image": smaller(batch["image"], phase.image_size)})
        return found

    return devices.distributed(gan.distribute_strategy, batches)
