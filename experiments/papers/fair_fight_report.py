"""What the fair fight says of its cells: a page with a row a system, and FCD over images and over seconds."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from kgan.runtime import machine

SYSTEMS = {"pca": "Li: PCA", "gan_nn": "Li: GAN(NN)", "gan": "Alvarez: GAN", "dcgan": "Zhao: DCGAN",
           "dcgan_alvarez": "Alvarez: DCGAN", "dcgan_pooled": "Chapagain: DCGAN", "dcgan_5x5": "Li: DCGAN",
           "dcgan_fast": "kgan: dcgan_fast, told classes", "dcgan+fast": "Zhao: DCGAN, dcgan_fast's settings"}
GOAL = 10.0  # FCD whose time is told


def reached(curve: Sequence[Mapping[str, float]], key: str) -> float:
    """Returns the images or seconds at the first look with an FCD of GOAL or less; inf: never."""
    return next((one[key] for one in curve if one["fcd"] <= GOAL), math.inf)


def page(cells: Sequence[Mapping[str, Any]]) -> str:
    """Returns the page: a row a system, every seed's FCD, of the other numbers the worst."""
    minutes = min((one["seconds"] for one in cells if one["system"] != "pca"), default=0) / 60
    first = cells[0]
    lines = ["# The papers' systems in equal time", "",
             f"`python -m experiments.papers.fair_fight --minutes_each={minutes:.3g} --samples={first['samples']}`: "
             "each system by its own recipe on MNIST, on one core, as long as the column says of the processor's time, "
             "without scores and compilation. "
             f"{first['samples']:,} samples, {first['judge']}. FCD of each seed; of other numbers the worst seed's.",
             "", f"| system | parameters, G + D | seconds | images seen | FCD | precision | recall | roughness | "
             f"seconds to FCD {GOAL:g} | images to it |", "|---|---:|---:|---:|---|---:|---:|---:|---:|---:|"]

    def worst(values: Sequence[float], form: str) -> str:
        return "not reached" if math.inf in values else format(max(values), form)

    groups = {name: [one for one in cells if one["system"] == name] for name in SYSTEMS}
    for name in sorted((name for name, found in groups.items() if found),
                       key=lambda name: min(one["numbers"]["fcd"] for one in groups[name])):
        found = groups[name]
        numbers = [one["numbers"] for one in found]
        rough = max((one["roughness"] for one in numbers), key=lambda value: abs(value - 1))
        lines.append(
            f"| `{name}` ({SYSTEMS[name]}) | {found[0]['parameters'][0]:,} + {found[0]['parameters'][1]:,} | "
            f"{max(one['seconds'] for one in found):.0f} | {min(one['images'] for one in found):,} | "
            f"{', '.join(format(one['fcd'], '.2f') for one in numbers)} | "
            f"{min(one['precision'] for one in numbers):.3f} | {min(one['recall'] for one in numbers):.3f} | "
            f"{rough:.3f} | "
            f"{worst([reached(one['curve'], 'seconds') for one in found], '.0f')} | "
            f"{worst([reached(one['curve'], 'images') for one in found], ',')} |")
    absent = [name for name, found in groups.items() if not found]
    lines += ["", *([f"Not run yet: {', '.join(absent)}.", ""] if absent else []),
              "Seconds and images to an FCD are those of the first look that had it; looks are at 5 s and then at 1.6 "
              "times the seconds each. `dcgan_fast` is told the classes, as no paper's system is. `dcgan+fast` is told "
              "none: its networks are Zhao's, without dropout; penalty, rates, order of updates and moving average are "
              "those of `dcgan_fast`. Ranks are those of this time; the lines show where they cross.",
              "", "![FCD over images and over seconds](fight.png)", "",
              f"Versions: {machine.in_words(first['versions'])}.", ""]
    return "\n".join(lines)


def draw(cells: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Draws FCD over images and over seconds: a colour a system, a line a seed, markers by parameters."""
    figure = Figure((14, 6), layout="tight")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, key in zip(panels, ("images", "seconds"), strict=True):
        for number, name in enumerate(SYSTEMS):
            for at, one in enumerate(found for found in cells if found["system"] == name):
                size = 3 + 3 * math.sqrt(sum(one["parameters"]) / 1e6)
                axes.plot([look[key] for look in one["curve"]], [look["fcd"] for look in one["curve"]],
                          color=f"C{number}", marker="o", markersize=size, linewidth=1, alpha=0.8,
                          label=None if at else f"{SYSTEMS[name]}, {sum(one['parameters']) / 1e6:.2f} M")
        axes.set(xscale="log", yscale="log", ylabel="FCD (log)",
                 xlabel="real images seen (log)" if key == "images" else "seconds of one core (log)")
        axes.grid(alpha=0.3, which="both")
    panels[0].legend(fontsize=8)
    figure.savefig(file, dpi=80)
