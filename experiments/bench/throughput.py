"""Throughput of the training command against a bare loop over the same step, in one run.

    python experiments/bench/throughput.py --out=experiments/results/throughput.json

The bare loop calls the compiled train step on one constant batch. The command's side is `kgan.runs.loop.train`, with
data, log, grids and checkpoints. Both exclude compilation; they alternate, and the medians are compared.
"""

import statistics
import tempfile
from pathlib import Path

import turns
from absl import app, flags

from kgan import models
from kgan.data import sources
from kgan.runs.directory import Run
from kgan.runtime import machine

MODEL = flags.DEFINE_string("model", "dcgan", "Model to train, on digits.")
STEPS = flags.DEFINE_integer("steps", 250, "Steps per measurement.")
REPEATS = flags.DEFINE_integer("repeats", 5, "Measurements per side.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Images per step.")
OUT = flags.DEFINE_string("out", None, "JSON file to write.")


def main(_: list[str]) -> None:
    """Measures, prints and writes the two rates and their ratio."""
    machine.import_tensorflow()
    from kgan.runs import loop

    recipe = models.recipe(MODEL.value, "digits").override(batch_size=BATCH_SIZE.value, steps=1)
    step, batch = turns.step_of(recipe)
    step(batch)

    def bare() -> float:
        return turns.rate(lambda: [step(batch) for _ in range(STEPS.value)], STEPS.value * recipe.images_per_step)

    with tempfile.TemporaryDirectory() as directory:
        run, source = Run(Path(directory) / "run"), sources.locate("digits")

        def command(repeat: int) -> float:
            longer = recipe.override(steps=(repeat + 1) * STEPS.value)
            return loop.train(run, longer, source).images_per_second

        rates = [(bare(), command(repeat)) for repeat in range(REPEATS.value)]
    bare_rate, command_rate = (statistics.median(side) for side in zip(*rates, strict=True))
    result = {
        **turns.facts(),
        "recipe": recipe.to_dict(),
        "steps_per_measurement": STEPS.value,
        "bare_images_per_second": [round(rate, 1) for rate, _ in rates],
        "command_images_per_second": [round(rate, 1) for _, rate in rates],
        "ratio_of_medians": round(command_rate / bare_rate, 3),
    }
    turns.keep_json(result, OUT.value)


if __name__ == "__main__":
    app.run(main)
