"""What each part of `dcgan_fast` gives: the recipe, and arms that differ from it in one part, in equal seconds.

    python experiments/studies/stability.py --out=experiments/results/stability --data_dir=/data/tfds --jobs=2

Each cell, an arm with a seed, is a process of its own that trains for `--seconds`, without the time for scores, and
leaves OUT/cells/ARM-SEED.json: the command goes on where it was stopped. With `--jobs=2` two cells run side by side,
each on one core. What counts is the processor's time that a cell has had, over its cores, so that other work on the
machine takes nothing from an arm. `--tutorial` adds the TensorFlow tutorial's networks and loop for ten epochs, and
the recipe in the same number of threads, one after the other, alone: OUT/time_to_quality.md says how long each took to
the same FCD.
Writes table.md, curves.png, time_to_quality.png, and a grid of each cell beside its file.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cells
import numpy as np
import stability_report
from absl import app, flags

from kgan.runtime import files, machine

OUT = flags.DEFINE_string("out", "experiments/results/stability", "Directory of cells, tables and pictures.")
ARMS = flags.DEFINE_list("arms", None, "Arms to run; absent: all.")
SEEDS = flags.DEFINE_integer("seeds", 2, "Seeds of each arm, from 0; 0: no arm, for --tutorial alone.", lower_bound=0)
SECONDS = flags.DEFINE_float("seconds", 180.0, "Processor's time of each cell's training, on each of its cores.")
JOBS = flags.DEFINE_integer("jobs", 1, "Cells at a time; each gets its share of the cores.")
TUTORIAL = flags.DEFINE_bool("tutorial", False, "Also the time to the tutorial's quality after ten epochs.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "TFDS_DATA_DIR of the cells.")
CELL = flags.DEFINE_string("cell", None, "Internal: ARM-SEED.")

LOOKS = (10, 20, 30, 45, 60, 80, 100, 120, 150)  # seconds of training at which a cell is scored, and at its end
TUTORIAL_EPOCHS = 10


class Arm(NamedTuple):
    """The recipe with changes, and with its networks changed by `networks`."""

    words: str
    changes: Mapping[str, Any] = {}
    networks: Callable = lambda generator, discriminator: (generator, discriminator)


def without_batch_norm(generator, discriminator):
    """Returns the networks, the generator's batch norms replaced by nothing."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from experiments.papers.networks import without_g_norm

    return without_g_norm(generator, discriminator)


SMALL = {"g_learning_rate": 2e-4, "d_learning_rate": 2e-4}
NO_PENALTY = {"penalty": None, "penalty_weight": None}
ARMS_KNOWN = {
    "recipe": Arm("the recipe: classes told, and kinds of each"),
    "classes": Arm("no kinds: classes alone", {"clusters": 0}),
    "kinds": Arm("no classes: kinds alone", {"conditional": False}),
    "neither": Arm("no classes, no kinds", {"conditional": False, "clusters": 0}),
    "no_batch_norm": Arm("no batch norm in G", {}, without_batch_norm),
    "no_penalty": Arm("no R1 + R2", NO_PENALTY),
    "strong_penalty": Arm("R1 + R2 ten times as strong, γ = 0.5", {"penalty_weight": 0.5}),
    "pairing": Arm("pairing loss", {"loss": "relativistic"}),
    "constant": Arm("constant rates", {"schedule": "constant", "decay_images": None}),
    "slow": Arm("rates of 2e-4, `dcgan`'s", SMALL),
    "no_average": Arm("no moving average", {"ema_images": None}),
    "alternating": Arm("Algorithm 1's order", {"update": "alternating"}),
    "bfloat16": Arm("bfloat16, D in float32", {"precision": "mixed_bfloat16"}),
    "plain": Arm("the plain loss: no classes, kinds, penalty, schedule or average; 2e-4; Algorithm 1's order",
                 {"conditional": False, "clusters": 0, "schedule": "constant", "decay_images": None, **SMALL,
                  **NO_PENALTY, "ema_images": None, "update": "alternating"}),
    "no_classes_pairing": Arm("no classes, no kinds, pairing loss", {"conditional": False, "clusters": 0,
                                                                     "loss": "relativistic"}),
}


