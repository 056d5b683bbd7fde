"""What fixes the length of a run of some minutes while it trains: see `runs.minutes`."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
from absl import logging

from kgan.gan import GAN
from kgan.runs import checkpoints, devices, log
from kgan.runs.callbacks import Progress
from kgan.runs.directory import Run, writing
from kgan.runs.minutes import SPARE, Fixing, Length

if TYPE_CHECKING:
    from kgan.runs.loop import Training

CALIBRATION_SECONDS = 2.0
END_SECONDS = 1.0  # about what a process takes to end, and a margin


class Clock(keras.callbacks.Callback):
    """Fixes the length of a run of some minutes at tick ends, from the rate since it was fixed before.

    That is after FIRST of the minutes, or of the steps where these are done sooner, then after half of what is left.

    Stands after what looks at the run and before what writes: the rate has the time of looks, grids and checkpoints.

    Args:
        run: whose config.json is written.
        length: of which a resumed run has used the minutes that were planned for its steps.
        start: step at which the run goes on.
        began: seconds on a monotonic clock from which the minutes count.
        tail: returns how many seconds follow the last step, told whether to find out now.
        fixed: is told the length when it was fixed.
    """

    def __init__(self, run: Run, length: Length, start: int, began: float,
                 tail: Callable[[bool], float], fixed: Callable[[Length], None]) -> None:
        super().__init__()
        self.run = run
        self.length = length
        self.seconds = 60.0 * (length.minutes or 0.0)
        first, last = length.fixed_at[0].step, length.fixed_at[-1].steps
        self.zero = began - self.seconds * (start - first) / max(last - first, 1)
        self.left = (self.seconds - tail(False)) * (last - length.fixed_at[-1].step) / max(last - first, 1)  # as fixed
        self.tail = tail
        self.fixed = fixed
        self.since: tuple[float, int] | None = None  # time and step from which the rate is measured
        self.ticks = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self.since = self.since or (time.monotonic(), int(self.model.step))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Fixes the length when it is due."""
        assert self.since is not None
        now, step, (fixed, last) = time.monotonic(), int(self.model.step), self.length.fixed_at[-1]
        self.ticks += 1
        end, due = self.zero + self.seconds, self.length.due(fixed)
        left = end - self.tail(False) - now
        late = left <= (1 - self.length.share) * self.left or step >= min(last, due or last)
        if step > fixed and late and (left > SPARE * self.seconds or step < last):
            rate = (step - self.since[1]) / max(now - self.since[0], 1e-9)
            self.left = end - self.tail(len(self.length.fixed_at) == 2) - time.monotonic()
            steps = step + max(0, round(self.left * rate))
            self.length = self.length.fixed(Fixing(step, steps))
            logging.info("Step %s, %.3g of %.3g minutes: the length is fixed at %s steps.", f"{step:,}",
                         (self.seconds - end + now) / 60, self.seconds / 60, f"{steps:,}")
            with writing(self.run):
                recipe = self.length.applied(self.run.recipe())
                self.run.write_config({**self.run.config(), "recipe": recipe.to_dict(),
                                       "length": self.length.to_dict()})
            self.since = time.monotonic(), step
            self.fixed(self.length)
        elif self.ticks == 1:  # its first step was compiled
            self.since = now, step


def steps_within(gan: GAN, batches: Callable[[], Any], seconds: float) -> int:
    """Returns how many steps take about as long, one at least, measured on steps that are then taken back.

    The steps alone: what looks, grids and checkpoints take comes on top.
    """
    before = gan.state()
    expected = time.monotonic() + seconds

    def fit(steps: int) -> float:
        began = time.monotonic()
        gan.fit(batches(), steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
        return time.monotonic() - began

    fit(2)  # compiles
    count = 8
    while (taken := fit(count)) < CALIBRATION_SECONDS:
        count *= 2
    gan.load_state(before)
    left = max(expected - time.monotonic(), 0.0)
    steps = max(1, round(left / taken * count))
    logging.info("About %s steps in the %.3g minutes that are left; the length is fixed on the way.", f"{steps:,}",
                 left / 60)
    return steps


def clocks(training: "Training", progress: Progress) -> list[keras.callbacks.Callback]:
    """Returns what fixes the length of a run of some minutes, and what then ends `fit`, to be called again."""
    if training.length is None or training.length.minutes is None or devices.is_multiworker(training.strategy):
        return []

    def fixed(length: Length) -> None:
        training.length, training.refit = length, True
        training.recipe = length.applied(training.recipe)
        ends = [end for end in training.grids.ends if end != training.total]
        training.total = length.fixed_at[-1].steps
        training.grids.ends = [*ends, training.total]
        progress.set_total(training.total)

    def tail(rehearse: bool) -> float:
        if rehearse:
            training.tail_seconds = _rehearsed_seconds(training)
        return training.tail_seconds

    def end(epoch: int, logs: Any = None) -> None:
        training.refit = training.refit and not training.gan.stop_training  # else it ends for another reason
        training.gan.stop_training |= training.refit

    clock = Clock(training.run, training.length, training.start, training.clock_began, tail, fixed)
    return [clock, keras.callbacks.LambdaCallback(on_epoch_end=end)]


def _rehearsed_seconds(training: "Training") -> float:
    """Returns how long it takes to write what follows the last step; nobody sees what is written here."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        if training.saving is not None:
            checkpoints.save(Path(place), training.step, training.saving.state.arrays)
        training.save_gif(Path(place, "samples.gif"))
        log.save_plot(training.run.log_file, Path(place, "log.png"))
    return END_SECONDS + time.monotonic() - began
