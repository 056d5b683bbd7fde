"""Parquet as Hugging Face's data sets come in: a row for each picture, whose file is a column's bytes.

    train-00000-of-00002.parquet train-00001-of-00002.parquet test-00000-of-00001.parquet   splits, by files' names
    train/0000.parquet test/0000.parquet                                                    splits, by folders

A column of pictures is binary, or a struct with a field `bytes` that is; the classes are a column of whole numbers,
whose names stand in the schema's metadata, or of their names. What is read at a time is a few hundred rows, so memory
stays small.
"""

import contextlib
import functools
import itertools
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kgan.data import arrays, classes, hashing, pictures
from kgan.data.layouts import Pair
from kgan.data.source_types import BadPictureError, Item, Sample, Source
from kgan.runtime.errors import UserError

SUFFIX = ".parquet"
SPLIT = re.compile(r"(?:^|/)(?:(?P<train>train)|(?P<test>test)|(?P<val>val(?:id(?:ation)?)?|dev|eval))"
                   r"(?:-\d+-of-\d+(?:-\w+)?\.parquet|\.parquet|/[^/]*)$", re.IGNORECASE)
LABELS = ("label", "labels", "class", "target", "fine_label")  # names of a column of classes that says nothing of them
ROWS = 256  # that are read at a time


class _Columns(NamedTuple):
    """What is read of each row."""

    image: str
    label: str | None
    names: dict[int, str]  # of classes
    notes: tuple[str, ...]
    words: bool = False  # the labels are the classes' names


def is_set(paths: Sequence[str]) -> bool:
    """Tells whether a folder's files, by their paths in it, are a data set's: one of them is called as a split is."""
    return any(path.lower().endswith(SUFFIX) and SPLIT.search(path) for path in paths)


def open_files(pairs: Sequence[Pair], origin: Path, name: str | None = None, plain: bool = False,
               labelled: bool = True) -> Source:
    """Returns the pictures in Parquet files, with their test split if they have one.

    Args:
        pairs: the files: path in the folder, and absolute path.
        origin: what the user gave.
        name: the data set of which this is the user's copy; None for images of their own.
        plain: take all files, without splits.
        labelled: find classes.

    Raises:
        UserError: pyarrow isn't installed, a file is damaged, there is no column of pictures or more than one, or there
            are splits and none to train on, or files of several sets.
    """
    parts, notes = ({"": [*pairs]}, ()) if plain else _splits(pairs, origin)
    train = parts.get("train", parts.get(""))
    assert train is not None
    columns = _columns(train[0])
    if not labelled:
        columns = columns._replace(label=None, names={}, notes=(), words=False)
    wanted = {columns.image, columns.label or columns.image}
    for path, place in (pair for files in parts.values() for pair in files):
        if absent := sorted(wanted - {*_schema(place).names}):
            raise UserError(f"{path!r} has no column {absent[0]!r}, as {train[0][0]!r} has; keep the files of one set.")
    if columns.words:
        columns = columns._replace(names=dict(enumerate(_words([*itertools.chain(*parts.values())], columns))))

    def source(split: str, files: list[Pair]) -> Source:
        content = f"{split} parquet {columns.image} {columns.label}".strip()
        return Source(name, f"{origin.name}{split and f', {split} split'}", sum(map(_count, files)),
                      lambda: f"{content} {hashing.content_hash(dict(files))}", lambda: _items(files, columns),
                      held_out=not split, label_names=lambda: columns.names,
                      notes=(*notes, *columns.notes) if split != "test" else ())

    tested = parts.get("test", parts.get("val"))
    if "" in parts or tested is None:
        return source("", train)
    return arrays.with_test(source("train", train), source("test", tested))


def _splits(pairs: Sequence[Pair], origin: Path) -> tuple[dict[str, list[Pair]], tuple[str, ...]]:
    """Returns the files of each split, train, test and val, or all under ""; and sentences about what was found."""
    parts: dict[str, list[Pair]] = {}
    sets, left = set(), []
    for path, place in pairs:
        found = SPLIT.search(path)
        if found is None:
            left.append((path, place))
            continue
        sets.add(path[:found.start()])
        parts.setdefault(next(split for split in ("train", "test", "val") if found[split]), []).append((path, place))
    if not parts:
        return {"": [*pairs]}, ()
    if len(sets) > 1:
        raise UserError(f"data={str(origin)!r} holds Parquet files of several sets ({', '.join(sorted(sets))}); give "
                        "the path of one of them.")
    if "train" not in parts:
        raise UserError(f"data={str(origin)!r} holds the splits {' and '.join(parts)}, and none of them is train; give "
                        "the path of the file to train on.")
    unused = [*left, *(parts["val"] if "test" in parts and "val" in parts else [])]
    note = (f"{_named(unused)} {'is' if len(unused) == 1 else 'are'} left out",) if unused else ()
    return parts, note


