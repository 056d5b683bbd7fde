"""Winograd's convolutions beside sums written out in NumPy, and where they take part."""

import numpy as np
import pytest
import tensorflow as tf

from kgan import models, winograd
from kgan.runs.build import build_gan


def _convolved(images, kernel, stride):
    """The definition: each output is the sum over taps and channels, zeros around the image ("same")."""
    (batch, height, width, _), (rows, columns, _, filters) = images.shape, kernel.shape
    outputs = [-(-size // stride) for size in (height, width)]
    before = [max(stride * (count - 1) + taps - size, 0) // 2
              for count, taps, size in zip(outputs, (rows, columns), (height, width), strict=True)]
    padded = np.zeros((batch, height + 2 * rows + stride, width + 2 * columns + stride, images.shape[3]))
    padded[:, before[0]:before[0] + height, before[1]:before[1] + width] = images
    maps = np.zeros((batch, *outputs, filters))
    for top, left in np.ndindex(*outputs):
        window = padded[:, stride * top:stride * top + rows, stride * left:stride * left + columns]
        maps[:, top, left] = np.einsum("nijc,ijcf->nf", window, kernel)
    return maps


CASES = pytest.mark.parametrize(("size", "taps", "stride"), [
    ((16, 16), (4, 4), 2), ((8, 8), (5, 5), 2), ((7, 7), (5, 5), 2), ((4, 4), (5, 5), 2), ((7, 7), (5, 5), 1),
    ((4, 4), (3, 3), 1), ((11, 6), (4, 3), 2), ((1, 2), (4, 4), 2), ((10, 9), (3, 3), 2)])


@CASES
def test_maps_are_the_sums_of_the_definition(size, taps, stride):
    random = np.random.default_rng(0)
    images, kernel = random.normal(size=(2, *size, 3)), random.normal(size=(*taps, 3, 4))
    expected = _convolved(images, kernel, stride)
    seen = winograd.maps(tf.constant(images, tf.float32), tf.constant(kernel, tf.float32), stride)
    np.testing.assert_allclose(seen, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


@CASES
def test_images_are_the_transpose(size, taps, stride):
    """⟨maps(x), y⟩ = ⟨x, images(y)⟩ for random x and y."""
    random = np.random.default_rng(0)
    images, kernel = random.normal(size=(2, *size, 3)), random.normal(size=(*taps, 3, 4))
    expected = _convolved(images, kernel, stride)
    maps = random.normal(size=expected.shape)
    seen = winograd.images(tf.constant(maps, tf.float32), tf.constant(kernel, tf.float32), size, stride)
    assert seen.shape == images.shape
    assert np.vdot(seen, images) == pytest.approx(np.vdot(maps, expected), rel=1e-4, abs=1e-3)


def test_two_outputs_of_two_taps_take_three_products():
    """By hand: values of 1, x at 0, 1 and infinity; d0 - d1, d1 and d2 - d1 of the image."""
    side = winograd._side(4, 4, 2)
    np.testing.assert_array_equal(side.maps[:, 0, 0], [[1, 0], [1, 1], [0, 1]])
    np.testing.assert_array_equal(side.kernel[:, 0], [[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0]])
    # One pixel of padding comes first, so blocks are (·, 0), (1, 2), (3, ·).
    np.testing.assert_allclose(side.images[:, 0, 1], [[1, 0, -1, 0], [0, 0, 1, 0], [0, 0, -1, 0]], atol=1e-7)
    np.testing.assert_allclose(side.images[:, 0, 0], [[0, -1, 0, 0], [0, 1, 0, 0], [0, -1, 0, 1]], atol=1e-7)


@pytest.mark.parametrize(("size", "taps", "stride", "share"), [
    (8, 4, 2, 5 / 8),  # four outputs of one tile: 5 points of 2 rows, for 4 taps each
    (10, 3, 2, 16 / 15),  # five outputs: two tiles of 3 take 8 points of 2 rows, two of 4 took 10; in place of 15 taps
    (7, 5, 1, 24 / 35),  # seven outputs: four tiles of 2, of 6 points each
])
def test_the_tile_with_the_fewest_products_is_taken(size, taps, stride, share):
    assert winograd._side(size, taps, stride).share == pytest.approx(share)


@pytest.mark.parametrize(("images", "kernel", "stride", "pays"), [
    ((None, 8, 8, 256), (4, 4, 256, 128), 2, True),
    ((None, 8, 8, 256), (4, 4, 256, 127), 2, False),  # fewer than 2¹⁵ weights a tap
    ((None, 32, 32, 64), (4, 4, 64, 128), 2, True),  # four times 2¹³ of four times as many pixels
    ((None, 34, 34, 256), (4, 4, 256, 256), 2, False),  # more than 32×32 pixels
    ((None, 8, 8, 256), (6, 6, 256, 128), 2, False),  # more than five taps
    ((None, 8, 8, 256), (4, 4, 256, 128), 3, False),
    ((None, 8, 8, 256), (2, 2, 256, 128), 2, False),  # nothing overlaps
    ((None, 10, 10, 256), (3, 3, 256, 128), 2, False),  # (16 / 15)² of the products
])
def test_it_is_taken_where_it_was_faster(images, kernel, stride, pays):
    assert winograd.pays(tf.TensorShape(images), tf.TensorShape(kernel), (stride, stride)) is pays


@pytest.mark.parametrize(("model", "wide"), [("dcgan64", 3), ("dcgan_5x5", 2), ("dcgan_fast", 0)])
def test_wide_layers_of_small_maps_are_computed_so(model, wide):
    """Each has a product of its own in D's forward pass; narrow layers stay with the library."""
    gan = build_gan(models.recipe(model, None if model == "dcgan64" else "digits"))
    images = tf.zeros((2, *gan.discriminator.inputs[0].shape[1:]))
    inputs = [images, tf.zeros((2,), tf.int32)] if gan.conditional else images
    graph = tf.function(lambda: gan.discriminator(inputs, training=True)).get_concrete_function().graph
    layers = {operation.name.split("/")[1] for operation in graph.get_operations()
              if operation.type == "BatchMatMulV2" and "conv2d" in operation.name}
    assert len(layers) == wide
