"""Drawing: what the networks with classes are told can be mixed."""

import re

import keras
import numpy as np
import pytest

from kgan import latent, models, sampling
from kgan.layers import ClusterByLatent
from kgan.runtime.errors import UserError


@pytest.mark.parametrize(("model", "recipe", "changes"), [
    ("dcgan_fast", None, {"classes": 7, "precision": "mixed_bfloat16"}),
    ("dcgan_fast", None, {"classes": 7, "clusters": 0}), ("dcgan_5x5", "two_convolutions", {})])
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
    chosen = keras.layers.Embedding(5, 3)(ClusterByLatent(5)(z))  # by z: nobody can tell it
    assert sampling.classes(keras.Model(z, z + chosen)) == 0
    both = keras.layers.Embedding(10, 3)(ClusterByLatent(5, 2)(z, label))  # five kinds of each of two classes
    assert sampling.classes(keras.Model([z, label], z + both)) == 2
    other = keras.Input((3,))
    assert sampling.classes(keras.Model([z, other], z + other)) == 0


def _told(classes=3, embedded=True):
    """A generator with labels, which it embeds or not."""
    z, label = keras.Input((2,)), keras.Input((), dtype="int32")
    rows = keras.layers.Embedding(classes, 4)(label) if embedded else keras.layers.RepeatVector(4)(
        keras.layers.Reshape((1,))(label))[..., 0]
    return keras.Model([z, label], keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(z) + rows))


@pytest.mark.parametrize(("seeds", "labels", "embedded", "sentence"), [
    ([], None, True, "seeds=[] holds none; give one or more"),
    ([0.5], None, True, "seeds=[0.5] must be whole numbers"),
    ([2**63], None, True, "must be whole numbers from 0 to 2⁶³ - 1"),
    ([1, 2], [0], True, "there are 1 labels up to 0 for 2 seeds; give one for each, from 0 to 2"),
    ([1], [3], True, "there are 1 labels up to 3 for 1 seeds; give one for each, from 0 to 2"),
    ([1], [-1], True, "labels=[-1] must be whole numbers"),
    ([1], None, False, "has no Embedding that says of how many classes; give labels"),
])
def test_what_can_not_be_drawn_is_said(seeds, labels, embedded, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        sampling.generate(_told(embedded=embedded), seeds, labels)


def test_numpys_numbers_and_ranges_are_seeds():
    generator = _told()
    expected = sampling.generate(generator, [0, 1, 2])
    for seeds in (range(3), np.arange(3, dtype=np.uint8), [np.int64(0), 1, np.uint8(2)], (0, 1, 2)):
        np.testing.assert_array_equal(sampling.generate(generator, seeds), expected)
    assert sampling.generate(_told(embedded=False), [1], [5]).shape == (1, 2, 2, 1)
    with pytest.raises(UserError, match="nothing to draw"):
        sampling.draw_from(sampling.renderer(generator), np.empty((0, 2)), np.empty(0, int))


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
