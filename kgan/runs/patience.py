"""When it is enough: looks at a run that found nothing better than looks before."""

from typing import Any

import keras
from absl import logging

from kgan.recipe import Recipe
from kgan.runs import log
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError
from kgan.scoring.doctor import MEMORISED

GAP = "D_gap"
LOOKS = 20  # evaluations of a run for which nobody said how often


class Patience(keras.callbacks.Callback):
    """Ends training when the last `looks` numbers in a column of the log are no lower than one before them.

    Stands after what looks. The log is all of its state, so a run that goes on ends at the same step. A `D_gap` that
    isn't above the doctor's limit counts as lowest: nothing is remembered yet.

    Args:
        run: whose log it is.
        looks: how many.
        column: lower is better.
        start: step at which the run goes on.
    """

    def __init__(self, run: Run, looks: int, column: str, start: int) -> None:
        super().__init__()
        self.looks = looks
        self.column = column
        self.seen = [(int(row["step"]), self._value(row[column])) for row in log.read(run.log_file)
                     if column in row and row["step"] <= start]

    def _value(self, number: float) -> float:
        number = float(f"{number:.6g}")  # as in the log
        return max(number, MEMORISED) if self.column == GAP else number

    @property
    def enough(self) -> str | None:
        """Why it is enough, a sentence; None: it isn't."""
        if not self.seen:
            return None
        number, (step, lowest) = min(enumerate(self.seen), key=lambda look: (look[1][1], -look[0]))
        if len(self.seen) - 1 - number < self.looks:
            return None
        if self.column == GAP:
            return f"Enough now: in {self.looks} looks {GAP} was above {lowest:.3g}, as of step {step:,}."
        return f"Enough now: {self.looks} looks found no lower {self.column} than {lowest:.4g}, of step {step:,}."

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ends training when it is enough."""
        if self.column in logs:
            self.seen.append((int(self.model.step), self._value(logs[self.column])))
            if self.enough:
                logging.info("%s", self.enough)
                self.model.stop_training = True


def with_looks(run: Run, recipe: Recipe, images: int, fixed: bool) -> Recipe:
    """Returns a new run's recipe with evaluations, as patience counts them and nobody said how often.

    Args:
        run: the directory.
        recipe: without any looks.
        images: of the data set.
        fixed: the length is known; else how often follows it.

    Raises:
        UserError: the run exists, and has no looks.
    """
    if run.exists():
        raise UserError("--patience counts looks, and this run has none: it was started without --evaluate_every and "
                        "--watch_every; leave --patience out, or start another --workdir.")
    every = look_every(recipe, recipe.total_steps(images))
    logging.info("--patience counts evaluations: --evaluate_every=%s chosen.",
                 every if fixed else f"a {LOOKS}th of the length")
    return recipe.override(evaluate_every=every)


def look_every(recipe: Recipe, steps: int) -> int:
    """Returns after how many steps, in whole ticks, a run of `steps` is evaluated about LOOKS times."""
    tick = recipe.tick or 1
    return max(1, steps // (LOOKS * tick)) * tick
