"""What happens at the ends of ticks while `fit` runs. A Keras epoch is a tick."""

import math
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import keras
import numpy as np

from kgan import images as images_lib
from kgan import sampling
from kgan.recipe import Recipe
from kgan.runs import checkpoints, generators, log
from kgan.runs.directory import Run
from kgan.runs.writing import writing

COLUMNS = 8
GRID_SEEDS = range(64)  # so `kgan generate --seeds=0-63` draws the same pictures


def grid(generator: keras.Model) -> tuple[Sequence[int], Sequence[int] | None]:
    """Returns the seeds and labels of sample grids, COLUMNS in a row."""
    if len(generator.inputs) < 2:
        return GRID_SEEDS, None
    classes = sampling.classes(generator)
    return list(range(COLUMNS)) * classes, [label for label in range(classes) for _ in range(COLUMNS)]


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

    def __init__(self, run: Run, recipe: Recipe, images_per_epoch: int, columns: Sequence[str] = ()) -> None:
        super().__init__()
        self.run = run
        self.recipe = recipe
        self.images_per_epoch = images_per_epoch
        self.columns = columns

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the row."""
        step = int(self.model.step)
        row = {"step": step, "epoch": f"{self.recipe.images_seen(step) / self.images_per_epoch:.4f}"}
        row |= {mean.name: f"{float(logs[mean.name]):.6g}" for mean in self.model.means}
        row |= {name: f"{logs[name]:.6g}" if name in logs else "" for name in self.columns}
        with writing(self.run):
            log.append(self.run.log_file, row)


class SampleGrids(keras.callbacks.Callback):
    """Draws the grid of fixed z at the first tick end at or after each multiple of `interval` steps, and at `ends`.

    Images are enlarged to `image_size`, so that all grids of a run have one size. Stands before `Checkpoints`: what a
    checkpoint follows has been drawn. With `turns`, from a step to a number, multiples are of that number.
    """

    def __init__(self, run: Run, interval: float, start: int, image_size: int, ends: Collection[int] = (),
                 turns: Callable[[int], float] | None = None) -> None:
        super().__init__()
        self.run = run
        self.image_size = image_size
        self.ends = ends
        self.interval = interval
        self.turns = turns or float
        self.last = self.turns(start)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Draws the grid when one is due."""
        step = int(self.model.step)
        if self.turns(step) // self.interval > self.last // self.interval or step in self.ends:
            self.draw()
        self.last = self.turns(step)

    def draw(self) -> None:
        """Writes the grid of the present step; a conditional generator's has a row of seeds for each class."""
        seeds, labels = grid(self.model.sampler)
        images = images_lib.repeated(self.model.generate(seeds, labels), self.image_size)
        with writing(self.run):
            images_lib.save_grid(images, self.run.sample_file(int(self.model.step)), columns=COLUMNS)


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
        with writing(self.run):
            log.flush(self.run.log_file)  # or a power cut may leave a checkpoint without the rows before it
            checkpoints.save(self.run.checkpoints, int(self.model.step), self.state.arrays, history=self.history)
            generators.save(self.run, self.model.sampler)
