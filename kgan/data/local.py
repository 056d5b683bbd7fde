"""The user's own images: a folder, a zip, a CSV as MNIST is often given, an array. Nothing is unpacked to the disk."""

import errno
import functools
import math
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kgan.data import arrays, pictures
from kgan.data.content import content_hash
from kgan.data.source import BadPictureError, Item, Sample, Source
from kgan.runtime.errors import UserError

MAX_LABEL = 2**31 - 1
HIDDEN = re.compile(r"(^|/)(__MACOSX/|\.(?!\.))")  # macOS adds the former to archives
UNSAFE = re.compile(r"^[/\\]|(^|[/\\])\.\.([/\\]|$)|^[A-Za-z]:")  # a member that would be unpacked elsewhere


def open_path(path: Path, name: str | None = None, only: Callable[[str], bool] = lambda _: True) -> Source:
    """Returns the images at `path`: a folder (its subfolders are classes), a zip, a CSV, an .npz or an IDX file.

    Args:
        path: what the user gave.
        name: the data set of which this is the user's copy; None for images of their own.
        only: picks pictures by their file names.

    Raises:
        UserError: there is no such path, it is none of these, or there are no pictures in it.
    """
    if path.is_dir():
        return _folder(path, name, only)
    if not path.is_file():
        raise UserError(f"data={str(path)!r} is not there; give a folder or a zip of images, a CSV, an .npz or an IDX "
                        "file.")
    if path.suffix.lower() == ".npz":
        return arrays.open_npz(path, name)
    if zipfile.is_zipfile(path) or path.suffix.lower() == ".zip":
        return _zip(path, name, only)
    if path.suffix.lower() == ".csv":
        return _csv(path, name)
    if arrays.IDX.search(path.name):
        return arrays.open_idx(path, name)
    raise UserError(f"data={str(path)!r} is neither a folder, a zip, a .csv, an .npz nor an IDX file; unpack other "
                    "archives first.")


def _folder(folder: Path, name: str | None, only: Callable[[str], bool]) -> Source:
    top = os.path.abspath(folder)
    places = [f"{parent}{os.sep}{file}" for parent, files in _walk(top) for file in files]
    found = sorted((place[len(top) + 1:].replace(os.sep, "/"), place) for place in places)
    pairs, others = _pictures(found, folder, only)
    return Source(name, f"folder {os.path.basename(top)}{others}", len(pairs),
                  lambda: content_hash(dict(pairs), largest=pictures.MAX_BYTES),
                  lambda: _items(pairs, _read_file), held_out=True)


def _walk(top: str) -> Iterator[tuple[str, list[str]]]:
    """Yields each folder, linked ones too, with its files; none twice, whatever loop the links make."""
    seen = set()
    for parent, folders, files in os.walk(top, onerror=_refuse, followlinks=True):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield parent, files


def _refuse(error: OSError) -> None:
    raise UserError(f"{error.filename!r} can't be listed ({error.strerror}); make it readable, or give another folder.")


def _zip(path: Path, name: str | None, only: Callable[[str], bool]) -> Source:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UserError(f"data={str(path)!r} is damaged or no zip of a known kind ({error}).") from error
    members = [(member.filename.replace("\\", "/"), member) for member in archive.infolist()]
    found = [(path, member) for path, member in members if not path.endswith("/")]
    pairs, others = _pictures(found, path, only)
    return Source(name, f"zip {path.name}{others}", len(pairs),
                  lambda: content_hash({path.name: os.path.abspath(path)}),
                  lambda: _items(pairs, functools.partial(_read_member, archive)), held_out=True)


def _pictures(found: list[tuple[str, Any]], origin: Path,
              only: Callable[[str], bool]) -> tuple[list[tuple[str, Any]], str]:
    """Keeps the pictures, by their names, of (path, place) pairs; says what else there was."""
    suffixes = pictures.suffixes()
    visible = [pair for pair in found if not HIDDEN.search(pair[0])]
    named = [pair for pair in visible if os.path.splitext(pair[0])[1].lower() in suffixes]
    kept = [pair for pair in named if only(pair[0].rpartition("/")[2])]
    if named and not kept:
        raise UserError(f"none of the {len(named):,} pictures in data={str(origin)!r} is listed as one to train on.")
    if not kept:
        raise UserError(f"there are no pictures in data={str(origin)!r}; pictures end in "
                        f"{', '.join(sorted(suffixes))}.")
    others = len(visible) - len(named)
    return kept, f" ({others:,} other files left alone)" if others else ""


