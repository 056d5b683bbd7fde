"""A generator as an ONNX model: z float32 [n, latent] → images uint8 [n, H, W, C], computed in float32.

A generator that is told classes has `label` int32 [n] beside z. Keras' own exporter writes it. ONNX has no
seeded noise like TensorFlow's, so there are no signatures that take seeds.
"""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kgan import images
from kgan.runtime.errors import UserError, reason
from kgan.serving.saved_model import BATCHES, inputs, packed, samples

FILE = "model.onnx"


def write(generator: keras.Model, directory: Path) -> None:
    """Writes a float32 generator, in Keras' own layers, into `directory`.

    Raises:
        UserError: the generator has a layer that ONNX can't say.
        OSError: it can't be written.
    """
    specs = inputs(generator)
    taken = [keras.Input(spec.shape[1:], dtype=spec.dtype.name, name=spec.name) for spec in specs]
    model = keras.Model(taken, {"images": _ToUint8()(generator(packed(generator, *taken), training=False))})
    with warnings.catch_warnings(), _in_a_sentence():
        warnings.simplefilter("ignore", FutureWarning)  # of NumPy, about a name that Keras looks for
        model.export(directory / FILE, format="onnx", verbose=False, input_signature=[specs])


def verify(generator: keras.Model, directory: Path) -> str:
    """Compares what ONNX Runtime makes of the file with the live generator in float32; returns a report.

    Raises:
        UserError: they differ by more than a grey level, or ONNX Runtime can't run it.
    """
    import onnxruntime

    with _in_a_sentence():
        session = onnxruntime.InferenceSession(directory / FILE, providers=["CPUExecutionProvider"])
    specs, worst = inputs(generator), 0
    for size in BATCHES:
        given = samples(generator, size)
        (painted,) = session.run(["images"], {spec.name: given[spec.name] for spec in specs})
        expected = given["images"]
        if painted.dtype != np.uint8 or painted.shape != expected.shape:
            raise UserError(f"the ONNX model failed its check: it gives {painted.dtype} {[*painted.shape]}. Nothing "
                            "was exported; please report this.")
        worst = max(worst, int(np.abs(painted.astype(int) - expected).max()))
    if worst > 1:
        raise UserError(f"the ONNX model failed its check: it differs from the live generator by up to {worst} grey "
                        "levels. Nothing was exported; please report this.")
    height, width, channels = generator.output_shape[1:]
    taken = ", ".join(f"{spec.name} {spec.dtype.name} {[*spec.shape]}" for spec in specs)
    return (f"{taken} → images uint8 [None, {height}, {width}, {channels}]\n"
            f"Verified with ONNX Runtime {onnxruntime.__version__}, in batches of {' and '.join(map(str, BATCHES))}: "
            f"the live generator's images in float32, {'to within a grey level' if worst else 'bit for bit'}.\n")


@contextlib.contextmanager
def _in_a_sentence() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # of tf2onnx and ONNX Runtime, of many kinds
        raise UserError(f"ONNX can't hold this generator ({reason(error)}); export a SavedModel.") from error


@keras.saving.register_keras_serializable(package="kgan")
class _ToUint8(keras.layers.Layer):
    """Float images to uint8."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return images.to_uint8(inputs)
