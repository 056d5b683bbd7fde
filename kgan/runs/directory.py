"""The run directory: what is in it, how it is opened and resumed.

Contents::

    config.json      recipe, data, versions             log.csv         a row per tick, `step` first
    samples/         step_000000.png …, reals.png       samples.gif     those grids, in order
    checkpoints/     everything that training changes   generator.keras what `generate` and `export` read
    best/            the checkpoint of lowest FCD       log.png         the log as curves
"""

import contextlib
import json
import math
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from kgan.recipe import Recipe
from kgan.runs import checkpoints, log
from kgan.runtime import files
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    import keras

    from kgan.gan import GAN

FORMAT = 2  # of the run directory; 1 had TensorFlow's checkpoints
KEEP_CHECKPOINTS = 3
LENGTH = ("epochs", "steps")  # the fields in which a resumed run may differ, upwards
PLACE = ("data", "skip_bad")  # may differ freely: the content's hash is compared instead


class Run:
    """A run directory. Nothing is read or written until a method says so."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.config_file = self.path / "config.json"
        self.log_file = self.path / "log.csv"
        self.samples = self.path / "samples"
        self.reals_file = self.samples / "reals.png"
        self.gif_file = self.path / "samples.gif"
        self.checkpoints = self.path / "checkpoints"
        self.best = self.path / "best"
        self.plot_file = self.path / "log.png"
        self.generator_file = self.path / "generator.keras"

    def exists(self) -> bool:
        """Tells whether a run has been started here."""
        return self.config_file.exists()

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
        obstacle = files.obstacle(self.path)
        if obstacle:
            raise UserError(f"workdir={str(self.path)!r} can't be made: {obstacle}; choose another --workdir.")
        if self.path.is_dir() and any(not entry.name.startswith(".") for entry in self.path.iterdir()):
            raise UserError(f"workdir={str(self.path)!r} holds files but no config.json; "
                             "choose an empty or new directory as --workdir.")

    def config(self) -> dict[str, Any]:
        """Returns config.json's content.

        Raises:
            UserError: there is no run here, or config.json is damaged.
        """
        if not self.exists():
            raise UserError(f"{str(self.path)!r} is not a run directory: it has no config.json; "
                             "python -m kgan.train makes one.")
        try:
            config = json.loads(self.config_file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or nested without end
            raise UserError(f"{str(self.config_file)!r} is damaged ({error}).") from error
        if not isinstance(config, dict) or config.get("format") not in (1, FORMAT):
            raise UserError(f"{str(self.config_file)!r} is not of this version of kgan: its format is not {FORMAT}.")
        return config

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replaces config.json."""
        with files.replacing(self.config_file) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def recipe(self) -> Recipe:
        """Returns the recipe of the run. Raises as `config` does."""
        try:
            return Recipe(**{"optimizer": "adam"} | self.config()["recipe"])  # the only one, before recipes said which
        except (TypeError, KeyError) as error:
            raise UserError(f"{str(self.config_file)!r} is not of this version of kgan ({error}).") from error

    def sample_file(self, step: int) -> Path:
        """Returns where the grid of `step` is kept."""
        return self.samples / f"step_{step:06d}.png"

    def scores_file(self, step: int) -> Path:
        """Returns where the scores of `step` are kept."""
        return self.path / "scores" / f"step_{step:06d}.json"

    def save_scores(self, step: int, scores: Mapping[str, Any]) -> None:
        """Keeps what an evaluation of `step` found, JSON with a `count` of images, in place of one of no more."""
        file = self.scores_file(step)
        before = None
        with contextlib.suppress(UserError):  # a damaged file is replaced
            before = self.scores(step)
        if before is not None and before["count"] > scores["count"]:
            print(f"Note: the run keeps its scores of {before['count']:,} images.", file=sys.stderr)
            return
        file.parent.mkdir(exist_ok=True)
        with files.replacing(file) as temporary:
            temporary.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")

    def scores(self, step: int) -> dict[str, Any] | None:
        """Returns what was kept of `step`; None when it wasn't evaluated. Raises UserError when it is damaged."""
        file = self.scores_file(step)
        if not file.exists():
            return None
        try:
            scores = json.loads(file.read_text(encoding="utf-8"))
            return {name: scores[name] for name in ("protocol", "notes", "numbers", "yardsticks", "verdict", "count")}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UserError(f"{str(file)!r} is damaged ({error}); remove it, or evaluate again.") from error

    def sample_files(self) -> list[Path]:
        """Returns the grids that there are, oldest step first."""
        return sorted(self.samples.glob("step_*.png"), key=lambda path: int(path.stem.split("_")[1]))

    def save(self, gan: "GAN") -> None:
        """Commits a checkpoint of everything that training changes, then writes generator.keras.

        Raises:
            ValueError: a number is not finite.
            OSError: the directory can't be written; the checkpoints before stay.
        """
        checkpoints.save(self.checkpoints, int(gan.step), gan.state(), KEEP_CHECKPOINTS)
        self.save_generator(gan.sampler)

    def save_best(self, gan: "GAN") -> None:
        """Keeps a checkpoint of the present step as the best one, in place of the one before."""
        checkpoints.save(self.best, int(gan.step), gan.state(), keep=1)

    def save_generator(self, generator: "keras.Model") -> None:
        """Writes generator.keras, in Keras' own layers where it can: it loads without kgan then."""
        from kgan import kernels

        with files.replacing(self.generator_file) as temporary:
            kernels.plain(generator).save(temporary)

    def restore(self, gan: "GAN") -> int:
        """Puts the newest checkpoint that verifies into a compiled `gan`; returns its step, 0 when there is none.

        Newer ones are damaged: they are named on the screen and removed. The caller holds the lock.
        """
        step, damaged = checkpoints.newest(self.checkpoints)
        for number, reason in damaged.items():
            print(f"The checkpoint of step {number:,} is damaged ({reason}) and left out.", file=sys.stderr)
        if damaged and step is None:
            raise UserError(f"every checkpoint in {str(self.checkpoints)!r} is damaged; bring one back from a copy, or "
                            "choose another --workdir.")
        if step is not None:
            gan.load_state(checkpoints.load(self.checkpoints, step, gan.shapes))
        for number in damaged:
            shutil.rmtree(self.checkpoints / f"{checkpoints.PREFIX}{number}")
        return int(gan.step)

    def last_step(self) -> int | None:
        """Returns the step of the newest checkpoint that verifies; None when there is none."""
        return checkpoints.newest(self.checkpoints).step

    def logged_step(self) -> int:
        """Returns the last step in log.csv; 1 where there is none, as after a closed-form fit."""
        return int(max((row["step"] for row in log.read(self.log_file)), default=1))

    def check_step(self, step: int) -> None:
        """Raises UserError when there is no checkpoint of `step`."""
        found = sorted({*checkpoints.steps(self.checkpoints), *checkpoints.steps(self.best)})
        if step not in found:
            known = f"there are {', '.join(map(str, found))}" if found else "it has none"
            raise UserError(f"{str(self.path)!r} has no checkpoint of step {step}: {known}.")

    def restore_generator(self, generator: "keras.Model", step: int, *, ema: bool) -> None:
        """Puts a checkpoint's generator, or the moving average of it, into `generator`, built from this recipe.

        Raises:
            UserError: the checkpoint is damaged, or of other networks.
        """
        directory = self.checkpoints if step in checkpoints.steps(self.checkpoints) else self.best
        variables = {f"{'ema_generator' if ema else 'generator'}/{number:03}": variable
                     for number, variable in enumerate(generator.variables)}
        try:
            state = checkpoints.load(directory, step, {name: v.shape for name, v in variables.items()})
        except ValueError as error:
            raise UserError(f"{error}; choose another --step.") from error
        for name, variable in variables.items():
            variable.assign(state[name])

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Holds the run directory for this process alone, until the block or the process ends.

        Raises:
            UserError: another process holds it; the sentence says which.
        """
        owner = self.path / ".owner"
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
            raise UserError(f"{str(self.path)!r} is in use by {holder}; wait until it ends, or choose another "
                            "--workdir.") from None
        try:
            with files.replacing(owner) as temporary:
                temporary.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
            for directory in (self.path, self.samples, self.checkpoints, self.best, self.scores_file(0).parent):
                files.sweep(directory)
            yield
        finally:
            lock.release()

    def lowest(self, column: str) -> float:
        """Returns the lowest number in a column of log.csv; inf when there is none."""
        return min((row[column] for row in log.read(self.log_file) if column in row), default=math.inf)

    def trim(self, step: int) -> None:
        """Drops log rows, grids and scores from after `step`, torn rows, and what is drawn from them."""
        log.trim(self.log_file, step)
        for path in (*self.sample_files(), *self.scores_file(0).parent.glob("step_*.json")):
            if int(path.stem.split("_")[1]) > step:
                path.unlink()
        for path in (self.gif_file, self.plot_file):
            path.unlink(missing_ok=True)

    def check_generator(self) -> None:
        """Raises UserError when the run has not saved generator.keras yet."""
        if not self.generator_file.exists():
            raise UserError(f"{str(self.path)!r} has no generator.keras yet: it appears with the first "
                             "checkpoint; let the training run on, or start it again.")

    def load_generator(self, generator: "keras.Model") -> None:
        """Puts generator.keras' weights into `generator`, built from this run's recipe. No code in the file runs.

        Raises:
            UserError: the file is damaged, of another network, or declares more than that has room for.
        """
        try:
            checkpoints.check_declared(self.generator_file, 16 * generator.count_params() + 2**20)
            generator.load_weights(self.generator_file)
        except Exception as error:  # zip, HDF5 and Keras raise nearly anything on damaged files
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise UserError(f"{str(self.generator_file)!r} can't be loaded ({reason}); bring it back from a copy, or "
                            "train anew.") from error


def check_resume(stored: Recipe, asked: Recipe, images: int) -> None:
    """Allows a longer run of the same recipe.

    Raises:
        UserError: anything else differs, or the run would become shorter; the sentence shows each difference.
    """
    old, new = stored.to_dict(), asked.to_dict()
    changed = [name for name in old if name not in LENGTH + PLACE and old[name] != new[name]]
    if not changed and asked.total_steps(images) < stored.total_steps(images):
        changed = [name for name in LENGTH if old[name] != new[name]]
    if changed:
        differences = ", ".join(f"{name}={old[name]} not {new[name]}" for name in changed)
        raise UserError(f"this run was started with {differences}; go on without these flags, "
                         "or choose another --workdir (only a longer --epochs or --steps extends a run).")