def _items(pairs: list[tuple[str, Any]], read: Callable[[Any], bytes]) -> Iterator[Item]:
    labels = _labels([path for path, _ in pairs])
    for path, place in pairs:
        yield Item(path, functools.partial(_sample, read, place, labels.get(path)))


def _sample(read: Callable[[Any], bytes], place: Any, label: int | None) -> Sample:
    return pictures.decode(read(place), label)


def _labels(paths: list[str]) -> dict[str, int]:
    """Numbers the subfolders, in the order of their names; a folder around all of them does not count."""
    parents = {path: path.split("/")[:-1] for path in paths if not UNSAFE.search(path)}
    depth = next((i for i, names in enumerate(zip(*parents.values(), strict=False)) if len(set(names)) > 1),
                 min(map(len, parents.values()), default=0))
    if any(len(parent) == depth for parent in parents.values()):
        return {}
    numbers = {name: number for number, name in enumerate(sorted({parent[depth] for parent in parents.values()}))}
    return {path: numbers[parent[depth]] for path, parent in parents.items()}


def _read_file(place: str) -> bytes:
    path = Path(place)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadPictureError("not a regular file")
        pictures.check_size(status.st_size)
        return path.read_bytes()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EACCES, errno.ELOOP):  # of the machine, not of the picture
            raise UserError(f"{place!r} can't be read now ({error.strerror}); try again.") from error
        raise BadPictureError(f"unreadable: {error.strerror}") from error


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if UNSAFE.search(member.filename):
        raise BadPictureError("unsafe name: it points out of the archive")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise BadPictureError("a link, not a picture")
    if member.flag_bits & 1:
        raise BadPictureError("encrypted")
    pictures.check_size(member.file_size)
    try:
        with archive.open(member) as file:
            return file.read(member.file_size)
    except MemoryError:
        raise
    except Exception as error:  # zipfile and its decompressors raise nearly anything on damaged archives
        raise BadPictureError(f"damaged in the archive: {error}") from error


def _csv(path: Path, name: str | None) -> Source:
    def rows() -> Iterator[tuple[int, bytes]]:
        """Yields (line number, line), without the header and empty lines."""
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(pictures.MAX_BYTES), b""), start=1):
                line = line.removeprefix(b"\xef\xbb\xbf").strip()
                if line and (number > 1 or line[:1].isdigit()):
                    yield number, line

    first = next(rows(), (0, b""))[1]
    columns = first.count(b",") + 1
    side = math.isqrt(columns)  # of columns - 1 too, for no two squares but 0 and 1 are neighbours
    if side < 2 or columns - side**2 > 1:
        raise UserError(f"data={str(path)!r} has {columns} columns; an MNIST-style CSV has a label and a square number "
                        "of grey values, 785 columns for 28×28.")
    parse = functools.partial(_parse_row, side=side, labelled=columns > side**2)
    return Source(name, f"CSV {path.name}", sum(1 for _ in rows()),
                  lambda: content_hash({path.name: os.path.abspath(path)}),
                  lambda: (Item(f"line {number}", functools.partial(parse, line)) for number, line in rows()),
                  held_out=True)


def _parse_row(line: bytes, *, side: int, labelled: bool) -> Sample:
    columns = line.count(b",") + 1
    if columns != side**2 + labelled:
        raise BadPictureError(f"{columns} columns, not {side**2 + labelled}")
    try:
        if len(line) > 20 * columns:  # NumPy would give every value the room of the longest
            raise OverflowError
        values = np.array(line.split(b","), np.bytes_).astype(np.int64)
    except (ValueError, OverflowError):
        raise BadPictureError("not whole numbers") from None
    label, grey = (int(values[0]), values[1:]) if labelled else (None, values)
    if grey.min() < 0 or grey.max() > 255:
        raise BadPictureError("a grey value outside 0 to 255")
    if label is not None and not 0 <= label <= MAX_LABEL:
        raise BadPictureError("a negative or huge label")
    return Sample(Image.fromarray(grey.reshape(side, side).astype(np.uint8)), label)
