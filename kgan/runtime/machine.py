"""Facts about this machine and its libraries, and TensorFlow's start."""

import os
import platform
import re
import sys
from pathlib import Path


def choose_kernels() -> None:
    """Switches oneDNN's kernels on where TensorFlow leaves them off (x86 without VNNI): up to five times faster there.

    Without effect once TensorFlow is imported, and where the user has chosen.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def import_tensorflow() -> None:
    """Imports TensorFlow with the faster kernels and without its start-up chatter."""
    choose_kernels()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # real errors come as exceptions
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # an export's check needs room beside this process
    # Its first lines are written before any log level counts, so they are dropped where they arrive.
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as devnull:
        os.dup2(devnull.fileno(), 2)
    # Keras imports these where they are installed, for wrappers and galleries that no command uses: two seconds.
    absent = {name: None for name in ("sklearn", "matplotlib") if name not in sys.modules}
    sys.modules.update(absent)
    try:
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()
        # Its rewrite of convolution + LeakyReLU fails in the train step: no harm, no gain, an alarming line.
        tf.config.optimizer.set_experimental_options({"remapping": False})
    finally:
        for name in absent:
            del sys.modules[name]
        os.dup2(stderr, 2)
        os.close(stderr)


def versions() -> dict[str, str]:
    """Returns what decides the bits that a run computes, by name: versions, processor, threads."""
    import keras
    import numpy as np
    import tensorflow as tf

    import kgan

    return {"kgan": kgan.__version__, "python": platform.python_version(), "tensorflow": tf.__version__,
            "keras": keras.__version__, "numpy": np.__version__, "cpu": cpu(), "threads": str(os.cpu_count())}


def cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Returns the processor's name."""
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text(encoding="utf-8")) if cpuinfo.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def has_accelerator() -> bool:
    """Tells whether TensorFlow sees a GPU or a TPU."""
    import tensorflow as tf

    return any(device.device_type != "CPU" for device in tf.config.list_physical_devices())


def computes_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tells whether bfloat16 is fast here: on a GPU or a TPU, or on a CPU with instructions for it.

    Without them TensorFlow's bfloat16 kernels run some ten times slower than float32's. Where /proc/cpuinfo isn't
    there, the instructions are not either.
    """
    # avx512_bf16 and amx_bf16, or Arm's bf16
    return has_accelerator() or _cpu_flag(r"[ _]bf16\b", cpuinfo)


def prefers_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tells whether bfloat16 beats float32 clearly: on a TPU, a GPU from Ampere on, or a CPU with AMX."""
    import tensorflow as tf

    if not has_accelerator():
        return _cpu_flag(r"\bamx_bf16\b", cpuinfo)
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return all(one.get("compute_capability", (0, 0)) >= (8, 0) for one in details)


def _cpu_flag(pattern: str, cpuinfo: Path) -> bool:
    return cpuinfo.exists() and re.search(pattern, cpuinfo.read_text(encoding="utf-8")) is not None
