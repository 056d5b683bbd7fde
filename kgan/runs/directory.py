"""The run directory: what is in it, how it is opened, and who may train in it.

Contents::

    config.json      recipe, data, versions             log.csv         a row per tick, `step` first
    samples/         step_000000.png …, reals.png       samples.gif     those grids, in order
    checkpoints/     everything that training changes   generator.keras what other programs load
    best/            the checkpoint of lowest FCD       log.png         the log as curves
    scores/          what was evaluated, by step
"""

import contextlib
import json
import math
import os
import platform
import re
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from absl import logging
from filelock import FileLock, Timeout

from kgan import presets
from kgan.recipe import LENGTH, Recipe, fields
from kgan.runs import checkpoints, checks, log
from kgan.runtime import files
from kgan.runtime.errors import UserError

# Of the run directory. 4 and earlier called clusters kinds; 3 and earlier had no hash of the labels; in 2 `gan` was
# what `gan_maxout` is now; 1 had TensorFlow's checkpoints.
FORMAT = 5
STEP_FILE = re.compile("step_[0-9]{6,15}")  # names of grids and scores
READABLE = (2, 3, 4, 5)


class Run:
    """A run directory, or `preset:NAME`, whose files are verified. Else nothing is read until a method says so.

    `preset` is the name of the preset that it is, else None; `name` is what a user calls the run.

    Raises:
        UserError: there is no such preset, or it is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = presets.resolve(path)
        self.preset = presets.name_of(self.path)
        self.name = str(self.path) if self.preset is None else f"{presets.PREFIX}{self.preset}"
        self.config_file = self.path / "config.json"
        self.log_file = self.path / "log.csv"
        self.samples = self.path / "samples"
        self.reals_file = self.samples / "reals.png"
        self.gif_file = self.path / "samples.gif"
        self.checkpoints = self.path / "checkpoints"
        self.best = self.path / "best"
        self.scores = self.path / "scores"
        self.plot_file = self.path / "log.png"
        self.generator_file = self.path / "generator.keras"

    def exists(self) -> bool:
        """Tells whether a run has been started here."""
        return self.config_file.is_file()

    def create(self, recipe: Recipe, **facts: Any) -> None:
        """Makes the directory and writes config.json: the recipe and `facts`, which must be JSON.

        Raises:
            OSError: the directory can't be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.write_config({"format": FORMAT, "recipe": recipe.to_dict(), **facts})
        except OSError as error:
            raise OSError(f"workdir={str(self.path)!r} can't be written ({error.strerror}); "
                          "choose another --workdir.") from error

    def check_free(self) -> None:
        """Raises UserError when the path can't become a new run: it can't be written, or it holds other things."""
        reason = files.why_not_writable(self.path)
        if reason:
            raise UserError(f"workdir={str(self.path)!r} can't be made: {reason}; choose another --workdir.")
        if self.path.is_dir() and any(not entry.name.startswith(".") for entry in self.path.iterdir()):
            raise UserError(f"workdir={str(self.path)!r} holds files but no config.json; "
                            "choose an empty or new directory as --workdir.")

    def config(self) -> dict[str, Any]:
        """Returns config.json's content: `format`, `recipe`, `data` and `versions`.

        Raises:
            UserError: there is no run here, or config.json is damaged.
        """
        if not self.exists():
            why = "it has no config.json" if self.path.is_dir() else "there is no such directory"
            raise UserError(f"{str(self.path)!r} is not a run directory: {why}; "
                            + (f"the preset is {presets.PREFIX}{self.path}." if str(self.path) in presets.names()
                               else "kgan train makes one."))
        config = checks.read_json(self.config_file)
        if not isinstance(config, dict) or config.get("format") not in READABLE:
            raise UserError(f"{str(self.config_file)!r} is not of this version of kgan: its format is not {FORMAT}.")
        config |= {name: config.get(name, {}) for name in ("data", "versions")}  # in the order of the file
        checks.check_config(config, self.config_file)
        config["data"] = {"origin": "unknown", "images": 0, "left_out": 0, "sha256": None, **config["data"]}
        return config

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replaces config.json."""
        files.write_text(self.config_file, json.dumps(config, indent=2) + "\n")

    def recipe(self) -> Recipe:
        """Returns the recipe of the run. Raises as `config` does."""
        config = self.config()
        stored = config.get("recipe", {})
        if config["format"] == 2 and stored.get("model") == "gan":
            stored = stored | {"model": "gan_maxout"}
        try:
            recipe = Recipe.from_dict(stored)
        except UserError as error:
            raise UserError(f"{str(self.config_file)!r} is not of this version of kgan ({error}).") from error
        counts = config["data"].get("class_counts")
        if counts is not None and recipe.classes not in (None, len(counts)):
            raise UserError(f"{str(self.config_file)!r} is damaged: data.class_counts is of {len(counts)} classes, and "
                            f"the recipe of {recipe.classes}; bring it back from a copy.")
        return recipe

    @property
    def class_names(self) -> list[str] | None:
        """What the classes that the networks are told are called, in the order of their numbers; None: not kept.

        Raises as `config` does.
        """
        names, classes = self.config()["data"].get("class_names"), self.recipe().classes
        kept = isinstance(names, list) and len(names) == classes and all(isinstance(name, str) for name in names)
        return names if kept else None

    def check_same_recipe(self, recipe: Recipe) -> None:
        """Raises UserError when `recipe` differs from that of this run in more than its length and its data's place.

        The sentence shows each difference, and how a new run can go on from this one.
        """
        free = (*LENGTH, *fields("place"))  # the data's hash is compared, not their place
        self._check_fields(recipe, [name for name in fields() if name not in free])

    def check_extended_by(self, recipe: Recipe, images: int) -> None:
        """Allows a longer run of the recipe that this run, over `images` images, was started with.

        Raises:
            UserError: anything else differs, or the run would become shorter; the sentence shows each difference.
        """
        self.check_same_recipe(recipe)
        if recipe.total_steps(images) < self.recipe().total_steps(images):
            self._check_fields(recipe, LENGTH)

    def _check_fields(self, recipe: Recipe, names: Iterable[str]) -> None:
        old, new = self.recipe().to_dict(), recipe.to_dict()
        if differences := [f"{name}={old[name]} not {new[name]}" for name in names if old[name] != new[name]]:
            branch = (f"start a new run from this one: --init_from={shlex.quote(self.name)} --workdir=NEW"
                      if old["loss"] is not None and old["model"] == new["model"] else "choose another --workdir")
            raise UserError(f"this run was started with {', '.join(differences)}; go on without these flags (only a "
                            f"larger --epochs, --steps or --images extends a run), or {branch}.")

    def sample_file(self, step: int) -> Path:
        """Returns where the grid of `step` is kept."""
        return self.samples / f"step_{step:06d}.png"

    def sample_files(self) -> list[Path]:
        """Returns the grids that there are, oldest step first."""
        return _by_step(self.samples, ".png")

    def scores_files(self) -> list[Path]:
        """Returns the scores that there are, oldest step first."""
        return _by_step(self.scores, ".json")

    def scores_file(self, step: int) -> Path:
        """Returns where the scores of `step` are kept."""
        return self.scores / f"step_{step:06d}.json"

    def last_step(self) -> int | None:
        """Returns the step of the newest checkpoint that verifies; None when there is none."""
        return checkpoints.newest(self.checkpoints).step

    def drawn_step(self, step: int | str | None = None) -> int | None:
        """Returns the step of the checkpoint that is drawn from; None: there is none.

        Args:
            step: of a checkpoint; "last": of the newest; None: that in `best/`, and a line says so, else the newest.

        Raises:
            UserError: `step` is neither.
        """
        if step is not None and step != "last":
            if isinstance(step, str) and not (step.isascii() and step.isdecimal()):
                raise UserError(f"step={step!r} is neither the step of a checkpoint nor last.")
            return int(step)
        last = self.last_step()
        best = None if step == "last" else checkpoints.newest(self.best).step
        if best is None or best == last:
            return last
        logging.info("Drawn from %s: step %s, the best so far%s.", self.best, f"{best:,}",
                     "" if last is None else f"; --step=last draws from step {last:,}")
        return best

    def checkpoints_of(self, step: int) -> Path:
        """Returns where the checkpoint of `step` lies: among the newest and the history, else in `best/`."""
        return self.checkpoints if step in checkpoints.steps(self.checkpoints) else self.best

    def logged_step(self) -> int:
        """Returns the last step in log.csv; 1 where there is none, as after a closed-form fit."""
        return int(max((row["step"] for row in log.read(self.log_file)), default=1))

    def lowest(self, column: str) -> float:
        """Returns the lowest number in a column of log.csv; inf when there is none."""
        return min((row[column] for row in log.read(self.log_file) if column in row), default=math.inf)

    def check_step(self, step: int) -> None:
        """Raises UserError when there is no checkpoint of `step`."""
        steps = sorted({*checkpoints.steps(self.checkpoints), *checkpoints.steps(self.best)})
        if step not in steps:
            known = ", ".join(map(str, steps)) or "none"
            raise UserError(f"{self.name!r} has no checkpoint of step {step}; kept steps: {known}.")

    def check_no_preset(self) -> None:
        """Raises UserError when this is a preset, which nobody changes."""
        if self.preset is not None:
            raise UserError(f"{self.name} stays as it is; --init_from={self.name} starts a new run from it, in another "
                            "--workdir.")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds an exclusive lock on the run directory, until the block or the process ends.

        Raises:
            UserError: another process holds it, and the sentence says which; or it is a preset, which nobody changes.
        """
        self.check_no_preset()
        owner = self.path / ".owner"
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            deadline = time.monotonic() + 1.0
            while not owner.exists() and time.monotonic() < deadline:  # it is written just after the lock is had
                time.sleep(0.02)
            holder = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
            raise UserError(f"{str(self.path)!r} is in use by {holder}; wait until it ends, or choose another "
                            "--workdir.") from None
        try:
            files.write_text(owner, f"process {os.getpid()} on {platform.node()}")
            for directory in (self.path, self.samples, self.checkpoints, self.best, self.scores):
                files.sweep(directory)
            yield
        finally:
            lock.release()

    def trim(self, step: int) -> None:
        """Drops log rows, grids, scores and a best checkpoint from after `step`, and what is drawn from them."""
        log.trim(self.log_file, step)
        for path in (*self.sample_files(), *self.scores_files()):
            if step_of(path) > step:
                path.unlink()
        checkpoints.remove(self.best, [later for later in checkpoints.steps(self.best) if later > step])
        for path in (self.gif_file, self.plot_file):
            path.unlink(missing_ok=True)


class NotWrittenError(OSError):
    """The run directory can't be written; the message is a sentence."""


@contextlib.contextmanager
def writing(run: Run) -> Iterator[None]:
    """Says what an OSError inside means: around kgan's own writes into the run directory, and nothing else.

    Raises:
        NotWrittenError: an OSError; the sentence names the checkpoint that is safe.
    """
    try:
        yield
    except NotWrittenError:
        raise
    except OSError as error:
        good = run.last_step()
        raise NotWrittenError(f"workdir={str(run.path)!r} can't be written ({error.strerror or error}); "
                              + ("choose another --workdir." if good is None else f"the checkpoint of step {good:,} is "
                                 "safe: make room, then start the same command again.")) from error


def _by_step(directory: Path, suffix: str) -> list[Path]:
    """Returns the files that kgan has named after a step, oldest first: others, as copies of them, are left alone."""
    files = [path for path in directory.glob(f"step_*{suffix}") if STEP_FILE.fullmatch(path.stem) and path.is_file()]
    return sorted(files, key=step_of)


def step_of(path: Path) -> int:
    """Returns the step in a file's name, as 50 of step_000050.png."""
    return int(path.stem.split("_")[1])
