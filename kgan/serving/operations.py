"""A generator as a list of simple operations, of which the web page, the ONNX and the LiteRT form are made.

To teach them another layer: an entry in LAYERS, which says it in operations; and, where these do not suffice, a
function of the same name in `network.js`, in `onnx.WRITE`, in `litert.COMPUTE` and in `compute.COMPUTE`, which checks
the page.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from scipy import special

from kgan.layers import ClusterByLatent, Kind, NormalToUniform, Uniform, progressive
from kgan.runtime.errors import UserError


class Operation(NamedTuple):
    """One operation, on one example: its name, the numbers of the values that it takes, its result's shape, the rest.

    Values are numbered: the generator's inputs first, then each operation's result.
    """

    name: str
    inputs: list[int]
    shape: list[int]
    settings: dict[str, Any]  # NumPy arrays are weights


Shape = tuple[int, ...]  # without the batch
Said = list[tuple[str, dict[str, Any]]]  # a layer in operations, each on the result of the one before


def operations(generator: keras.Model, inputs: Sequence[str]) -> list[Operation]:
    """Returns the generator's operations; the last one's result is the image.

    Args:
        generator: a functional model in Keras' own layers and kgan's.
        inputs: the names of its inputs, in the order in which the values begin.

    Raises:
        UserError: it has a layer, or a setting of one, that no operation says.
    """
    taken = keras.tree.map_structure(lambda x: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name), generator.input)
    by_name = {one.name: one for one in keras.tree.flatten(taken)}
    values = [by_name[name] for name in inputs] if len(by_name) > 1 else [*by_name.values()]
    made: list[Operation] = []
    numbers = {id(value): number for number, value in enumerate(values)}

    def said(layer: Any, *args: Any, **kwargs: Any) -> Any:
        given = [one for one in keras.tree.flatten((args, kwargs)) if isinstance(one, keras.KerasTensor)]
        result = layer(*args, **kwargs)
        places = [numbers[id(one)] for one in given]
        say = LAYERS.get(type(layer)) or (len(given) == 2 and OPERATORS.get(type(layer).__name__))
        if not say:
            raise _refused(layer, "its class")
        for name, settings in say(layer, given[0].shape[1:], result.shape[1:]):
            made.append(Operation(name, places, list(result.shape[1:]), settings))
            places = [len(inputs) + len(made) - 1]
        numbers[id(result)] = places[0]
        values.append(result)  # kept, so that no other gets its id
        return result

    keras.models.clone_model(generator, taken, clone_function=lambda layer: layer, call_function=said)
    return made


def _refused(layer: Any, what: str) -> UserError:
    return UserError(f"this format can't hold the layer {layer.name} of class {type(layer).__name__} ({what} is not "
                     "among what it knows); take --format=saved_model.")


def _only(layer: Any, **known: tuple) -> None:
    """Raises UserError where a layer has another value of a setting than those that operations say."""
    for name, values in known.items():
        if getattr(layer, name) not in values:
            raise _refused(layer, f"{name}={getattr(layer, name)!r}")


def _weights(layer: Any) -> dict[str, np.ndarray]:
    """A kernel whose last two axes are outputs and inputs, and a bias."""
    kernel = np.asarray(layer.kernel)
    if not isinstance(layer, keras.layers.Conv2DTranspose):  # of which Keras keeps it so
        kernel = np.swapaxes(kernel, -1, -2)
    bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(kernel.shape[-2], np.float32)
    return {"kernel": np.ascontiguousarray(kernel), "bias": bias}


def _dense(layer: Any, taken: Shape, given: Shape) -> Said:
    if len(taken) != 1:
        raise _refused(layer, f"an input of {len(taken)} axes")
    return [("dense", _weights(layer)), *_activated(layer)]


def _equalized_dense(layer: Any, taken: Shape, given: Shape) -> Said:
    kernel = np.asarray(layer.kernel).reshape(taken[0], -1).T * np.float32(layer.gain / math.sqrt(taken[0]))
    return [("dense", {"kernel": kernel, "bias": np.resize(np.asarray(layer.bias), len(kernel))})]


def _equalized_convolution(layer: Any, taken: Shape, given: Shape) -> Said:
    (name, said), *activated = _convolution(layer, taken, given)
    height, width, _, channels = said["kernel"].shape
    scale = np.float32(layer.gain / math.sqrt(height * width * channels))
    return [(name, said | {"kernel": said["kernel"] * scale}), *activated]


def _convolution(layer: Any, taken: Shape, given: Shape) -> Said:
    _only(layer, data_format=("channels_last",), dilation_rate=((1, 1),), groups=(1,),
          strides=((layer.strides[0],) * 2,))
    return [("conv", _weights(layer) | _placed(layer, large=taken, small=given)), *_activated(layer)]


def _transposed(layer: Any, taken: Shape, given: Shape) -> Said:
    _only(layer, data_format=("channels_last",), dilation_rate=((1, 1),), strides=((layer.strides[0],) * 2,))
    return [("conv_transpose", _weights(layer) | _placed(layer, large=given, small=taken)), *_activated(layer)]


def _placed(layer: Any, large: Shape, small: Shape) -> dict[str, int]:
    """The stride, and how many rows and columns of the first kernel lie outside of the large image: TensorFlow's."""
    stride, same = layer.strides[0], layer.padding == "same"
    outside = [max((small[axis] - 1) * stride + layer.kernel_size[axis] - large[axis], 0) // 2 if same else 0
               for axis in (0, 1)]
    return {"stride": stride, "top": outside[0], "left": outside[1]}


