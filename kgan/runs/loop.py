"""Training a recipe in a run directory: the library behind `kgan train`."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import keras
import tensorflow as tf
from absl import logging

from kgan import images
from kgan.data.source_types import Source
from kgan.data.stream import stream
from kgan.gan import GAN
from kgan.layers.progressive import smaller
from kgan.recipe import Phase, Recipe
from kgan.runs import callbacks as callbacks_lib
from kgan.runs import checkpoints, checks, choices, clock, devices, log, monitoring, resume
from kgan.runs import patience as patience_lib
from kgan.runs.branch import Start
from kgan.runs.build import build_gan, grown, set_shares
from kgan.runs.closed_form import Outcome, fit_closed_form
from kgan.runs.directory import Run, writing
from kgan.runs.minutes import Fixing, Length
from kgan.runs.mirror import Mirror
from kgan.runs.training_data import Data, open_validation, open_watch
from kgan.runtime import hardware, machine
from kgan.runtime.errors import UserError
from kgan.scoring.benchmark import HeldOutComparison

LONG_TICK = 0.05  # share of a run of some minutes from which on its length is fixed inside a tick, which ends there


def train(run: Run, recipe: Recipe, source: Source, branch: Start | None = None, *, minutes: float | None = None,
          callbacks: Sequence[keras.callbacks.Callback] = (), checkpoint_seconds: float = 30.0,
          history: int = checkpoints.HISTORY, screen: TextIO | None = None, strategy: str = "auto",
          accept_labels: bool = False, began: float | None = None, patience: int | None = None,
          mirror: Mirror | None = None, deterministic: bool | None = None) -> Outcome:
    """Trains from where `run` stopped to the recipe's end, or until it is enough, or Ctrl-C or SIGTERM stops it.

    Args:
        run: the directory; it may be new.
        recipe: of a run that exists, its own, or a longer one.
        source: what `sources.locate` found.
        branch: where a new run goes on from; None: from untrained networks.
        minutes: a new run's length, in place of the recipe's: see `runs.minutes`.
        callbacks: of Keras, called after kgan's own; an epoch is a tick, and `logs` has what log.csv has.
        checkpoint_seconds: checkpoints fall on the first tick end after this long.
        history: checkpoints that are kept beside the newest ones: see `checkpoints.thinned`.
        screen: where the progress bar is drawn; None: on stderr, or in a notebook as a widget.
        strategy: the devices that it trains on, see `devices.strategy`. Several workers need a directory that all
            see; the chief alone writes there.
        accept_labels: go on though the images' classes or clusters are others than those that D was told.
        began: seconds on a monotonic clock from which the minutes count; None: now.
        patience: looks without a better one after which it is enough: see `runs.patience`; None: any number.
        mirror: where the run is copied to after each checkpoint.
        deterministic: whether TensorFlow is asked for the same bits each time; None: on GPUs, where it has to be asked.

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
        return fit_closed_form(run, recipe, source, minutes, strategy, patience, mirror)
    hardware.make_deterministic(deterministic)
    training = Training(run, recipe, branch, devices.strategy(strategy), patience, mirror)
    logging.info("%s", hardware.described())
    training.prepare(source, accept_labels, minutes)
    training.build(minutes, time.monotonic() if began is None else began)
    with devices.together(training.strategy, run):
        if not devices.is_chief(training.strategy):
            return _assist(training)
        with training.locked():
            training.begin()
            if training.start < training.total and not training.enough:
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
    length: Length | None = None  # of a run of some minutes
    stretch: tf.Variable | None = None  # of its schedules
    clock_began: float  # seconds on a monotonic clock from which the minutes count
    patience: patience_lib.Patience | None = None
    tail_seconds = clock.END_SECONDS  # from a run's last step to the process's end
    looks_chosen: bool  # whether nobody said how often it is evaluated
    refit = False  # whether `fit` is called again, up to another end

    def __init__(self, run: Run, recipe: Recipe, branch: Start | None, strategy: tf.distribute.Strategy,
                 looks: int | None = None, mirror: Mirror | None = None) -> None:
        self.run = run
        self.recipe = recipe
        self.branch = branch
        self.strategy = strategy
        self.looks = looks  # that find nothing better until it is enough
        self.mirror = mirror

    @property
    def step(self) -> int:
        """The last step that was made."""
        return int(self.gan.step)

    @property
    def enough(self) -> str | None:
        """Why no more is to be trained, a sentence; None: nothing says so."""
        return None if self.patience is None else self.patience.enough

    def prepare(self, source: Source, accept_labels: bool, minutes: float | None) -> None:
        """Prepares the data, and refuses what can't be trained, before there are networks or a run directory."""
        devices.check(self.recipe, self.strategy)
        self.looks_chosen = self.looks is not None and self.recipe.evaluate_every is self.recipe.watch_every is None
        if self.looks_chosen:
            self.recipe = patience_lib.with_looks(self.run, self.recipe, source.count, minutes is None)
        self.data = resume.open_data(self.run, self.recipe, source, self.branch, accept_labels)
        if self.looks is not None and self.recipe.evaluate_every is None and (
                monitoring.unseen(self.recipe, self.data) is None):
            raise UserError("--patience counts looks at unseen images, and there are none beside those that D is "
                            "trained on; leave it out.")
        if self.data.classes is not None:  # as many as the data have
            self.recipe = dataclasses.replace(self.recipe, classes=self.data.classes)
        resume.check_branch(self.run, self.recipe, self.data, self.branch, minutes)
        if self.branch is not None and not self.run.exists():
            self.recipe = self.branch.settled(self.recipe)

    def build(self, minutes: float | None, began: float) -> None:
        """Builds the GAN of the step to go on from, and measures a new run's length where that is in minutes.

        `began` is when the minutes did, in seconds on a monotonic clock.
        """
        self.control = monitoring.open_control(self.recipe, self.data)
        exists, start = self.run.exists(), resume.next_step(self.run, self.branch)
        self.clock_began = began
        if exists:
            self.length = Length.of(self.run)
            if minutes is not None and (self.length is None or self.length.minutes != minutes):
                logging.warning("Without effect on a run that exists: minutes.")
        elif minutes is not None:
            if self.recipe.grow_images:
                raise UserError("--minutes: networks that grow are slower at each resolution; shorten --grow_images.")
            if devices.is_multiworker(self.strategy):
                raise UserError("--minutes: each worker would measure another length; give --steps or --images.")
            self.length = Length.begun(minutes, self.recipe, self.data.count)
        with self.strategy.scope():
            self.stretch = None if self.length is None else tf.Variable(1.0, trainable=False)
            recipe = self.recipe if self.length is None else self.length.original(self.recipe)
            self.gan = build_gan(recipe, self.data.cluster_counts, step=start, stretch=self.stretch)
        if self.length is not None and minutes is not None and not exists:
            # Before the directory is made: config.json never has another length than the run.
            steps = self.steps_within(60 * minutes - (time.monotonic() - began))
            self.length = self.length.fixed(Fixing(start, start + steps))
            before = choices.looks(self.recipe, self.data.count)
            self.recipe = self.length.applied(self.recipe)
            if self.recipe.watch_every == before.value:  # chosen for a length that is none now
                now = choices.looks(self.recipe, self.data.count)
                logging.info("%s", now)
                self.recipe = self.recipe.override(watch_every=now.value)
            if self.looks_chosen:
                self.recipe = self.recipe.override(evaluate_every=patience_lib.look_every(self.recipe, steps))

    def steps_within(self, seconds: float) -> int:
        """Returns how many steps take about as long, measured on steps that are then taken back."""
        return clock.steps_within(self.gan, lambda: self._batches(self.recipe.phases[0], 0), seconds)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the run directory; a new run is created there, one that exists compared with what is asked for."""
        with resume.open_run(self.run, self.recipe, self.data, self.branch, devices.facts(self.strategy), self.length):
            yield

    def begin(self) -> None:
        """Restores the newest checkpoint, and leaves in the run what belongs to its step; draws the untrained grid."""
        # Only now do the other workers go on: they read config.json and checkpoints, and the chief has just made them.
        devices.check_agreement(self.strategy, self.recipe, self.data.identity)
        # Training a judge may take a minute, or fail: before the checkpoints are touched.
        self.validation = None if self.recipe.evaluate_every is None else open_validation(self.recipe, self.data)
        self.restore()
        self._wait_for_enough()
        with writing(self.run):
            if self.start < self.total and not self.enough:  # what is after the last checkpoint would be written again
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
        if self.length is not None and self.stretch is not None:
            self.stretch.assign(self.length.stretch(self.start))
        # A checkpoint has the shares of the labels that D was told then; these may be accepted new ones.
        set_shares(self.data.cluster_counts, self.gan.generator, self.gan.ema_generator)
        devices.check_equal(self.strategy, "checkpoint", self.start)

    def _wait_for_enough(self) -> None:
        """Reads from the log how long nothing better was found, where that is to end the run."""
        if self.looks is None:
            return
        column = patience_lib.GAP if self.validation is None else self.validation.columns[-1]
        self.patience = patience_lib.Patience(self.run, self.looks, column, self.start)

    def fit(self, callbacks: Sequence[keras.callbacks.Callback], checkpoint_seconds: float, history: int,
            screen: TextIO | None) -> None:
        """Fits to the end, or until a signal stops it: kgan's callbacks in their order, then `callbacks`."""
        began = "Resuming" if self.start else "Starting"
        logging.info("%s at step %s of %s.", began, f"{self.start:,}", f"{self.total:,}")
        state = callbacks_lib.State()
        self.saving = callbacks_lib.Checkpoints(self.run, state, checkpoint_seconds, history, self.mirror)
        monitors = self._monitors(state)
        columns = [name for monitor in monitors for name in monitor.columns]
        rows = callbacks_lib.Log(self.run, self.recipe, self.data.count, columns)
        progress = callbacks_lib.Progress(self.recipe, self.start, self.total, screen)
        self.stop = callbacks_lib.StopOnSignal(lambda step: sum(monitor.expected_seconds(step) for monitor in monitors),
                                               together=devices.sum_over(self.strategy))
        # `stop` first: its clock measures whole ticks. What `control` moves is of the state. `state` raises at NaN,
        # before anything is written, and holds what the others save. Monitors add to the logs, from which `rows` takes
        # them. A checkpoint comes after the row and the grid of its step: a resumed run does not make them again.
        clocks = clock.clocks(self, progress)
        ordered = [self.stop, self.control, state, *monitors, self.patience, *clocks[:1], rows, self.grids, self.saving,
                   progress, *callbacks, *clocks[1:]]
        self.began = time.monotonic()
        try:
            with self.stop:
                self.fit_phases([one for one in ordered if one is not None])
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
            if self.length is not None and self.stretch is not None:
                self.stretch.assign(self.length.stretch(self.step))
                end = min(end, self.length.next_fixing(self.step) or end)
                if self.length.minutes is not None and (self.recipe.tick or 1) > LONG_TICK * self.total:
                    end = min(end, self.length.due(self.step) or end)
            self._fit_ticks(phase, end, callbacks)
            if self.refit:
                self.refit = self.gan.stop_training = False
                continue
            if self.saving is not None and self.step == end < self.total and not last:
                self.saving.save()

    def _fit_ticks(self, phase: Phase, end: int, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Fits up to step `end` of a phase: to the next tick end, by whole ticks, then the rest of one."""
        tick = self.recipe.tick or 1
        while (step := self.step) < end and not self.gan.stop_training:
            size = min(tick - step % tick, end - step)
            ticks = (end - step) // size if size == tick else 1
            done = step // tick
            if machine.has_gpu() and self.strategy is tf.distribute.get_strategy():
                devices.execute_at_once(self.gan, size)
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

    def save_gif(self, path: Path) -> None:
        """Joins the grids that there are, if these are in the run's directory."""
        if checks.is_inside(self.run.sample_files()[-1], self.run.path):
            grids = images.spread(self.run.sample_files())
            images.save_gif(lambda: filter(None, (checks.open_grid(grid, self.run.path) for grid in grids)), path)

    def finish(self) -> Outcome:
        """Writes the last grid, GIF and plot if the run is at its end and they are missing; says how it went.

        They are missing, too, where an earlier process was killed after its last checkpoint.
        """
        run, step = self.run, self.step
        if step >= self.total or self.enough:
            with writing(run):
                if not run.sample_file(step).exists():
                    self.grids.draw()
                    run.gif_file.unlink(missing_ok=True)
                if not run.gif_file.exists():
                    self.save_gif(run.gif_file)
                if not run.plot_file.exists():
                    log.save_plot(run.log_file, run.plot_file)
        if self.mirror is not None:
            self.mirror.update()
        if self.start < self.total and self.enough and step == self.start:
            logging.info("%s A larger --patience, or none, goes on.", self.enough)
            return Outcome(step)
        if self.start >= self.total:
            logging.info("%s is complete at step %s; a larger --epochs, --steps or --images extends it.", run.path,
                         f"{step:,}")
            return Outcome(step)
        logging.info("Step %s: %s steps in %.0f s, %.0f images/s.", f"{step:,}", f"{step - self.start:,}",
                     time.monotonic() - self.began, self.rate)
        if self.length is not None and self.length.minutes is not None:
            logging.info("%.3g minutes in all, of %.3g.", (time.monotonic() - self.clock_began) / 60,
                         self.length.minutes)
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
