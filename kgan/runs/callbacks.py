"""What `fit` calls: what happens at the ends of ticks, the progress bar, signals, TensorBoard. An epoch is a tick."""

import math
import signal
import threading
import time
from collections.abc import Callable, Collection, Sequence
from types import FrameType
from typing import Any, TextIO

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from PIL import Image

from kgan import images as images_lib
from kgan import sampling
from kgan.recipe import Phase, Recipe
from kgan.runs import checkpoints, generators, log
from kgan.runs.directory import Run, writing
from kgan.runs.mirror import Mirror
from kgan.runtime import screen as screen_lib

COLUMNS = 8
GRACE_SECONDS = 10.0  # a tick that takes longer after a signal is dropped
FORECAST_SECONDS = 3.0  # over which the rate is measured that the first forecast is of
CORRECTED_AT = 0.1  # share of the steps after which a forecast may be corrected
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
    """Saves the run at the first tick end after every `seconds`, and then there what `mirror` mirrors."""

    def __init__(self, run: Run, state: State, seconds: float, history: int, mirror: Mirror | None = None) -> None:
        super().__init__()
        self.run = run
        self.state = state
        self.seconds = seconds
        self.history = history
        self.saved = time.monotonic()
        self.mirror = mirror
        self.took = 0.0  # seconds, the last time

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
        began = time.monotonic()
        with writing(self.run):
            log.flush(self.run.log_file)  # or a power cut may leave a checkpoint without the rows before it
            checkpoints.save(self.run.checkpoints, int(self.model.step), self.state.arrays, history=self.history)
            generators.save(self.run, self.model.sampler)
        if self.mirror is not None:
            self.mirror.update()
        self.took = time.monotonic() - began


class Progress(keras.callbacks.Callback):
    """Shows a bar with images/s and the time left, and after FORECAST_SECONDS the whole run's expected time.

    It is that of the steps alone until a tenth of them is done; then it is said again, if looks and grids make it
    another. Its clock starts after the first, compiling, step. `screen` is where it is drawn; None: where tqdm thinks
    best. Where networks grow, a step takes longer at each resolution, so each has a time of its own.
    """

    def __init__(self, recipe: Recipe, start: int, total: int, screen: TextIO | None = None) -> None:
        super().__init__()
        self.screen = screen
        self.recipe = recipe
        self.start = self.began = self.step = start
        self.total = total
        self.bar: Any = None  # tqdm's; made at the first step
        self.announced: Phase | None = None
        self.expected: float | None = None  # seconds, as said; None: nothing is to be corrected
        self.phase_began = (0, 0.0)  # images and seconds on the bar

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begins a tick."""
        self.began = self.step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar; `batch` is the last of the tick's so far, where a GPU makes several at once."""
        self.step = self.began + batch + 1
        seen = self.recipe.images_seen(self.step)
        if self.bar is None:
            self.bar = screen_lib.bar(file=self.screen, initial=seen, total=self.recipe.images_seen(self.total),
                                  unit=" images", unit_scale=True, smoothing=0.05,
                                  in_notebook=self.screen is None)  # a widget ignores where it is sent
        else:
            self.bar.update(seen - self.bar.n)
            if self.announced is None:
                self._announce(FORECAST_SECONDS)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Shows the tick's means beside the bar."""
        phase = self.recipe.phase_of(self.step)
        if phase.steps is not None:
            share = min(1.0, (self.step - phase.start) / phase.steps)
            what = "fades in" if phase.fade else "alone"
            self.bar.set_description(f"{phase.image_size}×{phase.image_size} {what} {share:.0%}", refresh=False)
        self._announce(0.0)
        if self.expected is not None and self.step - self.start >= CORRECTED_AT * (self.total - self.start):
            seconds = self.bar.format_dict["elapsed"] * (self.total - self.start) / (self.step - self.start)
            if not 0.8 < seconds / self.expected < 1.25 and _duration(seconds) != _duration(self.expected):
                logging.info("With looks, grids and checkpoints, now expected: %s in all.", _duration(seconds))
            self.expected = None
        shown = {mean.name: f"{float(logs[mean.name]):.3f}" for mean in self.model.means[:4]}
        self.bar.set_postfix(shown, refresh=False)

    def _announce(self, least: float) -> None:
        """Says, once in each phase, how long it will take, when that was measured for `least` seconds."""
        phase, (images, seconds) = self.recipe.phase_of(self.step), self.phase_began
        done = self.bar.n - max(images, self.bar.initial)
        if phase == self.announced or not done or (elapsed := self.bar.format_dict["elapsed"] - seconds) < least:
            return
        rate = done / max(elapsed, 1e-9)
        end = self.total if phase.steps is None else min(self.total, phase.start + phase.steps)
        first = max(self.start, phase.start)
        expected = (self.recipe.images_seen(end) - self.recipe.images_seen(first)) / rate
        logging.info("Expected on this machine: %s for %s steps%s, at %s images/s.", _duration(expected),
                     f"{end - first:,}", "" if phase.steps is None else f" at {phase.image_size}×"
                     f"{phase.image_size}", f"{rate:,.0f}")
        self.announced = phase
        self.expected = expected if phase.steps is None else None

    def set_total(self, total: int) -> None:
        """Takes another length of the run, in steps."""
        self.total = total
        self.expected = None
        if self.bar is not None:
            self.bar.total = self.recipe.images_seen(total)

    def close(self) -> float:
        """Ends the bar; returns the images per second, compilation excluded, or 0 after less than two steps."""
        if self.bar is None:
            return 0.0
        elapsed = self.bar.format_dict["elapsed"]
        self.bar.close()
        return (self.bar.n - self.bar.initial) / elapsed if elapsed else 0.0


