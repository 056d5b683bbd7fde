"""A generator as a SavedModel for servers: its signatures, its warm-up requests, its verification.

    signature        inputs                       outputs
    serving_default  z float32 [None, latent]     images uint8 [None, H, W, C]
    sample           seed int64 [None]            images uint8 [None, H, W, C]
    sample_png       seed int64 [None]            image_bytes string [None]

A generator that is told classes has `label`, [None], beside z or seed. Every input's 0-th dimension is the batch, and
outputs are uint8, or PNG in a name that ends in `_bytes`: what TensorFlow Serving batches and sends as JSON
(tensorflow.org/tfx/serving/api_rest).
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import images, latent, sampling
from kgan.runtime import machine
from kgan.runtime.errors import UserError
from kgan.serving import load_probe

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")  # where TensorFlow Serving looks for it
BATCHES = (1, 64)  # that warm a server up; 64 is what `kgan.commands.generate` renders
ASKED = (1, 7, 64)  # batches that are verified
FAR_SEEDS = (-2**63, -1, 2**32, 2**53 + 1, 2**63 - 1)  # that are verified too
LARGEST_Z = 1e6  # that is drawn of: far beyond all of N(0, 1)
GREY_LEVELS = 1  # by which an exported image may differ from the live one, of 255


def write(generator: keras.Model, directory: Path) -> None:
    """Writes the SavedModel, and warm-up requests, into `directory`.

    Raises:
        OSError: it can't be written.
    """
    archive = keras.export.ExportArchive()
    for name, (function, signature) in endpoints(generator).items():
        archive.add_endpoint(name, function, input_signature=signature)
    try:
        archive.write_out(str(directory), verbose=False)
        _write_warm_up(generator, directory)
    except tf.errors.OpError as error:
        reason = error.message.splitlines()[0].rpartition("; ")[-1]  # its first part names files that are gone
        raise OSError(f"{str(directory.parent)!r} can't be written ({reason}).") from error


def endpoints(generator: keras.Model) -> dict[str, tuple[Callable, list[tf.TensorSpec]]]:
    """Returns, by signature name, the function of each signature and what it takes."""
    z, *conditions = inputs(generator)
    classes = sampling.classes(generator)

    def serving_default(z: tf.Tensor, *conditions: tf.Tensor) -> dict[str, tf.Tensor]:
        for one in conditions:
            tf.debugging.assert_equal(tf.shape(one)[0], tf.shape(z)[0], "the inputs differ in length")
        z = tf.where(tf.abs(z) <= LARGEST_Z, z, np.nan)
        z = tf.debugging.check_numerics(z, "z holds a value beyond ±1e6, or none")
        return {"images": paint(generator, z, *(_from_zero(one, classes) for one in conditions))}

    def sample(seed: tf.Tensor, *conditions: tf.Tensor) -> dict[str, tf.Tensor]:
        return serving_default(latent.from_seeds(seed, z.shape[-1]), *conditions)

    def sample_png(seed: tf.Tensor, *conditions: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image_bytes": tf.io.encode_png(sample(seed, *conditions)["images"])}

    seed = tf.TensorSpec([None], tf.int64, "seed")
    return {"serving_default": (serving_default, [z, *conditions]), "sample": (sample, [seed, *conditions]),
            "sample_png": (sample_png, [seed, *conditions])}


def paint(generator: keras.Model, z: tf.Tensor, *conditions: tf.Tensor) -> tf.Tensor:
    """Returns uint8 images, (n, H, W, C), of z and of labels, if the generator takes any."""
    # An empty batch is drawn as one image and cut off: oneDNN's convolution gives it more channels than the signature
    # says, and TensorFlow drops a reshape to the shape that it believes already.
    count = tf.shape(z)[0]
    padded = [tf.pad(one, [[0, tf.maximum(1 - count, 0)], *[[0, 0]] * (len(one.shape) - 1)])
              for one in (z, *conditions)]
    return images.to_uint8(generator(packed(generator, *padded), training=False))[:count]


def _from_zero(label: tf.Tensor, classes: int) -> tf.Tensor:
    """Returns labels with those below 0, which Keras counts from the end, as one too large: TensorFlow refuses it."""
    if not (classes and label.dtype.is_integer):
        return label
    return tf.where(label < 0, tf.cast(classes, label.dtype), label)


def packed(generator: keras.Model, z: Any, *conditions: Any) -> Any:
    """Returns z and the label, in the order of `inputs`, in the structure that the generator takes."""
    values = list(conditions)
    values.insert(_place_of_z(generator), z)
    return keras.tree.pack_sequence_as(generator.input, values)


def samples(generator: keras.Model, seeds: int | Sequence[int]) -> dict[str, np.ndarray]:
    """Returns every signature's inputs by name, and `images`, what the live generator makes of them.

    `seeds` may be a count of those from 0; a label is the seed modulo the number of classes.

    Raises:
        UserError: the generator draws NaN or infinity.
    """
    z, *conditions = inputs(generator)
    seed = np.arange(seeds) if isinstance(seeds, int) else np.array(seeds, np.int64)
    values = {"z": latent.from_seeds(seed, z.shape[-1]).numpy()}
    for label in conditions:
        values[label.name] = (seed % sampling.classes(generator)).astype(label.dtype.as_numpy_dtype)
    # Of any batch size, as the signatures are: the same graph, hence the same kernels.
    live = sampling.as_uint8(lambda *given: generator(packed(generator, *given), training=False), [z, *conditions])
    return {"seed": seed, **values, "images": live(*values.values()).numpy()}


def verify(generator: keras.Model, directory: Path) -> str:
    """Compares every signature, in a new process with TensorFlow alone and its defaults, with `generator`.

    Returns that process' report. Images may differ by GREY_LEVELS: TensorFlow's own defaults rewrite graphs.

    Raises:
        UserError: they differ by more, or the SavedModel can't be loaded.
    """
    asked: list[int | Sequence[int]] = [*ASKED, FAR_SEEDS]
    expected: dict[str, Any] = {f"{number}/{name}": value for number, seeds in enumerate(asked)
                                for name, value in samples(generator, seeds).items()}
    with tempfile.TemporaryDirectory() as temporary:
        np.savez(Path(temporary, "expected.npz"), signatures=np.array(sorted(endpoints(generator))),
                 classes=sampling.classes(generator), **expected)
        # -P: without this package's directory on the path, whose modules would hide others.
        checked = subprocess.run([sys.executable, "-P", load_probe.__file__, directory, f"{temporary}/expected.npz",
                                  str(GREY_LEVELS)], capture_output=True, text=True,
                                 env={"TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true",
                                      **machine.user_environment()})
    if checked.returncode:
        reason = (checked.stderr.strip().splitlines() or [f"its process ended with {checked.returncode}"])[-1]
        raise UserError(f"the SavedModel failed its check: {reason}. Nothing was exported; please report this.")
    return checked.stdout


def _write_warm_up(generator: keras.Model, directory: Path) -> None:
    """Adds requests that TensorFlow Serving runs before it takes real ones: every signature, in batches of BATCHES.

    The extra `serving` has the protocol's messages; without it there are none.
    """
    try:
        from tensorflow_serving.apis.predict_pb2 import PredictRequest
        from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog
    except Exception:  # it is absent, or of another protobuf than the installed one
        return
    (directory / WARM_UP).parent.mkdir()
    with tf.io.TFRecordWriter(str(directory / WARM_UP)) as writer:
        for size in BATCHES:
            values = samples(generator, size)
            for name, (_, signature) in endpoints(generator).items():
                request = PredictRequest(inputs={spec.name: tf.make_tensor_proto(values[spec.name])
                                                 for spec in signature})
                request.model_spec.signature_name = name
                writer.write(PredictionLog(predict_log=PredictLog(request=request)).SerializeToString())


def inputs(generator: keras.Model) -> list[tf.TensorSpec]:
    """Returns what the generator takes: z, then `label`, if it is told classes.

    Raises:
        UserError: it takes several things, and none is named z; or others than z and a label.
    """
    specs = [tf.TensorSpec(one.shape, one.dtype, one.name) for one in keras.tree.flatten(generator.input)]
    z = specs.pop(_place_of_z(generator))
    if specs and ([(one.name, len(one.shape)) for one in specs] != [("label", 1)] or not sampling.classes(generator)):
        others = ", ".join(f"{one.name} {tuple(one.shape)}" for one in specs)
        raise UserError(f"an export gives a generator z and the number of a class, label (None,), and this one takes "
                        f"also {others}; build into it what it is not given.")
    return [tf.TensorSpec(z.shape, tf.float32, "z"), *specs]


def _place_of_z(generator: keras.Model) -> int:
    names = [one.name for one in keras.tree.flatten(generator.input)]
    if len(names) > 1 and "z" not in names:
        raise UserError(f"the generator's inputs are {', '.join(names)}; name the latent one z.")
    return names.index("z") if "z" in names else 0
