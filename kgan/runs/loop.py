"""Training a recipe in a run directory: the library behind `kgan train`."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, TextIO

import keras
import tensorflow as tf
from absl import logging

from kgan import images, models
from kgan.data.source_types import Source
from kgan.data.stream import stream
from kgan.gan import GAN
from kgan.growth import Phase
from kgan.layers.progressive import smaller
from kgan.recipe import Recipe
from kgan.runs import callbacks as callbacks_lib
from kgan.runs import checkpoints, generators, log, monitoring
from kgan.runs import devices as distribution
from kgan.runs.branch import Start
from kgan.runs.build import build_gan, grown, set_shares
from kgan.runs.callbacks import Progress, StopOnSignal, Stopped
from kgan.runs.checks import is_inside, open_grid
from kgan.runs.directory import Run, writing
from kgan.runs.resume import check_branch, next_step, open_data, open_run, restore
from kgan.runs.training_data import Data, open_validation, open_watch
from kgan.runtime import machine
from kgan.runtime.errors import UserError
from kgan.sampling import generate
from kgan.scoring.benchmark import HeldOutComparison

CALIBRATION_SECONDS = 2.0
AT_ONCE = 50  # steps at most that a GPU makes before Python is asked again


class Outcome(NamedTuple):
    """How a call of `train` ended. A closed-form fit is one step."""

    step: int
    images_per_second: float = 0.0  # from the first step's end to the last tick's, grids and checkpoints included
    signal: int | None = None  # that came before the recipe's end
    chief: bool = True  # whether this process wrote the run; else it was another worker

    @property
    def finished(self) -> bool:
        """Tells whether the recipe's end was reached."""
        return self.signal is None


def train(run: Run, recipe: Recipe, source: Source, branch: Start | None = None, *, minutes: float | None = None,
          callbacks: Sequence[keras.callbacks.Callback] = (), checkpoint_seconds: float = 30.0,
          history: int = checkpoints.HISTORY, screen: TextIO | None = None, strategy: str = "auto",
          accept_labels: bool = False) -> Outcome:
    """Trains from where `run` stopped to the recipe's end, or until Ctrl-C or SIGTERM stops it.

    Args:
        run: the directory; it may be new.
        recipe: of a run that exists, its own, or a longer one.
        source: what `sources.locate` found.
        branch: where a new run goes on from; None: from untrained networks.
        minutes: a new run's length, from the rate measured at its start, in place of the recipe's.
        callbacks: of Keras, called after kgan's own; an epoch is a tick, and `logs` has what log.csv has.
        checkpoint_seconds: checkpoints fall on the first tick end after this long.
        history: checkpoints that are kept beside the newest ones: see `checkpoints.thinned`.
        screen: where the progress bar is drawn; None: on stderr, or in a notebook as a widget.
        strategy: the devices that it trains on, see `distribution.strategy`. Several workers need a directory that all
            see; the chief alone writes there.
        accept_labels: go on though the images' classes or clusters are others than those that D was told.

    Returns:
        Where it ended, how fast it was, and the signal that stopped it, if one did.

    Example::

        outcome = train(*setup.resolve({"model": "dcgan", "dataset": "digits"}, "runs/digits"))

    Raises:
        UserError: the data or the recipe are not those that the run was started with, or the recipe is impossible, or
            another process trains this run, or training diverged, or a worker is gone.
        OSError: the run directory can't be written.
    """
    run.check_no_preset()
    if not recipe.adversarial:
        if idle := [name for name, on in (("minutes", minutes is not None), ("strategy", strategy != "auto")) if on]:
            logging.warning("Without effect on %s, which is fitted in one step: %s.", recipe.model, ", ".join(idle))
        return _fit_closed_form(run, recipe, source)
    devices = distribution.strategy(strategy)
    distribution.check(recipe, devices)
    data = open_data(run, recipe, source, branch, accept_labels)
    if data.classes is not None:
        recipe = dataclasses.replace(recipe, classes=data.classes)
    check_branch(run, recipe, data, branch, minutes)
    with devices.scope():
        gan = build_gan(recipe, data.cluster_counts, step=next_step(run, branch))
    if minutes is not None and run.exists():
        logging.warning("Without effect on a run that exists: minutes.")
    elif minutes is not None:
        if recipe.grow_images or distribution.is_multiworker(devices):
            why = "networks that grow are slower at each resolution; shorten --grow_images" if recipe.grow_images else (
                "each worker would measure another length; give --steps, --images or --epochs")
            raise UserError(f"--minutes: {why}.")
        recipe = recipe.override(steps=steps_within(60 * minutes, gan, recipe, data))
    with distribution.together(devices, run):
        if not distribution.is_chief(devices):
            return _assist(run, recipe, gan, data, branch)
        with open_run(run, recipe, data, branch, distribution.facts(devices)):
            distribution.check_agreement(devices, recipe, data.identity)  # and the others wait until here
            validation = None if recipe.evaluate_every is None else open_validation(recipe, data)
            start, total = restore(run, gan, branch), recipe.total_steps(data.count)
            set_shares(data.cluster_counts, gan.generator, gan.ema_generator)  # the labels may be new
            distribution.check_steps(devices, start)
            with writing(run):
                grids = _begin(run, recipe, gan, data.count, total)
            if start >= total:
                _finish(run, grids)
                logging.info("%s is complete at step %s; a larger --epochs, --steps or --images extends it.",
                             run.path, f"{start:,}")
                return Outcome(start)
            logging.info("%s at step %s of %s.", "Resuming" if start else "Starting", f"{start:,}", f"{total:,}")
            saving = callbacks_lib.Checkpoints(run, callbacks_lib.State(), checkpoint_seconds, history)
            reporting = _reporting(run, recipe, data, saving.state, start, validation)
            return _train(run, recipe, gan, data, total, saving, [*reporting, grids], callbacks,
                          Progress(recipe, start, total, screen))


