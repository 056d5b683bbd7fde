"""Preparation: every picture of a source is decoded once, to uint8 pixels of one shape, and kept.

The cache's place is `content.cache_directory()`. In it, `prepared/NAME-KEY/` holds `train.bin` (the pixels of one
picture after another), `train_labels.npy` (where there are labels) and `meta.json`; and `test.bin`, `test_labels.npy`
where a tenth is held out. KEY hashes content and settings. The directory appears by one rename, so it is whole or not
there.
"""

import functools
import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging
from filelock import FileLock

from kgan.data import classes, pictures
from kgan.data.hashing import cache_directory, fingerprint
from kgan.data.source_types import BadPictureError, Item, Source
from kgan.runtime import files, machine, screen
from kgan.runtime.errors import UserError

PREPARATION = 2  # raised whenever the same content and settings would give other pixels
CHUNK = 512  # pictures handed to the threads at a time
LARGE = 2**28  # bytes of pixels from which they are mapped, not read
HELD_OUT_FROM = 100  # pictures; of fewer, none is held out
NAMED = 10  # bad pictures that the sentence names


class Prepared(NamedTuple):
    """Images at rest: uint8, (n, H, W, C), memory-mapped where they are many; labels, int64 (n,), or None."""

    images: np.ndarray
    labels: np.ndarray | None
    sha256: str  # of shape and pixels
    bad: list[list[str]]  # name and reason of each picture that was left out
    class_names: tuple[str, ...] | None = None  # in the order of class numbers; None: no labels, or too many for names

    @property
    def labelled_sha256(self) -> str:
        """Hash of pixels and labels: the key of what depends on both."""
        labels = b"" if self.labels is None else self.labels.tobytes()
        return hashlib.sha256(self.sha256.encode() + labels).hexdigest()


def prepare(source: Source, *, image_size: int, channels: int, crop: int | None = None, skip_bad: bool = False,
            height: int | None = None, width: int | None = None) -> Prepared:
    """Returns the source's training images in one shape, from the cache where they are in it.

    Args:
        source: what `sources.locate` found.
        image_size: height and width.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        crop: see `pictures.fit`.
        skip_bad: leave out what can't be read.
        height: in place of `image_size`; None: that.
        width: likewise.

    Raises:
        UserError: the source can't be read, or pictures in it can't and skip_bad is False, or none can.
        UnavailableError: a download failed.
        OSError: the cache can't be written.
    """
    for note in source.notes:
        logging.info("Data: %s.", note)
    return _prepare("train", source, (height or image_size, width or image_size, channels), crop, skip_bad)


def prepare_test(source: Source, *, image_size: int, channels: int, crop: int | None = None, skip_bad: bool = False,
                 height: int | None = None, width: int | None = None) -> Prepared:
    """Returns images that are never trained on: the source's test split or, where it has none, the held-out tenth.

    Which pictures are held out depends on their prepared pixels alone; a tenth never takes the last one of a class.
    Of a test split the images of classes that training images don't have are left out: so that one numbering of the
    classes holds everywhere. Arguments and errors are those of `prepare`.

    Raises:
        UserError: there are too few pictures to hold any out, or none that training images have the class of.
    """
    shape = (height or image_size, width or image_size, channels)
    if source.test is None:
        return _prepare("test", source, shape, crop, skip_bad)
    train = _prepare("train", source, shape, crop, skip_bad)
    return _known(train, _prepare("train", source.test, shape, crop, skip_bad), source.test.origin)


def _known(train: Prepared, test: Prepared, origin: str) -> Prepared:
    """Returns the test images of classes that training images have, under the names of these."""
    if train.labels is None or test.labels is None or not classes.are_classes(train.labels):
        return test
    known = np.isin(test.labels, train.labels)
    if not known.any():
        raise UserError(f"{origin} holds no image of a class that the training images have; give a test split of the "
                        "same classes.")
    if not known.all():
        _say(f"{origin}: {np.count_nonzero(~known):,} of {len(known):,} test images are of classes that no training "
             "image has, and are left out.")
        images = np.asarray(test.images)[known]
        test = test._replace(images=images, labels=test.labels[known], sha256=fingerprint(images))
    return test._replace(class_names=train.class_names)


@functools.cache
def _say(sentence: str) -> None:
    """Says it once: test images are asked for several times."""
    logging.info("%s", sentence)


