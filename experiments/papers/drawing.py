"""The figures of the papers' claims: each function draws a file and returns the sentence below it."""

import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from experiments.papers.claims import MissingError, percent
from experiments.papers.jobs import Result
from experiments.papers.lab import Lab
from experiments.papers.measures import discriminators, proofs, runs

Draw = Callable[[Lab, Path], str]


class Drawing(NamedTuple):
    """A figure: what draws it, and the jobs of whose runs."""

    draw: Draw
    jobs: tuple[str, ...] = ()


SIDE = 8  # samples across and down a panel
NAMES = {"alvarez_gan": "GAN", "alvarez_dcgan": "DCGAN", "li_pca": "PCA", "li_gan_nn": "GAN(NN)", "li_dcgan": "DCGAN"}


def length(result: Result) -> str:
    """Says how long what draws was trained."""
    share = runs.drawn_share(result)
    return "fitted" if share is None else f"{percent(share)} of the length"


def panels(count: int, width: float = 4.0, height: float = 4.0) -> tuple[Any, Any]:
    """Returns a Matplotlib figure and its axes, side by side."""
    figure = Figure((width * count, height), layout="tight")
    return figure, figure.subplots(1, count, squeeze=False)[0]


def save(lab: Lab, figure: Any, file: Path) -> None:
    """Writes a figure, in 128 colours; of a shortened schedule it says so."""
    if lab.quick:
        figure.text(0, 0, "Quick: a shortened schedule.", fontsize=8, color="C3", verticalalignment="top")
    figure.savefig(file, dpi=80, bbox_inches="tight")
    with Image.open(file) as picture:  # a third of the bytes
        small = picture.convert("RGB").quantize(128)
    small.save(file, optimize=True)


