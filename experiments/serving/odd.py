"""Odd and broken requests at every door of an export: a right picture or an error, and never anything else.

    python experiments/serving/odd.py --out=experiments/results/serving/odd.json [--bentoml=/path/to/bentoml]

Exports a preset in every format, and sends --requests requests to each, drawn at random: batches of none to 1,000,
seeds of 64 bits, labels in and out of range, left out or of another type, z with NaN and infinity, of another length or
rank. What is a good request by `kgan.serving.requests` must be answered with the live generator's pictures, to within a
grey level; every other must be refused. Counts what was answered, refused, refused though good, and wrong.
"""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from absl import app, flags

from kgan.runtime import files, machine

OUT = flags.DEFINE_string("out", None, "Where the counts go.", required=True)
REQUESTS = flags.DEFINE_integer("requests", 2000, "To each door.")
ONLY = flags.DEFINE_string("only", None, "One door.")
PRESET = flags.DEFINE_string("preset", "preset:mnist", "Whose: of mnist's, z chooses among a class' clusters.")
BENTOML = flags.DEFINE_string("bentoml", None, "The program bentoml of another environment; absent: it isn't asked.")
SIZES = (0, 1, 1, 1, 2, 3, 7)


def request(rng: np.random.Generator, latent_dim: int, classes: int, seeds: bool) -> tuple[dict, bool]:
    """Returns inputs by name, and whether they are a good request."""
    size = 1000 if rng.random() < 0.002 else int(rng.choice(SIZES))
    values = {"seed": rng.integers(-2**63, 2**63 - 1, size)} if seeds else {
        "z": rng.normal(size=(size, latent_dim)).astype(np.float32)}
    values["label"] = rng.integers(0, classes, size, dtype=np.int32)
    (first, _), good = values.items(), True
    what = rng.integers(0, 12)
    if what == 0 and size and not seeds:
        values["z"].flat[rng.integers(values["z"].size)] = rng.choice([np.nan, np.inf, -np.inf])
        good = False
    elif what == 1 and size:
        values["label"][rng.integers(size)] = rng.choice([-1, classes, classes + 3, -2**31, 2**31 - 1])
        good = False
    elif what == 2:
        values.pop("label" if rng.random() < 0.5 else first[0])
        good = False
    elif what == 3 and size and not seeds:
        values["z"] = values["z"][:, :-1]
        good = False
    elif what == 4 and size:
        values[first[0]] = np.stack([first[1], first[1]])
        good = False
    elif what == 5 and seeds and size:
        values["seed"][rng.integers(size)] = rng.choice([2**53 + 1, 2**63 - 1, -2**63, -1, 2**32])
    elif what == 6 and size != 1:
        values["label"] = np.resize(values["label"], 1)
        good = False
    return values, good


def judge(draw, live, latent_dim: int, classes: int, seeds: bool, empty: bool, black: bool) -> dict:
    """Sends the requests to a door; returns the counts, and the first wrong answer."""
    rng, counts, wrong = np.random.default_rng(0), Counter(), None
    for _ in range(REQUESTS.value):
        values, good = request(rng, latent_dim, classes, seeds)
        size = len(next(iter(values.values())))
        good = good and (size > 0 or empty)
        try:
            drawn = np.asarray(draw(values))
        except Exception as error:  # each door has its own
            kind, said = ("refused", "") if not good else ("refused though good", str(error)[:150])
        else:
            if black and not good and not (len(drawn) and drawn.any(axis=(1, 2, 3)).all()):
                counts["refused"] += 1
                continue
            expected = live(values) if good else None
            right = good and drawn.shape == expected.shape and drawn.dtype == np.uint8 and (
                not size or np.abs(drawn.astype(int) - expected).max() <= 1)
            kind, said = ("right", "") if right else ("wrong", f"answered with {drawn.dtype} {[*drawn.shape]}")
        counts[kind] += 1
        if said and wrong is None:
            wrong = f"{ {name: [str(value.dtype), *value.shape] for name, value in values.items()} }: {said}"
    return {**counts, **({"first": wrong} if wrong else {})}