def _prepare(part: str, source: Source, shape: tuple[int, int, int], crop: int | None, skip_bad: bool) -> Prepared:
    source.fetch()
    height, width, channels = shape
    sides = height if height == width else [height, width]
    settings = [PREPARATION, source.content(), sides, channels, crop, source.held_out]
    key = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
    directory = cache_directory() / "prepared" / f"{source.name or 'own'}-{height}x{width}x{channels}-{key}"
    try:
        parts = _open(directory, shape, source)
        if parts is None:
            directory.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{directory}.lock"):
                if _open(directory, shape, source) is None:  # and no other process has made it meanwhile
                    _write(directory, source, shape, crop)
                parts = _open(directory, shape, source) or {}
    except OSError as error:
        raise OSError(f"the cache {directory} can't be written ({error.strerror or error}); make room, or point "
                      "KGAN_CACHE_DIR at another place.") from error
    if part not in parts:
        why = (f"a tenth is held out of {HELD_OUT_FROM} pictures or more" if source.count < HELD_OUT_FROM else
               f"a picture's pixels decide whether it is held out, and those of its {source.count:,} pictures, hardly "
               "any different, decide for none; add others")
        raise UserError(f"{source.origin} holds no test images: {why}.")
    _report(sum(len(prepared.images) for prepared in parts.values()), parts[part].bad, source, directory, skip_bad)
    return parts[part]


def class_numbers(train: Prepared, test: Prepared) -> tuple[np.ndarray, np.ndarray] | None:
    """Numbers the classes of two label arrays from 0, in the order of their labels.

    None where there are no labels, one class, or fewer than `classes.FEW` training images a class: then they are
    identifiers. Test images that `prepare_test` gave have no other classes, so these are the numbers in training, too.
    """
    if train.labels is None or test.labels is None:
        return None
    known, numbers = np.unique(np.concatenate([train.labels, test.labels]), return_inverse=True)
    if len(known) < 2 or len(train.labels) < classes.FEW * len(known):
        return None
    return numbers[:len(train.labels)], numbers[len(train.labels):]


