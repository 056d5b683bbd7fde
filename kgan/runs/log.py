"""log.csv: a row per tick, `step` first. It is read up to the first row that a kill or a power cut tore."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kgan.runtime import files

DIGITS = 15  # of a step


def append(file: Path, row: Mapping[str, Any]) -> None:
    """Adds a row, and before the first one the header. A file of other columns gets the new ones, empty until here."""
    header = _header(file)
    columns = list(dict.fromkeys([*header, *row]))
    if header and header != columns:
        rows = [line + [""] * (len(columns) - len(line)) for line in _lines(file)[1:]]
        with files.replacing(file) as temporary, temporary.open("w", newline="", encoding="utf-8") as log:
            csv.writer(log).writerows([columns, *rows])
    with file.open("a", newline="", encoding="utf-8") as log:
        writer = csv.DictWriter(log, columns)
        if not header:
            writer.writeheader()
        writer.writerow(row)


def read(file: Path) -> list[dict[str, float]]:
    """Returns the rows in order, without what was left empty in them; none where there is no file."""
    header, *rows = _lines(file) or [[]]
    return [{name: float(value) for name, value in zip(header, row, strict=True) if value} for row in rows]


def flush(file: Path) -> None:
    """Flushes what was appended to the disk, if there is a file."""
    if file.exists():
        files.fsync(file)
        files.fsync(file.parent)


def trim(file: Path, step: int) -> None:
    """Drops the rows from after `step`, and from a torn one on; a file without a whole header is removed."""
    lines = _lines(file)
    if lines:
        with files.replacing(file) as temporary, temporary.open("w", newline="", encoding="utf-8") as log:
            csv.writer(log).writerows([lines[0], *(row for row in lines[1:] if int(row[0]) <= step)])
    else:
        file.unlink(missing_ok=True)


def _header(file: Path) -> list[str]:
    """Returns the names of the columns; none where there is no file, or an empty one, as a kill may leave."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as log:
        return next(csv.reader(log), [])


def _lines(file: Path) -> list[list[str]]:
    """Returns the header and the rows up to the first that is not whole; nothing where there is no whole header."""
    if not file.is_file():
        return []
    lines: list[list[str]] = []
    for line in file.read_bytes().splitlines(keepends=True):
        cells = line.decode("utf-8", "replace").rstrip("\r\n").split(",")
        if not line.endswith(b"\n") or not (_is_row(cells, len(lines[0])) if lines else cells[0] == "step"):
            break
        lines.append(cells)
    return lines


def _is_row(cells: list[str], count: int) -> bool:
    """Tells whether these are a step and numbers, or nothing, in `count` columns."""
    try:
        numbers = [float(cell) for cell in cells if cell]
    except ValueError:
        return False
    step = cells[0]
    return len(cells) == count and step.isascii() and step.isdecimal() and len(step) <= DIGITS and bool(numbers)
