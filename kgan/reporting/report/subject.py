"""A run that is reported on: what is read of its directory, before anything is computed."""

from pathlib import Path
from typing import Any, NamedTuple

from kgan.recipe import Recipe
from kgan.runs import log, scores
from kgan.runs.directory import Run, step_of


class Subject(NamedTuple):
    """A run, and what its directory tells."""

    name: str
    run: Run
    recipe: Recipe
    config: dict[str, Any]
    step: int | None  # of the newest checkpoint; None: there is none
    rows: list[dict[str, float]]  # of log.csv
    scored: int | None  # the last step that was evaluated
    scores: dict[str, Any] | None  # what was found of it

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.recipe.total_steps(self.config["data"]["images"])

    @property
    def reached(self) -> int:
        """The last step that the directory tells of."""
        logged = (int(row["step"]) for row in self.rows)
        return max(self.step or 0, 0 if self.recipe.adversarial else 1, *logged, 0)

    @property
    def drawn_at(self) -> int | None:
        """The step of the generator that is drawn from; None: there is none yet."""
        return 1 if self.step is None and self.run.generator_file.is_file() else self.step


def open_subjects(places: list[str]) -> list[Subject]:
    """Reads run directories or presets. Their names are those of the directories; paths, where two have the same.

    Raises:
        UserError: one is no run directory, or damaged.
    """
    runs = [Run(place) for place in places]
    short = [run.name if run.preset else run.path.resolve().name for run in runs]
    return [_open(run, run.name if short.count(name) > 1 else name) for run, name in zip(runs, short, strict=True)]


def _open(run: Run, name: str) -> Subject:
    scored = max(map(step_of, run.scores_files()), default=None)
    return Subject(name, run, run.recipe(), run.config(), run.last_step(), log.read(run.log_file), scored,
                   None if scored is None else scores.load(run, scored))


def place(subject: Subject) -> str:
    """Returns what a command calls the run."""
    return subject.run.name if subject.run.preset else str(Path(subject.run.path))
