"""The one commit protocol: write to a temporary name, fsync, rename, fsync the directory."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TEMPORARY = ".aside-"  # begins the names of what is being written
MANIFEST = "manifest.json"  # of a committed directory: size and SHA-256 of every other file, by name
LARGEST_MANIFEST = 2**20  # bytes
SYSTEM = (".DS_Store", "Thumbs.db", "desktop.ini")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, same suffix, that replaces it when the block ends well.

    A reader sees the old file or the new one, never a part. When the block raises, the old file stays.
    """
    path = Path(path)
    temporary = path.with_name(f"{TEMPORARY}{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    temporary.touch(exist_ok=False)  # not by `tempfile`, whose files are private: the umask decides
    try:
        yield temporary
        fsync(temporary)
        temporary.replace(path)
        fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replaces a file by text in UTF-8, as `replacing` does; makes its directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Replaces a file by JSON, as `write_text` does; numbers of NumPy become floats."""
    write_text(path, json.dumps(content, indent=1, default=float) + "\n")


@contextlib.contextmanager
def committing(directory: Path) -> Iterator[Path]:
    """Yields a new directory beside `directory` that takes its place when the block ends well, with a manifest.

    A reader sees a whole directory or none: what was there before, if anything, is removed just before the rename.
    """
    directory = Path(directory)
    temporary = directory.with_name(f"{TEMPORARY}{directory.name}-{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    try:
        yield temporary
        manifest = {path.relative_to(temporary).as_posix(): _facts(path) for path in sorted(temporary.rglob("*"))
                    if _is_regular(path)}
        for path in temporary.rglob("*"):
            fsync(path)
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        fsync(temporary / MANIFEST)
        fsync(temporary)
        if directory.exists():
            shutil.rmtree(directory)
        temporary.rename(directory)
        fsync(directory.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def damage(directory: Path) -> str | None:
    """Returns what is wrong with a committed directory, in a few words; None when every file is what was written.

    What Finder and Explorer put beside files while somebody looks at them, SYSTEM and names after "._", is no harm.
    Opens regular files inside `directory` only, and none before the manifest's names are those that are there.
    """
    try:
        if not _is_regular(directory / MANIFEST):
            return f"{MANIFEST} is missing"
        if (directory / MANIFEST).stat().st_size > LARGEST_MANIFEST:
            return f"{MANIFEST} is too large"
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        found = {path.relative_to(directory).as_posix() for path in directory.rglob("*")
                 if not path.is_dir() and path.name not in SYSTEM and not path.name.startswith("._")}
        if found != {*manifest, MANIFEST}:
            return f"{min(found ^ {*manifest, MANIFEST})} is missing, or was added"
        for name, facts in manifest.items():
            path = directory / name
            if not _is_regular(path) or path.stat().st_size != facts["size"] or _facts(path) != facts:
                return f"{name} is not what was written"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"{MANIFEST} can't be read"
    return None if manifest else "it is empty"


def sweep(directory: Path, name: str = "") -> None:
    """Removes what killed processes left half-written in `directory`, for targets whose names begin with `name`."""
    for orphan in directory.glob(f"{TEMPORARY}{name}*"):
        if orphan.is_dir():
            shutil.rmtree(orphan, ignore_errors=True)
        else:
            orphan.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds an exclusive lock on `directory`; blocks until it is free, and is released when the process ends.

    The lock is a file `.lock` in it, which stays.
    """
    with FileLock(directory / ".lock"):
        yield


def expanded(place: str | Path) -> Path:
    """Returns a path with its `~` in full; that of somebody who isn't there stays as it is."""
    try:
        return Path(place).expanduser()
    except RuntimeError:
        return Path(place)


def versions(directory: Path) -> dict[int, Path]:
    """Returns the versions in a directory of exports, by number, the newest last; of no directory, none."""
    entries = directory.iterdir() if directory.is_dir() else ()
    return dict(sorted((int(entry.name), entry) for entry in entries if re.fullmatch("[0-9]+", entry.name)))


def why_not_writable(directory: Path) -> str | None:
    """Returns why a directory can't be made or written, in a few words; None when it can."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return None
    reason = "can't be written" if existing.is_dir() else "is a file"
    return f"{str(existing)!r} {reason}"


def fsync(path: Path) -> None:
    """Flushes a file to the disk, or a directory's entries where the system can (POSIX)."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)  # Windows flushes what may be written
    try:
        if hasattr(fcntl, "F_FULLFSYNC"):  # macOS, where fsync leaves it in the disk's own memory
            with contextlib.suppress(OSError):  # network drives have none
                fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
                return
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_regular(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _facts(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        return {"size": os.fstat(file.fileno()).st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
