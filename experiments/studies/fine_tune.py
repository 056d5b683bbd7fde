"""A grown ProGAN, trained on to one class of pictures, beside the same networks from scratch for as long.

    python experiments/studies/fine_tune.py --parent=RUN --pictures=cifar10/automobile --judge=cifar10.zip

The parent's last checkpoint is trained on in two ways (ARMS), each for SECONDS of the processor's time for each of its
threads, looks not counted. A look draws as many samples as there are pictures: SWD, and KID on the features of a judge
of the pictures' data set. Kept are the curves, grids of the same seeds before and after, and samples beside the nearest
pictures.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cells
import numpy as np
from absl import app, flags
from matplotlib.figure import Figure

from kgan.runtime import files, machine

OUT = flags.DEFINE_string("out", "experiments/results/progan/fine_tune", "Where the results go.")
PARENT = flags.DEFINE_string("parent", None, "A run of progan.", required=True)
PICTURES = flags.DEFINE_string("pictures", None, "A folder of the pictures to learn.", required=True)
JUDGE = flags.DEFINE_string("judge", None, "CIFAR-10's pictures in class folders, whose judge gives features.",
                            required=True)
SECONDS = flags.DEFINE_float("seconds", 600.0, "Of each arm.", lower_bound=1.0)
EVERY = flags.DEFINE_integer("every", 100, "Steps between looks.", lower_bound=1)
CELL = flags.DEFINE_string("cell", None, "Train this arm, in this process; for the script itself.")
ARMS: dict[str, dict[str, Any]] = {
    "scratch": {},
    "last_blocks": {"trainable_blocks": 2},
    "freeze_d": {"frozen_d_blocks": 2},
}


def main(_: Sequence[str]) -> None:
    """Trains what is missing, then draws the curves and writes the table."""
    out = Path(OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    if CELL.value is not None:
        train(CELL.value, out)
        return
    cells.run(arm for arm in ARMS if not (out / f"{arm}.json").exists())
    write(out)


def train(arm: str, out: Path) -> None:
    """Trains an arm for SECONDS, looks at it on its way, and keeps what it saw."""
    machine.import_tensorflow()
    import keras

    from kgan import images
    from kgan.data import sources
    from kgan.metrics import kid, neighbours, sliced
    from kgan.runs import loop, setup
    from kgan.runs.directory import Run
    from kgan.runs.training_data import prepare
    from kgan.scoring.benchmark import open_benchmark

    parent = Run(PARENT.value)
    judge = open_benchmark(sources.locate("cifar10", JUDGE.value), image_size=32, channels=3).judges[0]
    recipe = parent.recipe()
    fields = {"data": PICTURES.value, "images": 10**9, "seed": 0, "precision": "float32", "tick": 50}
    if arm == "scratch":
        fields |= {"model": "progan", "grow_images": 0} | {name: getattr(recipe, name) for name in (
            "image_size", "max_channels", "latent_dim", "batch_size")}
    job = setup.resolve(fields | ARMS[arm], str(out / "runs" / arm),
                        init_from=None if arm == "scratch" else PARENT.value)
    real = prepare(job.source, job.recipe).prepared.images
    features = judge.predict(real).features
    curve: list[dict[str, float]] = []

    class Looks(keras.callbacks.Callback):
        spent, began = 0.0, cells.processor_seconds()

        def look(self) -> None:
            drawn = self.model.generate(range(len(real)))
            distance = kid.kernel_distance(features, judge.predict(drawn).features)
            curve.append({"step": int(self.model.step), "seconds": self.spent, "swd": sliced.swd(real, drawn),
                          "kid": distance[0]})
            print(arm, curve[-1], flush=True)

        def on_train_begin(self, logs=None):
            if not curve:
                self.look()
                images.save_grid(self.model.generate(range(64)), out / f"{arm}_before.png", columns=8)
                self.began = cells.processor_seconds()

        def on_epoch_end(self, epoch, logs=None):
            self.spent += cells.processor_seconds() - self.began
            if int(self.model.step) % EVERY.value == 0:
                self.look()
            self.model.stop_training = self.spent >= SECONDS.value
            self.began = cells.processor_seconds()

    looks = Looks()
    loop.train(*job, callbacks=[looks])
    looks.look()
    drawn = looks.model.generate(range(64))
    images.save_grid(drawn, out / f"{arm}_after.png", columns=8)
    _, nearest = neighbours.nearest(drawn[:8], real)
    beside = np.concatenate([drawn[:8], real[nearest]])
    images.save_grid(beside, out / f"{arm}_nearest.png", columns=8)
    result = {"arm": arm, "curve": curve, "images": len(real), "threads": cells.threads(), "judge": judge.name,
              "recipe": job.run.recipe().to_dict() | {"data": None}, "versions": machine.versions()}
    files.write_json(out / f"{arm}.json", result)


def write(out: Path) -> None:
    """Writes table.md and curves.png: what each arm reached, and when it reached what `scratch` ended with."""
    curves = {arm: json.loads((out / f"{arm}.json").read_text(encoding="utf-8"))["curve"] for arm in ARMS}
    figure = Figure((9, 3.5), layout="tight")
    axes = figure.subplots(1, 2)
    lines = ["| arm | SWD before | SWD | KID | steps | steps to scratch's best SWD | to its best KID |",
             "|---|---|---|---|---|---|---|"]
    for arm, curve in curves.items():
        reached = []
        for axis, name in zip(axes, ("swd", "kid"), strict=True):
            axis.plot([one["step"] for one in curve], [one[name] for one in curve], label=arm)
            goal = min(one[name] for one in curves["scratch"])
            reached.append(next((f"{one['step']:,}" for one in curve if one[name] <= goal), "not"))
        lines.append(f"| {arm} | {curve[0]['swd']:.0f} | {curve[-1]['swd']:.0f} | {curve[-1]['kid']:.4f} | "
                     f"{curve[-1]['step']:,} | {' | '.join(reached)} |")
    for axis, name in zip(axes, ("SWD × 10³", "KID"), strict=True):
        axis.set(xlabel="steps", ylabel=name, yscale="log")
        axis.legend()
    figure.savefig(out / "curves.png", dpi=90)
    files.write_text(out / "table.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    app.run(main)
