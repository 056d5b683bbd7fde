"""What a run directory says may be a stranger's word: it is checked before it is believed, shown or opened."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from absl import logging

from kgan.runtime.errors import UserError
from kgan.scoring import doctor, table

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 2**24  # bytes of a JSON file
MOST = 10**15  # largest count
WIDEST = 16_383  # pixels a side of a grid, as WebP allows
DEEPEST = 100  # branches of branches
# Control characters, halves of pairs that UTF-8 has no bytes for, turns of the direction of writing, ends of lines.
UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

NUMBERS = [*(metric.key for metric in table.METRICS), "count", "two_sample"]  # what is said of scores
BEFORE = ["steps", "decay_images", "momentum_images"]  # of `length.before`
CLUSTERINGS = ["sklearn", "scipy"]  # methods of `data.clusters`

Holds = Callable[[Any], Any]  # true where a value is as it must be


def read_json(file: Path) -> Any:
    """Returns a file's content, whose texts have no characters that act instead of being seen.

    Raises:
        UserError: it is too large, or no JSON: JSON has no NaN.
        OSError: it can't be read.
    """
    try:
        if (size := file.stat().st_size) > LARGEST:
            raise ValueError(f"it has {size:,} bytes")
        return _cleaned(json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_number))
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or nested without end
        raise UserError(f"{str(file)!r} is damaged ({error}).") from error


def clean(text: str) -> str:
    """Returns text with a mark in place of each character that acts on a screen or a page instead of being seen."""
    return UNPRINTED.sub("\ufffd", text)


def last_name(place: str) -> str:
    """Returns the last name of a path, of this system or another one: the rest of it is nobody's business."""
    return clean(re.split(r"[/\\]", place.rstrip("/\\"))[-1] or place)


def check_config(config: Mapping[str, Any], file: Path) -> None:
    """Raises UserError when what config.json says is not what it must be; `Recipe` checks its own fields."""
    _check(config, CONFIG, file)
    _check(config["data"], DATA, file, "data.")
    replicas = re.compile("[1-9][0-9]{0,3}").fullmatch, "a whole number from 1 on, as a text"
    _check(config["versions"], {"replicas": replicas}, file, "versions.")
    if config.get("length") is not None:
        _check(dict.fromkeys(LENGTH) | config["length"], LENGTH, file, "length.")
    branch, place = config.get("branch"), "branch."
    for _ in range(DEEPEST):
        if branch is None:
            return
        _check({"run": None, "step": 0 if "file" in branch else None, **branch}, BRANCH, file, place)
        branch, place = branch.get("before"), f"{place}before."
    raise UserError(f"{str(file)!r} is damaged: its run is the branch of a branch more than {DEEPEST} times.")


def check_scores(scores: Mapping[str, Any], file: Path) -> None:
    """Raises UserError when the content of a file of scores is not what it must be."""
    _check(scores, SCORES, file, then="remove it, or evaluate again")


def is_inside(file: Path, directory: Path) -> bool:
    """Tells whether a regular file is there and, links followed, in the directory."""
    return file.is_file() and file.resolve().is_relative_to(directory.resolve())


def open_grid(file: Path, directory: Path) -> "Image.Image | None":
    """Returns a run's grid of pictures; None where there is none.

    What links outside of the run's directory lead to, what isn't PNG, and what is damaged or huge is left out; of a
    file that is there the screen says so.
    """
    from PIL import Image

    if not is_inside(file, directory):
        if file.is_file():
            logging.warning("%s is left out: it leads out of the run directory.", file)
        return None
    try:
        with Image.open(file, formats=("PNG",)) as picture:  # other formats start other programs, or hold others
            if max(picture.size) > WIDEST:
                raise ValueError(f"it has {picture.width:,} × {picture.height:,} pixels")
            return picture.convert("L" if picture.mode == "L" else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        logging.warning("%s is left out: %s.", file, str(error).rstrip("."))
        return None


def _check(section: Mapping[str, Any], wanted: Mapping[str, tuple[Holds, str]], file: Path, place: str = "",
           then: str = "bring it back from a copy") -> None:
    for name, (holds, what) in wanted.items():
        if name in section and not holds(section[name]):
            raise UserError(f"{str(file)!r} is damaged: {place}{name} is {_short(section[name])}, and must be {what}; "
                            f"{then}.")


def _short(value: Any) -> str:
    text = ascii(value) if isinstance(value, str | int | float | None) else f"of type {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}…"


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(name): item if name == "data" and isinstance(item, str)  # a path, to be opened
                else _cleaned(item) for name, item in value.items()}
    return value


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _is(kind: type) -> Holds:
    return lambda value: isinstance(value, kind)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300  # NaN compares as false


