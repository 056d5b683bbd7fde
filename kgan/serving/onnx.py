"""A generator as ONNX, in float32: of z, and of seeds, whose pictures are those of `kgan generate`.

    file         opset  inputs                  outputs
    model.onnx   15     z float32 [n, latent]   images uint8 [n, H, W, C]
    sample.onnx  18     seed int64 [n]          images uint8 [n, H, W, C]

A generator that is told classes has `label` int32 [n] beside z or seed. Both are written from the generator's
operations (`kgan.serving.operations`). What they refuse: `kgan.serving.requests`.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kgan import sampling
from kgan.runtime import version
from kgan.runtime.errors import UserError, reason
from kgan.serving import philox, requests
from kgan.serving.operations import Operation, operations
from kgan.serving.saved_model import LARGEST_Z, inputs

FILE, SEEDED = "model.onnx", "sample.onnx"
OPSETS = {FILE: 15, SEEDED: 18}  # 18 has BitwiseXor: ONNX Runtime 1.14 and newer
IR_VERSION = 8
REFUSED = "refused: a label that is no class or not one for each row, or a z beyond ±1e6"  # in ONNX Runtime's error


def write(generator: keras.Model, directory: Path) -> None:
    """Writes both files into `directory`.

    Raises:
        UserError: the generator has a layer that no operation says.
        OSError: they can't be written.
    """
    import onnx

    for file in OPSETS:
        onnx.save(model(generator, file), directory / file)


def verify(generator: keras.Model, directory: Path) -> str:
    """Compares what ONNX Runtime makes of both files with the live generator in float32; returns a report.

    Raises:
        UserError: they differ by more than a grey level, answer what they must refuse, or ONNX Runtime can't run them.
    """
    import onnxruntime

    said = []
    for file in OPSETS:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it refuses is asked for here
        with _in_a_sentence():
            session = onnxruntime.InferenceSession(directory / file, options, providers=["CPUExecutionProvider"])
        taken = requests.inputs(generator, seeds=file == SEEDED)
        worst = requests.verify(generator, functools.partial(_drawn, session), "the ONNX model", seeds=file == SEEDED)
        said.append(f"{file}: {requests.signature(generator, taken)}, {requests.agreement(worst)}\n")
    return "".join(said) + (f"Verified with ONNX Runtime {onnxruntime.__version__} against the live generator in "
                            f"float32, {requests.ASKED}.\n")


def _drawn(session: Any, given: Mapping[str, np.ndarray]) -> np.ndarray:
    return session.run(["images"], given)[0]


@contextlib.contextmanager
def _in_a_sentence() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # of ONNX Runtime, of many kinds
        raise UserError(f"ONNX can't hold this generator ({reason(error)}); export a SavedModel.") from error


def model(generator: keras.Model, file: str = FILE, refuses: bool = True) -> Any:
    """Returns the ONNX model, an onnx.ModelProto, that stands in `file`; raises as `operations`.

    Of a bad request it ends in an error, or, where it doesn't refuse, in black pictures for the bad rows.
    """
    from onnx import TensorProto, helper

    classes, (z, *_) = sampling.classes(generator), inputs(generator)
    graph = Graph()
    taken = [helper.make_tensor_value_info("seed", TensorProto.INT64, ["n"]) if file == SEEDED else
             helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", z.shape[-1]])]
    if classes:
        taken.append(helper.make_tensor_value_info("label", TensorProto.INT32, ["n"]))
    count = graph("Gather", graph("Shape", taken[0].name), np.int64(0))
    values: list[str] = []
    good: list[str] = []  # of each row, 1 or 0
    if file == SEEDED:
        values.append(_noise(graph, z.shape[-1]))
    else:
        # By Equal alone: runtimes turn other comparisons round, and what was false of NaN is true then.
        clipped = graph("Clip", "z", np.float32(-LARGEST_Z), np.float32(LARGEST_Z))
        within = graph("Equal", clipped, "z")
        values.append(graph("Where", within, "z", np.float32(0)))
        good.append(graph("ReduceMin", graph("Cast", within, to=TensorProto.FLOAT), axes=[1], keepdims=0))
    if classes:
        # One for each row, whatever was given: what fails inside the graph leaves OpenVINO with this request's shapes.
        have = graph("Gather", graph("Shape", "label"), np.int64(0))
        places = graph("Min", graph("Range", np.int64(0), count, np.int64(1)), graph("Sub", have, np.int64(1)))
        label = graph("Gather", "label", places)
        values.append(graph("Clip", label, np.int32(0), np.int32(classes - 1)))
        known = graph("And", graph("Equal", label, values[-1]), graph("Equal", have, count))
        good.append(graph("Cast", known, to=TensorProto.FLOAT))
    shapes: list[list[int]] = [[z.shape[-1]], []][:len(values)]
    for one in operations(generator, [spec.name for spec in inputs(generator)]):
        values.append(WRITE[one.name](graph, [values[place] for place in one.inputs],
                                      [shapes[place] for place in one.inputs], one))
        shapes.append(one.shape)
    rounded = graph("Round", graph("Mul", graph("Add", values[-1], np.float32(1)), np.float32(127.5)))
    floats = graph("Clip", graph("Transpose", rounded, perm=[0, 2, 3, 1]), np.float32(0), np.float32(255))
    if not refuses:
        for rows in good:
            floats = graph("Mul", floats, graph("Reshape", rows, np.array([-1, 1, 1, 1])))
    drawn = graph("Cast", floats, to=TensorProto.UINT8, output="images" if not refuses or not good else "")
    if refuses and good:
        # A bad row makes the shape too large, which no runtime can give. Rows and channels both: of one computed length
        # ONNX Runtime's optimizer makes -1, which fits whatever there is.
        height, width, channels = shapes[-1]
        missing = [graph("Cast", graph("ReduceSum", graph("Sub", np.float32(1), rows)), to=TensorProto.INT64)
                   for rows in good]
        if classes:  # of no row, none is bad
            missing.append(graph("Abs", graph("Sub", have, count)))
        length: Any = graph("Reshape", count, np.array([1]))
        last: Any = np.array([channels])
        for number in missing:
            length, last = graph("Add", length, number), graph("Add", last, number)
        graph("Reshape", drawn, graph("Concat", length, np.array([height, width]), last, axis=0), name=REFUSED,
              output="images")
    made = helper.make_graph(graph.nodes, "generator", taken, [
        helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", *shapes[-1]])], graph.constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSETS[file])], ir_version=IR_VERSION,
                             producer_name="kgan", producer_version=version.VERSION)


class Graph:
    """Nodes and constants as they are made."""

    def __init__(self) -> None:
        self.nodes, self.constants = list[Any](), list[Any]()

    def __call__(self, kind: str, *taken: Any, name: str = "", output: str = "", **attributes: Any) -> str:
        """Adds a node; arrays and numbers among what it takes become constants. Returns its result's name."""
        from onnx import helper

        output = output or f"{kind}_{len(self.nodes)}"
        names = [one if isinstance(one, str) else self._constant(np.asarray(one)) for one in taken]
        self.nodes.append(helper.make_node(kind, names, [output], name=name or output, **attributes))
        return output

    def _constant(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name


class _Words(philox.Words):
    """Words in ONNX's int64, where nothing passes 2⁴⁹."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def add(self, a: Any, b: int) -> Any:
        return self._words("Mod", self._words("Add", a, b), 2**32)

    def product(self, a: Any, b: int) -> tuple[Any, Any]:
        low = self._words("Mul", a, b % 2**16)
        high = self._words("Add", self._words("Mul", a, b // 2**16), self._words("Div", low, 2**16))
        shifted = self._words("Mul", self._words("Mod", high, 2**16), 2**16)
        return self._words("Div", high, 2**16), self._words("Add", shifted, self._words("Mod", low, 2**16))

    def xor(self, a: Any, b: Any) -> Any:
        return self._words("BitwiseXor", a, b)

    def _words(self, kind: str, *taken: Any) -> str:
        return self.graph(kind, *(np.int64(one) if isinstance(one, int) else one for one in taken))


def _noise(graph: Graph, latent_dim: int) -> str:
    """Returns z, (n, latent_dim), of `seed`."""
    from onnx import TensorProto

    blocks = -(-latent_dim // 4)
    seed = graph("Unsqueeze", "seed", np.array([1]))
    low = graph("Mod", seed, np.int64(2**32))
    high = graph("Mod", graph("Div", graph("Sub", seed, low), np.int64(2**32)), np.int64(2**32))
    bits = philox.of_seed(_Words(graph), low, high, np.arange(blocks)[None])
    uniform = [graph("Mul", graph("Cast", graph("Mod", word, np.int64(2**23)), to=TensorProto.FLOAT),
                     np.float32(2**-23)) for word in bits]
    values = []
    for first, second in (uniform[:2], uniform[2:]):
        logarithm = graph("Log", graph("Max", first, np.float32(philox.LEAST)))
        radius = graph("Sqrt", graph("Mul", logarithm, np.float32(-2)))
        angle = graph("Mul", second, np.float32(2 * np.pi))
        values += [graph("Unsqueeze", graph("Mul", graph(way, angle), radius), np.array([2])) for way in ("Sin", "Cos")]
    z = graph("Reshape", graph("Concat", *values, axis=2), np.array([0, 4 * blocks]))
    return graph("Slice", z, np.array([0]), np.array([latent_dim]), np.array([1]))


# ---- Operations. An image stands as NCHW, as ONNX's convolutions take it.

Names = list[str]
Shapes = list[list[int]]


def _simple(kind: str, **attributes: Any) -> Callable[[Graph, Names, Shapes, Operation], str]:
    return lambda graph, taken, shapes, one: graph(kind, *taken, **attributes)


def _along_channels(array: np.ndarray, shape: list[int]) -> np.ndarray:
    return array.reshape(-1, 1, 1) if len(shape) == 3 else array


def _dense(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    x = graph("Gemm", *taken, one.settings["kernel"], one.settings["bias"], transB=1)
    return x if len(one.shape) == 1 else _reshape(graph, [x], [[len(one.settings["bias"])]], one)


def _conv(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    kernel, stride, before = one.settings["kernel"], one.settings.get("stride", 1), _before(one)
    groups = kernel.shape[2] if kernel.ndim == 3 else 1
    kernel = kernel[..., None] if kernel.ndim == 3 else kernel
    after = [max((count - 1) * stride + size - have - start, 0) for count, size, have, start in
             zip(one.shape[:2], kernel.shape[:2], shapes[0][:2], before, strict=True)]
    return graph("Conv", *taken, kernel.transpose(2, 3, 0, 1), one.settings["bias"], strides=[stride] * 2,
                 pads=[*before, *after], group=groups)


def _conv_transpose(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    kernel, stride, before = one.settings["kernel"], one.settings["stride"], _before(one)
    over = [(have - 1) * stride + size - start - count for count, size, have, start in
            zip(one.shape[:2], kernel.shape[:2], shapes[0][:2], before, strict=True)]
    return graph("ConvTranspose", *taken, kernel.transpose(3, 2, 0, 1), one.settings["bias"], strides=[stride] * 2,
                 pads=[*before, *(max(rows, 0) for rows in over)], output_padding=[max(-rows, 0) for rows in over])


def _before(one: Operation) -> list[int]:
    return [one.settings["top"], one.settings["left"]]


def _crop(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    start = np.array(_before(one))
    return graph("Slice", *taken, start, start + one.shape[:2], np.array([2, 3]))


def _affine(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    scale, offset = (_along_channels(one.settings[name], one.shape) for name in ("scale", "offset"))
    return graph("Add", graph("Mul", *taken, scale), offset)


def _leaky_relu(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    return graph("LeakyRelu", *taken, alpha=one.settings["slope"]) if one.settings["slope"] else graph("Relu", *taken)


def _pixel_norm(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    squares = graph("ReduceSum", graph("Mul", *taken, *taken), np.array([1]))
    mean = graph("Mul", squares, np.float32(1 / one.shape[-1]))
    return graph("Div", *taken, graph("Sqrt", graph("Add", mean, np.float32(1e-8))))


def _blend(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    alpha = np.float32(one.settings["alpha"])
    return graph("Add", graph("Mul", taken[0], np.float32(1) - alpha), graph("Mul", taken[1], alpha))


def _reshape(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    (x,) = taken
    x = graph("Transpose", x, perm=[0, 2, 3, 1]) if len(shapes[0]) == 3 else x
    x = graph("Reshape", x, np.array([0, *one.shape]))  # 0: as many as there are
    return graph("Transpose", x, perm=[0, 3, 1, 2]) if len(one.shape) == 3 else x


def _repeat(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    return graph("Tile", graph("Unsqueeze", *taken, np.array([1])), np.array([1, one.settings["times"], 1]))


def _upsample(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    scales = np.array([1, 1, one.settings["times"], one.settings["times"]], np.float32)
    return graph("Resize", *taken, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric",
                 nearest_mode="floor")


def _kind(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    from onnx import TensorProto

    z, label = taken if len(taken) == 2 else (*taken, None)
    cuts, count = one.settings["cuts"], one.settings["count"]
    first = graph("Gather", z, np.array([0]), axis=1)
    above = graph("Greater", first, cuts[0] if label is None else graph("Gather", cuts, label))
    passed = graph("ReduceSum", graph("Cast", above, to=TensorProto.INT32), np.array([1]), keepdims=0)
    return passed if label is None else graph("Add", passed, graph("Mul", label, np.int32(count)))


def _uniform(graph: Graph, taken: Names, shapes: Shapes, one: Operation) -> str:
    low, high = one.settings["low"], one.settings["high"]
    below = graph("Mul", graph("Add", graph("Erf", graph("Mul", *taken, np.float32(0.5**0.5))), np.float32(1)),
                  np.float32(0.5))
    return graph("Add", graph("Mul", below, high - low), low)


WRITE: dict[str, Callable[[Graph, Names, Shapes, Operation], str]] = {
    "dense": _dense,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "depthwise": _conv,
    "crop": _crop,
    "affine": _affine,
    "leaky_relu": _leaky_relu,
    "selu": _simple("Selu"),
    "tanh": _simple("Tanh"),
    "sigmoid": _simple("Sigmoid"),
    "hard_tanh": lambda graph, taken, *_: graph("Clip", *taken, np.float32(-1), np.float32(1)),
    "pixel_norm": _pixel_norm,
    "blend": _blend,
    "reshape": _reshape,
    "concatenate": _simple("Concat", axis=1),
    "repeat": _repeat,
    "upsample": _upsample,
    "embedding": lambda graph, taken, shapes, one: graph("Gather", one.settings["rows"], *taken),
    "kind": _kind,
    "uniform": _uniform,
    "add": _simple("Add"),
    "multiply": _simple("Mul"),
}
