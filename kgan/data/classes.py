"""Classes: how labels are numbered, what the classes are called, and the classes that a user names."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from kgan.runtime.errors import UserError

FEW = 5  # images of a class
MOST = 10_000  # classes that have names, as many as a recipe may have
SHOWN = 12  # names in a line
NUMBER = re.compile(r"-?\d+(\.\d+)?")  # a folder's name: -1, 10, 10.5


def are_classes(labels: np.ndarray) -> bool:
    """Tells whether labels, (n,), are those of classes, two or more of FEW images each on average; else identifiers."""
    count = len(np.unique(labels))
    return count >= 2 and len(labels) >= FEW * count


def names_of(labels: np.ndarray, known: Mapping[int, str]) -> tuple[str, ...] | None:
    """Returns a name for each class in `labels`, in the order of class numbers; None where there are too many.

    Classes are numbered from 0, in the order of their labels. Without a name in `known` a label's number is its name.
    """
    found = np.unique(labels).tolist()
    return None if len(found) > MOST else tuple(known.get(label, str(label)) for label in found)


def in_order(names: Sequence[str]) -> list[str]:
    """Returns names of classes, each once, in the order of their numbers: by value if all are numbers."""
    numbered = all(map(NUMBER.fullmatch, names))
    return sorted(set(names), key=lambda name: (Fraction(name) if numbered else 0, name))


def in_words(names: Sequence[str]) -> str:
    """Returns "3 classes: cat, dog, horse"; of many the first ones and the last."""
    shown = [*names] if len(names) <= SHOWN else [*names[:SHOWN - 2], "…", names[-1]]
    return f"{len(names):,} classes: {', '.join(shown)}"


def numbers(wanted: Sequence[str], names: Sequence[str] | None) -> list[int]:
    """Returns the numbers of the classes of these names.

    Raises:
        UserError: no class has such a name, or the classes have no names; the sentence lists those that there are.
    """
    if names is None:
        raise UserError(f"label {wanted[0]!r} is a name, and no name for each class is kept here; give numbers, from "
                        "0 on, if there are classes.")
    if unknown := [name for name in wanted if name not in names]:
        raise UserError(f"label {unknown[0]!r} is none of the {in_words(names)}; give their names, or their numbers "
                        f"from 0 to {len(names) - 1}.")
    return [names.index(name) for name in wanted]
