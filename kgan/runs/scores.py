"""Scores of a run, kept by step, for the card of its exports."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from absl import logging

from kgan.runs.directory import Run
from kgan.runtime import files
from kgan.runtime.errors import UserError

KEYS = ("protocol", "notes", "numbers", "yardsticks", "verdict", "count")


def save(run: Run, step: int, scores: Mapping[str, Any]) -> None:
    """Keeps what an evaluation of `step` found, JSON with a `count` of images, in place of one of no more."""
    file = run.scores_file(step)
    before = None
    with contextlib.suppress(UserError):  # a damaged file is replaced
        before = load(run, step)
    if before is not None and before["count"] > scores["count"]:
        logging.info("Note: the run keeps its scores of %s images.", f"{before['count']:,}")
        return
    file.parent.mkdir(exist_ok=True)
    with files.replacing(file) as temporary:
        temporary.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


def load(run: Run, step: int) -> dict[str, Any] | None:
    """Returns what was kept of `step`; None when it wasn't evaluated.

    Raises:
        UserError: the file is damaged.
    """
    file = run.scores_file(step)
    if not file.is_file():
        return None
    try:
        scores = json.loads(file.read_text(encoding="utf-8"))
        return {name: scores[name] for name in KEYS}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{str(file)!r} is damaged ({error}); remove it, or evaluate again.") from error
