"""What happens while `fit` runs. A Keras epoch is a tick; all but the progress bar act at its end only."""

import csv
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import keras
from tqdm import tqdm

from kgan import images as images_lib
from kgan.run import Run

GRID_SEEDS = range(64)  # so `python -m kgan.generate --seeds=0-63` draws the same pictures
CHECKPOINT_SECONDS = 30.0


class Log(keras.callbacks.Callback):
    """Appends a row to log.csv: step, epoch (passes over the data), the tick's means, and `columns` where known."""

    def __init__(self, run: Run, images_per_epoch: int, images_per_step: int, columns: Sequence[str] = ()) -> None:
        super().__init__()
        self.file = run.log_file
        self.epochs_per_step = images_per_step / images_per_epoch
        self.columns = columns

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the row."""
        step = int(self.model.step)
        row = {"step": step, "epoch": f"{step * self.epochs_per_step:.4f}"}
        row |= {mean.name: f"{float(logs[mean.name]):.6g}" for mean in self.model.means}
        row |= {name: f"{logs[name]:.6g}" if name in logs else "" for name in self.columns}
        new = not self.file.exists()
        with self.file.open("a", newline="", encoding="utf-8") as log:
            writer = csv.DictWriter(log, row.keys())
            if new:
                writer.writeheader()
            writer.writerow(row)


class SampleGrids(keras.callbacks.Callback):
    """Draws the grid of fixed z at the first tick end at or after each multiple of `interval` steps."""

    def __init__(self, run: Run, interval: float, start: int) -> None:
        super().__init__()
        self.run = run
        self.interval = interval
        self.last = start

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draws the grid when one is due."""
        step = int(self.model.step)
        if step // self.interval > self.last // self.interval:
            self.draw()
        self.last = step

    def draw(self) -> None:
        """Writes the grid of the present step."""
        images_lib.save_grid(self.model.generate(GRID_SEEDS), self.run.sample_file(int(self.model.step)))


class Evaluation(keras.callbacks.Callback):
    """Scores samples at the first tick end at or after each multiple of `interval` steps; keeps the best checkpoint.

    Adds the numbers to the tick's logs, so it stands before `Log`.

    Args:
        run: where the best checkpoint goes.
        validation: has `count`, the images to draw; `columns`, the last of which decides what is best (lower is
            better); and `measure`, from uint8 images to a number for each column and more.
        interval: steps.
        start: step at which the run goes on.
        warn: from numbers and logs to sentences about trouble that is coming.
    """

    def __init__(self, run: Run, validation: Any, interval: int, start: int,
                 warn: Callable[[dict, dict], list[str]]) -> None:
        super().__init__()
        self.run = run
        self.validation = validation
        self.interval = interval
        self.last = start
        self.warn = warn
        self.warned: list[str] = []
        self.best = run.lowest(validation.columns[-1])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Scores when it is due."""
        step = int(self.model.step)
        if step // self.interval > self.last // self.interval:
            numbers = self.validation.measure(self.model.generate(range(self.validation.count)))
            logs.update({name: numbers[name] for name in self.validation.columns})
            if numbers[self.validation.columns[-1]] < self.best:
                self.best = numbers[self.validation.columns[-1]]
                self.run.save_best(self.model)
            warnings = self.warn(numbers, logs)
            for sentence in warnings:
                if sentence.partition(":")[0] not in self.warned:
                    tqdm.write(f"Step {step:,}: {sentence}", file=sys.stderr)
            self.warned = [sentence.partition(":")[0] for sentence in warnings]
        self.last = step


class Checkpoints(keras.callbacks.Callback):
    """Saves the run at the first tick end after every `seconds`."""

    def __init__(self, run: Run, seconds: float = CHECKPOINT_SECONDS) -> None:
        super().__init__()
        self.run = run
        self.seconds = seconds
        self.saved = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves when it is time."""
        if time.monotonic() - self.saved >= self.seconds:
            self.run.save(self.model)
            self.saved = time.monotonic()


class Progress(keras.callbacks.Callback):
    """Shows a bar with images/s and the time left, and after the first tick the whole run's expected time.

    Its clock starts after the first, compiling, step.
    """

    async_safe = True  # reads no logs between ticks, so `fit` needn't wait for each step

    def __init__(self, start: int, total: int, images_per_step: int) -> None:
        super().__init__()
        self.start = start
        self.total = total
        self.images_per_step = images_per_step
        self.bar: tqdm | None = None
        self.announced = False
        self.lock = threading.Lock()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Moves the bar."""
        with self.lock:  # being async_safe, it may be called from several threads
            if self.bar is None:
                self.bar = tqdm(initial=(self.start + 1) * self.images_per_step,
                                total=self.total * self.images_per_step, unit=" images", unit_scale=True,
                                smoothing=0.05, mininterval=0.5 if sys.stderr.isatty() else 20.0)
            else:
                self.bar.update(self.images_per_step)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Shows the tick's means beside the bar."""
        done = self.bar.n - self.bar.initial
        if done and not self.announced:
            rate = done / self.bar.format_dict["elapsed"]
            steps = self.total - self.start
            expected = _duration(steps * self.images_per_step / rate)
            tqdm.write(f"Expected on this machine: {expected} for {steps:,} steps, at {rate:,.0f} images/s.",
                       file=sys.stderr)
            self.announced = True
        self.bar.set_postfix({mean.name: f"{float(logs[mean.name]):.3f}" for mean in self.model.means}, refresh=False)

    def close(self) -> float:
        """Ends the bar; returns the images per second, compilation excluded, or 0 after less than two steps."""
        if self.bar is None:
            return 0.0
        elapsed = self.bar.format_dict["elapsed"]
        self.bar.close()
        return (self.bar.n - self.bar.initial) / elapsed if elapsed else 0.0


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes else "under a minute"


class StopOnSignal(keras.callbacks.Callback):
    """Turns Ctrl-C into a stop at the end of the tick. A second one is obeyed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.received = False
        self._previous: Any = None

    def __enter__(self) -> "StopOnSignal":
        self._previous = signal.signal(signal.SIGINT, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def _receive(self, _signal: int, _frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = True
        tqdm.write("Stopping at the end of this tick; Ctrl-C again to stop at once.", file=sys.stderr)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Ends `fit`."""
        if self.received:
            self.model.stop_training = True
