"""Cells of a study: trainings in processes of their own, each of which leaves a file, so that the command goes on."""

import argparse
import dataclasses
import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")  # variables that bound them

Look = Callable[[float, int, np.ndarray], None]  # takes seconds of training, images seen, samples


def run(names: Iterable[str], jobs: int = 1, environment: Mapping[str, str] | None = None) -> None:
    """Runs this program again for each cell, with --cell=NAME before its own flags; `jobs` cells at a time."""
    spec = sys.modules["__main__"].__spec__
    program = ["-m", spec.name] if spec else [sys.argv[0]]

    def start(name: str) -> None:
        print(f"{name} …", flush=True)
        if subprocess.run([sys.executable, *program, f"--cell={name}", *sys.argv[1:]], check=False,
                          env=os.environ | (environment or {})).returncode:
            sys.exit(f"kgan: {name} ended with the error above. The same command goes on with what is missing.")

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(start, names))


def number(text: str) -> float:
    """Returns a flag's number, 0 or more and finite; argparse says what is wrong with others."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of 0 or more")
    return value


def folder(text: str) -> Path:
    """Returns a flag's folder, which may not be there yet; argparse says so where a file is in its place."""
    path = Path(text)
    there = next((one for one in (path, *path.parents) if one.exists()), Path())
    if not there.is_dir():
        raise argparse.ArgumentTypeError(f"{str(there)!r} is a file: give a folder, which may not be there yet")
    return path


def threads() -> int:
    """Returns how many threads this process computes with."""
    return int(os.environ.get(THREADS[0], os.cpu_count() or 1))


def processor_seconds() -> float:
    """Returns the processor's time that this process has had for each of its threads: other work takes none of it."""
    return time.process_time() / threads()


def logical_devices(count: int) -> None:
    """Divides the processor into so many devices; before TensorFlow computes anything."""
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)


def workers(count: int) -> list[dict[str, str]]:
    """Returns the environment of each of so many workers on this machine, at ports that are free."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return [{"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})}
            for index in range(count)]


def operations(graph: Any) -> int:
    """Returns how many floating-point operations a graph's convolutions and products are, by TensorFlow's profiler."""
    import tensorflow as tf

    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


class Clock:
    """Seconds of training; looks at samples do not count.

    Args:
        draw: returns samples.
        look: is called at `times`, and at the end.
        times: seconds, increasing.
        now: what is read.
    """

    def __init__(self, draw: Callable[[], np.ndarray], look: Look, times: Iterable[float] = (),
                 now: Callable[[], float] = processor_seconds) -> None:
        self.draw, self.look, self.now = draw, look, now
        self.times = iter(times)
        self.next = next(self.times, math.inf)
        self.seconds, self.since = 0.0, now()

    def tick(self, images: int, end: float) -> bool:
        """Counts the time since the last tick, looks where it is time to; tells whether `end`, in seconds, is here."""
        self.seconds += self.now() - self.since
        if self.seconds >= min(self.next, end):
            self.look(self.seconds, images, self.draw())
            while self.next <= self.seconds:
                self.next = next(self.times, math.inf)
        self.since = self.now()
        return self.seconds >= end


class Trained(NamedTuple):
    """A GAN after its time."""

    gan: Any
    recipe: Any
    draw: Callable[[], np.ndarray]  # returns samples, of seeds from 0, of classes in the data's shares
    images: int  # real ones that D has seen
    seconds: float


def fit(recipe: Any, look: Look, seconds: float, times: Iterable[float], *, samples: int, steps: int,
        change: Callable = lambda generator, discriminator: (generator, discriminator),
        now: Callable[[], float] = processor_seconds, source: Any = None) -> Trained:
    """Trains a recipe for so many seconds, compilation not counted.

    Args:
        recipe: a `kgan.recipe.Recipe`.
        look: see `Clock`.
        seconds: of training.
        times: see `Clock`.
        samples: how many a look is shown.
        steps: between readings of the clock.
        change: is given generator and discriminator; those that it returns are trained.
        now: the clock.
        source: of the data, as `locate` gives it; None: MNIST.
    """
    from kgan import latent, models
    from kgan.data.sources import locate
    from kgan.data.stream import stream
    from kgan.runs.build import build_gan
    from kgan.runs.training_data import prepare

    data = prepare(source or locate("mnist"), recipe)
    recipe = dataclasses.replace(recipe, classes=data.classes)
    gan = build_gan(recipe, data.cluster_counts, change(*models.build(recipe)))
    labels = None if data.class_counts is None else latent.proportional_labels(data.class_counts, samples)

    def draw() -> np.ndarray:
        return gan.generate(range(samples), labels)

    def batches() -> Any:
        return stream(data.prepared.images, batch_size=recipe.images_per_step, seed=recipe.seed, flip=recipe.flip,
                      labels=data.labels)

    before = gan.state()
    gan.fit(batches(), steps_per_epoch=2, shuffle=False, verbose=0)  # compiles
    draw()
    gan.load_state(before)
    clock = Clock(draw, look, times, now)
    until(gan, batches(), recipe.images_per_step, clock, seconds, steps)
    return Trained(gan, recipe, draw, int(gan.step) * recipe.images_per_step, clock.seconds)


def fit_reference(model: Any, images: np.ndarray, look: Look, seconds: float, times: Iterable[float], *, samples: int,
                  steps: int, flip: bool = False,
                  draw: Callable[[int], np.ndarray] | None = None) -> tuple[int, float]:
    """Trains what is no GAN, an `experiments.papers.reference.Reference`, as `fit` does; returns images and seconds.

    `draw` returns so many samples; None: the model's `generate`.
    """
    from kgan.data.stream import stream

    model.optimizer.build(model.trainable_variables)
    batches = stream(images, batch_size=model.batch_size, seed=model.seed, flip=flip)
    before = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]
    model.fit(batches, steps_per_epoch=2, shuffle=False, verbose=0)  # compiles
    for variable, value in zip((*model.variables, *model.optimizer.variables), before, strict=True):
        variable.assign(value)
    clock = Clock(lambda: (draw or model.generate)(samples), look, times)
    return until(model, batches, model.batch_size, clock, seconds, steps), clock.seconds


def until(model: Any, batches: Any, batch_size: int, clock: Clock, seconds: float, steps: int) -> int:
    """Fits a model that is compiled until its clock shows so many seconds; returns the images that it has seen.

    The clock is read after so many steps each.
    """
    import keras

    class Seconds(keras.callbacks.Callback):
        images = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.images += steps * batch_size
            self.model.stop_training = clock.tick(self.images, seconds)

    counted = Seconds()
    model.fit(batches, steps_per_epoch=steps, epochs=10**9, shuffle=False, verbose=0, callbacks=[counted])
    return counted.images
