"""Images in arrays: NumPy's .npz and .npy, and arrays in memory.

An .npz holds images, and labels if it has them, under the names of one of KEYS: Keras', MedMNIST's, or those of sample
batches of other programs. `k49-train-imgs.npz` finds its labels and its test images by their names beside it.
"""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kgan.data.hashing import content_hash, fingerprint
from kgan.data.source_types import Item, Sample, Source
from kgan.runtime import errors
from kgan.runtime.errors import UserError

KEYS = ((("x_train", "y_train"), ("x_test", "y_test")),
        (("train_images", "train_labels"), ("test_images", "test_labels")),
        (("images", "labels"), None),
        (("arr_0", "arr_1"), None))  # images and labels of the training images, and of the test images
IN_MEMORY = "arrays"  # the origin of arrays that come from no file

Arrays = tuple[np.ndarray, np.ndarray | None]  # images, and labels if there are any


def open_npz(path: Path, name: str | None) -> Source:
    """Returns the images of an .npz, with its test images and labels if it has them.

    Raises:
        UserError: it is damaged, or holds no uint8 images under a known name.
    """
    (images, labels), tested = _keys(path)
    others = [path.with_name(path.name.replace(*change)) for change in (
        ("train-imgs", "train-labels"), ("train-imgs", "test-imgs"), ("train-imgs", "test-labels"))]
    if path.name.endswith("train-imgs.npz") and others[0].is_file():  # KMNIST's files hold one array each
        train = source(name, path.name, (path, others[0]), lambda: (_load(path, images), _load(others[0], "arr_0")))
        if not all(file.is_file() for file in others[1:]):
            return train
        return with_test(train, source(name, others[1].name, (others[1], others[2]),
                                       lambda: (_load(others[1], "arr_0"), _load(others[2], "arr_0"))))

    def part(images: str, labels: str | None) -> Source:
        return source(name, f"{path.name}, {images}", (path,),
                      lambda: (_load(path, images), None if labels is None else _load(path, labels)))

    train = part(images, labels)
    return train if tested is None else with_test(train, part(*tested))


def open_npy(path: Path, name: str | None) -> Source:
    """Returns the images of an .npy, as `kgan generate --out=x.npy` writes it. Raises as `open_npz`."""
    def read() -> Arrays:
        with damage(path):
            return np.load(path, mmap_mode="r", allow_pickle=False), None

    return source(name, path.name, (path,), read)


def in_memory(images: np.ndarray, labels: Any = None, test: tuple[np.ndarray, Any] | None = None) -> Source:
    """Returns uint8 images, (n, H, W) or (n, H, W, C), and their labels as a source; `test` images, too, if given.

    Raises:
        UserError: they are of another type or shape, or the labels are not one for each image.
    """
    told = None if labels is None else np.asarray(labels)
    train = source(None, IN_MEMORY, (), lambda: (images, told))
    return train if test is None else with_test(train, in_memory(*test))


def read_npz(path: Path) -> np.ndarray:
    """Returns the images in an .npz, under the first known name, as they are. Raises as `open_npz`."""
    return _load(path, _keys(path)[0][0])


def _keys(path: Path) -> tuple[tuple[str, str | None], tuple[str, str | None] | None]:
    """Returns under which names an .npz has images and labels, and the test images and labels; None what it lacks."""
    with damage(path), np.load(path, allow_pickle=False) as archive:
        names = set(archive.files)
    for train, test in KEYS:
        if train[0] in names:
            parts = [(images, labels if labels in names else None) for images, labels in filter(None, (train, test))]
            return parts[0], parts[1] if len(parts) > 1 and parts[1][0] in names else None
    held = ", ".join(sorted(names)) or "nothing"
    if {"mu", "sigma"} <= names:
        raise UserError(f"{str(path)!r} holds {held}: statistics of features, as FID's programs keep them, and no "
                        "images; give the images.")
    raise UserError(f"{str(path)!r} holds {held}; kgan reads x_train (with y_train, x_test, y_test), images (with "
                    "labels), train_images (with train_labels, test_images, test_labels) or arr_0 (with arr_1).")


def _load(path: Path, key: str) -> np.ndarray:
    with damage(path), np.load(path, allow_pickle=False) as archive:
        return archive[key]


def with_test(train: Source, test: Source) -> Source:
    """Returns a source with its own test split, of which no tenth is held out."""
    return dataclasses.replace(train, test=dataclasses.replace(test, held_out=False), held_out=False)


def source(name: str | None, origin: str, paths: tuple[Path | None, ...], read: Callable[[], Arrays], key: str = "",
           notes: tuple[str, ...] = ()) -> Source:
    """Returns a source over arrays, checked now.

    Args:
        name: of the data set.
        origin: in words.
        paths: files that hold them; none for arrays in memory.
        read: returns them.
        key: of what was done to them, for the content's hash; "" for nothing.
        notes: as a source's.

    Raises:
        UserError: images aren't uint8 of a known shape, or labels aren't one for each.
    """
    images, labels = read()
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3, 4) or 0 in images.shape:
        raise UserError(f"{origin} holds {images.dtype} of shape {[*images.shape]}; give uint8 images, (n, H, W) or "
                        "(n, H, W, 3 or 4).")
    classes = None if labels is None else _classes(labels, len(images), origin)

    def items() -> Iterator[Item]:
        for number, image in enumerate(images):
            pixels = Image.fromarray(np.ascontiguousarray(image.squeeze(-1) if image.shape[-1] == 1 else image))
            yield Item(f"image {number}", functools.partial(Sample, pixels,
                                                            None if classes is None else int(classes[number])))

    def content() -> str:
        if not paths:
            return f"{origin} {fingerprint(images, classes)}"
        files = {path.name: os.path.abspath(path) for path in paths if path is not None}
        return f"{origin} {f'({key}) ' if key else ''}{content_hash(files)}"

    return Source(name, origin, len(images), content, items, held_out=True, notes=notes)


def _classes(labels: np.ndarray, count: int, origin: str) -> np.ndarray:
    """Returns labels, whole numbers or one-hot, as int64 (count,)."""
    rows = labels.ndim == 2 and labels.shape[1] > 1 and len(labels) == count and labels.dtype.kind in "biuf"
    if rows and np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all():
        return labels.argmax(axis=1)
    if labels.size != count or labels.dtype.kind not in "iu":
        raise UserError(f"{origin} has {count:,} images and {labels.size:,} labels of type {labels.dtype}; give "
                        "a whole number for each.")
    return labels.ravel().astype(np.int64)


@contextlib.contextmanager
def damage(path: Path) -> Iterator[None]:
    """Raises UserError in place of whatever a damaged file makes its readers raise."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # zip, gzip and NumPy's headers raise nearly anything
        raise UserError(f"{str(path)!r} can't be read ({reason(error)}); get it anew.") from error


def reason(error: Exception) -> str:
    """Returns in a few words why a file of arrays can't be read."""
    text = errors.reason(error)
    if "allow_pickle" in text or "Python objects" in text:  # NumPy's advice would run a stranger's program
        return "it isn't in NumPy's format, or holds Python objects and no numbers"
    return text
