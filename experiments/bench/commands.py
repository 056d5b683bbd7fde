"""Start-up, sampling, and what each command takes: seconds and peak resident memory.

    python experiments/bench/commands.py --out=experiments/results/speed/KIND

Everything runs on data made here or on the embedded digits, without network. Commands are processes of their own; the
start-up is read off the times of the files that they write. Writes commands.json and commands.md.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import turns
from absl import app, flags
from pictures import make_zip

from kgan.runtime import machine, templates

REPEATS = flags.DEFINE_integer("repeats", 5, "Launches, and turns of each sampler.")
IMAGES = flags.DEFINE_integer("images", 10_000, "Images to sample.")
OUT = flags.DEFINE_string("out", None, "Directory for commands.json and commands.md.")

BATCH = 100


def main(_: list[str]) -> None:
    """Measures, prints and writes."""
    result = {"command": turns.command()}
    with tempfile.TemporaryDirectory() as directory:
        os.environ["KGAN_CACHE_DIR"] = str(Path(directory) / "cache")
        run, exported = Path(directory) / "run", Path(directory) / "export"
        pictures = Path(directory) / "pictures.zip"
        make_zip(pictures, 20_000, 32)
        launch(Path(directory) / "first")  # prepares the digits, writes the bytecode
        launches = [launch(Path(directory) / f"launch{number}") for number in range(REPEATS.value)]
        result["launch"] = {name: [round(one[name], 2) for one in launches] for name in launches[0]}
        train = ["train", "--dataset=digits", f"--workdir={run}", "--tick=50"]
        result["commands"] = {
            "train --help": taken("train", "--help"),
            "train --dataset=digits --steps=200": taken(*train, "--steps=200"),
            "train, going on for 1 step": taken(*train, "--steps=201"),
            f"generate, {IMAGES.value:,} images": taken("generate", run, f"--seeds=0-{IMAGES.value - 1}",
                                                        f"--out={directory}/images.npy"),
            "export": taken("export", run, exported),
            "evaluate, judge and yardsticks measured": taken("evaluate", run),
            "evaluate, both kept": taken("evaluate", run),
            "train, 20,000 JPEGs of 32×32 to prepare, 1 step": taken(
                "train", "--model=dcgan_pooled", f"--data={pictures}", "--image_size=32",
                "--channels=3", "--steps=1", f"--workdir={directory}/jpegs"),
        }
        machine.import_tensorflow()
        result["sampling"] = sampling(run, exported / "1")
    result["versions"] = machine.versions()
    turns.keep(result, OUT.value, "commands", templates.markdown(
        Path(__file__).with_suffix(".jinja"), **result, images=IMAGES.value, in_words=machine.in_words,
        launches=turns.medians(result["launch"]), rates=turns.medians(result["sampling"])))


def launch(workdir: Path) -> dict[str, float]:
    """Returns seconds from launch: TensorFlow imported (a process of its own), untrained grid, first step logged."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "from kgan.runtime import machine; machine.import_tensorflow()"], check=True)
    imports = time.perf_counter() - started
    started = time.time()
    kgan("train", "--dataset=digits", "--steps=1", "--tick=1", f"--workdir={workdir}")
    return {"imports": imports,
            "untrained grid": (workdir / "samples" / "step_000000.png").stat().st_mtime - started,
            "first step": (workdir / "log.csv").stat().st_mtime - started}


def taken(*arguments: object) -> dict[str, float]:
    """Returns a command's seconds and its peak resident memory in MB."""
    started = time.perf_counter()
    usage = kgan(*arguments)
    return {"seconds": round(time.perf_counter() - started, 1), "peak_mb": usage.ru_maxrss // 1024}


def kgan(command: str, *arguments: object):
    """Runs a command to its end; returns what the kernel counted."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([sys.executable, "-m", "kgan", command, *map(str, arguments)], stdout=output,
                                   stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 3):  # 3: evaluate's verdict on an untrained generator
            output.seek(0)
            sys.exit(f"kgan: {command} failed:\n{output.read().decode()}")
    return usage


def sampling(run: Path, exported: Path) -> dict:
    """Images/s of the SavedModel, of its generator's bare forward pass, and of `kgan.sampling.generate`, in turn."""
    import numpy as np
    import tensorflow as tf

    from kgan.runs.generators import open_generator
    from kgan.sampling import generate

    generator, served = open_generator(run), tf.saved_model.load(exported).signatures["serving_default"]
    bare = tf.function(lambda z: generator(z, training=False))
    z = tf.constant(np.random.default_rng(0).normal(size=(IMAGES.value, generator.input_shape[-1])), tf.float32)
    batches = tf.split(z, IMAGES.value // BATCH)
    samplers = {
        "bare forward": lambda: [bare(batch) for batch in batches],
        "SavedModel": lambda: [served(batch) for batch in batches],
        "generate": lambda: generate(generator, range(IMAGES.value)),
    }
    return turns.in_turn(samplers, IMAGES.value, REPEATS.value)


if __name__ == "__main__":
    app.run(main)
