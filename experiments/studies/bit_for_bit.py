"""Hashes what 200 steps of every model leave behind, to compare two versions of kgan on one machine bit for bit.

    PYTHONPATH=old python experiments/studies/bit_for_bit.py --cifar10=cifar10_20k.zip --out=before.json
    PYTHONPATH=new python experiments/studies/bit_for_bit.py --cifar10=cifar10_20k.zip --before=before.json --out=b.json

Each case is the command that users type, in a directory of its own. Hashed are every array of the last checkpoint (of a
closed form: of generator.keras), the rows of log.csv and the pixels of every grid, seeds 0 to 63. With --before the
table of both is printed, and the exit status is 1 where anything differs.
"""

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from kgan.runtime import files

CASES = {  # --model and further flags, by name
    "dcgan, digits, the README's command": ["--dataset=digits"],
    "dcgan": ["--dataset=mnist", "--steps=200"],
    "dcgan in bfloat16": ["--dataset=mnist", "--steps=200", "--precision=mixed_bfloat16"],
    "gan": ["--model=gan", "--dataset=mnist", "--steps=200"],
    "gan_nn": ["--model=gan_nn", "--dataset=mnist", "--steps=200"],
    "pca": ["--model=pca", "--dataset=mnist"],
    "dcgan_5x5": ["--model=dcgan_5x5", "--dataset=mnist", "--steps=200"],
    "dcgan_pooled": ["--model=dcgan_pooled", "--dataset=cifar10", "--steps=200"],
    "dcgan64": ["--model=dcgan64", "--dataset=cifar10", "--steps=200", "--batch_size=32"],
    "dcgan, everything on": ["--dataset=mnist", "--steps=200", "--ema_decay=0.9", "--d_steps=2", "--flip",
                             "--evaluate_every=100", "--batch_size=32"],
}
PARTS = ("weights", "log", "grids")


def main() -> None:
    """Runs every case, writes the digests and compares them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cifar10", required=True, help="zip of CIFAR-10's pictures in class folders")
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--before", help="JSON file to compare with")
    options = parser.parse_args()
    found = {}
    for name, arguments in CASES.items():
        data = [f"--data={Path(options.cifar10).resolve()}"] if "--dataset=cifar10" in arguments else []
        precision = [] if any("precision" in one for one in arguments) else ["--precision=float32"]
        with tempfile.TemporaryDirectory() as directory:
            began = time.monotonic()
            subprocess.run([sys.executable, "-m", "kgan.train", *arguments, *data, *precision, "--workdir=run"],
                           cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env=os.environ | {"PYTHONPATH": os.path.abspath(os.environ.get("PYTHONPATH", "."))})
            found[name] = digests(Path(directory, "run")) | {"seconds": round(time.monotonic() - began)}
        print(name, found[name], flush=True)
        files.write_json(Path(options.out), found)
    if options.before:
        before = json.loads(Path(options.before).read_text(encoding="utf-8"))
        print(table(before, found))
        sys.exit(any(before[name][part] != found[name][part] for name in CASES for part in PARTS))


def digests(run: Path) -> dict[str, str]:
    """Returns hashes of a run's weights, log rows and grids."""
    checkpoints = sorted(run.glob("checkpoints/step-*"), key=lambda path: int(path.name.split("-")[1]))
    weights, log = hashlib.sha256(), run / "log.csv"
    if checkpoints:
        with np.load(checkpoints[-1] / "state.npz") as state:
            for name in sorted(state):
                weights.update(name.encode() + state[name].tobytes())
    else:
        with zipfile.ZipFile(run / "generator.keras") as archive:
            file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
            file.visititems(lambda name, item: weights.update(name.encode() + item[()].tobytes())
                            if isinstance(item, h5py.Dataset) else None)
    grids = hashlib.sha256()
    for path in sorted(run.glob("samples/*.png")):
        grids.update(path.name.encode() + np.asarray(Image.open(path)).tobytes())
    return {"weights": weights.hexdigest()[:16], "grids": grids.hexdigest()[:16],
            "log": hashlib.sha256(log.read_bytes() if log.exists() else b"").hexdigest()[:16]}


def table(before: dict, after: dict) -> str:
    """Returns both sides as Markdown."""
    lines = [f"| case | {' | '.join(PARTS)} |", f"|---{'|---' * len(PARTS)}|"]
    for name in CASES:
        cells = [f"`{after[name][part]}` {'equal' if before[name][part] == after[name][part] else 'DIFFERENT'}"
                 for part in PARTS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
