"""The devices and machines that a run trains on: `tf.distribute`, as `--strategy` chooses it.

The step and the loop are the same on all of them. A batch is split among replicas, one for each device. The chief, the
first worker, alone writes into the run directory; the others read its checkpoints there.
"""

import contextlib
import functools
import json
import math
import os
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kgan.recipe import Recipe
from kgan.runs.directory import Run
from kgan.runtime import hardware, machine
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    from kgan.gan import GAN

AT_ONCE = 50  # most steps that a GPU makes before Python is asked again
STRATEGIES = ("auto", "one", "mirrored", "multiworker")


def workers() -> list[str]:
    """Returns the addresses of all workers that TF_CONFIG names, the chief first; none where it isn't set.

    Raises:
        UserError: TF_CONFIG is no JSON of a cluster and a task.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        cluster = json.loads(text or "{}").get("cluster", {})
        return [address for kind in ("chief", "worker") for address in cluster.get(kind, [])]
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(f"TF_CONFIG={text[:80]!r} is not what TensorFlow reads: "
                        '{"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": 0}}.') from error


def strategy(name: str = "auto") -> tf.distribute.Strategy:
    """Returns the strategy called so. Between machines nothing of TensorFlow may have run before.

    "auto" is "multiworker" where TF_CONFIG names several workers, "mirrored" where there are several GPUs, else "one".
    "mirrored" takes all GPUs; without any, all logical CPUs.

    Raises:
        UserError: there is none of that name; or TF_CONFIG is missing.
    """
    if name not in STRATEGIES:
        raise UserError(f"strategy={name!r} is unknown; known: {', '.join(STRATEGIES)}.")
    if name == "auto":
        gpus = len(tf.config.list_physical_devices("GPU"))
        name = "multiworker" if len(workers()) > 1 else "mirrored" if gpus > 1 else "one"
    if name == "multiworker":
        return _multiworker(os.environ.get("TF_CONFIG", ""))
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return _mirrored(tuple(device.name for device in devices))
    return tf.distribute.get_strategy()


# One object a process for the same devices: each numbers its collectives from the same number on, and TensorFlow
# refuses a number that comes again with another shape, as of another model's gradients.
@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(devices)


@functools.cache
def _multiworker(_config: str) -> tf.distribute.Strategy:
    if not workers():
        raise UserError("--strategy=multiworker: TF_CONFIG names no workers; set it on each machine as TensorFlow's "
                        "guide to distributed training says, or let a TFJob of Kubernetes set it.")
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:  # something of TensorFlow has run in this process
        raise UserError(f"--strategy=multiworker can't begin ({error}); start it in a fresh process.") from error
    except ValueError as error:
        raise UserError(f"--strategy=multiworker: TF_CONFIG can't be used ({error}).") from error


def is_chief(devices: tf.distribute.Strategy) -> bool:
    """Tells whether this process writes: the only one, or the first worker."""
    resolver = devices.cluster_resolver
    if not is_multiworker(devices):
        return True
    return resolver.task_type == "chief" or ("chief" not in resolver.cluster_spec().as_dict() and resolver.task_id == 0)


def is_multiworker(devices: tf.distribute.Strategy) -> bool:
    """Tells whether several processes train together."""
    return isinstance(devices, tf.distribute.MultiWorkerMirroredStrategy) and len(workers()) > 1


def check(recipe: Recipe, devices: tf.distribute.Strategy) -> None:
    """Raises UserError when a batch of the recipe can't be split evenly, or several workers can't train it."""
    count = devices.num_replicas_in_sync
    parts, what = count * recipe.accumulate, f"{count} replicas"
    if recipe.accumulate > 1:
        what += f" with accumulate={recipe.accumulate} parts each"
    for size in sorted({phase.batch_size for phase in recipe.phases}):
        if size % parts:
            below, above = size // parts * parts, math.ceil(size / parts) * parts
            near = " or ".join(map(str, filter(None, (below, above))))
            raise UserError(f"batch_size={size} can't be split evenly among {what}; give --batch_size={near}.")
    if recipe.augment_target is not None and is_multiworker(devices):
        raise UserError(f"augment_target={recipe.augment_target}: how far D overfits is measured by one process; leave "
                        "it out on several workers.")


def facts(devices: tf.distribute.Strategy) -> dict[str, str]:
    """Returns what decides the bits that a run computes, beside what `machine.versions` names."""
    count = devices.num_replicas_in_sync
    found = {} if count == 1 else {"replicas": str(count)}
    return found | ({"deterministic": str(hardware.deterministic)} if machine.has_gpu() else {})


def distributed(devices: tf.distribute.Strategy, batches: Callable[[tuple[int, int, int]], tf.data.Dataset]) -> Any:
    """Returns what `fit` takes: `batches`, split among the replicas.

    `batches` is given (first, here, all): it streams, batch after batch, the parts of replicas first … first + here - 1
    of all. See `kgan.data.stream`.
    """
    count = devices.num_replicas_in_sync
    if count == 1:
        return batches((0, 1, 1))

    def here(context: tf.distribute.InputContext) -> tf.data.Dataset:
        each = count // context.num_input_pipelines
        return batches((context.input_pipeline_id * each, each, count))

    return devices.distribute_datasets_from_function(here)


def sum_over(devices: tf.distribute.Strategy) -> Callable[[int], int] | None:
    """Returns what sums a number over all workers, which all must call at once; None where there is one."""
    if not is_multiworker(devices):
        return None

    @tf.function
    def summed(value: tf.Tensor) -> tf.Tensor:
        return devices.reduce("SUM", devices.run(tf.identity, args=(value,)), axis=None)

    each = devices.num_replicas_in_sync // len(workers())
    return lambda value: int(summed(tf.constant(value, tf.int64))) // each


def check_agreement(devices: tf.distribute.Strategy, recipe: Recipe, sha256: str) -> None:
    """Waits for all workers. Raises UserError on each when they have other recipes or images."""
    check_equal(devices, "recipe", zlib.crc32(json.dumps(recipe.to_dict()).encode()))
    check_equal(devices, "images", zlib.crc32(sha256.encode()))


def check_equal(devices: tf.distribute.Strategy, name: str, value: int) -> None:
    """Raises UserError on each worker when they have not the same number, as of the step that they go on from."""
    total = sum_over(devices)
    if total is not None and total(int(value != total(value) // len(workers()))):
        raise UserError(f"the workers have not the same {name}: give all of them the same flags and data, and a "
                        "--workdir on storage that all of them see.")


@contextlib.contextmanager
def together(devices: tf.distribute.Strategy, run: Run) -> Iterator[None]:
    """Says in a sentence that another worker is gone, where TensorFlow lets this one speak."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError, tf.errors.CancelledError,
            tf.errors.DeadlineExceededError) as error:
        if not is_multiworker(devices):
            raise
        step = run.last_step()
        kept = "nothing was saved yet" if step is None else f"the checkpoint of step {step:,} is safe"
        raise UserError(f"another worker is gone ({type(error).__name__}); {kept}: start the same command again on all "
                        "workers, or on another number of them.") from error


def execute_at_once(gan: "GAN", size: int) -> None:
    """Lets TensorFlow make several of a tick's `size` steps without asking Python after each; the bits are the same.

    Keras would overshoot a tick that is no multiple of them, and fails under a strategy.
    """
    steps = max(count for count in range(1, AT_ONCE + 1) if size % count == 0)
    if gan.steps_per_execution != steps:
        gan.steps_per_execution = steps
        gan.make_train_function(force=True)
