"""Which devices TensorFlow computes on, in a line; and why a GPU is left out, where one might be expected."""

import importlib.util
import logging
import os
import platform
from pathlib import Path

from kgan.runtime import machine
from kgan.runtime.errors import UserError

deterministic = False  # whether this process asked for operations that give the same bits each time
DRIVERS = ("/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1")  # Linux; Linux in Windows


def described() -> str:
    """Returns the devices in a sentence: all GPUs by name, or the processor and why no GPU is used.

    Raises:
        UserError: a GPU is there and computes nothing, as where it is newer than this TensorFlow.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"Devices: the processor, {machine.threads()} threads. {why_no_gpu()}"
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "of unknown name") for gpu in gpus]
    for number, name in enumerate(names):
        try:
            with tf.device(f"/GPU:{number}"):
                product = tf.linalg.matmul([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]).numpy()
        except tf.errors.OpError as error:
            raise _useless(number, name, error.message.splitlines()[0]) from error
        if product.tolist() != [[1.0, 2.0], [3.0, 4.0]]:
            raise _useless(number, name, f"a 2×2 product is {product.tolist()}")
    return f"Devices: {', '.join(f'GPU {number} ({name})' for number, name in enumerate(names))}."


def _useless(number: int, name: str, why: str) -> UserError:
    return UserError(f"GPU {number} ({name}) can't compute ({why}): its generation may be newer than this TensorFlow, "
                     "or its driver older; update one of them, or train on the processor: CUDA_VISIBLE_DEVICES=-1.")


def why_no_gpu() -> str:
    """Returns in a sentence why TensorFlow sees no GPU."""
    import tensorflow as tf

    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if platform.system() != "Linux":
        other = {"Darwin": "macOS", "Windows": "Windows; take WSL2, which is Linux"}
        return f"TensorFlow has no GPU on {other.get(platform.system(), platform.system())}."
    if not any(Path(driver).exists() for driver in DRIVERS):
        return "No NVIDIA driver is installed here, so no GPU is used."
    if hidden is not None and (not hidden.strip() or hidden.strip().startswith("-")):
        return f"CUDA_VISIBLE_DEVICES={hidden!r} hides the GPUs."
    if not tf.sysconfig.get_build_info().get("is_cuda_build", False):
        return "This TensorFlow was built without CUDA, so no GPU is used: pip install 'kgan[gpu]'."
    if importlib.util.find_spec("nvidia") is None:
        return "CUDA's libraries are not installed, so no GPU is used: pip install 'kgan[gpu]'."
    return ("A driver and CUDA's libraries are here, and TensorFlow finds no GPU; it says why after "
            "TF_CPP_MIN_LOG_LEVEL=0, often a driver that is older than the libraries.")


def make_deterministic(asked: bool | None) -> None:
    """Asks TensorFlow for operations that give the same bits each time.

    On processors kgan's runs have the same bits without it. On GPUs some operations sum in another order each time, and
    a run could not be resumed or replayed exactly. `asked`: None, on GPUs alone.
    """
    import tensorflow as tf

    global deterministic
    wanted = machine.has_gpu() if asked is None else asked
    if wanted and not deterministic:
        tf.config.experimental.enable_op_determinism()
        deterministic = True
    if not wanted and machine.has_gpu():
        logging.getLogger("absl").warning("--nodeterministic: on a GPU this run can't be resumed or replayed exactly.")
