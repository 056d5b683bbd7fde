"""A generator in a `.keras` file or a SavedModel, which a run can begin with, beside a new discriminator."""

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kgan import presets
from kgan.recipe import Recipe
from kgan.runs import generators
from kgan.runs.directory import Run
from kgan.runs.imports import load
from kgan.runtime import files
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    from kgan.gan import GAN

WARMUP = 200  # steps in which the new discriminator learns against the generator as it is, where none are given
TUNING_RATE = 0.5  # factor on the rates at which a trained generator is trained on, where none are given
LENGTH = 100_000  # images, where networks that grow would grow and no length is given


def slower(recipe: Recipe) -> dict[str, float]:
    """Returns TUNING_RATE of a recipe's rates, by field."""
    return {name: TUNING_RATE * getattr(recipe, name) for name in ("g_learning_rate", "d_learning_rate")}


class Weights(NamedTuple):
    """A file that holds a generator. It has the parts of `branch.Branch` that training asks for."""

    path: Path
    trust: bool = False
    step: int = 0
    networks_alone: bool = True

    @property
    def name(self) -> str:
        """What a user calls it."""
        return str(self.path)

    @property
    def keras_file(self) -> bool:
        """Tells whether it is a `.keras` file; else it is a SavedModel."""
        return self.path.suffix == ".keras"

    def model(self) -> str | None:
        """Returns the model that it is of; None: it doesn't say.

        Raises:
            UserError: there is no such file, or it is not trusted, or nothing that kgan can build.
        """
        return None if self.keras_file else self._loaded().model

    def applied(self, recipe: Recipe) -> Recipe:
        """Returns a model's recipe for these weights: their shapes, lower rates, and a warm-up of D."""
        changes = {} if self.keras_file else self._loaded().recipe
        if recipe.grow_images:
            changes = {"images": LENGTH, **changes, "grow_images": 0}
        return recipe.override(**changes, discriminator_warmup=WARMUP, **slower(recipe))

    def facts(self, recipe: Recipe) -> dict[str, Any]:
        """Returns what config.json says of it."""
        own = {} if self.keras_file else self._loaded().facts
        return {"run": self.name, "step": 0, "file": self.path.name, "sha256": self._sha256(), **own, "changed": {},
                "before": None}

    def check_keeps(self, recipe: Recipe) -> None:
        """Raises UserError when the recipe's generator is another than the file's."""
        from kgan import models

        self._put(models.build_generator(recipe))

    def restore(self, gan: "GAN") -> None:
        """Puts the file's weights into the generator of a compiled `gan`, and into its average."""
        self._put(gan.generator)
        if gan.ema_generator is not None:
            gan.ema_generator.set_weights(gan.generator.get_weights())

    def _put(self, generator: Any) -> None:
        if self.keras_file:
            from kgan.runs.imports import functions

            generators.load_file(self.path, generator)
            functions.check_same(self.path, generator)
        else:
            load.load_into(self._loaded(), generator)

    def _loaded(self) -> load.Imported:
        place = load.find_saved_model(self.path)
        files = [] if place is None else sorted(file for file in place.rglob("*") if file.is_file())
        written = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        return _load(self.path, self.trust, written)

    def _sha256(self) -> str | None:
        return hashlib.sha256(self.path.read_bytes()).hexdigest() if self.keras_file else None


@functools.lru_cache(maxsize=1)  # it is compared with the file's own pictures, which takes a while
def _load(path: Path, trust: bool, written: tuple) -> load.Imported:
    """Reads it, once as long as its files are the same: `written` says which they are, and when they were."""
    return load.load_generator(path, trust)


def parse(text: str, trust: bool) -> Weights | None:
    """Returns the file that `--init_from` names; None where it names something else.

    Raises:
        UserError: it ends in .keras and is not there.
    """
    path = files.expanded(text)
    if path.suffix == ".keras":
        if not path.is_file():
            raise UserError(f"init_from={text!r} is not there; give a run, a .keras file or a SavedModel's directory.")
        return Weights(path, trust)
    is_run = text.startswith(presets.PREFIX) or Run(path).exists()
    return None if is_run or load.find_saved_model(path) is None else Weights(path, trust)
