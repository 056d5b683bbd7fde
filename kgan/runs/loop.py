"""Training a recipe in a run directory: the library behind `python -m kgan.train`."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from PIL import Image

from kgan import images, kernels, losses, models
from kgan.data import cache
from kgan.data.source import Source
from kgan.data.stream import stream
from kgan.gan import GAN, generate
from kgan.recipe import Recipe
from kgan.runs import callbacks, plots
from kgan.runs.directory import FORMAT, Run, check_resume
from kgan.runtime import machine
from kgan.runtime.errors import UserError
from kgan.scoring import doctor
from kgan.scoring.benchmark import VALIDATION, Validation, open_judges


class Outcome(NamedTuple):
    """How a call of `train` ended. A closed-form fit is one step."""

    step: int
    images_per_second: float = 0.0  # from the first step's end to the last tick's, grids and checkpoints included
    signal: int | None = None  # that came before the recipe's end

    @property
    def finished(self) -> bool:
        """Tells whether the recipe's end was reached."""
        return self.signal is None


def build_gan(recipe: Recipe) -> GAN:
    """Returns the recipe's GAN, compiled.

    Raises:
        UserError: the recipe names a model or a loss that there is not.
    """
    loss = losses.get(recipe.loss)
    if recipe.precision != "float32" and not machine.computes_bfloat16():
        print(f"This processor has no bfloat16 instructions: {recipe.precision} is computed in float32 and rounded; "
              "float32 is faster.", file=sys.stderr, flush=True)
    gan = GAN(*models.build(recipe), d_steps=recipe.d_steps, ema_decay=recipe.ema_decay, seed=recipe.seed)
    gan.compile(
        loss=loss,
        g_optimizer=_optimizer(recipe, recipe.g_learning_rate),
        d_optimizer=_optimizer(recipe, recipe.d_learning_rate),
    )
    return gan


def _optimizer(recipe: Recipe, learning_rate: float) -> keras.Optimizer:
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=recipe.beta_1)
    adam = keras.optimizers.Adam if machine.has_accelerator() else kernels.Adam
    return adam(learning_rate, beta_1=recipe.beta_1)


def train(run: Run, recipe: Recipe, source: Source, *, tensorboard: bool = False,
          checkpoint_seconds: float = 30.0) -> Outcome:
    """Trains from where `run` stopped to the recipe's end, or until Ctrl-C or SIGTERM stops it.

    Checkpoints fall on the first tick end after every `checkpoint_seconds`.

    Raises:
        UserError: the data or the recipe are not those that the run was started with, or the recipe is impossible, or
            another process trains this run, or training diverged.
        OSError: the run directory can't be written.
    """
    if not recipe.adversarial:
        return _fit_closed_form(run, recipe, source)
    gan = build_gan(recipe)
    prepared = prepare(source, recipe)
    if run.exists():
        check_resume(run.recipe(), recipe, len(prepared.images))  # before a judge is trained for nothing
    chosen, validation = None, None
    if recipe.evaluate_every is not None:
        chosen, validation = hold_out(source, recipe, prepared)
    count = len(prepared.images if chosen is None else chosen)
    with _opened(run, recipe, source, prepared, count):
        start, total = run.restore(gan), recipe.total_steps(count)
        grids = _begin(run, recipe, gan, count, total)
        if start >= total:
            _finish(run, grids)
            print(f"{run.path} is complete at step {start:,}; a larger --steps or --epochs extends it.",
                  file=sys.stderr)
            return Outcome(start)
        print(f"{'Resuming' if start else 'Starting'} at step {start:,} of {total:,}.", file=sys.stderr, flush=True)
        images_per_step = recipe.batch_size * recipe.d_steps
        stop, saving = callbacks.StopOnSignal(), callbacks.Checkpoints(run, checkpoint_seconds)
        progress = callbacks.Progress(start, total, images_per_step)
        log = callbacks.Log(run, count, images_per_step, validation.columns if validation else ())
        extras = [stop, log, grids, saving, progress, *([_tensorboard(run)] if tensorboard else [])]
        if validation:
            evaluation = callbacks.Evaluation(run, validation, recipe.evaluate_every, start, doctor.warn)
            extras.insert(1, evaluation)
            stop.tick_end_seconds = evaluation.expected_seconds
        began = time.monotonic()
        try:
            with stop:
                _fit(gan, recipe, prepared, chosen, total, extras)
        except callbacks.Stopped:
            gan.load_state(saving.state)  # the tick is dropped
        except callbacks.DivergedError as error:
            raise _diverged(run, int(gan.step), error) from error
        rate, step = progress.close(), int(gan.step)
        run.save(gan)
        if step == total:
            _finish(run, grids)
        print(f"Step {step:,}: {step - start:,} steps in {time.monotonic() - began:.0f} s, {rate:.0f} images/s.",
              file=sys.stderr)
        return Outcome(step, rate, None if step == total else stop.received)


