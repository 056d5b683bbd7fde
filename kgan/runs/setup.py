"""From flags to a run directory, a whole recipe and its data."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import logging

from kgan import models
from kgan.data import cache, sources
from kgan.data.source_types import Source, UnavailableError
from kgan.recipe import LENGTH, Recipe, fields
from kgan.runs import choices
from kgan.runs.branch import SHAPES, TUNING, TUNING_RATE, Branch, GeneratorFile, Start, check_began_from, parse
from kgan.runs.directory import Run
from kgan.runs.minutes import SCALED, Length
from kgan.runs.mirror import Mirror
from kgan.runs.training_data import classes_of
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


def resolve(settings: Mapping[str, Any], workdir: str | None = None, *, init_from: str | None = None,
            trust: bool = False, download: bool = True, arrays: Source | None = None,
            minutes: float | None = None, mirror: str | None = None) -> Setup:
    """Turns some of a recipe's fields into a run directory, a whole recipe and its data.

    A field without a setting takes its value from the run in `workdir`, else from the model's recipe. Cheap checks
    come first: an explicit data set that can't be had fails before TensorFlow is imported.

    Args:
        settings: values of `Recipe`'s fields by name.
        workdir: the run directory; None: named after the model and the data.
        init_from: RUN, RUN@STEP or preset:NAME, whose checkpoint a new run goes on from, with its recipe but for the
            settings; or a .keras file or a SavedModel's directory, whose generator it begins with. A run that exists
            must have begun with the same.
        trust: read a SavedModel, which is a program.
        download: fetch the model's own data set where it is not on the disk.
        arrays: the data, where they are in memory.
        minutes: a new run's length, in place of the recipe's.
        mirror: a directory that a run that is not there is brought back from; that it will be mirrored to says
            `loop.train`.

    Raises:
        UserError: a value is out of range, `minutes` stands beside another length, `workdir` or `mirror` holds
            something else than a run, or the data can't be had.
    """
    if minutes is not None and (lengths := [name for name in LENGTH if settings.get(name) is not None]):
        raise UserError(f"minutes={minutes:g} and {lengths[0]}={settings[lengths[0]]}: give one of the two.")
    if workdir is not None and _is_there(Run(workdir), mirror):
        return _existing_run(Run(workdir), settings, init_from, arrays)
    start = None if init_from is None else parse(init_from, trust)
    seen = None
    if start is None and settings.get("model", choices.MODEL) in choices.MODELS and _own_images(settings, arrays):
        if workdir is None and "model" not in settings:
            before = Run(_default_workdir(DEFAULT_MODEL, settings, arrays))  # the default to 0.2
            if before.exists():
                return _existing_run(before, settings, init_from, arrays)
        seen = choices.look(arrays or sources.locate(None, settings["data"]))
    model = choices.model(seen) if seen is not None and "model" not in settings else None
    name = _model(settings, start) if model is None else model.value
    models.check(name)
    run = Run(workdir or _default_workdir(name, settings, arrays))
    if _is_there(run, mirror):
        return _existing_run(run, settings, init_from, arrays)
    run.check_free()
    if isinstance(start, Branch):
        return _new_branch(run, settings, start, arrays, download, minutes)
    if model is not None:
        logging.info("%s", model)
    return _new_run(run, name, settings, start, arrays, download, seen, minutes)


def _own_images(settings: Mapping[str, Any], arrays: Source | None) -> bool:
    """Tells whether the data are a user's own, of which no paper says anything."""
    return "dataset" not in settings and (arrays is not None or "data" in settings)


def _is_there(run: Run, mirror: str | None) -> bool:
    """Tells whether a run is there, or has been brought back from its mirror."""
    return run.exists() or (mirror is not None and Mirror(run, mirror).bring_back())


def _new_run(run: Run, model: str, settings: Mapping[str, Any], start: GeneratorFile | None, arrays: Source | None,
            download: bool, seen: choices.Look | None = None, minutes: float | None = None) -> Setup:
    """Returns what a run begins with: untrained networks, or a file's generator beside an untrained discriminator.

    What is not set is chosen by what was `seen` of the user's own images; None: it is the model's.
    """
    if start is None and (frozen := [name for name in ("trainable_blocks", "frozen_d_blocks") if settings.get(name)]):
        raise UserError(f"{frozen[0]}={settings[frozen[0]]} would leave untrained blocks as they are; give "
                        "--init_from, trained networks to go on from.")
    source = _given_data(settings, arrays)
    _import_tensorflow()
    source = source or _own_source(str(models.recipe(model).dataset), download=download)
    if settings.get("conditional"):
        source = dataclasses.replace(source, needs_classes=True)
    named = None if "recipe" in settings else choices.recipe(model, source.name)
    if named is not None:
        logging.info("%s", named)
    recipe = models.recipe(model, source.name, settings.get("recipe") if named is None else named.value)
    recipe = recipe.override(dataset=source.name)
    if start is not None:
        if not recipe.adversarial:
            raise UserError(f"{start.name!r}: {model} is fitted in closed form and begins with no generator; choose "
                            "another --model.")
        recipe = start.applied(recipe)
    if recipe.adversarial and "precision" not in settings and machine.prefers_bfloat16():
        logging.info("bfloat16 is fast here: --precision=mixed_bfloat16 chosen; --precision=float32 keeps float32.")
        recipe = recipe.override(precision="mixed_bfloat16")
    if seen is not None:
        recipe, made = choices.chosen(recipe, seen, source.count, settings)
        _say(made, minutes)
    elif "clusters" not in settings:
        recipe = _with_fewer_clusters(recipe, source)
    return Setup(run, _applied(recipe, settings), source, start)


