"""A run that is reported on: what is read of its directory, before anything is computed."""

from typing import Any, NamedTuple

from kgan.recipe import Recipe
from kgan.runs import checks, log, scores
from kgan.runs.directory import Run, step_of


class RunFacts(NamedTuple):
    """A run, and what its directory tells."""

    name: str
    run: Run
    recipe: Recipe
    config: dict[str, Any]
    step: int | None  # of the checkpoint that is drawn from; None: there is none
    rows: list[dict[str, float]]  # of log.csv
    scored: int | None  # the last step that was evaluated
    scores: dict[str, Any] | None  # what was found of it
    asked: int | str | None = None  # of which step, as `Run.drawn_step` takes it

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

    @property
    def place(self) -> str:
        """What a command calls the run, without the path to it, which is nobody's business."""
        return self.run.name if self.run.preset else self.run.path.resolve().name


def open_runs(places: list[str], step: int | str | None = None) -> list[RunFacts]:
    """Reads run directories or presets. Their names are those of the directories, numbered where two have the same.

    Raises:
        UserError: one is no run directory, or damaged.
    """
    found = [_open(Run(place), step) for place in places]
    names = [one.name for one in found]
    return [one if names.count(one.name) == 1 else
            one._replace(name=f"{one.name} ({names[:number].count(one.name) + 1})") for number, one in enumerate(found)]


def _open(run: Run, step: int | str | None) -> RunFacts:
    scored = max(map(step_of, run.scores_files()), default=None)
    rows = log.read(run.log_file) if checks.is_inside(run.log_file, run.path) else []
    drawn = run.drawn_step(step)
    if drawn is not None and step is not None:
        run.check_step(drawn)
    subject = RunFacts("", run, run.recipe(), run.config(), drawn, rows, scored,
                      None if scored is None else scores.load(run, scored), step)
    return subject._replace(name=subject.place)
