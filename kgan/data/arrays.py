"""Images in array files: IDX, as MNIST is distributed, and NumPy's .npz, as Keras keeps its data sets.

`train-images-idx3-ubyte.gz` finds its labels, and the test images, by their names beside it. An .npz holds `x_train`
with `y_train`, `x_test` and `y_test` if it has them, or `images` and `labels`.
"""

import contextlib
import dataclasses
import functools
import gzip
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from kgan.data.content import content_hash
from kgan.data.source import Item, Sample, Source
from kgan.runtime.errors import UserError

IDX = re.compile(r"idx\d-ubyte(\.gz)?$")
MAX_VALUES = 2**33  # of an array


def open_idx(path: Path, name: str | None) -> Source:
    """Returns the images of an IDX file; labels and test images where their files lie beside it under MNIST's names.

    Raises:
        UserError: it is no IDX file of uint8 images.
    """
    def beside(images: str, labels: str) -> Path | None:
        found = path.with_name(path.name.replace("train-images", images).replace("idx3", labels))
        other = found.with_name(found.name.removesuffix(".gz") if found.suffix == ".gz" else f"{found.name}.gz")
        return next((file for file in (found, other) if file.is_file()), None)

    train = _source(name, path.name, (path, beside("train-labels", "idx1")), _read_idx)
    test = beside("t10k-images", "idx3") if "train-images" in path.name else None
    return train if test is None else _with_test(train, _source(name, test.name, (test, beside("t10k-labels", "idx1")),
                                                                _read_idx))


def open_npz(path: Path, name: str | None) -> Source:
    """Returns the images of an .npz, with its test images and labels if it has them.

    Raises:
        UserError: it is damaged, or holds no uint8 images under a known name.
    """
    with _damage(path), np.load(path, allow_pickle=False) as archive:
        keys = set(archive.files)
    known = [pair for pair in (("x_train", "y_train"), ("images", "labels")) if pair[0] in keys]
    if not known:
        raise UserError(f"data={str(path)!r} holds {', '.join(sorted(keys)) or 'nothing'}; kgan reads x_train (with "
                        "y_train, x_test, y_test) or images (with labels).")

    def part(images: str, labels: str) -> Source:
        def read(*_: Path | None) -> tuple[np.ndarray, np.ndarray | None]:
            with _damage(path), np.load(path, allow_pickle=False) as archive:
                return archive[images], archive[labels] if labels in keys else None

        return _source(name, f"{path.name}, {images}", (path, None), read)

    train = part(*known[0])
    return _with_test(train, part("x_test", "y_test")) if {"x_train", "x_test"} <= keys else train



def _with_test(train: Source, test: Source) -> Source:
    return dataclasses.replace(train, test=dataclasses.replace(test, held_out=False), held_out=False)


def _source(name: str | None, origin: str, paths: tuple[Path, Path | None],
            read: Callable[[Path, Path | None], tuple[np.ndarray, np.ndarray | None]]) -> Source:
    """Returns a source over arrays that `read` gives, checked now and read again when they are prepared."""
    images, labels = read(*paths)
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise UserError(f"{origin} holds {images.dtype} of shape {[*images.shape]}; give uint8 images, (n, H, W) or "
                        "(n, H, W, 3).")
    if labels is not None and (labels.size != len(images) or labels.dtype.kind not in "iu"):
        raise UserError(f"{origin} has {len(images):,} images and {labels.size:,} labels of type {labels.dtype}; give "
                        "a whole number for each.")
    classes = None if labels is None else labels.ravel().astype(np.int64)

    def items() -> Iterator[Item]:
        for number, image in enumerate(images):
            pixels = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
            yield Item(f"image {number}", functools.partial(Sample, pixels,
                                                            None if classes is None else int(classes[number])))

    files = {path.name: os.path.abspath(path) for path in paths if path is not None}
    return Source(name, origin, len(images), lambda: f"{origin} {content_hash(files)}", items, held_out=True)


def _read_idx(images: Path, labels: Path | None) -> tuple[np.ndarray, np.ndarray | None]:
    return _idx(images), None if labels is None else _idx(labels)


def _idx(path: Path) -> np.ndarray:
    """Reads an IDX file of uint8: two zero bytes, 8 for the type, the number of dimensions, their sizes, the values."""
    with _damage(path), (gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
        start = file.read(4)
        if len(start) < 4 or start[:3] != b"\0\0\x08" or not 1 <= start[3] <= 4:
            raise ValueError("it does not begin as an IDX file of unsigned bytes does")
        shape = struct.unpack(f">{start[3]}I", file.read(4 * start[3]))
        if math.prod(shape) > MAX_VALUES:
            raise ValueError(f"it declares {math.prod(shape):,} values")
        values = np.frombuffer(file.read(math.prod(shape)), np.uint8)
        if values.size != math.prod(shape):
            raise ValueError(f"it declares {math.prod(shape):,} values and holds {values.size:,}")
        return values.reshape(shape)


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Raises UserError in place of whatever a damaged file makes its readers raise."""
    try:
        yield
    except (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile, struct.error) as error:
        raise UserError(f"data={str(path)!r} can't be read ({error}); get it anew.") from error
