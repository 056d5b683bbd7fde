"""What one runtime draws of an export, beside what kgan draws: run by `parity.py`, in any Python, without kgan.

    python consumers.py NAME EXPORTS EXPECTED.npz

EXPORTS holds a directory of each format, and generator.keras; EXPECTED.npz `seed`, `z`, `label` where there are
classes, and `images`. Prints JSON: the largest difference in grey levels, milliseconds a picture, one by one, and the
version.
"""

import contextlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def saved_model(exports, expected):
    """TensorFlow, signature sample."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    program = tf.saved_model.load(str(exports / "saved_model" / "1"))
    sample = program.signatures["sample"]

    def draw(given):
        names = sample.structured_input_signature[1]
        return sample(**{name: tf.constant(given[name]) for name in names})["images"].numpy()
    return draw, tf.__version__, program


def onnx(exports, expected, file="model.onnx"):
    """ONNX Runtime of z."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(exports / "onnx" / "1" / file), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return lambda given: session.run(["images"], {name: given[name] for name in names})[0], onnxruntime.__version__


def onnx_seeds(exports, expected):
    """ONNX Runtime of seeds."""
    return onnx(exports, expected, "sample.onnx")


def openvino(exports, expected, settings=None, file=("openvino", "1", "model.xml")):
    """OpenVINO of z, at its own precision."""
    import openvino as ov

    path = exports.joinpath(*file)
    model = ov.convert_model(str(path)) if path.is_dir() else str(path)
    compiled = ov.Core().compile_model(model, "CPU", settings or {})
    names = [one.any_name for one in compiled.inputs]

    def draw(given):
        return compiled({name: given[name] for name in names})[compiled.outputs[0]]
    return draw, ov.__version__.partition("-")[0]


def openvino_f32(exports, expected):
    """OpenVINO of z in float32."""
    return openvino(exports, expected, {"INFERENCE_PRECISION_HINT": "f32"})


def openvino_saved_model(exports, expected):
    """OpenVINO of the SavedModel's z, in float32."""
    return openvino(exports, expected, {"INFERENCE_PRECISION_HINT": "f32"}, ("saved_model", "1"))


def litert(exports, expected, delegates=True, signature="sample"):
    """LiteRT of seeds, with XNNPACK, batches resized."""
    import ai_edge_litert
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.AUTO if delegates else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(exports / "litert" / "1" / "model.tflite"), experimental_op_resolver_type=kind)
    runner = interpreter.get_signature_runner(signature)
    names = runner.get_input_details()
    version = ai_edge_litert.__version__
    return lambda given: runner(**{name: given[name] for name in names})["images"], version, interpreter


def litert_plain(exports, expected):
    """LiteRT of seeds, without XNNPACK."""
    return litert(exports, expected, delegates=False)


def litert_z(exports, expected):
    """LiteRT of z, with XNNPACK."""
    return litert(exports, expected, signature="serving_default")


def litert_one(exports, expected):
    """LiteRT of z, one picture a call, never resized: what a phone does first."""
    draw, version, kept = litert(exports, expected, signature="serving_default")
    return lambda given: np.concatenate([draw({key: value[row:row + 1] for key, value in given.items()})
                                         for row in range(len(given["z"]))]), version, kept


def keras_file(exports, expected, backend="jax"):
    """generator.keras under another backend of Keras; needs `kgan.layers` where it has layers of kgan's."""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    with contextlib.suppress(ImportError):
        import kgan.layers  # noqa: F401
    generator = keras.saving.load_model(exports / "generator.keras", compile=False)

    def draw(given):
        values = [given[name] for name in ("z", "label") if name in given]
        # z comes first in all of kgan's models.
        floats = generator.predict(values if len(values) > 1 else values[0], batch_size=64, verbose=0)
        return np.clip(np.round((np.asarray(floats) + 1) * 127.5), 0, 255).astype(np.uint8)
    return draw, f"{keras.__version__} on {backend}"


CONSUMERS = {
    "saved_model": saved_model, "onnx": onnx, "onnx_seeds": onnx_seeds, "openvino_default": openvino,
    "openvino_f32": openvino_f32, "openvino_saved_model": openvino_saved_model, "litert": litert,
    "litert_plain": litert_plain, "litert_z": litert_z, "litert_one": litert_one,
    **{f"keras_{name}": lambda exports, expected, name=name: keras_file(exports, expected, name)
       for name in ("torch", "jax", "openvino")},
}


def main(name, exports, expected_file):
    """Draws in one batch, compares; then draws 20 pictures one by one, for the time."""
    with np.load(expected_file) as archive:
        expected = dict(archive)
    images = expected.pop("images")
    draw, version, *_ = CONSUMERS[name](Path(exports), expected)
    drawn = draw(expected)
    if drawn.shape != images.shape or drawn.dtype != np.uint8:
        sys.exit(f"gives {drawn.dtype} {[*drawn.shape]}")
    one = {key: value[:1] for key, value in expected.items()}
    times = []
    for _ in range(25):
        began = time.perf_counter()
        draw(one)
        times.append(1000 * (time.perf_counter() - began))
    print(json.dumps({"grey_levels": int(np.abs(drawn.astype(int) - images).max()),
                      "milliseconds": round(float(np.median(times[5:])), 2), "version": version}))


if __name__ == "__main__":
    main(*sys.argv[1:])
