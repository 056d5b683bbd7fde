"""Does kgan keep its promises on a GPU, and how fast is it there? One command for whoever has one.

    python tools/check_gpu.py                                  # writes experiments/results/gpu/
    python tools/check_gpu.py --device=CPU --models=gan --out=/tmp/check --quick    # a dry run, without one

Each part is a process of its own, and a part that fails is reported and left behind: devices; one step of every model
on the GPU beside the same on the processor; a run in two halves beside the same in one, bit for bit, and `kgan replay`,
with deterministic operations and without; images/s and memory of every model in float32 and bfloat16, with XLA and
without, deterministic or not; the same networks in PyTorch, where that is installed with CUDA.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags

from kgan.runtime import files, hardware, machine

OUT = flags.DEFINE_string("out", "experiments/results/gpu", "Directory of check.md and check.json.")
DEVICE = flags.DEFINE_enum("device", "GPU", ["GPU", "CPU"], "What is checked; CPU is a dry run of the command.")
MODELS = flags.DEFINE_list("models", None, "Models; absent: all that train.")
QUICK = flags.DEFINE_bool("quick", False, "Few steps: shows that the parts run, measures nothing.")
PART = flags.DEFINE_string("part", None, "Internal: PART:MODEL:SETTINGS.")
LIMIT = 1e-4  # of a step's weights, over the network's largest: orders of sums differ between devices
RESUMED = ("dcgan", "dcgan_fast", "pictures")
SETTINGS = {"float32": {}, "bfloat16": {"precision": "mixed_bfloat16"}, "float32, XLA": {"xla": True},
            "float32, deterministic": {"deterministic": True}}


def main(_: list[str]) -> None:
    """Asks every part, and writes what came out."""
    if PART.value:
        part, model, settings = PART.value.split(":", 2)
        print(json.dumps(PARTS[part](model, **json.loads(settings))))
        return
    machine.import_tensorflow()
    from kgan import models

    known = [name for name in models.names() if models.recipe(name).adversarial]
    if unknown := set(MODELS.value or ()) - set(known):
        sys.exit(f"kgan: --models={min(unknown)} is unknown; those that train: {', '.join(known)}.")
    names = MODELS.value or known
    result: dict = {"command": " ".join(["python", *sys.argv]), "devices": hardware.described(),
                    "versions": machine.versions(), "device": DEVICE.value, "quick": QUICK.value}
    if DEVICE.value == "GPU" and not machine.has_gpu():
        sys.exit(f"kgan: {result['devices']} --device=CPU tries the command itself.")
    result["step"] = {name: ask("step", name) for name in names}
    result["exact"] = {f"{name}, {how}": ask("exact", name, deterministic=how == "deterministic")
                       for name in RESUMED if name in names or not MODELS.value
                       for how in ("deterministic", "not deterministic")}
    result["speed"] = {name: {label: ask("speed", name, **settings) for label, settings in SETTINGS.items()}
                       for name in names}
    result["pytorch"] = pytorch()
    out = Path(OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    files.write_json(out / "check.json", result)
    files.write_text(out / "check.md", table(result))
    print(table(result))


def ask(part: str, model: str, **settings) -> dict:
    """Returns what a part found, in a process of its own; or the last line of why it failed."""
    command = [sys.executable, __file__, f"--part={part}:{model}:{json.dumps(settings)}", f"--device={DEVICE.value}",
               f"--quick={QUICK.value}"]
    asked = subprocess.run(command, capture_output=True, text=True)
    if asked.returncode:
        return {"error": (asked.stderr.strip().splitlines() or ["it ended without a word"])[-1]}
    found = json.loads(asked.stdout.strip().splitlines()[-1])
    print(part, model, settings, found, flush=True)
    return found


def gan_of(model: str, batch_size: int | None = None, **changes):
    """Returns a GAN by its model's recipe, and a batch of noise for it."""
    import tensorflow as tf

    from kgan import models
    from kgan.runs.build import build_gan

    recipe = models.recipe(model).override(**{"precision": "float32"} | changes)
    recipe = recipe.override(**({} if batch_size is None else {"batch_size": batch_size}))
    if recipe.grow_images:
        recipe = recipe.for_phase(recipe.phases[-1])
    counts = [1] * recipe.label_count if recipe.clusters_per_class > 1 else None
    gan = build_gan(recipe, counts)
    rng = np.random.default_rng(0)
    batch = {"image": tf.constant(rng.uniform(-1, 1, (recipe.images_per_step, *recipe.image_shape)), tf.float32),
             "label": tf.constant(rng.integers(0, max(recipe.label_count, 1), recipe.images_per_step))}
    return gan, batch, recipe


def step(model: str) -> dict:
    """How far a step of SGD on the device leads from the same on the processor."""
    import tensorflow as tf

    after = {}
    for device in ("CPU", DEVICE.value):
        with tf.device(f"/{device}:0"):
            gan, batch, _ = gan_of(model, 16, optimizer="sgd", dropout=0.0, g_learning_rate=0.1, d_learning_rate=0.1)
            tf.function(gan.train_step)(batch)
            after[device] = [[weight.numpy() for weight in network.weights]
                             for network in (gan.generator, gan.discriminator)]
    worst = 0.0
    for ours, theirs in zip(after["CPU"], after[DEVICE.value], strict=True):
        scale = max(float(np.abs(one).max(initial=0.0)) for one in ours) or 1.0
        worst = max(worst, *(float(np.abs(a - b).max(initial=0.0)) / scale for a, b in zip(ours, theirs, strict=True)))
    return {"difference": worst, "within": worst <= LIMIT}


