"""Training a recipe in a run directory: the library behind `python -m kgan.train`."""

import sys
import time
from typing import Any, NamedTuple

import keras
import numpy as np

from kgan import callbacks, images, losses, machine, models, plots
from kgan.data import cache
from kgan.data.source import Source
from kgan.data.stream import stream
from kgan.errors import UserError
from kgan.evaluation import VALIDATION, Validation, open_judges
from kgan.gan import GAN, generate
from kgan.metrics import doctor
from kgan.recipe import Recipe
from kgan.run import Run, check_resume


class Outcome(NamedTuple):
    """How a call of `train` ended. A closed-form fit is one step."""

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
        g_optimizer=_optimizer(recipe, recipe.g_learning_rate),
        d_optimizer=_optimizer(recipe, recipe.d_learning_rate),
        jit_compile=True if xla else "auto",
    )
    return gan


def _optimizer(recipe: Recipe, learning_rate: float) -> keras.Optimizer:
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=recipe.beta_1)
    return keras.optimizers.Adam(learning_rate, beta_1=recipe.beta_1)


def train(run: Run, recipe: Recipe, source: Source, *, tensorboard: bool = False) -> Outcome:
    """Trains from where `run` stopped to the recipe's end, or to the end of the tick in which Ctrl-C comes.

    Raises:
        UserError: the data or the recipe are not those that the run was started with, or the recipe is impossible.
        OSError: the run directory can't be written.
    """
    if not recipe.adversarial:
        return _fit_closed_form(run, recipe, source)
    gan = build_gan(recipe)
    prepared = prepare(source, recipe)
    chosen, validation = None, None
    if recipe.evaluate_every is not None:
        chosen, validation = hold_out(source, recipe, prepared)
    count = len(prepared.images if chosen is None else chosen)
    _open(run, recipe, source, prepared, count)
    start, total = run.restore(gan), recipe.total_steps(count)
    run.trim(start)
    grids = callbacks.SampleGrids(run, recipe.grid_interval(count), start)
    grids.set_model(gan)
    if start == 0:
        grids.draw()
        print(f"Untrained: {run.sample_file(0)}; data: {run.reals_file}", file=sys.stderr, flush=True)
    if start >= total:
        print(f"{run.path} is complete at step {start:,}; a larger --steps or --epochs extends it.", file=sys.stderr)
        return Outcome(True, start, 0.0)
    print(f"{'Resuming' if start else 'Starting'} at step {start:,} of {total:,}.", file=sys.stderr, flush=True)
    images_per_step = recipe.batch_size * recipe.d_steps
    progress = callbacks.Progress(start, total, images_per_step)
    began = time.monotonic()
    extras = [callbacks.Log(run, count, images_per_step, validation.columns if validation else ()), grids,
              callbacks.Checkpoints(run), progress]
    if validation:
        extras.insert(0, callbacks.Evaluation(run, validation, recipe.evaluate_every, start, doctor.warn))
    if tensorboard:
        extras.append(_tensorboard(run))
    with callbacks.StopOnSignal() as stop:
        _fit(gan, recipe, prepared, chosen, total, [*extras, stop])
    rate = progress.close()
    step = int(gan.step)
    if step == total and not run.sample_file(step).exists():
        grids.draw()
    images.save_gif(run.sample_files(), run.gif_file)
    plots.save_plot(run.log_file, run.plot_file)
    run.save(gan)  # after the pictures: this checkpoint says that they are there
    print(f"Step {step:,}: {step - start:,} steps in {time.monotonic() - began:.0f} s, {rate:.0f} images/s.",
          file=sys.stderr)
    return Outcome(step == total, step, rate)


def prepare(source: Source, recipe: Recipe) -> cache.Prepared:
    """Returns the source's training images in the recipe's shape. Raises as `cache.prepare` does."""
    return cache.prepare(source, **_shape(recipe))


def _shape(recipe: Recipe) -> dict[str, Any]:
    return {"image_size": recipe.image_size, "channels": recipe.channels, "crop": recipe.crop,
            "skip_bad": recipe.skip_bad}


def hold_out(source: Source, recipe: Recipe, prepared: cache.Prepared) -> tuple[np.ndarray, Validation]:
    """Returns the indices of the images that are left to train on, and a score on the others.

    Raises:
        UserError: there are no labels and the images are too small for what needs none.
    """
    test = cache.prepare_test(source, **_shape(recipe))
    judges = open_judges(prepared, test)
    order = np.random.default_rng(0).permutation(len(prepared.images))
    held_out = min(VALIDATION, len(order) // 10)
    validation = Validation(prepared, np.sort(order[:held_out]), judges[0] if judges else None)
    return np.sort(order[held_out:]), validation


def _fit_closed_form(run: Run, recipe: Recipe, source: Source) -> Outcome:
    """Fits what needs no steps; the one grid is that of step 1."""
    models.check_shape(recipe)
    prepared = prepare(source, recipe)
    _open(run, recipe, source, prepared, len(prepared.images))
    if run.generator_file.exists():
        print(f"{run.path} is complete.", file=sys.stderr)
        return Outcome(True, 1, 0.0)
    began = time.monotonic()
    generator = models.fit_generator(prepared.images, recipe)
    images.save_grid(generate(generator, callbacks.GRID_SEEDS), run.sample_file(1))
    run.save_generator(generator)  # after the picture: it says that it is there
    seconds = time.monotonic() - began
    print(f"Fitted to {len(prepared.images):,} images in {seconds:.1f} s.", file=sys.stderr)
    return Outcome(True, 1, len(prepared.images) / seconds)


def _open(run: Run, recipe: Recipe, source: Source, prepared: cache.Prepared, count: int) -> None:
    data = {"origin": source.origin, "images": count, "left_out": len(prepared.bad), "sha256": prepared.sha256}
    if not run.exists():
        run.create(recipe, data=data, versions=machine.versions())
    run.samples.mkdir(exist_ok=True)
    check_resume(run.recipe(), recipe, count)
    config = run.config()
    if config["data"]["sha256"] != data["sha256"]:
        raise UserError(f"this run was started on other images ({config['data']['origin']}) than those found now "
                         f"({source.origin}); bring them back, or choose another --workdir.")
    run.write_config({**config, "recipe": recipe.to_dict()})
    if not run.reals_file.exists():
        some = np.random.default_rng(0).permutation(len(prepared.images))[:len(callbacks.GRID_SEEDS)]
        images.save_grid(prepared.images[some], run.reals_file)


def _fit(gan: GAN, recipe: Recipe, prepared: cache.Prepared, chosen: np.ndarray | None, total: int,
         extras: list[Any]) -> None:
    """Fits up to step `total`: to the next tick end, by whole ticks, then the rest of one."""
    while (step := int(gan.step)) < total and not gan.stop_training:
        size = min(recipe.tick - step % recipe.tick, total - step)
        ticks = (total - step) // size if size == recipe.tick else 1
        done = step // recipe.tick
        data = stream(prepared.images, labels=prepared.labels, batch_size=recipe.batch_size * recipe.d_steps,
                      seed=recipe.seed, start=step, flip=recipe.flip, chosen=chosen)
        gan.fit(data, steps_per_epoch=size, initial_epoch=done, epochs=done + ticks, shuffle=False, verbose=0,
                callbacks=extras)


def _tensorboard(run: Run) -> keras.callbacks.Callback:
    return keras.callbacks.TensorBoard(str(run.path / "tensorboard"), write_graph=False)