def _assist(run: Run, recipe: Recipe, gan: GAN, data: Data, branch: Start | None) -> Outcome:
    """Trains as one of several workers, of which the chief writes."""
    devices = gan.distribute_strategy
    distribution.check_agreement(devices, recipe, data.identity)
    start, total = restore(run, gan, branch, write=False), recipe.total_steps(data.count)
    set_shares(data.cluster_counts, gan.generator, gan.ema_generator)
    distribution.check_steps(devices, start)
    logging.info("This worker trains from step %s to %s; the chief writes %s.", f"{start:,}", f"{total:,}", run.path)
    state, stop = callbacks_lib.State(), StopOnSignal(together=distribution.sum_over(devices))
    try:
        with stop:
            gan = fit_and_grow(gan, recipe, data, total, [stop, state])
    except callbacks_lib.DivergedError as error:
        raise _diverged(run, int(gan.step), error) from error
    step = int(gan.step)
    return Outcome(step, signal=None if step == total else stop.received, chief=False)


def _reporting(run: Run, recipe: Recipe, data: Data, state: callbacks_lib.State, start: int,
               validation: HeldOutComparison | None) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that score and look, as the recipe asks, and the log that their numbers go to."""
    found: list[monitoring.SampleMonitor] = []
    if validation is not None or recipe.watch_every is not None:
        shared = monitoring.MonitorContext(monitoring.open_gap(recipe, data), monitoring.Warnings(), data.class_counts,
                                   recipe.image_size)
    if validation is not None:
        found.append(monitoring.ValidationMonitor(validation, recipe.evaluate_every or 1, start, shared, run, state))
    if recipe.watch_every is not None:
        interval = recipe.watch_every * data.count / recipe.images_per_step
        found.append(monitoring.SampleMonitor(open_watch(recipe, data), interval, start, shared, recipe.full_turns))
    columns = [name for look in found for name in look.columns]
    return [*found, callbacks_lib.Log(run, recipe, data.count, columns)]


def _train(run: Run, recipe: Recipe, gan: GAN, data: Data, total: int, saving: callbacks_lib.Checkpoints,
           reporting: Sequence[keras.callbacks.Callback], extras: Sequence[keras.callbacks.Callback],
           progress: Progress) -> Outcome:
    """Fits with all callbacks in their order, saves, and says how it went."""
    start, began = int(gan.step), time.monotonic()
    stop = StopOnSignal(together=distribution.sum_over(gan.distribute_strategy))
    found = [callback for callback in reporting if isinstance(callback, monitoring.SampleMonitor)]
    stop.tick_end_seconds = lambda step: sum(look.expected_seconds(step) for look in found)
    try:
        with stop:
            gan = fit_and_grow(gan, recipe, data, total, [stop, saving.state, *reporting, saving, progress, *extras])
    except Stopped:
        gan = saving.model  # it may have grown
        gan.load_state(saving.state.arrays)  # the tick is dropped
    except callbacks_lib.DivergedError as error:
        raise _diverged(run, int(saving.model.step), error) from error
    rate, step = progress.close(), int(gan.step)
    saving.save()
    if step == total:
        _finish(run, reporting[-1])
    logging.info("Step %s: %s steps in %.0f s, %.0f images/s.", f"{step:,}", f"{step - start:,}",
                 time.monotonic() - began, rate)
    return Outcome(step, rate, None if step == total else stop.received)


def _begin(run: Run, recipe: Recipe, gan: GAN, count: int, total: int) -> callbacks_lib.SampleGrids:
    """Leaves in the run what belongs to the step it goes on from; draws the untrained grid."""
    start = int(gan.step)
    if start < total:
        run.trim(start)
    grids = callbacks_lib.SampleGrids(run, recipe.grid_interval(count), start, recipe.image_size,
                                      [*(phase.start for phase in recipe.phases), total],
                                      recipe.full_turns if recipe.sample_every is None else None)
    grids.set_model(gan)
    if not run.sample_files():
        grids.draw()
        trained = start > 0 or "branch" in run.config()
        logging.info("%s: %s; data: %s", "As it begins" if trained else "Untrained", run.sample_file(start),
                     run.reals_file)
    return grids


def _diverged(run: Run, step: int, error: callbacks_lib.DivergedError) -> UserError:
    good = run.last_step()
    kept = "nothing was saved yet" if good is None else f"step {good:,} is the last good checkpoint"
    return UserError(f"training diverged in the tick that ends at step {step:,}: {error} is no finite number any more; "
                     f"{kept}. Start another --workdir with lower rates.")


def _finish(run: Run, grids: callbacks_lib.SampleGrids) -> None:
    """Writes the final grid, GIF and plot if an earlier process was killed before it could."""
    with writing(run):
        if not run.sample_file(int(grids.model.step)).exists():
            grids.draw()
            run.gif_file.unlink(missing_ok=True)
        if not run.gif_file.exists() and is_inside(run.sample_files()[-1], run.path):
            frames = (open_grid(path, run.path) for path in images.spread(run.sample_files()))
            images.save_gif(filter(None, frames), run.gif_file)
        if not run.plot_file.exists():
            log.save_plot(run.log_file, run.plot_file)


def steps_within(seconds: float, gan: GAN, recipe: Recipe, data: Data) -> int:
    """Returns how many steps take about as long, in whole ticks, measured on steps that are then taken back.

    The steps alone: what a judge's training, looks, grids and checkpoints take comes on top.
    """
    before, tick, phase = gan.state(), recipe.tick or 1, recipe.phases[0]

    def fit(steps: int) -> float:
        began = time.monotonic()
        gan.fit(_batches(gan, recipe, data, phase, 0), steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
        return time.monotonic() - began

    fit(2)  # compiles
    count = 8
    while (taken := fit(count)) < CALIBRATION_SECONDS:
        count *= 2
    gan.load_state(before)
    steps = max(1, round(seconds / taken * count / tick)) * tick
    logging.info("%s steps will take about %.3g minutes here; looks, grids and checkpoints come on top.", f"{steps:,}",
                 seconds / 60)
    return steps


def fit_and_grow(gan: GAN, recipe: Recipe, data: Data, total: int,
                 callbacks: Sequence[keras.callbacks.Callback]) -> GAN:
    """Fits up to step `total`, phase after phase, or until `stop_training`; returns what it has grown to.

    At the end of a phase there is a checkpoint, from which the next one's networks are a function, and a grid.
    """
    while (step := int(gan.step)) < total and not gan.stop_training:
        phase = recipe.phase_of(step + 1)
        if phase != recipe.phase_of(step):
            with gan.distribute_strategy.scope():
                gan = grown(gan, recipe, data.cluster_counts)
            logging.info("Step %s: %s×%s %s over %s steps.", f"{step:,}", phase.image_size, phase.image_size,
                         "fades in" if phase.fade else "trains alone", f"{phase.steps:,}")
        end = total if phase is recipe.phases[-1] else min(total, phase.start + (phase.steps or 0))
        _fit(gan, recipe, data, phase, end, callbacks)
        if int(gan.step) == end < total:
            for callback in callbacks:
                if isinstance(callback, callbacks_lib.Checkpoints):
                    callback.save()
    return gan


def _fit(gan: GAN, recipe: Recipe, data: Data, phase: Phase, total: int,
         callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Fits up to step `total` of a phase: to the next tick end, by whole ticks, then the rest of one."""
    tick = recipe.tick or 1
    while (step := int(gan.step)) < total and not gan.stop_training:
        size = min(tick - step % tick, total - step)
        ticks = (total - step) // size if size == tick else 1
        done = step // tick
        if machine.has_gpu() and gan.distribute_strategy is tf.distribute.get_strategy():
            execute_at_once(gan, size)
        gan.fit(_batches(gan, recipe, data, phase, step), steps_per_epoch=size, initial_epoch=done, epochs=done + ticks,
                shuffle=False, verbose=0, callbacks=list(callbacks))


