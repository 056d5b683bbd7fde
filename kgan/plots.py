"""The log as curves: losses, D(x) and D(G(z)), and what was evaluated, over time."""

import csv
from pathlib import Path

import numpy as np

from kgan import files

PANELS = (  # columns of log.csv that share an axis, its label and scale
    (("d_loss", "g_loss"), "loss", "linear"),
    (("D(x)", "D(G(z))"), "probability of being real", "probability"),
    (("fcd",), "validation FCD", "log"),
    (("modes",), "classes drawn", "linear"),
    (("class_kl",), "class KL", "log"),
)


def read_log(file: Path) -> dict[str, np.ndarray]:
    """Returns log.csv's columns, float64 (rows,); what was left empty is nan."""
    with file.open(newline="", encoding="utf-8") as log:
        rows = list(csv.DictReader(log))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in (rows[0] if rows else ())}


def save_plot(log_file: Path, path: Path) -> None:
    """Draws log.csv to a picture file; nothing where the log has no rows yet."""
    from matplotlib.figure import Figure

    log = read_log(log_file) if log_file.exists() else {}
    panels = [panel for panel in PANELS if panel[0][0] in log]
    if not panels:
        return
    figure = Figure(figsize=(8, 2.2 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axis, (names, label, scale) in zip(axes, panels, strict=True):
        for name in names:
            known = np.isfinite(log[name])
            axis.plot(log["step"][known], log[name][known], label=name, linewidth=1.2,
                      marker="." if known.sum() < 50 else None)
        axis.set_ylabel(label)
        if scale == "probability":
            axis.set_ylim(0, 1)
        elif scale == "log" and np.nanmin(log[names[0]], initial=np.inf) > 0:
            axis.set_yscale("log")
        axis.grid(alpha=0.3)
        if len(names) > 1:
            axis.legend(loc="best", fontsize="small")
    axes[-1].set_xlabel("generator step")
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=100)