def _depthwise(layer: Any, taken: Shape, given: Shape) -> Said:
    _only(layer, data_format=("channels_last",), dilation_rate=((1, 1),), depth_multiplier=(1,), strides=((1, 1),))
    kernel = np.asarray(layer.kernel)[..., 0]
    bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(kernel.shape[-1], np.float32)
    placed = _placed(layer, large=taken, small=given)
    return [("depthwise", {"kernel": kernel, "bias": bias, "top": placed["top"], "left": placed["left"]}),
            *_activated(layer)]


def _cropping(layer: Any, taken: Shape, given: Shape) -> Said:
    _only(layer, data_format=("channels_last",))
    return [("crop", {"top": layer.cropping[0][0], "left": layer.cropping[1][0]})]


def _batch_norm(layer: Any, taken: Shape, given: Shape) -> Said:
    _only(layer, axis=(-1, len(taken)))
    mean, variance = (np.asarray(one, np.float64) for one in (layer.moving_mean, layer.moving_variance))
    scale = (np.asarray(layer.gamma) if layer.scale else 1.0) / np.sqrt(variance + layer.epsilon)
    offset = (np.asarray(layer.beta) if layer.center else 0.0) - mean * scale
    return [("affine", {"scale": scale.astype(np.float32), "offset": offset.astype(np.float32)})]


def _relu(layer: Any, taken: Shape, given: Shape) -> Said:
    _only(layer, max_value=(None,), threshold=(0,))
    return [("leaky_relu", {"slope": float(layer.negative_slope)})]


def _activated(layer: Any, *_: Any) -> Said:
    name = keras.activations.serialize(layer.activation)
    known: dict[Any, Said] = {
        "linear": [], "relu": [("leaky_relu", {"slope": 0.0})], "leaky_relu": [("leaky_relu", {"slope": 0.2})],
        **{same: [(same, {})] for same in ("selu", "tanh", "sigmoid", "hard_tanh")}}
    if not isinstance(name, str) or name not in known:
        raise _refused(layer, f"activation={name!r}")
    return known[name]


def _concatenate(layer: Any, taken: Shape, given: Shape) -> Said:
    _only(layer, axis=(-1, len(given)))
    return [("concatenate", {})]


def _upsampling(layer: Any, taken: Shape, given: Shape) -> Said:
    _only(layer, data_format=("channels_last",), interpolation=("nearest",), size=((layer.size[0],) * 2,))
    return [("upsample", {"times": layer.size[0]})]


def _kind(layer: Any, taken: Shape, given: Shape) -> Said:
    return [("kind", {"count": layer.count, "cuts": cuts(layer)})]


def cuts(layer: ClusterByLatent) -> np.ndarray:
    """Returns where the first value of z passes to the next cluster, of each class: float32, (classes, count - 1).

    The layer compares Φ(z) with the ends of its intervals; z > cut says the same without Φ, which few runtimes have.
    Only within a rounding of a cut, where the layer's own choice depends on the processor, may they differ.
    """
    ends = np.cumsum(np.asarray(layer.shares, np.float64), axis=1)[:, :-1]
    return special.ndtri(np.minimum(ends, 1.0)).astype(np.float32)


def _uniform(layer: Any, taken: Shape, given: Shape) -> Said:
    limit = np.full(taken, layer.limit, np.float32)
    return [("uniform", {"low": -limit, "high": limit})]


LAYERS: dict[type, Callable[[Any, Shape, Shape], Said]] = {
    keras.layers.Dense: _dense,
    keras.layers.Conv2D: _convolution,
    keras.layers.Conv2DTranspose: _transposed,
    keras.layers.DepthwiseConv2D: _depthwise,
    keras.layers.Cropping2D: _cropping,
    keras.layers.BatchNormalization: _batch_norm,
    keras.layers.ReLU: _relu,
    keras.layers.LeakyReLU: lambda layer, *_: [("leaky_relu", {"slope": float(layer.negative_slope)})],
    keras.layers.Activation: _activated,
    keras.layers.Reshape: lambda *_: [("reshape", {})],
    keras.layers.Flatten: lambda *_: [("reshape", {})],
    keras.layers.Dropout: lambda *_: [],
    keras.layers.Concatenate: _concatenate,
    keras.layers.RepeatVector: lambda layer, *_: [("repeat", {"times": layer.n})],
    keras.layers.UpSampling2D: _upsampling,
    keras.layers.Embedding: lambda layer, *_: [("embedding", {"rows": np.asarray(layer.embeddings)})],
    ClusterByLatent: _kind,
    Kind: _kind,
    progressive.EqualizedDense: _equalized_dense,
    progressive.EqualizedConv2D: _equalized_convolution,
    progressive.PixelNorm: lambda layer, *_: [("pixel_norm", {})],
    progressive.Fade: lambda layer, *_: [("blend", {"alpha": float(layer.alpha)})],
    progressive.Clip: lambda layer, *_: [("hard_tanh", {})],
    NormalToUniform: lambda layer, *_: [("uniform", {"low": np.asarray(layer.low), "high": np.asarray(layer.high)})],
    Uniform: _uniform,
    keras.layers.Add: lambda *_: [("add", {})],
    keras.layers.Multiply: lambda *_: [("multiply", {})],
}
OPERATORS = {"Add": LAYERS[keras.layers.Add], "Multiply": LAYERS[keras.layers.Multiply]}  # + and * of two tensors