def show(axis: Any, images: np.ndarray, title: str) -> None:
    """Draws a grid of images, uint8, each with its pixels as they are."""
    from kgan.images import grid

    axis.imshow(np.asarray(grid(images[:SIDE * SIDE], SIDE)), cmap="gray", interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.axis("off")


def samples(*names: str, real: bool = False, untrained: bool = False) -> Drawing:
    """Draws samples of jobs side by side; with `untrained`, those of the first one's networks before any step."""
    def draw(lab: Lab, file: Path) -> str:
        from kgan import models
        from kgan.sampling import generate

        found = []
        for name in names:
            with contextlib.suppress(MissingError):
                found.append(lab.shown(name))
        if not found:
            raise MissingError(f"no generator of {', '.join(names)}")
        grids = [(f"{NAMES.get(one.job.name, one.job.name)}, {length(one)}", one.samples(SIDE * SIDE)) for one in found]
        if untrained:
            generator = models.build(models.recipe(found[0].job.model, lab.stand_in or "mnist"))[0]
            grids.insert(0, ("untrained", generate(generator, range(SIDE * SIDE))))
        if real:
            grids.append(("real images", lab.benchmark.real[:SIDE * SIDE]))
        figure, axes = panels(len(grids))
        for axis, (title, images) in zip(axes, grids, strict=True):
            show(axis, images, title)
        save(lab, figure, file)
        return "Seeds 0 to 63: " + ", ".join(f"{one.name} at {one.drawn:,} images" for one in found) + "."
    return Drawing(draw, names)


def histogram(*names: str) -> Drawing:
    """Draws D's answers to test images and to fakes, a panel a job."""
    def draw(lab: Lab, file: Path) -> str:
        found = [(lab.shown(name), discriminators.answers(lab, name)) for name in names]
        figure, axes = panels(len(found), 5, 3)
        for axis, (result, said) in zip(axes, found, strict=True):
            for kind, color in (("test images", "C0"), ("fakes", "C1")):
                axis.stairs(np.array(said[kind]["histogram"]) / sum(said[kind]["histogram"]), np.linspace(0, 1, 51),
                            fill=True, alpha=0.5, color=color, label=f"{kind}: mean {said[kind]['mean']:.2f}")
            axis.axvline(0.5, color="black", linestyle=":")
            axis.set(title=f"{NAMES.get(result.job.name, result.job.name)}, {length(result)}", xlabel="D's answer",
                     ylabel="share of images")
            axis.legend(fontsize=8)
        save(lab, figure, file)
        return "D's answers without dropout. At the optimum all of them would stand at the dotted line."
    return Drawing(draw, names)


def losses(name: str, printed: tuple[float, float, float] | None = None) -> Drawing:
    """Draws a job's losses over images, and beside them one against the other with the bound that no pair passes.

    `printed`: what the paper gives, images seen and both losses.
    """
    def draw(lab: Lab, file: Path) -> str:
        result = lab.results(name)[0]
        rows = result.rows
        seen = np.array([row["step"] for row in rows]) * (result.images / rows[-1]["step"]) / 1000
        d, g = (np.array([row[key] for row in rows]) for key in ("d_loss", "g_loss"))
        figure, axes = panels(2, 6, 4)
        axes[0].plot(seen, d, color="C0", linewidth=1, label="D")
        axes[0].plot(seen, g, color="C1", linewidth=1, label="G")
        axes[0].axhline(2 * math.log(2), color="C0", linestyle=":", linewidth=1, label="D = 1/2: 2 ln 2, ln 2")
        axes[0].axhline(math.log(2), color="C1", linestyle=":", linewidth=1)
        axes[0].set(xlabel="thousand images", ylabel="loss, a log row",
                    title=f"{result.name}, {length_of_log(result)}")
        axes[1].scatter(d, g, s=6, alpha=0.4, color="grey", label="log rows")
        line = np.linspace(0.005, max(3.0, float(d.max())), 400)
        axes[1].plot(line, -np.log(1 - np.exp(-line)), color="C3", label="bound: e^-d + e^-g = 1")
        axes[1].fill_between(line, 0, -np.log(1 - np.exp(-line)), color="C3", alpha=0.12)
        axes[1].plot(2 * math.log(2), math.log(2), "k*", markersize=10, label="D = 1/2 everywhere")
        if printed:
            at, *pair = printed
            axes[0].plot(at / 1000, pair[0], "C0s", at / 1000, pair[1], "C1s")
            axes[1].plot(*pair, "bs", label="the paper's pair")
        axes[1].set(xlim=(0, None), ylim=(0, min(8.0, float(g.max()) * 1.1)), xlabel="D's loss", ylabel="G's loss",
                    title="one against the other")
        for axis in axes:
            axis.legend(fontsize=8)
        save(lab, figure, file)
        kept = " (a kept log)" if result.longest == result.kept else ""
        return (f"Losses of {result.name}{kept}. Red: pairs that no D can give, since e^-d is at most the mean of "
                "1 - D(G(z)), and e^-g that of D(G(z)). Both losses at 0 lie there.")
    return Drawing(draw, (name,))


def shares(*names: str) -> Drawing:
    """Draws the shares of the classes over time, a panel a run."""
    def draw(lab: Lab, file: Path) -> str:
        found: list[Result] = []
        for name in names:
            with contextlib.suppress(MissingError):
                found += [one for one in lab.results(name) if any("share_0" in row for row in one.rows)]
        if not found:
            raise MissingError(f"no look at the samples of {', '.join(names)} yet")
        figure, axes = panels(len(found), 5, 3.6)
        for axis, one in zip(axes, found, strict=True):
            looks = [row for row in one.rows if "share_0" in row]
            for number in range(10):
                axis.plot([row["epoch"] for row in looks], [100 * row[f"share_{number}"] for row in looks],
                          marker="." if len(looks) < 20 else None, linewidth=1, label=str(number))
            axis.axhline(1, color="black", linestyle=":")
            axis.set(title=f"{one.name}, {percent(one.share() or 0)} of the length", xlabel="passes over the data",
                     ylabel="share of 2,500 samples, %", ylim=(0, None))
            axis.legend(ncol=5, fontsize=7)
        save(lab, figure, file)
        return "The share of each digit, once a pass. Below the dotted line, 1%, a digit counts as lost."
    return Drawing(draw, names)


def ratio(lab: Lab, file: Path) -> str:
    """Draws D's logit on two known Gaussians over the exact log ratio."""
    found = lab.cached("density_ratio", proofs.ratio_numbers)
    figure, axes = panels(1, 6, 3.6)
    axes[0].plot(found["x"], found["exact"], color="black", label="log p_data / p_model, exact")
    axes[0].plot(found["x"], found["logit"], "C1--", label="D's logit")
    axes[0].set(xlabel="x")
    axes[0].legend()
    save(lab, figure, file)
    return f"G fixed, D trained on two 1-D Gaussians. Largest difference: {found['largest difference']:.3f}."


def noise(lab: Lab, file: Path) -> str:
    """Draws the noise of the author's samples beside that of ours, with intervals."""
    from experiments.papers import figure_2

    found = {name: one for name, one in figure_2.numbers(lab).items() if "minus" not in name}
    figure, axes = panels(2, 6, 3.2)
    for axis, key in zip(axes, ("roughness", "background"), strict=True):
        for at, one in enumerate(found.values()):
            middle, low, high = one[key]
            axis.errorbar(middle, at, xerr=[[middle - low], [high - middle]], fmt="o", color="C0", capsize=3)
        axis.set_yticks(range(len(found)), list(found))
        axis.invert_yaxis()
        axis.set_xscale("log")
        axis.set_title(f"{key} (log; 95% of a bootstrap)")
    save(lab, figure, file)
    return ("Noise of the author's own 25 + 25 samples, of real digits and of our retraining, all drawn in the "
            f"author's way. Source: {figure_2.SOURCE}.")


def beside_reals(name: str) -> Drawing:
    """Draws a batch of fakes beside a batch of real images: the last grid of a run and its grid of reals."""
    def draw(lab: Lab, file: Path) -> str:
        result = lab.results(name)[0]
        folder = result.longest
        reals = [*folder.glob("samples/reals.png"), *folder.glob("reals.*")]
        fakes = sorted([*folder.glob("samples/step_*.png"), *folder.glob("step_*.*")])
        if not reals or not fakes:
            raise MissingError(f"{folder.name} has no grids")
        figure, axes = panels(2)
        for axis, picture, title in zip(axes, (reals[0], fakes[-1]), ("real images", f"fakes, {length_of_log(result)}"),
                                        strict=True):
            axis.imshow(np.asarray(Image.open(picture)))
            axis.set_title(title, fontsize=10)
            axis.axis("off")
        save(lab, figure, file)
        return f"A batch of real images beside one of fakes: {result.name}, {result.images:,} images seen."
    return Drawing(draw, (name,))


def length_of_log(result: Result) -> str:
    """Says how long the longest log is."""
    return f"{percent(result.share() or 0)} of the length"
