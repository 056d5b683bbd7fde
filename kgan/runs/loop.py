"""Training a recipe in a run directory: the library behind `kgan train`."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TextIO

import keras
import tensorflow as tf
from absl import logging

from kgan import images, models
from kgan.data.source_types import Source
from kgan.data.stream import stream
from kgan.gan import GAN
from kgan.layers.progressive import smaller
from kgan.recipe import Phase, Recipe
from kgan.runs import callbacks as callbacks_lib
from kgan.runs import checkpoints, checks, devices, generators, log, monitoring, resume
from kgan.runs.branch import Start
from kgan.runs.build import build_gan, grown, set_shares
from kgan.runs.directory import Run, writing
from kgan.runs.training_data import Data, open_validation, open_watch
from kgan.runtime import machine
from kgan.runtime.errors import UserError
from kgan.sampling import generate
from kgan.scoring.benchmark import HeldOutComparison

CALIBRATION_SECONDS = 2.0
AT_ONCE = 50  # most steps that a GPU makes before Python is asked again


class Outcome(NamedTuple):
    """How a call of `train` ended. A closed-form fit is one step."""

    step: int
    images_per_second: float = 0.0  # measured from the first step's end; grids and checkpoints included
    signal: int | None = None  # what stopped it before the recipe's end; None: it reached that
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
        strategy: the devices that it trains on, see `devices.strategy`. Several workers need a directory that all
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
        return _fit_closed_form(run, recipe, source, minutes, strategy)
    training = Training(run, recipe, branch, devices.strategy(strategy))
    training.prepare(source, accept_labels, minutes)
    training.build(minutes)
    with devices.together(training.strategy, run):
        if not devices.is_chief(training.strategy):
            return _assist(training)
        with training.locked():
            training.begin()
            if training.start < training.total:
                training.fit(callbacks, checkpoint_seconds, history, screen)
                training.save()
            return training.finish()


class Training:
    """One call of `train`: a run, its recipe and data, the GAN that learns, and where it begins and ends.

    `train` calls the methods in the order in which they stand here. The order is load-bearing: data before networks,
    which are told the data's classes; networks before the directory, so that a recipe that can't be built leaves none;
    the lock before anything in the directory is read or written; the last checkpoint before the last pictures, which
    the next call makes where a kill prevented them.
    """

    data: Data
    gan: GAN  # where networks grow, that of the present phase
    start: int  # step to go on from
    total: int  # steps at the recipe's end
    control: monitoring.AugmentControl | None  # moves the probability of augmentation
    validation: HeldOutComparison | None
    grids: callbacks_lib.SampleGrids
    saving: callbacks_lib.Checkpoints | None = None  # None: this worker writes nothing
    stop: callbacks_lib.StopOnSignal
    began: float  # seconds on a monotonic clock
    rate: float  # images per second

    def __init__(self, run: Run, recipe: Recipe, branch: Start | None, strategy: tf.distribute.Strategy) -> None:
        self.run = run
        self.recipe = recipe
        self.branch = branch
        self.strategy = strategy

    @property
    def step(self) -> int:
        """The last step that was made."""
        return int(self.gan.step)

    def prepare(self, source: Source, accept_labels: bool, minutes: float | None) -> None:
        """Prepares the data, and refuses what can't be trained, before there are networks or a run directory."""
        devices.check(self.recipe, self.strategy)
        self.data = resume.open_data(self.run, self.recipe, source, self.branch, accept_labels)
        if self.data.classes is not None:  # as many as the data have
            self.recipe = dataclasses.replace(self.recipe, classes=self.data.classes)
        resume.check_branch(self.run, self.recipe, self.data, self.branch, minutes)
        if self.branch is not None and not self.run.exists():
            self.recipe = self.branch.settled(self.recipe)

    def build(self, minutes: float | None) -> None:
        """Builds the GAN of the step to go on from, and measures a new run's length where that is in minutes."""
        self.control = monitoring.open_control(self.recipe, self.data)
        with self.strategy.scope():
            self.gan = build_gan(self.recipe, self.data.cluster_counts, step=resume.next_step(self.run, self.branch))
        if minutes is None:
            return
        if self.run.exists():
            logging.warning("Without effect on a run that exists: minutes.")
            return
        if self.recipe.grow_images:
            raise UserError("--minutes: networks that grow are slower at each resolution; shorten --grow_images.")
        if devices.is_multiworker(self.strategy):
            raise UserError("--minutes: each worker would measure another length; give --steps, --images or --epochs.")
        # Before the directory is made: config.json never has another length than the run.
        self.recipe = self.recipe.override(steps=self.steps_within(60 * minutes))

    def steps_within(self, seconds: float) -> int:
        """Returns how many steps take about as long, in whole ticks, measured on steps that are then taken back.

        The steps alone: what a judge's training, looks, grids and checkpoints take comes on top.
        """
        before, tick, phase = self.gan.state(), self.recipe.tick or 1, self.recipe.phases[0]

        def fit(steps: int) -> float:
            began = time.monotonic()
            self.gan.fit(self._batches(phase, 0), steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
            return time.monotonic() - began

        fit(2)  # compiles
        count = 8
        while (taken := fit(count)) < CALIBRATION_SECONDS:
            count *= 2
        self.gan.load_state(before)
        steps = max(1, round(seconds / taken * count / tick)) * tick
        logging.info("%s steps will take about %.3g minutes here; looks, grids and checkpoints come on top.",
                     f"{steps:,}", seconds / 60)
        return steps

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the run directory; a new run is created there, one that exists compared with what is asked for."""
        with resume.open_run(self.run, self.recipe, self.data, self.branch, devices.facts(self.strategy)):
            yield

    def begin(self) -> None:
        """Restores the newest checkpoint, and leaves in the run what belongs to its step; draws the untrained grid."""
        # Only now do the other workers go on: they read config.json and checkpoints, and the chief has just made them.
        devices.check_agreement(self.strategy, self.recipe, self.data.identity)
        # Training a judge may take a minute, or fail: before the checkpoints are touched.
        self.validation = None if self.recipe.evaluate_every is None else open_validation(self.recipe, self.data)
        self.restore()
        with writing(self.run):
            if self.start < self.total:  # what is after a run's last checkpoint would be written again
                self.run.trim(self.start)
            self.grids = callbacks_lib.SampleGrids(
                self.run, self.recipe.grid_interval(self.data.count), self.start, self.recipe.image_size,
                [*(phase.start for phase in self.recipe.phases), self.total],
                self.recipe.full_turns if self.recipe.sample_every is None else None)
            self.grids.set_model(self.gan)
            if not self.run.sample_files():  # after trimming, which may have removed them
                self.grids.draw()
                trained = self.start > 0 or "branch" in self.run.config()
                logging.info("%s: %s; data: %s", "As it begins" if trained else "Untrained",
                             self.run.sample_file(self.start), self.run.reals_file)

    def restore(self, write: bool = True) -> None:
        """Puts the newest checkpoint into the GAN, and the data's shares of clusters; says where it begins and ends."""
        self.start = resume.restore(self.run, self.gan, self.branch, write)
        self.total = self.recipe.total_steps(self.data.count)
        # A checkpoint has the shares of the labels that D was told then; these may be accepted new ones.
        set_shares(self.data.cluster_counts, self.gan.generator, self.gan.ema_generator)
        devices.check_equal(self.strategy, "checkpoint", self.start)

    def fit(self, callbacks: Sequence[keras.callbacks.Callback], checkpoint_seconds: float, history: int,
            screen: TextIO | None) -> None:
        """Fits to the end, or until a signal stops it: kgan's callbacks in their order, then `callbacks`."""
        logging.info("%s at step %s of %s.", "Resuming" if self.start else "Starting", f"{self.start:,}",
                     f"{self.total:,}")
        state = callbacks_lib.State()
        self.saving = callbacks_lib.Checkpoints(self.run, state, checkpoint_seconds, history)
        monitors = self._monitors(state)
        columns = [name for monitor in monitors for name in monitor.columns]
        rows = callbacks_lib.Log(self.run, self.recipe, self.data.count, columns)
        progress = callbacks_lib.Progress(self.recipe, self.start, self.total, screen)
        self.stop = callbacks_lib.StopOnSignal(lambda step: sum(monitor.expected_seconds(step) for monitor in monitors),
                                               together=devices.sum_over(self.strategy))
        # `stop` first: its clock measures whole ticks. `control` next: what it moves is of the state. Then `state`: it
        # raises at NaN, before anything is written, and holds what the others save. Monitors add to the logs, from
        # which `rows` takes them. A checkpoint comes after the row and the grid of its step: a resumed run does not
        # make them again.
        control = [] if self.control is None else [self.control]
        ordered = [self.stop, *control, state, *monitors, rows, self.grids, self.saving, progress, *callbacks]
        self.began = time.monotonic()
        try:
            with self.stop:
                self.fit_phases(ordered)
        except callbacks_lib.Stopped:
            self.gan.load_state(state.arrays)  # the tick is dropped
        except callbacks_lib.DivergedError as error:
            raise self.diverged(error) from error
        self.rate = progress.close()

    def _monitors(self, state: callbacks_lib.State) -> list[monitoring.SampleMonitor]:
        """Returns the callbacks that score and look, as the recipe asks."""
        recipe, monitors = self.recipe, list[monitoring.SampleMonitor]()
        if self.validation is None and recipe.watch_every is None:
            return monitors
        shared = monitoring.MonitorContext(monitoring.open_gap(recipe, self.data), monitoring.Warnings(),
                                           self.data.class_counts, recipe.image_size, recipe.slope_weight)
        if self.validation is not None:
            monitors.append(monitoring.ValidationMonitor(self.validation, recipe.evaluate_every or 1, self.start,
                                                         shared, self.run, state))
        if recipe.watch_every is not None:
            interval = recipe.watch_every * self.data.count / recipe.images_per_step
            monitors.append(monitoring.SampleMonitor(open_watch(recipe, self.data), interval, self.start,
                                                     shared, recipe.full_turns))
        return monitors

    def fit_phases(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Fits to the end, phase after phase, or until `stop_training`.

        At the end of a phase there is a checkpoint, from which the next one's networks are a function, and a grid.
        """
        while self.step < self.total and not self.gan.stop_training:
            phase = self.recipe.phase_of(self.step + 1)
            if phase != self.recipe.phase_of(self.step):
                with self.strategy.scope():
                    self.gan = grown(self.gan, self.recipe, self.data.cluster_counts)
                logging.info("Step %s: %s×%s %s over %s steps.", f"{self.step:,}", phase.image_size, phase.image_size,
                             "fades in" if phase.fade else "trains alone", f"{phase.steps:,}")
            last = phase is self.recipe.phases[-1]
            end = self.total if last else min(self.total, phase.start + (phase.steps or 0))
            self._fit_ticks(phase, end, callbacks)
            if self.saving is not None and self.step == end < self.total:
                self.saving.save()

    def _fit_ticks(self, phase: Phase, end: int, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Fits up to step `end` of a phase: to the next tick end, by whole ticks, then the rest of one."""
        tick = self.recipe.tick or 1
        while (step := self.step) < end and not self.gan.stop_training:
            size = min(tick - step % tick, end - step)
            ticks = (end - step) // size if size == tick else 1
            done = step // tick
            if machine.has_gpu() and self.strategy is tf.distribute.get_strategy():
                execute_at_once(self.gan, size)
            self.gan.fit(self._batches(phase, step), steps_per_epoch=size, initial_epoch=done, epochs=done + ticks,
                         shuffle=False, verbose=0, callbacks=list(callbacks))

    def _batches(self, phase: Phase, step: int) -> Any:
        """Returns the batches of a phase from `step` on, as `fit` takes them."""
        data, recipe = self.data, self.recipe

        def batches(part: tuple[int, int, int]) -> tf.data.Dataset:
            whole = stream(data.prepared.images, batch_size=phase.batch_size * recipe.d_steps, seed=recipe.seed,
                           start=step - phase.start, skip=phase.seen, flip=recipe.flip, labels=data.labels,
                           chosen=data.chosen, part=part)
            if phase.image_size == recipe.image_size:
                return whole
            return whole.map(lambda batch: {**batch, "image": smaller(batch["image"], phase.image_size)})

        return devices.distributed(self.strategy, batches)

    def diverged(self, error: callbacks_lib.DivergedError) -> UserError:
        """Returns what is said of a tick in which something became NaN or infinite."""
        good = self.run.last_step()
        kept = "nothing was saved yet" if good is None else f"step {good:,} is the last good checkpoint"
        return UserError(f"training diverged in the tick that ends at step {self.step:,}: {error} is no finite number "
                         f"any more; {kept}. Start another --workdir with lower rates.")

    def save(self) -> None:
        """Commits a checkpoint of where `fit` ended."""
        assert self.saving is not None
        self.saving.save()

    def finish(self) -> Outcome:
        """Writes the last grid, GIF and plot if the run is at its end and they are missing; says how it went.

        They are missing, too, where an earlier process was killed after its last checkpoint.
        """
        run, step = self.run, self.step
        if step >= self.total:
            with writing(run):
                if not run.sample_file(step).exists():
                    self.grids.draw()
                    run.gif_file.unlink(missing_ok=True)
                if not run.gif_file.exists() and checks.is_inside(run.sample_files()[-1], run.path):
                    frames = (checks.open_grid(path, run.path) for path in images.spread(run.sample_files()))
                    images.save_gif(filter(None, frames), run.gif_file)
                if not run.plot_file.exists():
                    log.save_plot(run.log_file, run.plot_file)
        if self.start >= self.total:
            logging.info("%s is complete at step %s; a larger --epochs, --steps or --images extends it.", run.path,
                         f"{step:,}")
            return Outcome(step)
        logging.info("Step %s: %s steps in %.0f s, %.0f images/s.", f"{step:,}", f"{step - self.start:,}",
                     time.monotonic() - self.began, self.rate)
        return Outcome(step, self.rate, None if step == self.total else self.stop.received)


def _assist(training: Training) -> Outcome:
    """Trains as one of several workers, of which the chief writes."""
    devices.check_agreement(training.strategy, training.recipe, training.data.identity)
    training.restore(write=False)
    logging.info("This worker trains from step %s to %s; the chief writes %s.", f"{training.start:,}",
                 f"{training.total:,}", training.run.path)
    stop = callbacks_lib.StopOnSignal(together=devices.sum_over(training.strategy))
    try:
        with stop:
            training.fit_phases([stop, callbacks_lib.State()])
    except callbacks_lib.DivergedError as error:
        raise training.diverged(error) from error
    return Outcome(training.step, signal=None if training.step == training.total else stop.received, chief=False)


def _fit_closed_form(run: Run, recipe: Recipe, source: Source, minutes: float | None, strategy: str) -> Outcome:
    """Fits what needs no steps; the one grid is that of step 1."""
    if idle := [name for name, on in (("minutes", minutes is not None), ("strategy", strategy != "auto")) if on]:
        logging.warning("Without effect on %s, which is fitted in one step: %s.", recipe.model, ", ".join(idle))
    models.check_shape(recipe)
    data, began, complete = resume.open_data(run, recipe, source), time.monotonic(), run.generator_file.exists()
    # Before there is a run directory: data may be too few for it.
    generator = None if complete else models.fit_generator(data.prepared.images, recipe)
    with resume.open_run(run, recipe, data):
        if generator is None:
            logging.info("%s is complete.", run.path)
            return Outcome(1)
        with writing(run):
            images.save_grid(generate(generator, callbacks_lib.GRID_SEEDS), run.sample_file(1))
            generators.save(run, generator)  # after the picture: it says that it is there
        seconds = time.monotonic() - began
    logging.info("Fitted to %s images in %.1f s.", f"{data.count:,}", seconds)
    return Outcome(1, data.count / seconds)


def execute_at_once(gan: GAN, size: int) -> None:
    """Lets TensorFlow make several of a tick's `size` steps without asking Python after each; the bits are the same.

    Keras would overshoot a tick that is no multiple of them, and fails under a strategy.
    """
    steps = max(count for count in range(1, AT_ONCE + 1) if size % count == 0)
    if gan.steps_per_execution != steps:
        gan.steps_per_execution = steps
        gan.make_train_function(force=True)
