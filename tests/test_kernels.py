"""Faster kernels against Keras' and TensorFlow's own: the same function, forward, backward and twice backward."""

import functools
import importlib
import inspect
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import kernels, models
from kgan.runtime import machine


def _close(ours, theirs, tolerance=2e-5):
    """Equal within `tolerance` of the largest value."""
    for one, other in zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=True):
        one, other = np.asarray(one), np.asarray(other)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(np.abs(other).max(), 1e-6))


def _random(*shape):
    return tf.constant(np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32))


def _takes_training(layer):
    return "training" in inspect.signature(layer.call).parameters


def _both(ours, theirs, inputs, **call):
    """Outputs, first and second derivatives of both layers, which get the same weights."""
    theirs.build(inputs.shape)
    ours.build(inputs.shape)
    ours.set_weights([np.random.default_rng(0).uniform(0.5, 1.5, weight.shape) for weight in theirs.get_weights()])
    theirs.set_weights(ours.get_weights())
    answers = []
    for layer in (ours, theirs):
        weights = [weight.value for weight in layer.trainable_variables]
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                outputs = layer(inputs, **(call if _takes_training(layer) else {}))
                loss = tf.reduce_sum(tf.sin(outputs))
            gradient = inner.gradient(loss, inputs)
            penalty = tf.reduce_sum(gradient**2)
        answers.append((outputs, gradient, outer.gradient(penalty, [inputs, *weights])))
    return answers


@pytest.mark.parametrize("dtype", ["float64", "float16", "mixed_float16"])
@pytest.mark.parametrize(("name", "shape", "arguments"), [
    ("Conv2D", (2, 8, 8, 128), (256, 4, 2, "same")), ("Conv2DTranspose", (2, 4, 4, 256), (128, 4, 2, "same")),
    ("BatchNormalization", (4, 3, 3, 2), ())])
def test_other_precisions_are_trained_as_by_keras(name, shape, arguments, dtype):
    """Wide layers, whose products in float32 are Winograd's."""
    inputs = tf.cast(_random(*shape), "float64" if dtype == "float64" else "float16")
    layers = [getattr(place, name)(*arguments, dtype=dtype) for place in (kernels, keras.layers)]
    for layer in layers:
        layer.build(shape)
    layers[1].set_weights(layers[0].get_weights())
    outputs = [layer(inputs, training=True) if _takes_training(layer) else layer(inputs) for layer in layers]
    assert outputs[0].dtype == outputs[1].dtype
    _close(*(tf.cast(one, tf.float64) for one in outputs), tolerance=1e-12 if dtype == "float64" else 2e-3)


@pytest.mark.parametrize(("name", "arguments"), [
    ("Conv2D", (4, 3, 2, "same")), ("Conv2D", (4, 3, 1, "valid")), ("Conv2DTranspose", (4, 3, 2, "same")),
    ("DepthwiseConv2D", (3,))])
def test_images_of_unknown_size_are_computed_by_keras(name, arguments):
    ours, theirs = (getattr(place, name)(*arguments) for place in (kernels, keras.layers))
    for layer in (ours, theirs):
        layer.build((None, None, None, 8))
    theirs.set_weights(ours.get_weights())

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 8))])
    def gradients(images):
        found = []
        for layer in (ours, theirs):
            outputs = layer(images, training=True) if _takes_training(layer) else layer(images)
            weights = layer.trainable_variables[0].value
            found.append((outputs, *tf.gradients(tf.reduce_sum(outputs**2), [images, weights])))
        return found

    _close(*gradients(_random(2, 9, 7, 8)))


