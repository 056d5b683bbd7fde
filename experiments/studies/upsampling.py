r"""How `pictures` gets from small maps to large ones: what each way gives in equal seconds of one core.

    python -m experiments.studies.upsampling --data=cifar10_20k.zip --out=experiments/results/pictures/upsampling

Each arm is a process of its own on one thread. It changes G's doublings or D's halvings, else it is `pictures` at
64×64, told nothing. Writes OUT/cells/ARM-SEED.json and the samples' grid beside it; OUT/README.md of all cells.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

from experiments.papers.networks import as_it_is, rebuilt
from experiments.studies import cells
from kgan.runtime import files, machine

DATA = flags.DEFINE_string("data", None, "Folder or zip of pictures.", required=True)
OUT = flags.DEFINE_string("out", None, "Directory for cells and page.", required=True)
SECONDS = flags.DEFINE_float("seconds", 300, "Of training, of one core, for each cell.")
SEEDS = flags.DEFINE_integer("seeds", 1, "Seeds of each arm, from 0.")
ARMS = flags.DEFINE_list("arms", None, "Which ones; absent: all.")
JOBS = flags.DEFINE_integer("jobs", 1, "Cells at a time.")
CELL = flags.DEFINE_string("cell", None, "Used by the command itself.")
IMAGES = 60_000  # that the schedules of rate, γ and moving average are made for: about what 300 seconds take
SAMPLES = 2000


def is_filter(layer: Any) -> bool:
    """Tells whether this is a fixed filter."""
    return type(layer).__name__ == "DepthwiseConv2D" and not layer.trainable


def without_filter(layer: Any) -> Any:
    """Returns the layer anew, or None for a fixed filter."""
    return None if is_filter(layer) else as_it_is(layer)


def doubled(kind: str) -> Any:
    """Returns what makes a stage of G, in place of a transposed convolution and its filter.

    Args:
        kind: "shuffle", four times the channels by a 3×3 convolution, laid out as blocks of 2×2 (Shi et al. 2016,
            arXiv:1609.05158, section 3.2); "bilinear" or "nearest", enlarged by interpolation, then a 3×3 convolution
            (Odena et al. 2016, https://distill.pub/2016/deconv-checkerboard).
    """
    import keras
    import tensorflow as tf

    class Doubled(keras.layers.Layer):
        def __init__(self, filters: int, **keywords: Any) -> None:
            super().__init__(**keywords)
            times = 4 if kind == "shuffle" else 1
            self.convolution = keras.layers.Conv2D(times * filters, 3, padding="same", kernel_initializer="he_normal")
            self.enlarge = None if kind == "shuffle" else keras.layers.UpSampling2D(interpolation=kind)

        def build(self, shape: Any) -> None:
            self.convolution.build(shape)

        def call(self, x: Any) -> Any:
            if self.enlarge is None:
                return tf.nn.depth_to_space(self.convolution(x), 2)
            return self.convolution(self.enlarge(x))

    def change(layer: Any) -> Any:
        if type(layer).__name__ == "Conv2DTranspose":
            return Doubled(layer.filters, name=layer.name)
        return without_filter(layer)

    return change


def filtered_halving(layer: Any) -> Any:
    """Returns a strided convolution of D with the fixed filter before it, any other layer anew (Zhang 2019)."""
    import keras

    from kgan.models.pictures import BINOMIAL

    if type(layer).__name__ == "Conv2D" and layer.strides == (2, 2):
        return keras.Sequential([keras.layers.DepthwiseConv2D(
            3, padding="same", use_bias=False, trainable=False,
            depthwise_initializer=keras.initializers.Constant(BINOMIAL)), as_it_is(layer)], name=layer.name)
    return as_it_is(layer)


ARMS_KNOWN = {  # words, what is made of G's layers, what of D's
    "filter": ("transposed convolutions, each with a fixed filter behind it: the recipe", as_it_is, as_it_is),
    "none": ("transposed convolutions alone", without_filter, as_it_is),
    "shuffle": ("3×3 convolutions and pixel shuffle", "shuffle", as_it_is),
    "nearest": ("nearest neighbours, then 3×3 convolutions", "nearest", as_it_is),
    "bilinear": ("bilinear interpolation, then 3×3 convolutions", "bilinear", as_it_is),
    "filter_in_d": ("the filter before D's strides alone", without_filter, filtered_halving),
    "filter_in_both": ("the filter in G and before D's strides", as_it_is, filtered_halving),
}


def main(_: list[str]) -> None:
    """Runs what is missing, then writes the page of all."""
    if CELL.value:
        cell(*CELL.value.rsplit("-", 1))
        return
    names = [f"{arm}-{seed}" for seed in range(SEEDS.value) for arm in ARMS.value or ARMS_KNOWN]
    if unknown := [name for name in names if name.rsplit("-", 1)[0] not in ARMS_KNOWN]:
        sys.exit(f"kgan: arm {unknown[0].rsplit('-', 1)[0]!r} is unknown; known: {', '.join(ARMS_KNOWN)}.")
    missing = [name for name in names if not Path(OUT.value, "cells", f"{name}.json").exists()]
    cells.run(missing, JOBS.value, dict.fromkeys(cells.THREADS, "1"))
    files.write_text(Path(OUT.value, "README.md"), page())


def cell(arm: str, seed: str) -> None:
    """Trains an arm with a seed, scores it, and writes its file."""
    machine.import_tensorflow()
    from kgan import images, models
    from kgan.data.sources import locate
    from kgan.scoring.benchmark import open_benchmark

    source = locate(None, DATA.value)
    benchmark = open_benchmark(source, image_size=64, channels=3, count=SAMPLES)
    _, in_g, in_d = ARMS_KNOWN[arm]
    in_g = doubled(in_g) if isinstance(in_g, str) else in_g
    recipe = models.recipe("pictures").override(
        dataset=None, conditional=False, precision="float32", seed=int(seed), images=IMAGES, decay_images=IMAGES,
        ema_images=IMAGES // 20)
    trained = cells.fit(recipe, lambda *_: None, SECONDS.value, (), samples=benchmark.count, steps=20, source=source,
                        change=lambda g, d: (rebuilt(g, in_g), rebuilt(d, in_d)))
    pixels = trained.draw()
    stem = Path(OUT.value, "cells", f"{arm}-{seed}")
    stem.parent.mkdir(parents=True, exist_ok=True)
    images.save_grid(pixels[:64], stem.with_suffix(".png"))
    files.write_json(stem.with_suffix(".json"), {
        "arm": arm, "seed": int(seed), "images": trained.images, "seconds": trained.seconds,
        "parameters": [trained.gan.generator.count_params(), trained.gan.discriminator.count_params()],
        "numbers": benchmark.measure(pixels), "versions": machine.versions()})
    print(stem.name, trained.images, flush=True)


def page() -> str:
    """Returns the table of all cells."""
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(Path(OUT.value, "cells").glob("*.json"))]
    order = [*ARMS_KNOWN]
    lines = []
    for row in sorted(rows, key=lambda one: (order.index(one["arm"]), one["seed"])):
        seen = row["numbers"]
        lines.append(f"| {ARMS_KNOWN[row['arm']][0]} | {row['seed']} | {row['images']:,} | {seen['fcd32']:.2f} | "
                     f"{1000 * seen['kid32']:.0f} | {seen['recall']:.2f} | {seen['checkerboard']:.1f} | "
                     f"{np.sum(row['parameters']):,} |\n")
    head = f"| | seed | images | FCD-32 | KID-32 ×10³ | recall | checkerboard | parameters |\n{'|---' * 8}|\n"
    seconds = {round(row["seconds"]) for row in rows}
    return (f"# Doublings of `pictures`\n\n64×64, told nothing, {min(seconds)} to {max(seconds)} s of one core each, "
            f"schedules of {IMAGES:,} images, {SAMPLES:,} samples. *checkerboard* is named above 6.\n\n"
            f"{head}{''.join(lines)}")


if __name__ == "__main__":
    app.run(main)
