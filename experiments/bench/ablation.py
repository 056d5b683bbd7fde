"""What each faster kernel gives: the step with all of them, without one, with none; and what was tried and dropped.

    python experiments/bench/ablation.py --out=experiments/results/speed/KIND

All variants of a network take turns in one process. Writes ablation.json and ablation.md.
"""

import functools
import importlib

import turns
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
    result = {"command": turns.command(), "nets": {name: measure(name) for name in NETS.value},
              "versions": machine.versions()}
    turns.keep(result, OUT.value, "ablation", table(result))


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
    return turns.in_turn({label: functools.partial(step, batch) for label, step in steps.items()}, recipe.batch_size,
                         REPEATS.value, SECONDS.value)


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
    nets = {name: turns.medians(rates) for name, rates in result["nets"].items()}
    lines = ["Images/s, medians of alternating turns; in brackets: over all of kgan's kernels.", "",
             f"| kernels | {' | '.join(nets)} |", f"|---|{'---:|' * len(nets)}"]
    for label in next(iter(nets.values())):
        cells = [f"{rates[label]:.1f} ({rates[label] / rates['all']:.2f})" for rates in nets.values()]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join([*lines, turns.footer(result)])


if __name__ == "__main__":
    app.run(main)
