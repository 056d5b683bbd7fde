"""The progress bar of training."""

import sys
from typing import Any, TextIO

import keras
from absl import logging
from tqdm import auto, std


class Progress(keras.callbacks.Callback):
    """Shows a bar with images/s and the time left, and after the first tick the whole run's expected time.

    Its clock starts after the first, compiling, step. `screen` is where it is drawn; None: where tqdm thinks best.
    """

    def __init__(self, start: int, total: int, images_per_step: int, screen: TextIO | None = None) -> None:
        super().__init__()
        self.screen = screen
        self.start = start
        self.total = total
        self.images_per_step = images_per_step
        self.bar: Any = None  # of tqdm, from the first step on
        self.announced = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        if self.bar is None:
            tqdm = auto.tqdm if self.screen is None else std.tqdm  # a notebook's bar is a widget, wherever it is sent
            self.bar = tqdm(file=self.screen, initial=(self.start + 1) * self.images_per_step,
                            total=self.total * self.images_per_step, unit=" images", unit_scale=True,
                            smoothing=0.05, mininterval=0.5 if sys.stderr.isatty() else 20.0)
        else:
            self.bar.update(self.images_per_step)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Shows the tick's means beside the bar."""
        done = self.bar.n - self.bar.initial
        if done and not self.announced:
            rate = done / self.bar.format_dict["elapsed"]
            steps = self.total - self.start
            expected = _duration(steps * self.images_per_step / rate)
            logging.info("Expected on this machine: %s for %s steps, at %s images/s.", expected, f"{steps:,}",
                         f"{rate:,.0f}")
            self.announced = True
        shown = {mean.name: f"{float(logs[mean.name]):.3f}" for mean in self.model.means[:4]}
        self.bar.set_postfix(shown, refresh=False)

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
