"""Images/s of training by one version of kgan over another's, in paired turns of one run.

    python experiments/bench/versions.py --before=OLD_CHECKOUT --after=. --out=versions.json

Each version is a process that trains one run on `digits`, in a turn `--steps` steps further, with log, grids and
checkpoints. The versions take turns; each pair gives a ratio, and the median of the ratios with its 95% interval
(from the order statistics: no distribution is assumed) is the result.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import turns
from scipy.stats import binom

WORKER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from kgan.runtime import machine
machine.import_tensorflow()
from kgan.runs.directory import Run
from kgan.runs.loop import train
from kgan import models
from kgan.data import sources
recipe = models.recipe(sys.argv[2], "digits").override(batch_size=64, tick=20)
run, source = Run(sys.argv[3]), sources.locate("digits")
print("ready", flush=True)
for line in sys.stdin:
    rate = train(run, recipe.override(steps=int(line)), source).images_per_second
    print(rate, flush=True)
"""


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", required=True, help="checkout of the older version")
    parser.add_argument("--after", required=True, help="checkout of the newer version")
    parser.add_argument("--model", default="dcgan")
    parser.add_argument("--steps", type=int, default=100, help="of a turn")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--out", help="JSON file to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        sides = {}
        for name in ("before", "after"):
            checkout = os.path.abspath(getattr(options, name))
            sides[name] = subprocess.Popen(
                [sys.executable, "-P", "-c", WORKER, checkout, options.model, Path(directory, name)], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=directory)
            sides[name].stdout.readline()
        rates = {name: [] for name in sides}
        for turn in range(options.turns + 1):
            for name in sorted(sides, reverse=turn % 2 == 0):  # who goes first changes
                print((turn + 1) * options.steps, file=sides[name].stdin, flush=True)
                rates[name].append(float(sides[name].stdout.readline()))
        for process in sides.values():
            process.stdin.close()
            process.wait()
    ratios = sorted(after / before for before, after in list(zip(rates["before"], rates["after"], strict=True))[1:])
    outside = int(binom.ppf(0.025, len(ratios), 0.5)) - 1
    result = {"command": turns.command(), "model": options.model,
              "images_per_second": {name: [round(rate, 1) for rate in side[1:]] for name, side in rates.items()},
              "ratio": {"median": round(float(np.median(ratios)), 3),
                        "interval_95": [round(ratios[max(outside, 0)], 3), round(ratios[-1 - max(outside, 0)], 3)]}}
    turns.keep_json(result, options.out)


if __name__ == "__main__":
    main()
