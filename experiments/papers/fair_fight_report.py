"""What the fair fight says of its cells: a page with a row a system, and FCD over images and over seconds."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from kgan.runtime import machine, templates

SYSTEMS = {"pca": "Li: PCA", "vae": "Kingma & Welling: VAE", "pixelcnn": "van den Oord: gated PixelCNN",
           "ddpm": "Ho: DDPM, 20 steps", "gan_nn": "Li: GAN(NN)", "gan": "Alvarez: GAN", "dcgan": "Zhao: DCGAN",
           "dcgan_alvarez": "Alvarez: DCGAN", "dcgan_pooled": "Chapagain: DCGAN", "dcgan_5x5": "Li: DCGAN",
           "dcgan_fast": "kgan: dcgan_fast, told classes", "dcgan+fast": "Zhao: DCGAN, dcgan_fast's settings"}
GOAL = 10.0  # FCD whose time is told
EQUAL = 1.05  # times as long, up to which time is equal: it is read after some steps each


def reached(curve: Sequence[Mapping[str, float]], key: str) -> float:
    """Returns the images or seconds at the first look with an FCD of GOAL or less; inf: never."""
    return next((one[key] for one in curve if one["fcd"] <= GOAL), math.inf)


def page(cells: Sequence[Mapping[str, Any]]) -> str:
    """Returns the page: a row a system, every seed's FCD, of the other numbers the worst."""
    groups = {name: [cell for cell in cells if cell["system"] == name] for name in SYSTEMS}
    versions: dict[str, dict[str, None]] = {}
    for cell in cells:
        versions.setdefault(machine.in_words(cell["versions"]), {})[cell["system"]] = None
    seconds = [cell["seconds"] for cell in cells if cell["system"] != "pca"] or [0.0]
    best = {name: min(cell["numbers"]["fcd"] for cell in group) for name, group in groups.items() if group}
    return templates.markdown(
        Path(__file__).with_name("fair_fight.jinja"), first=cells[0], systems=SYSTEMS, goal=GOAL,
        minutes=min(seconds) / 60, unequal=max(seconds) > EQUAL * min(seconds),
        groups=[(name, groups[name]) for name in sorted(best, key=best.__getitem__)],
        absent=[name for name, group in groups.items() if not group], rough=_rough, worst=_worst,
        drawing=_drawing, versions=versions)


def _rough(cells: Sequence[Mapping[str, Any]]) -> float:
    return max((cell["numbers"]["roughness"] for cell in cells), key=lambda value: abs(value - 1))


def _drawing(cells: Sequence[Mapping[str, Any]]) -> str:
    values = [cell["sampling"] for cell in cells if "sampling" in cell]
    return format(max(values), ".3g") if values else "–"


def _worst(cells: Sequence[Mapping[str, Any]], key: str, form: str) -> str:
    values = [reached(cell["curve"], key) for cell in cells]
    return "not reached" if math.inf in values else format(max(values), form)


def draw(cells: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Draws FCD over images and over seconds: a colour a system, a line a seed, markers by parameters."""
    figure = Figure((14, 6), layout="tight")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, key in zip(panels, ("images", "seconds"), strict=True):
        for number, name in enumerate(SYSTEMS):
            for at, one in enumerate(found for found in cells if found["system"] == name):
                size = 3 + 3 * math.sqrt(sum(one["parameters"]) / 1e6)
                axes.plot([look[key] for look in one["curve"]], [look["fcd"] for look in one["curve"]],
                          color=f"C{number}", linestyle="--" if number > 9 else "-", marker="o",
                          markersize=size, linewidth=1, alpha=0.8,
                          label=None if at else f"{SYSTEMS[name]}, {sum(one['parameters']) / 1e6:.2f} M")
        axes.set(xscale="log", yscale="log", ylabel="FCD (log)",
                 xlabel="real images seen (log)" if key == "images" else "seconds of one core (log)")
        axes.grid(alpha=0.3, which="both")
    panels[0].legend(fontsize=8)
    figure.savefig(file, dpi=80)
