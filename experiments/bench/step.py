"""Images/s of one full adversarial step: kgan beside its peers and beside the kernels' own limit, in one run.

    python experiments/bench/step.py --out=experiments/results/speed/KIND

Each contender is a process of its own with its own defaults; within a cell (networks × precision) they take turns of
`--seconds`, `--repeats` times, and medians are compared. PyTorch takes part where it is installed
(`pip install torch`). Writes step.json, step.md and step.png.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import turns
from absl import app, flags
from matplotlib.figure import Figure

from kgan.runtime import files, machine

NETS = flags.DEFINE_list("nets", ["dcgan", "tutorial", "dcgan_5x5", "dcgan64", "keras_io"], "Networks to time.")
PRECISIONS = flags.DEFINE_list("precisions", ["float32", "mixed_bfloat16"], "Precisions to time.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "Images per step; absent: the networks' own.")
CONTENDERS = flags.DEFINE_list("contenders", ["kgan", "tutorial", "keras_io", "pytorch", "torch_compile", "ceiling"],
                                "Who takes part.")
REPEATS = flags.DEFINE_integer("repeats", 5, "Turns of each contender.")
SECONDS = flags.DEFINE_float("seconds", 6.0, "Length of a turn; at least one step.")
OUT = flags.DEFINE_string("out", None, "Directory for step.json, step.md and step.png.")
WORKER = flags.DEFINE_string("worker", None, "Internal: contender:net:precision:batch_size.")

TORCH = ("pytorch", "torch_compile")
SLOW_BATCH = 16  # for bfloat16 where the processor has no instructions for it: the peers take minutes otherwise
ENVIRONMENT = dict(os.environ)  # the contenders', before this process sets kgan's own defaults
COLUMNS = {"kgan": "kgan", "tutorial": "TF tutorial's loop", "keras_io": "keras.io's loop", "pytorch": "PyTorch",
           "torch_compile": "torch.compile",
           "ceiling": "kernels alone"}


def main(_: list[str]) -> None:
    """Measures, prints and writes."""
    if WORKER.value:
        work(*WORKER.value.split(":"))
        return
    machine.import_tensorflow()
    import ceiling

    names = [name for name in CONTENDERS.value if name not in TORCH or importlib.util.find_spec("torch")]
    result = {"command": turns.command(),
              "versions": machine.versions() | {"torch": _torch_version()}, "matmul_gflops": ceiling.matmul_peak(),
              "cells": []}
    for precision in PRECISIONS.value:
        slow = precision != "float32" and not machine.computes_bfloat16()
        for net in NETS.value:
            result["cells"].append(measure(net, precision, BATCH_SIZE.value or (SLOW_BATCH if slow else None), names))
            print(row(result["cells"][-1], peak(result, result["cells"][-1])), flush=True)
            if OUT.value:
                write(result, Path(OUT.value))


class Contender:
    """A process that holds one compiled step and times it when told."""

    def __init__(self, name: str, net: str, precision: str, batch_size: int | None) -> None:
        command = [sys.executable, __file__, f"--worker={name}:{net}:{precision}:{batch_size or ''}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=ENVIRONMENT)
        self.facts = self._answer()
        self.rates = []

    def turn(self) -> None:
        """Times steps for `--seconds`."""
        print(SECONDS.value, file=self.process.stdin, flush=True)
        self.rates.append(self._answer())

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("kgan: a contender ended early; its own words are above.")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def measure(net: str, precision: str, batch_size: int | None, names: list[str]) -> dict:
    """Returns each contender's rates on one cell, in images/s."""
    contenders = {name: Contender(name, net, precision, batch_size) for name in names}
    counted = {json.dumps(one.facts["parameters"]) for one in contenders.values() if one.facts["parameters"]}
    if len(counted) != 1:
        sys.exit(f"kgan: the contenders' networks differ: {' and '.join(counted)} trainable parameters.")
    for _ in range(REPEATS.value):
        for one in contenders.values():
            one.turn()
    for one in contenders.values():
        one.close()
    return {"net": net, "precision": precision, "operations": operations(net), **contenders["kgan"].facts,
            "images_per_second": {name: [round(rate, 2) for rate in one.rates] for name, one in contenders.items()},
            "median": turns.medians({name: one.rates for name, one in contenders.items()}),
            "first_step_seconds": {name: one.facts["first_step_seconds"] for name, one in contenders.items()}}


