"""What happens at the ends of ticks while `fit` runs. A Keras epoch is a tick."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from absl import logging

from kgan import images as images_lib
from kgan import latent
from kgan.runs import checkpoints, generators, log
from kgan.runs.directory import Run

WATCHED = 2500  # samples
COLUMNS = 8
GRID_SEEDS = range(64)  # so `python -m kgan.generate --seeds=0-63` draws the same pictures


def grid(generator: keras.Model) -> tuple[Sequence[int], Sequence[int] | None]:
    """Returns the seeds and labels of sample grids, COLUMNS in a row."""
    if len(generator.inputs) < 2:
        return GRID_SEEDS, None
    classes = latent.classes(generator)
    return list(range(COLUMNS)) * classes, [label for label in range(classes) for _ in range(COLUMNS)]


def proportional(counts: Sequence[int] | None, size: int) -> np.ndarray | None:
    """Returns labels in the proportions of `counts`; None where there are none."""
    return None if counts is None else latent.proportional_labels(counts, size)


class State(keras.callbacks.Callback):
    """Holds the state of the last tick end, which is finite: what is saved, and what a dropped tick goes back to.

    Stands before all callbacks that write.
    """

    def __init__(self) -> None:
        super().__init__()
        self.arrays: dict[str, np.ndarray] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Keeps the state to go on from."""
        self.arrays = self.model.state()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keeps the state.

        Raises:
            DivergedError: a loss, a weight or an average is NaN or infinite.
        """
        arrays = self.model.state()
        lost = [name for name, value in logs.items() if name.endswith("loss") and not math.isfinite(value)]
        if lost or checkpoints.not_finite(arrays):
            raise DivergedError(lost[0] if lost else "a weight")
        self.arrays = arrays


class DivergedError(ArithmeticError):
    """Training gave NaN or infinity; the message names what became so."""


class Log(keras.callbacks.Callback):
    """Appends a row to log.csv: step, epoch (passes over the data), the tick's means, and `columns` where known."""

    def __init__(self, run: Run, images_per_epoch: int, images_per_step: int, columns: Sequence[str] = ()) -> None:
        super().__init__()
        self.file = run.log_file
        self.epochs_per_step = images_per_step / images_per_epoch
        self.columns = columns

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the row."""
        step = int(self.model.step)
        row = {"step": step, "epoch": f"{step * self.epochs_per_step:.4f}"}
        row |= {mean.name: f"{float(logs[mean.name]):.6g}" for mean in self.model.means}
        row |= {name: f"{logs[name]:.6g}" if name in logs else "" for name in self.columns}
        log.append(self.file, row)


class SampleGrids(keras.callbacks.Callback):
    """Draws the grid of fixed z at the first tick end at or after each multiple of `interval` steps."""

    def __init__(self, run: Run, interval: float, start: int) -> None:
        super().__init__()
        self.run = run
        self.interval = interval
        self.last = start

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Draws the grid when one is due."""
        step = int(self.model.step)
        if step // self.interval > self.last // self.interval:
            self.draw()
        self.last = step

    def draw(self) -> None:
        """Writes the grid of the present step; a conditional generator's has a row of seeds for each class."""
        seeds, labels = grid(self.model.sampler)
        images_lib.save_grid(self.model.generate(seeds, labels), self.run.sample_file(int(self.model.step)),
                             columns=COLUMNS)


class Evaluation(keras.callbacks.Callback):
    """Scores samples at the first tick end at or after each multiple of `interval` steps; keeps the best checkpoint.

    Adds the numbers to the tick's logs, so it stands before `Log`.

    Args:
        run: where the best checkpoint goes.
        validation: has `count`, the images to draw; `columns`, the last of which decides what is best (lower is
            better); and `measure`, from uint8 images to a number for each column and more.
        interval: steps.
        state: holds what the best checkpoint saves.
        start: step at which the run goes on.
        warn: maps (numbers, logs) to a list of warnings to print.
        counts: training images of each class, for a conditional generator.
    """

    def __init__(self, run: Run, validation: Any, interval: int, state: State, start: int,
                 warn: Callable[[dict, dict], list[str]], counts: Sequence[int] | None = None) -> None:
        super().__init__()
        self.counts = counts
        self.run = run
        self.validation = validation
        self.interval = interval
        self.state = state
        self.last = start
        self.warn = warn
        self.warned: list[str] = []
        self.best = run.lowest(validation.columns[-1])
        self.seconds = 0.0  # that the last score took

    def expected_seconds(self, step: int) -> float:
        """Returns how long the tick end at `step` will take to be scored."""
        return self.seconds if self._due(step) else 0.0

    def _due(self, step: int) -> bool:
        return step // self.interval > self.last // self.interval

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Scores when it is due."""
        step, began = int(self.model.step), time.monotonic()
        if self._due(step):
            count = self.validation.count
            numbers = self.validation.measure(self.model.generate(range(count), proportional(self.counts, count)))
            logs.update({name: numbers[name] for name in self.validation.columns})
            if numbers[self.validation.columns[-1]] < self.best:
                self.best = numbers[self.validation.columns[-1]]
                checkpoints.save(self.run.best, step, self.state.arrays, newest=1)
            warnings = self.warn(numbers, logs)
            for sentence in warnings:
                if sentence.partition(":")[0] not in self.warned:
                    logging.warning("Step %s: %s", f"{step:,}", sentence)
            self.warned = [sentence.partition(":")[0] for sentence in warnings]
            self.seconds = time.monotonic() - began
        self.last = step


class Watching(keras.callbacks.Callback):
    """Looks at samples at the first tick end at or after each multiple of `interval` steps.

    Adds the numbers to the tick's logs, so it stands before `Log`.

    Args:
        watch: has `columns`, and `measure`, from uint8 images to a number for each.
        interval: steps.
        start: step at which the run goes on.
        counts: training images of each class, for a conditional generator.
    """

    def __init__(self, watch: Any, interval: float, start: int, counts: Sequence[int] | None = None) -> None:
        super().__init__()
        self.watch = watch
        self.interval = interval
        self.last = start
        self.counts = counts

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks when it is due."""
        step = int(self.model.step)
        if step // self.interval > self.last // self.interval:
            logs.update(self.watch.measure(self.model.generate(range(WATCHED), proportional(self.counts, WATCHED))))
        self.last = step


class Checkpoints(keras.callbacks.Callback):
    """Saves the run at the first tick end after every `seconds`."""

    def __init__(self, run: Run, state: State, seconds: float, history: int) -> None:
        super().__init__()
        self.run = run
        self.state = state
        self.seconds = seconds
        self.history = history
        self.saved = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Saves when it is time."""
        if time.monotonic() - self.saved >= self.seconds:
            self.save()
            self.saved = time.monotonic()

    def save(self) -> None:
        """Commits a checkpoint of the last tick end, then writes generator.keras.

        Raises:
            OSError: the directory can't be written; the checkpoints before stay.
        """
        checkpoints.save(self.run.checkpoints, int(self.model.step), self.state.arrays, history=self.history)
        generators.save(self.run, self.model.sampler)
