"""Facts about this machine and its libraries, and TensorFlow's start."""

import importlib.abc
import importlib.metadata
import logging
import os
import platform
import re
import sys
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from kgan.runtime.errors import UserError
from kgan.runtime.version import VERSION

CPUINFO = Path("/proc/cpuinfo")
BITS_VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")  # that decide bits
_set_here: dict[str, str] = {}  # environment variables that the user left open


def choose_kernels() -> None:
    """Switches oneDNN's kernels on where TensorFlow leaves them off (x86 without VNNI): up to five times faster there.

    Without effect once TensorFlow is imported, and where the user has chosen.
    """
    _set_default("TF_ENABLE_ONEDNN_OPTS", "1")


def check_backend() -> None:
    """Imports Keras.

    Raises:
        UserError: Keras runs on another backend than TensorFlow, or with channels first.
    """
    fix = ("set KERAS_BACKEND=tensorflow, or mend ~/.keras/keras.json, before Keras is imported.")
    try:
        import keras
    except ImportError as error:  # of a backend that isn't installed
        chosen = os.environ.get("KERAS_BACKEND", "another backend")
        if chosen == "tensorflow":
            raise
        raise UserError(f"Keras is set to {chosen}, which can't be imported ({error}); kgan needs TensorFlow: "
                        f"{fix}") from error
    if keras.config.backend() != "tensorflow":
        raise UserError(f"Keras runs on {keras.config.backend()}; kgan needs TensorFlow: {fix}")
    if keras.config.image_data_format() != "channels_last":
        raise UserError(f"Keras' image_data_format is {keras.config.image_data_format()}; kgan needs channels_last: "
                        "call keras.config.set_image_data_format('channels_last'), or mend ~/.keras/keras.json.")


def import_tensorflow() -> None:
    """Imports TensorFlow with the faster kernels and without its start-up chatter. Raises as `check_backend`."""
    choose_kernels()
    _set_default("TF_CPP_MIN_LOG_LEVEL", "3")  # real errors come as exceptions
    _set_default("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # an export's check needs room beside this process
    # Its first lines are written before any log level counts, so they are dropped where they arrive.
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as devnull:
        os.dup2(devnull.fileno(), 2)
    # Keras imports these where they are installed, for wrappers and galleries that no command uses: two seconds.
    absent = _Absent({"sklearn", "matplotlib"} - sys.modules.keys())
    sys.meta_path.insert(0, absent)
    try:
        check_backend()
        import tensorflow as tf

        tf.config.list_physical_devices()
        # Grappler's remapper logs an error when it tries to fuse Conv + LeakyReLU in the train step. Without it: the
        # same speed.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        # Networks that grow are compiled anew, and should be.
        logging.getLogger("tensorflow").addFilter(lambda record: "tf.function retracing" not in record.getMessage())
    finally:
        sys.meta_path.remove(absent)
        os.dup2(stderr, 2)
        os.close(stderr)


class _Absent(importlib.abc.MetaPathFinder):
    """Lets packages seem not to be installed, to the thread that makes it; others import them meanwhile."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = names
        self.thread = threading.get_ident()

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname.partition(".")[0] in self.names and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def user_environment() -> dict[str, str]:
    """Returns the environment without the variables that this module has set: a process with TensorFlow's defaults."""
    return {name: value for name, value in os.environ.items() if _set_here.get(name) != value}


def _set_default(name: str, value: str) -> None:
    if name not in os.environ:
        os.environ[name] = _set_here[name] = value


def versions() -> dict[str, str]:
    """Returns what decides the bits that a run computes, by name: versions, devices, threads, variables set."""
    import keras
    import numpy as np
    import tensorflow as tf

    facts = {"kgan": VERSION, "python": platform.python_version(), "tensorflow": tf.__version__,
             "keras": keras.__version__, "numpy": np.__version__,
             **{name: importlib.metadata.version(name) for name in ("pillow", "scipy", "scikit-learn")},
             "cpu": cpu(), "threads": str(threads())}
    if gpus := tf.config.list_physical_devices("GPU"):
        facts["gpu"] = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "unknown")
    return facts | {name: os.environ[name] for name in BITS_VARIABLES if name in os.environ and name not in _set_here}


def in_words(facts: Mapping[str, str]) -> str:
    """Returns what `versions` gave as a list for readers."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def changed(then: Mapping[str, str], now: Mapping[str, str] | None = None) -> list[str]:
    """Returns what `versions` gave and gives no longer, in words; or `now` gives. Who names no replicas had one."""
    then, now = ({"replicas": "1", **one} for one in (then, versions() if now is None else now))
    return [f"{name} {value} then, {now.get(name, 'unset')} now" for name, value in then.items()
            if now.get(name) != value]


def threads() -> int:
    """Returns how many processors this process may run on, which is how many threads TensorFlow starts."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu(cpuinfo: Path = CPUINFO) -> str:
    """Returns the processor's name."""
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text(encoding="utf-8")) if cpuinfo.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def has_gpu() -> bool:
    """Tells whether TensorFlow sees a GPU."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def computes_bfloat16(cpuinfo: Path = CPUINFO) -> bool:
    """Tells whether bfloat16 is fast here: on a GPU, or on a CPU with instructions for it.

    Without them TensorFlow's bfloat16 kernels run some ten times slower than float32's. Where /proc/cpuinfo isn't
    there, the instructions are not either.
    """
    # avx512_bf16 and amx_bf16, or Arm's bf16
    return has_gpu() or _cpu_flag(r"[ _]bf16\b", cpuinfo)


def prefers_bfloat16(cpuinfo: Path = CPUINFO) -> bool:
    """Tells whether bfloat16 beats float32 clearly: on GPUs from Ampere on, or on a CPU with AMX."""
    import tensorflow as tf

    if not has_gpu():
        return _cpu_flag(r"\bamx_bf16\b", cpuinfo)
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return all(one.get("compute_capability", (0, 0)) >= (8, 0) for one in details)


def _cpu_flag(pattern: str, cpuinfo: Path) -> bool:
    return cpuinfo.exists() and re.search(pattern, cpuinfo.read_text(encoding="utf-8")) is not None