@contextlib.contextmanager
def served(command: list, port: int, shape: tuple, environment: dict):
    """Starts a server; gives what draws of it."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=os.environ | environment, cwd=Path(__file__).parent)

    def draw(values: dict) -> np.ndarray:
        signature = "sample" if "seed" in values or "z" not in values else "serving_default"
        inputs = {name: value.tolist() for name, value in values.items()}
        body = json.dumps({"signature_name": signature, "inputs": inputs})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/v1/models/model:predict", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise ValueError(content[:200])
        return np.array(json.loads(content)["outputs"], np.uint8).reshape(-1, *shape)  # of no picture JSON has no shape

    try:
        for _ in range(240):
            time.sleep(0.5)
            with contextlib.suppress(OSError, ValueError):
                draw({"seed": np.arange(1), "label": np.zeros(1, np.int32)})
                break
        yield draw
    finally:
        process.terminate()
        process.wait()


def main(_: list[str]) -> None:
    """Asks every door."""
    machine.import_tensorflow()
    import onnxruntime
    import openvino
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    from kgan import images, kernels, latent, sampling
    from kgan.runs.generators import open_generator
    from kgan.serving import export

    generator = kernels.plain(open_generator(PRESET.value), dtype="float32")
    latent_dim, classes = latent.dimension(generator), sampling.classes(generator)

    def live(values: dict) -> np.ndarray:
        z = latent.from_seeds(values["seed"], latent_dim).numpy() if "seed" in values else values["z"]
        if not len(z):
            return np.zeros((0, *generator.output_shape[1:]), np.uint8)
        return images.to_uint8(generator([z, values["label"]], training=False)).numpy()

    found: dict[str, dict] = {}

    def ask(name: str, draw, seeds: bool, empty: bool = True, black: bool = False) -> None:
        if ONLY.value not in (None, name):
            return
        found[name] = judge(draw, live, latent_dim, classes, seeds, empty, black)
        print(name, found[name], flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        made = {form: export.export(generator, Path(temporary, form, "model"), form).version
                for form in export.MAIN_FILE}
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        for file, seeds in (("model.onnx", False), ("sample.onnx", True)):
            session = onnxruntime.InferenceSession(made["onnx"] / file, options, providers=["CPUExecutionProvider"])
            ask(f"ONNX Runtime, {file}", lambda values, session=session: session.run(["images"], values)[0], seeds)
        program = tf.saved_model.load(str(made["saved_model"]))
        for name, seeds in (("serving_default", False), ("sample", True)):
            signature = program.signatures[name]
            ask(f"SavedModel, {name}", lambda values, signature=signature: signature(
                **{key: tf.constant(value) for key, value in values.items()})["images"].numpy(), seeds)
        for name, seeds in (("serving_default", False), ("sample", True)):
            runner = Interpreter(str(made["litert"] / "model.tflite")).get_signature_runner(name)
            ask(f"LiteRT, {name}", lambda values, runner=runner: runner(**values)["images"], seeds, empty=False)
        compiled = openvino.Core().compile_model(made["openvino"] / "model.xml", "CPU",
                                                 {"INFERENCE_PRECISION_HINT": "f32"})
        # A request of its own for each: one that is used again keeps what the call before gave.
        ask("OpenVINO", lambda values: compiled.create_infer_request().infer(values)["images"], False, black=True)
        shape = generator.output_shape[1:]
        with served([sys.executable, "-m", "kgan", "serve", made["saved_model"].parent, "--port=8611"], 8611, shape,
                    {}) as draw:
            ask("kgan serve", draw, True, empty=False)
        if BENTOML.value:
            with served([BENTOML.value, "serve", "bento:Generator", "--port=8612"], 8612, shape,
                        {"KGAN_EXPORT": str(made["saved_model"].parent), "BENTOML_DO_NOT_TRACK": "true"}) as draw:
                ask("BentoML", draw, True)
    files.write_json(Path(OUT.value), {"doors": found, "requests": REQUESTS.value, "preset": PRESET.value,
                                       "versions": machine.versions(), "command": " ".join(["python", *sys.argv])})


if __name__ == "__main__":
    app.run(main)
