"""ProGAN grown from 4×4, beside the same networks trained at their full size for as long; resumable, cell by cell.

    python experiments/studies/progan.py --cifar10=cifar10.zip --out=experiments/results/progan

A cell is a run in `OUT/runs`, of SECONDS of the processor's time for each of its threads, compilation and grids
included, so that other work beside takes nothing from it. MNIST is padded with black to 32×32. The grown run's grids
become a GIF and a picture for each resolution.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cells
from absl import app, flags

from kgan.runtime import files, machine

OUT = flags.DEFINE_string("out", "experiments/results/progan", "Where the results go.")
CIFAR10 = flags.DEFINE_string("cifar10", None, "A zip or folder of CIFAR-10's pictures in class folders; default: "
                              "what tensorflow_datasets has.")
SECONDS = flags.DEFINE_float("seconds", 1500.0, "Of each run.", lower_bound=1.0)
CHANNELS = flags.DEFINE_integer("max_channels", 64, "Width of the networks.", lower_bound=1)
GROW = flags.DEFINE_integer("grow_images", 12_000, "Images of each phase of the grown runs.", lower_bound=1)
SEED = flags.DEFINE_integer("seed", 0, "Of the runs.", lower_bound=0)
CELL = flags.DEFINE_string("cell", None, "Train this one, as cifar10-grown, in this process; for the script itself.")
CELLS = [f"{data}-{arm}" for data in ("cifar10", "mnist") for arm in ("grown", "full")]


def main(_: Sequence[str]) -> None:
    """Trains and scores what is missing, then writes the table."""
    out = Path(OUT.value)
    if CELL.value is not None:
        train(CELL.value, out)
        return
    cells.run(cell for cell in CELLS if not (out / f"{cell}.json").exists())
    write(out)


def train(cell: str, out: Path) -> None:
    """Trains a cell for SECONDS, scores it, and keeps numbers and grids."""
    machine.import_tensorflow()
    import keras

    from kgan.evaluation import evaluate
    from kgan.runs import loop, setup

    data, arm = cell.split("-")
    recipe = {"model": "progan", "recipe": "small", "image_size": 32, "max_channels": CHANNELS.value,
              "seed": SEED.value, "precision": "float32", "images": 10**9, "sample_every": 250,
              "grow_images": GROW.value if arm == "grown" else 0}
    if data == "mnist":
        recipe |= {"data": str(padded(out / "runs" / "mnist_32.npz")), "channels": 1}
    else:
        recipe |= {"dataset": "cifar10"} | ({} if CIFAR10.value is None else {"data": CIFAR10.value})

    class Seconds(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = cells.processor_seconds() >= SECONDS.value

    job = setup.resolve(recipe, str(out / "runs" / cell))
    step = loop.train(job.run, job.recipe, job.source, callbacks=[Seconds()]).step
    seconds = cells.processor_seconds()
    keep_grids(cell, job.run, out)
    result = {"cell": cell, "seconds": seconds, "threads": cells.threads(), "steps": step,
              "images": job.recipe.images_seen(step), "recipe": job.run.recipe().to_dict(),
              "versions": machine.versions(), **evaluate.evaluate(job.run.path).content}
    result["recipe"]["data"] = None
    files.write_json(out / f"{cell}.json", result)


def padded(file: Path) -> Path:
    """Writes MNIST, with two black pixels added on each side, as Keras keeps its data sets."""
    import numpy as np

    from kgan.data import cache, sources

    arrays = {}
    for part, prepare in (("train", cache.prepare), ("test", cache.prepare_test)):
        prepared = prepare(sources.locate("mnist"), image_size=28, channels=1)
        arrays |= {f"x_{part}": np.pad(prepared.images[..., 0], ((0, 0), (2, 2), (2, 2))),
                   f"y_{part}": np.asarray(prepared.labels)}
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **arrays)
    return file


def keep_grids(cell: str, run: Any, out: Path) -> None:
    """Keeps the last grid and, of a run that grew, the last of each resolution and all of them as a GIF."""
    from PIL import Image

    from kgan import images

    grids = run.sample_files()
    shutil.copy(grids[-1], out / f"{cell}.png")
    if not run.recipe().grow_images:
        return
    for phase in run.recipe().phases[:-1]:
        if not phase.fade:
            shutil.copy(run.sample_file(phase.start + phase.steps), out / f"{cell}_{phase.image_size}.png")
    frames = [Image.open(grid) for grid in grids]
    halves = [frame.crop((0, 0, frame.width, frame.height // 2 + 1)) for frame in frames]
    images.save_gif(lambda: halves, out / f"{cell}.gif")


def write(out: Path) -> None:
    """Writes table.md: a row for each cell that there is, and one of real images for its data."""
    kept = [out / f"{cell}.json" for cell in CELLS]
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in kept if file.exists()]
    lines = ["| run | images | steps | FCD | SWD ×10³ | recall | coverage |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        numbers = row["numbers"]
        lines.append(f"| {row['cell']} | {row['images']:,} | {row['steps']:,} | {numbers['fcd']:.2f} | "
                     f"{numbers['swd']:.1f} | {numbers['recall']:.2f} | {numbers['coverage']:.2f} |")
    real = rows[-1]["yardsticks"]["real train vs test"]
    lines.append(f"| *real images, beside {rows[-1]['cell']}* | | | {real['fcd']:.2f} | {real['swd']:.1f} | "
                 f"{real['recall']:.2f} | {real['coverage']:.2f} |")
    print("\n".join(lines))
    files.write_text(out / "table.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    app.run(main)
