"""A generator in OpenVINO's format: z float32 [n, latent] → images uint8 [n, H, W, C], converted from the ONNX form.

A generator that is told classes has `label` int32 [n] beside z. OpenVINO computes integers of 64 bits in 32, so that no
seeds are taken. A graph can't refuse there, for shapes are not always computed anew: pictures of bad rows are black
(`kgan.serving.requests`).

On processors with bfloat16 OpenVINO rounds to it by itself: pictures differ by some grey levels, and some z fall
into another cluster. `INFERENCE_PRECISION_HINT` of "f32", which the caller gives, keeps the pictures.
"""

import io
from pathlib import Path

import keras

from kgan.runtime.errors import UserError, reason
from kgan.serving import onnx, requests, saved_model

FILE = "model.xml"  # beside model.bin
SETTINGS = {"INFERENCE_PRECISION_HINT": "f32"}


def write(generator: keras.Model, directory: Path) -> None:
    """Writes model.xml and model.bin into `directory`, with weights in float32.

    Raises:
        UserError: the generator has a layer that no operation says.
        OSError: they can't be written.
    """
    import openvino

    made = onnx.model(generator, refuses=False)  # a graph's error is not reliable there
    try:
        converted = openvino.convert_model(io.BytesIO(made.SerializeToString()))
    except Exception as error:  # of the converter, of many kinds
        raise UserError(f"OpenVINO can't hold this generator ({reason(error)}); export a SavedModel.") from error
    openvino.save_model(converted, directory / FILE, compress_to_fp16=False)


def verify(generator: keras.Model, directory: Path) -> str:
    """Compares what OpenVINO makes of the files, by SETTINGS, with the live generator in float32; returns a report.

    Raises:
        UserError: they differ by more than a grey level, answer what they must refuse, or OpenVINO can't run them.
    """
    import openvino

    compiled = openvino.Core().compile_model(directory / FILE, "CPU", SETTINGS)
    worst = requests.verify(generator, lambda given: compiled(dict(given))["images"], "the OpenVINO model",
                            refuses=False)
    return (f"{FILE}: {requests.signature(generator, requests.inputs(generator))}, {requests.agreement(worst)}\n"
            f"Verified with OpenVINO {openvino.__version__.partition('-')[0]}, INFERENCE_PRECISION_HINT of f32, "
            f"against the live generator in float32, in batches of {', '.join(map(str, saved_model.ASKED))}; pictures "
            "of a label that is no class, and of a z that is not finite or huge, are black.\n")
