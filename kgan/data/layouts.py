"""Which pictures are trained on, and of which class each is, by the folders that they lie in.

Known layouts, at the first level at which folders lie side by side:

    cat/ dog/                   classes; the few pictures beside them are left out
    train/ test/ (val/)         splits, with classes below them or without
    00000/ 00001/               parts of one set, as StyleGAN's tools and FFHQ have them: no classes
    dataset.json                labels, as StyleGAN's tools write them; the folders are no classes then
"""

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kgan.data import classes
from kgan.runtime.errors import UserError

LABELS = "dataset.json"
SPLIT = re.compile(r"(?:(train|test)(?:ing)?|(val)(?:id(?:ation)?)?)(?:[ _-]?(?:set|images|data))?\d?", re.IGNORECASE)
UNSAFE = re.compile(r"^[/\\]|(^|[/\\])\.\.([/\\]|$)|^[A-Za-z]:")  # a member that would be unpacked elsewhere
NAMED = 3  # pictures or folders that a note names

Pair = tuple[str, Any]  # a picture's path, with "/" between folders, and what its bytes are read from


class Part(NamedTuple):
    """The pictures of a split, and the labels of those that have one, by path."""

    pairs: list[Pair]
    labels: dict[str, int]


class Layout(NamedTuple):
    """What was found."""

    train: Part
    test: Part | None
    label_names: dict[int, str]
    notes: tuple[str, ...]  # sentences for the screen
    key: str  # of how the pictures were read; "" where every version of kgan reads them so


class _Tree(NamedTuple):
    """Pictures below folders that lie side by side at `depth`, by the name of that folder; and those beside them."""

    depth: int
    below: dict[str, list[Pair]]
    beside: list[Pair]


class _Found(NamedTuple):
    """A part whose classes are still names, or labels of dataset.json."""

    pairs: list[Pair]
    folders: dict[str, str]
    labels: dict[str, int]
    notes: list[str]
    keys: list[str]


def find(pairs: list[Pair], listed: Mapping[str, int] | None) -> Layout:
    """Finds splits and classes of pictures.

    Args:
        pairs: the pictures.
        listed: labels by path, of `read_labels`; None: there is no dataset.json.

    Raises:
        UserError: there are splits, and none to train on.
    """
    tree = _tree(pairs)
    splits = {name: (match[1] or match[2]).lower() for name in sorted(tree.below) if (match := SPLIT.fullmatch(name))}
    there = set(splits.values())
    if there == {"test", "val"} and len(splits) == len(tree.below):
        raise UserError(f"the folders {_some(splits)} are splits, and none of them is train; name one so, or give the "
                        "path of the one to train on.")
    if len(there) < 2 or "train" not in there:
        found = _classes(pairs, tree, listed)
        (labels,), label_names, numbered = _numbers([found])
        return Layout(Part(found.pairs, labels), None, label_names, tuple(found.notes),
                      ", ".join([*found.keys, *numbered]))
    return _split(pairs, tree, splits, "test" if "test" in there else "val", listed)


def _split(pairs: list[Pair], tree: _Tree, splits: dict[str, str], tested: str,
           listed: Mapping[str, int] | None) -> Layout:
    """Returns the split train and, as its test split, `tested`; `splits` are those of the folders in `tree`."""
    def part(split: str) -> _Found:
        inside = [pair for name, of in splits.items() if of == split for pair in tree.below[name]]
        if split == "train":
            inside += [pair for pair in pairs if UNSAFE.search(pair[0])]  # so that they are named as bad
        return _classes(inside, _tree(inside, tree.depth + 1), listed)

    def called(split: str) -> str:
        return ", ".join(f"{name}/" for name, of in splits.items() if of == split)

    train, test = part("train"), part(tested)
    labels, label_names, numbered = _numbers([train, test])
    note = (f"{called('train')} is trained on ({_count(len(train.pairs))}), {called(tested)} is the test split "
            f"({_count(len(test.pairs))})")
    note += "".join(f", {name}/ is left out ({_count(len(inside))})" for name, inside in sorted(tree.below.items())
                    if splits.get(name) not in ("train", tested))
    note += f", and left out beside them: {_some(path for path, _ in tree.beside)}" if tree.beside else ""
    return Layout(Part(train.pairs, labels[0]), Part(test.pairs, labels[1]), label_names,
                  tuple(dict.fromkeys([note, *train.notes, *test.notes])),
                  ", ".join(dict.fromkeys(["splits", *train.keys, *test.keys, *numbered])))


