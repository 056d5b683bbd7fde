"""What is trained for the papers' claims, and what there is of it.

A job is one of kgan's recipes, with a length: that of the paper or, for a comparison that no paper ran, our own. Its
runs are ordinary run directories, RUNS/NAME_SEED, always of the whole length's recipe. Runs may be links to others.
Kept logs and generators under experiments/results count where they are longer than what there is under RUNS.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.papers.claims import MissingError, percent

if TYPE_CHECKING:
    from experiments.papers.lab import Lab

RESULTS = Path(__file__).parents[1] / "results"
KEPT = {  # runs whose logs are kept
    "zhao_likely_0": "long/zhao_likely_seed0", "zhao_ours_0": "long/zhao_ours_seed0",
    "chapagain_0": "long/chapagain_seed0", **{f"li_gan_nn_{seed}": f"long/gan_nn_seed{seed}" for seed in range(4)},
    "alvarez_gan_0": "long/alvarez_gan_seed0", "li_dcgan_0": "dcgan_5x5_mnist", "meher_0": "long/meher_seed0",
}


@dataclasses.dataclass(frozen=True)
class Job:
    """A training. `images` is its whole length and `quick` that of --quick, both in real images seen by D."""

    name: str
    model: str
    images: float
    quick: int
    dataset: str = "mnist"
    seeds: Sequence[int] = (0,)
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    networks: Callable | None = None  # (generator, discriminator) -> the same, changed: no recipe of kgan's
    permuted: bool = False  # the pixels, all images by one permutation
    quick_seeds: int = 1  # of --quick

    def images_per_step(self, stand_in: str | None) -> int:
        """Real images that a step takes."""
        from kgan import models

        fields = {name: value for name, value in self.fields.items() if name in ("batch_size", "d_steps")}
        dataset = None if self.dataset == "cifar10" else stand_in or self.dataset
        return models.recipe(self.model, dataset, self.fields.get("recipe")).override(**fields).images_per_step


class Result:
    """What there is of a job with one seed: its log, and its samples' numbers."""

    def __init__(self, lab: "Lab", job: Job, seed: int) -> None:
        from kgan.runs.directory import Run

        self.lab, self.job, self.seed, self.name = lab, job, seed, f"{job.name}_{seed}"
        self.run = Run(lab.runs / self.name)
        self.cell = read(lab.runs / "cells" / f"{self.name}.json")
        kept = RESULTS / KEPT.get(self.name, "none")
        self.kept = kept if lab.stand_in is None and (kept / "log.csv").is_file() else None
        self.trained = self._length(self.run.path) if self.run.exists() else self.cell.get("images", 0)

    @staticmethod
    def _length(path: Path) -> int:
        """Returns how many real images D has seen in a run, by its log; a closed-form fit has seen all once."""
        from kgan.recipe import Recipe
        from kgan.runs import log

        recipe = Recipe.from_dict(read(path / "config.json")["recipe"])  # also of versions before run directories' own
        rows = log.read(path / "log.csv")
        return int(rows[-1]["step"]) * recipe.images_per_step if rows else 0

    @property
    def exists(self) -> bool:
        """Tells whether anything was trained, or is kept."""
        return self.trained > 0 or self.kept is not None or self.fitted

    @property
    def fitted(self) -> bool:
        """Tells whether this is a model in closed form, which has no log."""
        return self.run.generator_file.is_file() and not self.job.images

    @functools.cached_property
    def longest(self) -> Path:
        """The directory of the longest log: of the run or of what is kept."""
        if self.kept is not None and self._length(self.kept) > self.trained:
            return self.kept
        return self.run.path

    @property
    def images(self) -> int:
        """Real images that D has seen by the longest log."""
        return self.trained if self.longest == self.run.path else self._length(self.longest)

    @functools.cached_property
    def rows(self) -> list[dict[str, float]]:
        """The rows of the longest log."""
        from kgan.runs import log

        if self.cell:
            return self.cell["rows"]
        return log.read(self.longest / "log.csv")

    def share(self, images: float | None = None, whole: float | None = None) -> float | None:
        """Returns which part of the job's length, or of `whole`, was trained; None for a model in closed form."""
        whole = self.job.images if whole is None else whole
        return min(1.0, (self.images if images is None else images) / whole) if whole else None

    @functools.cached_property
    def generator(self) -> Any:
        """The trained generator, a keras.Model.

        Raises:
            MissingError: there is only a log.
        """
        import kgan
        from kgan import models
        from kgan.recipe import Recipe

        arrays = self.longest / "generator_float16.npz"
        if arrays.is_file():
            config = json.loads((self.longest / "config.json").read_text(encoding="utf-8"))
            generator = models.build_generator(Recipe.from_dict(config["recipe"]))
            with np.load(arrays) as archive:
                for number, variable in enumerate(generator.variables):
                    variable.assign(archive[f"{number:03}"].astype(np.float32))
            return generator
        if not (self.trained or self.fitted) or self.cell:
            raise MissingError(f"not measured: no generator of {self.name} is at hand")
        return kgan.load(self.run.path).generator

    def samples(self, count: int) -> np.ndarray:
        """Returns the images of seeds 0 to `count`, uint8; of permuted pixels, put back."""
        from kgan.sampling import generate

        images = generate(self.generator, range(count))
        return self.lab.put_back(images) if self.job.permuted else images

    @property
    def drawn(self) -> int:
        """Real images behind the generator: a kept log has none, then it is the run's."""
        return self.images if (self.longest / "generator_float16.npz").is_file() else self.trained

    @functools.cached_property
    def numbers(self) -> dict[str, Any]:
        """Every number of kgan's about `Lab.count` samples, from the cache where they were measured."""
        if self.cell:
            return self.cell["numbers"]
        name = f"{self.name}@{self.drawn}"
        return self.lab.cached(f"numbers-{name}-{self.lab.benchmark.count}",
                               lambda: self.lab.measure(self.samples(self.lab.benchmark.count)))


def lengths(results: Sequence[Result], *, drawn: bool = True, whole: float | None = None) -> str:
    """Says which runs were measured, and at which length: of what draws, or of the log, as a share of `whole`."""
    def words(one: Result) -> str:
        share = one.share(one.drawn if drawn else one.images, whole)
        kept = one.kept is not None and one.longest == one.kept and (not drawn or one.drawn > one.trained)
        return one.name + ("" if share is None else f" at {percent(share)}") + (" (kept)" if kept else "")

    return "; ".join(map(words, results))


def read(file: Path) -> dict[str, Any]:
    """Returns a JSON file's dictionary; of no file, an empty one.

    Raises:
        UserError: the file holds anything else.
    """
    from kgan.runtime.errors import UserError

    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{file} is no JSON that these commands wrote; remove it, and the command goes on without it.")
    return content
