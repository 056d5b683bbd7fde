"""Images/s of one step by several checkouts or thread settings, in alternating turns: which of them is faster.

    python experiments/bench/builds.py --side=before=OLD --side=after=. --models=dcgan64,pictures --out=builds.json
    python experiments/bench/builds.py --pairs=. --side=inside=. --side=beside=.,TF_NUM_INTRAOP_THREADS=1

A side is NAME=CHECKOUT[,VARIABLE=VALUE,…], a process of its own. --pairs adds as many processes of one thread as there
are processors, at the same time, first with the whole batch, what cores make that share nothing, then with a
processor's part of it: more than cores can make that divide a batch. The first side, or the pairs, are 1.
"""

import os
import subprocess
import sys

import turns
from absl import app, flags

from kgan.runtime import machine

SIDES = flags.DEFINE_multi_string("side", None, "NAME=CHECKOUT[,VARIABLE=VALUE,...]", required=True)
PAIRS = flags.DEFINE_string("pairs", None, "Checkout of which as many processes as processors run, one thread each.")
MODELS = flags.DEFINE_list("models", ["dcgan64", "dcgan_5x5:digits", "dcgan_fast", "pictures", "dcgan"],
                           "Models, each with its data set behind a colon where it isn't the model's own.")
REPEATS = flags.DEFINE_integer("repeats", 7, "Turns of each side.")
SECONDS = flags.DEFINE_float("seconds", 3.0, "Length of a turn.")
OUT = flags.DEFINE_string("out", None, "JSON file.")
ENVIRONMENT = dict(os.environ)  # before this process sets kgan's own defaults
ONE = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), "1")

WORKER = """
import os, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, sys.argv[1])
from kgan.runtime import machine
machine.import_tensorflow()
import tensorflow as tf
from kgan import models
from kgan.runs.build import build_gan
recipe = models.recipe(sys.argv[2], sys.argv[3] or None).override(precision="float32")
recipe = recipe.override(batch_size=recipe.batch_size // int(sys.argv[4]))
gan = build_gan(recipe, [1] * recipe.label_count if recipe.clusters_per_class > 1 else None)
step = tf.function(gan.train_step)
batch = {"image": tf.random.uniform((recipe.images_per_step, *recipe.image_shape), -1, 1)}
if gan.conditional:
    batch["label"] = tf.zeros((recipe.images_per_step,), tf.int64)
step(batch)
print("ready", flush=True)
for line in sys.stdin:
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < float(line):
        step(batch)
        count += 1
    print(count * recipe.images_per_step / (time.perf_counter() - began), flush=True)
"""


class Side:
    """Processes that make steps at the same time when told."""

    def __init__(self, checkout: str, model: str, environment: dict[str, str], count: int = 1,
                 parts: int = 1) -> None:
        name, _, data = model.partition(":")
        command = [sys.executable, "-P", "-c", WORKER, os.path.abspath(checkout), name, data, str(parts)]
        self.processes = [subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           env=ENVIRONMENT | environment) for _ in range(count)]
        for one in self.processes:
            one.stdout.readline()

    def rate(self) -> float:
        """Returns the images/s of all together."""
        for one in self.processes:
            print(SECONDS.value, file=one.stdin, flush=True)
        return round(sum(float(one.stdout.readline()) for one in self.processes), 1)

    def close(self) -> None:
        """Ends them."""
        for one in self.processes:
            one.stdin.close()
            one.wait()


def main(_: list[str]) -> None:
    """Measures, prints and writes."""
    machine.import_tensorflow()
    result: dict = {**turns.facts(), "models": {}}
    for model in MODELS.value:
        sides = {}
        if PAIRS.value:
            count = os.cpu_count() or 1
            sides["a process a processor"] = Side(PAIRS.value, model, ONE, count)
            sides["with its part of a batch"] = Side(PAIRS.value, model, ONE, count, count)
        for side in SIDES.value:
            name, _, rest = side.partition("=")
            checkout, *variables = rest.split(",")
            sides[name] = Side(checkout, model, dict(one.split("=", 1) for one in variables))
        rates: dict = {name: [] for name in sides}
        for turn in range(REPEATS.value):
            for name in list(sides)[::-1 if turn % 2 else 1]:
                rates[name].append(sides[name].rate())
        for one in sides.values():
            one.close()
        medians = turns.medians(rates)
        first = next(iter(medians.values()))
        result["models"][model] = {"images_per_second": rates, "median": medians,
                                   "ratio": {name: round(value / first, 3) for name, value in medians.items()}}
        print(model, result["models"][model]["ratio"], flush=True)
    turns.keep_json(result, OUT.value)


if __name__ == "__main__":
    app.run(main)
