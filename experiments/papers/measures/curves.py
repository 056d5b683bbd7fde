"""Numbers from the rows of a log, each a mean over rows. "Quarters" are of the rows; the last is a training's end."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from experiments.papers.claims import MissingError

Rows = Sequence[Mapping[str, float]]


def mean(rows: Rows, column: str, quarter: int | None = None) -> float:
    """Returns a column's mean over all rows, or over a quarter, 0 to 3."""
    values = [row[column] for row in rows if column in row]
    if quarter is not None:
        values = values[quarter * len(values) // 4:(quarter + 1) * len(values) // 4] or values[-1:]
    return float(np.mean(values)) if values else math.nan


def quarters(*columns: str) -> Callable[[Rows], Mapping[str, float]]:
    """Returns the means of columns in a log's first and last quarter."""
    return lambda rows: {f"{column}, {word} quarter": round(mean(rows, column, number), 4)
                         for column in columns for word, number in (("first", 0), ("last", 3))}


def last(rows: Rows, column: str) -> float:
    """Returns the last value of a column."""
    return [row[column] for row in rows if column in row][-1]


def last_epoch(rows: Rows, column: str) -> float:
    """Returns a column's mean over the last pass over the data."""
    return mean([row for row in rows if row["epoch"] > rows[-1]["epoch"] - 1], column)


def since_epoch(epoch: float, column: str) -> Callable[[Rows], Mapping[str, float]]:
    """Returns a column's mean around that epoch, within 2.5, and over the last fifth of the log."""
    return lambda rows: {
        f"epoch {epoch:g}": mean([row for row in rows if abs(row["epoch"] - epoch) <= 2.5], column),
        "end": mean([row for row in rows if row["epoch"] > 0.8 * rows[-1]["epoch"]], column),
        "last epoch": rows[-1]["epoch"]}


def crests(rows: Rows, start: int) -> Mapping[str, float]:
    """Returns the correlation of both losses from step `start` on, and the share of moves that are opposite."""
    d, g = (np.array([row[name] for row in rows if row["step"] >= start]) for name in ("d_loss", "g_loss"))
    if len(d) < 8:
        d, g = (np.array([row[name] for row in rows]) for name in ("d_loss", "g_loss"))
    opposite = np.diff(d) * np.diff(g) < 0
    return {"correlation": float(np.corrcoef(d, g)[0, 1]), "opposite moves": float(opposite.mean()), "rows": len(d)}


def spread(rows: Rows) -> Mapping[str, float]:
    """Returns the spread of D's loss in the second half, as a share of its mean there."""
    half = np.array([row["d_loss"] for row in rows[len(rows) // 2:]])
    return {"spread of d_loss": float(half.std() / abs(half.mean())), "rows": len(half),
            "steps a row": float(rows[-1]["step"] / len(rows))}


def falls_and_rises(rows: Rows) -> Mapping[str, float]:
    """Returns by which share D's loss falls, and G's rises, from the first quarter to the last."""
    d, g = ([mean(rows, name, number) for number in (0, 3)] for name in ("d_loss", "g_loss"))
    return {"D's fall": 1 - d[1] / d[0], "G's rise": g[1] / g[0] - 1}


def drops(rows: Rows) -> Mapping[str, float]:
    """Returns the largest rise of FCD from a look to the next, as a share, and that of both losses there."""
    looks = [row for row in rows if "train_fcd" in row]
    if len(looks) < 4:
        raise MissingError(f"not measured: {len(looks)} looks at samples, which takes four passes over the data")
    looks = looks[1:]
    rises = [after["train_fcd"] / before["train_fcd"] - 1 for before, after in itertools.pairwise(looks)]
    worst = int(np.argmax(rises))
    return {"rise of FCD": rises[worst], "at epoch": looks[worst + 1]["epoch"],
            "of G's loss": looks[worst + 1]["g_loss"] / looks[worst]["g_loss"] - 1,
            "of D's loss": looks[worst + 1]["d_loss"] / looks[worst]["d_loss"] - 1}