def execute_at_once(gan: GAN, size: int) -> None:
    """Lets TensorFlow make several of a tick's `size` steps without asking Python after each; the bits are the same.

    Keras would overshoot a tick that is no multiple of them, and fails under a strategy.
    """
    steps = max(count for count in range(1, AT_ONCE + 1) if size % count == 0)
    if gan.steps_per_execution != steps:
        gan.steps_per_execution = steps
        gan.make_train_function(force=True)


def _batches(gan: GAN, recipe: Recipe, data: Data, phase: Phase, step: int) -> Any:
    """Returns the batches of a phase from `step` on, as `fit` takes them."""
    def batches(part: tuple[int, int, int]) -> tf.data.Dataset:
        found = stream(data.prepared.images, batch_size=phase.batch_size * recipe.d_steps, seed=recipe.seed,
                       start=step - phase.start, skip=phase.seen, flip=recipe.flip, labels=data.labels,
                       chosen=data.chosen, part=part)
        if phase.image_size < recipe.image_size:
            found = found.map(lambda batch: {**batch, "image": smaller(batch["image"], phase.image_size)})
        return found

    return distribution.distributed(gan.distribute_strategy, batches)


def _fit_closed_form(run: Run, recipe: Recipe, source: Source) -> Outcome:
    """Fits what needs no steps; the one grid is that of step 1."""
    models.check_shape(recipe)
    data, began, complete = open_data(run, recipe, source), time.monotonic(), run.generator_file.exists()
    # Before there is a run directory: data may be too few for it.
    generator = None if complete else models.fit_generator(data.prepared.images, recipe)
    with open_run(run, recipe, data):
        if generator is None:
            logging.info("%s is complete.", run.path)
            return Outcome(1)
        with writing(run):
            images.save_grid(generate(generator, callbacks_lib.GRID_SEEDS), run.sample_file(1))
            generators.save(run, generator)  # after the picture: it says that it is there
        seconds = time.monotonic() - began
    logging.info("Fitted to %s images in %.1f s.", f"{data.count:,}", seconds)
    return Outcome(1, data.count / seconds)
