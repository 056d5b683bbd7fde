"""The progress bar of training."""

import sys
from typing import Any, TextIO

import keras
from absl import logging
from tqdm import auto, std

from kgan.recipe import Phase, Recipe


class Progress(keras.callbacks.Callback):
    """Shows a bar with images/s and the time left, and after the first tick the whole run's expected time.

    Its clock starts after the first, compiling, step. `screen` is where it is drawn; None: where tqdm thinks best.
    Where networks grow, a step takes longer at each resolution: the time is told for each.
    """

    def __init__(self, recipe: Recipe, start: int, total: int, screen: TextIO | None = None) -> None:
        super().__init__()
        self.screen = screen
        self.recipe = recipe
        self.start = self.began = self.step = start
        self.total = total
        self.bar: Any = None  # of tqdm, from the first step on
        self.announced: Phase | None = None
        self.phase_began = (0, 0.0)  # images and seconds on the bar

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begins a tick."""
        self.began = self.step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar; `batch` is the last of the tick's so far, where a GPU makes several at once."""
        self.step = self.began + batch + 1
        seen = self.recipe.images_seen(self.step)
        if self.bar is None:
            tqdm = auto.tqdm if self.screen is None else std.tqdm  # a notebook's bar is a widget, wherever it is sent
            self.bar = tqdm(file=self.screen, initial=seen,
                            total=self.recipe.images_seen(self.total), unit=" images", unit_scale=True,
                            smoothing=0.05, mininterval=0.5 if sys.stderr.isatty() else 20.0)
        else:
            self.bar.update(seen - self.bar.n)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Shows the tick's means beside the bar."""
        phase, (images, seconds) = self.recipe.phase_of(self.step), self.phase_began
        elapsed = self.bar.format_dict["elapsed"]
        done = self.bar.n - max(images, self.bar.initial)
        if phase.steps is not None:
            share = min(1.0, (self.step - phase.start) / phase.steps)
            what = "fades in" if phase.fade else "alone"
            self.bar.set_description(f"{phase.image_size}×{phase.image_size} {what} {share:.0%}", refresh=False)
        if done and phase != self.announced:
            rate = done / max(elapsed - seconds, 1e-9)
            end = self.total if phase.steps is None else min(self.total, phase.start + phase.steps)
            first = max(self.start, phase.start)
            expected = _duration((self.recipe.images_seen(end) - self.recipe.images_seen(first)) / rate)
            logging.info("Expected on this machine: %s for %s steps%s, at %s images/s.", expected,
                         f"{end - first:,}", "" if phase.steps is None else f" at {phase.image_size}×"
                         f"{phase.image_size}", f"{rate:,.0f}")
            self.announced = phase
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
