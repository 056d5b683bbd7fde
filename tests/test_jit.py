"""XLA, which GPUs may use: every model's step compiles. Static shapes, no call of the host."""

import numpy as np
import pytest
import tensorflow as tf

from kgan import models
from kgan.runs.build import build_gan

QUICK = ("gan", "dcgan_fast")
TRAINED = [name for name in models.names() if models.recipe(name).adversarial]


def _small(name):
    own = models.recipe(name)
    recipe = models.recipe(name, own.dataset if own.image_size > 32 else "digits")
    return recipe.override(batch_size=4, precision="float32", **({"max_channels": 8} if recipe.grow_images else {}))


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
                                  for name in TRAINED])
def test_a_step_compiles(name):
    recipe = _small(name)
    start = recipe.phases[-1].start - 1 if recipe.grow_images else 0
    gan = build_gan(recipe, [1] * recipe.label_count if recipe.clusters_per_class > 1 else None, step=start)
    batch = {"image": tf.zeros((recipe.images_per_step, *recipe.image_shape)),
             "label": tf.zeros((recipe.images_per_step,), tf.int64)}
    before = gan.generator.trainable_variables[0].numpy()
    means = tf.function(gan.train_step, jit_compile=True)(batch)
    assert all(np.isfinite(float(mean)) for mean in means.values())
    assert int(gan.step) == start + 1
    assert (gan.generator.trainable_variables[0].numpy() != before).any()
