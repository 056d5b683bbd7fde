"""Checkpoints: arrays by name, committed whole, and verified before they are used. Needs no TensorFlow.

`directory/step-N/` holds `state.npz` and the manifest with its hash. Order is by N, never by a clock. In place of
`keras.callbacks.BackupAndRestore` and Orbax because these verify nothing, and trust the files that they open.
"""

import heapq
import math
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kgan.runtime import files
from kgan.runtime.errors import UserError, reason

STATE = "state.npz"
PREFIX = "step-"
NEWEST = 3  # checkpoints that are kept in any case
HISTORY = 8  # older ones that are kept beside them by default


class Newest(NamedTuple):
    """The newest checkpoint that is whole, and the newer ones that are not, with the reasons."""

    step: int | None
    damaged: dict[int, str]


def save(directory: Path, step: int, state: Mapping[str, Any], *, newest: int = NEWEST, history: int = 0) -> None:
    """Commits `state` as the checkpoint of `step`, then removes all but the `newest` ones and a thinned history.

    One of that step that verifies is left as it is: replacing it would leave, for a moment, none.

    Args:
        directory: of the checkpoints.
        step: generator steps done.
        state: arrays by name.
        newest: how many of the newest checkpoints stay.
        history: how many older ones stay, spread over the logarithm of the step: see `thinned`.

    Raises:
        ValueError: a number is NaN or infinite: such a state is never saved.
        OSError: the disk is full or can't be written; the checkpoints before stay.
    """
    if bad := not_finite(state):
        raise ValueError(f"{bad} is not finite")
    directory.mkdir(parents=True, exist_ok=True)
    if files.damage(directory / f"{PREFIX}{step}") is not None:
        with files.committing(directory / f"{PREFIX}{step}") as temporary:
            np.savez(temporary / STATE, **state)
    older, kept = steps(directory)[:-newest], thinned(steps(directory)[:-newest], history)
    remove(directory, [old for old in older if old not in kept])


def thinned(older: Iterable[int], count: int) -> list[int]:
    """Picks at most `count` of the steps, evenly on a log scale: the first stays, and the most crowded go.

    Applied after every save, it leaves a history in which each step is some constant times the one before.
    """
    kept = sorted(older)
    left = max(count, 0)
    if left < 2:  # no step stands between two: the first alone stays, or none
        return kept[:left]
    before, after = [place - 1 for place in range(len(kept))], [place + 1 for place in range(len(kept))]

    def gap(place: int) -> tuple[float, int]:
        return kept[after[place]] / max(kept[before[place]], 1), place

    heap = [gap(place) for place in range(1, len(kept) - 1)]
    heapq.heapify(heap)
    gone = set[int]()
    while len(kept) - len(gone) > left:
        crowded = heapq.heappop(heap)
        place = crowded[1]
        if place in gone or crowded != gap(place):  # its neighbours were others, and it stands in the heap again
            continue
        gone.add(place)
        after[before[place]], before[after[place]] = after[place], before[place]
        for neighbour in {before[place], after[place]} - {0, len(kept) - 1}:
            heapq.heappush(heap, gap(neighbour))
    return [step for place, step in enumerate(kept) if place not in gone]


def remove(directory: Path, which: Iterable[int]) -> None:
    """Removes the checkpoints of these steps."""
    for step in which:
        shutil.rmtree(directory / f"{PREFIX}{step}", ignore_errors=True)


def steps(directory: Path) -> list[int]:
    """Returns the steps of which there are checkpoints, whole or not, in order; other things there are left alone."""
    matches = (re.fullmatch(f"{PREFIX}(0|[1-9][0-9]*)", path.name) for path in directory.glob(f"{PREFIX}*"))
    return sorted(int(match[1]) for match in matches if match)


def newest(directory: Path) -> Newest:
    """Looks for the newest checkpoint that verifies."""
    damaged: dict[int, str] = {}
    for step in reversed(steps(directory)):
        damage = files.damage(directory / f"{PREFIX}{step}")
        if damage is None:
            return Newest(step, damaged)
        damaged[step] = damage
    return Newest(None, damaged)


def load(directory: Path, step: int, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns arrays of the checkpoint of `step`: those that `shapes` names.

    Raises:
        UserError: it is damaged, or hasn't these arrays in these shapes; found before anything is allocated.
        OSError: it can't be read.
    """
    place = directory / f"{PREFIX}{step}"
    if damage := files.damage(place):
        raise UserError(f"{place} is damaged: {damage}")
    try:
        with zipfile.ZipFile(place / STATE) as archive:
            declared = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
        for name, shape in shapes.items():
            if declared.get(name, 0) > 8 * math.prod(shape) + 1000:  # bytes of the widest number, and a header
                raise ValueError(f"it declares {declared[name]:,} bytes for {name}, which has {shape}")
        with np.load(place / STATE, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in shapes if name in archive}
    except OSError:
        raise
    except Exception as error:  # zip and NumPy's headers raise nearly anything on files from strangers
        raise UserError(f"{place} holds no arrays of this run ({reason(error)})") from error
    if wrong := [name for name, shape in shapes.items() if name not in arrays or arrays[name].shape != tuple(shape)]:
        raise UserError(f"{place} is of other networks: {wrong[0]} is missing or of another shape")
    return arrays


def not_finite(state: Mapping[str, np.ndarray]) -> str | None:
    """Returns the name of an array that holds NaN or infinity; None when there is none."""
    return next((name for name, array in state.items()
                 if array.dtype.kind == "f" and not np.isfinite(array).all()), None)
