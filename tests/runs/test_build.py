import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import models
from kgan.runs.build import build_optimizer, build_schedule

RECIPE = models.recipe("dcgan").override(batch_size=10, decay_images=1000)  # 100 steps


@pytest.mark.parametrize(("schedule", "halfway"), [("cosine", 0.55), ("exponential", 0.1**0.5)])
def test_decay_goes_from_one_to_the_floor_and_stays(schedule, halfway):
    factor = build_schedule(RECIPE.override(schedule=schedule), 0.1)
    np.testing.assert_allclose([factor(step) for step in (0, 50, 100, 10_000)], [1, halfway, 0.1, 0.1], rtol=1e-5)
    twice = build_schedule(RECIPE.override(schedule=schedule), 0.1, steps_per_turn=2)
    np.testing.assert_allclose(twice(100), halfway, rtol=1e-5)  # an optimizer that steps twice a turn


def test_cosine_equals_keras():
    factor = build_schedule(RECIPE.override(schedule="cosine"), 0.25)
    expected = keras.optimizers.schedules.CosineDecay(1.0, 100, alpha=0.25)
    steps = range(0, 130, 7)
    np.testing.assert_allclose(list(map(factor, steps)), list(map(expected, steps)), rtol=1e-5)


def test_goodfellows_rate_is_divided_by_1_000004_a_step():
    factor = build_schedule(RECIPE.override(schedule="exponential", decay_images=28_782_360), 1e-5)
    np.testing.assert_allclose(float(factor(1000)), 1.000004**-1000, rtol=1e-5)


def test_rates_follow_the_schedule():
    optimizer = build_optimizer(RECIPE.override(schedule="cosine", floor=0.0, optimizer="sgd", beta_1=0.0), 1.0)
    weight = keras.Variable([0.0])
    optimizer.build([weight])
    moves = []
    for _ in range(3):
        before = float(weight.value[0])
        optimizer.apply([tf.constant([1.0])], [weight])
        moves.append(before - float(weight.value[0]))
    np.testing.assert_allclose(moves, [0.5 * (1 + np.cos(np.pi * step / 100)) for step in range(3)], rtol=1e-5)


def test_momentum_goes_in_a_straight_line():
    recipe = RECIPE.override(optimizer="sgd", beta_1=0.5, momentum_end=0.7, momentum_images=20)  # 2 steps
    optimizer = build_optimizer(recipe, 1.0)
    weight = keras.Variable([0.0])
    optimizer.build([weight])
    velocity, at, momenta = 0.0, 0.0, [0.5, 0.6, 0.7, 0.7]
    for momentum in momenta:
        optimizer.apply([tf.constant([1.0])], [weight])
        velocity = momentum * velocity - 1.0
        at += velocity
        np.testing.assert_allclose(weight.value[0], at, rtol=1e-6)


def test_constant_sgd_momentum_equals_keras_sgd():
    recipe = RECIPE.override(optimizer="sgd", beta_1=0.5, momentum_end=0.5, momentum_images=20)
    weights = [keras.Variable([1.0, -2.0]) for _ in range(2)]
    for optimizer, weight in zip((build_optimizer(recipe, 0.1), keras.optimizers.SGD(0.1, momentum=0.5)), weights,
                                 strict=True):
        optimizer.build([weight])
        for step in range(5):
            optimizer.apply([tf.constant([1.0, step])], [weight])
    np.testing.assert_allclose(*weights, rtol=1e-6)


@pytest.mark.parametrize(("changes", "kind", "settings"), [
    ({"optimizer": "rmsprop", "beta_1": 0.0}, keras.optimizers.RMSprop, {"rho": 0.9, "momentum": 0.0}),
    ({"optimizer": "rmsprop", "beta_1": 0.1, "beta_2": 0.5}, keras.optimizers.RMSprop, {"rho": 0.5, "momentum": 0.1}),
    ({"optimizer": "adam", "beta_1": 0.0, "beta_2": 0.99}, keras.optimizers.Adam, {"beta_1": 0.0, "beta_2": 0.99}),
    ({"clip": 1.0}, keras.optimizers.Adam, {"clipvalue": 1.0}),
])
def test_build_passes_the_recipes_settings(changes, kind, settings):
    optimizer = build_optimizer(RECIPE.override(**changes), 1e-3)
    assert isinstance(optimizer, kind)
    assert {name: getattr(optimizer, name) for name in settings} == settings


def test_clip_bounds_each_entry_of_a_gradient():
    optimizer = build_optimizer(RECIPE.override(optimizer="sgd", beta_1=0.0, clip=0.5), 1.0)
    weight = keras.Variable([0.0, 0.0])
    optimizer.build([weight])
    optimizer.apply([tf.constant([3.0, -0.25])], [weight])
    np.testing.assert_allclose(weight.value, [-0.5, 0.25])


def test_a_file_that_names_another_module_for_the_schedules_goes_on_as_it_would_have():
    """kgan at fcff4c3, where they were in `kgan.runs.optimizers`, wrote it after 3 steps, and the biases after 6."""
    code = """
import kgan, keras, numpy as np, tensorflow as tf
gan = kgan.GAN and keras.saving.load_model(r"FILE")
images = np.random.default_rng(0).uniform(-1, 1, (4, 2, 2, 1)).astype("float32")
gan.fit(tf.data.Dataset.from_tensors({"image": images}).repeat(), steps_per_epoch=3, shuffle=False, verbose=0)
print(int(gan.step), type(gan.g_optimizer).__module__, *gan.generator.get_weights()[1])
""".replace("FILE", str(Path(__file__).with_name("schedules.keras")))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    step, module, *bias = result.stdout.split()
    assert (step, module) == ("6", "kgan.runs.build")
    expected = [0.07213305681943893, -0.05197356641292572, 0.18388713896274567, -0.006493226625025272]
    np.testing.assert_allclose(np.float32(bias), np.float32(expected), rtol=1e-5)
