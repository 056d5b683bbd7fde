"""Scores of a run, kept by step, for the card of its exports."""

import contextlib
import errno
from collections.abc import Mapping
from typing import Any

from absl import logging

from kgan.runs import checks
from kgan.runs.directory import Run
from kgan.runtime import files
from kgan.runtime.errors import UserError

KEYS = ("protocol", "notes", "numbers", "yardsticks", "verdict", "count")
AGAIN = "remove it, or evaluate again"


def save(run: Run, step: int, scores: Mapping[str, Any]) -> None:
    """Keeps what an evaluation of `step` found, JSON with a `count` of images, in place of one of no more.

    Raises:
        OSError: it can't be written, or links lead out of the run directory.
    """
    file = run.scores_file(step)
    if not file.parent.resolve().is_relative_to(run.path.resolve()):
        raise OSError(errno.EXDEV, f"{file.parent} leads out of the run directory")
    before = None
    with contextlib.suppress(UserError):  # a damaged file is replaced
        before = load(run, step)
    if before is not None and before["count"] > scores["count"]:
        logging.info("Note: the run keeps its scores of %s images.", f"{before['count']:,}")
        return
    files.write_json(file, scores)


def load(run: Run, step: int) -> dict[str, Any] | None:
    """Returns what was kept of `step`; None when it wasn't evaluated.

    Raises:
        UserError: the file is damaged.
    """
    file = run.scores_file(step)
    if not checks.is_inside(file, run.path):
        return None
    try:
        content = checks.read_json(file)
    except UserError as error:
        raise UserError(f"{str(error).removesuffix('.')}; {AGAIN}.") from error
    if not isinstance(content, dict) or (lacking := [name for name in KEYS if name not in content]):
        what = f"it lacks {lacking[0]}" if isinstance(content, dict) else "it is no object"
        raise UserError(f"{str(file)!r} is damaged ({what}); {AGAIN}.")
    checks.check_scores(content, file)
    return {name: content[name] for name in KEYS}
