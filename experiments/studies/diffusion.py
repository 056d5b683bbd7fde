"""GAN or diffusion: a small DDPM beside kgan's recipes, in equal seconds of training, on one core, scored alike.

    python -m experiments.studies.diffusion --cifar10=cifar10.zip --out=experiments/results/diffusion

On MNIST beside `dcgan_fast`, which is told classes, on CIFAR-10's pictures at 32×32 beside `pictures`, which is told
none; without --cifar10 on MNIST alone. Parts, each a process of its own that leaves OUT/cells/PART.json and a grid, so
that the same command goes on: DATA-gan and DATA-ddpm train for so many seconds of the processor's time; DATA-ddpm-STEPS
draw, by Song et al.'s equation 12 in few steps and by Ho et al.'s algorithm 2 in 1,000. SAMPLES images each are scored;
of 1,000 steps only FEW, by the kernel distance alone. Seconds to draw 10,000 are worked out from these. Distances are
those of the carried judges: MNIST's features for MNIST, the colour judge's for pictures.
Writes OUT/table.md and OUT/curves.png: FCD over seconds of training, and over seconds of drawing.
"""

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.papers.jobs import read
from experiments.studies import cells
from kgan.runtime import files, machine
from kgan.runtime.errors import UserError

SAMPLES, FEW, LOOKED = 2000, 256, 500  # scored; of 1,000 steps, and for KID; at a look
STEPS = (1, 2, 5, 10, 50, 1000)
LOOKS = (10, 20, 40, 80, 160, 320)  # seconds of training at which samples are scored, and at the end
LOOK_STEPS = 10


class Data(NamedTuple):
    """A data set, and the recipe that the DDPM stands beside."""

    model: str
    shape: tuple[int, int, int]
    flip: bool


DATA = {"mnist": Data("dcgan_fast", (28, 28, 1), False), "cifar10": Data("pictures", (32, 32, 3), True)}


def main() -> None:
    """Runs the parts that are missing, then writes the table and the curves of all."""
    parser = argparse.ArgumentParser(prog="python -m experiments.studies.diffusion", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=cells.folder, default=Path("experiments/results/diffusion"),
                        help="Where results go.")
    parser.add_argument("--cifar10", help="CIFAR-10's pictures: a folder or zip.")
    parser.add_argument("--mnist_seconds", type=cells.number, default=300.0, help="Of training on MNIST, each.")
    parser.add_argument("--cifar10_seconds", type=cells.number, default=521.0, help="Of training on CIFAR-10, each.")
    parser.add_argument("--parts", help="Run these, after commas; absent: all.")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        part(options.cell, options)
        return
    try:
        run(parser, options)
    except UserError as error:
        sys.exit(f"kgan: {error}")


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Runs the parts that are missing, then writes the table and the curves of all.

    Raises:
        UserError: MNIST, the pictures or a part's file can't be read.
    """
    from kgan.data.sources import locate

    locate("mnist")
    if options.cifar10:
        locate(data=options.cifar10)
    known = [name for data in (DATA if options.cifar10 else ("mnist",))
             for name in (f"{data}-gan", f"{data}-ddpm", *(f"{data}-ddpm-{steps}" for steps in STEPS))]
    wanted = options.parts.split(",") if options.parts else known
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"--parts={unknown[0]} is unknown; known: {', '.join(known)}.")
    seconds = {data: getattr(options, f"{data}_seconds") for data in DATA}
    cells.run(missing(options.out, wanted, seconds), 1, dict.fromkeys(cells.THREADS, "1"))
    write(options.out)


def weights_of(out: Path, data: str) -> Path:
    """Returns where a DDPM's moving average is kept."""
    return out / "weights" / f"{data}-ddpm.weights.h5"


def missing(out: Path, wanted: Sequence[str], seconds: Mapping[str, float]) -> list[str]:
    """Returns the parts to run, in their order: what isn't there or had less time, and what draws from it."""
    def lacks(name: str) -> bool:
        part = read(out / "cells" / f"{name}.json")
        return not part or part.get("seconds", math.inf) < 0.98 * seconds[part["data"]]

    parts = []
    for data in DATA:
        gan, trained, *drawings = f"{data}-gan", f"{data}-ddpm", *(f"{data}-ddpm-{steps}" for steps in STEPS)
        anew = (trained in wanted and lacks(trained)) or (
            not weights_of(out, data).is_file() and any(name in wanted and lacks(name) for name in drawings))
        parts += [name for name in (gan,) if name in wanted and lacks(name)] + [trained] * anew
        parts += [name for name in drawings if (name in wanted and lacks(name)) or (
            anew and (name in wanted or (out / "cells" / f"{name}.json").is_file()))]
    return parts


