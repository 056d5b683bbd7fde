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

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

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
    """The recipe with changes, and with its generator changed where `generator` is given."""

    words: str
    changes: Mapping[str, Any] = {}
    generator: Callable | None = None


def without_batch_norm(generator):
    """Returns the generator with its batch norms replaced by nothing."""
    import keras

    from kgan import kernels

    class Nothing(keras.layers.Layer):
        def call(self, inputs, training=None, mask=None):
            return inputs

    clone = keras.models.clone_model(kernels.plain(generator), clone_function=lambda layer: (
        Nothing(name=layer.name) if isinstance(layer, keras.layers.BatchNormalization)
        else type(layer).from_config(layer.get_config())))
    return kernels.faster(clone)


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
    out = Path(OUT.value)
    (out / "cells").mkdir(parents=True, exist_ok=True)
    arms = ARMS.value or list(ARMS_KNOWN)
    if unknown := [arm for arm in arms if arm not in ARMS_KNOWN]:
        sys.exit(f"kgan: arms={unknown[0]!r} is unknown; known: {', '.join(ARMS_KNOWN)}.")
    wanted = [f"{arm}-{seed}" for seed in range(SEEDS.value) for arm in arms]
    missing = [name for name in wanted if not (out / "cells" / f"{name}.json").exists()]
    threads = max(1, (os.cpu_count() or 1) // JOBS.value)
    with ThreadPoolExecutor(JOBS.value) as pool:
        list(pool.map(lambda name: run(name, threads), missing))
    if TUTORIAL.value:
        for name in ("tutorial-0", "alone-0"):
            if not (out / "cells" / f"{name}.json").exists():
                run(name, os.cpu_count() or 1)
    stability_report.write(out, {name: arm.words for name, arm in ARMS_KNOWN.items()})


def run(name: str, threads: int) -> None:
    """Runs a cell in a process of its own."""
    flags_given = [f"--cell={name}", f"--out={OUT.value}", f"--seconds={SECONDS.value}"]
    places = {} if DATA_DIR.value is None else {"TFDS_DATA_DIR": DATA_DIR.value}
    cpus = {name: str(threads) for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
    print(f"{name} …", flush=True)
    subprocess.run([sys.executable, __file__, *flags_given], env=os.environ | places | cpus, check=True)


def cell(arm: str, seed: str) -> None:
    """Trains an arm with a seed, scores it on its way, and writes its file."""
    machine.import_tensorflow()
    from kgan import images
    from kgan.data.sources import locate
    from kgan.scoring.benchmark import open_benchmark

    benchmark = open_benchmark(locate("mnist"), image_size=28, channels=1)
    trained = tutorial(benchmark) if arm == "tutorial" else train(arm, int(seed), benchmark)
    curve, draw, facts = trained
    pixels = draw(benchmark.count)
    numbers = benchmark.measure(pixels)
    result = {"arm": arm, "seed": int(seed), "curve": curve, "numbers": numbers, **facts,
              "threads": int(os.environ["TF_NUM_INTRAOP_THREADS"]), "judge": benchmark.judges[0].name,
              "versions": machine.versions()}
    file = Path(OUT.value, "cells", f"{arm}-{seed}.json")
    images.save_grid(pixels[::len(pixels) // 100][:100], file.with_suffix(".png"), columns=10)
    with files.replacing(file) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{arm}-{seed}: {facts['images']:,} images, FCD {numbers['fcd']:.3f}", flush=True)


def processor_time() -> float:
    """Seconds of the processor's time that this process has had on each of its cores, on average."""
    return time.process_time() / int(os.environ["TF_NUM_INTRAOP_THREADS"])


class Clock:
    """Training time, and scores at LOOKS, whose own time does not count."""

    def __init__(self, benchmark: Any, draw: Callable, now: Callable[[], float]) -> None:
        self.benchmark, self.draw, self.now = benchmark, draw, now
        self.looks = [look for look in LOOKS if look < SECONDS.value]
        self.curve: list[dict[str, float]] = []
        self.spent = 0.0
        self.began = self.now()

    def tick(self, seen: int, look: bool | None = None) -> float:
        """Notes the time, scores when it is due, or when `look` says so; returns the seconds of training."""
        self.spent += self.now() - self.began
        due = bool(self.looks) and self.spent >= self.looks[0]
        if due if look is None else look:
            self.looks = [one for one in self.looks if one > self.spent]
            judge, real = self.benchmark.judges[0], self.benchmark.real_predictions[0]
            from kgan.metrics import frechet, modes, score

            drawn = judge.predict(self.draw(self.benchmark.count))
            shares = modes.shares(drawn.classes, len(self.benchmark.shares))
            self.curve.append({"seconds": self.spent, "images": seen,
                               "fcd": frechet.frechet(real.features, drawn.features),
                               "score": score.classifier_score(drawn.probabilities),
                               "class_kl": modes.class_kl(shares, self.benchmark.shares)})
        self.began = self.now()
        return self.spent


def train(arm: str, seed: int, benchmark: Any) -> tuple[list, Callable, dict[str, Any]]:
    """Trains an arm for SECONDS; returns its curve, what draws its samples, and facts."""
    import keras

    from kgan import latent, models
    from kgan.data.sources import locate
    from kgan.data.stream import stream
    from kgan.runs.build import build_gan
    from kgan.runs.training_data import prepare

    chosen = ARMS_KNOWN["recipe" if arm == "alone" else arm]
    recipe = models.recipe("dcgan_fast", "mnist").override(seed=seed, **chosen.changes)
    data = prepare(locate("mnist"), recipe)
    recipe = dataclasses.replace(recipe, classes=data.classes)
    generator, discriminator = models.build(recipe)
    networks = (chosen.generator(generator) if chosen.generator else generator, discriminator)
    gan = build_gan(recipe, data.cluster_counts, networks)

    def draw(count: int):
        counts = data.class_counts
        return gan.generate(range(count), None if counts is None else latent.proportional_labels(counts, count))

    class Seconds(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = clock.tick(int(gan.step) * recipe.images_per_step) >= SECONDS.value

    def fit(steps: int, epochs: int, *callbacks: keras.callbacks.Callback) -> None:
        batches = stream(data.prepared.images, batch_size=recipe.images_per_step, seed=seed, labels=data.labels)
        gan.fit(batches, steps_per_epoch=steps, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks))

    before = gan.state()
    fit(2, 1)  # compiles
    draw(64)
    gan.load_state(before)
    clock = Clock(benchmark, draw, time.monotonic if arm == "alone" else processor_time)
    fit(20, 10**9, Seconds())
    seen = int(gan.step) * recipe.images_per_step
    clock.tick(seen, look=True)
    return clock.curve, draw, {"images": seen, "seconds": clock.spent, "recipe": recipe.to_dict()}


def tutorial(benchmark: Any) -> tuple[list, Callable, dict[str, Any]]:
    """Trains the TensorFlow tutorial's networks in its loop for ten epochs, scored after each."""
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
    images = benchmark.train.images
    batches = iter(stream(images, batch_size=net.batch_size, seed=0))
    step(next(batches)["image"])  # compiles: a step more than ten epochs

    def draw(count: int):
        return generate(generator, range(count))

    clock, per_epoch = Clock(benchmark, draw, time.monotonic), len(images) // net.batch_size
    clock.looks = []
    for epoch in range(TUTORIAL_EPOCHS):
        for _ in range(per_epoch):
            step(next(batches)["image"])
        clock.tick((epoch + 1) * per_epoch * net.batch_size, look=True)
    return clock.curve, draw, {"images": TUTORIAL_EPOCHS * per_epoch * net.batch_size, "seconds": clock.spent}


if __name__ == "__main__":
    app.run(main)
