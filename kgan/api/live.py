"""Training as a notebook shows it: one display with the newest grid, the curves and what is said, put up to date."""

import contextlib
import io
import logging as standard_logging
import sys
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tqdm import TqdmWarning

from kgan.runs import checks, log
from kgan.runs.directory import Run, step_of
from kgan.runtime import screen
from kgan.scoring import doctor

if TYPE_CHECKING:
    import keras

    from kgan.drawing.html import Picture

SECONDS = 2.0  # between updates: drawing them costs about a tenth of that
LINES = 6  # of what was said before, beside all warnings


def in_notebook() -> bool:
    """Tells whether a Jupyter kernel runs this process; nothing is imported to find out."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class Live(standard_logging.Handler):
    """A display that shows what kgan logs and, while a run trains, its state.

    Args:
        title: of the display.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.lines: list[tuple[int, str]] = []  # level and text
        self.bar = io.StringIO()  # what tqdm draws, which nobody sees
        self.run: Run | None = None
        self.done: float | None = None  # share of the steps
        self.state = ""  # step, rate and time left
        self.seen: list[str] = []  # by the doctor, in the log
        self._handle: Any = None
        self._shown = 0.0

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Takes what kgan logs inside the block."""
        with screen.attached(self), warnings.catch_warnings():
            warnings.simplefilter("ignore", TqdmWarning)  # it misses a package for bars that nobody sees
            yield

    def emit(self, record: standard_logging.LogRecord) -> None:
        """Shows a message of kgan's; of others only errors."""
        if screen.concerns_user(record):
            self.lines.append((record.levelno, record.getMessage().strip()))
            self.show()

    def callback(self, run: Run) -> "keras.callbacks.Callback":
        """Returns what shows `run` at its tick ends."""
        import keras

        began: list[tuple[int, float]] = []  # step and time of the first tick's end: compilation is over

        def tick_end(epoch: int, logs: Any = None) -> None:
            step, now = int(callback.model.step), time.monotonic()
            began[:] = began or [(step, now)]
            if self.run is None or now - self._shown >= SECONDS:
                self.run = run
                self._report(step, (step - began[0][0]) / max(now - began[0][1], 1e-9))
                self.show()

        callback = keras.callbacks.LambdaCallback(on_epoch_end=tick_end)
        return callback

    def end(self, run: Run, step: int) -> None:
        """Shows what `run` has come to."""
        self.run, self.done, self.state, self.seen = run, None, f"step {step:,}", []
        self.show()

    def _report(self, step: int, rate: float) -> None:
        """Says how far the run is, at so many steps a second, and what the doctor sees in its log."""
        assert self.run is not None
        recipe = self.run.recipe()
        total = recipe.total_steps(self.run.config()["data"]["images"])
        self.done, self.state = step / total, f"step {step:,} of {total:,}"
        if rate:
            images = recipe.images_seen(step + 1) - recipe.images_seen(step)
            self.state += f", {rate * images:,.0f} images/s, {_clock((total - step) / rate)} left"
        findings = doctor.diagnose({}, doctor.last_rows(log.read(self.run.log_file)), loss=recipe.loss,
                                   weight=recipe.slope_weight)
        self.seen = [f"{finding.verdict}: {finding.evidence}; {finding.advice}." for finding in findings]

    def show(self) -> None:
        """Puts the display up to date."""
        from IPython.display import HTML, display

        content = HTML(self.html())
        if self._handle is None:
            self._handle = display(content, display_id=True)
        else:
            self._handle.update(content)  # in place: nothing jumps
        self._shown = time.monotonic()

    def html(self) -> str:
        """Returns what is shown."""
        from kgan.drawing import html

        title = f"{self.title}: {self.state}" if self.state else self.title
        warnings = [text for level, text in self.lines if level >= standard_logging.WARNING]
        notes = [text for level, text in self.lines if level < standard_logging.WARNING][-LINES:]
        shown = [] if self.run is None else pictures(self.run)
        return html.page(title, shown, [*notes, *warnings, *self.seen], done=self.done)


def pictures(run: Run) -> "list[Picture]":
    """Returns the run's newest grid and its curves."""
    from kgan.drawing import html

    grids = run.sample_files()
    grid = checks.open_grid(grids[-1], run.path) if grids else None
    shown = [] if grid is None else [html.grid(grid, f"seeds from 0, step {step_of(grids[-1]):,}")]
    return [*shown, *html.curves(run.log_file)]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes}:{rest:02} min"
