"""Which pictures are trained on, and of which class each is, by the folders that they lie in.

Known layouts, at the first level at which folders lie side by side:

    cat/ dog/                   classes; the few pictures beside them are left out
    train/ test/ (val/)         splits, with classes below them or without; also seg_train/, train2017/
    trainA/ trainB/ testA/      splits of several sets, which are the classes
    cat/train/ cat/test/        classes with splits below them
    train/cat/ unlabeled/       one split, with classes below it
    00000/ 00001/               parts of one set, as StyleGAN's tools and FFHQ have them: no classes
    dataset.json                labels, as StyleGAN's tools write them; the folders are no classes then
    images1024x1024/00000/ thumbnails128x128/00000/   the same pictures in several sizes: refused
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from kgan.data import classes
from kgan.runtime.errors import UserError

LABELS = "dataset.json"
SPLITS = ("train", "test", "val")
WORD = r"(?:(?P<train>train)(?:ing)?|(?P<test>test)(?:ing)?|(?P<val>val(?:id(?:at(?:e|ion))?)?|dev|eval(?:uation)?))"
SPLIT = re.compile(WORD + r"(?:[ _-]?(?:set|images?|imgs?|data))*[ _-]?\d*", re.IGNORECASE)  # of the only set
SET_SPLIT = re.compile(rf"(?:(.+)[ _-])?{WORD}\d*(?:[ _-](.+)|((?-i:[AB])))?", re.IGNORECASE)  # of one with a name
MAIN = ("", "images", "image", "imgs", "img")  # names of sets beside which others are their masks, or the like
ASIDE = re.compile(r"(?:unlabell?ed|unsup(?:ervised)?|extras?|others?|misc|pred(?:iction)?s?)\d*", re.IGNORECASE)
SIZE = re.compile(r"\d{3,} ?[x×] ?\d{3,}")  # of classes rather: bricks of 2x4
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


class _Piece(NamedTuple):
    """A folder that belongs to a split."""

    split: str  # train, test or val
    name: str
    pairs: list[Pair]
    kind: str  # the class of its pictures; "": those of the folders in it


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
        UserError: there are splits, and none to train on; or a set is there in several sizes.
    """
    tree = _tree(pairs)
    pieces = _pieces(tree)
    there = {piece.split for piece in pieces}
    if "train" in there:
        return _split(pairs, tree, pieces, "test" if "test" in there else "val" if "val" in there else "", listed)
    if there == {"test", "val"} and len(pieces) == len(tree.below):
        raise UserError(f"the folders {_some(piece.name for piece in pieces)} are splits, and none of them is train; "
                        "name one so, or give the path of the one to train on.")
    found = _classes(pairs, tree, listed)
    (labels,), label_names, numbered = _numbers([found])
    return Layout(Part(found.pairs, labels), None, label_names, tuple(found.notes), ", ".join([*found.keys, *numbered]))


def _pieces(tree: _Tree) -> list[_Piece]:
    """Returns the folders that are splits; those without one to train on may be classes."""
    words = {name: word for name in sorted(tree.below) if (word := _word(name))}
    of_set: dict[str, set[str]] = {}
    for split, name in words.values():
        of_set.setdefault(name, set()).add(split)
    several = [name for name, splits in of_set.items() if len(splits) > 1]
    sets = [name for name in several if "train" in of_set[name]] or several
    sets = [name for name in MAIN if name in sets][:1] or sets
    if sets:
        return [_Piece(split, name, tree.below[name], of if len(sets) > 1 else "")
                for name, (split, of) in words.items() if of in sets]
    trained = [_Piece("train", name, tree.below[name], "") for name, word in words.items() if word == ("train", "")]
    aside = {*tree.below} - {piece.name for piece in trained}
    if trained and aside and all(map(ASIDE.fullmatch, aside)):
        return trained if all(len(_below(piece.pairs, tree.depth + 1)) > 1 for piece in trained) else []
    return _inner_pieces(tree)


def _inner_pieces(tree: _Tree) -> list[_Piece]:
    """Returns the splits in folders of classes: all have one to train on, and at least one has another."""
    pieces = []
    for kind, pairs in sorted(tree.below.items()):
        inside = {name: below for name, below in sorted(_below(pairs, tree.depth + 1).items()) if SPLIT.fullmatch(name)}
        pieces += [_Piece(word[0], f"{kind}/{name}", below, kind) for name, below in inside.items()
                   if (word := _word(name))]
    trained = {piece.kind for piece in pieces if piece.split == "train"}
    return pieces if trained == {*tree.below} and {piece.split for piece in pieces} != {"train"} else []


def _word(folder: str) -> tuple[str, str] | None:
    """Returns the split that a folder's name tells of, and the set whose split it is; None where it tells of none."""
    alone = SPLIT.fullmatch(folder)
    if (match := alone or SET_SPLIT.fullmatch(folder)) is None:
        return None
    return next(name for name in SPLITS if match[name]), " ".join(filter(None, () if alone else match.group(1, 5, 6)))


