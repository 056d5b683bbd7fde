"""Where the papers' claims are measured: trains the runs that they need, as far as time allows, and scores them.

Training stops at the quick length or at the end of the time, and the same command goes on from there.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.papers.claims import MissingError
from experiments.papers.jobs import Job, Result, read
from kgan.runtime import files

STEPS_OF_CELLS = 50  # between log rows of networks that are no recipe's


class Lab:
    """The runs and the data. `quick` shortens what is trained, `minutes` bounds its time.

    Where there is no MNIST, scikit-learn's digits stand in, and `stand_in` says so.
    """

    def __init__(self, jobs: Sequence[Job], runs: Path, *, quick: bool = False, count: int = 2000,
                 figures: Path | None = None, cifar10: str | None = None) -> None:
        self.jobs = {job.name: job for job in jobs}
        self.runs, self.quick, self.count, self.figures, self.cifar10 = runs, quick, count, figures, cifar10
        self.seconds: dict[str, Any] = read(runs / "cells" / "seconds.json")  # of runs: {"images": …, "seconds": …}
        self.needs = 0.0  # share of the length that the claim at hand needs: less isn't worth a long measurement
        self.notes: list = []  # of training: (run or None, sentence)

    @functools.cached_property
    def stand_in(self) -> str | None:
        """What stands in for MNIST; None: nothing."""
        from kgan.data.source_types import UnavailableError
        from kgan.data.sources import locate

        try:
            if not locate("mnist").ready:
                raise UnavailableError("not on the disk")
        except UnavailableError:
            return "digits"
        return None

    @functools.cached_property
    def benchmark(self) -> Any:
        """What samples are compared with: `count` test images, by the judge."""
        from kgan.data.sources import locate
        from kgan.scoring.benchmark import open_benchmark

        found = open_benchmark(locate(self.stand_in or "mnist"), image_size=28, channels=1, count=self.count)
        found.subsets = 20  # of KID: its spread is not used here
        self.count = found.count
        return found

    @functools.cached_property
    def real(self) -> dict[str, Any]:
        """The numbers of real training images: the floor."""
        return self.cached(f"real-{self.stand_in or 'mnist'}-{self.benchmark.count}", self.benchmark.floor)

    def measure(self, images: np.ndarray) -> dict[str, Any]:
        """Returns every number about images, as many as the benchmark has."""
        return self.benchmark.measure(images[:self.benchmark.count])

    def cached(self, name: str, measure: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Returns what `measure` gives, JSON, from RUNS/cells/JUDGE where it was measured before."""
        from kgan.scoring.table import json_safe

        file = self.runs / "cells" / self.benchmark.judges[0].sha256[:8] / f"{name}.json"
        if not file.is_file():
            files.write_json(file, json_safe(dict(measure())))
        return read(file)

    def results(self, name: str, *, generators: bool = False) -> list[Result]:
        """Returns what there is of a job, by seed; with `generators`, only what can draw.

        Raises:
            MissingError: nothing.
        """
        job = self.jobs[name]
        found = [one for one in (Result(self, job, seed) for seed in job.seeds) if one.exists]
        if generators:
            found = [one for one in found if one.drawn or one.fitted]
        if found:
            return found
        if self.kept_only(job):
            raise MissingError("CIFAR-10 is needed: --cifar10=PATH of a folder or zip", never=True)
        raise MissingError(f"not measured: nothing of {name} is trained yet")

    def shown(self, name: str) -> Result:
        """Returns the first result of a job that can draw."""
        return self.results(name, generators=True)[0]

    def kept_only(self, job: Job) -> bool:
        """Tells whether a job can't be trained here."""
        return job.dataset == "cifar10" and self.cifar10 is None

    @functools.cached_property
    def permutation(self) -> np.ndarray:
        """One permutation of 28×28 pixels, always the same."""
        return np.random.default_rng(0).permutation(28 * 28)

    def put_back(self, images: np.ndarray) -> np.ndarray:
        """Returns images, (n, 28, 28, 1), whose pixels were permuted, as they were."""
        return images.reshape(len(images), -1)[:, np.argsort(self.permutation)].reshape(images.shape)

    def permuted_file(self) -> Path:
        """Writes the training images with their pixels permuted as an .npz that kgan reads; returns where it is."""
        file = self.runs / f"permuted_{self.stand_in or 'mnist'}.npz"
        if not file.is_file():
            images = self.benchmark.train.images
            file.parent.mkdir(parents=True, exist_ok=True)
            flat = images.reshape(len(images), -1)[:, self.permutation]
            np.savez_compressed(file, images=flat.reshape(images.shape[:3]))
        return file

    def train(self, minutes: float | None) -> None:
        """Trains what is missing, up to `minutes` in all; None: without a bound.

        Quick: each run for its part of the time that is left. Else the shortest first, each to its length. A run that
        diverges, or that another process trains, is left at the length that it has, with a note.
        """
        wanted = [(job, seed) for job in self.jobs.values() if not self.kept_only(job)
                  for seed in job.seeds[:job.quick_seeds if self.quick else None]]
        wanted = [pair for pair in sorted(wanted, key=lambda pair: (pair[1], self.target(pair[0])))
                  if not self.complete(*pair)]
        end = None if minutes is None else time.monotonic() + 60 * minutes
        for number, (job, seed) in enumerate(wanted):
            left = None if end is None else (end - time.monotonic()) / (len(wanted) - number if self.quick else 1)
            if left is not None and left <= 0:
                self.notes.append((None, "The time for training was used up: runs have the lengths that they reached."))
                return
            self.train_one(job, seed, left)

    def target(self, job: Job) -> float:
        """Returns up to how many images a job is trained."""
        return min(job.quick, job.images) if self.quick else job.images

    def complete(self, job: Job, seed: int) -> bool:
        """Tells whether a run has its length."""
        result = Result(self, job, seed)
        recipe_steps = 1 if not result.run.exists() or not job.images else result.run.recipe().images_per_step
        return result.fitted or (bool(job.images) and result.trained > self.target(job) - recipe_steps)

    def train_one(self, job: Job, seed: int, seconds: float | None) -> None:
        """Trains a run to its length, or for `seconds`, and notes the time that it took."""
        import keras

        import kgan
        from kgan.runtime.errors import UserError

        name, began, before = f"{job.name}_{seed}", time.monotonic(), self.seconds_of(Result(self, job, seed))
        print(f"{name}: to {self.target(job):,.0f} images"
              + (f", for at most {seconds:.0f} s" if seconds is not None else ""), flush=True)
        keras.backend.clear_session()
        try:
            if job.networks is not None:
                train_cell(self, job, seed, seconds)
            else:
                given = {} if (self.runs / name / "config.json").is_file() else self.fields(job, seed)
                kgan.fit(workdir=self.runs / name, callbacks=self.until(job, seconds),
                         **given)
        except UserError as error:
            self.notes.append((name, f"{name}: {error}"))
            print(self.notes[-1][1], flush=True)
        if before is not None:
            self.seconds[name] = {"images": Result(self, job, seed).trained,
                                  "seconds": round(before + time.monotonic() - began, 1)}
        files.write_json(self.runs / "cells" / "seconds.json", self.seconds)

    def seconds_of(self, result: Result) -> float | None:
        """Returns how long a run was trained by these commands; None where a part of it was trained by others."""
        known = self.seconds.get(result.name)
        if isinstance(known, dict) and known["images"] == result.trained:
            return known["seconds"]
        return None if result.trained else 0.0

    def fields(self, job: Job, seed: int) -> dict[str, Any]:
        """Returns what `kgan.fit` is given for a new run: model, data, the whole length, the job's own fields."""
        data = (self.permuted_file() if job.permuted else self.cifar10 if job.dataset == "cifar10"
                else self.stand_in or job.dataset)
        length = {"images": int(job.images)} if job.images else {}
        adversarial = {"precision": "float32"} if job.images else {}
        return {"model": job.model, "data": str(data), "seed": seed, **adversarial, **length, **job.fields}

    def until(self, job: Job, seconds: float | None) -> list:
        """Returns the callback that stops at the job's length, or after `seconds`."""
        import keras

        if not job.images:
            return []
        each = job.images_per_step(self.stand_in)
        deadline, target = None if seconds is None else time.monotonic() + seconds, self.target(job)

        class Until(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                if int(self.model.step) * each >= target or (deadline is not None and time.monotonic() > deadline):
                    self.model.stop_training = True

        return [Until()]

    def command(self, job: Job, seed: int) -> str:
        """Returns the kgan command that makes the same run, as a whole."""
        if job.networks is not None:
            return "changed networks, which no command makes: see `networks` in the script"
        data = ("--data=PERMUTED.npz" if job.permuted else "--data=CIFAR10" if job.dataset == "cifar10"
                else f"--dataset={self.stand_in or job.dataset}")
        given = {name: value for name, value in self.fields(job, seed).items() if name not in ("model", "data")}
        flags = "".join(f" --{name}={value}" for name, value in given.items())
        return f"kgan train --model={job.model} {data}{flags} --workdir=runs/papers/{job.name}_{seed}"


def train_cell(lab: Lab, job: Job, seed: int, seconds: float | None) -> None:
    """Trains networks that are no recipe's in one go and keeps their log and numbers, RUNS/cells/NAME_SEED.json."""
    from kgan import models
    from kgan.data.sources import locate
    from kgan.data.stream import stream
    from kgan.runs.build import build_gan
    from kgan.runs.training_data import prepare

    recipe = models.recipe(job.model, lab.stand_in or job.dataset, job.fields.get("recipe")).override(
        seed=seed, dataset=lab.stand_in or job.dataset)
    images = prepare(locate(lab.stand_in or job.dataset), recipe).prepared.images
    gan = build_gan(recipe, networks=job.networks(*models.build(recipe)))
    steps, deadline, rows = int(lab.target(job) / recipe.images_per_step), seconds, []
    began = time.monotonic()
    while int(gan.step) < steps and (deadline is None or time.monotonic() - began < deadline):
        size = min(STEPS_OF_CELLS, steps - int(gan.step))
        found = gan.fit(stream(images, batch_size=recipe.images_per_step, seed=seed, start=int(gan.step)),
                        steps_per_epoch=size, epochs=1, shuffle=False, verbose=0)
        rows.append({"step": int(gan.step)} | {name: float(values[-1]) for name, values in found.history.items()})
    from kgan.scoring.table import json_safe

    seen, file = int(gan.step) * recipe.images_per_step, lab.runs / "cells" / f"{job.name}_{seed}.json"
    if seen > read(file).get("images", 0):  # it begins anew, and may have had less time than before
        numbers = lab.measure(gan.generate(range(lab.benchmark.count)))
        files.write_json(file, json_safe({"images": seen, "rows": rows, "numbers": numbers}))
