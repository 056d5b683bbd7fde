"""What every model file must pass, a new paper's too: `run_model_test(name)`."""

import json
import re
import tempfile

import keras
import numpy as np
import tensorflow as tf
from docstring_tables import network_rows, tables
from tables import TOTALS

from kgan import kernels, models, sampling
from kgan.batch import Batch
from kgan.data import sources
from kgan.recipe import RESOLUTIONS, Recipe
from kgan.runs import generators, loop
from kgan.runs.directory import Run

PRECISIONS = ("float32", "mixed_bfloat16")
PARAGRAPHS = ("Source: ", "`*` in the table", "Recipes:", "Not in the paper:", "Differs from the paper:",
              "Results: docs/results/runs.md#{name}")  # a docstring has one of each, in this order
OWN = ("Source: kgan's own", "Recipes:", "Not in its sources:", "Differs from its sources:",
       "Results: docs/results/runs.md#{name}")
LISTS = ("Recipes:", "Not in ", "Differs from ")


def run_model_test(name):
    """Checks the file's words and recipes, then its networks: in each of its shapes, and for recipes with their own."""
    check_words(name)
    check_recipes(name)
    tabled = [models.recipe(name).image_shape] if models._supports(name) >= {"channels"} else shapes(name)
    assert {(name, None, part, shape) for part in parts(name) for shape in tabled} <= set(printed(name))
    for named, shape in dict.fromkeys((named, shape) for _, named, _, shape in printed(name)):
        recipe = models.recipe(name, None, named).override(image_size=shape[0], channels=shape[2])
        if recipe.conditional and recipe.classes is None:  # as many as the data have
            recipe = recipe.override(classes=10, clusters=0)
        recipe = recipe.for_phase(recipe.phases[-1])
        check_tables(recipe)
        if recipe.image_size > 64:  # tables are of the whole, the rest of narrow networks
            recipe = recipe.override(image_size=16, max_channels=8)
        check_outputs(recipe)
        check_saved(recipe)
        if recipe.adversarial:
            check_training_step(recipe)
        else:
            check_fit(recipe)


def shapes(name):
    return getattr(models._module(name), "SHAPES", [models.recipe(name).image_shape])


def parts(name):
    return ("generator", "discriminator") if models.recipe(name).adversarial else ("generator",)


def printed(name):
    """The docstring's tables, each with the number of its column, by (model, recipe, network, shape)."""
    return {(name, table.recipe, table.part, shape): (table, column)
            for table in tables(models._module(name))
            for column, shape in enumerate(table.shapes or [models.recipe(name, None, table.recipe).image_shape])}


def networks(recipe):
    """The networks by their names in the tables."""
    if not recipe.adversarial:
        return {"generator": models.build_generator(recipe)}
    return dict(zip(("generator", "discriminator"), models.build(recipe), strict=True))


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def labels(recipe):
    """What both networks take beside z and images: four labels, or nothing."""
    return [] if recipe.classes is None else [tf.constant([0, 1, 2, recipe.classes - 1])]


def inputs(first, recipe):
    return [first, *labels(recipe)] if recipe.classes else first


def latent(recipe, n=4):
    return tf.random.stateless_normal((n, recipe.latent_dim), (0, 0)) * 3


def check_words(name):
    """The file says where its networks come from, whose cells are whose, what is open, what differs; no result."""
    paragraphs = models._module(name).__doc__.strip().split("\n\n")
    expected = OWN if any(text.startswith(OWN[0]) for text in paragraphs) else PARAGRAPHS
    places = [[number for number, text in enumerate(paragraphs) if text.startswith(start.format(name=name))]
              for start in expected]
    assert [len(numbers) for numbers in places] == [1] * len(expected)
    assert places == sorted(places)
    for paragraph in paragraphs:
        if paragraph.startswith(LISTS):  # an item begins with the name of a setting, its further lines hang
            for line in paragraph.splitlines()[1:]:
                assert re.match(r" {4}[^\s].*: .|    nothing\b| {8}\S", line), line
    recipes = next(text for text in paragraphs if text.startswith("Recipes:"))
    for recipe in ("default", *models.recipes(name)):
        assert f"\n    {recipe}: " in recipes, f"tell what --recipe={recipe} is"
    for dataset in getattr(models._module(name), "RECIPES_BY_DATASET", ()):
        assert f"`{dataset}`" in recipes or models.recipe(name).dataset == dataset, f"tell what is special on {dataset}"
    assert not re.search(r"\bFCD\b|\bseconds\b|\d s\b", "\n".join(paragraphs)), "results stand in docs/results/runs.md"


def check_recipes(name):
    """They survive JSON, and are of data sets that there are."""
    for dataset in (None, *getattr(models._module(name), "RECIPES_BY_DATASET", ())):
        for named in (None, *models.recipes(name)):
            recipe = models.recipe(name, dataset, named)
            assert (recipe.model, recipe.recipe) == (name, named)
            assert recipe.dataset in sources.names()
            assert recipe.image_shape in shapes(name) or (recipe.grow_images and recipe.image_size in RESOLUTIONS)
            assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def check_tables(recipe):
    """The networks are those of the docstring, and their totals those that were worked out by hand."""
    for part, network in networks(recipe).items():
        key = (recipe.model, recipe.recipe, part)
        compare(*printed(recipe.model)[*key, recipe.image_shape], network)
        assert key in TOTALS, f"add the totals of {key} to tests/tables.py"
        assert (count(network.weights), count(network.trainable_weights)) == TOTALS[key][recipe.image_shape]