@pytest.mark.parametrize(("size", "channels", "filters", "kernel", "strides", "padding"), [
    ((28, 28), 1, 8, 5, 2, "same"), ((64, 64), 3, 8, 4, 2, "same"), ((7, 9), 2, 5, 5, 2, "same"),
    ((6, 5), 3, 4, 3, 2, "same"), ((9, 9), 4, 6, 4, 2, "valid"), ((8, 8), 1, 4, 3, 1, "same"),
    ((7, 7), 3, 4, (5, 3), 2, "same"), ((4, 4), 256, 512, 5, 2, "same"), ((8, 8), 128, 1024, 4, 2, "same"),
    ((4, 4), 512, 1, 4, 1, "valid"),
])
@pytest.mark.parametrize("transposed", [False, True])
def test_strided_convolutions_are_tensorflows(size, channels, filters, kernel, strides, padding, transposed):
    names = {True: "Conv2DTranspose", False: "Conv2D"}
    maps = keras.layers.Conv2D(1, kernel, strides, padding).compute_output_shape((2, *size, channels))[1:3]
    inputs = _random(2, *maps, filters) if transposed else _random(2, *size, channels)
    arguments = (channels if transposed else filters, kernel)
    for training in (True, False):
        both = (getattr(module, names[transposed])(*arguments, strides=strides, padding=padding, activation="tanh")
                for module in (kernels, keras.layers))
        wide = channels * filters >= 2**15  # sums of thousands of products up to 100; Winograd's points cost a digit
        _close(*_both(*both, inputs, training=training), tolerance=5e-4 if wide and training else 2e-5)


@pytest.mark.parametrize(("size", "kernel", "settings"), [
    ((4, 4), 4, {}), ((3, 5), (3, 5), {"use_bias": False}), ((4, 4), 3, {}), ((4, 4), 4, {"padding": "same"}),
    ((4, 4), 4, {"depth_multiplier": 2})])
def test_depthwise_convolutions_are_keras(size, kernel, settings):
    both = (module.DepthwiseConv2D(kernel, activation="tanh", **settings) for module in (kernels, keras.layers))
    _close(*_both(*both, _random(2, *size, 6)))


@pytest.mark.parametrize(("name", "settings"), [
    ("Conv2D", {"dilation_rate": 2}), ("Conv2D", {"groups": 2}), ("Conv2DTranspose", {"dilation_rate": 2}),
])
def test_what_the_kernels_do_not_know_is_left_to_keras(name, settings):
    both = (getattr(module, name)(4, 3, padding="same", **settings) for module in (kernels, keras.layers))
    _close(*_both(*both, _random(2, 6, 6, 4)))


@pytest.mark.parametrize(("name", "settings", "shape"), [
    ("Dense", {"units": 3}, (2, 5, 4)), ("BatchNormalization", {"scale": False}, (8, 4)),
    ("BatchNormalization", {"center": False}, (8, 4)), ("BatchNormalization", {"axis": 1}, (4, 3, 2, 2)),
    ("BatchNormalization", {}, (4, 3, 2)), ("Dropout", {"rate": 0.0}, (4, 3)),
])
def test_shapes_and_settings_of_other_networks_are_left_to_keras(name, settings, shape):
    ours, theirs = (getattr(module, name)(**settings) for module in (kernels, keras.layers))
    ours.build(shape)
    theirs.build(shape)
    theirs.set_weights(ours.get_weights())
    _close(ours(_random(*shape), training=True), theirs(_random(*shape), training=True))


@pytest.mark.parametrize("shape", [(8, 5, 5, 3), (16, 7), (1, 4, 4, 2)])
def test_batch_normalization_is_keras(shape):
    ours, theirs = (module.BatchNormalization(momentum=0.9, epsilon=1e-5) for module in (kernels, keras.layers))
    _close(*_both(ours, theirs, _random(*shape), training=True), tolerance=1e-4)
    _close(ours.non_trainable_variables, theirs.non_trainable_variables)
    _close(ours(_random(*shape), training=False), theirs(_random(*shape), training=False))


