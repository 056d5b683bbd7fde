"""Did a class disappear? The shares of the classes over time, from the logs of runs that `--watch_every` watched.

    python experiments/studies/collapse.py experiments/results/long/* --out=experiments/results/collapse

Writes table.md, a row a run (its smallest share, and whether and when a class was lost), and shares.png, a panel a run.
A class is lost where its share is below `kgan.metrics.modes.least`, a hundredth of all samples, at two looks in a row;
it is thin below half of its share in training, which is taken as equal shares.
"""

import json
import sys
from pathlib import Path

import numpy as np
from absl import app, flags
from matplotlib.figure import Figure

from kgan.metrics import modes
from kgan.runs import log
from kgan.runtime import files

OUT = flags.DEFINE_string("out", "experiments/results/collapse", "Directory for table.md and shares.png.")
THIN = 0.5  # of a class's share in training


def main(arguments: list[str]) -> None:
    """Reads the logs, prints and writes."""
    runs = {Path(path).name: Path(path) for path in arguments[1:] if Path(path, "log.csv").is_file()}
    watched = {name: rows for name, path in runs.items() if (rows := looks(path))}
    if not watched:
        sys.exit("kgan: none of these folders has a log.csv with shares of classes; train with --watch_every=1.")
    out = Path(OUT.value)
    text = table({name: (rows, runs[name]) for name, rows in watched.items()})
    print(text)
    files.write_text(out / "table.md", text)
    draw(watched, out / "shares.png")


def looks(path: Path) -> list[dict[str, float]]:
    """Returns the rows of a run's log at which samples were looked at."""
    return [row for row in log.read(path / "log.csv") if "share_0" in row]


def shares(rows: list[dict[str, float]]) -> np.ndarray:
    """Returns the share of each class at each look, (looks, classes)."""
    count = sum(name.startswith("share_") for name in rows[0])
    return np.array([[row[f"share_{number}"] for number in range(count)] for row in rows])


def lost(found: np.ndarray) -> list[tuple[int, int]]:
    """Returns (class, look) of every class that was lost: below the least at this look and the next."""
    below = found < modes.least(np.full(found.shape[1], 1 / found.shape[1]))
    both = below[:-1] & below[1:]
    return [(int(number), int(np.argmax(both[:, number]))) for number in np.flatnonzero(both.any(axis=0))]


def table(runs: dict[str, tuple[list[dict[str, float]], Path]]) -> str:
    """Returns a row a run: length, FCD to the training images, smallest share, classes lost or thin at the end."""
    lines = ["# Class shares of long trainings", "", f"`python {' '.join(sys.argv)}`. Looks at 2,500 samples, once a "
             "pass; the first quarter of each run is left out of the smallest share, and of the classes lost.", "",
             "| run | passes | FCD to training images, best → end | smallest share (class, pass) | thin at the end | "
             "classes lost |", "|---|---:|---:|---|---|---|"]
    for name, (rows, path) in runs.items():
        found, later = shares(rows), len(rows) // 4
        look, number = np.unravel_index(np.argmin(found[later:]), found[later:].shape)
        even = 1 / found.shape[1]
        thin = ", ".join(f"{one} ({found[-1, one]:.1%})" for one in np.flatnonzero(found[-1] < THIN * even)) or "none"
        gone = ", ".join(f"{one} at pass {rows[later + at]['epoch']:.0f}" for one, at in lost(found[later:])) or "none"
        fcd = [row["train_fcd"] for row in rows]
        whole = json.loads((path / "config.json").read_text(encoding="utf-8"))["recipe"]
        asked = whole.get("epochs")
        passes = f"{rows[-1]['epoch']:.0f}" + (f" of {asked:.0f}" if asked else "")
        lines.append(f"| `{name}` | {passes} | {min(fcd):.2f} → {fcd[-1]:.2f} | {found[later:][look, number]:.1%} "
                     f"({number}, {rows[later + look]['epoch']:.0f}) | {thin} | {gone} |")
    return "\n".join([*lines, ""])


def draw(watched: dict[str, list[dict[str, float]]], file: Path) -> None:
    """Draws a panel for each run: a line a class, over passes."""
    figure = Figure((9, 3 * len(watched)), layout="tight")
    panels = figure.subplots(len(watched), squeeze=False)
    for (name, rows), axes in zip(watched.items(), panels[:, 0], strict=True):
        found = shares(rows)
        for number in range(found.shape[1]):
            axes.plot([row["epoch"] for row in rows], 100 * found[:, number], label=str(number), linewidth=1)
        axes.axhline(100 / found.shape[1], color="grey", linestyle=":")
        axes.set(title=name, xlabel="passes over the data", ylabel="share of samples, %", ylim=(0, None))
        axes.legend(ncol=10, fontsize=7, loc="upper center")
    figure.savefig(file, dpi=80)


if __name__ == "__main__":
    app.run(main)
