"""Seconds and peak resident memory of scoring 10,000 images of 64×64: `kgan evaluate`, its library, torch-fidelity.

    python experiments/bench/evaluate.py --build=before=OLD_CHECKOUT --build=now=. --out=experiments/results/speed/KIND

Each is a process of its own on the same arrays, which are made here. The first `kgan evaluate` of a build prepares the
data, trains a judge, briefly, and measures the yardsticks; the next ones find them kept. `library` and torch-fidelity,
where it is installed (`pip install torch-fidelity`), measure Fréchet and kernel distance, classifier score, precision
and recall by the last build's judge, with the same weights. Writes evaluate.json and evaluate.md.
"""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import turns
from absl import app, flags

from kgan.runtime import machine

IMAGES = flags.DEFINE_integer("images", 10_000, "Images to score.")
BUILD = flags.DEFINE_multi_string("build", ["now=."], "NAME=CHECKOUT of a build to measure.")
REPEATS = flags.DEFINE_integer("repeats", 3, "Turns of each, after the first evaluation.")
OUT = flags.DEFINE_string("out", None, "Directory for evaluate.json and evaluate.md.")
WORKER = flags.DEFINE_string("worker", None, "Internal: make, library or torch_fidelity; a directory follows.")

FIRST = "yardsticks measured, too"
KGAN = "from kgan.scoring import judge; judge.STEPS = 200; from kgan.__main__ import main; main()"  # as `kgan`
MEASURED = "fréchet", "kernel ×10³", "score", "precision", "recall"
COLUMNS = {"library": "the same five numbers by kgan's functions", "torch_fidelity": "torch-fidelity"}


def main(arguments: list[str]) -> None:
    """Measures, prints and writes."""
    if WORKER.value:
        globals()[WORKER.value](Path(arguments[1]))
        return
    result: dict[str, Any] = {"command": turns.command(), "images": IMAGES.value, "taken": {}, "numbers": {}}
    with tempfile.TemporaryDirectory() as directory:
        worker = [sys.executable, __file__, f"--images={IMAGES.value}", directory]
        said = subprocess.check_output([*worker, "--worker=make"])  # so that this process stays small: see `taken`
        result["versions"] = json.loads(said)
        if importlib.util.find_spec("torch_fidelity"):
            result["versions"] |= {name: importlib.metadata.version(name) for name in ("torch", "torch-fidelity")}
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        programs = {}
        for name, checkout in (build.split("=", 1) for build in BUILD.value):
            os.environ["KGAN_CACHE_DIR"] = cache = f"{directory}/{name}"  # the last one's judge is the others', too
            command = [sys.executable, "-c", KGAN, "evaluate", f"{directory}/images.npy",
                       f"--data={directory}/data.npz", f"--count={IMAGES.value}", "--json"]
            programs[f"kgan evaluate, {name}"] = command, {"PYTHONPATH": checkout, "KGAN_CACHE_DIR": cache}
            result["taken"][f"kgan evaluate, {name}, {FIRST}"] = [taken(*programs[f"kgan evaluate, {name}"])[0]]
        programs |= {name: ([*worker, f"--worker={name}"], {}) for name in COLUMNS
                     if name == "library" or importlib.util.find_spec(name)}
        for _ in range(REPEATS.value):
            for name, program in programs.items():
                spent, said = taken(*program)
                result["taken"].setdefault(name, []).append(spent)
                if name in COLUMNS:
                    result["numbers"][name] = json.loads(said)
            turns.keep(result, OUT.value, "evaluate", table(result))


def make(directory: Path) -> None:
    """Writes images of ten classes: to learn from and compare with, data.npz; real, real.npy; to score, images.npy.

    Prints the versions, which only TensorFlow's import tells.
    """
    machine.import_tensorflow()
    print(json.dumps(machine.versions()))
    random = np.random.default_rng(0)
    patterns = random.normal(0, 40, (10, 8, 8, 3))

    def draw(count: int, spread: float) -> np.ndarray:
        images = np.empty((count, 64, 64, 3), np.uint8)
        for number in range(count):
            coarse = (patterns[number % 10] + random.normal(0, spread, (8, 8, 3))).repeat(8, 0).repeat(8, 1)
            images[number] = np.clip(128 + coarse + random.normal(0, 10, coarse.shape), 0, 255)
        return images

    real = draw(IMAGES.value, 50)
    train = draw(2 * IMAGES.value, 50)
    np.savez(directory / "data.npz", x_train=train, y_train=np.arange(len(train)) % 10,
             x_test=real, y_test=np.arange(len(real)) % 10)
    np.save(directory / "real.npy", real)
    np.save(directory / "images.npy", draw(IMAGES.value, 60))


