"""Convolutions with fewer multiplications: Winograd's minimal filtering, as one batch of matrix products.

A stride of 2 in pixels is a stride of 1 in blocks of 2×2 pixels, with four times the channels and half the taps. Of m
outputs in a row of a convolution with r taps, m + r - 1 products are needed in place of m r: those of polynomials'
values at as many points (Winograd 1980, Arithmetic Complexity of Computations, chapter V; over all channels, and in
both directions: Lavin & Gray 2016, arXiv:1509.09308, sections 4.1 and 4.2). So 4×4 taps in strides of 2 take 6.25
products for each output and channel in place of 16, where the outputs are whole tiles of 4×4.

Gradients, also second ones, are those of the matrix products, and so take as few.
"""

import functools
import math

import numpy as np
import tensorflow as tf

# By how many they are, the points beside infinity: of few digits and unlike sizes, for float32 to lose the least
# (Barabasz et al. 2018, arXiv:1803.10986, section 5). More than six points would lose more.
POINTS = {2: (0.0,), 3: (0.0, 1.0), 4: (0.0, 1.0, -1.0), 5: (0.0, 1.0, -0.5, -2.0), 6: (0.0, 1.0, -1.0, 0.5, -2.0)}
TILE = 4  # outputs in a row that are computed together, at most
# Where this is faster than oneDNN's convolutions: weights of a tap, fewer in proportion where there are more pixels
# than SMALL; pixels of an image; and the share of the products that are left.
FEWEST_WEIGHTS, SMALL, LARGEST, SHARE = 2**15, 16**2, 32**2, 0.75


def pays(images: tf.TensorShape, kernel: tf.TensorShape, strides: tuple[int, int]) -> bool:
    """Tells whether this is faster than the library: for small images, (batch, H, W, C), and many channels."""
    (rows, columns, channels, filters), stride, pixels = kernel, strides[0], images[1] * images[2]
    return (strides in ((1, 1), (2, 2)) and stride < min(rows, columns) and max(rows, columns) <= 5
            and pixels <= LARGEST and channels * filters * max(pixels, SMALL) >= FEWEST_WEIGHTS * SMALL
            and math.prod(_side(*side, stride).share for side in zip(images[1:3], kernel[:2], strict=True)) <= SHARE)


