"""Looks at a run while it trains: at its samples, and at what D remembers; and warnings of what the doctor finds."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from absl import logging

from kgan import latent, losses
from kgan.batch import Batch
from kgan.data import cache, clusters
from kgan.gan import GAN
from kgan.images import repeated, to_float
from kgan.layers import progressive
from kgan.metrics.gap import STEADY, gap
from kgan.recipe import Recipe
from kgan.runs import checkpoints, training_data
from kgan.runs.callbacks import State
from kgan.runs.directory import Run, writing
from kgan.runtime.errors import UserError
from kgan.scoring import doctor

IMAGES = 2500  # most images whose logits are compared, for each of trained on, unseen and generated
CONTROL_IMAGES = 500  # the same, where the probability of augmentation follows, at each tick's end
PART = 250  # most images that D judges at a time
DRAW = -1  # number of this draw of z; training's count from 0


class Gap(NamedTuple):
    """What `D_gap` is measured on: images that D is trained on and real ones that it isn't, as uint8 batches.

    `recipe` says how many a training batch has.
    """

    train: Batch
    unseen: Batch
    recipe: Recipe | None = None

    def measure(self, gan: GAN, steady: float = STEADY) -> float | None:
        """Returns `metrics.gap` of D's logits without augmentation, both networks in inference.

        A fake is generated, by G itself and not by its moving average, for each training image, under its label.
        """
        size = None
        if self.recipe is not None and self.recipe.batch_size is not None:
            parts = gan.distribute_strategy.num_replicas_in_sync * gan.accumulate
            size = self.recipe.phase_of(int(gan.step)).batch_size // parts
        real_logits, fake_logits = [], []
        for rows, new in _parts(gan, len(self.train.images), size):
            real = _part(self.train, rows, gan, real=True)
            fake = gan.fake(latent.key(gan.seed, rows.start, DRAW, 0), real, training=False)
            real_logits.append(_logits(gan, real)[new:])
            fake_logits.append(_logits(gan, fake)[new:])
        return gap(np.concatenate(real_logits), logits(gan, self.unseen, size), np.concatenate(fake_logits), steady)


def logits(gan: GAN, batch: Batch, size: int | None = None, real: bool = True) -> np.ndarray:
    """Returns D's logits, (n,), of uint8 images with what it is told of them: without augmentation, in inference.

    Args:
        gan: whose D it is.
        batch: the images.
        size: how many images each replica's batch has in training, where D compares those of a batch; None: many.
        real: they are no samples: while a resolution fades in they are shown as sharp as in training.
    """
    return np.concatenate([_logits(gan, _part(batch, rows, gan, real))[new:]
                           for rows, new in _parts(gan, len(batch.images), size)])


def _parts(gan: GAN, count: int, size: int | None) -> Iterator[tuple[slice, int]]:
    """Yields rows of `count` that D judges at a time, and how many of them were judged before.

    A D that compares the images of a batch gets groups of as many as in training; the last is filled with earlier ones.
    """
    part, group = PART, 1
    if any(isinstance(layer, progressive.MinibatchStddev) for layer in gan.discriminator.layers):
        group = int(progressive.MinibatchStddev.group(size or progressive.MinibatchStddev.GROUP))
        # Of a multiple of GROUP the layer makes groups of GROUP, so others have to come one at a time.
        part = PART // group * group if group == progressive.MinibatchStddev.GROUP else group
    for start in range(0, count, part):
        end = min(start + part, count)
        first = max(0, start - (start - end) % group)
        yield slice(first, end), start - first


def open_gap(recipe: Recipe, data: training_data.Data, most: int | None = None) -> Gap | None:
    """Returns what `D_gap` is measured on, at most so many of each, else IMAGES.

    The unseen images are `unseen`'s; None where there are none.
    """
    other = unseen(recipe, data, most)
    if other is None:
        return None
    images = data.prepared.images
    known = np.arange(len(images)) if data.chosen is None else data.chosen
    return Gap(_chosen(images, data.labels, known, most), other, recipe)


def open_control(recipe: Recipe, data: training_data.Data) -> "AugmentControl | None":
    """Returns what moves the probability of augmentation; None where nothing does, or each step by itself.

    Raises:
        UserError: it would be moved by images that D is not trained on, and there are none.
    """
    if recipe.augment_target is None or losses.get(recipe.loss or "").threshold is not None:
        return None
    measured = open_gap(recipe, data, CONTROL_IMAGES)
    if measured is None:
        raise UserError(f"augment_target={recipe.augment_target}: with loss={recipe.loss} overfitting is seen in real "
                        f"images that D isn't trained on, which these data don't have; give {cache.HELD_OUT_FROM} "
                        "images or more, of which some are held out, or leave it out.")
    return AugmentControl(measured, recipe)


def unseen(recipe: Recipe, data: training_data.Data, most: int | None = None) -> Batch | None:
    """Returns real images that D is not trained on, so many or IMAGES at most, with what it is told of them.

    They are those held out for scores or, without any, the test images. None: there are no test images either, or none
    of a class that D knows.
    """
    if len(data.held_out):
        return _chosen(data.prepared.images, data.labels, data.held_out, most)
    return _test_images(recipe, data, most)


def _test_images(recipe: Recipe, data: training_data.Data, most: int | None) -> Batch | None:
    try:
        test = cache.prepare_test(data.source, **recipe.image_settings)
    except UserError:  # too few images to hold any out
        return None
    known, numbers = np.arange(len(test.images)), np.zeros(len(test.images), np.int32)
    if data.classes is not None:
        if data.prepared.labels is None or test.labels is None:
            return None
        classes = np.unique(data.prepared.labels)  # sorted, as D's numbers are
        known = np.flatnonzero(np.isin(test.labels, classes))
        numbers = np.searchsorted(classes, test.labels).astype(np.int32)
    if not len(known):
        return None
    labels = numbers
    if data.clusters > 1 and data.labels is not None:
        labels = np.zeros_like(numbers)
        labels[known] = clusters.nearest(test.images[known], data.prepared.images, data.labels, numbers[known],
                                         data.clusters)
    return _chosen(test.images, None if data.labels is None else labels, known, most)


class AugmentControl(keras.callbacks.Callback):
    """Moves the probability of augmentation at the end of each whole tick, where the loss has no threshold.

    Overfitting is then r_v, `metrics.gap` of a few images: their chance takes turns, and the probability moves slowly.
    Where D does not tell training images from generated ones it does not overfit. Stands before what keeps the state.
    """

    def __init__(self, measured: Gap, recipe: Recipe) -> None:
        super().__init__()
        self.measured = measured
        self.recipe = recipe

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Moves it by what the tick's images allow, so that runs that were ended inside of a tick go on as one."""
        step, tick = int(self.model.step), self.recipe.tick or 1
        if step % tick == 0:
            found = self.measured.measure(self.model, steady=0.0)
            images = self.recipe.images_seen(step) - self.recipe.images_seen(step - tick)
            self.model.augment.move(-np.inf if found is None else found, images)