def main(_: list[str]) -> None:
    """Runs what is missing, then writes tables and pictures of all."""
    if CELL.value:
        cell(*CELL.value.rsplit("-", 1))
        return
    arms = ARMS.value or list(ARMS_KNOWN)
    if unknown := [arm for arm in arms if arm not in ARMS_KNOWN]:
        sys.exit(f"kgan: arms={unknown[0]!r} is unknown; known: {', '.join(ARMS_KNOWN)}.")
    threads = max(1, (os.cpu_count() or 1) // JOBS.value)
    data = {} if DATA_DIR.value is None else {"TFDS_DATA_DIR": DATA_DIR.value}
    names = [f"{arm}-{seed}" for seed in range(SEEDS.value) for arm in arms]
    cells.run(filter(is_missing, names), JOBS.value, data | dict.fromkeys(cells.THREADS, str(threads)))
    if TUTORIAL.value:
        cells.run(filter(is_missing, ("tutorial-0", "alone-0")), 1,
                  data | dict.fromkeys(cells.THREADS, str(os.cpu_count() or 1)))
    stability_report.write(Path(OUT.value), {name: arm.words for name, arm in ARMS_KNOWN.items()})


def is_missing(name: str) -> bool:
    """Tells whether a cell has left no file yet."""
    return not Path(OUT.value, "cells", f"{name}.json").exists()


def cell(arm: str, seed: str) -> None:
    """Trains an arm with a seed, scores it on its way, and writes its file."""
    machine.import_tensorflow()
    from kgan import images, models
    from kgan.data.sources import locate
    from kgan.metrics import frechet, modes, score
    from kgan.scoring.benchmark import open_benchmark

    benchmark = open_benchmark(locate("mnist"), image_size=28, channels=1)
    judge, real = benchmark.judges[0], benchmark.real_predictions[0]
    curve: list[dict[str, float]] = []

    def look(seconds: float, images: int, samples: np.ndarray) -> None:
        drawn = judge.predict(samples)
        shares = modes.shares(drawn.classes, len(benchmark.shares))
        curve.append({"seconds": seconds, "images": images, "fcd": frechet.frechet(real.features, drawn.features),
                      "score": score.classifier_score(drawn.probabilities),
                      "class_kl": modes.class_kl(shares, benchmark.shares)})

    if arm == "tutorial":
        draw, facts = tutorial(benchmark.train.images, benchmark.count, look)
    else:
        chosen = ARMS_KNOWN["recipe" if arm == "alone" else arm]
        trained = cells.fit(models.recipe("dcgan_fast", "mnist").override(seed=int(seed), **chosen.changes), look,
                            SECONDS.value, LOOKS, samples=benchmark.count, steps=20, change=chosen.networks,
                            now=time.monotonic if arm == "alone" else cells.processor_seconds)
        draw, facts = trained.draw, {"images": trained.images, "seconds": trained.seconds,
                                     "recipe": trained.recipe.to_dict()}
    pixels = draw()
    numbers = benchmark.measure(pixels)
    file = Path(OUT.value, "cells", f"{arm}-{seed}.json")
    files.write_json(file, {"arm": arm, "seed": int(seed), "curve": curve, "numbers": numbers, **facts,
                            "threads": cells.threads(), "judge": judge.name, "versions": machine.versions()})
    images.save_grid(pixels[::len(pixels) // 100][:100], file.with_suffix(".png"), columns=10)
    print(f"{arm}-{seed}: {facts['images']:,} images, FCD {numbers['fcd']:.3f}", flush=True)


def tutorial(images: np.ndarray, samples: int, look: cells.Look) -> tuple[Callable, dict[str, Any]]:
    """Trains the TensorFlow tutorial's networks in its loop for ten epochs, with a look after each."""
    import keras

    sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
    import contenders
    import nets

    from kgan.data.stream import stream
    from kgan.sampling import generate

    net = nets.NETS["tutorial"]
    keras.utils.set_random_seed(0)
    generator, discriminator = net.build()
    step = contenders.tutorial_step(generator, discriminator, *(
        keras.optimizers.Adam(net.learning_rate, net.beta_1) for _ in range(2)), net.latent_dim)
    batches = iter(stream(images, batch_size=net.batch_size, seed=0))
    step(next(batches)["image"])  # compiles: a step more than ten epochs

    def draw() -> np.ndarray:
        return generate(generator, range(samples))

    clock, per_epoch = cells.Clock(draw, look, now=time.monotonic), len(images) // net.batch_size
    for epoch in range(1, TUTORIAL_EPOCHS + 1):
        for _ in range(per_epoch):
            step(next(batches)["image"])
        clock.tick(epoch * per_epoch * net.batch_size, end=0)
    return draw, {"images": TUTORIAL_EPOCHS * per_epoch * net.batch_size, "seconds": clock.seconds}


if __name__ == "__main__":
    app.run(main)