def maps(images: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """Convolves images with a kernel, padded so that every stride has an output ("same").

    Args:
        images: float32, (batch, H, W, C); H and W are known.
        kernel: float32, (rows, columns, C, F), with stride < rows, columns.
        stride: in pixels, both ways.

    Returns:
        float32, (batch, ⌈H / stride⌉, ⌈W / stride⌉, F).
    """
    sides = [_side(size, taps, stride) for size, taps in zip(images.shape[1:3], kernel.shape[:2], strict=True)]
    points = tf.matmul(_to_points(images, [side.images for side in sides]), _kernel(kernel, sides))
    return _from_points(points, [side.maps for side in sides])


def images(maps: tf.Tensor, kernel: tf.Tensor, size: tuple[int, int], stride: int) -> tf.Tensor:
    """The transpose of `maps`: from maps, (batch, ⌈H / stride⌉, ⌈W / stride⌉, F), to images of `size`, (H, W)."""
    sides = [_side(pixels, taps, stride) for pixels, taps in zip(size, kernel.shape[:2], strict=True)]
    points = tf.matmul(_to_points(maps, [side.maps for side in sides]), _kernel(kernel, sides), transpose_b=True)
    return _from_points(points, [side.images for side in sides])


class _Side:
    """The three linear maps along one side: to the points, in each tile.

    Attributes:
        images: float32, (points, tiles, stride, pixels): a pixel's place in its block is the third axis.
        maps: float32, (points, tiles, 1, outputs).
        kernel: float32, (points, stride, taps).
        share: of the products that are left of those of the definition.
    """

    def __init__(self, size: int, taps: int, stride: int) -> None:
        outputs, blocks = math.ceil(size / stride), math.ceil(taps / stride)
        before = max(stride * (outputs - 1) + taps - size, 0) // 2  # pixels that "same" puts before the image
        # Of the tiles that take the fewest products, the longest: a last tile may have outputs to spare.
        tile = min(range(min(TILE, outputs, max(POINTS) + 1 - blocks), 0, -1),
                   key=lambda tile: (tile + blocks - 1) * math.ceil(outputs / tile))
        points, tiles = tile + blocks - 1, math.ceil(outputs / tile)
        self.share = points * tiles * stride / (outputs * taps)

        def values(coefficients: int) -> np.ndarray:
            """The values of monomials at the points, (points, coefficients): at infinity, the last coefficient."""
            finite = np.vander(POINTS[points], coefficients, increasing=True)
            return np.vstack([finite, np.eye(coefficients)[-1:]])

        to_images, to_maps, to_kernel = np.linalg.inv(values(points)).T, values(tile), values(blocks)
        self.images = np.zeros((points, tiles, stride, size), np.float32)
        self.maps = np.zeros((points, tiles, 1, outputs), np.float32)
        self.kernel = np.zeros((points, stride, taps), np.float32)
        for number, block, within in np.ndindex(tiles, points, stride):
            if 0 <= (pixel := stride * (number * tile + block) + within - before) < size:
                self.images[:, number, within, pixel] = to_images[:, block]
        for output in range(outputs):
            self.maps[:, output // tile, 0, output] = to_maps[:, output % tile]
        for tap in range(taps):
            self.kernel[:, tap % stride, tap] = to_kernel[:, tap // stride]


_side = functools.cache(_Side)


def _kernel(kernel: tf.Tensor, sides: list[_Side]) -> tf.Tensor:
    """Maps a kernel, (rows, columns, C, F), to the points, (points², stride² * C, F)."""
    rows, columns, channels, filters = kernel.shape
    values = np.einsum("pai,qbj->pqabij", *(side.kernel for side in sides))
    points = tf.matmul(values.reshape(-1, rows * columns), tf.reshape(kernel, (rows * columns, channels * filters)))
    return tf.reshape(points, (-1, math.prod(values.shape[2:4]) * channels, filters))


def _to_points(values: tf.Tensor, sides: list[np.ndarray]) -> tf.Tensor:
    """Maps (batch, H, W, C), one side after the other, to the points, (points², batch * tiles², stride² * C)."""
    (points, tiles, stride, height), (across, along, wide, width) = (side.shape for side in sides)
    channels = values.shape[-1]
    values = tf.matmul(sides[0].reshape(-1, height), tf.reshape(values, (-1, height, width * channels)))
    values = tf.matmul(sides[1].reshape(-1, width), tf.reshape(values, (-1, width, channels)))
    values = tf.reshape(values, (-1, points, tiles, stride, across, along, wide, channels))
    values = tf.transpose(values, (1, 4, 0, 2, 5, 3, 6, 7))
    return tf.reshape(values, (points * across, -1, stride * wide * channels))


def _from_points(values: tf.Tensor, sides: list[np.ndarray]) -> tf.Tensor:
    """The transpose of `_to_points`."""
    (points, tiles, stride, height), (across, along, wide, width) = (side.shape for side in sides)
    channels = values.shape[-1] // (stride * wide)
    values = tf.reshape(values, (points, across, -1, tiles, along, stride, wide, channels))
    values = tf.transpose(values, (2, 0, 3, 5, 1, 4, 6, 7))
    values = tf.reshape(values, (-1, across * along * wide, channels))
    values = tf.matmul(sides[1].reshape(-1, width).T, values)
    values = tf.reshape(values, (-1, points * tiles * stride, width * channels))
    return tf.reshape(tf.matmul(sides[0].reshape(-1, height).T, values), (-1, height, width, channels))
