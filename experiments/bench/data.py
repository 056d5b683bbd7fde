"""Data against training, in one run: stream throughput, preparation, and a set far larger than the memory it takes.

    python experiments/bench/data.py --out=experiments/results/data.json

Pictures are made here, from seeds: 256 JPEGs of smooth noise, repeated under as many names as are wanted.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import turns
from absl import app, flags
from pictures import make_zip

from kgan import models
from kgan.data import cache, sources
from kgan.runtime import machine

SMALL = flags.DEFINE_integer("small", 20_000, "JPEGs of 32×32 to prepare.")
LARGE = flags.DEFINE_integer("large", 200_000, "JPEGs of 64×64 to train on.")
REPEATS = flags.DEFINE_integer("repeats", 5, "Measurements of each throughput.")
OUT = flags.DEFINE_string("out", None, "JSON file to write.")
WARM = flags.DEFINE_string("warm", None, "Internal: measure a warm cache on this zip.")


def main(_: list[str]) -> None:
    """Measures, prints and writes."""
    if WARM.value:
        print(json.dumps(warm(WARM.value)))
        return
    machine.import_tensorflow()
    result = turns.facts()
    result["stream"] = [stream_against_training(*case) for case in (("dcgan", 10, 20), ("dcgan64", 5, 1))]
    with tempfile.TemporaryDirectory() as directory:
        os.environ["KGAN_CACHE_DIR"] = str(Path(directory) / "cache")
        small, large = Path(directory) / "small.zip", Path(directory) / "large.zip"
        make_zip(small, SMALL.value, 32)
        make_zip(large, LARGE.value, 64)
        result["prepare"] = {"images": SMALL.value, "seconds": prepare_seconds(small, 32), "at_most": 30}
        result["large"] = {"images": LARGE.value, "prepare_seconds": prepare_seconds(large, 64)}
        measured = subprocess.run([sys.executable, __file__, f"--warm={large}"], check=True, stdout=subprocess.PIPE)
        result["large"] |= json.loads(measured.stdout)
    turns.keep_json(result, OUT.value)


def stream_against_training(model: str, at_least: int, steps: int) -> dict:
    """Returns images/s of the stream alone and of the bare train step, measured in turn, and the medians' ratio."""
    import tensorflow as tf

    from kgan.data.stream import stream
    from kgan.runs.build import build_gan

    recipe = models.recipe(model)
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, *recipe.image_shape), np.uint8)
    batches = iter(stream(pixels, batch_size=recipe.batch_size, seed=0, flip=True))
    step, batch = tf.function(build_gan(recipe).train_step), next(batches)
    step(batch)

    pairs = [(turns.rate(lambda: [next(batches) for _ in range(300)], 300 * recipe.batch_size),
              turns.rate(lambda: [step(batch) for _ in range(steps)], steps * recipe.batch_size))
             for _ in range(REPEATS.value)]
    streamed, trained = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"model": model, "batch_size": recipe.batch_size, "shape": recipe.image_shape,
            "stream_images_per_second": [round(pair[0]) for pair in pairs],
            "training_images_per_second": [round(pair[1], 1) for pair in pairs],
            "ratio_of_medians": round(streamed / trained, 1), "at_least": at_least}


def prepare_seconds(path: Path, size: int) -> float:
    """Returns how long the first preparation takes, listing and hashing included."""
    started = time.perf_counter()
    cache.prepare(sources.locate(None, str(path)), image_size=size, channels=3)
    return round(time.perf_counter() - started, 1)


def warm(path: str) -> dict:
    """Trains dcgan64 for a few steps from a warm cache; returns seconds to the first batch, and peak memory in MB."""
    machine.import_tensorflow()
    from kgan.data.stream import stream
    from kgan.runs.build import build_gan

    recipe = models.recipe("dcgan64")
    peaks = {"RssAnon": 0, "RssFile": 0}

    def watch() -> None:
        while True:
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                name, _, value = line.partition(":")
                if name in peaks:
                    peaks[name] = max(peaks[name], int(value.split()[0]) // 1024)
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()
    started = time.perf_counter()
    prepared = cache.prepare(sources.locate(None, path), image_size=64, channels=3)
    data = stream(prepared.images, labels=prepared.labels, batch_size=recipe.batch_size, seed=0)
    next(iter(data))
    first = time.perf_counter() - started
    build_gan(recipe).fit(data, steps_per_epoch=10, epochs=1, verbose=0)
    return {"first_batch_seconds": round(first, 2), "first_batch_at_most": 5, "trained_steps": 10,
            "peak_anonymous_mb": peaks["RssAnon"], "anonymous_at_most_mb": 2500, "peak_mapped_mb": peaks["RssFile"]}


if __name__ == "__main__":
    app.run(main)
