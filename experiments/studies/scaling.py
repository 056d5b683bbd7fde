"""What a step costs and sends, and what follows for many accelerators.

    python experiments/studies/scaling.py --out=experiments/results/scaling             # costs, prediction
    python experiments/studies/scaling.py --out=experiments/results/scaling --loopback  # bytes of 1, 2, 4 processes

Costs: floating-point operations of the convolutions and products in the traced step, by TensorFlow's profiler; the
gradients' bytes; images/s here, medians of turns. Sent: the all-reduces in the step traced on two devices.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cells

from kgan.runtime import files, machine, templates

# What is assumed of an accelerator and its network, for the prediction: a GPU of 2020 that reaches a quarter of its
# 156·10¹² float32 operations a second (TF32), eight to a machine, links of 100 GB/s inside and 100 Gbit/s between.
RATE, INSIDE, BETWEEN, EACH, LATENCY = 39e12, 100e9, 12.5e9, 8, 20e-6
ACCELERATORS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def recipe_of(name):
    """Returns the recipe of a model in float32: of its own data where those are colour, else of digits."""
    from kgan import models

    own = models.recipe(name)
    data = own.dataset if own.image_size > 32 and not own.grow_images else "digits"
    return models.recipe(name, data).override(precision="float32")


def build(name):
    """Returns a model's recipe and its GAN, at full size."""
    from kgan.runs.build import build_gan

    recipe = recipe_of(name)
    start = recipe.phases[-1].start + 1 if recipe.grow_images else 0
    return recipe, build_gan(recipe, [1] * recipe.label_count if recipe.clusters_per_class > 1 else None, step=start)


def batch_of(recipe, size):
    """Returns a batch of noise with labels."""
    import tensorflow as tf

    return {"image": tf.random.stateless_uniform((size, *recipe.image_shape), (0, 0), -1.0, 1.0),
            "label": tf.zeros((size,), tf.int64)}


def costs(name, seconds):
    """Returns what a step of one model costs on one device."""
    import tensorflow as tf

    recipe, gan = build(name)
    batch = batch_of(recipe, recipe.images_per_step)
    step = tf.function(gan.train_step)
    graph = step.get_concrete_function(batch).graph
    step(batch)
    rates = []
    while len(rates) < 5:
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds / 5:
            step(batch)
            done += 1
        rates.append(done * recipe.images_per_step / (time.perf_counter() - began))
    networks = {"G": (gan.generator, recipe.g_steps), "D": (gan.discriminator, recipe.d_steps)}
    sizes = {key: sum(int(tf.size(one.value)) for one in network.trainable_variables) * 4 * steps
             for key, (network, steps) in networks.items()}
    return {"batch": recipe.images_per_step, "operations": cells.operations(graph) / recipe.images_per_step,
            "gradients": sizes, "images_per_second": statistics.median(rates)}


def sent(name):
    """Returns the bytes that a step on two devices hands to all-reduce, and in how many calls, per device."""
    import tensorflow as tf

    devices = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with devices.scope():
        recipe, gan = build(name)
    batch = batch_of(recipe, max(2, recipe.images_per_step // 2))
    graph = tf.function(lambda: devices.run(gan.train_step, args=(batch,))).get_concrete_function().graph
    calls = [operation for operation in graph.get_operations() if operation.type.startswith("CollectiveReduce")]
    sizes = [operation.inputs[0].shape.num_elements() * operation.inputs[0].dtype.size for operation in calls]
    return {"bytes": sum(sizes) // 2, "calls": len(calls) // 2}


def efficiency(cost, traffic, count, per_replica):
    """Returns images/s of `count` accelerators over `count` times those of one: a ring, nothing overlapped."""
    compute = cost["operations"] * per_replica / RATE
    if count == 1:
        return 1.0
    bandwidth = INSIDE if count <= EACH else BETWEEN
    moved = 2 * (count - 1) / count * traffic["bytes"] / bandwidth
    waited = traffic["calls"] * 2 * (count - 1) * LATENCY / max(1, count if count <= EACH else EACH)
    return compute / (compute + moved + waited)


def loopback(name, processes, steps):
    """Trains with so many processes; returns the bytes a step on the loopback interface, and the steps made."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "kgan.train", f"--model={name}", "--dataset=digits", f"--workdir={place}/run",
                   f"--steps={steps}", "--tick=10", "--precision=float32"]
        running = [subprocess.Popen(command, env=os.environ | worker, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
                   for worker in (cells.workers(processes) if processes > 1 else [{}])]
        log, marks = Path(place, "run", "log.csv"), {}
        while any(one.poll() is None for one in running):
            rows = len(log.read_text(encoding="utf-8").splitlines()) - 1 if log.exists() else 0
            marks.setdefault(10 * rows, _loopback_bytes())
            time.sleep(0.02)
        assert all(one.returncode == 0 for one in running), [one.returncode for one in running]
        last = int(log.read_text(encoding="utf-8").splitlines()[-1].split(",")[0])
    first, end = min(step for step in marks if step >= 10), max(step for step in marks if step <= steps)
    return {"steps": last, "bytes": (marks[end] - marks[first]) / (end - first)}


def _loopback_bytes():
    found = re.search(r"lo:\s*(\d+)", Path("/proc/net/dev").read_text(encoding="utf-8"))
    return int(found[1])


def main():
    """Measures, prints and keeps the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", help="joined by commas (default: all that train)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of steps timed for each model")
    parser.add_argument("--loopback", action="store_true", help="train with 1, 2 and 4 processes and count bytes")
    parser.add_argument("--out", required=True, help="folder")
    arguments = parser.parse_args()
    machine.import_tensorflow()
    from kgan import models

    cells.logical_devices(2)
    every = [name for name in models.names() if models.recipe(name).adversarial]
    names = arguments.models.split(",") if arguments.models else every
    found = {name: {"costs": costs(name, arguments.seconds), "sent": sent(name)} for name in names}
    checked = []
    for name in ("dcgan", "gan") if arguments.loopback else ():
        for processes in (1, 2, 4):
            row = {"model": name, "processes": processes, "asked": 60, **loopback(name, processes, 60)}
            checked.append(row | {"predicted": 2 * (processes - 1) * found[name]["sent"]["bytes"]})
    out = Path(arguments.out)
    result = {"models": found, "loopback": checked, "versions": machine.versions()}
    files.write_json(out / "scaling.json", result)
    text = templates.markdown(
        Path(__file__).with_suffix(".jinja"), **result, accelerators=ACCELERATORS, efficiency=efficiency, rate=RATE,
        inside=INSIDE, between=BETWEEN, each=EACH, latency=LATENCY, in_words=machine.in_words)
    files.write_text(out / "scaling.md", text)
    print(text)


if __name__ == "__main__":
    main()
