"""log.csv: a row per tick, `step` first; a row that a kill tore is no row."""

import csv
from pathlib import Path

from kgan.runtime import files


def read(file: Path) -> list[dict[str, float]]:
    """Returns the rows in order, without what was left empty in them; none where there is no file."""
    header, *rows = _lines(file) or [[]]
    return [{name: float(value) for name, value in zip(header, row, strict=True) if value} for row in rows]


def trim(file: Path, step: int) -> None:
    """Drops the rows from after `step`, and torn ones."""
    lines = _lines(file)
    if lines:
        with files.replacing(file) as temporary, temporary.open("w", newline="", encoding="utf-8") as log:
            csv.writer(log).writerows([lines[0], *(row for row in lines[1:] if int(row[0]) <= step)])


def _lines(file: Path) -> list[list[str]]:
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as log:
        lines = list(csv.reader(line for line in log if line.endswith("\n")))
    return [line for line in lines if len(line) == len(lines[0])]
