"""ProGAN's layers against their closed forms, in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import models
from kgan.layers import progressive
from kgan.layers.progressive import Clip, EqualizedConv2D, EqualizedDense, Fade, MinibatchStddev, PixelNorm
from kgan.runs.build import build_gan, copy_by_name, grown

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def small(**changes):
    return models.recipe("progan", "cifar10", "small").override(
        **{"image_size": 8, "max_channels": 4, "latent_dim": 5, "grow_images": 64, "batch_size": 4, **changes})


def test_equalized_convolution_scales_its_kernel_not_its_bias():
    layer = EqualizedConv2D(3, 3, padding="valid")
    layer.build((None, 3, 3, 2))
    kernel, bias, x = normal(3, 3, 2, 3), normal(3), normal(4, 3, 3, 2)
    layer.set_weights([kernel, bias])
    expected = np.einsum("nhwc,hwcf->nf", x, kernel) * np.sqrt(2 / 18) + bias
    np.testing.assert_allclose(layer(x)[:, 0, 0], expected, atol=1e-5)


@pytest.mark.parametrize(("shape", "gain"), [((7,), 1.0), ((4, 4, 2), 2**0.5 / 4)])
def test_equalized_dense_has_a_bias_for_each_channel(shape, gain):
    layer = EqualizedDense(shape, gain=gain)
    layer.build((None, 5))
    kernel, bias, x = normal(5, *shape), normal(shape[-1]), normal(3, 5)
    layer.set_weights([kernel, bias])
    np.testing.assert_allclose(layer(x), np.tensordot(x, kernel, 1) * gain / np.sqrt(5) + bias, atol=1e-5)


def test_equalized_weights_begin_as_n_0_1_and_keep_the_variance_of_what_they_map():
    layer = EqualizedConv2D(64, 3, gain=1.0)
    x = normal(2, 16, 16, 32)
    assert np.std(layer(x)) == pytest.approx(1.0, rel=0.03)
    assert np.std(layer.kernel) == pytest.approx(1.0, rel=0.03)


def test_pixel_norm_against_its_formula():
    x = 10 * normal(2, 3, 3, 6)
    np.testing.assert_allclose(PixelNorm()(x), x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-8), rtol=1e-5)
    assert np.isfinite(PixelNorm()(np.zeros((1, 4), np.float32))).all()


@pytest.mark.parametrize(("count", "group"), [(8, 4), (4, 4), (6, 6), (3, 3), (1, 1)])
def test_minibatch_deviation_by_groups(count, group):
    """Image i is in a group with those that lie count / group apart, as reshaping gives."""
    x = normal(count, 2, 2, 3)
    found = np.asarray(MinibatchStddev()(x))
    np.testing.assert_array_equal(found[..., :3], x)
    for first in range(count // group):
        members = np.arange(first, count, count // group)
        expected = np.sqrt(x[members].var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(found[members, ..., 3], expected, rtol=1e-5)


def test_fade_at_its_ends_and_in_between():
    layer, old, new = Fade(), normal(2, 4, 4, 3), normal(2, 4, 4, 3)
    for alpha in (0.0, 0.25, 1.0):
        layer(old, new)
        layer.alpha.assign(alpha)
        np.testing.assert_allclose(layer(old, new), (1 - alpha) * old + alpha * new, atol=1e-6)


def test_clip_is_for_samples_alone():
    x = np.array([[-3.0, 0.5, 2.0]], np.float32)
    np.testing.assert_array_equal(Clip()(x, training=False), [[-1, 0.5, 1]])
    np.testing.assert_array_equal(Clip()(x, training=True), x)


def test_real_images_are_averaged_and_fade_as_samples_do():
    x = normal(2, 8, 8, 3)
    means = x.reshape(2, 2, 4, 2, 4, 3).mean((2, 4))
    np.testing.assert_allclose(progressive.smaller(x, 2), means, atol=1e-6)
    half = x.reshape(2, 4, 2, 4, 2, 3).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    for alpha in (0.0, 0.5, 1.0):
        np.testing.assert_allclose(progressive.half_sharp(x, alpha), (1 - alpha) * half + alpha * x, atol=1e-6)


@pytest.mark.parametrize("layer", [EqualizedConv2D(3, 3, gain=1.0), EqualizedDense((2, 2, 3), gain=0.5), PixelNorm(),
                                   MinibatchStddev(), Clip()])
def test_layers_survive_a_keras_file(layer, tmp_path):
    shape = (4,) if isinstance(layer, EqualizedDense) else (4, 4, 2)
    x = keras.Input(shape)
    model = keras.Model(x, layer(x))
    model.save(tmp_path / "model.keras")
    images = normal(4, *shape)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(images), model(images))


def test_networks_that_begin_to_fade_are_those_of_before():
    """α = 0: the generator's images enlarged, and D's answers to averaged images; α = 1: no fade."""
    before = build_gan(small(), step=16)
    fading = grown_from(before)
    z, images = normal(4, 5), normal(4, 8, 8, 3)
    for network, input_, expected in (
            (fading.generator, z, np.asarray(before.generator(z, training=True)).repeat(2, 1).repeat(2, 2)),
            (fading.discriminator, images, before.discriminator(progressive.smaller(images, 4), training=True))):
        np.testing.assert_allclose(network(input_, training=True), expected, atol=1e-6)
    for layer in progressive.fades(fading.generator, fading.discriminator):
        layer.alpha.assign(1.0)
    alone = build_gan(small(), step=33)
    for theirs, ours, input_ in ((fading.generator, alone.generator, z),
                                 (fading.discriminator, alone.discriminator, images)):
        copy_by_name(theirs, ours)
        np.testing.assert_allclose(ours(input_, training=True), theirs(input_, training=True), atol=1e-6)
    assert progressive.fades(alone.generator, alone.discriminator) == []


def grown_from(gan):
    gan.first_step = 16  # as after 64 images in batches of 4
    return grown(gan, small())


def test_growing_keeps_the_samples_and_begins_the_optimizers_anew():
    before = build_gan(small())
    real = {"image": tf.constant(normal(4, 4, 4, 3))}
    for _ in range(16):
        before.train_step(real)
    after = grown(before, small())
    assert (int(after.step), after.first_step, after.fade_steps) == (16, 16, 16)
    drawn = before.generate(range(8)).astype(int).repeat(2, 1).repeat(2, 2)
    assert np.abs(after.generate(range(8)).astype(int) - drawn).max() <= 1
    assert np.abs(np.diff(drawn, axis=0)).max() > 1
    slots = [variable for variable in after.d_optimizer.variables if len(variable.shape)]
    assert slots and not any(np.any(slot) for slot in slots)


def test_fade_is_a_function_of_the_step():
    gan = build_gan(small(), step=17)
    real = {"image": tf.constant(normal(4, 8, 8, 3))}
    for step in range(3):
        gan.train_step(real)
        alphas = [float(layer.alpha) for layer in progressive.fades(gan.generator, gan.discriminator,
                                                                   gan.ema_generator)]
        assert alphas == pytest.approx([step / 16] * 3)


def test_discriminator_tells_a_minibatch_of_copies_from_a_varied_one():
    discriminator = build_gan(small(grow_images=0, images=1)).discriminator
    images = normal(4, 8, 8, 3)
    copies = np.broadcast_to(images[:1], images.shape)
    assert not np.allclose(discriminator(images)[0], discriminator(copies)[0], atol=1e-4)


def test_blocks_are_resolutions_and_the_image_convolution_goes_with_the_last():
    generator, discriminator = models.build(small(grow_images=0, images=1))
    names = [[layer.name for layer in block] for block in models.blocks(generator, "progan")]
    assert names == [["4x4_dense", "4x4_conv"], ["8x8_conv_1", "8x8_conv_2", "8x8_to_rgb"]]
    names = [[layer.name for layer in block] for block in models.blocks(discriminator, "progan")]
    assert names == [["8x8_from_rgb", "8x8_conv_1", "8x8_conv_2"], ["4x4_conv_1", "4x4_conv_2"], ["logit"]]


def test_discriminator_warms_up_at_the_beginning_and_not_in_each_phase():
    recipe = small(discriminator_warmup=20)  # 16 steps of the first phase, 4 of the second
    rates = [float(build_gan(recipe, step=step).g_optimizer.learning_rate) for step in (0, 17, 33)]
    assert rates == pytest.approx([0.0, 0.0, 1e-3])
