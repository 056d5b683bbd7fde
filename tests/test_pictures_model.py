"""`pictures` in the shapes that its tables don't show."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import models
from kgan.runtime.errors import UserError

RECIPE = models.recipe("pictures").override(conditional=False, clusters=0)


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def totals(recipe):
    return [(count(network.weights), count(network.trainable_weights)) for network in models.build(recipe)]


def test_totals_of_32_and_128_pixels():
    """Worked out by hand: dense(i, o) = io + o, convolution(k, i, o) = k²io + o, batch norm(c) = 4c, filter(c) = 9c.

    32: 128·2048 + 2048, then 128 → 64 → 32 → 32 by 4×4, norms of 128, 64 and 32, filters of 64, 32 and 32, 3×3 to 3.
    128: the same start, 128 → 128 → 64 → 32 → 16 → 16, norms of 128, 128, 64, 32 and 16, filters of all but the first.
    """
    dense, last = 129 * 2048, (4_112 + 435)  # 16 → 16, and to three colours
    generator = dense + (131_136 + 32_800 + 16 * 32 * 32 + 32) + 9 * 32 * 3 + 3
    discriminator = (16 * 3 * 32 + 32) + 32_832 + 131_200 + 147_584 + 2_176 + 128
    assert totals(RECIPE.override(image_size=32)) == [
        (generator + 4 * 224 + 9 * 128, generator + 2 * 224), (discriminator, discriminator)]
    deep = 16 * 128 * 128 + 128
    generator = dense + deep + (131_136 + 32_800 + 8_208) + last
    discriminator = (784 + 8_224 + 32_832 + 131_200) + deep + 147_584 + 2_176 + 128
    assert totals(RECIPE.override(image_size=128)) == [
        (generator + 4 * 368 + 9 * 256, generator + 2 * 368), (discriminator, discriminator)]


@pytest.mark.parametrize(("size", "height", "width", "grids"), [
    (64, None, None, [4, 8, 16, 32, 64]), (32, None, 21, [3, 6, 11, 21]), (128, None, 86, [3, 6, 11, 22, 43, 86]),
    (64, 10, None, [1, 2, 3, 5, 10])])
def test_a_side_is_halved_upwards_and_doubled_back(size, height, width, grids):
    recipe = RECIPE.override(image_size=size, height=height, width=width)
    generator, discriminator = models.build(recipe)
    axis = 1 if height else 2
    cut = [layer.output.shape[axis] for layer in generator.layers
           if isinstance(layer, keras.layers.Reshape | keras.layers.Cropping2D)]
    halved = [layer.output.shape[axis] for layer in discriminator.layers
              if isinstance(layer, keras.layers.Conv2D) and layer.strides == (2, 2)]
    assert halved == grids[-2::-1]
    assert set(cut) <= set(grids)
    assert generator.output_shape == (None, *recipe.image_shape) == discriminator.input_shape
    drawn = generator(tf.zeros((2, 128)), training=False)
    assert discriminator(drawn, training=False).shape == (2, 1)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent(channels):
    generator, discriminator = models.build(RECIPE.override(channels=channels))
    assert generator.output_shape == discriminator.input_shape == (None, 64, 64, channels)


def test_the_filter_is_binomial_and_stays():
    """A single bright pixel becomes [1 2 1] ⊗ [1 2 1] / 16, and a checkerboard of period 2 becomes even."""
    generator, _ = models.build(RECIPE)
    filters = [layer for layer in generator.layers if isinstance(layer, keras.layers.DepthwiseConv2D)]
    assert [layer.output.shape[1] for layer in filters] == [8, 16, 32, 64]
    assert not any(layer.trainable_weights for layer in filters)
    spot = np.zeros((1, 5, 5, 16), np.float32)
    spot[0, 2, 2, 3] = 16
    assert filters[-1](spot)[0, 1:4, 1:4, 3].numpy().tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    board = np.indices((8, 8)).sum(axis=0)[None, :, :, None] % 2 * np.ones(16, np.float32)
    np.testing.assert_allclose(filters[-1](board)[:, 1:-1, 1:-1], 0.5, atol=1e-6)


def test_other_sizes_are_refused():
    with pytest.raises(UserError, match="image_size=48, channels=3 is not a shape of pictures; it has --image_size=64"):
        models.build(RECIPE.override(image_size=48))
