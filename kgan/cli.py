"""What every command shares: errors in one sentence, a quiet TensorFlow, facts about the machine."""

import contextlib
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

INTERRUPTED = 130  # exit status of a process that Ctrl-C ended, by the shells' convention


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Ends the command with status 1 and the error's own sentence, where the user can mend the cause.

    That is any OSError, and a ValueError that kgan itself raised; one from deeper down is a bug and keeps its trace.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        innermost = traceback.extract_tb(error.__traceback__)[-1].filename
        if isinstance(error, ValueError) and not Path(innermost).is_relative_to(Path(__file__).parent):
            raise
        sys.exit(f"kgan: {error}")


def launch(main: Callable[[Sequence[str]], Any]) -> None:
    """Runs `main(positional arguments)` after absl has parsed the flags."""
    from absl import app, logging

    logging.set_verbosity(logging.WARNING)
    try:
        app.run(lambda argv: main(argv[1:]))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except SystemExit as stop:
        asked_for_help = any(argument.lstrip("-").startswith("help") for argument in sys.argv[1:])
        sys.exit(0 if asked_for_help and stop.code == 1 else stop.code)  # absl calls help a failure


def import_tensorflow() -> None:
    """Imports TensorFlow without its start-up chatter.

    Switches oneDNN's kernels on where TensorFlow leaves them off (x86 without VNNI): a third faster there.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Its first lines are written before any log level counts, so they are dropped where they arrive.
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()
        # Its rewrite of convolution + LeakyReLU fails in the train step: no harm, no gain, an alarming line.
        tf.config.optimizer.set_experimental_options({"remapping": False})
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def versions() -> dict[str, str]:
    """Returns the versions that decide what a run computes, by name."""
    import keras
    import numpy as np
    import tensorflow as tf

    import kgan

    return {"kgan": kgan.__version__, "python": platform.python_version(), "tensorflow": tf.__version__,
            "keras": keras.__version__, "numpy": np.__version__}


def needs_xla(precision: str) -> bool:
    """Tells whether the train step should be compiled by XLA on this machine.

    A CPU without bfloat16 instructions runs TensorFlow's bfloat16 kernels some ten times slower than float32;
    XLA turns the same step into float32 arithmetic between bfloat16 roundings.
    """
    import tensorflow as tf

    if precision == "float32" or tf.config.list_physical_devices("GPU"):
        return False
    cpu = Path("/proc/cpuinfo")
    return not (cpu.exists() and "_bf16" in cpu.read_text(encoding="utf-8"))
