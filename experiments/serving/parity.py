"""One table: every model and preset, in every runtime that draws it, beside kgan's own pictures.

    python experiments/serving/parity.py --out=experiments/results/parity [--rows=mnist,dcgan64] \
        [--python=tf215=/path/to/python:saved_model]

A cell is the largest difference in grey levels over 256 seeds and labels, and milliseconds a picture, drawn one by one.
Each runtime is a process of its own (`consumers.py`), which has no kgan but for layers that Keras lacks. --python adds
a column: another interpreter, with other versions, for a consumer. Rows that are there are kept: the command goes on.
Models without a preset are untrained; their batch norm has the statistics of 256 of their own pictures.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags

from kgan.runtime import files, machine

OUT = flags.DEFINE_string("out", None, "Directory of table.md and parity.json.", required=True)
ROWS = flags.DEFINE_list("rows", None, "Presets and models; absent: all.")
PYTHONS = flags.DEFINE_multi_string("python", [], "COLUMN=INTERPRETER:CONSUMER, a further column.")
COUNT = 256
FILES = ("saved_model.pb", "variables/variables.data-00000-of-00001", "model.onnx", "model.tflite", "model.xml",
         "model.bin")
FORMS = ("saved_model", "onnx", "litert", "openvino")
HEADS = {
    "saved_model": "SavedModel", "onnx": "ONNX, z", "onnx_seeds": "ONNX, seeds", "openvino_f32": "OpenVINO, f32",
    "openvino_default": "OpenVINO, default", "openvino_saved_model": "OpenVINO of the SavedModel", "litert":
    "LiteRT, seeds", "litert_plain": "LiteRT without XNNPACK", "litert_z": "LiteRT, z",
    "litert_one": "LiteRT, one by one",
    "keras_torch": "Keras on torch", "keras_jax": "Keras on jax", "keras_openvino": "Keras on OpenVINO"}


def main(_: list[str]) -> None:
    """Fills the rows that are asked for, then writes the table."""
    machine.import_tensorflow()
    import consumers

    from kgan import models, presets

    out = Path(OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    kept = json.loads((out / "parity.json").read_text()) if (out / "parity.json").exists() else {"rows": {}}
    columns = {name: (sys.executable, name) for name in consumers.CONSUMERS}
    for one in PYTHONS.value:
        column, _, rest = one.partition("=")
        columns[column] = tuple(rest.rsplit(":", 1))
    for name in ROWS.value or [*(f"preset:{one}" for one in presets.names()), *models.names()]:
        row = kept["rows"].setdefault(name, {})
        if missing := {column: how for column, how in columns.items() if column not in row}:
            fill(name, row, missing)
            kept["versions"] = machine.versions()
            files.write_json(out / "parity.json", kept)
            files.write_text(out / "table.md", table(kept["rows"]))
    print(table(kept["rows"]))


def fill(name: str, row: dict, columns: dict) -> None:
    """Exports a generator in every form, and asks each consumer."""
    from kgan import kernels
    from kgan.runs import generators
    from kgan.serving import export, saved_model

    generator = kernels.plain(network(name), dtype="float32")
    with tempfile.TemporaryDirectory() as temporary:
        exports = Path(temporary)
        for form in FORMS:
            version = export.export(generator, exports / form, form).version
            row[f"megabytes_{form}"] = round(sum(
                (version / file).stat().st_size for file in FILES if (version / file).exists()) / 1e6, 2)
        generators.write_keras(generator, exports / "generator.keras")
        np.savez(exports / "expected.npz", **{
            key: value.astype(np.int32) if key == "label" else value
            for key, value in saved_model.samples(generator, COUNT).items()})
        for column, (python, consumer) in columns.items():
            asked = subprocess.run(
                [python, str(Path(__file__).with_name("consumers.py")), consumer, temporary, exports / "expected.npz"],
                capture_output=True, text=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
            if asked.returncode:
                said = (asked.stderr.strip().splitlines() or ["it ended without a word"])[-1][:200]
                row[column] = {"error": said}
            else:
                row[column] = json.loads(asked.stdout.strip().splitlines()[-1])
            print(name, column, row[column], flush=True)


def network(name: str):
    """Returns a preset's generator, or a model's, untrained, with batch-norm statistics of its own pictures."""
    import keras

    from kgan import models
    from kgan.runs.generators import open_generator

    if name.startswith("preset:"):
        return open_generator(name)
    recipe = models.recipe(name)
    if not recipe.adversarial:
        images = np.random.default_rng(0).integers(0, 256, (200, *recipe.image_shape), np.uint8)
        return models.fit_generator(images, recipe)
    recipe = recipe.override(classes=10 if recipe.conditional else recipe.classes)
    generator = models.build(recipe)[0]
    noise = keras.random.normal((COUNT, recipe.latent_dim), seed=0)
    label = keras.ops.arange(COUNT, dtype="int32") % 10
    for _ in range(60):
        generator([noise, label] if len(generator.inputs) > 1 else noise, training=True)
    return generator


def table(rows: dict) -> str:
    """Returns the rows in Markdown: levels, then milliseconds."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row if not name.startswith("megabytes")))
    heads = [*(HEADS.get(name, name) for name in names), "MB: SavedModel, ONNX, LiteRT, OpenVINO"]
    lines = ["| | " + " | ".join(heads) + " |",
             "|---|" + "---|" * (len(names) + 1)]
    for row_name, row in rows.items():
        cells = [f"{row[name]['grey_levels']} · {row[name]['milliseconds']} ms" if "grey_levels" in row.get(name, {})
                 else "refused" if name in row else "–" for name in names]
        sizes = ", ".join(str(row.get(f"megabytes_{form}", "–")) for form in FORMS)
        lines.append(f"| `{row_name}` | " + " | ".join(cells) + f" | {sizes} |")
    said = [f"* `{row_name}`, {HEADS.get(name, name)}: {row[name]['error']}" for row_name, row in rows.items()
            for name in names if "error" in row.get(name, {})]
    return "\n".join([*lines, "", *said]) + "\n"


if __name__ == "__main__":
    app.run(main)
