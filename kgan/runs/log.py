"""log.csv: a row per tick, `step` first; a row that a kill tore is no row."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kgan.runtime import files


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


def trim(file: Path, step: int) -> None:
    """Drops the rows from after `step`, and torn ones; a file without a whole header is removed."""
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
    """Returns the header and the whole rows; nothing where there is no whole header."""
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as log:
        lines = list(csv.reader(line for line in log if line.endswith("\n")))
    if not lines or lines[0][:1] != ["step"]:
        return []
    return [line for line in lines if len(line) == len(lines[0])]