def compare(table, column, network):
    """Asserts that each row says what its layers are, in order: words, the last one's output, the sum of parameters."""
    layers = network_rows(network)
    rows = [row for row in table.rows if row.words[0] not in ("Total", "Trainable")]
    for row, tensor in zip(rows, network.inputs, strict=False):
        assert row.words[0].split()[0] == tensor.name
        if len(tensor.shape) > 1:
            assert (row.outputs[column], row.params[column]) == (_written(tensor.shape[1:]), 0)
    for row in rows[len(network.inputs):]:
        words, params = [], 0
        while len(words) < len(row.words):
            (names, output, size), *layers = layers
            words, params = [*words, *names], params + size
        if "LeakyReLU" in row.words:  # its slope may stand in the text
            words = [re.sub(r"^LeakyReLU .*", "LeakyReLU", word) for word in words]
        assert (tuple(words), _written(output), params) == (row.words, row.outputs[column], row.params[column])
    assert layers == []
    said = {row.words[0]: row.params[column] for row in table.rows if not row.outputs}
    assert said["Total"] == count(network.weights)
    assert said.get("Trainable", said["Total"]) == count(network.trainable_weights)


def _written(shape):
    return "×".join(map(str, shape))


def check_outputs(recipe):
    """Images are in [-1, 1], logits are single numbers; both, and all weights, are float32 in either precision."""
    for precision in PRECISIONS if recipe.adversarial else PRECISIONS[:1]:
        built = networks(recipe.override(precision=precision))
        images = built["generator"](inputs(latent(recipe), recipe), training=False)
        assert (images.shape, images.dtype) == ((4, *recipe.image_shape), tf.float32)
        assert float(tf.reduce_max(tf.abs(images))) <= 1
        assert all(weight.dtype == "float32" for network in built.values() for weight in network.weights)
        if recipe.adversarial:
            logits = built["discriminator"](inputs(images, recipe), training=False)
            assert (logits.shape, logits.dtype) == ((4, 1), tf.float32)
            hidden = [next(layer.compute_dtype for layer in built[part].layers if count(layer.trainable_weights))
                      for part in ("generator", "discriminator")]
            chosen = precision.removeprefix("mixed_")
            assert hidden == [chosen, "float32" if recipe.penalty else chosen]


def check_saved(recipe):
    """generator.keras gives the same images, to Keras alone and to a network with other weights."""
    generator, other = (models.build_generator(recipe.override(seed=seed)) for seed in (0, 1))
    if not recipe.adversarial:
        generator = models.fit_generator(noise(recipe, 200), recipe)
    with tempfile.TemporaryDirectory() as directory:
        run = Run(directory)
        generators.save(run, generator)
        loaded = keras.models.load_model(run.generator_file, compile=False)
        generators.load_file(run.generator_file, other)
    z = inputs(latent(recipe), recipe)
    np.testing.assert_array_equal(loaded(z, training=False), kernels.plain(generator)(z, training=False))
    np.testing.assert_allclose(loaded(z, training=False), generator(z, training=False), atol=1e-5)
    np.testing.assert_array_equal(other(z, training=False), generator(z, training=False))


def noise(recipe, n):
    return np.random.default_rng(0).integers(0, 256, (n, *recipe.image_shape)).astype(np.uint8)


def check_training_step(recipe):
    """A discriminator step moves every weight of the discriminator and none of the generator; and the reverse."""
    model = loop.build_gan(recipe.override(batch_size=4))
    real = Batch(tf.constant(noise(recipe, 4) / 127.5 - 1, tf.float32), tuple(labels(recipe)))
    keras.utils.set_random_seed(0)
    key, step = model.key(tf.constant(0), 0), tf.constant(0)
    for half, moved in ((lambda: _discriminator_losses(model, real, key, step), model.discriminator),
                        (lambda: model.generator_step(real, key), model.generator)):
        before = {network: network.get_weights() for network in (model.generator, model.discriminator)}
        losses = half()
        assert len(tf.reshape(losses, [-1])) == 4
        assert bool(tf.reduce_all(tf.math.is_finite(losses)))
        for network, weights in before.items():
            still = [variable.path for variable, weight in zip(network.weights, weights, strict=True)
                     if variable.trainable and np.array_equal(variable, weight)]
            assert still == ([] if network is moved else [variable.path for variable in network.trainable_weights])


def _discriminator_losses(model, real, key, step):
    pair, _ = model.discriminator_step(real, model.fake(key, real), key, step)
    return model.adversarial_loss.discriminator(pair.real_logits, pair.fake_logits)


def check_fit(recipe):
    """What is fitted in closed form gives images of the data's kind: as bright as they are on average."""
    images = noise(recipe, 200) // 2
    drawn = sampling.generate(models.fit_generator(images, recipe), range(64))
    assert drawn.shape == (64, *recipe.image_shape)
    assert abs(drawn.mean() - images.mean()) < 5