def _begin(run: Run, recipe: Recipe, gan: GAN, count: int, total: int) -> callbacks.SampleGrids:
    """Leaves in the run what belongs to the step it goes on from; draws the untrained grid."""
    start = int(gan.step)
    if start < total:
        run.trim(start)
    grids = callbacks.SampleGrids(run, recipe.grid_interval(count), start)
    grids.set_model(gan)
    if start == 0:
        grids.draw()
        print(f"Untrained: {run.sample_file(0)}; data: {run.reals_file}", file=sys.stderr, flush=True)
    return grids


def _diverged(run: Run, step: int, error: callbacks.DivergedError) -> UserError:
    good = run.last_step()
    kept = "nothing was saved yet" if good is None else f"step {good:,} is the last good checkpoint"
    return UserError(f"training diverged in the tick that ends at step {step:,}: {error} is no finite number any more; "
                     f"{kept}. Start another --workdir with lower rates.")


@contextlib.contextmanager
def _opened(run: Run, recipe: Recipe, source: Source, prepared: cache.Prepared, count: int) -> Iterator[None]:
    """Creates the run or compares it with what is asked for, and holds it alone meanwhile."""
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        with run.owned():
            _open(run, recipe, source, prepared, count)
            yield
    except OSError as error:
        good = run.last_step()
        raise OSError(f"workdir={str(run.path)!r} can't be written ({error.strerror or error}); "
                      + ("choose another --workdir." if good is None else f"the checkpoint of step {good:,} is safe: "
                         "make room, then start the same command again.")) from error


def _finish(run: Run, grids: callbacks.SampleGrids) -> None:
    """Draws what a complete run shows, where a process that was killed did not come to it."""
    if not run.sample_file(int(grids.model.step)).exists():
        grids.draw()
        run.gif_file.unlink(missing_ok=True)
    if not run.gif_file.exists():
        images.save_gif(map(Image.open, run.sample_files()), run.gif_file)
    if not run.plot_file.exists():
        plots.save_plot(run.log_file, run.plot_file)
    if not run.generator_file.exists():
        run.save_generator(grids.model.sampler)


def prepare(source: Source, recipe: Recipe) -> cache.Prepared:
    """Returns the source's training images in the recipe's shape. Raises as `cache.prepare` does."""
    return cache.prepare(source, **_shape(recipe))


def _shape(recipe: Recipe) -> dict[str, Any]:
    return {"image_size": recipe.image_size, "channels": recipe.channels, "crop": recipe.crop,
            "skip_bad": recipe.skip_bad}


def hold_out(source: Source, recipe: Recipe, prepared: cache.Prepared) -> tuple[np.ndarray, Validation]:
    """Returns the indices of the images that are left to train on, and a score on the others.

    Raises:
        UserError: there are too few images to hold any out for the judge's test.
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
    with _opened(run, recipe, source, prepared, len(prepared.images)):
        if run.generator_file.exists():
            print(f"{run.path} is complete.", file=sys.stderr)
            return Outcome(1)
        began = time.monotonic()
        generator = models.fit_generator(prepared.images, recipe)
        images.save_grid(generate(generator, callbacks.GRID_SEEDS), run.sample_file(1))
        run.save_generator(generator)  # after the picture: it says that it is there
        seconds = time.monotonic() - began
    print(f"Fitted to {len(prepared.images):,} images in {seconds:.1f} s.", file=sys.stderr)
    return Outcome(1, len(prepared.images) / seconds)


def _open(run: Run, recipe: Recipe, source: Source, prepared: cache.Prepared, count: int) -> None:
    data = {"origin": source.origin, "images": count, "left_out": len(prepared.bad), "sha256": prepared.sha256}
    if not run.exists():
        run.create(recipe, data=data, versions=machine.versions())
    run.samples.mkdir(exist_ok=True)
    check_resume(run.recipe(), recipe, count)
    config = run.config()
    if config["format"] != FORMAT:
        raise UserError(f"{str(run.path)!r} is a run of format {config['format']}, whose checkpoints this version "
                        "doesn't read; generate, evaluate and export still do. To train, choose another --workdir.")
    changed = [f"{name} {config['versions'].get(name)} then, {value} now"
               for name, value in machine.versions().items() if config["versions"].get(name) != value]
    if changed:
        print(f"Note: this run was started with {'; '.join(changed)}. It goes on, but no longer bit for bit.",
              file=sys.stderr)
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
