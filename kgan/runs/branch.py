"""What a new run goes on from: another run's checkpoint or a preset, a branch; or a generator in a file."""

import functools
import hashlib
from collections.abc import Hashable, Mapping
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
    import numpy as np

    from kgan.gan import GAN
    from kgan.runs.imports.saved_model import Imported
    from kgan.runs.transfer import Plan

NETWORKS = ("model", "image_size", "height", "width", "channels", "latent_dim", "classes", "clusters", "max_channels",
            "grow_images")  # fields that decide their shapes
SHAPES = ("image_size", "height", "width", "channels", "classes", "clusters")  # of NETWORKS, what may be others where
# training begins anew
PHASES = ("batch_size", "d_steps")  # fields that decide, with NETWORKS, at which step networks that grow grow
OPTIMIZERS = ("optimizer", "g_steps")
TUNING = ("trainable_blocks", "frozen_d_blocks", "discriminator_warmup")  # fields that make a branch begin anew
KEPT = ("learning_rate", "shares")  # variables that a branch doesn't take over: its recipe and its data decide them
WARMUP = 200  # steps in which a new discriminator learns against a file's generator, where none are given
TUNING_RATE = 0.5  # factor on the rates at which trained networks are trained on, where none are given
FROZEN_SHARE = 3  # where a preset is trained on, or other networks are, one of so many of D's blocks stays as it is
TUNING_IMAGES = 100_000  # length where networks that grow would grow and none is given


def slower(recipe: Recipe) -> dict[str, float]:
    """Returns TUNING_RATE of a recipe's rates, by field."""
    return {name: TUNING_RATE * getattr(recipe, name) for name in ("g_learning_rate", "d_learning_rate")}