def part(name: str, options: argparse.Namespace) -> None:
    """Trains or draws, scores, and writes a part's file and grid."""
    machine.import_tensorflow()
    from kgan import images
    from kgan.data.sources import locate
    from kgan.metrics import frechet, kid
    from kgan.scoring import colour_judge
    from kgan.scoring.benchmark import open_benchmark

    data, system, *steps = name.split("-")
    chosen = DATA[data]
    source = locate("mnist") if data == "mnist" else locate(data=options.cifar10)
    benchmark = open_benchmark(source, image_size=chosen.shape[0], channels=chosen.shape[2], count=SAMPLES,
                               judges=int(data == "mnist"))
    curve: list[dict[str, float]] = []

    def features(pixels: np.ndarray) -> np.ndarray:
        return (benchmark.judges[0].predict if benchmark.judges else colour_judge.look)(pixels).features

    real = features(benchmark.real)

    def look(seconds: float, seen: int, pixels: np.ndarray) -> None:
        curve.append({"seconds": seconds, "images": seen, "fcd": frechet.frechet(real, features(some(pixels, LOOKED)))})

    weights = weights_of(options.out, data)
    if steps:
        draw, facts = drawn_in(int(steps[0]), chosen, weights), {"steps": int(steps[0])}
    elif system == "gan":
        draw, facts = train_gan(chosen, source, look, getattr(options, f"{data}_seconds"))
    else:
        draw, facts = train_ddpm(chosen, benchmark.train.images, look, getattr(options, f"{data}_seconds"), weights)
    count = FEW if steps == ["1000"] else LOOKED if (system, steps) == ("ddpm", []) else SAMPLES
    began = cells.processor_seconds()
    pixels = draw(count)
    sampling = (cells.processor_seconds() - began) / count * 10_000
    seen = features(pixels)
    scored = {} if count == FEW else {"fcd": frechet.frechet(real, seen)}
    if count == SAMPLES:
        scored["numbers"] = benchmark.measure(pixels)
    files.write_json(options.out / "cells" / f"{name}.json", {
        "part": name, "data": data, "system": system, **facts, "curve": curve, **scored, "count": count,
        "kid": kid.kernel_distance(real, some(seen, FEW)).mean, "sampling": sampling, "versions": machine.versions()})
    images.save_grid(some(pixels, 64), options.out / f"{name}.png")
    print(f"{name}: {scored.get('fcd', float('nan')):.2f} FCD, {sampling:.0f} s for 10,000", flush=True)