def _split(pairs: list[Pair], tree: _Tree, pieces: list[_Piece], tested: str,
           listed: Mapping[str, int] | None) -> Layout:
    """Returns the split train and, as its test split, `tested`, if there is one."""
    def part(split: str) -> _Found:
        chosen = [piece for piece in pieces if piece.split == split]
        inside = [pair for piece in chosen for pair in piece.pairs]
        below = _tree(inside, tree.depth + 1)
        if any(piece.kind for piece in chosen):
            below = _Tree(tree.depth, {}, [])
            for piece in chosen:
                below.below.setdefault(piece.kind, []).extend(piece.pairs)
        if split == "train":
            inside += [pair for pair in pairs if UNSAFE.search(pair[0])]  # so that they are named as bad
        return _classes(inside, below, listed)

    def called(split: str) -> str:
        return _some(f"{piece.name}/" for piece in pieces if piece.split == split)

    def are(split: str) -> str:
        return "are" if sum(piece.split == split for piece in pieces) > 1 else "is"

    train = part("train")
    parts = [train, part(tested)] if tested else [train]
    labels, label_names, numbered = _numbers(parts)
    note = f"{called('train')} {are('train')} trained on ({_count(len(train.pairs))})"
    if tested:
        note += f", {called(tested)} {are(tested)} the test split ({_count(len(parts[1].pairs))})"
    used = [piece for piece in pieces if piece.split in ("train", tested)]
    note += "".join(f", {left}" for left in _left_out(tree, used))
    note += f", and left out beside them: {_some(path for path, _ in tree.beside)}" if tree.beside else ""
    kinds = classes.in_order([*{piece.kind for piece in pieces if piece.split == "train"} - {""}])
    named = [f"the classes are {_some(kinds)}, by the names of these folders"] if kinds else []
    return Layout(Part(train.pairs, labels[0]), Part(parts[1].pairs, labels[1]) if tested else None, label_names,
                  tuple(dict.fromkeys([note, *named, *(said for found in parts for said in found.notes)])),
                  ", ".join(dict.fromkeys([" ".join(["splits", *(piece.name for piece in used)]),
                                           *(key for found in parts for key in found.keys), *numbered])))


def _left_out(tree: _Tree, used: list[_Piece]) -> Iterator[str]:
    """Yields a few words for each folder in `tree` that holds pictures of no piece in use; of many, the first ones."""
    taken = {path for piece in used for path, _ in piece.pairs}
    levels = 1 + max(piece.name.count("/") for piece in used)
    left = Counter("/".join(path.split("/")[:-1][tree.depth:tree.depth + levels])
                   for inside in tree.below.values() for path, _ in inside if path not in taken)
    for name, count in sorted(left.items())[:NAMED]:
        yield f"{name}/ is left out ({_count(count)})"
    if len(left) > NAMED:
        yield f"and so are {len(left) - NAMED} more folders"


def read_labels(path: str, content: bytes) -> dict[str, int] | None:
    """Returns the labels, by the pictures' paths, of a dataset.json as StyleGAN's tools write it; one-hot ones too.

    Empty where its labels are null, or several for a picture; None where it is a file of another kind: without labels,
    or with some that are no list in which any entry has a path and something else.

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
    if not isinstance(labels, list) or (labels and not any(map(_names_a_picture, labels))):
        return None
    folder = path[:-len(LABELS)]
    try:
        numbers = {folder + name.replace("\\", "/"): _number(label) for name, label in labels}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged: its labels are no list of [\"picture's path\", class number].") from error
    return {} if None in numbers.values() else {name: int(number or 0) for name, number in numbers.items()}


def _names_a_picture(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)


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
        below = _below([pair for _, pair in inside], depth)
        if len(below) != 1:
            return _Tree(depth, below, beside)
        depth += 1


def _below(pairs: list[Pair], depth: int) -> dict[str, list[Pair]]:
    """Returns the pictures in folders at `depth`, by these."""
    below: dict[str, list[Pair]] = {}
    for pair in pairs:
        names = pair[0].split("/")
        if len(names) > depth + 1:
            below.setdefault(names[depth], []).append(pair)
    return below


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
    if _are_sizes(tree):
        raise UserError(f"the folders {_some(names)} seem to hold the same pictures in several sizes; give the path of "
                        "one of them, from a zip after unpacking it.")
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


def _are_sizes(tree: _Tree) -> bool:
    """Tells whether folders hold a set in several sizes, as their names say, or as it came, in numbered parts: FFHQ."""
    def in_parts(name: str) -> bool:
        inside = classes.in_order([*_below(tree.below[name], tree.depth + 1)])
        return bool(inside) and _are_parts(inside, False)

    return any(map(SIZE.search, tree.below)) and all(SIZE.search(name) or in_parts(name) for name in tree.below)


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