class Branch(NamedTuple):
    """A checkpoint of a run, or of a preset; with `anew`, its networks alone: step 0, new optimizers.

    With `freezing`, the first of D's blocks stay as they are, FreezeD: one in FROZEN_SHARE, of those that are taken.
    """

    run: Run
    step: int
    anew: bool = False
    freezing: bool = False

    @property
    def name(self) -> str:
        """What a user calls the run."""
        return self.run.name

    @property
    def networks_alone(self) -> bool:
        """Tells whether optimizers begin anew: a preset has none."""
        return self.anew or self.run.preset is not None

    @property
    def parent(self) -> Run:
        """The run."""
        return self.run

    def model(self) -> str:
        """Returns the name of the run's model."""
        return self.run.recipe().model

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
        content = {} if self.run.preset is None else {"sha256": presets.SHA256[self.run.preset]}
        plan = self.plan(recipe) if self.anew else None
        parts = {} if plan is None else {"anew": True, "taken": plan.taken(), "begins_anew": plan.begins_anew()}
        return {"run": self.run.name, "step": self.step, **parts, **content, "changed": changed,
                "before": self.run.config().get("branch")}

    def plan(self, recipe: Recipe) -> "Plan":
        """Returns what the networks of `recipe` take of this run's."""
        from kgan.runs import transfer

        own = self.run.recipe()
        own = own.for_phase(own.phase_of(self.step))
        # By what networks are alone: another seed or length makes no other plan, and none is built twice.
        return transfer.plan(own, own.override(**{name: getattr(recipe, name) for name in NETWORKS}))

    def settled(self, recipe: Recipe) -> Recipe:
        """Returns the recipe with the blocks of D that stay as they are, where nothing says how many."""
        if not self.freezing:
            return recipe
        blocks = self.plan(recipe).discriminator
        return recipe.override(frozen_d_blocks=min(len(blocks.blocks) // FROZEN_SHARE, blocks.first))

    def check_keeps(self, recipe: Recipe) -> None:
        """Raises UserError when `recipe` has other networks than this run or, unless it is a preset, optimizers.

        Where networks grow, neither do the phases change in which they do. Where training begins anew, SHAPES may be
        others, as long as a block fits, and none that begins anew is to stay as it is.
        """
        base = self.recipe()
        networks = tuple(name for name in NETWORKS if not self.anew or name not in SHAPES)
        parts = {"networks": networks, **({} if self.networks_alone else {"optimizers": OPTIMIZERS}),
                 **({"phases": PHASES} if base.grow_images else {})}
        before, now = base.to_dict(), recipe.to_dict()
        if changed := [f"{name}={before[name]} not {now[name]}" for names in parts.values() for name in names
                       if before[name] != now[name]]:
            raise UserError(f"a branch keeps {' and '.join(parts)}: {self.run.name!r} has {', '.join(changed)}.")
        if self.anew:
            self._check_fits(recipe)

    def _check_fits(self, recipe: Recipe) -> None:
        generator, discriminator = plan = self.plan(recipe)
        if not plan.fits:
            raise UserError(f"no block of {self.run.name!r} fits networks of image_size={recipe.image_size} and "
                            f"channels={recipe.channels}; choose another --image_size, or leave --init_from out.")
        if recipe.frozen_d_blocks > discriminator.first:
            raise UserError(f"frozen_d_blocks={recipe.frozen_d_blocks} would leave untrained blocks as they are: of "
                            f"{self.run.name!r} D takes its first {discriminator.first}; give no more.")
        trained = recipe.trainable_blocks
        if trained is not None and len(generator.blocks) - trained > generator.first:
            raise UserError(f"trainable_blocks={trained} would leave untrained blocks as they are: of "
                            f"{self.run.name!r} G takes its first {generator.first} of {len(generator.blocks)}; give "
                            f"{len(generator.blocks) - generator.first} or more.")

    def restore(self, gan: "GAN") -> None:
        """Puts the checkpoint into a compiled `gan`: both networks, both optimizers but for their rates.

        Networks of other shapes, where training begins anew, take what `plan` says. Where that run kept no moving
        average, one starts from the generator's weights. A preset has no optimizers, and of a generator with a moving
        average only that: then the generator starts from it, at step 0.

        Raises:
            UserError: the checkpoint is damaged, or of other networks or optimizers.
        """
        from kgan import saving
        from kgan.runs.build import build_gan

        recipe = self.run.recipe()
        parent = build_gan(recipe, step=self.step)  # tells which variable each array of the checkpoint is
        average = saving.sampler(parent.ema_generator is not None)
        origins = {"generator": average if self.networks_alone else "generator", "discriminator": "discriminator",
                   "ema_generator": average}
        if self.anew and any(_shapes(gan, part) != _shapes(parent, origin) for part, origin in origins.items()
                             if getattr(gan, part) is not None):
            self._transfer(gan, parent, origins)
            return
        if not self.networks_alone:
            origins |= {"g_optimizer": "g_optimizer", "d_optimizer": "d_optimizer"}
            if parent.adaptive is not None:
                origins["augment"] = "augment"
        # Networks that grew have more layers than those of one resolution. In both, layers have names of their own.
        by_path = self.networks_alone and recipe.grow_images > 0
        sources: dict[str, str] = {}  # name of an array in the checkpoint, by that of the variable that takes it
        for part, origin in origins.items():
            ours, theirs = _arrays(gan, part, by_path), _arrays(parent, origin, by_path)
            if not by_path and len(ours) not in (0, len(theirs)):
                raise UserError(f"a branch keeps networks and optimizers: of the {part} it has {len(ours)} arrays, and "
                                f"{self.name!r} has {len(theirs)}.")
            sources |= {ours[key]: theirs[key] for key in ours if key in theirs}
        variables, shapes = gan.named_variables(), gan.shapes
        state = self._load({source: shapes[name] for name, source in sources.items()})
        for name, source in sources.items():
            variables[name].assign(state[source])

    def _transfer(self, gan: "GAN", parent: "GAN", origins: Mapping[str, str]) -> None:
        from kgan import saving
        from kgan.runs import transfer

        shapes = parent.shapes
        state = self._load({name: shapes[name] for name in shapes if saving.part(name) in origins.values()})
        model = self.run.recipe().model
        for part, origin in origins.items():
            ours, theirs = getattr(gan, part), getattr(parent, origin)
            if ours is not None:
                arrays = [state[name] for name in saving.named_variables({origin: theirs})]
                transfer.compare(theirs, ours, model, from_z=part != "discriminator").apply(arrays, ours)

    def _load(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, "np.ndarray"]:
        return checkpoints.load(self.run.checkpoints_of(self.step), self.step, shapes)


def _shapes(gan: "GAN", part: str) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in getattr(gan, part).variables]


def _arrays(gan: "GAN", part: str, by_path: bool) -> dict[Hashable, str]:
    """Returns the names of the arrays of a part of a GAN, but for KEPT, by path or by place among these."""
    from kgan import saving

    names = {name: variable for name, variable in gan.named_variables().items()
             if saving.part(name) == part and variable.name not in KEPT}
    return {variable.path if by_path else place: name for place, (name, variable) in enumerate(names.items())}


def _anew(recipe: Recipe, step: int) -> Recipe:
    return recipe.for_phase(recipe.phase_of(step)).override(
        grow_images=0, trainable_blocks=None, frozen_d_blocks=0, discriminator_warmup=0, **slower(recipe))


class GeneratorFile(NamedTuple):
    """A `.keras` file or a SavedModel, whose generator a run begins with, beside a new discriminator."""

    path: Path
    trust: bool = False
    step: int = 0
    networks_alone: bool = True
    parent: None = None

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
        """Returns a model's recipe for this generator: its shapes, lower rates, and a warm-up of D."""
        changes = {} if self.keras_file else self._loaded().recipe
        if recipe.grow_images:
            changes = {"images": TUNING_IMAGES, **changes, "grow_images": 0}
        return recipe.override(**changes, discriminator_warmup=WARMUP, **slower(recipe))

    def settled(self, recipe: Recipe) -> Recipe:
        """Returns the recipe as it is: its discriminator is new, and nothing of it stays."""
        return recipe

    def facts(self, recipe: Recipe) -> dict[str, Any]:
        """Returns what config.json says of it."""
        own = {} if self.keras_file else self._loaded().facts
        sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest() if self.keras_file else None
        return {"run": self.name, "step": 0, "file": self.path.name, "sha256": sha256, **own, "changed": {},
                "before": None}

    def check_keeps(self, recipe: Recipe) -> None:
        """Raises UserError when the recipe's generator is another than the file's."""
        self.load_into(models.build_generator(recipe))

    def restore(self, gan: "GAN") -> None:
        """Puts the file's weights into the generator of a compiled `gan`, and into its average."""
        self.load_into(gan.generator)
        if gan.ema_generator is not None:
            gan.ema_generator.set_weights(gan.generator.get_weights())

    def load_into(self, generator: Any) -> None:
        """Puts the file's weights into a generator. Raises UserError where it is another than the file's."""
        if self.keras_file:
            from kgan.runs.imports import functions

            generators.load_file(self.path, generator)
            functions.check_same(self.path, generator)
        else:
            load.load_into(self._loaded(), generator)

    def _loaded(self) -> "Imported":
        place = load.find_saved_model(self.path)
        members = [] if place is None else sorted(file for file in place.rglob("*") if file.is_file())
        written = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in members)
        return _load(self.path, self.trust, written)


