"""log.csv, a row per tick, `step` first, read up to the first row that a kill or a power cut tore; and its curves."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgan.runtime import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIGITS = 15  # most digits of a step
PANELS = (  # columns of log.csv that share an axis, its label and scale
    (("d_loss", "g_loss"), "loss", "linear"),
    (("D(x)", "D(G(z))"), "sigmoid of D's logits", "probability"),  # see `panels`
    (("d_penalty",), "penalty on D", "log"),
    (("R1", "R2"), "mean ‖∇D‖²", "log"),
    (("D_gap",), "D_gap", "linear"),
    (("augment_p",), "probability of augmentation", "linear"),
    (("fcd",), "validation FCD", "log"),
    (("train_fcd",), "FCD to training images", "log"),
    (("fcd32",), "validation FCD-32", "log"),
    (("train_fcd32",), "FCD-32 to training images", "log"),
    (tuple(f"share_{number}" for number in range(10)), "share of each class", "linear"),
    (("modes",), "classes drawn", "linear"),
    (("class_kl",), "class KL", "log"),
)


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


def save_plot(log_file: Path, path: Path) -> None:
    """Draws log.csv to a picture file; nothing where the log has no rows yet."""
    drawn = figure(log_file)
    if drawn is not None:
        with files.replacing(path) as temporary:
            drawn.savefig(temporary, dpi=100)


def panels(rows: Sequence[Mapping[str, float]], probability: bool = False) -> list[tuple[list[str], str, str]]:
    """Returns those of PANELS that the rows have anything of: columns that are there, label and scale.

    Args:
        rows: of a log.
        probability: whether the sigmoid of D's logits is its probability that an image is real: see `losses.Loss`.
    """
    known = set[str]().union(*rows)
    return [(shown, "D's probability that an image is real" if probability and scale == "probability" else label, scale)
            for names, label, scale in PANELS if (shown := [name for name in names if name in known])]


def figure(log_file: Path, width: float = 8.0) -> "Figure | None":
    """Returns log.csv as curves, `width` inches wide; None where the log has no rows yet."""
    from matplotlib.figure import Figure

    rows = read(log_file)
    shown = panels(rows)
    if not shown:
        return None
    drawn = Figure(figsize=(width, 2.2 * len(shown)), layout="constrained")
    axes = drawn.subplots(len(shown), sharex=True, squeeze=False)[:, 0]
    for axis, (names, label, scale) in zip(axes, shown, strict=True):
        for name in names:
            points = [(row["step"], row[name]) for row in rows if math.isfinite(row.get(name, math.nan))]
            axis.plot(*zip(*points, strict=True), label=name, linewidth=1.2, marker="." if len(points) < 50 else None)
        axis.set_ylabel(label)
        if scale == "probability":
            axis.set_ylim(0, 1)
        elif scale == "log" and min((value for _, value in points), default=0) > 0:
            axis.set_yscale("log")
        axis.grid(alpha=0.3)
        if len(names) > 1 and axis.get_lines():
            axis.legend(loc="best", fontsize="small", ncols=math.ceil(len(names) / 5))
    axes[-1].set_xlabel("generator step")
    return drawn


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