def _named(pairs: Sequence[Pair]) -> str:
    return ", ".join([path for path, _ in pairs[:3]] + ["…"] * (len(pairs) > 3))


@contextlib.contextmanager
def _opened(place: str) -> Iterator[Any]:
    """Yields a pyarrow.parquet.ParquetFile, which reads as it goes.

    Raises:
        UserError: there is no pyarrow, or the file is damaged, also where its reading raises what pyarrow does then.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UserError(f"{os.path.basename(place)!r} is Parquet, which is read by pyarrow, and that can't be imported "
                        f"here ({error}); pip install pyarrow.") from error
    with arrays.damage(Path(place)), parquet.ParquetFile(place, buffer_size=2**20, pre_buffer=False) as file:
        yield file


def _count(pair: Pair) -> int:
    with _opened(pair[1]) as file:
        return file.metadata.num_rows


def _schema(place: str) -> Any:
    with _opened(place) as file:
        return file.schema_arrow


def _words(files: Sequence[Pair], columns: _Columns) -> list[str]:
    """Returns the classes' names that stand in a column of texts, in the order of their numbers."""
    found: set[str] = set()
    for _, place in files:
        with _opened(place) as file:
            for batch in file.iter_batches(columns=[columns.label], use_threads=False):
                found.update(batch.column(0).to_pylist())
    return classes.in_order([word for word in found if word is not None])


def _columns(pair: Pair) -> _Columns:
    """Finds the columns of pictures and of classes, by their types and by what Hugging Face's metadata say."""
    schema = _schema(pair[1])
    import pyarrow

    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        kinds = {column: feature["_type"] for column, feature in features.items() if "_type" in feature}
    except (ValueError, KeyError, TypeError, AttributeError):  # there are none, or of another form
        features, kinds = {}, {}

    def is_binary(kind: Any) -> bool:
        return pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)

    images = [field.name for field in schema if is_binary(field.type) or (
        pyarrow.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
        and is_binary(field.type.field("bytes").type))]
    images = [column for column in images if kinds.get(column) == "Image"] or images
    if len(images) != 1:
        what = f"several columns of pictures ({', '.join(images)})" if images else "no column of pictures"
        held = ", ".join(f"{field.name}: {field.type}"[:60] for field in schema)
        raise UserError(f"{pair[1]!r} has {what}, among {held}; kgan reads one column whose rows are the bytes of "
                        "picture files, so keep one, or write its pictures into class folders.")
    integers = [field.name for field in schema if pyarrow.types.is_integer(field.type)]
    told = [column for column in integers if kinds.get(column) == "ClassLabel"]
    label = next((column for column in LABELS if column in (told or integers)), told[0] if told else None)
    others = [column for column in told if column != label]
    notes = (f"the classes are those of the column {label}, not of {', '.join(others)}",) if others else ()
    names = features[label].get("names") if label in kinds and kinds[label] == "ClassLabel" else None
    if label is None and (called := next((column for column in LABELS if column in schema.names), None)):
        kind = schema.field(called).type
        text = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
        if pyarrow.types.is_string(text) or pyarrow.types.is_large_string(text):
            return _Columns(images[0], called, {}, notes, words=True)
        notes = (*notes, f"the column {called} is not read, as it holds {kind}: classes are whole numbers or names")
    return _Columns(images[0], label, dict(enumerate(map(str, names or ()))), notes)


def _items(files: Sequence[Pair], columns: _Columns) -> Iterator[Item]:
    wanted = [columns.image, *([columns.label] if columns.label else [])]
    numbers: dict[Any, int] = {name: number for number, name in columns.names.items()}
    for path, place in files:
        row = 0
        with _opened(place) as file:
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(ROWS, row_groups=[group], columns=wanted, use_threads=False):
                    labels = batch.column(columns.label).to_pylist() if columns.label else [None] * len(batch)
                    labels = [numbers.get(label) for label in labels] if columns.words else labels
                    for picture, label in zip(batch.column(columns.image).to_pylist(), labels, strict=True):
                        yield Item(f"{path}, row {row}", functools.partial(_sample, picture, label))
                        row += 1


def _sample(picture: Any, label: int | None) -> Sample:
    if isinstance(picture, dict):
        if picture["bytes"] is None and picture.get("path"):
            raise BadPictureError("only a path, and no bytes")
        picture = picture["bytes"]
    if picture is None:
        raise BadPictureError("no picture in its row")
    return pictures.decode(picture, None if label is None or label < 0 else label)  # -1: Hugging Face's for "none"