def _new_branch(run: Run, settings: Mapping[str, Any], branch: Branch, arrays: Source | None, download: bool,
                minutes: float | None) -> Setup:
    """Returns what a run goes on from: another run's networks, and its recipe but for the settings."""
    if "recipe" in settings:
        raise UserError(f"recipe={settings['recipe']!r}: a branch has the settings of {branch.name}; give the fields "
                        "that are to be others in place of --recipe.")
    source = _given_data(settings, arrays)
    other_data = source is not None
    source = source or _located(branch.recipe(), {}, branch.name)
    if settings.get("conditional"):
        source = dataclasses.replace(source, needs_classes=True)
    _import_tensorflow()
    preset = branch.run.preset is not None
    if preset and branch.run.recipe().model == choices.MODEL and _own_images(settings, arrays):
        settings = _with_choices(settings, branch.recipe(), source, minutes)
    branch = branch._replace(anew=preset or any(settings.get(name) for name in TUNING))
    own = branch.recipe()
    shapes = {name: settings[name] for name in ("conditional", *SHAPES) if name in settings}
    told = _told(own.override(**shapes), settings, source, own, other_data=other_data, anew=branch.anew,
                 download=download)
    if others := any(getattr(told, name) != getattr(own, name) for name in SHAPES):
        branch = branch._replace(anew=True)
    branch = branch._replace(freezing=(preset or others) and "frozen_d_blocks" not in settings)
    recipe = branch.recipe()
    if other_data:  # those alone, and nothing of the data before
        crop = models.recipe(recipe.model, source.name).crop
        recipe = recipe.override(dataset=source.name, data=None, crop=crop, skip_bad=False)
    recipe = _applied(recipe, settings).override(classes=told.classes, clusters=told.clusters)
    if branch.anew:
        logging.info("The networks of %s at step %s are trained on by new optimizers, at rates of %g (G) and %g (D)%s.",
                     branch.name, f"{branch.step:,}", recipe.g_learning_rate, recipe.d_learning_rate,
                     "" if "g_learning_rate" in settings else f": {TUNING_RATE:g} of that run's")
        phase = branch.run.recipe().phase_of(branch.step)
        if phase.fade and branch.step < (end := phase.start + (phase.steps or 0)):
            logging.warning("Step %s is in the middle of a fade, which ends at %s: the newest layers are taken whole, "
                            "so the first pictures are not that run's.", f"{branch.step:,}", f"{end:,}")
    return Setup(run, recipe, source, branch)


def _say(made: Sequence[choices.Choice], minutes: float | None) -> None:
    """Says what was chosen, but what the `minutes` of a run will decide."""
    for one in made:
        if minutes is None or one.field not in ("images", "watch_every"):
            logging.info("%s", one)


def _with_choices(settings: Mapping[str, Any], recipe: Recipe, source: Source,
                  minutes: float | None) -> Mapping[str, Any]:
    """Returns the settings and, where they say nothing, what is chosen for a user's own images; says what and why."""
    if (seen := choices.look(source)) is None:
        return settings
    recipe, made = choices.chosen(recipe, seen, source.count, settings, tuned=True)
    _say(made, minutes)
    names = [*(one.field for one in made), "decay_images", "ema_images"]
    return {**{name: getattr(recipe, name) for name in names}, **settings}


def _told(recipe: Recipe, settings: Mapping[str, Any], source: Source, own: Recipe, *, other_data: bool, anew: bool,
          download: bool) -> Recipe:
    """Returns the recipe with the classes and clusters that networks are told which go on from those of `own`.

    Of other data they are told the classes that these have, as a new run is; where training would go on as it was, only
    if they were told some before. Without `download` nothing is prepared, and classes stay.
    """
    looks = other_data and recipe.conditional and (anew or own.classes is not None)
    if (looks or settings.get("conditional")) and "classes" not in settings:
        if download:
            recipe = recipe.override(classes=classes_of(source, recipe))
        else:
            logging.info("Classes are counted when training starts; until then classes=%s.", recipe.classes)
    return _with_fewer_clusters(recipe, source) if other_data and anew and "clusters" not in settings else recipe


def _existing_run(run: Run, settings: Mapping[str, Any], init_from: str | None, arrays: Source | None) -> Setup:
    """Returns what goes on with a run that exists: its recipe, or a longer one, and its data."""
    stored = run.recipe()
    models.check(settings.get("model", stored.model))
    run.check_same_recipe(dataclasses.replace(stored, model=settings.get("model", stored.model)))
    if (length := Length.of(run)) is not None:  # given again, as when it began: since then it was scaled
        settings = {name: value for name, value in settings.items()
                    if name not in SCALED or value != length.before[name]}
    if init_from is not None:
        check_began_from(run, init_from)
    source = (None if arrays is None else _given_data(settings, arrays)) or _located(stored, settings, run.name)
    _import_tensorflow()
    recipe = _applied(stored, settings)
    run.check_same_recipe(recipe)
    return Setup(run, recipe, source)


