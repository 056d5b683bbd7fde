"""What files contain, as a hash, and where kgan keeps what it derives from data."""

import contextlib
import hashlib
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kgan.runtime import files as files_lib


def cache_directory() -> Path:
    """Returns kgan's cache: KGAN_CACHE_DIR, else kgan in XDG_CACHE_HOME, else ~/.cache/kgan."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "kgan")
    return Path(os.environ.get("KGAN_CACHE_DIR") or default).expanduser()


def fingerprint(images: np.ndarray, labels: np.ndarray | None = None) -> str:
    """Returns the SHA-256 of the pixels and their shape, and of labels where there are any, in hexadecimal."""
    digest = hashlib.sha256(str(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(b"" if labels is None else labels.tobytes())
    return digest.hexdigest()


def content_hash(files: Mapping[str, str], largest: float = math.inf) -> str:
    """Returns the SHA-256, in hexadecimal, of files' names and contents: absolute paths by name.

    Of files of more than `largest` bytes, which nobody will read, the size stands for the content. Files whose path,
    inode, size and times are as they were are not read again, as in git's index.
    """
    listing = hashlib.sha256()
    for name, path in files.items():
        try:
            status = os.stat(path)
            facts: tuple[int | None, ...] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        except OSError as error:
            facts = (error.errno,)
        listing.update(repr((name, path, facts)).encode())
    known = cache_directory() / "known" / listing.hexdigest()
    if known.is_file():
        return known.read_text(encoding="ascii")
    digest, whole = hashlib.sha256(), True
    for name, path in files.items():
        try:
            content = _file_digest(path, largest)
        except OSError as error:
            content, whole = str(error.errno).encode(), False
        digest.update(repr(name).encode() + content)
    if not whole:  # what can't be read now may be readable the next time
        return digest.hexdigest()
    with contextlib.suppress(OSError):  # a cache that can't be written only costs another reading
        files_lib.write_text(known, digest.hexdigest())
    return digest.hexdigest()


def _file_digest(path: str, largest: float) -> bytes:
    """Hashes a regular file's content, 32 bytes."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        return hashlib.sha256(b"not a regular file").digest()
    if status.st_size > largest:
        return hashlib.sha256(str(status.st_size).encode()).digest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
