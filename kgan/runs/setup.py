"""From flags to a run directory, a whole recipe and its data."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from absl import logging

from kgan import models
from kgan.data import sources
from kgan.data.source import Source, UnavailableError
from kgan.recipe import Recipe, fields
from kgan.runs.branch import TUNING, Branch, Start, parse
from kgan.runs.directory import Run
from kgan.runs.weights import TUNING_RATE, Weights
from kgan.runtime import machine
from kgan.runtime.errors import UserError

DEFAULT_MODEL = "dcgan"
FALLBACK_DATASET = "digits"


class Setup(NamedTuple):
    """What `loop.train` takes."""

    run: Run
    recipe: Recipe
    source: Source
    branch: Start | None = None


def resolve(given: Mapping[str, Any], workdir: str | None = None, *, init_from: str | None = None,
            trust: bool = False, download: bool = True) -> Setup:
    """Turns fields of a recipe that were given into a run directory, a whole recipe and its data.

    A field that is not given takes its value from the run in `workdir`, else from the model's recipe. Cheap checks
    come first: an explicit data set that can't be had fails before TensorFlow is imported.

    Args:
        given: values of `Recipe`'s fields by name.
        workdir: the run directory; None: named after the model and the data.
        init_from: RUN, RUN@STEP or preset:NAME, whose checkpoint a new run goes on from, with its recipe where nothing
            is given; or a .keras file or a SavedModel's directory, whose generator it begins with.
        trust: read a SavedModel, which is a program.
        download: fetch the model's own data set where it is not on the disk.

    Raises:
        UserError: a value is out of range, `workdir` holds something else than a run, or the data can't be had.
    """
    branch = None if init_from is None else parse(init_from, trust)
    if isinstance(branch, Branch) and any(given.get(name) for name in TUNING):
        branch = branch._replace(anew=True)
    base = branch.recipe() if isinstance(branch, Branch) else None
    if workdir is not None and Run(workdir).exists():
        base = Run(workdir).recipe()
    model = _model(given, branch, base)
    models.check(model)
    run = Run(workdir or _default_workdir(model, given))
    stored = run.recipe() if run.exists() else base
    if not run.exists():
        run.check_free()
    elif branch is not None:
        branch.check_same(run)
    dataset = given.get("dataset", stored and stored.dataset)
    data = given.get("data", stored and stored.data)
    if data is not None and "data" not in given:
        logging.info("Data: %s, as the config.json of %s says.", data, run.name if run.exists() else init_from)
    source = None if dataset is None and data is None else sources.locate(dataset, data)
    logging.info("Loading TensorFlow …")
    machine.import_tensorflow()
    source = source or _own_source(str(models.recipe(model).dataset), download=download)
    recipe = stored or models.recipe(model, source.name, given.get("recipe")).override(dataset=source.name)
    if stored is None and isinstance(branch, Weights):
        recipe = branch.applied(recipe)
    if stored is None and recipe.adversarial and "precision" not in given and machine.prefers_bfloat16():
        logging.info("bfloat16 is fast here: --precision=mixed_bfloat16 chosen; --precision=float32 keeps float32.")
        recipe = recipe.override(precision="mixed_bfloat16")
    recipe = recipe.override(**_with_effect(given, recipe.model))
    if not run.exists() and isinstance(branch, Branch) and branch.anew:
        logging.info("The networks of %s at step %s are trained on by new optimizers, at rates of %g (G) and %g (D)%s.",
                     branch.run.name, f"{branch.step:,}", recipe.g_learning_rate, recipe.d_learning_rate,
                     "" if "g_learning_rate" in given else f": {TUNING_RATE:g} of that run's")
    return Setup(run, recipe, source, None if run.exists() and isinstance(branch, Branch) else branch)


def _model(given: Mapping[str, Any], branch: Start | None, base: Recipe | None) -> str:
    """Returns the model that is asked for: by a flag, by what the run begins with, else DEFAULT_MODEL."""
    if "model" in given or branch is None:
        return given.get("model", DEFAULT_MODEL)
    model = base.model if base is not None else branch.model() if isinstance(branch, Weights) else None
    if model is None:
        raise UserError(f"{branch.name!r} doesn't say of which model it is; give --model and what its recipe needs.")
    return model


def _with_effect(given: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Leaves out fields that the model has no use for, and says so."""
    own = models.recipe(model)  # a network without dropout layers has a recipe without dropout
    without = fields("loss", "training") if not own.adversarial else () if own.dropout else ("dropout",)
    if idle := [name for name in given if name in without]:
        logging.warning("Without effect on %s: %s.", model, ", ".join(idle))
    return {name: value for name, value in given.items() if name not in idle}


def _default_workdir(model: str, given: Mapping[str, Any]) -> Path:
    own = Path(given["data"]).stem if "data" in given else None
    return Path("runs", "_".join(filter(None, [model, given.get("dataset") or own])))


def _own_source(dataset: str, *, download: bool) -> Source:
    """Returns the recipe's own data or, when they can't be had and the user named none, the embedded digits."""
    try:
        source = sources.locate(dataset)
        if download:
            source.fetch()
        return source
    except UnavailableError as error:
        bar = "!" * 80
        logging.warning("\n%s\n%s\nNOT training on %s: going on with the embedded %s.\n%s\n", bar, error, dataset,
                        FALLBACK_DATASET, bar)
        source = sources.locate(FALLBACK_DATASET)
        return dataclasses.replace(source, origin=f"{source.origin} (in place of {dataset}, which can't be had)")


def describe(setup: Setup) -> str:
    """Returns the resolved recipe, parameter counts and data size as text.

    Raises:
        UserError: the recipe is impossible, or contradicts the run.
    """
    run, recipe, source, branch = setup
    if run.exists():
        run.check_extended_by(recipe, source.count)
    height, width, channels = recipe.image_shape
    lines = [f"{name:15} {value}" for name, value in recipe.to_dict().items()]
    lines += [
        "",
        f"workdir         {run.path} ({'goes on' if run.exists() else 'new'})",
        *([] if branch is None else [f"init_from       {branch.name} at step {branch.step:,}"]),
        f"data            {source.count:,} images: {source.origin}{'' if source.ready else ', to be downloaded'}"
        f"{'; a tenth is held out for testing' if source.held_out else ''}",
        f"other recipes   {', '.join(models.recipes(recipe.model)) or 'none'}",
        f"prepared        {height}×{width}×{channels}, {source.count * height * width * channels / 1e6:,.1f} MB",
    ]
    if not recipe.adversarial:
        return "\n".join([*lines, f"generator       {models.build_generator(recipe).count_params():,} parameters"])
    generator, discriminator = models.build(recipe.at(recipe.phases[-1]))
    models.freeze(recipe, generator, discriminator)
    left = source.count * 9 // 10 if source.held_out else source.count
    return "\n".join([
        *lines,
        f"length          {'about ' if left < source.count and recipe.steps is None else ''}"
        f"{recipe.total_steps(left):,} steps",
        f"generator       {_parameters(generator)}",
        f"discriminator   {_parameters(discriminator)}",
    ])


def _parameters(network: Any) -> str:
    trained = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    frozen = any(layer.weights and not layer.trainable for layer in network.layers)
    return f"{network.count_params():,} parameters{f', {trained:,} of them trained' if frozen else ''}"
