"""What files contain, as a hash, and where kgan keeps what it derives from data."""

import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path

from kgan import files as files_lib


def cache_directory() -> Path:
    """Returns kgan's cache: KGAN_CACHE_DIR, else kgan in XDG_CACHE_HOME, else ~/.cache/kgan."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "kgan")
    return Path(os.environ.get("KGAN_CACHE_DIR") or default).expanduser()


def content_hash(files: Mapping[str, Path], largest: float = math.inf) -> str:
    """Returns the SHA-256, in hexadecimal, of the files' names (the keys) and contents.

    Of files of more than `largest` bytes, which nobody will read, the size stands for the content. Files whose path,
    inode, size and times are as they were are not read again, as in git's index.
    """
    listing = hashlib.sha256()
    for name, path in files.items():
        try:
            status = path.stat()
            facts = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        except OSError as error:
            facts = (error.errno,)
        listing.update(repr((name, str(path.absolute()), *facts)).encode(errors="surrogateescape"))
    known = cache_directory() / "known" / listing.hexdigest()
    if known.is_file():
        return known.read_text(encoding="ascii")
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(repr(name).encode(errors="surrogateescape") + _file_digest(path, largest))
    known.parent.mkdir(parents=True, exist_ok=True)
    with files_lib.replacing(known) as temporary:
        temporary.write_text(digest.hexdigest(), encoding="ascii")
    return digest.hexdigest()


def _file_digest(path: Path, largest: float) -> bytes:
    """Hashes a regular file's content, 32 bytes; of what can't be read, the reason."""
    try:
        if not path.is_file():
            return hashlib.sha256(b"not a regular file").digest()
        if path.stat().st_size > largest:
            return hashlib.sha256(str(path.stat().st_size).encode()).digest()
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return hashlib.sha256(str(error.errno).encode()).digest()
