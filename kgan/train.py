"""Train a GAN. The same command on the same --workdir goes on where it stopped.

    python -m kgan.train --dataset=digits --workdir=runs/digits
    python -m kgan.train --model=dcgan --dataset=mnist --workdir=runs/mnist --epochs=20
    python -m kgan.train --model=dcgan64 --data=photos --workdir=runs/photos

A flag that is not given takes its value from the run that --workdir holds, else from the model's recipe.
"""

import dataclasses
import importlib.util
import os
import shlex
import signal
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from kgan import cli, models
from kgan.data import sources
from kgan.data.source import Source, UnavailableError
from kgan.recipe import TRAINING, Recipe
from kgan.runs.directory import Run, check_resume
from kgan.runtime import machine
from kgan.runtime.errors import UserError

DEFAULT_MODEL = "dcgan"
FALLBACK_DATASET = "digits"

_DEFINE = {bool: flags.DEFINE_bool, int: flags.DEFINE_integer, float: flags.DEFINE_float,
           str: flags.DEFINE_string}
for _field in dataclasses.fields(Recipe):
    _type = next(kind for kind in (typing.get_args(_field.type) or (_field.type,)) if kind is not type(None))
    _DEFINE[_type](_field.name, None, _field.metadata["help"])
WORKDIR = flags.DEFINE_string("workdir", None,
                              "Run directory; default: runs/MODEL, with --dataset or --data runs/MODEL_DATA.")
DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print what would run, then stop; writes nothing.")
CHECKPOINT_SECONDS = flags.DEFINE_float("checkpoint_seconds", 30.0, "Seconds between checkpoints; they fall on ticks.",
                                        lower_bound=0.0)
TENSORBOARD = flags.DEFINE_bool("tensorboard", False, "Also log to WORKDIR/tensorboard.")


def main(arguments: Sequence[str]) -> int | None:
    """Resolves the flags and trains. Returns the exit status: None for success."""
    given = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(Recipe)}
    given = {name: value for name, value in given.items() if value is not None}
    with cli.one_sentence():
        if arguments:
            raise UserError(f"unexpected argument {arguments[0]!r}; flags are written --name=value.")
        if TENSORBOARD.value and importlib.util.find_spec("tensorboard") is None:
            raise UserError("--tensorboard needs a package that is not installed: pip install 'kgan[tensorboard]'.")
        run, recipe, source = resolve(given, WORKDIR.value, download=not DRY_RUN.value)
        if DRY_RUN.value:
            print(describe(run, recipe, source))
            return None
        from kgan.runs.loop import train

        try:
            outcome = train(run, recipe, source, tensorboard=TENSORBOARD.value,
                            checkpoint_seconds=CHECKPOINT_SECONDS.value)
        except KeyboardInterrupt as stop:
            print(f"\nStopped at once, at the last checkpoint. Go on with:\n  {_this_command()}")
            return 128 + (stop.args[0] if stop.args else signal.SIGINT)
    if not outcome.finished:
        print(f"Saved at step {outcome.step:,}. Go on with:\n  {_this_command()}")
        return 128 + outcome.signal
    print(f"Done. Look at {run.sample_files()[-1]}{f' and {run.gif_file}' if run.gif_file.exists() else ''}.")
    return None


def _this_command() -> str:
    place = [f"TFDS_DATA_DIR={os.environ['TFDS_DATA_DIR']}"] if os.environ.get("TFDS_DATA_DIR") else []
    return shlex.join([*place, sys.executable, "-m", "kgan.train", *sys.argv[1:]])


def resolve(given: dict[str, Any], workdir: str | None, *, download: bool = True) -> tuple[Run, Recipe, Source]:
    """Turns the flags that were given into a run directory, a whole recipe and its data.

    Cheap checks come first: an explicit data set that can't be had fails before TensorFlow is imported.

    Raises:
        UserError: a flag is out of range, `workdir` holds something else than a run, or the data can't be had.
    """
    model = given.get("model", DEFAULT_MODEL)
    models.check(model)
    run = Run(workdir or _default_workdir(model, given))
    stored = run.recipe() if run.exists() else None
    if stored is None:
        run.check_free()
    dataset, data = given.get("dataset"), given.get("data")
    if stored:
        dataset = stored.dataset if dataset is None else dataset
        data = stored.data if data is None else data
    source = None if dataset is None and data is None else sources.locate(dataset, data)
    print("Loading TensorFlow …", file=sys.stderr, flush=True)
    machine.import_tensorflow()
    source = source or _default_source(models.recipe(model).dataset, download=download)
    recipe = stored or models.recipe(model, source.name).override(dataset=source.name)
    if stored is None and recipe.adversarial and "precision" not in given and machine.prefers_bfloat16():
        print("bfloat16 is fast here: --precision=mixed_bfloat16 chosen; --precision=float32 keeps float32.",
              file=sys.stderr, flush=True)
        recipe = recipe.override(precision="mixed_bfloat16")
    own = models.recipe(recipe.model)  # a network without dropout layers has a recipe without dropout
    without = TRAINING if not own.adversarial else () if own.dropout else ("dropout",)
    if idle := [name for name in given if name in without]:
        print(f"Without effect on {recipe.model}: {', '.join(idle)}.", file=sys.stderr)
        given = {name: value for name, value in given.items() if name not in idle}
    return run, recipe.override(**given), source


def _default_workdir(model: str, given: dict[str, Any]) -> Path:
    own = Path(given["data"]).stem if "data" in given else None
    return Path("runs", "_".join(filter(None, [model, given.get("dataset") or own])))


def _default_source(dataset: str, *, download: bool) -> Source:
    """Returns the recipe's own data or, when they can't be had and the user named none, the embedded digits."""
    try:
        source = sources.locate(dataset)
        if download:
            source.fetch()
        return source
    except UnavailableError as error:
        print(f"\n{'!' * 80}\n{error}\nNOT training on {dataset}: going on with the embedded "
              f"{FALLBACK_DATASET}.\n{'!' * 80}\n", file=sys.stderr, flush=True)
        source = sources.locate(FALLBACK_DATASET)
        return dataclasses.replace(source, origin=f"{source.origin} (in place of {dataset}, which can't be had)")


def describe(run: Run, recipe: Recipe, source: Source) -> str:
    """Returns the resolved recipe, parameter counts and data size as text.

    Raises:
        UserError: the recipe is impossible, or contradicts the run.
    """
    from kgan import losses

    if run.exists():
        check_resume(run.recipe(), recipe, source.count)
    height, width, channels = recipe.image_shape
    lines = [f"{name:16}{value}" for name, value in recipe.to_dict().items()]
    lines += [
        "",
        f"workdir         {run.path} ({'goes on' if run.exists() else 'new'})",
        f"data            {source.count:,} images: {source.origin}{'' if source.ready else ', to be downloaded'}"
        f"{'; a tenth is held out for testing' if source.held_out else ''}",
        f"prepared        {height}×{width}×{channels}, {source.count * height * width * channels / 1e6:,.1f} MB",
    ]
    if recipe.adversarial:
        losses.get(recipe.loss)
        generator, discriminator = models.build(recipe)
        left = source.count * 9 // 10 if source.held_out else source.count
        return "\n".join([
            *lines,
            f"length          {'about ' if left < source.count and recipe.steps is None else ''}"
            f"{recipe.total_steps(left):,} steps",
            f"generator       {generator.count_params():,} parameters",
            f"discriminator   {discriminator.count_params():,} parameters",
        ])
    return "\n".join([*lines, f"generator       {models.build_generator(recipe).count_params():,} parameters"])


if __name__ == "__main__":
    cli.launch(main)
