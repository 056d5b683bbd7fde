r"""`pictures` beside `dcgan_stable`, whose place it takes, on a folder: equal seconds of one core, scored alike.

    python experiments/studies/own_pictures.py --data=cifar10_20k.zip --out=experiments/results/pictures/cifar10 \
        --arms=dcgan_stable+116000,pictures+205000 --seeds=0,1,2

An arm is MODEL+IMAGES, or MODEL+IMAGES+FLAG=VALUE+…; images are chosen so that arms take the same seconds. Each trains
with one thread, `--together` of them side by side; the seconds that its process had of a core, start and preparation
included, are kept. Writes OUT.json, and OUT/ARM_SEED.png.
"""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from absl import app, flags

from kgan.runtime import files, machine

DATA = flags.DEFINE_string("data", None, "Folder or zip of pictures.", required=True)
OUT = flags.DEFINE_string("out", None, "OUT.json and OUT/ are written.", required=True)
ARMS = flags.DEFINE_list("arms", ["dcgan_stable+116000", "pictures+205000"], "What is compared.")
SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds of each arm.")
TOGETHER = flags.DEFINE_integer("together", 2, "Arms that train side by side, each on one core.")
TEST = flags.DEFINE_string("test", None, "Folder that samples are compared with; absent: the held-out tenth.")
KEEP = flags.DEFINE_string("keep", None, "Folder for the run directories; absent: they are removed.")
KEYS = ("fcd32", "kid32", "fcd", "recall", "recall32", "precision32", "coverage32", "copies", "memorisation",
        "checkerboard", "checkerboard_period", "swd", "roughness")


def main(_: list[str]) -> None:
    """Trains and scores every arm with every seed."""
    machine.import_tensorflow()
    out = Path(OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(TOGETHER.value) as pool:
        runs = Path(KEEP.value or temporary)
        jobs = [pool.submit(measured, arm, int(seed), runs) for seed in SEEDS.value for arm in ARMS.value]
        results = []
        for job in concurrent.futures.as_completed(jobs):
            results.append(job.result())
            print(json.dumps(results[-1]), flush=True)
            ordered = sorted(results, key=lambda one: (one["arm"], one["seed"]))
            files.write_json(out.with_suffix(".json"), {
                "command": " ".join(["python", os.path.relpath(sys.argv[0]), *sys.argv[1:]]),
                "versions": machine.versions(), "results": ordered})


def measured(arm: str, seed: int, runs: Path) -> dict:
    """Trains an arm, scores it, copies its grid."""
    model, images, *others = arm.split("+")
    run = runs / re.sub(r"\W+", "_", f"{arm}_{seed}")
    environment = os.environ | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}

    def kgan(*words: str) -> tuple[str, float]:
        """Returns what the command printed, and the seconds that it had of a core."""
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen([sys.executable, "-m", "kgan", *words], env=environment, text=True,
                                       stdout=subprocess.PIPE, stderr=errors)
            printed = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            if os.waitstatus_to_exitcode(status) not in (0, 3):
                errors.seek(0)
                raise RuntimeError(errors.read())
        return printed, used.ru_utime + used.ru_stime

    flags_ = [f"--model={model}", f"--data={DATA.value}", f"--images={images}", f"--seed={seed}", "--precision=float32",
              *(f"--{other}" for other in others)]
    _, seconds = kgan("train", *flags_, f"--workdir={run}", "--checkpoint_seconds=120")
    scored = json.loads(kgan("evaluate", str(run), "--json", *([f"--data={TEST.value}"] if TEST.value else []))[0])
    shutil.copy(sorted((run / "samples").glob("step_*.png"))[-1], Path(OUT.value) / f"{run.name}.png")
    config = json.loads((run / "config.json").read_text())
    numbers = scored["numbers"]
    return {"arm": arm, "seed": seed, "flags": flags_, "recipe": config["recipe"], "core_seconds": round(seconds),
            "numbers": {key: numbers[key] for key in KEYS if key in numbers},
            "real": {key: scored["yardsticks"]["real train vs test"].get(key) for key in KEYS},
            "verdict": scored["verdict"]}


if __name__ == "__main__":
    app.run(main)
