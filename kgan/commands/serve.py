"""Serve an export on this machine, for trials, as TensorFlow Serving would.

    kgan serve export/digits
    python3 export/digits/1/check.py http://localhost:8501    # in another terminal: does it draw?

Serves the newest version in the directory, and takes up newer ones as they appear. One process, one machine, no
passwords: for users, take TensorFlow Serving or another server that is kept for it.
"""

import importlib.util
from collections.abc import Sequence
from types import SimpleNamespace

from kgan.commands import flags
from kgan.runtime import files, machine
from kgan.runtime.errors import UserError

ARGUMENTS = "EXPORT"
FLAGS = (
    flags.Flag("port", int, 8501, "Port on this machine.", least=1, most=65535),
    flags.Flag("poll_seconds", float, 1.0, "Seconds between looks for a newer version.", least=0.01),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Serves until Ctrl-C."""
    if len(arguments) != 1:
        raise UserError("give one directory of exports: kgan serve EXPORT")
    if absent := [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]:
        raise UserError(f"kgan serve needs {' and '.join(absent)}; pip install 'kgan[serving]'.")
    machine.import_tensorflow()
    from kgan.serving import server

    server.serve(files.expanded(arguments[0]), options.port, options.poll_seconds)
