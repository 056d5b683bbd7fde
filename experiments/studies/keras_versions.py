"""Which Keras opens kgan's .keras files, and whether it draws the same: every model's, and every preset's.

    python experiments/studies/keras_versions.py --out=experiments/results/keras_versions.md

Makes a virtual environment with jax for each of VERSIONS, in a temporary directory or in `--venvs`. There it opens the
files by `keras.saving.load_model` alone and, where that fails, after `import kgan.layers`, and compares the images of 8
z's with those that kgan's Keras draws on TensorFlow. Networks are untrained, with batch-norm statistics of 100 batches,
so that their images are no flat grey; those of presets are trained.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

VERSIONS = ("3.6.0", "3.8.0", "3.10.0", "3.12.0", "3.13.2", "3.14.1")
COUNT = 8  # images
SMALL = {"progan": {"image_size": 16, "max_channels": 32}}  # a shape of it that is grown and quick


def write(directory: Path) -> None:
    """Writes a .keras file of each model and preset, and what it draws."""
    import tensorflow as tf

    from kgan import latent, models, presets, sampling
    from kgan.data import sources
    from kgan.runs.generators import open_generator, write_keras
    from kgan.runs.training_data import prepare

    generators = {}
    for name in models.names():
        recipe = models.recipe(name)
        if not recipe.adversarial:
            recipe = models.recipe(name, "digits")
            images = prepare(sources.locate("digits"), recipe).prepared.images
            generators[name] = models.fit_generator(images, recipe)
            continue
        recipe = recipe.override(**({"classes": 10} if recipe.conditional else {}), **SMALL.get(name, {}))
        generators[name] = models.build_generator(recipe.for_phase(recipe.phases[-1]))
    generators |= {f"preset:{name}": open_generator(f"preset:{name}") for name in presets.names()}
    for name, generator in generators.items():
        rng = np.random.default_rng(0)
        told = [np.arange(COUNT, dtype=np.int32) % sampling.classes(generator)] if len(generator.inputs) > 1 else []
        z = latent.from_seeds(range(COUNT), latent.dimension(generator)).numpy()
        for _ in range(0 if ":" in name else 100):
            given = [rng.normal(size=(64, z.shape[1])).astype(np.float32), *(np.resize(one, 64) for one in told)]
            generator(given if told else given[0], training=True)
        drawn = tf.function(generator)([z, *told] if told else z, training=False).numpy()
        file = directory / f"{name.replace(':', '_')}.keras"
        write_keras(generator, file)
        np.savez(file.with_suffix(".npz"), z=z, drawn=drawn, **({"label": told[0]} if told else {}))


def read(directory: Path) -> dict[str, list]:
    """Opens every file there with this process' Keras; returns what was needed, and by how much images differ."""
    import keras

    found: dict[str, list] = {}
    for needed in ("", "kgan.layers"):
        if needed:
            importlib.import_module(needed)
        for file in sorted(directory.glob("*.keras")):
            if found.get(file.stem, [None])[0] is not None:
                continue
            try:
                generator = keras.saving.load_model(file)
            except Exception as error:
                found[file.stem] = [None, str(error).strip().splitlines()[-1][:200]]
                continue
            with np.load(file.with_suffix(".npz")) as given:
                inputs = [given[one.name] for one in generator.inputs]
                drawn = np.asarray(generator(inputs if len(inputs) > 1 else inputs[0], training=False))
                found[file.stem] = [needed, float(np.abs(drawn - given["drawn"]).max()) * 127.5
                                    if drawn.shape == given["drawn"].shape else
                                    f"draws {drawn.shape[1:]}, not {given['drawn'].shape[1:]}"]
    return found


def main() -> None:
    """Writes the files, asks each Keras, writes the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--venvs", type=Path, help="where environments are, or are made, by version")
    parser.add_argument("--files", type=Path, help="where the files, and each Keras' answers, are or are written")
    parser.add_argument("--read", type=Path)
    given = parser.parse_args()
    if given.read:
        given.out.write_text(json.dumps(read(given.read)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        files = given.files or Path(temporary, "files")
        files.mkdir(exist_ok=True)
        if not any(files.glob("*.keras")):
            write(files)
        names = sorted(file.stem for file in files.glob("*.keras"))
        with zipfile.ZipFile(files / f"{names[0]}.keras") as archive:
            writer = json.loads(archive.read("metadata.json"))["keras_version"]

        columns = {}
        for version in VERSIONS:
            venv = (given.venvs or Path(temporary)) / version
            if not (venv / "bin" / "python").exists():
                subprocess.run([sys.executable, "-m", "venv", venv], check=True)
                subprocess.run([venv / "bin" / "pip", "install", "-q", f"keras=={version}", "jax"], check=True)
            environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
            kept = files / f"{version}.json"
            if not kept.exists():
                subprocess.run([venv / "bin" / "python", __file__, f"--read={files}", f"--out={kept}"], check=True,
                               env=environment)
            columns[version] = json.loads(kept.read_text())
    lines = [f"Written by Keras {writer} on TensorFlow, read on jax.\n",
             f"| file of | {' | '.join(VERSIONS)} | needs |", f"|---|{'---:|' * len(VERSIONS)}---|"]
    reasons: list[str] = []
    for name in names:
        answers = [columns[version][name] for version in VERSIONS]
        cells = ["refused" if needed is None else by if isinstance(by, str) else f"{by:.1g}" for needed, by in answers]
        needs = " ".join(sorted({f"`{needed}`" for needed, _ in answers if needed}))
        lines.append(f"| `{name}` | {' | '.join(cells)} | {needs} |")
        reasons += [f"* {name}, {version}: {by}" for version, (needed, by) in zip(VERSIONS, answers, strict=True)
                    if needed is None]
    lines += ["\nThe largest difference of an image, in grey levels of 255. Refused:\n", *reasons]
    text = "\n".join(lines) + "\n"
    print(text)
    if given.out:
        given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
