"""Checkpoints: arrays by name, committed whole, and verified before they are used. Needs no TensorFlow.

`directory/step-N/` holds `state.npz` and the manifest with its hash. Order is by N, never by a clock.
"""

import math
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kgan.runtime import files
from kgan.runtime.errors import UserError

STATE = "state.npz"
PREFIX = "step-"
MAX_NODES = 10_000  # of an HDF5 file


class Found(NamedTuple):
    """The newest checkpoint that is whole, and the newer ones that are not, with the reasons."""

    step: int | None
    damaged: dict[int, str]


def save(directory: Path, step: int, state: Mapping[str, np.ndarray], keep: int) -> None:
    """Commits `state` as the checkpoint of `step`, then removes all but the `keep` newest.

    One of that step that verifies is left as it is: replacing it would leave, for a moment, none.

    Raises:
        ValueError: a number is NaN or infinite: such a state is never saved.
        OSError: the disk is full or can't be written; the checkpoints before stay.
    """
    if bad := not_finite(state):
        raise ValueError(f"{bad} is not finite")
    directory.mkdir(parents=True, exist_ok=True)
    if files.damage(directory / f"{PREFIX}{step}") is not None:
        with files.committing(directory / f"{PREFIX}{step}") as aside:
            np.savez(aside / STATE, **state)
    for old in sorted(steps(directory))[:-keep]:
        shutil.rmtree(directory / f"{PREFIX}{old}", ignore_errors=True)


def steps(directory: Path) -> list[int]:
    """Returns the steps of which there are checkpoints, whole or not, in order."""
    names = (path.name.removeprefix(PREFIX) for path in directory.glob(f"{PREFIX}*"))
    return sorted(int(name) for name in names if name.isdecimal())


def newest(directory: Path) -> Found:
    """Looks for the newest checkpoint that verifies."""
    damaged: dict[int, str] = {}
    for step in reversed(steps(directory)):
        reason = files.damage(directory / f"{PREFIX}{step}")
        if reason is None:
            return Found(step, damaged)
        damaged[step] = reason
    return Found(None, damaged)


def load(directory: Path, step: int, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns arrays of the checkpoint of `step`: those that `shapes` names.

    Raises:
        UserError: it is damaged, or hasn't these arrays in these shapes; found before anything is allocated.
        OSError: it can't be read.
    """
    place = directory / f"{PREFIX}{step}"
    if reason := files.damage(place):
        raise UserError(f"{place} is damaged: {reason}")
    try:
        with zipfile.ZipFile(place / STATE) as archive:
            declared = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
        for name, shape in shapes.items():
            if declared.get(name, 0) > 8 * math.prod(shape) + 1000:  # bytes of the widest number, and a header
                raise ValueError(f"it declares {declared[name]:,} bytes for {name}, which has {shape}")
        with np.load(place / STATE, allow_pickle=False) as archive:
            found = {name: archive[name] for name in shapes if name in archive}
    except OSError:
        raise
    except Exception as error:  # zip and NumPy's headers raise nearly anything on files from strangers
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{place} holds no arrays of this run ({reason})") from error
    if wrong := [name for name, shape in shapes.items() if name not in found or found[name].shape != tuple(shape)]:
        raise UserError(f"{place} is of other networks: {wrong[0]} is missing or of another shape")
    return found


def not_finite(state: Mapping[str, np.ndarray]) -> str | None:
    """Returns the name of an array that holds NaN or infinity; None when there is none."""
    return next((name for name, array in state.items()
                 if array.dtype.kind == "f" and not np.isfinite(array).all()), None)


def check_declared(file: Path, largest: int) -> None:
    """Raises ValueError when a .keras file declares more than `largest` bytes, or reaches for other files."""
    import h5py

    with zipfile.ZipFile(file) as archive:
        declared = sum(member.file_size for member in archive.infolist())
        if declared > largest:
            raise ValueError(f"it declares {declared:,} bytes, more than {largest:,}")
        with archive.open("model.weights.h5") as member, h5py.File(member) as weights:
            groups, declared, nodes = [weights], 0, 0
            while groups:
                group = groups.pop()
                for name in group:
                    nodes += 1
                    if nodes > MAX_NODES:  # groups may hold one another, without end
                        raise ValueError(f"it holds more than {MAX_NODES:,} groups and arrays")
                    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                        raise ValueError(f"{name} is a link")
                    if isinstance(group[name], h5py.Group):
                        groups.append(group[name])
                    elif group[name].external or group[name].is_virtual:
                        raise ValueError(f"{name} lies in another file")
                    else:
                        declared += group[name].size * group[name].dtype.itemsize
            if declared > largest:
                raise ValueError(f"its arrays declare {declared:,} bytes, more than {largest:,}")