def _or_none(holds: Holds) -> Holds:
    return lambda value: value is None or holds(value)


def _listed(holds: Holds) -> Holds:
    return lambda value: isinstance(value, list) and all(map(holds, value))


def _mapping(holds: Holds) -> Holds:
    return lambda value: isinstance(value, dict) and all(map(holds, value.values()))


def _are_counts(value: Any) -> bool:
    return value is None or (_listed(_is_count)(value) and sum(value) > 0)


def _are_numbers(value: Any) -> bool:
    """Tells whether each of NUMBERS among them is a number, or none: other facts may be anything."""
    return isinstance(value, dict) and all(map(_or_none(_is_number), map(value.get, NUMBERS)))


def _is_fixing(value: Any) -> bool:
    return _listed(_is_count)(value) and len(value) == 2 and value[0] <= value[1]


def _is_finding(value: Any) -> bool:
    fields, needed = {*doctor.Finding._fields}, {*doctor.Finding._fields} - {*doctor.Finding._field_defaults}
    return isinstance(value, dict) and needed <= {*value} <= fields and all(map(_is(str), map(value.get, needed)))


COUNT, TEXT, COUNTS = "a whole number from 0 on", "a text", "whole numbers from 0 on, not all of them 0"
OBJECT = "an object"
CONFIG: dict[str, tuple[Holds, str]] = {
    "recipe": (_is(dict), OBJECT), "data": (_is(dict), OBJECT), "versions": (_mapping(_is(str)), "texts by name"),
    "branch": (_or_none(_is(dict)), OBJECT), "length": (_or_none(_is(dict)), OBJECT), "rounded": (_is(str), TEXT)}
DATA: dict[str, tuple[Holds, str]] = {
    "origin": (_is(str), TEXT), "images": (_is_count, COUNT), "left_out": (_is_count, COUNT),
    "sha256": (_or_none(_is(str)), TEXT), "labels_sha256": (_or_none(_is(str)), TEXT),
    "class_counts": (_are_counts, COUNTS), "cluster_counts": (_are_counts, COUNTS),
    "kind_counts": (_are_counts, COUNTS), "clustering": (lambda value: value in CLUSTERINGS, " or ".join(CLUSTERINGS)),
    "accepted_labels": (lambda value: _listed(_is_count)(value) and bool(value), "steps"),
    "class_names": (_or_none(_listed(_is(str))), "texts")}
LENGTH: dict[str, tuple[Holds, str]] = {
    "minutes": (_or_none(lambda value: _is_number(value) and value > 0), "a number above 0"),
    "before": (lambda value: _mapping(_or_none(_is_count))(value) and value.keys() == {*BEFORE} and value["steps"],
               f"counts: {', '.join(BEFORE)}"),
    "fixed_at": (lambda value: _listed(_is_fixing)(value) and bool(value), "pairs of a step and a length in steps")}
BRANCH: dict[str, tuple[Holds, str]] = {
    "run": (_is(str), TEXT), "step": (_is_count, COUNT), "file": (_is(str), TEXT),
    "anew": (_is(bool), "true or false"), "taken": (_is(str), TEXT), "begins_anew": (_is(str), TEXT),
    "sha256": (_or_none(_is(str)), TEXT),
    "changed": (_mapping(lambda value: isinstance(value, list) and len(value) == 2), "two values by name"),
    "before": (_or_none(_is(dict)), OBJECT)}
SCORES: dict[str, tuple[Holds, str]] = {
    "protocol": (_is(str), TEXT), "notes": (_listed(_is(str)), "texts"), "numbers": (_are_numbers, "numbers by name"),
    "yardsticks": (_mapping(_are_numbers), "numbers by name, by yardstick"), "count": (_is_count, COUNT),
    "verdict": (_listed(_is_finding), f"findings, each of {', '.join(doctor.Finding._fields)}")}
