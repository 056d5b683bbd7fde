"""A small gated PixelCNN, for 28×28 images in eight levels of grey.

Source: A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves, K. Kavukcuoglu, "Conditional Image
Generation with PixelCNN Decoders", 2016 (arXiv:1606.05328): the gate of equation 2, the two stacks of section 2.2, the
layer of figure 2; not conditional. The output layers are those of "Pixel Recurrent Neural Networks", 2016
(arXiv:1601.06759), table 1.

Shifts stand for masks: the vertical stack sees the rows up to its own, and is moved down by one row before the
horizontal stack takes it; that one sees the columns to the left of the pixel. So each pixel is given all of those above
it and to its left that are within reach, and there is no blind spot.

Not in the paper:
    levels: 8 of grey, evenly spaced; it has 256
    optimizer: Adam at 1e-3
    drawing weights: the moving average of those that learn, as in `ddpm`
    drawing: features of pixels that are drawn are kept, so that each is computed once (Le Paine et al. 2016,
        arXiv:1611.09482, "Fast Wavenet"); a pass over the whole image for each pixel gives the same

Differs from the paper:
    size: six layers of 24 features and 3×3 filters behind a 7×7 one; it has 20 of 128 and 5×5
    batch: 16 images
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from experiments.papers.reference import Reference
from experiments.studies.cells import processor_seconds
from kgan.images import to_float

SIDE = 28


def gate(x: tf.Tensor) -> tf.Tensor:
    """Returns tanh of the first half of the features times the sigmoid of the second: equation 2."""
    first, second = tf.split(x, 2, axis=-1)
    return tf.tanh(first) * tf.sigmoid(second)


def pad(x: tf.Tensor, top: int = 0, left: int = 0, right: int = 0) -> tf.Tensor:
    """Pads images with zeros."""
    return tf.pad(x, ((0, 0), (top, 0), (left, right), (0, 0)))


class GatedLayer(layers.Layer):
    """A layer of both stacks, figure 2. The first one does not see the pixel itself, and has nothing to add itself to.

    Args:
        filters: features of each stack.
        size: n of the n×n filter, odd.
        first: it takes the image.
    """

    def __init__(self, filters: int, size: int, first: bool = False) -> None:
        super().__init__()
        self.reach, self.first = size // 2, first
        self.vertical = layers.Conv2D(2 * filters, (self.reach + 1, size))
        self.down = layers.Conv2D(2 * filters, 1)
        self.horizontal = layers.Conv2D(2 * filters, (1, self.reach + (not first)))
        self.out = layers.Conv2D(filters, 1)

    def rows(self, v: tf.Tensor) -> tf.Tensor:
        """Returns the vertical stack before its gate, for v with `reach` rows more above; none below is seen."""
        return self.vertical(pad(v, left=self.reach, right=self.reach))

    def columns(self, seen: tf.Tensor, below: tf.Tensor, h: tf.Tensor | None) -> tf.Tensor:
        """Returns the horizontal stack for columns `seen`, with `reach` more to the left.

        `below` is what the rows above give to these pixels, h what is added.
        """
        x = self.out(gate(self.horizontal(seen) + below))
        return x if self.first else x + h

    def call(self, v: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Maps both stacks, (batch, H, W, features), to the same."""
        summed = self.rows(pad(v, top=self.reach))
        below = pad(self.down(summed), top=1)[:, :-1]
        seen = pad(h, left=self.reach)
        return gate(summed), self.columns(seen[:, :, :-1] if self.first else seen, below, h)


