"""Drawing: what the networks with classes are told can be mixed."""

import numpy as np
import pytest

from kgan import latent, models, sampling


@pytest.mark.parametrize(("model", "recipe", "changes"), [
    ("dcgan_fast", None, {"classes": 7, "precision": "mixed_bfloat16"}), ("dcgan_5x5", "two_convolutions", {})])
def test_split_behind_its_embedding_a_generator_draws_the_same(model, recipe, changes):
    generator = models.build_generator(models.recipe(model, None, recipe).override(**changes))
    told, rows = sampling.by_embedding(generator)
    labels = np.arange(12) % latent.classes(generator)
    z = latent.from_seeds(range(12), latent.dimension(generator)).numpy()
    render = sampling.renderer(told)
    drawn = sampling.draw_from(render, z, rows[labels], batch_size=12)
    np.testing.assert_array_equal(drawn, sampling.generate(generator, range(12), labels, batch_size=12))
    others = sampling.draw_from(render, z, rows[(labels + 1) % len(rows)], batch_size=12)
    assert not np.array_equal(drawn, others)
    assert len(rows) == changes.get("classes", 10)
