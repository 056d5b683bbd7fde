"""Train a GAN. The same command on the same --workdir goes on where it stopped.

    kgan train --dataset=digits --workdir=runs/digits
    kgan train --model=dcgan --dataset=mnist --workdir=runs/mnist --epochs=20
    kgan train --model=dcgan64 --data=photos --workdir=runs/photos

A flag that you don't give takes its value from the run that --workdir holds, else the default that stands beside it,
else that of the model's recipe: --dry_run prints it.
"""

import dataclasses
import importlib.util
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

from kgan import models, recipe
from kgan.commands import flags
from kgan.data import cache, sources
from kgan.runs import checkpoints, mirror, setup
from kgan.runtime import fields
from kgan.runtime.errors import UserError


def _recipe_flags() -> Iterator[flags.Flag]:
    """A flag for each field of a recipe; without a value, the model's own recipe decides, as the docstring says."""
    known = {"model": models.names(), "dataset": sources.names()}
    for field in dataclasses.fields(recipe.Recipe):
        choices = ", ".join(map(str, known.get(field.name) or field.metadata["choices"]))
        if field.name == "recipe":
            named = {model: models.recipes(model) for model in models.names()}
            choices = "; ".join(f"{model}: {', '.join(names)}" for model, names in named.items() if names)
        default = f" (default: {setup.DEFAULT_MODEL})" if field.name == "model" else ""
        text = f"{field.metadata['help']}{f' [{choices}]' if choices else ''}{default}"
        yield flags.Flag(field.name, fields.kind(field), None, text)


ARGUMENTS = ""
FLAGS: tuple[flags.Flag, ...] = (
    *_recipe_flags(),
    flags.Flag("workdir", str, None, "Run directory; default: runs/MODEL, with --dataset or --data runs/MODEL_DATA."),
    flags.Flag("init_from", str, None, "What a new run starts from. RUN or RUN@STEP: that checkpoint's G, D and "
               "optimizers, with that run's recipe where no flag says otherwise. preset:NAME: that preset's G and D, "
               "with new optimizers. FILE.keras, or a SavedModel's directory: that G alone."),
    flags.Flag("trust", bool, False, "Read the SavedModel of --init_from, which is a program."),
    flags.Flag("minutes", float, None, "Length of a new run: this command ends after so many minutes, with all that it "
               "does; the steps are fixed on the way.", least=0.01),
    flags.Flag("patience", int, None, "End the run when so many looks in a row found nothing better: evaluations or, "
               "without these, D_gap; absent: never.", least=1),
    flags.Flag("strategy", str, "auto", "Devices to train on: one; mirrored, all GPUs of this machine; multiworker, "
               "the machines that TF_CONFIG names; auto: multiworker, mirrored or one, by what there is."),
    flags.Flag("deterministic", bool, None, "Ask TensorFlow for operations that give the same bits each time, without "
               "which no run on a GPU can be resumed exactly; absent: on GPUs."),
    flags.Flag("accept_labels", bool, False, "Go on with a run though the images' classes or clusters are others now "
               "than those that its networks were told."),
    flags.Flag("dry_run", bool, False, "Print what would run, then stop; writes nothing."),
    flags.Flag("checkpoint_seconds", float, 30.0, "Seconds between checkpoints; they fall on ticks.", least=0.0),
    flags.Flag("keep", int, checkpoints.HISTORY, "Checkpoints kept beside the last three, spread over the run's whole "
               "length on a log scale.", least=0, most=1000),
    flags.Flag("mirror", str, None, "Directory that the run is copied to after each checkpoint, as on a drive; where "
               "--workdir isn't there, it is brought back from it."),
    flags.Flag("tensorboard", bool, False, "Also log to WORKDIR/tensorboard: curves, grids, the recipe."),
)
ALIASES = recipe.RENAMED
HEADINGS: flags.Headings = {
    "Run": ("workdir", "init_from", "trust", "epochs", "steps", "images", "minutes", "patience", "seed", "strategy",
            "deterministic", "accept_labels", "dry_run"),
    "Data": ("dataset", "data", "image_size", "height", "width", "channels", "crop", "flip", "skip_bad"),
    "Networks": ("model", "recipe", "conditional", "classes", "clusters", "max_channels", "latent_dim", "z_prior",
                 "dropout", "precision"),
    "Loss": ("loss", "d_loss_weight", "label_smoothing", "penalty", "penalty_weight", "penalty_sigma", "penalty_share",
             "penalty_floor", "augment", "augment_target"),
    "Training": ("batch_size", "accumulate", "update", "d_steps", "g_steps", "optimizer", "g_learning_rate",
                 "d_learning_rate", "beta_1", "beta_2", "epsilon", "clip", "schedule", "decay_images", "floor",
                 "momentum_end", "momentum_images", "ema_decay", "ema_images"),
    "Growing and fine-tuning": ("grow_images", "trainable_blocks", "frozen_d_blocks", "discriminator_warmup"),
    "Samples and looks": ("tick", "sample_every", "watch_every", "evaluate_every"),
    "Output": ("checkpoint_seconds", "keep", "mirror", "tensorboard"),
}


