"""A generator as a LiteRT model, for phones and small devices: built-in operations alone, in float32.

    signature        inputs                  outputs
    serving_default  z float32 [n, latent]   images uint8 [n, H, W, C]
    sample           seed int64 [n]          images uint8 [n, H, W, C]

A generator that is told classes has `label` int32 [n] beside z or seed. The batch is free: a device resizes the inputs.
Written from the generator's operations (`kgan.serving.operations`). What it refuses: `kgan.serving.requests`.
"""

import functools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import sampling
from kgan.runtime.errors import UserError, reason
from kgan.serving import philox, requests
from kgan.serving.operations import operations
from kgan.serving.saved_model import LARGEST_Z, inputs

FILE = "model.tflite"
SIGNATURES = ("serving_default", "sample")


def write(generator: keras.Model, directory: Path) -> None:
    """Writes model.tflite into `directory`.

    Raises:
        UserError: the generator has a layer that no operation says.
        OSError: it can't be written.
    """
    with tempfile.TemporaryDirectory() as temporary:
        module = tf.Module()
        functions = {name: _function(generator, seeds=name == "sample") for name in SIGNATURES}
        tf.saved_model.save(module, temporary, functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(temporary, [*SIGNATURES])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            converted = converter.convert()
        except Exception as error:  # of the converter, of many kinds
            raise UserError(f"LiteRT can't hold this generator ({reason(error)}); export a SavedModel.") from error
    (directory / FILE).write_bytes(converted)


def verify(generator: keras.Model, directory: Path) -> str:
    """Compares what LiteRT makes of both signatures with the live generator in float32; returns a report.

    Raises:
        UserError: they differ by more than a grey level, answer what they must refuse, or LiteRT can't run them.
    """
    import ai_edge_litert
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    said = []
    for name in SIGNATURES:
        worst = 0
        for resolver in (OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
            interpreter = Interpreter(str(directory / FILE), experimental_op_resolver_type=resolver)
            runner = interpreter.get_signature_runner(name)
            worst = max(worst, requests.verify(generator, functools.partial(_drawn, runner), "the LiteRT model",
                                               seeds=name == "sample", empty=False))
        taken = requests.inputs(generator, seeds=name == "sample")
        said.append(f"{name}: {requests.signature(generator, taken)}, {requests.agreement(worst)}\n")
    return "".join(said) + (f"Verified with LiteRT {ai_edge_litert.__version__}, with XNNPACK and without, against the "
                            f"live generator in float32, {requests.ASKED}.\n")


def _drawn(runner: Callable[..., Any], given: Mapping[str, np.ndarray]) -> np.ndarray:
    return runner(**given)["images"]


def _function(generator: keras.Model, seeds: bool) -> tf.types.experimental.ConcreteFunction:
    """Returns images, (n, H, W, C) uint8, as a function of z or seeds, and of the label."""
    made = operations(generator, [spec.name for spec in inputs(generator)])
    classes, latent_dim = sampling.classes(generator), inputs(generator)[0].shape[-1]
    signature = [tf.TensorSpec([None], tf.int64, "seed") if seeds else
                 tf.TensorSpec([None, latent_dim], tf.float32, "z")]
    if classes:
        signature.append(tf.TensorSpec([None], tf.int32, "label"))

    def images(first: tf.Tensor, label: tf.Tensor | None = None) -> Mapping[str, tf.Tensor]:
        values, bad = [_noise(first, latent_dim) if seeds else first], tf.constant(0)
        if not seeds:
            # Not by logical_not, which the converter folds into >: false of NaN too.
            bad += tf.size(first) - tf.reduce_sum(tf.cast(tf.abs(first) <= LARGEST_Z, tf.int32))
        if label is not None:
            label = tf.reshape(label, tf.shape(first)[:1])  # one for each row, or refused
            bad += tf.reduce_sum(tf.cast(tf.logical_or(label < 0, label >= classes), tf.int32))
            values.append(tf.clip_by_value(label, 0, classes - 1))
        count = tf.shape(first)[0]
        for one in made:
            values.append(COMPUTE[one.name](*(values[place] for place in one.inputs), **one.settings, batch=count,
                                            shape=one.shape))
        drawn = tf.clip_by_value(tf.round((values[-1] + 1.0) * 127.5), 0.0, 255.0)
        # A bad value makes the shape too large, so that LiteRT refuses the request.
        return {"images": tf.reshape(tf.cast(drawn, tf.uint8), [count + bad, *made[-1].shape[:2],
                                                                made[-1].shape[2] + bad])}

    return tf.function(images, input_signature=signature, autograph=False).get_concrete_function()


class _Words(philox.Words):
    """Words as the bits of int32, which wraps: LiteRT shifts no int64."""

    def add(self, a: Any, b: int) -> Any:
        return _bits(a) + _bits(b)

    def product(self, a: Any, b: int) -> tuple[Any, Any]:
        a = _bits(a)
        high, low = _halves(a)
        low_low, low_high = low * (b % 2**16), low * _bits(b // 2**16)
        high_low, high_high = high * (b % 2**16), high * _bits(b // 2**16)
        (carried, _), (first, first_low), (second, second_low) = map(_halves, (low_low, low_high, high_low))
        rest, _ = _halves(carried + first_low + second_low)
        return high_high + first + second + rest, a * _bits(b)

    def xor(self, a: Any, b: Any) -> Any:
        return tf.bitwise.bitwise_xor(_bits(a), _bits(b))


def _bits(word: Any) -> tf.Tensor:
    """Returns the int32 of a word's bits."""
    return tf.constant(word - 2**32 if word >= 2**31 else word, tf.int32) if isinstance(word, int) else word


def _halves(word: tf.Tensor, low: int = 16) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the higher bits, and the `low` lowest, both from 0."""
    high = tf.cast(tf.bitwise.right_shift(tf.cast(word, tf.uint32), tf.constant(low, tf.uint32)), tf.int32)
    return high, word - high * 2**low


def _noise(seed: tf.Tensor, latent_dim: int) -> tf.Tensor:
    """Returns z, (n, latent_dim), of seeds."""
    blocks = -(-latent_dim // 4)
    low, high = tf.split(tf.bitcast(seed, tf.int32), 2, axis=1)
    words = philox.of_seed(_Words(), low, high, tf.range(blocks)[None])
    uniform = [tf.cast(_halves(word, 23)[1], tf.float32) * 2.0**-23 for word in words]
    values = []
    for first, second in (uniform[:2], uniform[2:]):
        radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(first, philox.LEAST)))
        angle = second * np.float32(2 * np.pi)
        values += [tf.sin(angle) * radius, tf.cos(angle) * radius]
    return tf.reshape(tf.stack(values, axis=2), [-1, 4 * blocks])[:, :latent_dim]


def _dense(x: tf.Tensor, kernel: np.ndarray, bias: np.ndarray, shape: list[int], **_: Any) -> tf.Tensor:
    x = tf.matmul(x, kernel, transpose_b=True) + bias
    return x if len(shape) == 1 else tf.reshape(x, [-1, *shape])


def _padding(large: Any, small: Any, stride: int) -> str:
    return "SAME" if all(-(-one // stride) == other for one, other in zip(large, small, strict=True)) else "VALID"


def _conv(x: tf.Tensor, kernel: np.ndarray, bias: np.ndarray, shape: list[int], stride: int, **_: Any) -> tf.Tensor:
    return tf.nn.conv2d(x, kernel.swapaxes(2, 3), stride, _padding(x.shape[1:3], shape[:2], stride)) + bias


def _conv_transpose(x: tf.Tensor, kernel: np.ndarray, bias: np.ndarray, shape: list[int], batch: tf.Tensor,
                    stride: int, **_: Any) -> tf.Tensor:
    return tf.nn.conv2d_transpose(x, kernel, [batch, *shape], stride,
                                  _padding(shape[:2], x.shape[1:3], stride)) + bias


def _depthwise(x: tf.Tensor, kernel: np.ndarray, bias: np.ndarray, shape: list[int], **_: Any) -> tf.Tensor:
    return tf.nn.depthwise_conv2d(x, kernel[..., None], [1] * 4, _padding(x.shape[1:3], shape[:2], 1)) + bias


def _crop(x: tf.Tensor, top: int, left: int, shape: list[int], **_: Any) -> tf.Tensor:
    return x[:, top:top + shape[0], left:left + shape[1]]


def _selu(x: tf.Tensor, **_: Any) -> tf.Tensor:
    return 1.05070098 * tf.where(x > 0, x, 1.67326324 * (tf.exp(tf.minimum(x, 0.0)) - 1.0))


def _pixel_norm(x: tf.Tensor, **_: Any) -> tf.Tensor:
    return x / tf.sqrt(tf.reduce_mean(x * x, axis=-1, keepdims=True) + 1e-8)


def _kind(z: tf.Tensor, label: tf.Tensor | None = None, *, count: int, cuts: np.ndarray, **_: Any) -> tf.Tensor:
    its = cuts[:1] if label is None else tf.gather(tf.constant(cuts), label)
    passed = tf.reduce_sum(tf.cast(z[:, :1] > its, tf.int32), axis=1)
    return passed if label is None else label * count + passed


def _uniform(x: tf.Tensor, low: np.ndarray, high: np.ndarray, **_: Any) -> tf.Tensor:
    """Φ by Abramowitz & Stegun, 7.1.26: within 1e-7, of operations that LiteRT has."""
    far = tf.abs(x) * np.float32(0.5**0.5)
    t = 1.0 / (1.0 + 0.3275911 * far)
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    error = tf.sign(x) * (1.0 - tail * tf.exp(-far * far))
    return low + (high - low) * (0.5 + 0.5 * error)


COMPUTE: dict[str, Callable[..., tf.Tensor]] = {
    "dense": _dense,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "depthwise": _depthwise,
    "crop": _crop,
    "affine": lambda x, scale, offset, **_: x * scale + offset,
    "leaky_relu": lambda x, slope, **_: tf.nn.leaky_relu(x, slope) if slope else tf.nn.relu(x),
    "selu": _selu,
    "tanh": lambda x, **_: tf.tanh(x),
    "sigmoid": lambda x, **_: tf.sigmoid(x),
    "hard_tanh": lambda x, **_: tf.clip_by_value(x, -1.0, 1.0),
    "pixel_norm": _pixel_norm,
    "blend": lambda old, new, alpha, **_: (1.0 - alpha) * old + alpha * new,
    "reshape": lambda x, shape, **_: tf.reshape(x, [-1, *shape]),
    "concatenate": lambda *xs, **_: tf.concat(xs, axis=-1),
    "repeat": lambda x, times, **_: tf.tile(x[:, None], [1, times, 1]),
    "upsample": lambda x, shape, **_: tf.image.resize(x, shape[:2], "nearest"),
    "embedding": lambda x, rows, **_: tf.gather(tf.constant(rows), x),
    "kind": _kind,
    "uniform": _uniform,
    "add": lambda a, b, **_: a + b,
    "multiply": lambda a, b, **_: a * b,
}
