"""The one commit protocol: write aside, fsync, rename, fsync the directory."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

ASIDE = ".aside-"  # begins the names of what is being written
MANIFEST = "manifest.json"  # of a committed directory: size and SHA-256 of every other file, by name


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, same suffix, that replaces it when the block ends well.

    A reader sees the old file or the new one, never a part. When the block raises, the old file stays.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{ASIDE}{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        share(temporary)
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def committing(directory: Path) -> Iterator[Path]:
    """Yields a new directory beside `directory` that takes its place when the block ends well, with a manifest.

    A reader sees a whole directory or none: what was there before, if anything, is removed just before the rename.
    """
    directory = Path(directory)
    aside = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f"{ASIDE}{directory.name}-"))
    try:
        yield aside
        found = sorted(path for path in aside.rglob("*") if path.is_file())
        manifest = {path.relative_to(aside).as_posix(): _facts(path) for path in found}
        for path in aside.rglob("*"):
            sync(path)
        (aside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        sync(aside / MANIFEST)
        share(aside)
        sync(aside)
        if directory.exists():
            shutil.rmtree(directory)
        aside.rename(directory)
        sync(directory.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def damage(directory: Path) -> str | None:
    """Returns what is wrong with a committed directory, in a few words; None when every file is what was written."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        for name, facts in manifest.items():
            if (directory / name).stat().st_size != facts["size"] or _facts(directory / name) != facts:
                return f"{name} is not what was written"
        extra = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
        if extra != {*manifest, MANIFEST}:
            return f"{min(extra ^ {*manifest, MANIFEST})} is missing, or was added"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} can't be read"
    return None if manifest else "it is empty"


def sweep(directory: Path, name: str = "") -> None:
    """Removes what killed processes left half-written in `directory`, for targets whose names begin with `name`."""
    for orphan in directory.glob(f"{ASIDE}{name}*"):
        if orphan.is_dir():
            shutil.rmtree(orphan, ignore_errors=True)
        else:
            orphan.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Holds a directory against whoever else asks for it so; waits for them. Leaves no trace, dies with its owner."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def obstacle(directory: Path) -> str | None:
    """Returns why a directory can't be made or written, in a few words; None when nothing stands against it."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return None
    reason = "can't be written" if existing.is_dir() else "is a file"
    return f"{str(existing)!r} {reason}"


def sync(path: Path) -> None:
    """Flushes a file or a directory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def share(path: Path) -> None:
    """Gives what `tempfile` made, and made private, the permissions that other files and directories get."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


def _facts(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        return {"size": os.fstat(file.fileno()).st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
