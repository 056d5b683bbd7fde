"""Does a strategy cost quality, or speed? Two logical devices against one, and one device with and without a strategy.

    TFDS_DATA_DIR=… python experiments/studies/devices.py --out=experiments/results/scaling/devices.md

Quality: 200 steps of `dcgan` and `dcgan_fast` by their recipes (Adam, dropout, batch norm) on MNIST, three seeds,
on one device and on two; FCD of 5,000 samples by the carried judge. Speed: images/s of `dcgan_fast` on one device
through MirroredStrategy, over those without a strategy, turn by turn in one process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cells
import numpy as np

from kgan.runtime import files, machine

MODELS, SEEDS, STEPS, SAMPLES = ("dcgan", "dcgan_fast"), (0, 1, 2), 200, 5000


def quality(name, strategy, seed, judged):
    """Returns the FCD of one run."""
    from kgan import models
    from kgan.data import sources
    from kgan.runs import loop
    from kgan.runs.directory import Run
    from kgan.runs.generators import open_generator
    from kgan.sampling import classes, generate

    recipe = models.recipe(name, "mnist").override(seed=seed, steps=STEPS, tick=STEPS, precision="float32")
    with tempfile.TemporaryDirectory() as place:
        run = Run(Path(place, "run"))
        loop.train(run, recipe, sources.locate("mnist"), strategy=strategy)
        generator = open_generator(run.path)
    labels = np.arange(SAMPLES) % classes(generator) if classes(generator) else None
    return judged(generate(generator, range(SAMPLES), labels))


def judge():
    """Returns what gives the FCD of uint8 images to MNIST's test images, by the carried judge."""
    from kgan import models
    from kgan.data import cache, sources
    from kgan.metrics.frechet import frechet
    from kgan.scoring.benchmark import open_judges

    recipe, source = models.recipe("dcgan", "mnist"), sources.locate("mnist")
    prepared, test = cache.prepare(source, **recipe.image_settings), cache.prepare_test(source, **recipe.image_settings)
    first = open_judges(source.name, prepared, test)[0]
    real = first.predict(test.images).features
    return lambda images: float(frechet(real, first.predict(images).features))


def speed(turns, steps):
    """Returns the ratios of images/s, one a turn."""
    import tensorflow as tf

    from kgan import models
    from kgan.data.stream import stream
    from kgan.runs import devices as distribution
    from kgan.runs.build import build_gan

    recipe = models.recipe("dcgan_fast", "mnist").override(precision="float32")
    images = np.random.default_rng(0).integers(0, 256, (4096, *recipe.image_shape), dtype=np.uint8)
    labels = np.arange(4096) % recipe.label_count
    ways = {}
    strategies = {"without": tf.distribute.get_strategy(), "with": tf.distribute.MirroredStrategy(["CPU:0"])}
    for name, devices in strategies.items():
        with devices.scope():
            gan = build_gan(recipe, [1] * recipe.label_count)
        data = distribution.distributed(devices, lambda part: stream(
            images, batch_size=recipe.images_per_step, seed=0, labels=labels, part=part))
        ways[name] = lambda gan=gan, data=data: gan.fit(data, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
        ways[name]()
    ratios = []
    for turn in range(turns):
        seconds = {}
        for name in sorted(ways, reverse=bool(turn % 2)):
            began = time.perf_counter()
            ways[name]()
            seconds[name] = time.perf_counter() - began
        ratios.append(seconds["without"] / seconds["with"])
    return ratios


def work(part, *arguments):
    """Measures one part, in a process of its own: TensorFlow's collectives don't bear several groups in one."""
    machine.import_tensorflow()
    cells.logical_devices(2)
    if part == "speed":
        return speed(int(arguments[0]), 30)
    name, strategy, seed = arguments
    return quality(name, strategy, int(seed), judge())


def child(*arguments):
    """Returns what `work` returns."""
    command = [sys.executable, __file__, "--work", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def main():
    """Measures, prints and keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="Markdown file")
    parser.add_argument("--turns", type=int, default=15)
    arguments = parser.parse_args()
    ratios = child("speed", arguments.turns)
    low, middle, high = np.percentile(ratios, [5, 50, 95])
    lines = ["# What a strategy costs", "", "`python experiments/studies/devices.py`, float32.", "",
             "**Speed.** Images/s of `dcgan_fast` on one device through MirroredStrategy, over those without one: "
             f"{middle:.3f} ({low:.3f} to {high:.3f}, the middle nine tenths of {len(ratios)} turns of 30 steps).", "",
             f"**Quality.** FCD after {STEPS} steps on MNIST, {SAMPLES:,} samples, seeds 0, 1, 2.", "",
             "| model | one device | two devices |", "|---|---|---|"]
    for name in MODELS:
        found = [[child("quality", name, strategy, seed) for seed in SEEDS] for strategy in ("one", "mirrored")]
        lines.append(f"| `{name}` | " + " | ".join(", ".join(f"{one:.2f}" for one in each) for each in found) + " |")
        print(lines[-1], flush=True)
    machine.import_tensorflow()
    text = "\n".join([*lines, "", f"Versions: {machine.in_words(machine.versions())}.", ""])
    files.write_text(Path(arguments.out), text)
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        print(json.dumps(work(*sys.argv[2:])))
    else:
        main()
