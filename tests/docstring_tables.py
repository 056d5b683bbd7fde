"""The layer tables in docstrings of model files, read, and networks in the words of those tables.

A table is indented by four spaces, its header starts with "Generator" or "Discriminator", and its cells are two spaces
apart or more. `*` marks what the paper gives.
"""

import re
from typing import NamedTuple

import keras

from kgan import models

ACTIVATIONS = {"selu": "SELU", "relu": "ReLU", "tanh": "tanh", "hard_tanh": "Clip to [-1, 1]"}
WORDS = {
    "BatchNormalization": "BatchNorm", "Embedding": "One-hot", "Concatenate": "with label",
    "Dropout": "Dropout {0.rate:g}", "LeakyReLU": "LeakyReLU {0.negative_slope:g}", "Maxout": "Maxout of {0.pieces}",
    "AveragePooling2D": "AveragePooling {0.pool_size[0]}×{0.pool_size[1]}",
    "Conv2D": "Conv {0.kernel_size[0]}×{0.kernel_size[1]}",
    "Conv2DTranspose": "ConvT {0.kernel_size[0]}×{0.kernel_size[1]}",
    "DepthwiseConv2D": "Depthwise {0.kernel_size[0]}×{0.kernel_size[1]}", "Dot": "Dot with embedding",
    "Add": "Sum of the last two", "EqualizedConv2D": "Conv {0.kernel_size[0]}×{0.kernel_size[1]}",
    "EqualizedDense": "Dense", "UpSampling2D": "Upsample", "MinibatchStddev": "Minibatch stddev",
    "Clip": "Clip to [-1, 1]",
}


class Row(NamedTuple):
    """A row: its layers' words and, for each shape that the table has, output and parameters."""

    words: tuple[str, ...]
    outputs: tuple[str, ...]
    params: tuple[int, ...]


class Table(NamedTuple):
    """A table of one network; without shapes in its header it is of the recipe's own."""

    part: str
    recipe: str | None
    shapes: tuple[tuple[int, ...], ...]
    rows: list[Row]


def tables(module):
    """Returns the tables of a model's file, in their order."""
    return [table(text) for text in models.layer_tables(module)]


def table(text):
    """Returns a table that was read from its text."""
    header, *body = map(str.strip, text.splitlines())
    part, recipe = re.match(r"(Generator|Discriminator)(?: of (\w+))?", header).groups()
    shapes = tuple(_shape(shape) for shape in re.findall(r"\d+×\d+×\d+", header))
    rows = [_row(line.replace("*", ""), max(len(shapes), 1)) for line in body]
    return Table(part.lower(), recipe, shapes, rows)


def _row(line, shapes):
    name, *cells = re.split(r"\s{2,}", line)
    words = tuple(re.split(r", (?![^\[(]*[\])])", name.removesuffix(" (logit)")))
    if name in ("Total", "Trainable"):
        return Row(words, (), tuple(map(_number, cells)))
    assert len(cells) in (1, shapes, shapes + 1, 2 * shapes), line
    outputs = cells[:1] * shapes if len(cells) in (1, shapes + 1) and shapes > 1 else cells[:shapes]
    params = cells[-shapes:] if len(cells) > shapes else ["0"] * shapes
    return Row(words, tuple(outputs), tuple(map(_number, params)))


def _number(text):
    return int(text.replace(",", ""))


def _shape(text):
    return tuple(map(int, text.split("×")))


def network_rows(network):
    """Returns (words, output, parameters) of each layer, in the order of the data, labels' own layers aside.

    A label's one-hot row comes first; the layers that spread it over maps carry nothing and are left out.
    """
    label = {id(tensor) for tensor in network.inputs[1:]}
    rows = []
    for layer in network.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        row = (words(layer), layer.output.shape[1:], layer.count_params())
        if not all(id(tensor) in label for tensor in inputs):
            rows.append(row)
            continue
        label.add(id(layer.output))
        if layer.weights:
            rows.insert(0, row)
    return rows


def words(layer):
    """Returns what a table says of a layer: a word for it and, if it has one, for its activation."""
    kind, activation = type(layer).__name__, getattr(getattr(layer, "activation", None), "__name__", "linear")
    name = WORDS.get(kind, kind).format(layer)
    if kind == "Embedding" and layer.trainable:
        name = "Embedding"
    if getattr(layer, "strides", (1, 1)) != (1, 1) and kind.startswith("Conv"):
        name += f"/{layer.strides[0]}"
    own = () if kind == "Activation" else (name,)
    return own if activation == "linear" else (*own, ACTIVATIONS[activation])