Start = Branch | GeneratorFile  # what a new run goes on from


@functools.lru_cache(maxsize=1)  # loading compares it with the file's own pictures, which takes a while
def _load(path: Path, trust: bool, written: tuple) -> "Imported":
    """Reads a SavedModel, once as long as `written`, its files with their times and sizes, is the same."""
    return load.load_generator(path, trust)


def begun_with(recipe: Recipe, record: Mapping[str, Any] | None) -> Recipe | None:
    """Returns the recipe that a run had before any flag changed it; lengths and paths of a branch are its own.

    Args:
        recipe: of the run.
        record: `branch` in its config.json; None: it began with untrained networks.

    Returns:
        The recipe. None: config.json doesn't tell, as of networks from a SavedModel.

    Raises:
        UserError: what it tells makes no recipe.
    """
    if record is None or str(record.get("file")).endswith(".keras"):
        own = models.recipe(recipe.model, recipe.dataset, recipe.recipe)
        return own if record is None else GeneratorFile(Path(record["run"])).applied(own)
    if "file" in record or "changed" not in record or record.get("step") is None:
        return None
    before = {name: old for name, (old, _) in record["changed"].items()}
    parent = Recipe.from_dict(recipe.to_dict() | before)
    return _anew(parent, record["step"]) if record.get("anew") else parent


def recorded(run: Run) -> Start | None:
    """Returns where a run began, as its config.json says; None: with untrained networks. A file is not trusted."""
    record = run.config().get("branch")
    if record is None:
        return None
    if "file" in record:
        return GeneratorFile(Path(record["run"]))
    return Branch(Run(record["run"]), record["step"], record.get("anew", False))


def parse(text: str, trust: bool = False) -> Start:
    """Turns RUN, RUN@STEP, preset:NAME or a generator's file into what a run goes on from.

    Without a step it is the last checkpoint.

    Raises:
        UserError: there is no such run or file, or no checkpoint of that step, or its model is fitted in closed form.
    """
    path = files.expanded(text)
    if path.suffix == ".keras":
        if not path.is_file():
            raise UserError(f"init_from={text!r} is not there; give a run, a .keras file or a SavedModel's directory.")
        return GeneratorFile(path, trust)
    is_run = text.startswith(presets.PREFIX) or Run(path).exists()
    if not is_run and load.find_saved_model(path) is not None:
        return GeneratorFile(path, trust)
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

    That may have trained on since then, or be in another place, or be gone. So the names alone must be the same.
    """
    record = run.config().get("branch") or {}
    place, step = _divided(text) if "file" not in record else (text, None)
    origin, whole, cut = (files.expanded(name).resolve().name for name in (str(record.get("run")), text, place))
    if record and origin in (whole, cut):
        if whole != origin and step not in (None, record["step"]):
            logging.warning("Note: %s goes on from itself; it began with %s@%s.", run.path, record["run"],
                            record["step"])
    else:
        start = f"{record.get('run')!r}@{record.get('step')}" if record else "untrained networks"
        raise UserError(f"{str(run.path)!r} is a run already, from {start}; leave --init_from out to go on with "
                        "it, or choose another --workdir.")


def _divided(text: str) -> tuple[str, int | None]:
    """Divides RUN@STEP; a run directory whose name ends so is a run."""
    place, at, step = text.rpartition("@")
    divided = at and step.isdecimal() and (text.startswith(presets.PREFIX) or not Run(text).exists())
    return (place, int(step)) if divided else (text, None)
