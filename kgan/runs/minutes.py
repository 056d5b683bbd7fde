"""A run of some minutes: its length is fixed again and again, at tick ends, from the rate since it was fixed before.

config.json keeps each fixing with its step, so that a run that goes on, or is replayed, has the same lengths at the
same steps, and with them the same schedules.
"""

import dataclasses
import math
from typing import Any, NamedTuple

from kgan.recipe import Recipe
from kgan.runs.directory import Run

FIRST = 0.1  # share of the minutes after which the length is fixed first; then it is after half of what is left, …
SPARE = 0.03  # … until no more than this share of them is left
SCALED = ("decay_images", "momentum_images")  # fields of a recipe that keep their share of its length


class Fixing(NamedTuple):
    """From this step on the run has this length, in steps."""

    step: int
    steps: int


@dataclasses.dataclass(frozen=True)
class Length:
    """What config.json says, as `length`, of the length of a run of some minutes."""

    minutes: float | None  # None: another length was given since then, and it is fixed no more
    before: dict[str, int | None]  # steps of the recipe before, and what its SCALED were
    fixed_at: tuple[Fixing, ...] = ()  # the first before the run's first step

    @classmethod
    def of(cls, run: Run) -> "Length | None":
        """Returns what config.json says; None: the run's length was never in minutes."""
        record = run.config().get("length")
        return None if record is None else cls(record.get("minutes"), record["before"],
                                               tuple(Fixing(*pair) for pair in record["fixed_at"]))

    @classmethod
    def begun(cls, minutes: float, recipe: Recipe, images: int) -> "Length":
        """Returns that of a new run over a data set of `images` images, before it is fixed."""
        return cls(minutes, {"steps": recipe.total_steps(images), **{name: getattr(recipe, name) for name in SCALED}})

    def to_dict(self) -> dict[str, Any]:
        """Returns what config.json is to say."""
        return dataclasses.asdict(self) | {"fixed_at": [list(fixing) for fixing in self.fixed_at]}

    def fixed(self, fixing: Fixing) -> "Length":
        """Returns this with one fixing more."""
        return dataclasses.replace(self, fixed_at=(*self.fixed_at, fixing))

    def original(self, recipe: Recipe) -> Recipe:
        """Returns `recipe` with the length and the schedules that it had before."""
        return recipe.override(**self.before)

    def stretch(self, step: int) -> float:
        """Returns by what the lengths of `original`'s schedules are multiplied after `step`."""
        return self._at(step).steps / (self.before["steps"] or 1)

    def applied(self, recipe: Recipe) -> Recipe:
        """Returns `recipe` with the newest length, of which its schedules have the share that they had before."""
        steps = self.fixed_at[-1].steps
        scaled = {name: None if (old := self.before[name]) is None else
                  max(1, round(old * steps / (self.before["steps"] or 1))) for name in SCALED}
        return recipe.override(steps=steps, **scaled)

    def next_fixing(self, step: int) -> int | None:
        """Returns the first step after `step` at which a fixing is recorded; None: there is none."""
        return next((fixing.step for fixing in self.fixed_at if fixing.step > step), None)

    def due(self, step: int) -> int | None:
        """Returns by which step after `step` it is to be fixed again, as planned; None: by none."""
        (first, _), (fixed, last) = self.fixed_at[0], self.fixed_at[-1]
        planned = fixed + max(1, math.ceil(self.share * (last - fixed)))
        return planned if planned > step and last - fixed > SPARE * (last - first) else None

    @property
    def share(self) -> float:
        """Of what is left when it is fixed, how much goes by until it is fixed again."""
        return FIRST if len(self.fixed_at) == 1 else 0.5

    def _at(self, step: int) -> Fixing:
        return next((fixing for fixing in reversed(self.fixed_at) if fixing.step <= step), self.fixed_at[0])