def some(rows: np.ndarray, count: int) -> np.ndarray:
    """Returns so many rows, evenly spaced: a conditional GAN draws its classes one after the other."""
    return rows[np.arange(count) * len(rows) // count]


def train_gan(chosen: Data, source: Any, look: cells.Look, seconds: float) -> tuple[Callable, dict[str, Any]]:
    """Trains the recipe; returns what draws so many images, and facts."""
    from kgan import models

    recipe = models.recipe(chosen.model, "mnist") if chosen.model == "dcgan_fast" else models.recipe(
        chosen.model).override(image_size=chosen.shape[0], conditional=False)
    trained = cells.fit(recipe, look, seconds, LOOKS, samples=SAMPLES, steps=5, source=source)
    generator, discriminator = trained.gan.generator, trained.gan.discriminator
    return lambda count: trained.draw(), {  # SAMPLES of them: labels are in the data's shares only as a whole
        "images": trained.images, "seconds": trained.seconds, "parameters": generator.count_params(),
        "other_parameters": discriminator.count_params(), "recipe": trained.recipe.to_dict() | {"data": None}}


def train_ddpm(chosen: Data, images: np.ndarray, look: cells.Look, seconds: float,
               weights: Path) -> tuple[Callable, dict[str, Any]]:
    """Trains the DDPM and keeps its moving average; returns what draws so many images, and facts."""
    from experiments.papers.ddpm import DDPM

    model = DDPM(shape=chosen.shape)
    seen, spent = cells.fit_reference(model, images, look, seconds, LOOKS, samples=LOOKED, steps=5, flip=chosen.flip,
                                      draw=lambda count: model.generate(count, steps=LOOK_STEPS))
    weights.parent.mkdir(parents=True, exist_ok=True)
    model.average.save_weights(weights)
    return lambda count: model.generate(count, steps=LOOK_STEPS), {
        "images": seen, "seconds": spent, "parameters": model.parameters[0], "steps": LOOK_STEPS}


def drawn_in(steps: int, chosen: Data, weights: Path) -> Callable[[int], np.ndarray]:
    """Returns what draws so many images from kept weights, in so many steps; all 1,000 by algorithm 2."""
    from experiments.papers.ddpm import DDPM

    model = DDPM(shape=chosen.shape)
    model.average.load_weights(weights)
    model.generate(100, steps=1)  # compiles
    return lambda count: model.generate(count, steps=steps, ancestral=steps == 1000)


def write(out: Path) -> None:
    """Writes table.md and curves.png of the parts that there are."""
    parts = [read(file) for file in sorted((out / "cells").glob("*.json"))]
    if not parts:
        raise UserError(f"there is no part in {str(out / 'cells')!r} yet; run the command without --parts.")
    trainings = {one["part"]: one for one in parts if "parameters" in one}
    shown = [one for one in parts if one["system"] == "gan" or (
        one["part"].count("-") == 2 and f"{one['data']}-ddpm" in trainings)]
    lines = ["| data | system | steps | parameters | seconds of training | samples | FCD | KID of "
             f"{FEW} ×10³ | seconds to draw 10,000 | images in the GAN's time |", "|---|---|" + 8 * "---:|"]
    order = list(DATA)
    for one in sorted(shown, key=lambda one: (order.index(one["data"]), one["system"] != "gan", one.get("steps", 0))):
        trained = one if one["system"] == "gan" else trainings[f"{one['data']}-ddpm"]
        gan = trainings.get(f"{one['data']}-gan")
        lines.append("| " + " | ".join((
            one["data"], f"`{DATA[one['data']].model}`" if one["system"] == "gan" else "DDPM",
            str(one.get("steps", 1)), f"{trained['parameters']:,}", f"{trained['seconds']:.0f}", f"{one['count']:,}",
            f"{one['fcd']:.2f}" if "fcd" in one else "–", f"{1000 * one['kid']:.1f}",
            f"{one['sampling']:,.{int(one['sampling'] < 100)}f}",  # a digit behind the point below 100
            f"{10_000 * gan['sampling'] / one['sampling']:,.0f}" if gan else "–")) + " |")
    text = "\n".join([*lines, "", f"Versions: {machine.in_words(parts[0]['versions'])}."]) + "\n"
    print(text)
    files.write_text(out / "table.md", text)
    draw_curves(parts, out / "curves.png")


def draw_curves(parts: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Draws, for each data set, FCD over seconds of training and over seconds of drawing."""
    from matplotlib.figure import Figure

    names = [name for name in DATA if any(one["data"] == name for one in parts)]
    figure = Figure((14, 6 * len(names)), layout="tight")
    for row, name in zip(figure.subplots(len(names), 2, squeeze=False), names, strict=True):
        for number, system in enumerate(("gan", "ddpm")):
            own = [one for one in parts if (one["data"], one["system"]) == (name, system)]
            label = f"{DATA[name].model}, {LOOKED} samples" if system == "gan" else \
                f"DDPM, {LOOK_STEPS} steps, {LOOKED} samples"
            for one in own:
                if one["curve"]:
                    row[0].plot([look["seconds"] for look in one["curve"]], [look["fcd"] for look in one["curve"]],
                                marker="o", color=f"C{number}", label=label)
            points = sorted((one["sampling"], one["fcd"], one.get("steps", 1)) for one in own
                            if one["count"] == SAMPLES)
            if points:
                row[1].plot(*zip(*(point[:2] for point in points), strict=True), marker="o", color=f"C{number}",
                            label=f"{DATA[name].model if system == 'gan' else 'DDPM, by its steps'}, {SAMPLES} samples")
            for x, y, steps in points:
                row[1].annotate(str(steps), (x, y), textcoords="offset points", xytext=(5, 5))
        for axes, words in zip(row, ("seconds of training on one core", "seconds to draw 10,000 images"), strict=True):
            axes.set(xscale="log", yscale="log", xlabel=words, ylabel="FCD (log)", title=name)
            axes.grid(alpha=0.3, which="both")
            axes.legend()
    figure.savefig(file, dpi=80)


if __name__ == "__main__":
    main()
