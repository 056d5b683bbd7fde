"""Images/s of the orders of updates, and what penalties cost, in paired turns of one process.

    python experiments/bench/orders.py --out=experiments/results/speed/KIND

Networks are Zhao's (`dcgan`) and the TensorFlow tutorial's (`dcgan_alvarez`), each at its recipe's batch size, with the
tutorial's own loop beside them: one pass of G, two of D, both gradients, both updates. Penalties are on `dcgan` without
dropout, in the recipe's order. Writes orders.json and orders.md.
"""

import statistics

import turns
from absl import app, flags

from kgan import models
from kgan.runtime import machine

REPEATS = flags.DEFINE_integer("repeats", 9, "Turns of each.")
SECONDS = flags.DEFINE_float("seconds", 3.0, "Length of a turn; at least one step.")
OUT = flags.DEFINE_string("out", None, "Directory for orders.json and orders.md.")

ORDERS = ("alternating", "shared", "simultaneous")
PENALTIES = {
    "no penalty": {},
    "R1 + R2 by finite differences, a quarter": {"penalty": "r1_r2", "penalty_weight": 1.0, "penalty_sigma": 0.01,
                                                 "penalty_share": 0.25},
    "R1 + R2 by finite differences, all": {"penalty": "r1_r2", "penalty_weight": 1.0, "penalty_sigma": 0.01},
    "R1 + R2 exact, a quarter": {"penalty": "r1_r2", "penalty_weight": 1.0, "penalty_share": 0.25},
    "R1 + R2 exact, all": {"penalty": "r1_r2", "penalty_weight": 1.0},
    "WGAN-GP": {"penalty": "wgan_gp", "penalty_weight": 10.0},
}


def main(_: list[str]) -> None:
    """Measures, prints and writes."""
    machine.import_tensorflow()
    result = {"command": turns.command(), "cells": {}}
    for name in ("dcgan", "dcgan_alvarez"):
        steps = {order: kgan(name, update=order) for order in ORDERS}
        result["cells"][f"{name}, orders"] = in_turn(steps | {"TF tutorial's loop": tutorial(name)}, name)
    result["cells"]["dcgan, penalties"] = in_turn(
        {label: kgan("dcgan", dropout=0.0, **settings) for label, settings in PENALTIES.items()}, "dcgan")
    result["versions"] = machine.versions()
    turns.keep(result, OUT.value, "orders", table(result))


def kgan(name: str, **changes):
    """Returns one compiled step of a recipe with `changes`."""
    step, batch = turns.step_of(models.recipe(name).override(**changes))
    return lambda: step(batch)


def tutorial(name: str):
    """Returns the TensorFlow tutorial's loop on the model's networks, in Keras' own layers, with Keras' Adam."""
    import contenders
    import nets

    recipe = models.recipe(name)
    return contenders.contend_tutorial(name, "float32", recipe.batch_size, nets.paper(name))[0]


def in_turn(steps: dict, name: str) -> dict[str, list[float]]:
    """Returns every contender's images/s, a number for each turn."""
    return turns.in_turn(steps, models.recipe(name).batch_size, REPEATS.value, SECONDS.value)


def table(result: dict) -> str:
    """Returns medians, and medians of the turns' ratios to the first row, as Markdown."""
    lines = ["Images/s, medians of alternating turns; ratios are medians over the turns, in brackets the extremes."]
    for cell, rates in result["cells"].items():
        base = next(iter(rates.values()))
        lines += ["", f"| {cell} | images/s | over the first row |", "|---|---:|---:|"]
        for label, values in rates.items():
            ratios = [one / first for one, first in zip(values, base, strict=True)]
            lines.append(f"| {label} | {statistics.median(values):.0f} | {statistics.median(ratios):.2f} "
                         f"({min(ratios):.2f} to {max(ratios):.2f}) |")
    return "\n".join([*lines, turns.footer(result)])


if __name__ == "__main__":
    app.run(main)