class Warnings:
    """Says what the doctor finds: each verdict when it is new, not again for as long as a look finds it."""

    def __init__(self) -> None:
        self.verdicts: dict[str, set[str]] = {}  # keyed by the kind of look

    def say(self, look: str, step: int, sentences: Mapping[str, str]) -> None:
        """Says those sentences, by verdict, that no look has found before."""
        known = set[str]().union(*self.verdicts.values())
        for verdict, sentence in sentences.items():
            if verdict not in known:
                logging.warning("Step %s: %s", f"{step:,}", sentence)
        self.verdicts[look] = set(sentences)


class MonitorContext(NamedTuple):
    """What all looks at a run share."""

    gap: Gap | None
    warnings: Warnings
    counts: Sequence[int] | None = None  # training images of each class, for a conditional generator
    image_size: int | None = None  # samples are enlarged to this size, the training images'; None: they have it
    slope_weight: float | None = None  # γ of R1 and R2


class SampleMonitor(keras.callbacks.Callback):
    """Looks at samples at the first tick end at or after each multiple of `interval` steps, and says what is wrong.

    Adds the numbers to the tick's logs, so it stands before `Log`.

    Args:
        view: has `count`, the images to draw; `columns` of the log; `measure`, from uint8 images to a number for each
            of them and more; and `real`, such numbers of real images, as far as they are known.
        interval: steps.
        start: step at which the run goes on.
        shared: with other looks.
        turns: from a step to what `interval` counts; None: it counts steps.
    """

    def __init__(self, view: Any, interval: float, start: int, shared: MonitorContext,
                 turns: Callable[[int], float] | None = None) -> None:
        super().__init__()
        self.view = view
        self.interval = interval
        self.turns = turns or float
        self.last = self.turns(start)
        self.shared = shared
        self.columns = (*(() if shared.gap is None else ("D_gap",)), *view.columns)
        self.seconds = 0.0  # duration of the last look

    def expected_seconds(self, step: int) -> float:
        """Returns how long the tick end at `step` will take to be looked at."""
        return self.seconds if self._due(step) else 0.0

    def _due(self, step: int) -> bool:
        return self.turns(step) // self.interval > self.last // self.interval

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks when it is due."""
        step, began = int(self.model.step), time.monotonic()
        if self._due(step):
            count, counts = self.view.count, self.shared.counts
            labels = None if counts is None else latent.proportional_labels(counts, count)
            images = self.model.generate(range(count), labels)
            numbers = self.view.measure(repeated(images, self.shared.image_size or max(images.shape[1:3])))
            logs.update({name: numbers[name] for name in self.view.columns})
            memory = self.shared.gap
            if (memory is not None and len(memory.unseen.images) >= doctor.FEWEST  # of fewer, chance gives the verdict
                    and (remembered := memory.measure(self.model)) is not None):
                logs["D_gap"] = remembered
            self.keep(step, numbers)
            self.shared.warnings.say(type(self).__name__, step, doctor.warn(
                numbers, logs, self.view.real, self.model.adversarial_loss, self.shared.slope_weight))
            self.seconds = time.monotonic() - began
        self.last = self.turns(step)

    def keep(self, step: int, numbers: Mapping[str, Any]) -> None:
        """Does nothing: for looks that keep something."""


class ValidationMonitor(SampleMonitor):
    """Scores samples, and keeps the best checkpoint: that of the lowest number in the view's last column.

    Args:
        view, interval, start, shared: of `SampleMonitor`.
        run: where the best checkpoint goes.
        state: holds what it saves.
    """

    def __init__(self, view: Any, interval: float, start: int, shared: MonitorContext, run: Run, state: State) -> None:
        super().__init__(view, interval, start, shared)
        self.run = run
        self.state = state
        self.best = run.lowest(view.columns[-1])

    def keep(self, step: int, numbers: Mapping[str, Any]) -> None:
        """Keeps the checkpoint when it is the best."""
        if numbers[self.view.columns[-1]] < self.best:
            self.best = numbers[self.view.columns[-1]]
            with writing(self.run):
                checkpoints.save(self.run.best, step, self.state.arrays, newest=1)


def _chosen(images: np.ndarray, labels: np.ndarray | None, indices: np.ndarray, most: int | None) -> Batch:
    """Returns so many, or IMAGES, of the images at `indices`, at random but always the same, and their labels."""
    chosen = np.sort(np.random.default_rng(0).permutation(indices)[:most or IMAGES])
    return Batch(images[chosen], () if labels is None else (labels[chosen],))


def _part(batch: Batch, rows: slice, gan: GAN, real: bool) -> Batch:
    """Returns images as floats of the size that `gan` has reached and, if real, as sharp, and their conditions."""
    images, *conditions = (array[rows] for array in (batch.images, *batch.conditions))
    images = progressive.smaller(to_float(images), gan.generator.output_shape[1])
    if real and (fades := progressive.fades(gan.discriminator)):
        images = progressive.half_sharp(images, fades[0].alpha)
    return Batch(images, tuple(map(keras.ops.convert_to_tensor, conditions)))


def _logits(gan: GAN, batch: Batch) -> np.ndarray:
    inputs = [batch.images, *batch.conditions] if batch.conditions else batch.images
    return gan.discriminator(inputs, training=False).numpy()[:, 0]
