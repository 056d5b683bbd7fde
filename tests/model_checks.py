"""What every model file must pass, a new paper's too: `run_model_test(name)`."""

import json
import tempfile

import keras
import numpy as np
import tensorflow as tf
from tables import TABLES, TOTALS

from kgan import gan, kernels, models
from kgan.data import sources
from kgan.recipe import Recipe
from kgan.runs import generators, loop
from kgan.runs.directory import Run

PRECISIONS = ("float32", "mixed_bfloat16")


def run_model_test(name):
    """Checks the file's words and recipes, then its networks in each of its shapes."""
    check_words(name)
    check_recipes(name)
    for shape in shapes(name):
        recipe = models.recipe(name).override(image_size=shape[0], channels=shape[2])
        check_tables(recipe)
        check_outputs(recipe)
        check_saved(recipe)
        if recipe.adversarial:
            check_training_step(recipe)
        else:
            check_fit(recipe)


def shapes(name):
    return getattr(models._module(name), "SHAPES", [models.recipe(name).image_shape])


def networks(recipe):
    """The networks by their names in the tables."""
    if not recipe.adversarial:
        return {"generator": models.build_generator(recipe)}
    return dict(zip(("generator", "discriminator"), models.build(recipe), strict=True))


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def latent(recipe, n=4):
    return tf.random.stateless_normal((n, recipe.latent_dim), (0, 0)) * 3


def check_words(name):
    """The file says where its networks come from and how many parameters they have."""
    words, first = models.description(name), tuple(models.recipe(name).image_shape)
    assert "Source: " in words
    for (model, _, shape), totals in TOTALS.items():
        if model == name and shape == first:
            assert f"{totals[0]:,}" in words


def check_recipes(name):
    """They survive JSON, and are of data sets that there are."""
    for dataset in (None, *getattr(models._module(name), "RECIPES", ())):
        recipe = models.recipe(name, dataset)
        assert recipe.model == name
        assert recipe.dataset in sources.names()
        assert recipe.image_shape in shapes(name)
        assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def check_tables(recipe):
    """Layers, output shapes and parameters are those that were worked out from the paper."""
    for part, network in networks(recipe).items():
        key = (recipe.model, part, recipe.image_shape)
        assert key in TABLES, f"add the rows of {key} to tests/tables.py"
        rows = [(type(layer).__name__, layer.output.shape[1:], count(layer.weights)) for layer in network.layers[1:]]
        assert rows == TABLES[key]
        assert (count(network.weights), count(network.trainable_weights)) == TOTALS[key]


def check_outputs(recipe):
    """Images are in [-1, 1], logits are single numbers; both, and all weights, are float32 in either precision."""
    for precision in PRECISIONS if recipe.adversarial else PRECISIONS[:1]:
        built = networks(recipe.override(precision=precision))
        images = built["generator"](latent(recipe), training=False)
        assert (images.shape, images.dtype) == ((4, *recipe.image_shape), tf.float32)
        assert float(tf.reduce_max(tf.abs(images))) <= 1
        assert all(weight.dtype == "float32" for network in built.values() for weight in network.weights)
        if recipe.adversarial:
            logits = built["discriminator"](images, training=False)
            assert (logits.shape, logits.dtype) == ((4, 1), tf.float32)
            hidden = {built["generator"].layers[1].compute_dtype, built["discriminator"].layers[-3].compute_dtype}
            assert hidden == {precision.removeprefix("mixed_")}


def check_saved(recipe):
    """generator.keras gives the same images, to Keras alone and to a network with other weights."""
    generator, other = (models.build_generator(recipe.override(seed=seed)) for seed in (0, 1))
    if not recipe.adversarial:
        generator = models.fit_generator(noise(recipe, 200), recipe)
    with tempfile.TemporaryDirectory() as directory:
        run = Run(directory)
        generators.save(run, generator)
        loaded = keras.models.load_model(run.generator_file, compile=False)
        generators.load(run, other)
    z = latent(recipe)
    np.testing.assert_array_equal(loaded(z, training=False), kernels.plain(generator)(z, training=False))
    np.testing.assert_allclose(loaded(z, training=False), generator(z, training=False), atol=1e-5)
    np.testing.assert_array_equal(other(z, training=False), generator(z, training=False))


def noise(recipe, n):
    return np.random.default_rng(0).integers(0, 256, (n, *recipe.image_shape)).astype(np.uint8)


def check_training_step(recipe):
    """A discriminator step moves every weight of the discriminator and none of the generator; and the reverse."""
    model = loop.build_gan(recipe.override(batch_size=4))
    images = tf.constant(noise(recipe, 4) / 127.5 - 1, tf.float32)
    keras.utils.set_random_seed(0)
    for step, moved in ((lambda: model.discriminator_step(images, latent(recipe)), model.discriminator),
                        (lambda: model.generator_step(latent(recipe)), model.generator)):
        before = {network: network.get_weights() for network in (model.generator, model.discriminator)}
        losses = tf.nest.flatten(step())[0]
        assert len(tf.reshape(losses, [-1])) == 4
        assert bool(tf.reduce_all(tf.math.is_finite(losses)))
        for network, weights in before.items():
            still = [variable.path for variable, weight in zip(network.weights, weights, strict=True)
                     if variable.trainable and np.array_equal(variable, weight)]
            assert still == ([] if network is moved else [variable.path for variable in network.trainable_weights])


def check_fit(recipe):
    """What is fitted in closed form gives images of the data's kind: as bright as they are on average."""
    images = noise(recipe, 200) // 2
    drawn = gan.generate(models.fit_generator(images, recipe), range(64))
    assert drawn.shape == (64, *recipe.image_shape)
    assert abs(drawn.mean() - images.mean()) < 5
