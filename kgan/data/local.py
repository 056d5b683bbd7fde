"""The user's own images: a folder, a zip, Parquet, a CSV as MNIST's, an array. Nothing is unpacked to the disk."""

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

from kgan.data import arrays, hashing, idx, layouts, parquet, pictures
from kgan.data.source_types import BadPictureError, Item, Sample, Source
from kgan.runtime.errors import UserError

MAX_LABEL = 2**31 - 1
HIDDEN = re.compile(r"(^|/)(__MACOSX/|\.(?!\.))")  # macOS adds the former to archives
ARCHIVES = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
TFRECORD = re.compile(r"\.tfrecords?(\.gz)?(-\d+-of-\d+)?$", re.IGNORECASE)
ALLOWED = "a folder or a zip of images, Parquet, a CSV, an .npz, an .npy or an IDX file"


def open_path(path: Path, name: str | None = None, only: Callable[[str], bool] = lambda _: True,
              plain: bool = False) -> Source:
    """Returns the images at `path`: a folder or a zip (see `layouts`), Parquet, a CSV, an .npz, an .npy or an IDX file.

    Args:
        path: what the user gave.
        name: the data set of which this is the user's copy; None for images of their own.
        only: picks pictures by their file names.
        plain: take all pictures of a folder or a zip, without splits and classes.

    Raises:
        UserError: there is no such path, it is none of these, or there are no pictures in it.
    """
    if path.is_dir():
        return _folder(path, name, only, plain)
    if not path.is_file():
        raise UserError(f"data={str(path)!r} is not there; give {ALLOWED}.")
    if path.suffix.lower() in (".npz", ".npy"):
        return (arrays.open_npz if path.suffix.lower() == ".npz" else arrays.open_npy)(path, name)
    if path.suffix.lower() == parquet.SUFFIX:
        return parquet.open_files([(path.name, os.path.abspath(path))], path, name, plain=True, labelled=not plain)
    if TFRECORD.search(path.name):
        raise UserError(f"data={str(path)!r} is a TFRecord file, which kgan can't read; write its images as pictures "
                        "into a folder or a zip, or as one uint8 array into an .npz.")
    if zipfile.is_zipfile(path) or path.suffix.lower() == ".zip":
        return _zip(path, name, only, plain)
    if path.suffix.lower() == ".csv":
        return _csv(path, name)
    if idx.NAME.search(path.name):
        return idx.open_idx(path, name)
    unpack = "unpack the archive, and " if path.suffix.lower() in ARCHIVES else ""
    raise UserError(f"data={str(path)!r} is of no kind that kgan reads; {unpack}give {ALLOWED}.")


def _folder(folder: Path, name: str | None, only: Callable[[str], bool], plain: bool) -> Source:
    top = os.path.abspath(folder)
    places = [f"{parent}{os.sep}{file}" for parent, files in _walk(top) for file in files]
    listed = sorted((place[len(top) + 1:].replace(os.sep, "/"), place) for place in places)
    tables = [pair for pair in listed if pair[0].lower().endswith(parquet.SUFFIX) and not HIDDEN.search(pair[0])]
    if tables and (parquet.is_set([path for path, _ in tables]) or not _has_pictures(listed)):
        return parquet.open_files(tables, folder, name, plain, labelled=not plain)
    pairs, labels, others = _pictures(listed, folder, only, plain)
    described = dict(labels)

    def content(pairs: list[layouts.Pair]) -> str:
        return hashing.content_hash(dict(pairs) | described, largest=pictures.MAX_BYTES)

    return _source(name, f"folder {os.path.basename(top)}{others}", _laid_out(pairs, labels, _read_file, plain),
                   content, _read_file)


def _has_pictures(listed: list[layouts.Pair]) -> bool:
    suffixes = pictures.suffixes()
    return any(os.path.splitext(path)[1].lower() in suffixes and not HIDDEN.search(path) for path, _ in listed)


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


