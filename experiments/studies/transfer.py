"""A folder learnt from nothing, and from a preset or run in several ways, in equal seconds.

    python experiments/studies/transfer.py --parent=preset:cifar10 --pictures=FOLDER --out=DIR --seconds=1200

Each cell, an arm (ARMS) with a seed, is a process of its own that trains for SECONDS of the processor's time for each
of its threads, looks not counted, and leaves OUT/ARM-SEED.json: the command goes on where it was stopped. A look draws
as many samples as there are real pictures, those held out of training where there are a hundred or more, at most
LOOKED: KID-32 and FCD-32. Writes table.md, which says when each arm reached what `scratch` ended with, and curves.png.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cells
import numpy as np
from absl import app, flags
from matplotlib.figure import Figure

from kgan.runtime import files, machine
from kgan.runtime.errors import UserError

OUT = flags.DEFINE_string("out", None, "Where the results go.", required=True)
PARENT = flags.DEFINE_string("parent", None, "preset:NAME, or a run.", required=True)
PICTURES = flags.DEFINE_string("pictures", None, "The pictures to learn: a folder, a zip.")
DATASET = flags.DEFINE_string("dataset", None, "A data set in place of --pictures.")
IMAGE_SIZE = flags.DEFINE_integer("image_size", None, "Of all arms; absent: the parent's.")
ARM_NAMES = flags.DEFINE_list("arms", None, "Arms to run; absent: all.")
SEEDS = flags.DEFINE_integer("seeds", 2, "Seeds of each arm, from 0.", lower_bound=1)
SECONDS = flags.DEFINE_float("seconds", 1200.0, "Of each cell.", lower_bound=1.0)
CELL = flags.DEFINE_string("cell", None, "Internal: ARM-SEED.")

FULL = 2.0  # undoes the half of the rates that training from a preset has by default
ALL: dict[str, Any] = {"frozen_d_blocks": 0, "rates": FULL}
ARMS: dict[str, dict[str, Any]] = {
    "scratch": {},
    "all": ALL,
    "freeze_d": {"rates": FULL},
    "warmup": {**ALL, "discriminator_warmup": 200},
    "half": {"frozen_d_blocks": 0},
    "freeze_d_half": {},
    "freeze_d_warmup": {"rates": FULL, "discriminator_warmup": 200},
}
LOOKED = 2500
FIRST = 5.0  # seconds of the first look; each later one a third later


def main(_: Sequence[str]) -> None:
    """Trains what is missing, then writes table and curves."""
    out = Path(OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    if CELL.value is not None:
        train(*CELL.value.rsplit("-", 1), out)
        return
    arms = ARM_NAMES.value or list(ARMS)
    if unknown := [arm for arm in arms if arm not in ARMS]:
        sys.exit(f"kgan: arms={unknown[0]!r} is unknown; known: {', '.join(ARMS)}.")
    names = [f"{arm}-{seed}" for seed in range(SEEDS.value) for arm in arms]
    cells.run(name for name in names if not (out / f"{name}.json").exists())
    write(out)


def settings(arm: str, seed: int) -> tuple[dict[str, Any], str | None]:
    """Returns an arm's fields of a recipe, and what it begins from."""
    from kgan.runs.directory import Run

    recipe = Run(PARENT.value).recipe()
    given = {"data": PICTURES.value, "dataset": DATASET.value, "image_size": IMAGE_SIZE.value}
    fields = {name: value for name, value in given.items() if value is not None}
    fields |= {"images": 10**9, "seed": seed, "precision": "float32", "tick": 10}
    if arm == "scratch":
        own = {name: getattr(recipe, name) for name in ("image_size", "channels")}
        return {"model": recipe.model, **own, **fields}, None
    changes = dict(ARMS[arm])
    factor = changes.pop("rates", 1.0) / FULL
    rates = {name: factor * getattr(recipe, name) for name in ("g_learning_rate", "d_learning_rate")}
    return fields | rates | changes, PARENT.value


