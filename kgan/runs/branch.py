"""Branches: a new run that goes on from a checkpoint of another, or from a preset, with other settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import logging

from kgan import models, presets
from kgan.recipe import LENGTH, Recipe, fields
from kgan.runs import checkpoints, weights
from kgan.runs.directory import Run
from kgan.runs.weights import Weights, slower
from kgan.runtime import files
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    from kgan.gan import GAN


NETWORKS = ("model", "image_size", "channels", "latent_dim", "classes", "clusters", "max_channels",
            "grow_images")  # fields that decide their shapes
PHASES = ("batch_size", "d_steps")  # fields that decide, with NETWORKS, at which step networks that grow grow
OPTIMIZERS = ("optimizer", "g_steps")
TUNING = ("trainable_blocks", "frozen_d_blocks", "discriminator_warmup")  # fields that make a branch begin anew
KEPT = ("learning_rate", "shares")  # variables that stay: the recipe's rate, the shares that kinds have of the data


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
    return recipe.for_phase(recipe.phase_of(step)).override(
        grow_images=0, trainable_blocks=None, frozen_d_blocks=0, discriminator_warmup=0, **slower(recipe))


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
    if (given := weights.parse(text, trust)) is not None:
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