def _zip(path: Path, name: str | None, only: Callable[[str], bool], plain: bool) -> Source:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UserError(f"data={str(path)!r} is damaged or no zip of a known kind ({error}).") from error
    members = [(member.filename.replace("\\", "/"), member) for member in archive.infolist()]
    listed = [(path, member) for path, member in members if not path.endswith("/")]
    pairs, labels, others = _pictures(listed, path, only, plain)
    read = functools.partial(_read_member, archive)
    return _source(name, f"zip {path.name}{others}", _laid_out(pairs, labels, read, plain),
                   lambda _: hashing.content_hash({path.name: os.path.abspath(path)}), read)


def _pictures(listed: list[layouts.Pair], origin: Path, only: Callable[[str], bool],
              plain: bool) -> tuple[list[layouts.Pair], list[layouts.Pair], str]:
    """Keeps the pictures, by their names, of (path, place) pairs, and dataset.json; says what else there was."""
    suffixes = pictures.suffixes()
    visible = [pair for pair in listed if not HIDDEN.search(pair[0])]
    named = [pair for pair in visible if os.path.splitext(pair[0])[1].lower() in suffixes]
    kept = [pair for pair in named if only(pair[0].rpartition("/")[2])]
    if named and not kept:
        raise UserError(f"none of the {len(named):,} pictures in data={str(origin)!r} is listed as one to train on.")
    if not kept:
        records = ", but TFRecords, which kgan can't read" if any(TFRECORD.search(path) for path, _ in visible) else ""
        raise UserError(f"there are no pictures in data={str(origin)!r}{records}; pictures end in "
                        f"{', '.join(sorted(suffixes))}.")
    labels = [] if plain else [pair for pair in visible if pair[0].rpartition("/")[2] == layouts.LABELS]
    others = len(visible) - len(named) - len(labels)
    return kept, labels, f" ({others:,} other files left alone)" if others else ""


def _laid_out(pairs: list[layouts.Pair], labels: list[layouts.Pair], read: Callable[[Any], bytes],
              plain: bool) -> layouts.Layout:
    """Returns how pictures are divided into splits and classes; `labels` are the files dataset.json."""
    if plain:
        return layouts.Layout(layouts.Part(pairs, {}), None, {}, (), "")
    listed: dict[str, int] | None = None
    for path, place in labels:
        try:
            labels_read = layouts.read_labels(path, read(place))
        except BadPictureError as error:
            raise UserError(f"{path} can't be read ({error}); mend or remove it.") from error
        listed = listed if labels_read is None else (listed or {}) | labels_read
    return layouts.find(pairs, listed)


def _source(name: str | None, origin: str, layout: layouts.Layout, content: Callable[[list[layouts.Pair]], str],
            read: Callable[[Any], bytes]) -> Source:
    """Returns a source of pictures that `read` reads, with its test split if it has one."""
    def part(split: str, part: layouts.Part, test: Source | None) -> Source:
        key = " ".join(filter(None, [split, layout.key and f"({layout.key})"]))
        return Source(name, f"{origin}{split and f', {split} split'}", len(part.pairs),
                      lambda: f"{key} {content(part.pairs)}" if key else content(part.pairs),
                      lambda: _items(part, read), test=test, held_out=not split, label_names=lambda: layout.label_names,
                      notes=() if split == "test" else layout.notes)

    if layout.test is None:
        return part("", layout.train, None)
    return part("train", layout.train, part("test", layout.test, None))


def _items(part: layouts.Part, read: Callable[[Any], bytes]) -> Iterator[Item]:
    for path, place in part.pairs:
        yield Item(path, functools.partial(_sample, read, place, part.labels.get(path)))


def _sample(read: Callable[[Any], bytes], place: Any, label: int | None) -> Sample:
    return pictures.decode(read(place), label)


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
    if layouts.UNSAFE.search(member.filename):
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
                  lambda: hashing.content_hash({path.name: os.path.abspath(path)}),
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
