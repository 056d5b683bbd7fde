"""The log as curves: losses, D(x) and D(G(z)), and what was evaluated, over time."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgan.runs import log
from kgan.runtime import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = (  # columns of log.csv that share an axis, its label and scale
    (("d_loss", "g_loss"), "loss", "linear"),
    (("D(x)", "D(G(z))"), "probability of being real", "probability"),
    (("d_penalty",), "penalty on D", "log"),
    (("R1", "R2"), "mean ‖∇D‖²", "log"),
    (("D_gap",), "D_gap", "linear"),
    (("fcd",), "validation FCD", "log"),
    (("train_fcd",), "FCD to training images", "log"),
    (("fcd32",), "validation FCD-32", "log"),
    (("train_fcd32",), "FCD-32 to training images", "log"),
    (tuple(f"share_{number}" for number in range(10)), "share of each class", "linear"),
    (("modes",), "classes drawn", "linear"),
    (("class_kl",), "class KL", "log"),
)


def save_plot(log_file: Path, path: Path) -> None:
    """Draws log.csv to a picture file; nothing where the log has no rows yet."""
    drawn = figure(log_file)
    if drawn is not None:
        with files.replacing(path) as temporary:
            drawn.savefig(temporary, dpi=100)


def panels(rows: Sequence[Mapping[str, float]]) -> list[tuple[list[str], str, str]]:
    """Returns those of PANELS that the rows have anything of: columns that are there, label and scale."""
    known = set[str]().union(*rows)
    return [(shown, label, scale) for names, label, scale in PANELS
            if (shown := [name for name in names if name in known])]


def figure(log_file: Path, width: float = 8.0) -> "Figure | None":
    """Returns log.csv as curves, `width` inches wide; None where the log has no rows yet."""
    from matplotlib.figure import Figure

    rows = log.read(log_file)
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
            axis.legend(loc="best", fontsize="small", ncols=-(-len(names) // 5))
    axes[-1].set_xlabel("generator step")
    return drawn
