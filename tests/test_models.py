"""One row per network: each layer's class, output shape and parameter count, copied from the paper's table."""

import numpy as np
import pytest
import tensorflow as tf

from kgan import models

# (layer class, output shape without batch, parameters); activations and input rows carry no parameters.
TABLES = {
    ("dcgan", "generator"): [
        ("Dense", (6272,), 633_472),
        ("Reshape", (7, 7, 128), 0),
        ("BatchNormalization", (7, 7, 128), 512),
        ("Conv2DTranspose", (14, 14, 64), 204_864),
        ("BatchNormalization", (14, 14, 64), 256),
        ("Conv2DTranspose", (28, 28, 1), 1_601),
    ],
    ("dcgan", "discriminator"): [
        ("Conv2D", (14, 14, 64), 1_664),
        ("LeakyReLU", (14, 14, 64), 0),
        ("Dropout", (14, 14, 64), 0),
        ("Conv2D", (7, 7, 128), 204_928),
        ("LeakyReLU", (7, 7, 128), 0),
        ("Dropout", (7, 7, 128), 0),
        ("Flatten", (6272,), 0),
        ("Dense", (1,), 6_273),
    ],
}
# (total, trainable, non-trainable)
TOTALS = {
    ("dcgan", "generator"): (840_705, 840_321, 384),
    ("dcgan", "discriminator"): (212_865, 212_865, 0),
}


def _network(model, part, **changes):
    generator, discriminator = models.build(models.recipe(model).override(**changes))
    return generator if part == "generator" else discriminator


def _count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def test_every_model_has_both_tables():
    assert {model for model, _ in TABLES} == set(models.names())
    assert set(TABLES) == set(TOTALS) == {(m, part) for m in models.names() for part in ("generator", "discriminator")}


@pytest.mark.parametrize(("model", "part"), TABLES)
def test_network_matches_table(model, part):
    network = _network(model, part)
    rows = [(type(layer).__name__, layer.output.shape[1:], _count(layer.weights)) for layer in network.layers[1:]]
    assert rows == TABLES[model, part]
    assert (_count(network.weights), _count(network.trainable_weights),
            _count(network.non_trainable_weights)) == TOTALS[model, part]


def test_dcgan_activations_slopes_and_rates():
    generator, discriminator = models.build(models.recipe("dcgan"))
    assert [layer.activation.__name__ for layer in generator.layers if "Conv" in type(layer).__name__] == [
        "selu", "tanh"]
    assert [layer.negative_slope for layer in discriminator.layers if type(layer).__name__ == "LeakyReLU"] == [0.2] * 2
    assert [layer.rate for layer in discriminator.layers if type(layer).__name__ == "Dropout"] == [0.3] * 2
    assert all(layer.strides == (2, 2) and layer.kernel_size == (5, 5)
               for network in (generator, discriminator) for layer in network.layers
               if "Conv" in type(layer).__name__)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("model", models.names())
def test_networks_ranges_and_precision(model, precision):
    generator, discriminator = models.build(models.recipe(model).override(precision=precision))
    images = generator(tf.random.normal((2, generator.input_shape[-1])) * 3, training=False)
    logits = discriminator(images, training=False)
    assert images.dtype == logits.dtype == tf.float32
    assert float(tf.reduce_max(tf.abs(images))) <= 1
    assert logits.shape == (2, 1)
    hidden = generator.layers[1].compute_dtype
    assert hidden == ("bfloat16" if precision == "mixed_bfloat16" else "float32")
    assert all(weight.dtype == "float32" for weight in generator.weights + discriminator.weights)


def test_build_weights_are_a_function_of_the_seed():
    first, again, other = (_network("dcgan", "discriminator", seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_build_leaves_the_callers_precision():
    import keras

    _network("dcgan", "generator", precision="mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"


def test_recipe_is_the_papers_unless_the_data_set_has_its_own():
    paper = models.recipe("dcgan")
    assert (paper.dataset, paper.epochs, paper.steps) == ("mnist_small", 20, None)
    assert models.recipe("dcgan", "mnist") == paper.override(dataset="mnist")
    digits = models.recipe("dcgan", "digits")
    assert (digits.dataset, digits.epochs, digits.steps, digits.batch_size) == ("digits", None, 2400, 32)


def test_unknown_model_lists_known():
    with pytest.raises(ValueError, match=r"model='vae' is unknown; known: .*dcgan"):
        models.recipe("vae")
