"""Ctrl-C and SIGTERM while `fit` runs: the tick is finished or dropped, and nothing is lost."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import keras
from absl import logging

GRACE_SECONDS = 10.0  # that a tick may still take after a signal


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
        self.tick_end_seconds = tick_end_seconds  # from the tick's last step to what its end takes
        self.together = together  # sums what the workers received: all stop where one is to; no tick is dropped
        self._previous: dict[int, Any] = {}
        self._inside = False  # a tick
        self._first = 0  # step of it
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
        if self.together is None and self._inside and self._seconds_left() > GRACE_SECONDS:
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
