"""A generator as a SavedModel for servers: its signatures, its warm-up requests, its verification.

    signature        inputs                       outputs
    serving_default  z float32 [None, latent]     images uint8 [None, H, W, C]
    sample           seed int64 [None]            images uint8 [None, H, W, C]
    sample_png       seed int64 [None]            image_bytes string [None]

A generator with further inputs, as `label`, has them beside z or seed. Every input's 0-th dimension is the batch, and
outputs are float32, uint8 or PNG in a name that ends in `_bytes`: what TensorFlow Serving batches and sends as JSON
(tensorflow.org/tfx/serving/api_rest).
"""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kgan import client, images, latent, machine
from kgan.errors import UserError

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")  # where TensorFlow Serving looks for it
BATCHES = (1, 64)  # that are verified; 64 is what `kgan.generate` renders


def write(generator: keras.Model, directory: Path) -> None:
    """Writes the SavedModel into `directory`.

    Raises:
        OSError: it can't be written.
    """
    archive = keras.export.ExportArchive()
    for name, (function, signature) in endpoints(generator).items():
        archive.add_endpoint(name, function, input_signature=signature)
    try:
        archive.write_out(str(directory), verbose=False)
    except tf.errors.OpError as error:
        reason = error.message.splitlines()[0].rpartition("; ")[-1]  # its first part names files that are gone
        raise OSError(f"{str(directory.parent)!r} can't be written ({reason}).") from error
    _write_warm_up(generator, directory)


def endpoints(generator: keras.Model) -> dict[str, tuple[Callable, list[tf.TensorSpec]]]:
    """Returns, by signature name, the function of each signature and what it takes."""
    z, *conditions = _inputs(generator)

    def serving_default(z: tf.Tensor, *conditions: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": paint(generator, z, *conditions)}

    def sample(seed: tf.Tensor, *conditions: tf.Tensor) -> dict[str, tf.Tensor]:
        return serving_default(latent.from_seeds(seed, z.shape[-1]), *conditions)

    def sample_png(seed: tf.Tensor, *conditions: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image_bytes": tf.io.encode_png(sample(seed, *conditions)["images"])}

    seed = tf.TensorSpec([None], tf.int64, "seed")
    return {"serving_default": (serving_default, [z, *conditions]), "sample": (sample, [seed, *conditions]),
            "sample_png": (sample_png, [seed, *conditions])}


def paint(generator: keras.Model, *inputs: tf.Tensor) -> tf.Tensor:
    """Returns uint8 images, (n, H, W, C), of z and whatever other inputs the generator has."""
    return images.to_uint8(generator(keras.tree.pack_sequence_as(generator.input, inputs), training=False))


def _write_warm_up(generator: keras.Model, directory: Path) -> None:
    """Adds requests that TensorFlow Serving runs before it takes real ones: every signature, in batches of BATCHES.

    The extra `serving` has the protocol's messages; without it there are none.
    """
    try:
        from tensorflow_serving.apis.predict_pb2 import PredictRequest
        from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog
    except ImportError:
        return
    (directory / WARM_UP).parent.mkdir()
    with tf.io.TFRecordWriter(str(directory / WARM_UP)) as writer:
        for size in BATCHES:
            values = probes(generator, size)
            for name, (_, signature) in endpoints(generator).items():
                request = PredictRequest(inputs={spec.name: tf.make_tensor_proto(values[spec.name])
                                                 for spec in signature})
                request.model_spec.signature_name = name
                writer.write(PredictionLog(predict_log=PredictLog(request=request)).SerializeToString())


def verify(generator: keras.Model, directory: Path) -> str:
    """Compares every signature, in a new process with TensorFlow alone, with `generator`; returns its report.

    In float32 on a CPU the images must be the same bits, otherwise within one grey level.

    Raises:
        UserError: they differ, or the SavedModel can't be loaded.
    """
    render = tf.function(functools.partial(paint, generator))
    expected = {}
    for size in BATCHES:
        values = probes(generator, size)
        expected |= {f"{size}/{name}": value for name, value in values.items()}
        expected[f"{size}/images"] = render(*(values[spec.name] for spec in _inputs(generator))).numpy()
    exact = not machine.has_accelerator() and all(layer.compute_dtype == "float32" for layer in generator.layers)
    with tempfile.TemporaryDirectory() as temporary:
        np.savez(Path(temporary, "expected.npz"), **expected)
        # -P: not with this package's directory on the path, whose modules would hide others.
        checked = subprocess.run([sys.executable, "-P", client.__file__, directory, f"{temporary}/expected.npz",
                                  "0" if exact else "1"], capture_output=True, text=True,
                                 env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ})
    if checked.returncode:
        reason = (checked.stderr.strip().splitlines() or [f"its process ended with {checked.returncode}"])[-1]
        raise UserError(f"the SavedModel failed its check: {reason}. Nothing was exported; please report this.")
    return checked.stdout


def probes(generator: keras.Model, size: int) -> dict[str, np.ndarray]:
    """Returns a batch of inputs for every signature, by name: the seeds from 0, their z, conditions 0 and 1 in turn."""
    z, *conditions = _inputs(generator)
    seed = np.arange(size)
    return {"seed": seed, "z": latent.from_seeds(seed, z.shape[-1]).numpy(),
            **{spec.name: (seed % 2).astype(spec.dtype.as_numpy_dtype) for spec in conditions}}


def _inputs(generator: keras.Model) -> list[tf.TensorSpec]:
    z, *conditions = keras.tree.flatten(generator.input)
    return [tf.TensorSpec(z.shape, tf.float32, "z"),
            *(tf.TensorSpec(one.shape, one.dtype, one.name) for one in conditions)]