class Network(keras.Model):
    """Maps images, (batch, H, W, 1) in [-1, 1], to logits given the pixels before, (batch, H, W, levels)."""

    def __init__(self, filters: int, depth: int, levels: int) -> None:
        super().__init__()
        self.stack = [GatedLayer(filters, 7, first=True), *(GatedLayer(filters, 3) for _ in range(depth))]
        self.output_layers = keras.Sequential([layers.ReLU(), layers.Conv2D(2 * filters, 1, activation="relu"),
                                               layers.Conv2D(levels, 1)])
        self(tf.zeros((1, SIDE, SIDE, 1)))  # builds

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the logits."""
        v = h = images
        for layer in self.stack:
            v, h = layer(v, h)
        return self.output_layers(h)


class PixelCNN(Reference):
    """The network; the loss of an image is its mean cross-entropy a pixel, in nats."""

    batch_size = 16
    samples = 1000

    def __init__(self, seed: int = 0, filters: int = 24, depth: int = 6, levels: int = 8) -> None:
        super().__init__(seed)
        self.levels = levels
        self.averaged(*(Network(filters, depth, levels) for _ in range(2)))
        self.compile(optimizer=keras.optimizers.Adam(1e-3))

    def quantised(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the nearest level, int32 in 0…levels - 1, of values in [-1, 1]."""
        return tf.cast(tf.round((images + 1) / 2 * (self.levels - 1)), tf.int32)

    def values(self, levels: tf.Tensor) -> tf.Tensor:
        """Returns the values of levels, in [-1, 1]."""
        return tf.cast(levels, tf.float32) * 2 / (self.levels - 1) - 1

    def losses_of(self, images: tf.Tensor) -> tf.Tensor:
        """Returns minus the mean log likelihood of an image's pixels, (batch,)."""
        levels = self.quantised(images)
        errors = tf.nn.sparse_softmax_cross_entropy_with_logits(levels[..., 0], self.network(self.values(levels)))
        return tf.reduce_mean(errors, axis=(1, 2))

    def generate(self, count: int, seed: int = 0, batch: int = 250) -> np.ndarray:
        """Draws images pixel by pixel: uint8 (count, 28, 28, 1)."""
        drawn = [self._draw(min(batch, count - start), seed, start) for start in range(0, count, batch)]
        return np.round(np.concatenate(drawn) * (255 / (self.levels - 1))).astype(np.uint8)

    def facts(self, images: np.ndarray) -> dict[str, float]:
        """Returns `sampling_by_passes`: seconds of 10,000 images by a whole pass a pixel, worked out from one pass."""
        seen, logits = to_float(images), tf.function(self.average)
        logits(seen)  # compiles
        began = processor_seconds()
        logits(seen)
        return {"sampling_by_passes": (processor_seconds() - began) * SIDE**2 * 10_000 / len(images)}

    def _draw(self, count: int, seed: int, start: int) -> np.ndarray:
        stack = self.average.stack
        widths = [1, *(layer.out.filters for layer in stack)]
        above = [tf.zeros((count, layer.reach, SIDE, width)) for layer, width in zip(stack, widths[:-1], strict=True)]
        below = [tf.zeros((count, 1, SIDE, layer.down.filters)) for layer in stack]
        rows = []
        for number in range(SIDE):
            row, above, below = self.row(above, below, gumbel(count, self.levels, seed, start, number))
            rows.append(row)
        return tf.concat(rows, axis=1).numpy()

    @tf.function
    def row(self, above: Sequence[tf.Tensor], below: Sequence[tf.Tensor], noise: tf.Tensor) -> tuple:
        """Draws a row, from left to right.

        Args:
            above: what each layer's vertical stack takes, of its `reach` last rows.
            below: what each layer's horizontal stack takes from the rows above.
            noise: Gumbel's, (batch, 28, levels).

        Returns:
            The row's levels, (batch, 1, 28, 1), and the next row's `above` and `below`.
        """
        stack = self.average.stack
        seen = [[tf.zeros_like(rows[:, :1, :1])] * layer.reach for layer, rows in zip(stack, above, strict=True)]
        drawn = []
        for column in range(SIDE):
            h = None
            for layer, columns, given in zip(stack, seen, below, strict=True):
                if not layer.first:
                    columns.append(h)
                wide = layer.horizontal.kernel_size[1]
                h = layer.columns(tf.concat(columns[-wide:], axis=2), given[:, :, column:column + 1], h)
            scores = self.average.output_layers(h)[:, 0, 0] + noise[:, column]  # its maximum: a softmax's draw
            drawn.append(tf.argmax(scores, axis=1, output_type=tf.int32)[:, None, None, None])
            seen[0].append(self.values(drawn[-1]))
        levels = tf.concat(drawn, axis=2)
        v, next_above, next_below = self.values(levels), [], []
        for layer, rows in zip(stack, above, strict=True):
            both = tf.concat([rows, v], axis=1)
            summed = layer.rows(both)
            next_above.append(both[:, 1:])
            next_below.append(layer.down(summed))
            v = gate(summed)
        return levels, next_above, next_below


def gumbel(count: int, levels: int, seed: int, start: int, row: int) -> tf.Tensor:
    """Returns a row's Gumbel noise, (count, 28, levels), a function of seed, first image and row."""
    uniform = tf.random.stateless_uniform((count, SIDE, levels), (seed, start * SIDE + row), minval=1e-7)
    return -tf.math.log(-tf.math.log(uniform))