def _import_tensorflow() -> None:
    logging.info("Loading TensorFlow …")
    machine.import_tensorflow()


def _given_data(settings: Mapping[str, Any], arrays: Source | None) -> Source | None:
    """Returns the data that were given; None: there are none."""
    named = settings.get("dataset"), settings.get("data")
    if arrays is not None and named != (None, None):
        raise UserError(f"dataset={named[0]!r}, data={named[1]!r} and arrays: give one of them.")
    return arrays or (None if named == (None, None) else sources.locate(*named))


def _located(recipe: Recipe, settings: Mapping[str, Any], owner: str) -> Source:
    """Returns the data of the recipe of a run, or those that the settings name."""
    dataset, data = settings.get("dataset", recipe.dataset), settings.get("data", recipe.data)
    if dataset is None and data is None:
        raise UserError(f"{owner} was trained on arrays, which no file holds; give them again, kgan.fit(data=(x, y), "
                        "workdir=…), or start a new run on other data.")
    if data is not None and "data" not in settings:
        logging.info("Data: %s, as the config.json of %s says.", data, owner)
    try:
        return sources.locate(dataset, data)
    except UserError as error:
        if recipe.data is None or settings.keys() & {"dataset", "data"}:
            raise
        raise UserError(f"{error} These are the data of {owner}; give their new place by --data.") from error


def _model(settings: Mapping[str, Any], start: Start | None) -> str:
    """Returns the model that is asked for: by a flag, by what the run begins with, else DEFAULT_MODEL."""
    if "model" in settings or start is None:
        return settings.get("model", DEFAULT_MODEL)
    model = start.model()
    if model is None:
        raise UserError(f"{start.name!r} doesn't say of which model it is; give --model and what its recipe needs.")
    return model


def _applied(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """Returns the recipe with the settings; those that would have no effect are named and left out."""
    own = models.recipe(settings.get("model", recipe.model))
    # A model whose own recipe has no dropout has no layers of it either.
    idle = fields("loss", "training") if not own.adversarial else () if own.dropout else ("dropout",)
    if without := [name for name in settings if name in idle]:
        logging.warning("Without effect on %s: %s.", own.model, ", ".join(without))
    settings = {name: value for name, value in settings.items() if name not in without}
    reasons = {name: why for name, why in recipe.override(**settings).without_effect().items() if name in settings}
    for name, why in reasons.items():
        logging.warning("Without effect: %s, %s.", name, why)
    return recipe.override(**{name: value for name, value in settings.items() if name not in reasons})


def _with_fewer_clusters(recipe: Recipe, source: Source) -> Recipe:
    """Returns the recipe with as many clusters as the data can carry: IMAGES_PER_CLUSTER each, on average."""
    if (clusters := choices.clusters(recipe, source.count)) == recipe.clusters:
        return recipe
    logging.info("%s images: clusters=%d in place of the recipe's %d.", f"{source.count:,}", clusters, recipe.clusters)
    return recipe.override(clusters=clusters)


def _default_workdir(model: str, settings: Mapping[str, Any], arrays: Source | None) -> Path:
    own = Path(settings["data"]).stem if "data" in settings else None if arrays is None else arrays.origin
    return Path("runs", "_".join(filter(None, [model, settings.get("dataset") or own])))


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
    elif branch is not None and recipe.adversarial:
        branch.check_keeps(recipe)
        recipe = branch.settled(recipe)
    height, width, channels = recipe.image_shape
    held_out = source.held_out and source.count >= cache.HELD_OUT_FROM
    lines = [f"{name:15} {value}" for name, value in recipe.to_dict().items()]
    lines += [
        "",
        f"workdir         {run.path} ({'goes on' if run.exists() else 'new'})",
        *([] if branch is None else [f"init_from       {branch.name} at step {branch.step:,}"]),
        *([] if not isinstance(branch, Branch) or not branch.anew else [
            f"taken           {branch.plan(recipe).taken()}", f"begins anew     {branch.plan(recipe).begins_anew()}"]),
        f"data            {source.count:,} images: {source.origin}{'' if source.ready else ', to be downloaded'}"
        f"{'; a tenth is held out for testing' if held_out else ''}",
        *(f"{'':15} {note}" for note in source.notes),
        f"other recipes   {', '.join(models.recipes(recipe.model)) or 'none'}",
        f"prepared        {height}×{width}×{channels}, {source.count * height * width * channels / 1e6:,.1f} MB",
    ]
    if not recipe.adversarial:
        return "\n".join([*lines, f"generator       {models.build_generator(recipe).count_params():,} parameters"])
    generator, discriminator = models.build(recipe.for_phase(recipe.phases[-1]))
    models.freeze(recipe, generator, discriminator)
    left = source.count * 9 // 10 if held_out else source.count
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