def _open(directory: Path, shape: tuple[int, int, int], source: Source) -> dict[str, Prepared] | None:
    """Opens the parts of a prepared directory; None where it isn't there, or isn't what would be written."""
    try:
        meta = json.loads((directory / "meta.json").read_text(encoding="utf-8"))
        parts = {}
        for part, facts in meta["parts"].items():
            whole = (facts["count"], *shape)
            if (directory / f"{part}.bin").stat().st_size != np.prod(whole, dtype=object):
                return None
            mapped = np.memmap(directory / f"{part}.bin", np.uint8, "r", shape=whole)
            labels = np.load(directory / f"{part}_labels.npy", allow_pickle=False) if meta["labels"] else None
            if labels is not None and (labels.shape != whole[:1] or labels.dtype != np.int64):
                return None
            parts[part] = Prepared(mapped if mapped.nbytes > LARGE else np.array(mapped), labels, facts["sha256"],
                                   meta["bad"])
        labels = [part.labels for part in parts.values() if part.labels is not None]
        if len(labels) == 2 and _taken(*labels):
            return None  # an older kgan's
        names = meta.get("class_names") and tuple(map(str, meta["class_names"]))
        if labels and "class_names" not in meta:  # an older kgan kept none
            names = classes.names_of(np.concatenate(labels), source.label_names())
        return {name: part._replace(class_names=names) for name, part in parts.items()}
    except (FileNotFoundError, NotADirectoryError, EOFError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _taken(train: np.ndarray, test: np.ndarray) -> set[int]:
    """Returns the classes of which all images were held out."""
    if not classes.are_classes(np.concatenate([train, test])):
        return set()
    return set(test.tolist()) - set(train.tolist())


def _held_out(pixels: bytes) -> bool:
    """Picks a tenth of all pictures by their content, so that copies of one are on the same side."""
    return int.from_bytes(hashlib.sha256(pixels).digest()[:8]) % 10 == 0


def _write(directory: Path, source: Source, shape: tuple[int, int, int], crop: int | None) -> None:
    """Prepares the source under a temporary name and renames. The caller holds the lock."""
    files.sweep(directory.parent, directory.name)
    splits = source.held_out and source.count >= HELD_OUT_FROM
    labels: dict[str, list[int | None]] = {"train": [], "test": []}
    bad: list[tuple[str, str]] = []
    notes: Counter[str] = Counter()
    with files.committing(directory) as temporary:
        with ((temporary / "train.bin").open("wb") as train, (temporary / "test.bin").open("wb") as test,
              warnings.catch_warnings()):
            warnings.simplefilter("ignore")  # Pillow's, of odd metadata
            for name, result in _decode(source, shape, crop):
                if isinstance(result, str):
                    bad.append((name, result))
                    continue
                image, label, conversions = result
                part, file = ("test", test) if splits and _held_out(image) else ("train", train)
                file.write(image)
                labels[part].append(label)
                notes.update(conversions)
        if not labels["train"] + labels["test"]:
            raise UserError(f"none of the {len(bad):,} pictures in {source.origin} can be used: {_named(bad)}.")
        _give_back(temporary, labels, shape)
        every = labels["train"] + labels["test"]
        labelled = None not in every
        if not labelled and (without := every.count(None)) < len(every):
            logging.warning("%s of %s pictures have no label, so no class is told of any; give these labels, or leave "
                            "them out.", f"{without:,}", f"{len(every):,}")
        names = classes.names_of(np.array(labels["train"] + labels["test"]), source.label_names()) if labelled else None
        counts: dict[str, dict[str, Any]] = {}
        meta = {"parts": counts, "labels": labelled, "class_names": names, "bad": bad, "converted": notes,
                "origin": source.origin}
        for part, its_labels in labels.items():
            if its_labels:
                if labelled:
                    np.save(temporary / f"{part}_labels.npy", np.array(its_labels, np.int64))
                written = np.memmap(temporary / f"{part}.bin", np.uint8, "r", shape=(len(its_labels), *shape))
                counts[part] = {"count": len(its_labels), "sha256": fingerprint(written)}
                del written  # Windows renames no directory of which a file is open
        (temporary / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
    for note, count in sorted(notes.items()):
        logging.info("Converted: %s × %s", f"{count:,}", note)


def _give_back(directory: Path, labels: dict[str, list[Any]], shape: tuple[int, int, int]) -> None:
    """Moves a held-out picture, and its copies, of each class, or of a set, that has no other to those trained on."""
    train, test = labels["train"], labels["test"]
    taken = set() if None in train + test else _taken(np.array(train, np.int64), np.array(test, np.int64))
    firsts = [test.index(label) for label in sorted(taken)] or ([] if train else [0])
    if not firsts:
        return
    held_out = np.fromfile(directory / "test.bin", np.uint8).reshape(len(test), *shape)
    back = np.any([(held_out == held_out[first]).all(axis=(1, 2, 3)) for first in firsts], axis=0)
    with (directory / "train.bin").open("ab") as file:
        file.write(held_out[back].tobytes())
    (directory / "test.bin").write_bytes(held_out[~back].tobytes())
    labels["train"] = train + [label for label, moved in zip(test, back, strict=True) if moved]
    labels["test"] = [label for label, moved in zip(test, back, strict=True) if not moved]


def _decode(source: Source, shape: tuple[int, int, int], crop: int | None) -> Iterator[tuple[str, Any]]:
    """Yields name and (bytes, label, conversions), or name and reason, of every picture, in order."""
    def decode(item: Item) -> tuple[str, Any]:
        try:
            sample = item.read()
            mode, channels = sample.picture.mode, shape[2]
            notes = sample.notes + (("colour to grey",) if channels == 1 and mode in ("RGB", "RGBA") else ())
            notes += ("alpha over white",) if channels < 4 and mode in ("LA", "RGBA") else ()
            pixels = pictures.fit(sample.picture, shape, crop)
        except BadPictureError as error:
            return item.name, str(error)
        return item.name, (pixels.tobytes(), sample.label, notes)

    items = source.items()
    # Threads, not processes: Pillow decodes and resizes outside the interpreter's lock.
    with (ThreadPoolExecutor(machine.threads()) as pool,
          screen.bar(total=source.count, desc="Preparing", unit=" images") as bar):
        try:
            while chunk := list(islice(items, CHUNK)):
                yield from pool.map(decode, chunk)
                bar.update(len(chunk))
        except OSError as error:  # of the source; what goes wrong with the cache is raised outside
            raise UserError(f"{source.origin} can't be read to its end ({error.strerror or error}); bring it back, "
                            "and try again.") from error


def _report(good: int, bad: list[list[str]], source: Source, directory: Path, skip_bad: bool) -> None:
    if not bad:
        return
    sentence = f"{len(bad):,} of {good + len(bad):,} pictures in {source.origin} can't be used: {_named(bad)}"
    if len(bad) > NAMED:
        sentence += f" (all of them in {directory / 'meta.json'})"
    if not skip_bad:
        raise UserError(f"{sentence}; mend or remove them, or leave them out by --skip_bad.")
    logging.info("Left out: %s.", sentence)


def _named(bad: list) -> str:
    shown = "; ".join(f"{name} ({reason})" for name, reason in bad[:NAMED])
    return shown + (f"; and {len(bad) - NAMED:,} more" if len(bad) > NAMED else "")
