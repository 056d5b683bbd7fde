"""IDX files, as MNIST and its relatives are distributed: labels and test images are found by their names beside them.

* `train-images-idx3-ubyte.gz`: MNIST, Fashion-MNIST, KMNIST, with `t10k-images-…` and `…-labels-idx1-ubyte`
* `emnist-letters-train-images-idx3-ubyte.gz`: EMNIST, with `…-test-…`; its pictures lie on their side and are turned
* `qmnist-train-images-idx3-ubyte.gz`: QMNIST, with `…-labels-idx2-int`, whose first column is the class
"""

import gzip
import math
import re
import struct
from pathlib import Path

import numpy as np

from kgan.data import arrays
from kgan.data.source_types import Source

TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # by the third byte
NAME = re.compile(r"idx\d-(ubyte|byte|short|int|float|double)(\.gz)?$")
MAX_VALUES = 2**33  # of an array
UPRIGHT = "turned upright"


def open_idx(path: Path, name: str | None) -> Source:
    """Returns the images of an IDX file; labels and test images where their files lie beside it under known names.

    Raises:
        UserError: it is no IDX file of uint8 images.
    """
    sideways = path.name.lower().startswith("emnist-")

    def part(images: Path) -> Source:
        labels = _beside(images, "images", "labels", ("idx1-ubyte", "idx2-int"))
        notes = ("EMNIST's pictures lie on their side in its files; they are turned upright",) if sideways else ()

        def read() -> arrays.Arrays:
            images_read = _read(images)
            if sideways and images_read.ndim == 3:
                images_read = images_read.swapaxes(1, 2)
            return images_read, None if labels is None else _classes(_read(labels))

        return arrays.source(name, images.name, (images, labels), read, key=UPRIGHT if sideways else "", notes=notes)

    tests = [_beside(path, "train-images", other) for other in ("t10k-images", "test-images")]
    test = next((file for file in tests if file is not None), None)
    return part(path) if test is None else arrays.with_test(part(path), part(test))


def _beside(path: Path, old: str, new: str, kinds: tuple[str, ...] = ("idx3-ubyte",)) -> Path | None:
    """Returns the file whose name has `new` in place of `old`, and one of `kinds`, packed or not; None without any."""
    plain = path.name.removesuffix(".gz").replace(old, new)
    names = [plain.replace("idx3-ubyte", kind) for kind in kinds]
    order = ("", ".gz") if path.suffix != ".gz" else (".gz", "")
    files = (path.with_name(name + suffix) for name in names for suffix in order)
    return next((file for file in files if file.is_file() and file != path), None)


def _classes(labels: np.ndarray) -> np.ndarray:
    """Returns the labels' first column: QMNIST's others say who wrote the digit, and where it is from."""
    return labels[:, 0] if labels.ndim == 2 else labels


def _read(path: Path) -> np.ndarray:
    """Reads an IDX file: two zero bytes, one for the type, the number of dimensions, their sizes, the values."""
    with arrays.damage(path), (gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
        start = file.read(4)
        if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or not 1 <= start[3] <= 4:
            raise ValueError("it does not begin as an IDX file does")
        kind, shape = np.dtype(TYPES[start[2]]), struct.unpack(f">{start[3]}I", file.read(4 * start[3]))
        if math.prod(shape) > MAX_VALUES:
            raise ValueError(f"it declares {math.prod(shape):,} values")
        values = np.frombuffer(file.read(math.prod(shape) * kind.itemsize), np.uint8)
        if values.size != math.prod(shape) * kind.itemsize:
            raise ValueError(f"it declares {math.prod(shape):,} values and holds {values.size // kind.itemsize:,}")
        return values.view(kind).reshape(shape).astype(kind.newbyteorder("="), copy=False)
