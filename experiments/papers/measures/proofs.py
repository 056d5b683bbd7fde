"""Measures that no long training decides: theorems checked with numbers, and networks as they are built."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.papers.claims import Evidence
from experiments.papers.jobs import RESULTS
from experiments.papers.lab import Lab
from experiments.papers.measures import discriminators
from experiments.papers.measures.runs import Measure


def bound(lab: Lab) -> Evidence:
    """Checks e^-d + e^-g on every row of every log whose losses are sums of -log D, kept or here."""
    from kgan.recipe import Recipe
    from kgan.runs import log

    each = []
    folders = {file.parent for file in RESULTS.rglob("config.json")} | {
        file.parent for file in lab.runs.glob("*/config.json")}
    for folder in sorted(folders):
        try:
            recipe = Recipe.from_dict(json.loads((folder / "config.json").read_text(encoding="utf-8"))["recipe"])
        except (KeyError, ValueError):
            continue
        rows = log.read(folder / "log.csv")
        if recipe.loss == "non_saturating" and rows:
            sums = [math.exp(-row["d_loss"]) + math.exp(-row["g_loss"]) for row in rows]
            each.append({"run": folder.name, "rows": len(rows), "largest e^-d + e^-g": round(max(sums), 4)})
    rows = sum(one["rows"] for one in each)
    return Evidence(each, f"{rows:,} rows of {len(each)} logs; two losses of 0 would give 2",
                    data=False)


def work_of(model: str, images: int, others: int, epochs: Sequence[int], hours: float) -> Measure:
    """Compares CelebA's operations × images with MNIST's, an observation for each number of epochs.

    `images` are those that D sees of MNIST, `others` those of an epoch of CelebA; `hours` is the ratio of the paper's.
    """
    def measure(lab: Lab) -> Evidence:
        from kgan import models

        grey, colour = (operations(models.build(models.recipe(model).override(channels=channels)))
                        for channels in (1, 3))
        ratios = [number * others * colour / (images * grey) for number in epochs]
        return Evidence([{"epochs": number, "CelebA / MNIST": ratio, "their hours": hours,
                          "off by": max(ratio / hours, hours / ratio)}
                         for number, ratio in zip(epochs, ratios, strict=True)],
                        f"`{model}` has {grey / 1e6:,.1f} million operations for a grey image, {colour / 1e6:,.1f} "
                        "million for one in colour, G and D forward", data=False)
    return measure


def operations(networks: Sequence[Any]) -> int:
    """Returns the operations that an image takes through networks, forward."""
    import tensorflow as tf

    from experiments.studies import cells

    return sum(cells.operations(tf.function(lambda x, one=one: one(x, training=False)).get_concrete_function(
        tf.TensorSpec((1, *one.input_shape[1:]))).graph) for one in networks)


def density_ratio(lab: Lab) -> Evidence:
    """Trains a small D on two known Gaussians, 1-D, G fixed, and compares its logit with the exact log ratio."""
    return Evidence([lab.cached("density_ratio", ratio_numbers)],
                    "p_data = N(0, 1), p_model = N(1, 1.5²); 3,000 steps of 512 draws each, kgan's loss",
                    data=False)


def ratio_numbers(steps: int = 3000) -> dict[str, Any]:
    """Returns D's logits and the exact log p_data/p_model on a grid, and their largest difference from -2 to 2."""
    import keras
    import tensorflow as tf
    from keras import layers

    keras.utils.set_random_seed(0)
    d = keras.Sequential([keras.Input((1,)), layers.Dense(32, "tanh"), layers.Dense(32, "tanh"), layers.Dense(1)])
    optimizer, random = keras.optimizers.Adam(3e-3), np.random.default_rng(0)

    step = discriminators.step_of(d, optimizer)
    for number in range(steps):
        optimizer.learning_rate = 3e-3 * (1 - number / steps)
        step(*(tf.constant(random.normal(mean, sd, (512, 1)), tf.float32) for mean, sd in ((0, 1), (1, 1.5))))
    x = np.linspace(-2, 2, 41)
    exact = np.log(1.5) - x**2 / 2 + (x - 1) ** 2 / (2 * 1.5**2)
    logits = d(x[:, None].astype(np.float32), training=False).numpy()[:, 0]
    return {"x": x.tolist(), "logit": logits.tolist(), "exact": exact.tolist(),
            "largest difference": float(np.abs(logits - exact).max()), "range of the exact": float(np.ptp(exact))}


def gradient_is_a_sum(lab: Lab) -> Evidence:
    """Compares D's gradient of its whole loss with the sum of those of its real and its fake half, per array."""
    import tensorflow as tf

    from kgan import losses, models
    from kgan.images import to_float

    g, d = models.build(models.recipe("dcgan64"))
    random = np.random.default_rng(0)
    real = to_float(random.integers(0, 256, (8, 64, 64, 3), np.uint8))
    fake = g(random.normal(size=(8, 100)).astype(np.float32), training=True)
    with tf.GradientTape(persistent=True) as tape:
        logits = d(real, training=True), d(fake, training=True)
        halves = [tf.reduce_mean(half(*logits)) for half in (losses.non_saturating.real, losses.non_saturating.fake)]
        whole = tf.reduce_mean(losses.non_saturating.discriminator(*logits))
    parts = [tape.gradient(loss, d.trainable_variables) for loss in (whole, *halves)]
    difference = max(float(tf.reduce_max(tf.abs(one - first - second)) / (1e-12 + tf.reduce_max(tf.abs(one))))
                     for one, first, second in zip(*parts, strict=True))
    return Evidence([{"largest difference": difference, "arrays": len(parts[0])}],
                    "`dcgan64`, a batch of 8 random images and one of 8 fakes", data=False)


def initial_weights(lab: Lab) -> Evidence:
    """Measures the initial weights of `dcgan64`'s convolutions, and reads its optimizers' settings."""
    from kgan import models

    recipe = models.recipe("dcgan64")
    kernels = [weight.numpy().ravel() for network in models.build(recipe) for weight in network.trainable_weights
               if len(weight.shape) > 1]
    return Evidence([{"mean": float(np.mean(np.concatenate(kernels))), "largest deviation from 0.02": float(max(
        abs(kernel.std() - 0.02) for kernel in kernels)), "g rate": recipe.g_learning_rate,
        "d rate": recipe.d_learning_rate, "beta_1": recipe.beta_1, "adam": recipe.optimizer == "adam"}],
        "the networks as built with seed 0; batch norm's gammas are N(1, 0.02), as in the tutorial of reference 1",
        data=False)


def layer_counts(expected: Mapping[str, Sequence[int]]) -> Measure:
    """Compares the parameters of the built `dcgan`, layer by layer, with those that the paper prints."""
    def measure(lab: Lab) -> Evidence:
        from kgan import models

        each = []
        for name, network in zip(("generator", "discriminator"), models.build(models.recipe("dcgan")), strict=True):
            built = [layer.count_params() for layer in network.layers if layer.count_params()]
            trainable = int(sum(np.prod(weight.shape) for weight in network.trainable_weights))
            each.append({"network": name, "printed": list(expected[name]),
                         "built": [*built, network.count_params(), trainable]})
        return Evidence(each, "the networks as built: parameters of each layer that has any, total, trainable",
                        data=False)
    return measure
