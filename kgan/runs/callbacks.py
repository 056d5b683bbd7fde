"""What happens while `fit` runs. A Keras epoch is a tick; all but the progress bar act at its end only."""

import csv
import math
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
from kgan.runs import checkpoints
from kgan.runs.directory import Run

GRID_SEEDS = range(64)  # so `python -m kgan.generate --seeds=0-63` draws the same pictures
GRACE_SECONDS = 10.0  # that a tick may still take after a signal


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
        self.seconds = 0.0  # that the last score took

    def expected_seconds(self, step: int) -> float:
        """Returns how long the tick end at `step` will take to be scored."""
        return self.seconds if self._due(step) else 0.0

    def _due(self, step: int) -> bool:
        return step // self.interval > self.last // self.interval

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Scores when it is due."""
        step, began = int(self.model.step), time.monotonic()
        if self._due(step):
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
            self.seconds = time.monotonic() - began
        self.last = step


class Checkpoints(keras.callbacks.Callback):
    """Saves the run at the first tick end after every `seconds`, and stops it where a number is not finite.

    Keeps the state of the last tick end, so that a tick can be dropped.
    """

    def __init__(self, run: Run, seconds: float) -> None:
        super().__init__()
        self.run = run
        self.seconds = seconds
        self.saved = time.monotonic()
        self.state: dict[str, Any] = {}

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Keeps the state to go on from."""
        self.state = self.model.state()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves when it is time.

        Raises:
            DivergedError: a loss, a weight or an average is NaN or infinite.
        """
        state = self.model.state()
        lost = [name for name, value in logs.items() if name.endswith("loss") and not math.isfinite(value)]
        if lost or checkpoints.not_finite(state):
            raise DivergedError(lost[0] if lost else "a weight")
        self.state = state
        if time.monotonic() - self.saved >= self.seconds:
            self.run.save(self.model)
            self.saved = time.monotonic()


class DivergedError(ArithmeticError):
    """Training gave NaN or infinity; the message names what became so."""


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


class Stopped(BaseException):
    """Leaves `fit` in the middle of a tick. No Exception, so that nobody takes it for an error."""


class StopOnSignal(keras.callbacks.Callback):
    """Turns Ctrl-C and SIGTERM into a stop at the end of the tick, or at once where that is too far off.

    Stands first among the callbacks. A second signal is obeyed at once.
    """

    def __init__(self, tick_end_seconds: Callable[[int], float] = lambda _: 0.0) -> None:
        super().__init__()
        self.received: int | None = None
        self.tick_end_seconds = tick_end_seconds  # from the tick's last step to what its end takes
        self._previous: dict[int, Any] = {}
        self._inside = False  # a tick
        self._first = 0  # step of it
        self._began = 0.0

    def __enter__(self) -> "StopOnSignal":
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
        if self._inside and self._seconds_left() > GRACE_SECONDS:
            raise Stopped
        tqdm.write("Stopping at the end of this tick; a second signal stops at once.", file=sys.stderr)

    def _seconds_left(self) -> float:
        done = int(self.model.step) - self._first
        each = (time.monotonic() - self._began) / max(done, 1)
        last = self._first + self.params["steps"]
        return each * (self.params["steps"] - done) + self.tick_end_seconds(last)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Starts the tick's clock, unless a signal came before it."""
        if self.received:
            raise Stopped
        self._first, self._began, self._inside = int(self.model.step), time.monotonic(), True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Ends `fit`."""
        self._inside = False
        if self.received:
            self.model.stop_training = True