def main(arguments: Sequence[str], options: SimpleNamespace) -> int | None:
    """Resolves the flags and trains. Returns the exit status: None for success."""
    began = time.monotonic() - time.process_time()  # about when the process began
    given = {name: value for name, value in vars(options).items() if name in recipe.fields() and value is not None}
    if arguments:
        raise UserError(f"unexpected argument {arguments[0]!r}; flags are written --name=value.")
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise UserError("--tensorboard needs a package that is not installed: pip install 'kgan[tensorboard]'.")
    job = setup.resolve(given, options.workdir, init_from=options.init_from, trust=options.trust,
                        download=not options.dry_run, minutes=options.minutes,
                        mirror=None if options.dry_run else options.mirror)
    if options.dry_run:
        print(setup.describe(job))
        return None
    from kgan.runs import callbacks, loop

    boards = [callbacks.TensorBoard(job.run, job.recipe)] if options.tensorboard else []
    try:
        outcome = loop.train(*job, minutes=options.minutes, callbacks=boards,
                             checkpoint_seconds=options.checkpoint_seconds, history=options.keep,
                             strategy=options.strategy, accept_labels=options.accept_labels, began=began,
                             patience=options.patience, deterministic=options.deterministic,
                             mirror=None if options.mirror is None else mirror.Mirror(job.run, options.mirror))
    except KeyboardInterrupt as stop:
        print(f"\nStopped at once, at the last checkpoint. Go on with:\n  {_this_command()}")
        return 128 + (stop.args[0] if stop.args else signal.SIGINT)
    if outcome.signal is not None:
        print(f"Saved at step {outcome.step:,}. Go on with:\n  {_this_command()}")
        return 128 + outcome.signal
    if not outcome.chief:
        print(f"Done: step {outcome.step:,}. The chief has the pictures.")
        return None
    gif = f" and {job.run.gif_file}" if job.run.gif_file.exists() else ""
    print(f"Done. Look at {job.run.sample_files()[-1]}{gif}.\n{_next(job)}")
    return None


def _next(job: setup.Setup) -> str:
    """Returns a line that says how to judge the run: with test images by their scores, else by its page."""
    place = flags.quoted(str(job.run.path))
    from kgan.scoring.benchmark import FEWEST

    whole = job.source.held_out and job.source.count < cache.HELD_OUT_FROM  # of which halves are compared
    try:
        parts = [part(job.source, **job.recipe.image_settings) for part in (
            (cache.prepare,) if whole else (cache.prepare, cache.prepare_test))]
    except UserError:
        return f"Without test images it can't be scored; look at what it draws: kgan report {place}"
    if any(len(part.images) < FEWEST * (1 + whole) for part in parts):
        return f"With so few images it can't be scored; look at what it draws: kgan report {place}"
    return f"Score it with: kgan evaluate {place}"


def _this_command() -> str:
    place = os.environ.get("TFDS_DATA_DIR")
    command = flags.quoted(sys.executable, "-m", "kgan.train", *sys.argv[1:])
    if not place:
        return command
    return f'set "TFDS_DATA_DIR={place}" && {command}' if os.name == "nt" else (
        f"TFDS_DATA_DIR={shlex.quote(place)} {command}")
