"""Cost as work grows: images/s of the step over batch sizes, and of training over data sizes.

    python experiments/bench/growth.py --out=experiments/results/speed/KIND

Batch sizes take turns on the bare step; data sizes (28×28 pictures made here) take turns on stream and `fit`.
Writes growth.json and growth.png.
"""

import json
from pathlib import Path

import numpy as np
import turns
from absl import app, flags
from matplotlib.figure import Figure

from kgan import models
from kgan.runtime import files, machine

MODEL = flags.DEFINE_string("model", "dcgan", "Networks.")
BATCHES = flags.DEFINE_list("batches", ["16", "32", "64", "128", "256", "512", "1024"], "Batch sizes.")
SIZES = flags.DEFINE_list("sizes", ["2000", "20000", "200000", "1000000"], "Images in the data.")
REPEATS = flags.DEFINE_integer("repeats", 5, "Turns of each.")
IMAGES = flags.DEFINE_integer("images", 2048, "Images in a turn.")
OUT = flags.DEFINE_string("out", None, "Directory for growth.json and growth.png.")


def main(_: list[str]) -> None:
    """Measures, prints and writes."""
    machine.import_tensorflow()
    recipe = models.recipe(MODEL.value)
    result = {"command": turns.command(), "model": MODEL.value,
              "batch_size": in_turn({int(size): bare(recipe, int(size)) for size in BATCHES.value}),
              "images_in_data": in_turn({int(size): fitted(recipe, int(size)) for size in SIZES.value}),
              "versions": machine.versions()}
    print(json.dumps(result, indent=1))
    if OUT.value:
        files.write_json(Path(OUT.value, "growth.json"), result)
        plot(result, Path(OUT.value, "growth.png"))


def in_turn(actions: dict) -> dict:
    """Returns every action's images/s and their median; an action works on IMAGES images."""
    rates = turns.in_turn(actions, IMAGES.value, REPEATS.value)
    return {size: {"images_per_second": rates[size], "median": median} for size, median in turns.medians(rates).items()}


def bare(recipe, batch_size: int):
    """Returns a function that runs the compiled step over IMAGES images."""
    step, batch = turns.step_of(recipe.override(batch_size=batch_size))
    return lambda: [step(batch) for _ in range(IMAGES.value // batch_size)]


def fitted(recipe, count: int):
    """Returns a function that trains on IMAGES of `count` images, from the stream, where the last call stopped."""
    from kgan.data.stream import stream
    from kgan.runs.build import build_gan

    pixels = np.random.default_rng(0).integers(0, 256, (count, *recipe.image_shape), np.uint8)
    gan, steps = build_gan(recipe), IMAGES.value // recipe.batch_size
    data = stream(pixels, batch_size=recipe.batch_size, seed=0)
    return lambda: gan.fit(data, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)


def plot(result: dict, path: Path) -> None:
    """Draws images/s over batch and data size."""
    figure = Figure((9, 3.5), layout="tight")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (name, label) in zip(axes, (("batch_size", "batch size"), ("images_in_data", "images in the data")),
                                   strict=True):
        axis.plot([int(size) for size in result[name]], [one["median"] for one in result[name].values()], "o-")
        axis.set(xscale="log", xlabel=label, ylim=(0, None))
    axes[0].set_ylabel(f"{result['model']}, images/s")
    figure.savefig(path, dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    app.run(main)
