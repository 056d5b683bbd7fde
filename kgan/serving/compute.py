"""A page's operations, computed with NumPy: the check of what a page holds, by another program than the page's own."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from kgan.serving.operations import Operation


def compute(made: "Sequence[Operation]", *inputs: np.ndarray) -> np.ndarray:
    """Computes operations with NumPy, in float32, on a batch of each input; returns the images, (n, H, W, C)."""
    values = list(inputs)
    for one in made:
        result = COMPUTE[one.name](*(values[place] for place in one.inputs), **one.settings, shape=one.shape)
        values.append(result.reshape(len(result), *one.shape))
    return values[-1]


def _conv(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int, top: int, left: int,
          shape: list[int]) -> np.ndarray:
    (height, width), (rows, columns) = kernel.shape[:2], shape[:2]
    room = [max((count - 1) * stride + size - have - before, 0) for count, size, have, before in
            zip((rows, columns), (height, width), x.shape[1:3], (top, left), strict=True)]
    x = np.pad(x, ((0, 0), (top, room[0]), (left, room[1]), (0, 0)))
    return bias + sum(x[:, row:row + (rows - 1) * stride + 1:stride, column:column + (columns - 1) * stride + 1:stride]
                      @ kernel[row, column].T for row in range(height) for column in range(width))


def _conv_transpose(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int, top: int, left: int,
                    shape: list[int]) -> np.ndarray:
    (height, width, filters), (rows, columns) = kernel.shape[:3], [(size - 1) * stride for size in x.shape[1:3]]
    large = np.zeros((len(x), max(rows + height, top + shape[0]), max(columns + width, left + shape[1]), filters),
                     np.float32)
    for row in range(height):
        for column in range(width):
            large[:, row:row + rows + 1:stride, column:column + columns + 1:stride] += x @ kernel[row, column].T
    return large[:, top:top + shape[0], left:left + shape[1]] + bias


def _depthwise(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, top: int, left: int,
               shape: list[int]) -> np.ndarray:
    (height, width), (rows, columns) = kernel.shape[:2], shape[:2]
    x = np.pad(x, ((0, 0), (top, height), (left, width), (0, 0)))
    return bias + sum(x[:, row:row + rows, column:column + columns] * kernel[row, column]
                      for row in range(height) for column in range(width))


def _selu(x: np.ndarray, shape: list[int]) -> np.ndarray:
    return np.float32(1.05070098) * np.where(x > 0, x, np.float32(1.67326324) * np.expm1(np.minimum(x, 0)))


def _kind_of(z: np.ndarray, label: np.ndarray | None = None, *, count: int, cuts: np.ndarray,
             shape: list[int]) -> np.ndarray:
    label = np.zeros(len(z), np.int32) if label is None else label
    return label * count + (z[:, :1] > cuts[label]).sum(axis=1)


COMPUTE: dict[str, Callable[..., np.ndarray]] = {
    "dense": lambda x, kernel, bias, shape: x @ kernel.T + bias,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "depthwise": _depthwise,
    "crop": lambda x, top, left, shape: x[:, top:top + shape[0], left:left + shape[1]],
    "affine": lambda x, scale, offset, shape: x * scale + offset,
    "leaky_relu": lambda x, slope, shape: np.where(x > 0, x, np.float32(slope) * x),
    "selu": _selu,
    "tanh": lambda x, shape: np.tanh(x),
    "sigmoid": lambda x, shape: special.expit(x),
    "hard_tanh": lambda x, shape: np.clip(x, -1, 1),
    "pixel_norm": lambda x, shape: x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + np.float32(1e-8)),
    "blend": lambda old, new, alpha, shape: np.float32(1 - alpha) * old + np.float32(alpha) * new,
    "reshape": lambda x, shape: x,
    "concatenate": lambda *xs, shape: np.concatenate(xs, axis=-1),
    "repeat": lambda x, times, shape: np.repeat(x[:, None], times, axis=1),
    "upsample": lambda x, times, shape: x.repeat(times, axis=1).repeat(times, axis=2),
    "embedding": lambda x, rows, shape: rows[x],
    "kind": _kind_of,
    "add": lambda a, b, shape: a + b,
    "multiply": lambda a, b, shape: a * b,
    "uniform": lambda x, low, high, shape: (low + (high - low) * special.ndtr(x)).astype(np.float32),
}
