"""Where a step's time goes: milliseconds by kind of operation, on one thread, by TensorFlow's profiler.

    python experiments/bench/where.py --out=experiments/results/speed/KIND

One thread, so that times add up. Writes where.json and where.md.
"""

import glob
import os
import tempfile
import time
from collections import Counter

os.environ |= dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), "1")

import turns
from absl import app, flags

from kgan.runtime import machine

MODELS = flags.DEFINE_list("models", ["dcgan", "dcgan_5x5", "dcgan64", "dcgan_fast", "pictures"], "Models.")
STEPS = flags.DEFINE_integer("steps", 5, "Steps that are profiled.")
OUT = flags.DEFINE_string("out", None, "Directory for where.json and where.md.")

# What an operation's name begins with, without oneDNN's own beginning; the longest that fits counts.
KINDS = {
    "convolutions, forward": ("Conv2D", "FusedConv2D", "DepthwiseConv2dNative"),
    "by input": ("Conv2DBackpropInput", "DepthwiseConv2dNativeBackpropInput"),
    "by weights": ("Conv2DBackpropFilter", "DepthwiseConv2dNativeBackpropFilter"),
    "products": ("MatMul", "BatchMatMul", "Einsum"),
    "transposes, pads, slices": ("Transpose", "Pad", "Slice", "StridedSlice", "Concat", "Split", "Pack", "Gather",
                                 "DepthToSpace", "Reshape", "ExtractImagePatches"),
    "batch norm": ("FusedBatchNorm",),
    "optimizer": ("ResourceApply",),
    "random numbers": ("Stateless", "Random"),
}
REST = "element-wise and the rest"
CONTAINERS = ("StatefulPartitionedCall", "PartitionedCall", "While", "If")  # hold other operations


def main(_: list[str]) -> None:
    """Measures, prints and writes."""
    machine.import_tensorflow()
    result = {**turns.facts(), "models": {name: measure(name) for name in MODELS.value}}
    turns.keep(result, OUT.value, "where", table(result))


def measure(name: str) -> dict:
    """Returns milliseconds of a step, and of each kind of operation in it."""
    import tensorflow as tf

    from kgan import models

    recipe = models.recipe(name).override(precision="float32")
    step, batch = turns.step_of(recipe)
    for _ in range(2):
        step(batch)
    times = []
    for _ in range(STEPS.value):
        began = time.perf_counter()
        step(batch)
        times.append(time.perf_counter() - began)
    with tempfile.TemporaryDirectory() as place:
        with tf.profiler.experimental.Profile(place):
            for _ in range(STEPS.value):
                step(batch)
        spent = operations(place)
    kinds = Counter()
    for (operation, forward), milliseconds in spent.items():
        kinds[kind_of(operation, forward)] += milliseconds / STEPS.value
    return {"batch_size": recipe.images_per_step, "step_ms": round(1000 * sorted(times)[len(times) // 2], 1),
            "kinds_ms": {kind: round(kinds[kind], 1) for kind in [*KINDS, REST]}}


def operations(place: str) -> Counter:
    """Returns milliseconds by type of operation, and whether it is of a network's forward pass."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    (file,) = glob.glob(f"{place}/**/*.xplane.pb", recursive=True)
    space = xplane_pb2.XSpace()
    with open(file, "rb") as content:
        space.ParseFromString(content.read())
    (plane,) = [plane for plane in space.planes if plane.name == "/host:CPU"]
    spent: Counter = Counter()
    for line in plane.lines:
        for event in line.events:
            path, colon, operation = plane.event_metadata[event.metadata_id].name.rpartition(":")
            operation = operation.removeprefix("_MklNative").removeprefix("_Mkl").removeprefix("_Fused")
            if colon and not path.endswith(":") and operation.isidentifier() and operation not in CONTAINERS:
                forward = ("enerator" in path or "iscriminator" in path) and "gradient" not in path
                spent[operation, forward] += event.duration_ps / 1e9
    return spent


def kind_of(operation: str, forward: bool) -> str:
    """Returns the kind of an operation of this type; `forward`: of a network's forward pass.

    A transposed convolution is the gradient by input of a convolution, and has one for its own: the place tells.
    """
    longest = max(((len(begin), kind) for kind, begins in KINDS.items() for begin in begins
                   if operation.startswith(begin)), default=(0, REST))[1]
    if longest in ("convolutions, forward", "by input"):
        return "convolutions, forward" if forward else "by input"
    return longest


def table(result: dict) -> str:
    """Returns the table: a row for each kind, a column for each model."""
    columns = result["models"]
    heads = [f"{name}, {one['batch_size']}" for name, one in columns.items()]
    lines = [f"| ms of a step | {' | '.join(heads)} |",
             f"|---|{'---:|' * len(columns)}"]
    for kind in [*KINDS, REST]:
        lines.append(f"| {kind} | {' | '.join(str(one['kinds_ms'][kind]) for one in columns.values())} |")
    idle = [f"{one['step_ms'] - sum(one['kinds_ms'].values()):.1f}" for one in columns.values()]
    lines += [f"| between operations | {' | '.join(idle)} |",
              f"| **all** | {' | '.join(str(one['step_ms']) for one in columns.values())} |", turns.footer(result)]
    return "\n".join(lines)


if __name__ == "__main__":
    app.run(main)
