"""The comparison that no paper ran: all their systems in equal time, one core each, on MNIST.

    python -m experiments.papers.fair_fight --minutes_each=5 --seeds=2

Each cell, a system with a seed, is a process of its own on one thread. It trains by its recipe for the minutes of the
processor's time that it is given, without the time for scores, and leaves OUT/cells/SYSTEM-SEED.json, and a grid beside
it: the same command goes on with the cells that are missing, or that had less time or another number of samples. Writes
OUT/README.md and OUT/fight.png: FCD over images seen and over seconds; the larger a marker, the more parameters.

Yardsticks that are no GAN: PCA, a VAE, a PixelCNN and a diffusion model, in twenty steps. Those that draw slowly draw
fewer samples: each cell has its `numbers.count`, and in `sampling` the seconds for 10,000, worked out from these.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from experiments.papers.fair_fight_report import SYSTEMS, draw, page
from experiments.papers.jobs import RESULTS, read
from experiments.studies import cells
from kgan.runtime import files, machine

SETTINGS = ("update", "g_learning_rate", "d_learning_rate", "beta_1", "beta_2", "schedule", "decay_images", "floor",
            "penalty", "penalty_weight", "penalty_sigma", "penalty_share", "ema_images")  # all but networks and labels
FIRST, FACTOR = 5.0, 1.6  # seconds of training at the first look, and from each look to the next
TEST = 10_000  # MNIST's test images: no more can be compared
REFERENCES = ("vae", "pixelcnn", "ddpm")  # models of experiments.papers: no recipes of kgan's


def main() -> None:
    """Runs the cells that are missing, then writes the page of all."""
    parser = argparse.ArgumentParser(prog="python -m experiments.papers.fair_fight",
                                     description="The papers' systems in equal time on MNIST, one core each.")
    parser.add_argument("--minutes_each", type=cells.number, default=5.0, help="Of the processor's time for each cell.")
    parser.add_argument("--seeds", type=int, default=2, help="Seeds of each system, from 0.")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="Which ones, in this order.")
    parser.add_argument("--jobs", type=int, default=1, help="Cells at a time.")
    parser.add_argument("--samples", type=int, default=5000, help="Images of each kind that are compared.")
    parser.add_argument("--out", type=cells.folder, default=RESULTS / "fair_fight",
                        help="Where cells, page and figure go.")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := [name for name in options.systems.split(",") if name not in SYSTEMS]:
        parser.error(f"--systems={unknown[0]} is unknown; known: {', '.join(SYSTEMS)}.")
    for name, least in (("seeds", 1), ("jobs", 1), ("samples", 100)):
        if getattr(options, name) < least:
            parser.error(f"--{name}={getattr(options, name)} must be {least} or more.")
    if options.cell:
        system, _, seed = options.cell.partition("-")
        cell(system, seed, options)
        return
    from kgan.data.sources import locate
    from kgan.runtime.errors import UserError

    try:
        locate("mnist")
    except UserError:
        sys.exit("kgan: MNIST is needed: let TFDS_DATA_DIR point at a prepared copy.")
    try:
        run(options)
    except UserError as error:
        sys.exit(f"kgan: {error}")


def run(options: argparse.Namespace) -> None:
    """Runs the cells that are missing, then writes the page of all."""
    wanted = [f"{name}-{seed}" for seed in range(options.seeds) for name in options.systems.split(",")]
    missing = [name for name in wanted if not had(
        options.out / "cells" / f"{name}.json", 60 * options.minutes_each, options.samples)]
    cells.run(missing, options.jobs, dict.fromkeys(cells.THREADS, "1"))
    rows = [row for file in sorted((options.out / "cells").glob("*.json"))
            if (row := read(file)).get("samples") == min(options.samples, TEST)]
    if not rows:
        sys.exit("kgan: there is no cell yet; give --minutes_each.")
    draw(rows, options.out / "fight.png")
    text = page(rows)
    files.write_text(options.out / "README.md", text)
    print(text)


def had(file: Path, seconds: float, samples: int) -> bool:
    """Tells whether a cell is there, with so many samples and seconds; what is fitted in closed form needs no more."""
    row = read(file)
    return row.get("samples") == min(samples, TEST) and (
        row["system"] == "pca" or row["seconds"] >= 0.98 * seconds)


def cell(system: str, seed: str, options: argparse.Namespace) -> None:
    """Trains a system with a seed, scores it on its way, and writes its file."""
    machine.import_tensorflow()
    from kgan import images
    from kgan.data.sources import locate
    from kgan.metrics import frechet
    from kgan.scoring.benchmark import open_benchmark

    benchmark = open_benchmark(locate("mnist"), image_size=28, channels=1, count=options.samples)
    curve: list[dict[str, float]] = []

    def look(seconds: float, count: int, pixels: Any) -> None:
        seen = benchmark.judges[0].predict(pixels)
        curve.append({"seconds": seconds, "images": count,
                      "fcd": frechet.frechet(benchmark.real_predictions[0].features, seen.features)})

    if system in REFERENCES:
        draw_samples, facts = fit_reference(reference(system, int(seed)), benchmark, look, 60 * options.minutes_each)
    else:
        recipe = recipe_of(system, int(seed))
        train = fit if recipe.adversarial else fit_closed_form
        draw_samples, facts = train(recipe, benchmark, look, 60 * options.minutes_each)
    began = cells.processor_seconds()
    pixels = draw_samples()
    facts["sampling"] = (cells.processor_seconds() - began) / len(pixels) * 10_000
    files.write_json(options.out / "cells" / f"{system}-{seed}.json", {
        "system": system, "seed": int(seed), "curve": curve, "numbers": benchmark.measure(pixels), **facts,
        "samples": benchmark.count, "judge": benchmark.judges[0].name, "versions": machine.versions()})
    images.save_grid(pixels[::max(1, len(pixels) // 64)][:64], options.out / "cells" / f"{system}-{seed}.png")
    print(f"{system}-{seed}: {facts['images']:,} images in {facts['seconds']:.0f} s, FCD {curve[-1]['fcd']:.2f}",
          flush=True)


def recipe_of(system: str, seed: int) -> Any:
    """Returns a system's recipe. NAME+fast: NAME's networks with the settings of `dcgan_fast`, without dropout."""
    from kgan import models

    recipe = models.recipe(system.removesuffix("+fast"), "mnist").override(seed=seed)
    if not system.endswith("+fast"):
        return recipe
    fast = models.recipe("dcgan_fast", "mnist")
    return recipe.override(dropout=0.0, **{field: getattr(fast, field) for field in SETTINGS})


def fit_closed_form(recipe: Any, benchmark: Any, look: Callable, seconds: float) -> tuple[Callable, dict[str, Any]]:
    """Fits PCA; returns what draws its samples, and facts."""
    from kgan import models
    from kgan.sampling import generate

    began = time.process_time()
    generator = models.fit_generator(benchmark.train.images, recipe)
    spent, count = time.process_time() - began, len(benchmark.train.images)
    look(spent, count, generate(generator, range(benchmark.count)))
    return lambda: generate(generator, range(benchmark.count)), {
        "images": count, "seconds": spent, "parameters": [generator.count_params(), 0]}


def reference(system: str, seed: int) -> Any:
    """Returns one of REFERENCES, an `experiments.papers.reference.Reference`."""
    from experiments.papers.ddpm import DDPM
    from experiments.papers.pixelcnn import PixelCNN
    from experiments.papers.vae import VAE

    return {"vae": VAE, "pixelcnn": PixelCNN, "ddpm": DDPM}[system](seed)


def fit_reference(model: Any, benchmark: Any, look: Callable, seconds: float) -> tuple[Callable, dict[str, Any]]:
    """Trains what is no GAN for so many seconds of the processor; returns what draws its samples, and facts."""
    count = min(benchmark.count, model.samples or benchmark.count)
    images, spent = cells.fit_reference(model, benchmark.train.images, look, seconds, looks(), samples=count, steps=5)
    return lambda: model.generate(count), {
        "images": images, "seconds": spent, "parameters": model.parameters, **model.facts(benchmark.train.images[:100])}


def looks() -> Iterator[float]:
    """Yields the seconds of training at which samples are looked at."""
    return (FIRST * FACTOR**number for number in itertools.count())


def fit(recipe: Any, benchmark: Any, look: Callable, seconds: float) -> tuple[Callable, dict[str, Any]]:
    """Trains a GAN by its recipe for so many seconds of the processor; returns what draws its samples, and facts."""
    trained = cells.fit(recipe, look, seconds, looks(), samples=benchmark.count, steps=5)
    return trained.draw, {"images": trained.images, "seconds": trained.seconds, "parameters": [
        trained.gan.generator.count_params(), trained.gan.discriminator.count_params()]}


if __name__ == "__main__":
    main()
