"""Drawing: what the networks with classes are told can be mixed."""

import keras
import numpy as np
import pytest

from kgan import latent, models, sampling
from kgan.layers import Kind
from kgan.runtime.errors import UserError


@pytest.mark.parametrize(("model", "recipe", "changes"), [
    ("dcgan_fast", None, {"classes": 7, "precision": "mixed_bfloat16"}),
    ("dcgan_fast", None, {"classes": 7, "kinds": 0}), ("dcgan_5x5", "two_convolutions", {})])
def test_split_behind_its_embedding_a_generator_draws_the_same(model, recipe, changes):
    generator = models.build_generator(models.recipe(model, None, recipe).override(**changes))
    inner, told = sampling.by_embedding(generator)
    labels = np.arange(12) % sampling.classes(generator)
    z = latent.from_seeds(range(12), latent.dimension(generator)).numpy()
    render = sampling.renderer(inner)
    drawn = sampling.draw_from(render, z, told(z, labels), batch_size=12)
    np.testing.assert_array_equal(drawn, sampling.generate(generator, range(12), labels, batch_size=12))
    others = sampling.draw_from(render, z, told(z, (labels + 1) % 7), batch_size=12)
    assert not np.array_equal(drawn, others)
    assert sampling.classes(generator) == changes.get("classes", 10)


def test_classes_are_those_that_are_told():
    z, label = keras.Input((3,)), keras.Input((), dtype="int32")
    rows = keras.layers.Embedding(7, 3)
    assert sampling.classes(keras.Model([z, label], z + rows(label))) == 7
    chosen = keras.layers.Embedding(5, 3)(Kind(5)(z))  # by z: nobody can tell it
    assert sampling.classes(keras.Model(z, z + chosen)) == 0
    both = keras.layers.Embedding(10, 3)(Kind(5, 2)(z, label))  # five kinds of each of two classes
    assert sampling.classes(keras.Model([z, label], z + both)) == 2
    other = keras.Input((3,))
    assert sampling.classes(keras.Model([z, other], z + other)) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pictures_of_values_that_are_no_numbers_are_refused(bad):
    z = keras.Input((3,))
    image = keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(z))
    generator = keras.Model(z, image)
    assert sampling.generate(generator, [0, 1]).shape == (2, 2, 2, 1)
    generator.layers[1].bias.assign([0, 0, bad, 0])
    with pytest.raises(UserError, match="draws values that are no finite numbers"):
        sampling.generate(generator, [0, 1])
    with pytest.raises(UserError, match="draws values that are no finite numbers"):
        sampling.draw_from(sampling.renderer(generator), np.zeros((2, 3)))


def test_no_seeds_give_no_pictures():
    z, label = keras.Input((3,), name="z"), keras.Input((), dtype="int32", name="label")
    x = keras.layers.Dense(12)(z) * keras.layers.Embedding(10, 12)(label)
    drawn = sampling.generate(keras.Model([z, label], keras.layers.Reshape((2, 2, 3))(x)), [])
    assert (drawn.shape, drawn.dtype) == ((0, 2, 2, 3), np.uint8)
