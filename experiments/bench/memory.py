"""Peak resident memory of a process that trains: kgan's step beside its peers', with the same networks and batches.

    python experiments/bench/memory.py --out=experiments/results/speed/KIND

Each contender is a process of its own, with its own defaults. PyTorch takes part where it is installed
(`pip install torch`). Writes memory.json and memory.md.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import turns
from absl import app, flags

from kgan.runtime import machine

NETS = flags.DEFINE_list("nets", ["dcgan", "tutorial", "dcgan_5x5", "dcgan64"], "Networks to train.")
STEPS = flags.DEFINE_integer("steps", 10, "Steps of each process.")
OUT = flags.DEFINE_string("out", None, "Directory for memory.json and memory.md.")
WORKER = flags.DEFINE_string("worker", None, "Internal: contender:net:setting, a JSON object.")

TORCH = ("pytorch", "torch_compile")
CONTENDERS = {"kgan": "kgan", "tutorial": "TF tutorial's loop", "pytorch": "PyTorch", "torch_compile": "torch.compile"}
ENVIRONMENT = dict(os.environ)  # the contenders', before this process sets kgan's own defaults


def main(_: list[str]) -> None:
    """Measures, prints and writes."""
    if WORKER.value:
        work(*WORKER.value.split(":", 2))
        return
    machine.import_tensorflow()
    import nets

    torch = importlib.util.find_spec("torch")
    result = turns.facts() | {"steps": STEPS.value, "cells": []}
    result["versions"]["torch"] = importlib.metadata.version("torch") if torch else "not installed"
    for name in NETS.value:
        setting = {key: value for key, value in nets.NETS[name]._asdict().items() if key != "build"}
        result["cells"].append({"net": name, "batch_size": setting["batch_size"], "megabytes": {
            contender: measure(contender, name, setting) for contender in CONTENDERS
            if torch or contender not in TORCH}})
        turns.keep(result, OUT.value, "memory", table(result))


def measure(contender: str, name: str, setting: dict) -> dict[str, int]:
    """Returns the megabytes of a contender's process, which ends."""
    command = [sys.executable, __file__, f"--steps={STEPS.value}", f"--worker={contender}:{name}:{json.dumps(setting)}"]
    return json.loads(subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True).stdout)


def work(contender: str, name: str, setting: str) -> None:
    """The contender's process: prints what it held after its imports, and at most until it had trained."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    net = SimpleNamespace(**json.loads(setting))
    if contender in TORCH:  # without TensorFlow, which `nets` imports
        module = importlib.import_module("pytorch")
    else:
        if contender == "kgan":
            machine.import_tensorflow()
        module = importlib.import_module("contenders")
        net = importlib.import_module("nets").NETS[name]
    imported = resident()["VmRSS"]
    step, _ = getattr(module, f"contend_{contender}")(name, "float32", net.batch_size, net)
    for _ in range(STEPS.value):
        step()
    print(json.dumps({"imported": imported, "peak": resident()["VmHWM"]}))


def resident() -> dict[str, int]:
    """Returns the process's resident memory in MB: now, VmRSS, and its highest, VmHWM."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return {line.split(":")[0]: int(line.split()[1]) // 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}


def table(result: dict) -> str:
    """Lays the numbers out."""
    names = [name for name in CONTENDERS if name in result["cells"][0]["megabytes"]]
    lines = [f"Peak resident memory of a process that makes {result['steps']} training steps, MB; in brackets: above "
             "what it held after its imports. Compilers that torch.compile starts aren't counted.", "",
             f"| networks, batch size | {' | '.join(CONTENDERS[name] for name in names)} |",
             f"|---|{'---:|' * len(names)}"]
    for cell in result["cells"]:
        held = [cell["megabytes"][name] for name in names]
        cells = [f"{one['peak']:,} ({one['peak'] - one['imported']:,})" for one in held]
        lines.append(f"| {cell['net']}, {cell['batch_size']} | {' | '.join(cells)} |")
    return "\n".join([*lines, turns.footer(result)])


if __name__ == "__main__":
    app.run(main)