def read_labels(path: str, content: bytes) -> dict[str, int] | None:
    """Returns the labels, by the pictures' paths, of a dataset.json as StyleGAN's tools write it; one-hot ones too.

    Empty where its labels are null, or several for a picture; None where it is a file of another kind.

    Args:
        path: where the file lies, beside the pictures' folders.
        content: of the file.

    Raises:
        UserError: it is damaged.
    """
    try:
        labels = json.loads(content)["labels"]
    except (KeyError, TypeError):
        return None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}); get it anew, or remove it.") from error
    if labels is None:
        return {}
    folder = path[:-len(LABELS)]
    try:
        numbers = {folder + name.replace("\\", "/"): _number(label) for name, label in labels}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged: its labels are no list of [\"picture's path\", class number].") from error
    return {} if None in numbers.values() else {name: int(number or 0) for name, number in numbers.items()}


def _number(label: Any) -> int | None:
    """Returns the class number of a label, a whole number or one-hot; None where it is several values."""
    if isinstance(label, list):
        return label.index(1) if sorted(label) == [0] * (len(label) - 1) + [1] else None
    if not isinstance(label, int) or isinstance(label, bool) or not 0 <= label < 2**31:
        raise ValueError
    return label


def _tree(pairs: list[Pair], depth: int = 0) -> _Tree:
    """Goes down from `depth`, as long as there is only one folder."""
    inside = [(path.split("/"), (path, place)) for path, place in pairs if not UNSAFE.search(path)]
    beside: list[Pair] = []
    while True:
        beside += [pair for names, pair in inside if len(names) == depth + 1]
        inside = [(names, pair) for names, pair in inside if len(names) > depth + 1]
        below: dict[str, list[Pair]] = {}
        for names, pair in inside:
            below.setdefault(names[depth], []).append(pair)
        if len(below) != 1:
            return _Tree(depth, below, beside)
        depth += 1


def _classes(pairs: list[Pair], tree: _Tree, listed: Mapping[str, int] | None) -> _Found:
    """Finds the classes of a part: those of dataset.json, else the folders of `tree`."""
    names = classes.in_order([*tree.below])
    if listed and any(path in listed for path, _ in pairs):
        lacking = [path for path, _ in pairs if path not in listed and not UNSAFE.search(path)]
        if lacking:
            return _Found(pairs, {}, {}, [f"{LABELS} has no label for {_count(len(lacking))} ({_some(lacking)}), so "
                                          "there are no classes"], [LABELS])
        labels = {path: listed[path] for path, _ in pairs if path in listed}
        return _Found(pairs, {}, labels, [f"the classes are those of {LABELS}, not the folders"], [LABELS])
    if not names:
        return _Found(pairs, {}, {}, [], [])
    if _are_parts(names, listed is not None):
        return _Found(pairs, {}, {}, [f"the folders {_some(names)} are numbered parts of one set, not classes"],
                      ["parts"])
    beside = [path for path, _ in tree.beside]
    if len(beside) * len(names) >= sum(map(len, tree.below.values())):
        return _Found(pairs, {}, {}, [f"{_count(len(beside))} lie beside the folders {_some(names)}, so these are not "
                                      "taken for classes"], [])
    folders = {path: name for name, inside in tree.below.items() for path, _ in inside}
    if not beside:
        return _Found(pairs, folders, {}, [], [])
    left = set(beside)
    note = (f"{_count(len(beside))} beside the class folders {'is' if len(beside) == 1 else 'are'} left out: "
            f"{_some(beside)}")
    return _Found([pair for pair in pairs if pair[0] not in left], folders, {}, [note], ["pictures beside left out"])


def _are_parts(names: list[str], described: bool) -> bool:
    """Tells whether folders, in order, are parts of a set: long numbers, one after the other or thousands."""
    if not all(name.isdecimal() and len(name) == len(names[0]) for name in names):
        return False
    numbers = [int(name) for name in names]
    in_steps = (all(after - before == 1 for before, after in itertools.pairwise(numbers))
                or all(number % 1000 == 0 for number in numbers))
    return in_steps and (described or len(names[0]) >= 5)


def _numbers(parts: list[_Found]) -> tuple[list[dict[str, int]], dict[int, str], list[str]]:
    """Numbers the classes of all parts alike: those of the first in order, then what only the others have."""
    ordered: list[str] = []
    for part in parts:
        ordered += [name for name in classes.in_order([*part.folders.values()]) if name not in ordered]
    numbers = {name: number for number, name in enumerate(ordered)}
    if any(part.labels for part in parts):  # of dataset.json, whose numbers are not those of folders
        return [part.labels for part in parts], {}, []
    labels = [{path: numbers[name] for path, name in part.folders.items()} for part in parts]
    return labels, dict(enumerate(ordered)), [] if ordered == sorted(ordered) else ["numbers in order"]


def _count(number: int) -> str:
    return "1 picture" if number == 1 else f"{number:,} pictures"


def _some(names: Iterable[str]) -> str:
    names = [*names]
    return ", ".join([*names[:NAMED], *(["…"] if len(names) > NAMED else [])])