def test_batch_normalization_keeps_the_variance_over_n():
    """Four numbers 1, 3, 1, 3 of one feature: mean 2 and variance 1, not 4/3."""
    layer = kernels.BatchNormalization(momentum=0.0, epsilon=0.0)
    outputs = layer(tf.constant([[1.0], [3.0], [1.0], [3.0]]), training=True)
    np.testing.assert_allclose(outputs, [[-1], [1], [-1], [1]], atol=1e-6)
    np.testing.assert_allclose([layer.moving_mean[0], layer.moving_variance[0]], [2, 1], atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_batch_normalization_computes_bfloat16_in_float32(jit):
    ours, theirs = (module.BatchNormalization(dtype="mixed_bfloat16") for module in (kernels, keras.layers))
    inputs = tf.cast(_random(16, 4, 4, 2), tf.bfloat16)
    outputs = [tf.function(functools.partial(layer, training=True), jit_compile=jit)(inputs)
               for layer in (ours, theirs)]
    assert {one.dtype for one in outputs} == {tf.bfloat16}
    _close(*(tf.cast(one, tf.float32) for one in outputs), tolerance=1 / 128)
    _close(ours.non_trainable_variables, theirs.non_trainable_variables)


@pytest.mark.parametrize("layer", ["Dense", "Conv2D", "Conv2DTranspose"])
def test_bfloat16_is_rounded_alike_on_every_processor(layer, monkeypatch):
    """In float32 and rounded, or in TensorFlow's bfloat16 kernels: within some roundings of 1/256."""
    arguments = (6,) if layer == "Dense" else (6, 3)
    inputs = tf.cast(_random(4, 6) if layer == "Dense" else _random(2, 5, 5, 4), tf.bfloat16)
    for fast in (False, True):
        monkeypatch.setattr(machine, "computes_bfloat16", lambda fast=fast: fast)
        both = (getattr(module, layer)(*arguments, dtype="mixed_bfloat16") for module in (kernels, keras.layers))
        for one, other in zip(*_both(*both, inputs, training=True), strict=True):
            assert [x.dtype for x in tf.nest.flatten(one)] == [x.dtype for x in tf.nest.flatten(other)]
            _close(*([tf.cast(x, tf.float32) for x in tf.nest.flatten(answer)] for answer in (one, other)),
                   tolerance=1 / 16)


def test_adam_is_keras():
    gradients = [_random(40, 3) * 10.0**-k for k in range(12)]
    answers = []
    for module in (kernels, keras.optimizers):
        optimizer, variable = module.Adam(2e-4, beta_1=0.5), keras.Variable(tf.zeros((40, 3)))
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([gradient], [variable])
        answers.append([variable, *optimizer.variables])
    _close(*answers, tolerance=2e-5)  # the kernel rounds beta_2 to float32
    assert np.abs(np.asarray(answers[0][0])).min() > 1e-4  # all have moved


def test_adam_with_amsgrad_is_keras():
    gradients = [_random(4, 3) * 10.0**-k for k in range(6)]  # falling: amsgrad remembers the largest
    answers = []
    for module, amsgrad in ((kernels, True), (keras.optimizers, True), (keras.optimizers, False)):
        optimizer, variable = module.Adam(0.1, beta_2=0.5, amsgrad=amsgrad), keras.Variable(tf.zeros((4, 3)))
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([gradient], [variable])
        answers.append([np.asarray(one) for one in (variable, *optimizer.variables)])
    for ours, theirs in zip(*answers[:2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.allclose(answers[0][0], answers[2][0], rtol=0.1)


class Conv2D(keras.layers.Conv2D):
    def call(self, inputs):
        return 2.0 * super().call(inputs)


class Dense(keras.layers.Dense):
    def call(self, inputs, training=False):
        return super().call(inputs) + 1.0


def test_layers_of_the_users_own_are_left_whatever_their_names():
    image = keras.Input((6, 6, 2))
    x = Conv2D(3, 3, padding="same")(image)
    x = keras.layers.Conv2D(3, 3, padding="same")(x)
    model = keras.Model(image, Dense(1)(keras.layers.Dense(4)(keras.layers.Flatten()(x))))
    for other, own in ((kernels.faster(model), kernels), (kernels.plain(kernels.faster(model)), keras.layers)):
        kinds = [type(layer) for layer in other.layers]
        assert kinds[1:] == [Conv2D, own.Conv2D, keras.layers.Flatten, own.Dense, Dense]
        _close(other(_random(2, 6, 6, 2)), model(_random(2, 6, 6, 2)))


def test_layers_can_be_left_by_name():
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(keras.layers.Dense(3)(x))))
    kinds = [type(layer) for layer in kernels.faster(model, leave=["BatchNormalization", "Dense"]).layers[1:]]
    assert kinds == [keras.layers.Dense, keras.layers.BatchNormalization, kernels.Dropout]


@pytest.mark.parametrize(("shape", "rate"), [((1000, 41), 0.3), ((3, 7, 7, 1001), 0.5)])
def test_dropout_drops_at_its_rate_and_keeps_the_mean(shape, rate):
    layer = kernels.Dropout(rate, seed=1)
    first, second = layer(tf.ones(shape), training=True).numpy(), layer(tf.ones(shape), training=True).numpy()
    sigma = np.sqrt(rate * (1 - rate) / first.size)
    for outputs in (first, second):
        assert (outputs == 0).mean() == pytest.approx(rate, abs=4 * sigma + 1e-5)
        assert outputs.max() == pytest.approx(1 / (1 - rate), rel=1e-4)
    both = ((first == 0) & (second == 0)).mean()  # a new mask every time, independent of the one before
    assert both == pytest.approx(rate**2, abs=4 * sigma)
    neighbours = ((first.ravel()[1:] == 0) & (first.ravel()[:-1] == 0)).mean()
    assert neighbours == pytest.approx(rate**2, abs=4 * sigma)


def test_dropout_is_repeated_from_its_seed_and_idle_outside_training():
    layer, inputs = kernels.Dropout(0.3, seed=1), _random(5, 9)
    state = [variable.numpy() for variable in layer.variables]
    first = layer(inputs, training=True)
    for variable, value in zip(layer.variables, state, strict=True):
        variable.assign(value)
    np.testing.assert_array_equal(layer(inputs, training=True), first)
    np.testing.assert_array_equal(layer(inputs, training=False), inputs)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("part", ["build_generator", "build_discriminator"])
@pytest.mark.parametrize("name", [name for name in models.names() if models.recipe(name).adversarial])
def test_faster_networks_compute_the_papers_function(name, part, training):
    keras.utils.set_random_seed(0)
    network = getattr(importlib.import_module(f"kgan.models.{name}"), part)(models.recipe(name))
    ours = kernels.faster(network)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in network.layers]
    for layer in (*network.layers, *ours.layers):
        layer.rate = 0  # masks differ
    inputs, *labels = (_random(4, *tensor.shape[1:]) if len(tensor.shape) > 1 else tf.constant([0, 1, 5, 1])
                       for tensor in network.inputs)
    answers = []
    for one in (ours, network):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = one([inputs, *labels] if labels else inputs, training=training)
            loss = tf.reduce_sum(tf.sin(outputs))
        gradients = [tf.convert_to_tensor(slope) for slope in tape.gradient(loss, [inputs, *one.trainable_variables])]
        if training:  # a bias before batch norm has no gradient, only noise: all on one scale
            gradients = tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], 0)
        answers.append((outputs, gradients))
    _close(*answers, tolerance=1e-3 if training else 1e-4)  # batch norm of four examples after batch norm


