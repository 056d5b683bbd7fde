"""The table and pictures of `experiments/studies/stability.py`, from the files of its cells."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from kgan.runtime import files, machine, templates
from kgan.scoring.table import cell, metrics

SHOWN = ("fcd", "score", "modes", "class_kl", "precision", "recall", "coverage", "one_nn")
TOLD = {"recipe", "classes", "kinds", "neither", "no_classes_pairing", "plain"}  # what G and D are told differs
LARGEST = 12.0  # FCD that the curves show


def write(out: Path, words: Mapping[str, str]) -> None:
    """Writes the tables and pictures of all cells that there are.

    Args:
        out: with the cells in `out`/cells.
        words: what each arm is, by its name, in the table's order.
    """
    cells = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((out / "cells").glob("*.json"))]
    by_arm = {arm: found for arm in words if (found := [one for one in cells if one["arm"] == arm])}
    if by_arm:
        text = table(by_arm, words)
        print(text)
        files.write_text(out / "table.md", text)
        curves(by_arm, words, out / "curves.png")
    single = {one["arm"]: one for one in cells}
    if {"tutorial", "alone"} <= set(single):
        text = time_to_quality(single["tutorial"]["curve"], single["alone"]["curve"], out / "time_to_quality.png")
        print(text)
        files.write_text(out / "time_to_quality.md", text)


def table(by_arm: Mapping[str, Sequence[Mapping]], words: Mapping[str, str]) -> str:
    """Returns the final numbers of every arm: means over its seeds, then the FCD of each seed."""
    cells = [one for group in by_arm.values() for one in group]
    return templates.markdown(
        Path(__file__).with_name("stability.jinja"), by_arm=by_arm, words=words, first=cells[0], cell=cell,
        seconds=statistics.median(one["seconds"] for one in cells), shown=metrics(*SHOWN), mean=statistics.mean,
        in_words=machine.in_words)


def curves(by_arm: Mapping[str, Sequence[Mapping]], words: Mapping[str, str], file: Path) -> None:
    """Draws FCD over seconds: a line a seed, a colour an arm; what is told on the left, how it is trained right."""
    figure = Figure((16, 7), layout="tight")
    panels = figure.subplots(1, 2, sharey=True)
    told = [arm for arm in by_arm if arm in TOLD]
    trained = [arm for arm in by_arm if arm not in TOLD or arm == "recipe"]
    for axes, title, arms in ((panels[0], "what is told", told), (panels[1], "how it is trained", trained)):
        for number, arm in enumerate(arms):
            for one in by_arm[arm]:
                axes.plot([look["seconds"] for look in one["curve"]], [look["fcd"] for look in one["curve"]],
                          color=f"C{number}", linewidth=2.5 if arm == "recipe" else 1.2,
                          label=words[arm] if one is by_arm[arm][0] else None)
        axes.set(title=title, yscale="log", ylim=(None, LARGEST), xlabel="seconds of training on one core",
                 ylabel="FCD (log)")
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize=9)
    figure.savefig(file, dpi=80)


def time_to_quality(theirs: Sequence[Mapping], ours: Sequence[Mapping], file: Path) -> str:
    """Draws both curves; returns how long the recipe took to the tutorial's last FCD."""
    goal = theirs[-1]["fcd"]
    reached = next((look for look in ours if look["fcd"] <= goal), None)
    figure = Figure((8, 5), layout="tight")
    axes = figure.subplots()
    for curve, label in ((theirs, "the TensorFlow tutorial's networks and loop"), (ours, "dcgan_fast")):
        axes.plot([look["seconds"] for look in curve], [look["fcd"] for look in curve], marker="o", label=label)
    axes.axhline(goal, color="grey", linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel="seconds of training (log)", ylabel="FCD (log)")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(file, dpi=90)
    time_ours = "it was not reached" if reached is None else (
        f"`dcgan_fast` had {reached['fcd']:.2f} at its look after {reached['seconds']:.0f} s: "
        f"1/{theirs[-1]['seconds'] / reached['seconds']:.0f} of the time")
    return (f"# Time to the tutorial's quality\n\n`experiments/studies/stability.py --tutorial`, each alone on both "
            f"cores, scores not counted.\n\nThe tutorial's networks and loop have FCD {goal:.2f} after "
            f"{len(theirs)} epochs, {theirs[-1]['seconds']:.0f} s; {time_ours}.\n\n![both](time_to_quality.png)\n")