def operations(net: str) -> int:
    """Returns the floating-point operations of a step for an image."""
    import contenders
    import nets

    return contenders.operations(nets.NETS[net])


def work(contender: str, name: str, precision: str, batch_size: str) -> None:
    """The contender's process: builds, says so, then a line with seconds in gives a line with images/s out."""
    began = time.perf_counter()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if contender in ("kgan", "ceiling"):
        machine.import_tensorflow()
    import nets

    net = nets.NETS[name]
    batch_size = int(batch_size or net.batch_size)
    module = importlib.import_module("pytorch" if contender in TORCH else "ceiling" if contender == "ceiling" else
                                     "contenders")
    step, parameters = getattr(module, f"contend_{contender}")(name, precision, batch_size, net)
    step()
    print(json.dumps({"batch_size": batch_size, "parameters": parameters,
                      "first_step_seconds": round(time.perf_counter() - began, 1)}), flush=True)
    for line in sys.stdin:
        print(json.dumps(turns.rate(step, batch_size, float(line))), flush=True)


def peak(result: dict, cell: dict) -> float:
    """Returns the GFLOP/s of a matrix product in the cell's precision."""
    return result["matmul_gflops"]["float32" if cell["precision"] == "float32" else "bfloat16"]


def row(cell: dict, peak: float) -> str:
    """Returns a line of the table."""
    rates = cell["median"]
    columns = [f"{rates[name]:.1f} ({rates['kgan'] / rates[name]:.2f})" if name in rates else "–"
               for name in [*COLUMNS][1:]]
    speed = rates["kgan"] * cell["operations"] / 1e9
    cells = [f"{cell['net']}, {cell['batch_size']}", cell["precision"], f"{rates['kgan']:.1f}", *columns,
             f"{speed:.0f} ({speed / peak:.2f})"]
    return f"| {' | '.join(cells)} |"


def write(result: dict, out: Path) -> None:
    """Writes the numbers, the table and the plot."""
    lines = ["Images/s, medians of alternating turns; in brackets: kgan's rate over the column's.", "",
             f"| networks, batch size | precision | {' | '.join(COLUMNS.values())} | GFLOP/s (of a product's) |",
             f"|---|---|{'---:|' * (len(COLUMNS) + 1)}",
             *(row(cell, peak(result, cell)) for cell in result["cells"]), "",
             f"Product of two 2048×2048 matrices, GFLOP/s: {result['matmul_gflops']}.", turns.footer(result)]
    files.write_json(out / "step.json", result)
    files.write_text(out / "step.md", "\n".join(lines))
    precisions = list(dict.fromkeys(cell["precision"] for cell in result["cells"]))
    figure = Figure((6 * len(precisions), 4))
    axes = figure.subplots(1, len(precisions), squeeze=False)
    for axis, precision in zip(axes[0], precisions, strict=True):
        cells = [cell for cell in result["cells"] if cell["precision"] == precision]
        for number, (name, label) in enumerate(COLUMNS.items()):
            heights = [cell["median"].get(name, 0) / cell["median"]["kgan"] for cell in cells]
            axis.bar([place + 0.13 * number for place in range(len(cells))], heights, 0.12, label=label)
        axis.set_xticks([place + 0.32 for place in range(len(cells))],
                        [f"{cell['net']}\n{cell['batch_size']}" for cell in cells])
        axis.set(title=precision, ylabel="images/s over kgan's")
        axis.axhline(1, color="black", linewidth=0.5)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="lower center", ncols=3 * len(precisions), fontsize=8)
    figure.tight_layout(rect=(0, 0.06 if len(precisions) > 1 else 0.12, 1, 1))
    figure.savefig(out / "step.png", dpi=100, metadata={"Software": None})


def _torch_version() -> str:
    return importlib.metadata.version("torch") if importlib.util.find_spec("torch") else "not installed"


if __name__ == "__main__":
    app.run(main)
