"""What each faster kernel gives: the step with all of them, without one, with none; and what was tried and dropped.

    python experiments/bench/ablation.py --out=experiments/results/speed/KIND

All variants of a network take turns in one process. Writes ablation.json and ablation.md.
"""

import importlib
import json
import statistics
import sys
import time
from pathlib import Path

from absl import app, flags

from kgan import models
from kgan.runtime import machine

NETS = flags.DEFINE_list("nets", ["dcgan", "dcgan_5x5", "dcgan64"], "Networks.")
REPEATS = flags.DEFINE_integer("repeats", 7, "Turns of each variant.")
SECONDS = flags.DEFINE_float("seconds", 2.0, "Length of a turn; at least one step.")
OUT = flags.DEFINE_string("out", None, "Directory for ablation.json and ablation.md.")

WITHOUT = {"convolutions": ("Conv2D", "Conv2DTranspose"), "batch norm": ("BatchNormalization",),
           "dropout": ("Dropout",), "Adam": ("Adam",)}


def main(_: list[str]) -> None:
    """Measures, prints and writes."""
    machine.import_tensorflow()
    result = {"command": " ".join(["python", "experiments/bench/ablation.py", *sys.argv[1:]]),
              "nets": {name: measure(name) for name in NETS.value}, "versions": machine.versions()}
    if OUT.value:
        out = Path(OUT.value)
        out.mkdir(parents=True, exist_ok=True)
        (out / "ablation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (out / "ablation.md").write_text(table(result), encoding="utf-8")
    print(table(result))


def measure(name: str) -> dict:
    """Returns images/s of every variant of one network's step."""
    import tensorflow as tf

    from kgan.batch import Pair
    from kgan.gan import GAN

    class OneBatch(GAN):
        """Real and fake images through D as one batch: the same function only where D has no batch norm."""

        def compare(self, real, fake, key):
            both = real._replace(images=tf.concat([real.images, fake.images], 0))
            return Pair(real, fake, *tf.split(self.discriminate(both, key), 2))

    recipe = models.recipe(name)
    batch = {"image": tf.random.uniform((recipe.batch_size, *recipe.image_shape), -1, 1)}
    gans = {"all": build(recipe, GAN), "none: Keras' own": build(recipe, GAN, *sum(WITHOUT.values(), ())),
            **{f"all but {part}": build(recipe, GAN, *classes) for part, classes in WITHOUT.items()},
            "all, D's two passes as one batch": build(recipe, OneBatch)}
    steps = {label: tf.function(gan.train_step) for label, gan in gans.items()}
    steps["none, through XLA"] = tf.function(build(recipe, GAN, *sum(WITHOUT.values(), ())).train_step,
                                             jit_compile=True)
    for step in steps.values():
        step(batch)
    rates = {label: [] for label in steps}
    for _ in range(REPEATS.value):
        for label, step in steps.items():
            started, count = time.perf_counter(), 0
            while (elapsed := time.perf_counter() - started) < SECONDS.value or not count:
                step(batch)
                count += 1
            rates[label].append(round(count * recipe.batch_size / elapsed, 1))
    return rates


def build(recipe, gan_class, *without: str):
    """Returns a compiled GAN on kgan's kernels, but for the classes `without`."""
    import keras

    from kgan import kernels, losses

    keras.utils.set_random_seed(0)
    module = importlib.import_module(f"kgan.models.{recipe.model}")
    networks = [kernels.faster(network, leave=without)
                for network in (module.build_generator(recipe), module.build_discriminator(recipe))]
    adam = keras.optimizers.Adam if "Adam" in without else kernels.Adam
    gan = gan_class(*networks)
    gan.compile(loss=losses.non_saturating, g_optimizer=adam(2e-4, 0.5), d_optimizer=adam(2e-4, 0.5))
    return gan


def table(result: dict) -> str:
    """Returns the medians as Markdown."""
    nets = result["nets"]
    lines = ["Images/s, medians of alternating turns; in brackets: over all of kgan's kernels.", "",
             f"| kernels | {' | '.join(nets)} |", f"|---|{'---:|' * len(nets)}"]
    for label in next(iter(nets.values())):
        medians = [(statistics.median(rates[label]), statistics.median(rates["all"])) for rates in nets.values()]
        lines.append(f"| {label} | {' | '.join(f'{one:.1f} ({one / whole:.2f})' for one, whole in medians)} |")
    lines += ["", f"`{result['command']}` on "
              f"{', '.join(f'{name} {value}' for name, value in result['versions'].items())}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    app.run(main)
