"""Branches: a new run that goes on from a checkpoint of another, or from a preset, with other settings."""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import logging

from kgan import models, presets
from kgan.recipe import LENGTH, Recipe, fields
from kgan.runs import checkpoints, generators
from kgan.runs.directory import Run
from kgan.runs.imports import load
from kgan.runtime import files
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    from kgan.gan import GAN
    from kgan.runs.imports.saved_model import Imported

NETWORKS = ("model", "image_size", "channels", "latent_dim", "classes", "clusters", "max_channels",
            "grow_images")  # fields that decide their shapes
PHASES = ("batch_size", "d_steps")  # fields that decide, with NETWORKS, at which step networks that grow grow
OPTIMIZERS = ("optimizer", "g_steps")
TUNING = ("trainable_blocks", "frozen_d_blocks", "discriminator_warmup")  # fields that make a branch begin anew
KEPT = ("learning_rate", "shares")  # variables that stay: the recipe's rate, the shares that kinds have of the data
WARMUP = 200  # steps in which the new discriminator learns against the generator as it is, where none are given
TUNING_RATE = 0.5  # factor on the rates at which a trained generator is trained on, where none are given
TUNING_IMAGES = 100_000  # images, where networks that grow would grow and no length is given


def slower(recipe: Recipe) -> dict[str, float]:
    """Returns TUNING_RATE of a recipe's rates, by field."""
    return {name: TUNING_RATE * getattr(recipe, name) for name in ("g_learning_rate", "d_learning_rate")}


class Branch(NamedTuple):
    """Where a run goes on from; with `anew`, from its networks alone: step 0, new optimizers."""

    run: Run
    step: int
    anew: bool = False

    @property
    def name(self) -> str:
        """What a user calls the run."""
        return self.run.name

    @property
    def networks_alone(self) -> bool:
        """Tells whether optimizers begin anew: a preset has none."""
        return self.anew or self.run.preset is not None

    def recipe(self) -> Recipe:
        """Returns the recipe that the new run has where no flag says otherwise.

        To begin anew, networks that grow are those of this step, and the rates are TUNING_RATE of the run's.
        """
        return _anew(self.run.recipe(), self.step) if self.anew else self.run.recipe()

    def facts(self, recipe: Recipe) -> dict[str, Any]:
        """Returns what config.json says of it: run and step, what `recipe` changes, and the branches before it."""
        before, now = self.run.recipe().to_dict(), recipe.to_dict()
        changed = {name: [before[name], now[name]] for name in now
                   if name not in (*LENGTH, *fields("place")) and before[name] != now[name]}
        return {**self._origin(), "changed": changed, "before": self.run.config().get("branch")}

    def _origin(self) -> dict[str, Any]:
        content = {} if self.run.preset is None else {"sha256": presets.SHA256[self.run.preset]}
        return {"run": self.run.name, "step": self.step, **({"anew": True} if self.anew else {}), **content}

    def check_keeps(self, recipe: Recipe) -> None:
        """Raises UserError when `recipe` has other networks than this run or, unless it is a preset, optimizers.

        Where networks grow, neither do the phases change in which they do.
        """
        base = self.recipe()
        parts = {"networks": NETWORKS, **({} if self.networks_alone else {"optimizers": OPTIMIZERS}),
                 **({"phases": PHASES} if base.grow_images else {})}
        before, now = base.to_dict(), recipe.to_dict()
        if changed := [f"{name}={before[name]} not {now[name]}" for names in parts.values() for name in names
                       if before[name] != now[name]]:
            raise UserError(f"a branch keeps {' and '.join(parts)}: {self.run.name!r} has {', '.join(changed)}.")

    def restore(self, gan: "GAN") -> None:
        """Puts the checkpoint into a compiled `gan`: both networks, both optimizers but for their rates.

        Where that run kept no moving average, one starts from the generator's weights. A preset has no optimizers, and
        of a generator with a moving average only that: then the generator starts from it, at step 0.

        Raises:
            UserError: the checkpoint is damaged, or of other networks or optimizers.
        """
        from kgan.runs.build import build_gan, copy_by_name

        recipe = self.run.recipe()
        parent = build_gan(recipe, step=self.step)
        shapes = parent.shapes
        if self.networks_alone:
            average = "generator/" if parent.ema_generator is None else "ema_generator/"
            shapes = {name: shape for name, shape in shapes.items() if name.startswith(("discriminator/", average))}
        directory = self.run.checkpoints if self.step in checkpoints.steps(self.run.checkpoints) else self.run.best
        parent.load_state({**parent.state(), **checkpoints.load(directory, self.step, shapes)})
        if self.networks_alone:
            copies = [(gan.generator, parent.sampler)]
        else:
            copies = [(gan.generator, parent.generator), (gan.g_optimizer, parent.g_optimizer),
                      (gan.d_optimizer, parent.d_optimizer)]
        copy = copy_by_name if self.networks_alone and recipe.grow_images else _copy
        for ours, theirs in (*copies, (gan.discriminator, parent.discriminator), (gan.ema_generator, parent.sampler)):
            if ours is not None:
                copy(theirs, ours)