class Stopped(BaseException):
    """Leaves `fit` in the middle of a tick. No Exception, so that nobody takes it for an error."""


class StopOnSignal(keras.callbacks.Callback):
    """Turns Ctrl-C and SIGTERM into a stop at the end of the tick, or at once where that is too far off.

    Stands first among the callbacks. A second signal is obeyed at once. Outside the main thread signals are left alone.
    """

    def __init__(self, tick_end_seconds: Callable[[int], float] = lambda _: 0.0,
                 together: Callable[[int], int] | None = None) -> None:
        super().__init__()
        self.received: int | None = None
        self.tick_end_seconds = tick_end_seconds  # by a tick's last step: how long its end takes
        self.together = together  # sums what the workers received: all stop where one is to; no tick is dropped
        self._previous: dict[int, Any] = {}
        self._inside = False  # whether a tick is being trained
        self._first = 0  # that tick's first step
        self._began = 0.0

    def __enter__(self) -> "StopOnSignal":
        if threading.current_thread() is not threading.main_thread():
            return self  # Python hands signals to the main thread, whose handlers are the program's around it
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt(number)
        self.received = number
        tracing = tf.inside_function()  # the step is compiled, and the counter of steps can't be read
        if self.together is None and self._inside and not tracing and self._seconds_left() > GRACE_SECONDS:
            raise Stopped
        logging.info("Stopping at the end of this tick; a second signal stops at once.")

    def _seconds_left(self) -> float:
        done = int(self.model.step) - self._first
        each = (time.monotonic() - self._began) / max(done, 1)
        last = self._first + self.params["steps"]
        return each * (self.params["steps"] - done) + self.tick_end_seconds(last)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Starts the tick's clock, unless a signal came before it."""
        if self.received and self.together is None:
            raise Stopped
        self._first, self._began, self._inside = int(self.model.step), time.monotonic(), True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Ends `fit`."""
        self._inside = False
        if self.together is not None and self.together(int(self.received is not None)):
            self.received = self.received or signal.SIGTERM
        if self.received:
            self.model.stop_training = True


class TensorBoard(keras.callbacks.Callback):
    """Writes to WORKDIR/tensorboard, by training step. Needs the package tensorboard. Stands after `SampleGrids`.

    Args:
        run: whose grids are shown.
        recipe: whose fields are the hyperparameters; those that are None are left out.
    """

    def __init__(self, run: Run, recipe: Recipe) -> None:
        super().__init__()
        self.run = run
        self.recipe = {name: value for name, value in recipe.to_dict().items() if value is not None}
        self.writer: Any = None  # made at the first `fit`: a recipe that is refused leaves nothing behind

    def on_train_begin(self, logs: Any = None) -> None:
        """Writes the hyperparameters, once."""
        if self.writer is None:
            from tensorboard.plugins.hparams import api

            self.writer = tf.summary.create_file_writer(str(self.run.path / "tensorboard"))
            with self.writer.as_default(step=int(self.model.step)):
                api.hparams(self.recipe, trial_id=str(self.run.path))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the tick's numbers, and the grid if the run has drawn one."""
        step = int(self.model.step)
        with self.writer.as_default(step=step):
            for name, value in logs.items():
                tf.summary.scalar(name, float(value))
            if (file := self.run.sample_file(step)).exists():
                with Image.open(file) as opened:
                    picture = np.asarray(opened)
                tf.summary.image("samples", picture.reshape(1, *picture.shape[:2], -1))

    def on_train_end(self, logs: Any = None) -> None:
        """Sees to it that the files hold all."""
        self.writer.flush()


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes else "under a minute"
