"""What the paper's ProGAN costs at each resolution up to 128×128: time and memory of a step here, operations, hours.

    python experiments/studies/progan_128.py --out=experiments/results/progan

Operations are TensorFlow's count of the compiled step's (a multiplication and an addition are two). Hours on a GPU are
an estimate: those operations over RATE, nothing measured.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cells
from absl import app, flags

from kgan.runtime import files, machine, templates

OUT = flags.DEFINE_string("out", "experiments/results/progan", "Where the table goes.")
RATE = flags.DEFINE_float("rate", 20.0, "10¹² operations a second that the GPU is assumed to do.", lower_bound=0.1)
SIZE = flags.DEFINE_integer("size", None, "Measure this resolution, in this process; for the script itself.")
SIZES = (4, 8, 16, 32, 64, 128)


def main(_: Sequence[str]) -> None:
    """Measures each resolution in a process of its own, and writes the table."""
    if SIZE.value is not None:
        print(measure(SIZE.value))
        return
    rows, hours = [], 0.0
    for size in SIZES:
        out = subprocess.run([sys.executable, __file__, f"--size={size}"], check=True, text=True, capture_output=True)
        milliseconds, seconds, operations, memory = map(float, out.stdout.split())
        phases = 1 if size == SIZES[0] else 2
        here = phases * 800_000 / 16 * milliseconds / 3.6e6
        there = phases * 800_000 / 16 * operations / (RATE.value * 1e12) / 3600
        hours += there
        rows.append(f"| {size}×{size} | {milliseconds:,.0f} ms | {16_000 / milliseconds:,.1f} | {seconds:.0f} s | "
                    f"{memory / 1024:,.1f} GB | {operations / 1e9:,.0f} | {here:,.0f} h | {there:.1f} h |")
        print(rows[-1], flush=True)
    machine.import_tensorflow()
    text = templates.markdown(Path(__file__).with_suffix(".jinja"), rows=rows, hours=hours, rate=RATE.value,
                              facts=machine.versions())
    files.write_text(Path(OUT.value, "cost.md"), text)


def measure(size: int) -> str:
    """Returns milliseconds of a step, seconds of the first, operations, and peak memory in MB."""
    machine.import_tensorflow()
    import tensorflow as tf

    from kgan import models
    from kgan.runs.build import build_gan

    recipe = models.recipe("progan").override(image_size=size, grow_images=0, steps=1)
    gan = build_gan(recipe)
    step = tf.function(gan.train_step)
    data = {"image": tf.random.stateless_uniform((16, size, size, 3), (0, 0), -1, 1)}
    began = time.monotonic()
    step(data)
    first = time.monotonic() - began
    graph = step.get_concrete_function(data).graph
    operations = cells.operations(graph)
    count, began = max(2, 64 // size), cells.processor_seconds()
    for _ in range(count):
        step(data)
    milliseconds = 1000 * (cells.processor_seconds() - began) / count
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{milliseconds} {first} {operations} {memory}"


if __name__ == "__main__":
    app.run(main)