def _copy(theirs: Any, ours: Any) -> None:
    """Copies all variables of a network or an optimizer, but those in KEPT.

    Raises:
        UserError: they are not of the same shapes.
    """
    source, target = ([variable for variable in owner.variables if variable.name not in KEPT]
                      for owner in (theirs, ours))
    if [one.shape for one in source] != [one.shape for one in target]:
        raise UserError(f"a branch keeps networks and optimizers: the {ours.name} is of other shapes.")
    for new, old in zip(target, source, strict=True):
        new.assign(old)


def _anew(recipe: Recipe, step: int) -> Recipe:
    return recipe.at(recipe.phase_of(step)).override(
        grow_images=0, trainable_blocks=None, frozen_d_blocks=0, discriminator_warmup=0, **slower(recipe))


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
            changes = {"images": TUNING_IMAGES, **changes, "grow_images": 0}
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

    def _loaded(self) -> "Imported":
        place = load.find_saved_model(self.path)
        files = [] if place is None else sorted(file for file in place.rglob("*") if file.is_file())
        written = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        return _load(self.path, self.trust, written)

    def _sha256(self) -> str | None:
        return hashlib.sha256(self.path.read_bytes()).hexdigest() if self.keras_file else None


Start = Branch | Weights  # what a run goes on from


def begun_with(recipe: Recipe, whence: Mapping[str, Any] | None) -> Recipe | None:
    """Returns the recipe that a run had before any flag changed it; lengths and paths of a branch are its own.

    Args:
        recipe: of the run.
        whence: `branch` in its config.json; None: it began with untrained networks.

    Returns:
        The recipe. None: config.json doesn't tell, as of networks from a SavedModel.

    Raises:
        UserError: what it tells makes no recipe.
    """
    if whence is None or str(whence.get("file")).endswith(".keras"):
        own = models.recipe(recipe.model, recipe.dataset, recipe.recipe)
        return own if whence is None else Weights(Path(whence["run"])).applied(own)
    if "file" in whence or "changed" not in whence or whence.get("step") is None:
        return None
    before = {name: old for name, (old, _) in whence["changed"].items()}
    parent = Recipe.from_dict(recipe.to_dict() | before)
    return _anew(parent, whence["step"]) if whence.get("anew") else parent


def recorded(run: Run) -> Start | None:
    """Returns where a run began, as its config.json says; None: with untrained networks."""
    whence = run.config().get("branch")
    if whence is None:
        return None
    if "file" in whence:
        return Weights(Path(whence["run"]))
    return Branch(Run(whence["run"]), whence["step"], whence.get("anew", False))


def parse(text: str, trust: bool = False) -> Start:
    """Turns RUN, RUN@STEP, preset:NAME or a generator's file into what a run goes on from.

    Without a step it is the last checkpoint.

    Raises:
        UserError: there is no such run, or no checkpoint of that step, or its model is fitted in closed form.
    """
    if (given := _parse_file(text, trust)) is not None:
        return given
    place, step = _divided(text)
    run = Run(place)
    if not (recipe := run.recipe()).adversarial:
        raise UserError(f"{run.name!r} is of {recipe.model}, which is fitted in closed form: there is no training to "
                        "go on with; choose another run or preset.")
    if step is not None:
        run.check_step(step)
        return Branch(run, step)
    last = run.last_step()
    if last is None:
        raise UserError(f"{str(run.path)!r} has no checkpoint to go on from; let it run on first.")
    return Branch(run, last)


@functools.lru_cache(maxsize=1)  # it is compared with the file's own pictures, which takes a while
def _load(path: Path, trust: bool, written: tuple) -> "Imported":
    """Reads it, once as long as its files are the same: `written` says which they are, and when they were."""
    return load.load_generator(path, trust)


def _parse_file(text: str, trust: bool) -> Weights | None:
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


def check_began_from(run: Run, text: str) -> None:
    """Raises UserError when `run`, which exists, did not begin with what `--init_from` names.

    That may have trained on since then, or be in another place, or be gone, so the names alone must be the same.
    """
    began = run.config().get("branch") or {}
    place, step = _divided(text) if "file" not in began else (text, None)
    origin, whole, cut = (files.expanded(one).resolve().name for one in (str(began.get("run")), text, place))
    if began and origin in (whole, cut):
        if whole != origin and step not in (None, began["step"]):
            logging.warning("Note: %s goes on from itself; it began with %s@%s.", run.path, began["run"], began["step"])
    else:
        start = f"{began.get('run')!r}@{began.get('step')}" if began else "untrained networks"
        raise UserError(f"{str(run.path)!r} is a run already, from {start}; leave --init_from out to go on with "
                        "it, or choose another --workdir.")


def _divided(text: str) -> tuple[str, int | None]:
    """Divides RUN@STEP; a run directory whose name ends so is a run."""
    place, at, step = text.rpartition("@")
    divided = at and step.isdecimal() and (text.startswith(presets.PREFIX) or not Run(text).exists())
    return (place, int(step)) if divided else (text, None)