def exact(model: str, deterministic: bool) -> dict:
    """Whether a run in two halves ends with the bits of the same run in one, and replays."""
    steps = 4 if QUICK.value else 60
    with tempfile.TemporaryDirectory() as temporary:
        kept = []
        for name, lengths in (("whole", (steps,)), ("halves", (steps // 2, steps))):
            for length in lengths:
                kgan("train", f"--model={model}", "--dataset=digits", f"--steps={length}", f"--tick={steps // 2}",
                     f"--workdir={temporary}/{name}", f"--deterministic={deterministic}", "--checkpoint_seconds=0",
                     *(["--batch_size=8"] if QUICK.value else []))
            with np.load(f"{temporary}/{name}/checkpoints/step-{steps}/state.npz") as arrays:
                kept.append({key: arrays[key] for key in arrays.files})
        same = all(np.array_equal(kept[0][key], kept[1][key], equal_nan=True) for key in kept[0])
        replayed = subprocess.run([sys.executable, "-m", "kgan", "replay", f"{temporary}/whole"], capture_output=True,
                                  text=True)
    return {"resumes": same, "replays": replayed.returncode == 0}


def kgan(*words: str) -> None:
    """Runs a command of kgan's; its last line stands in the error."""
    done = subprocess.run([sys.executable, "-m", "kgan", *words], capture_output=True, text=True,
                          env=os.environ | ({"CUDA_VISIBLE_DEVICES": "-1"} if DEVICE.value == "CPU" else {}))
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])


def speed(model: str, precision: str = "float32", xla: bool = False, deterministic: bool = False) -> dict:
    """Images/s of the compiled step, medians of five turns; peak memory of the device, where it counts it."""
    import tensorflow as tf

    if deterministic:
        hardware.make_deterministic(True)
    with tf.device(f"/{DEVICE.value}:0"):
        gan, batch, recipe = gan_of(model, 4 if QUICK.value else None, precision=precision)
        made = tf.function(gan.train_step, jit_compile=xla)
        began = time.perf_counter()
        made(batch)
        first = time.perf_counter() - began
        rates = []
        for _ in range(1 if QUICK.value else 5):
            began, count = time.perf_counter(), 0
            while not count or time.perf_counter() - began < (0 if QUICK.value else 2):
                means = made(batch)
                count += 1
            float(next(iter(means.values())))  # waits for the device
            rates.append(count * recipe.images_per_step / (time.perf_counter() - began))
    memory = tf.config.experimental.get_memory_info("GPU:0")["peak"] if DEVICE.value == "GPU" else None
    return {"images_per_second": round(float(np.median(rates)), 1), "first_step_seconds": round(first, 1),
            "peak_megabytes": None if memory is None else round(memory / 1e6), "batch_size": recipe.images_per_step}


def pytorch() -> dict:
    """The same networks in PyTorch, eager and compiled, by the benchmark of steps."""
    try:
        import torch
    except ImportError:
        return {"error": "PyTorch is not installed"}
    if DEVICE.value == "GPU" and not torch.cuda.is_available():
        return {"error": "this PyTorch has no CUDA"}
    with tempfile.TemporaryDirectory() as temporary:
        program = Path(__file__).parents[1] / "experiments" / "bench" / "step.py"
        few = ["--repeats=1", "--seconds=0", "--nets=dcgan", "--batch_size=4"] if QUICK.value else []
        done = subprocess.run([sys.executable, program, "--contenders=kgan,pytorch,torch_compile",
                               "--precisions=float32", f"--out={temporary}", *few], capture_output=True, text=True)
        if done.returncode:
            return {"error": (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]}
        cells = json.loads((Path(temporary) / "step.json").read_text())["cells"]
    return {cell["net"]: cell["median"] for cell in cells}


PARTS = {"step": step, "exact": exact, "speed": speed}


def table(result: dict) -> str:
    """Returns what came out, in Markdown."""
    lines = [f"{result['devices']} {'A dry run: its numbers measure nothing. ' if result['quick'] else ''}\n",
             "| model | a step beside the processor's | " + " | ".join(SETTINGS) + " | peak MB |",
             "|---|---|" + "---|" * (len(SETTINGS) + 1)]
    for name, speeds in result["speed"].items():
        found = result["step"][name]
        beside = found.get("error") or f"{found['difference']:.1e}{'' if found['within'] else ', too far'}"
        rates = [one.get("error") or f"{one['images_per_second']:,} images/s" for one in speeds.values()]
        peak = speeds["float32"].get("peak_megabytes")
        lines.append(f"| `{name}` | {beside} | {' | '.join(rates)} | {peak or '–'} |")
    lines += ["", "| run | resumes bit for bit | replays |", "|---|---|---|"]
    for name, found in result["exact"].items():
        said = [found["error"], "–"] if "error" in found else ["yes" if found[key] else "no"
                                                               for key in ("resumes", "replays")]
        lines.append(f"| {name} | {' | '.join(said)} |")
    lines += ["", "PyTorch: " + (result["pytorch"].get("error") or "; ".join(
        f"{net}: " + ", ".join(f"{who} {rate:,.0f} images/s" for who, rate in rates.items())
        for net, rates in result["pytorch"].items())) + "."]
    return "\n".join(lines) + f"\n\n`{result['command']}` on {machine.in_words(result['versions'])}.\n"


if __name__ == "__main__":
    app.run(main)