def taken(command: list[str], variables: dict[str, str]) -> tuple[dict[str, float], str]:
    """Returns a process's seconds, also those of its processors, and peak resident memory in MB; and what it printed.

    The kernel counts the starting process's own peak as well.
    """
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=os.environ | variables, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 3):  # 3: evaluate's verdict
            sys.exit(f"kgan: {command} failed.")
        output.seek(0)
        spent = {"seconds": round(seconds, 1), "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
                 "peak_mb": usage.ru_maxrss // 1024}
        print(" ".join(command[1:4]), variables, spent, flush=True)
        return spent, output.read().decode()


def library(directory: Path) -> None:
    """Prints five numbers by kgan's functions; keeps the judge's weights for torch-fidelity."""
    machine.import_tensorflow()
    from kgan.data import cache, sources
    from kgan.metrics import frechet, kid, manifold, score
    from kgan.scoring.benchmark import open_judges

    source = sources.locate(None, f"{directory}/data.npz")
    settings = {"image_size": 64, "channels": 3}
    judge, = open_judges(None, cache.prepare(source, **settings), cache.prepare_test(source, **settings))
    np.savez(directory / "judge.npz", *judge.model.get_weights())
    real, seen = (judge.predict(np.load(directory / name, mmap_mode="r")) for name in ("real.npy", "images.npy"))
    inside = manifold.manifold(real.features, seen.features)
    print(json.dumps([frechet.frechet(real.features, seen.features),
                      kid.kernel_distance(real.features, seen.features).mean * 1e3,
                      score.classifier_score(seen.probabilities), inside.precision, inside.recall]))


def torch_fidelity(directory: Path) -> None:
    """Prints the same five numbers by torch-fidelity, with the judge of `library` as its feature extractor."""
    import torch
    from torch import nn
    from torch.nn import functional
    from torch_fidelity import calculate_metrics, register_feature_extractor
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase

    class Judge(FeatureExtractorBase):
        """The judge of `kgan.scoring.judge`."""

        def __init__(self, name: str, features_list: list[str], **_: object) -> None:
            super().__init__(name, features_list)
            with np.load(directory / "judge.npz") as archive:
                self.weights = nn.ParameterList([nn.Parameter(torch.from_numpy(archive[key]), requires_grad=False)
                                                 for key in archive.files])

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            """Maps uint8 images, (n, 3, H, W), to the features asked for."""
            first, *norm_1, second = self.weights[:6]
            norm_2, dense, norm_3, (kernel, bias) = (self.weights[6:10], self.weights[10], self.weights[11:15],
                                                     self.weights[15:])
            x = functional.avg_pool2d(images / 127.5 - 1, 2)
            for weight, norm in ((first, norm_1), (second, norm_2)):
                x = functional.conv2d(x, weight.permute(3, 2, 0, 1), padding=1)
                x = normed(functional.max_pool2d(x, 2), norm)
            x = normed(x.permute(0, 2, 3, 1).flatten(1) @ dense, norm_3)
            outputs = {"features": x, "logits": x @ kernel + bias, "logits_unbiased": x @ kernel}
            return tuple(outputs[name] for name in self.features_list)

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            """Names the features."""
            return "features", "logits", "logits_unbiased"

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            """Names the features that a metric takes."""
            return "logits" if metric == "isc" else "features"

    def normed(x: torch.Tensor, norm: list[torch.Tensor]) -> torch.Tensor:
        scale, offset, mean, variance = norm
        return functional.relu(functional.batch_norm(x, mean, variance, scale, offset, eps=1e-3))

    class Pictures(torch.utils.data.Dataset):
        """An array's images."""

        def __init__(self, name: str) -> None:
            self.images = np.load(directory / name, mmap_mode="r")

        def __len__(self) -> int:
            return len(self.images)

        def __getitem__(self, place: int) -> torch.Tensor:
            return torch.from_numpy(self.images[place].transpose(2, 0, 1).copy())

    register_feature_extractor("judge", Judge)
    found = calculate_metrics(input1=Pictures("images.npy"), input2=Pictures("real.npy"), feature_extractor="judge",
                              isc=True, fid=True, kid=True, prc=True, cuda=False, cache=False, verbose=False)
    print(json.dumps([found["frechet_inception_distance"], found["kernel_inception_distance_mean"] * 1e3,
                      found["inception_score_mean"], found["precision"], found["recall"]]))


def table(result: dict[str, Any]) -> str:
    """Lays the numbers out: medians, and the highest peak."""
    lines = [f"Scoring {result['images']:,} images of 64×64×3: medians of seconds, and the highest peak resident "
             "memory, without torch-fidelity's four loaders.", "",
             "| | seconds | of processors, which other work leaves alone | peak, MB |", "|---|---:|---:|---:|"]
    for name, spent in result["taken"].items():
        seconds = (f"{np.median([one[key] for one in spent]):.1f}" for key in ("seconds", "processor_seconds"))
        peak = max(one["peak_mb"] for one in spent)
        lines.append(f"| {COLUMNS.get(name, name)} | {' | '.join(seconds)} | {peak:,} |")
    lines += ["", f"| by the same judge | {' | '.join(MEASURED)} |", f"|---|{'---:|' * len(MEASURED)}"]
    lines += [f"| {COLUMNS[name]} | {' | '.join(f'{number:.4f}' for number in numbers)} |"
              for name, numbers in result["numbers"].items()]
    return "\n".join([*lines, turns.footer(result)])


if __name__ == "__main__":
    app.run(main)