def test_networks_are_built_faster_and_saved_plain(tmp_path):
    generator, discriminator = models.build(models.recipe("dcgan"))
    kinds = {type(layer) for layer in (*generator.layers, *discriminator.layers)}
    assert {kernels.Conv2D, kernels.Conv2DTranspose, kernels.BatchNormalization, kernels.Dropout} <= kinds
    kernels.plain(generator).save(tmp_path / "generator.keras")
    z = np.random.default_rng(0).normal(size=(3, 100)).astype(np.float32)
    np.save(tmp_path / "z.npy", z)
    script = ("import keras, numpy as np, sys; np.save('images.npy', keras.models.load_model('generator.keras')"
              "(np.load('z.npy'), training=False)); assert not [m for m in sys.modules if m.startswith('kgan')]")
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    _close(np.load(tmp_path / "images.npy"), generator(z, training=False))


def test_output_padding_is_kept_where_keras_forgets_it(monkeypatch, tmp_path):
    """As Keras 3.13 does: dcgan_5x5's generator would draw 32×32 pixels where it should draw 28×28."""
    own = keras.layers.Conv2DTranspose.get_config
    monkeypatch.setattr(keras.layers.Conv2DTranspose, "get_config",
                        lambda self: {name: value for name, value in own(self).items() if name != "output_padding"})
    generator = models.build_generator(models.recipe("dcgan_5x5", "mnist"))
    assert generator.output_shape == (None, 28, 28, 1)
    kernels.plain(generator).save(tmp_path / "generator.keras")
    assert keras.saving.load_model(tmp_path / "generator.keras").output_shape == (None, 28, 28, 1)
