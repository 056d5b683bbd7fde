"""A run directory's mirror in another place, as a drive that outlives the machine: a run like it, which goes on there.

What is copied is copied in the order in which training writes: a checkpoint after all that it follows. So a kill at any
moment leaves what it could have left in the run directory itself, and the newest whole checkpoint is the one before or
the one after.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from absl import logging

from kgan.runs import checkpoints
from kgan.runs.directory import Run
from kgan.runs.minutes import SCALED
from kgan.runtime import files
from kgan.runtime.errors import UserError

REMOVED = ("best", "checkpoints", "samples", "samples.gif", "log.png")  # training removes some of these
LATE = ("best", "checkpoints", "generator.keras")  # in the order in which they are copied, after all else


class Mirror:
    """A directory to which a run is copied, each time what has changed.

    Args:
        run: that is mirrored.
        place: of the mirror; a new or an empty directory, or the mirror of this run as of an earlier step.

    Raises:
        UserError: the one lies in the other, or `place` holds something else, or another run, or this one at a later
            step.
    """

    def __init__(self, run: Run, place: str | Path) -> None:
        self.run = run
        self.copy = Run(place)
        self.failed = False
        ours, theirs = run.path.resolve(), self.copy.path.resolve()
        if ours == theirs or ours in theirs.parents or theirs in ours.parents:
            raise UserError(f"mirror={str(place)!r} and workdir={str(run.path)!r} lie one in the other; choose another "
                            "--mirror.")
        self.copy.check_no_preset()
        if not self.copy.exists():
            if self.copy.path.exists() and (not self.copy.path.is_dir() or any(
                    not entry.name.startswith(".") for entry in self.copy.path.iterdir())):
                raise UserError(f"mirror={str(place)!r} holds other things than a run; choose an empty or new "
                                "directory as --mirror.")
            return
        if run.exists():
            self._check_same(place)

    def _check_same(self, place: str | Path) -> None:
        ours, theirs = self.run.config(), self.copy.config()
        same = ours["data"]["sha256"] == theirs["data"]["sha256"] and ours.get("branch") == theirs.get("branch")
        copied = self.copy.recipe()
        if "length" in ours:  # what was fixed since the last checkpoint is in no mirror yet
            copied = copied.override(**{name: ours["recipe"][name] for name in SCALED})
        try:
            self.run.check_same_recipe(copied)
        except UserError:
            same = False
        if not same:
            raise UserError(f"mirror={str(place)!r} holds another run; choose an empty or new directory as --mirror.")
        if (step := self.copy.last_step() or 0) > (own := self.run.last_step() or 0):
            raise UserError(f"mirror={str(place)!r} holds this run at step {step:,}, and {str(self.run.path)!r} is at "
                            f"{own:,}; go on from the mirror by another --workdir, or choose another --mirror.")

    def bring_back(self) -> bool:
        """Copies the mirror into a run directory that is not there, as on a new machine; tells whether it did.

        Raises:
            OSError: it can't be read, or the run directory can't be written.
        """
        if self.run.exists() or not self.copy.exists():
            return False
        self.copy.config()  # says what is wrong before anything is copied
        self.run.check_free()
        place = self.run.path
        place.parent.mkdir(parents=True, exist_ok=True)
        files.sweep(place.parent, place.name)
        temporary = place.with_name(f"{files.TEMPORARY}{place.name}-mirror")
        copy(self.copy.path, temporary)
        shutil.rmtree(place, ignore_errors=True)  # an empty directory, as `check_free` says
        temporary.rename(place)
        logging.info("%s: brought back from %s, step %s.", self.run.path, self.copy.path,
                     f"{self.run.last_step() or 0:,}")
        return True

    def update(self) -> None:
        """Copies what has changed. Where that fails, a line says so, and the next call tries again."""
        try:
            copy(self.run.path, self.copy.path)
            self.failed = False
        except OSError as error:
            if not self.failed:
                logging.warning("The mirror %s can't be written (%s); training goes on, and each checkpoint tries it "
                                "again.", self.copy.path, error.strerror or error)
            self.failed = True


def copy(source: Path, target: Path) -> None:
    """Makes the run directory `target` hold what `source` does, file after file and checkpoint after checkpoint.

    Hidden files and links are left out. What is there already, by size and time, or by a checkpoint's manifest, stays;
    so does what no training removes, as scores.

    Raises:
        OSError: something can't be read or written.
    """
    for directory in _directories(target):
        files.sweep(directory)
    entries = sorted(_entries(source), key=lambda entry: (LATE.index(entry.parts[0]) if entry.parts[0] in LATE else -1,
                                                         entry))
    target.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        (target / entry).parent.mkdir(parents=True, exist_ok=True)
        if (source / entry).is_dir():
            _copy_checkpoint(source / entry, target / entry)
        else:
            _copy_file(source / entry, target / entry)
    for gone in filter(_is_removed, set(_entries(target)) - set(entries)):
        if (target / gone).is_dir():
            shutil.rmtree(target / gone)
        else:
            (target / gone).unlink()


def _entries(run: Path) -> Iterator[Path]:
    """Yields what a run directory holds, relative to it: checkpoints, which are directories, and other files."""
    for directory in _directories(run):
        for path in directory.iterdir():
            if path.name.startswith(".") or path.is_symlink():
                continue
            if path.is_file() or _is_checkpoint(path, run):
                yield path.relative_to(run)


def _is_removed(entry: Path) -> bool:
    return entry.parts[0] in REMOVED


def _directories(run: Path) -> list[Path]:
    """Returns the directories of a run that are copied file by file, itself among them; not a checkpoint's own."""
    if not run.is_dir():
        return []
    found = [run]
    for directory in found:  # which grows
        found += [path for path in directory.iterdir() if path.is_dir() and not path.is_symlink()
                  and not path.name.startswith(".") and not _is_checkpoint(path, run)]
    return found


def _is_checkpoint(path: Path, run: Path) -> bool:
    return path.parent.parent == run and path.parent.name in LATE and path.name.startswith(checkpoints.PREFIX)


def _copy_checkpoint(source: Path, target: Path) -> None:
    manifest = (source / files.MANIFEST).read_bytes()
    if (target / files.MANIFEST).is_file() and (target / files.MANIFEST).read_bytes() == manifest:
        return
    with files.committing(target) as temporary:
        for path in source.iterdir():
            if path.name != files.MANIFEST and path.is_file() and not path.is_symlink():
                shutil.copyfile(path, temporary / path.name)


def _copy_file(source: Path, target: Path) -> None:
    facts = source.stat()
    if target.is_file() and not target.is_symlink():
        known = target.stat()
        if (known.st_size, known.st_mtime_ns) == (facts.st_size, facts.st_mtime_ns):
            return
    with files.replacing(target) as temporary:
        shutil.copyfile(source, temporary)
        os.utime(temporary, ns=(facts.st_atime_ns, facts.st_mtime_ns))
