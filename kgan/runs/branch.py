"""Branches: a new run that goes on from a checkpoint of another, or from a preset, with other settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kgan import models, presets
from kgan.recipe import LENGTH, Recipe, fields
from kgan.runs import checkpoints
from kgan.runs.directory import Run
from kgan.runs.weights import Weights, of, slower
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    from kgan.gan import GAN


NETWORKS = ("model", "image_size", "channels", "latent_dim", "classes", "kinds", "max_channels",
            "grow_images")  # fields that decide their shapes
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

    def check_same(self, run: Run) -> None:
        """Raises UserError when `run`, which exists, did not go on from here."""
        before, origin = run.config().get("branch") or {}, self._origin()
        if {name: before.get(name) for name in origin} != origin:
            whence = f"{before.get('run')!r}@{before.get('step')}" if before else "untrained networks"
            raise UserError(f"{str(run.path)!r} is a run already, from {whence}; leave --init_from out to go on with "
                            "it, or choose another --workdir.")

    def check_keeps(self, recipe: Recipe) -> None:
        """Raises UserError when `recipe` has other networks than this run or, unless it is a preset, optimizers."""
        names = (*NETWORKS, *(() if self.networks_alone else OPTIMIZERS))
        before, now = self.recipe().to_dict(), recipe.to_dict()
        if changed := [f"{name}={before[name]} not {now[name]}" for name in names if before[name] != now[name]]:
            kept = "networks" if self.networks_alone else "networks and optimizers"
            raise UserError(f"a branch keeps {kept}: {self.run.name!r} has {', '.join(changed)}.")

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


Start = Branch | Weights  # what a run goes on from


def begun_with(recipe: Recipe, whence: Mapping[str, Any] | None) -> Recipe | None:
    """Returns the recipe that a run had before any flag changed it; lengths and paths of a branch are its own.

    Args:
        recipe: of the run.
        whence: `branch` in its config.json; None: it began with untrained networks.

    Returns:
        The recipe. None: config.json doesn't tell, as of networks from a SavedModel.
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
    if (weights := of(text, trust)) is not None:
        return weights
    path, at, step = text.rpartition("@")
    run = Run(path if at and step.isdecimal() else text)
    if not (recipe := run.recipe()).adversarial:
        raise UserError(f"{run.name!r} is of {recipe.model}, which is fitted in closed form: there is no training to "
                        "go on with; choose another run or preset.")
    if at and step.isdecimal():
        run.check_step(int(step))
        return Branch(run, int(step))
    last = run.last_step()
    if last is None:
        raise UserError(f"{str(run.path)!r} has no checkpoint to go on from; let it run on first.")
    return Branch(run, last)