def train(arm: str, seed: str, out: Path) -> None:
    """Trains an arm for SECONDS, looks at it on its way, and keeps what it saw."""
    machine.import_tensorflow()
    import keras

    from kgan import images, latent
    from kgan.data import cache
    from kgan.runs import loop, setup
    from kgan.runs.training_data import prepare
    from kgan.scoring import colour_judge

    fields, parent = settings(arm, int(seed))
    job = setup.resolve(fields, str(out / "runs" / f"{arm}-{seed}"), init_from=parent)
    real = cache.prepare(job.source, **job.recipe.image_settings).images
    try:
        held_out = cache.prepare_test(job.source, **job.recipe.image_settings).images
        real = held_out if len(held_out) >= 100 else real
    except UserError:  # too few to hold any out
        pass
    real = real[np.random.default_rng(0).permutation(len(real))[:LOOKED]]
    seen = colour_judge.look(real)
    counts = prepare(job.source, job.recipe).class_counts
    labels = None if counts is None else latent.proportional_labels(counts, len(real))
    curve: list[dict[str, float]] = []

    class Looks(keras.callbacks.Callback):
        spent, due, began = 0.0, FIRST, 0.0

        def look(self) -> None:
            drawn = colour_judge.look(self.model.generate(range(len(real)), labels))
            distances = colour_judge.distances(seen, drawn, 10)
            curve.append({"step": int(self.model.step), "seconds": self.spent,
                          **{name: distances[name] for name in ("kid32", "fcd32")}})
            print(arm, seed, curve[-1], flush=True)

        def on_train_begin(self, logs=None):
            if not curve:
                self.look()
            self.began = cells.processor_seconds()

        def on_epoch_end(self, epoch, logs=None):
            self.spent += cells.processor_seconds() - self.began
            self.model.stop_training = self.spent >= SECONDS.value
            if self.spent >= self.due or self.model.stop_training:
                self.look()
                self.due = max(self.due, self.spent) * 4 / 3
            self.began = cells.processor_seconds()

    looks = Looks()
    loop.train(*job, callbacks=[looks], checkpoint_seconds=10**6)
    images.save_grid(looks.model.generate(range(64), None if labels is None else labels[:64]),
                     out / f"{arm}-{seed}.png", columns=8)
    files.write_json(out / f"{arm}-{seed}.json", {
        "arm": arm, "seed": int(seed), "parent": parent, "curve": curve, "real": len(real), "threads": cells.threads(),
        "branch": job.run.config().get("branch"), "recipe": job.run.recipe().to_dict() | {"data": None},
        "versions": machine.versions()})


def write(out: Path) -> None:
    """Writes table.md and curves.png of all cells that are there."""
    found: dict[str, list[list[dict[str, float]]]] = {}
    for arm in ARMS:
        if cells_of := sorted(out.glob(f"{arm}-[0-9]*.json")):
            found[arm] = [json.loads(file.read_text(encoding="utf-8"))["curve"] for file in cells_of]
    lines = ["| arm | seeds | KID-32 ×10³ before | KID-32 ×10³ | FCD-32 | seconds to scratch's KID-32 | to its "
             "FCD-32 |", "|---|---|---|---|---|---|---|"]
    figure = Figure((10, 4), layout="tight")
    axes = figure.subplots(1, 2)
    for number, (arm, curves) in enumerate(found.items()):
        reached = []
        for axis, name in zip(axes, ("kid32", "fcd32"), strict=True):
            for seed, curve in enumerate(curves):
                axis.plot([one["seconds"] for one in curve], [one[name] for one in curve], color=f"C{number}",
                          label=None if seed else arm)
            ends = [curve[-1][name] for curve in found.get("scratch", curves)]
            reached.append(", ".join(first(curve, name, end) for curve, end in zip(curves, ends, strict=False)))
        lines.append(f"| {arm} | {len(curves)} | {over(curves, 0, 'kid32', 1e3)} | {over(curves, -1, 'kid32', 1e3)} | "
                     f"{over(curves, -1, 'fcd32')} | {' | '.join(reached)} |")
    for axis, name in zip(axes, ("KID-32", "FCD-32"), strict=True):
        axis.set(xlabel="seconds", ylabel=name, yscale="log")
        axis.legend()
    figure.savefig(out / "curves.png", dpi=90)
    files.write_text(out / "table.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


def first(curve: Sequence[dict[str, float]], name: str, end: float) -> str:
    """Returns the seconds at which a curve is first at `end` or below, in words."""
    return next((f"{one['seconds']:.0f}" for one in curve if one[name] <= end), "not")


def over(curves: Sequence[Sequence[dict[str, float]]], place: int, name: str, scale: float = 1.0) -> str:
    """Returns a number of each seed."""
    return ", ".join(f"{scale * curve[place][name]:.2f}" for curve in curves)


if __name__ == "__main__":
    app.run(main)
