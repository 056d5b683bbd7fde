"""Training a recipe in a run directory: the library behind `python -m kgan.train`."""

import sys
import time
from typing import Any, NamedTuple

import keras
import numpy as np

from kgan import callbacks, images, losses, machine, models
from kgan.data import sources
from kgan.data.stream import stream
from kgan.errors import UserError
from kgan.gan import GAN
from kgan.recipe import Recipe
from kgan.run import Run, check_resume


class Outcome(NamedTuple):
    """How a call of `train` ended."""

    finished: bool  # False: Ctrl-C came before the recipe's end
    step: int
    images_per_second: float  # from the first step's end to the last tick's, grids and checkpoints included


def build_gan(recipe: Recipe) -> GAN:
    """Returns the recipe's GAN, compiled.

    Raises:
        UserError: the recipe names a model or a loss that there is not.
    """
    loss = losses.get(recipe.loss)
    xla = machine.needs_xla(recipe.precision)
    if xla:
        print(f"This CPU has no bfloat16 instructions: XLA makes {recipe.precision} usable, float32 is faster.",
              file=sys.stderr, flush=True)
    gan = GAN(*models.build(recipe), d_steps=recipe.d_steps, ema_decay=recipe.ema_decay, seed=recipe.seed)
    gan.compile(
        loss=loss,
        g_optimizer=keras.optimizers.Adam(recipe.g_learning_rate, beta_1=recipe.beta_1),
        d_optimizer=keras.optimizers.Adam(recipe.d_learning_rate, beta_1=recipe.beta_1),
        jit_compile=True if xla else "auto",
    )
    return gan


def train(run: Run, recipe: Recipe, source: sources.Source, *, tensorboard: bool = False) -> Outcome:
    """Trains from where `run` stopped to the recipe's end, or to the end of the tick in which Ctrl-C comes.

    Raises:
        UserError: the data or the recipe are not those that the run was started with, or the recipe is impossible.
        OSError: the run directory can't be written.
    """
    gan = build_gan(recipe)
    pixels, labels = source.load()
    _open(run, recipe, source, pixels)
    start, total = run.restore(gan), recipe.total_steps(len(pixels))
    run.trim(start)
    grids = callbacks.SampleGrids(run, recipe.grid_interval(len(pixels)), start)
    grids.set_model(gan)
    if start == 0:
        grids.draw()
        images.save_grid(pixels[:len(callbacks.GRID_SEEDS)], run.samples / "reals.png")
        print(f"Untrained: {run.sample_file(0)}; data: {run.samples / 'reals.png'}", file=sys.stderr, flush=True)
    if start >= total:
        print(f"{run.path} is complete at step {start:,}; a larger --steps or --epochs extends it.", file=sys.stderr)
        return Outcome(True, start, 0.0)
    print(f"{'Resuming' if start else 'Starting'} at step {start:,} of {total:,}.", file=sys.stderr, flush=True)
    images_per_step = recipe.batch_size * recipe.d_steps
    progress = callbacks.Progress(start, total, images_per_step)
    began = time.monotonic()
    with callbacks.StopOnSignal() as stop:
        _fit(gan, recipe, pixels, labels, total,
             [callbacks.Log(run, len(pixels), images_per_step), grids, callbacks.Checkpoints(run), progress, stop,
              *([_tensorboard(run)] if tensorboard else [])])
    rate = progress.close()
    step = int(gan.step)
    if step == total and not run.sample_file(step).exists():
        grids.draw()
    images.save_gif(run.sample_files(), run.gif_file)
    run.save(gan)  # after the pictures: this checkpoint says that they are there
    print(f"Step {step:,}: {step - start:,} steps in {time.monotonic() - began:.0f} s, {rate:.0f} images/s.",
          file=sys.stderr)
    return Outcome(step == total, step, rate)


def _open(run: Run, recipe: Recipe, source: sources.Source, pixels: np.ndarray) -> None:
    data = {"origin": source.origin, "images": len(pixels), "sha256": sources.fingerprint(pixels)}
    if not run.exists():
        run.create(recipe, data=data, versions=machine.versions())
    run.samples.mkdir(exist_ok=True)
    check_resume(run.recipe(), recipe, len(pixels))
    config = run.config()
    if config["data"]["sha256"] != data["sha256"]:
        raise UserError(f"this run was started on other images ({config['data']['origin']}) than those found now "
                         f"({source.origin}); bring them back, or choose another --workdir.")
    run.write_config({**config, "recipe": recipe.to_dict()})


def _fit(gan: GAN, recipe: Recipe, pixels: np.ndarray, labels: np.ndarray | None, total: int,
         extras: list[Any]) -> None:
    """Fits up to step `total`: to the next tick end, by whole ticks, then the rest of one."""
    while (step := int(gan.step)) < total and not gan.stop_training:
        size = min(recipe.tick - step % recipe.tick, total - step)
        ticks = (total - step) // size if size == recipe.tick else 1
        done = step // recipe.tick
        data = stream(pixels, labels=labels, batch_size=recipe.batch_size * recipe.d_steps, seed=recipe.seed,
                      start=step)
        gan.fit(data, steps_per_epoch=size, initial_epoch=done, epochs=done + ticks, shuffle=False, verbose=0,
                callbacks=extras)


def _tensorboard(run: Run) -> keras.callbacks.Callback:
    return keras.callbacks.TensorBoard(str(run.path / "tensorboard"), write_graph=False)
