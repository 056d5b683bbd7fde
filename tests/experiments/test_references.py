"""The models that are no GAN: likelihoods, masks, noise and samplers, beside what is worked out by hand."""

import math
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[2]))

from experiments.papers import ddpm, pixelcnn, vae


def test_the_divergence_is_that_of_two_gaussians():
    found = vae.divergence(tf.constant([[3.0, 0.0], [0.0, 0.0]]), tf.constant([[0.0, math.log(4)], [0.0, 0.0]]))
    assert found.numpy() == pytest.approx([9 / 2 + (4 - 1 - math.log(4)) / 2, 0], abs=1e-6)


def test_a_decoder_that_knows_nothing_costs_a_bit_a_pixel():
    model = vae.VAE()
    for variable in (*model.encoder.variables, *model.decoder.variables):
        variable.assign(tf.zeros_like(variable))
    images = np.random.default_rng(0).uniform(-1, 1, (2, 28, 28, 1)).astype(np.float32)
    assert model.losses_of(images).numpy().tolist() == pytest.approx([784 * math.log(2)] * 2, rel=1e-5)
    assert np.unique(model.generate(3)).tolist() == [128]  # 127.5, rounded


def test_the_vaes_tables_are_its_networks():
    model = vae.VAE()
    totals = [int(re.search(r"Total +([\d,]+)", build.__doc__)[1].replace(",", ""))
              for build in (vae.build_decoder, vae.build_encoder)]
    assert totals == model.parameters


def test_a_pixel_depends_on_all_before_it_within_reach_and_on_no_other():
    depth, row, column, side = 2, 8, 7, 15
    reach = 3 + depth  # of the 7×7 filter and of each 3×3 one
    model = pixelcnn.PixelCNN(filters=4, depth=depth)
    images = tf.random.stateless_uniform((1, side, side, 1), (0, 0), -1, 1)
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = tf.reduce_sum(model.network(images)[0, row, column]**2)
    rows, columns = np.mgrid[:side, :side]
    above = (rows < row) & (rows >= row - 1 - reach) & (abs(columns - column) <= reach)
    beside = (rows == row) & (columns < column) & (columns >= column - reach)
    assert np.array_equal(tape.gradient(value, images)[0, ..., 0].numpy() != 0, above | beside)


def test_pixels_are_drawn_from_the_networks_own_conditional_distributions(monkeypatch):
    monkeypatch.setattr(pixelcnn, "SIDE", 9)
    model = pixelcnn.PixelCNN(filters=4, depth=2, levels=4)
    for variable in model.average.variables:
        variable.assign(3 * variable)  # so that pixels depend on one another
    drawn = model.generate(3, seed=1, batch=2)
    levels = np.round(drawn / 85).astype(int)
    assert np.array_equal(drawn, 85 * levels) and len(np.unique(levels)) > 1
    logits = model.average(model.values(tf.constant(levels))).numpy()
    noise = np.concatenate([np.stack([pixelcnn.gumbel(count, 4, 1, start, row) for row in range(9)], axis=1)
                            for start, count in ((0, 2), (2, 1))])
    assert np.array_equal((logits + noise).argmax(axis=-1), levels[..., 0])


def test_levels_are_the_nearest_and_go_back():
    model = pixelcnn.PixelCNN(filters=4, depth=1)
    values = tf.constant([-1.0, -0.9, -0.8, 0.99, 1.0])
    assert model.quantised(values).numpy().tolist() == [0, 0, 1, 7, 7]
    assert model.values(tf.constant([0, 7])).numpy().tolist() == [-1, 1]


def _alpha_bar(time):
    return math.prod(1 - (1e-4 + step * (0.02 - 1e-4) / 999) for step in range(time))


def test_alpha_bar_is_the_product_of_the_linear_schedule():
    assert [ddpm.ALPHA_BARS[time] for time in (0, 1, 2, 400)] == pytest.approx([
        1, 0.9999, 0.9999 * (1 - 1e-4 - 0.0199 / 999), _alpha_bar(400)], rel=1e-12)
    assert ddpm.ALPHA_BARS[1000] == pytest.approx(4.036e-5, rel=1e-3)
    assert len(ddpm.ALPHA_BARS) == 1001


def test_noise_has_the_schedules_mean_and_variance():
    noise = tf.random.stateless_normal((2, 200, 200, 1), (0, 0))
    noisy = ddpm.diffuse(tf.fill((2, 200, 200, 1), 0.5), tf.constant([100, 400]), noise).numpy()
    for values, time in zip(noisy, (100, 400), strict=True):
        assert values.mean() == pytest.approx(0.5 * _alpha_bar(time)**0.5, abs=0.02)
        assert values.var() == pytest.approx(1 - _alpha_bar(time), rel=0.03)


@pytest.mark.parametrize(("steps", "ancestral"), [(1, False), (10, False), (1000, True)])
def test_the_right_noise_leads_to_the_only_image_there_is(steps, ancestral):
    only = tf.random.stateless_uniform((1, 4, 4, 1), (1, 0), -1, 1)
    bars = tf.constant([_alpha_bar(time) for time in range(1001)], tf.float32)

    def perfect(x, time):
        bar = tf.gather(bars, time)[:, None, None, None]
        return (x - tf.sqrt(bar) * only) / tf.sqrt(1 - bar)

    step = tf.function(lambda x, time, before, noise: ddpm.denoise(perfect, x, time, before, noise, ancestral))
    x, path = tf.random.stateless_normal((2, 4, 4, 1), (2, 0)), ddpm.times(steps)
    assert (path[0], len(path)) == (1000, steps) and path == sorted(set(path), reverse=True)
    for time, before in zip(path, [*path[1:], 0], strict=True):
        x = step(x, tf.constant(time), tf.constant(before), tf.random.stateless_normal(x.shape, (3, time)))
    assert x.numpy() == pytest.approx(np.repeat(only, 2, axis=0), abs=1e-3)


def test_few_steps_are_spread_evenly_down_to_the_image():
    assert [ddpm.times(steps) for steps in (1, 2, 3)] == [[1000], [1000, 500], [1000, 666, 333]]


def test_a_step_of_few_is_equation_12s():
    x, predicted = (0.05 * tf.random.stateless_normal((1, 4, 4, 1), (seed, 0)) for seed in (1, 2))
    here, there = _alpha_bar(300), _alpha_bar(200)
    image = (x - math.sqrt(1 - here) * predicted) / math.sqrt(here)
    by_hand = math.sqrt(there) * image + math.sqrt(1 - there) * predicted
    found = ddpm.denoise(lambda x, time: predicted, x, tf.constant(300), tf.constant(200), tf.zeros_like(x), False)
    assert found.numpy() == pytest.approx(by_hand.numpy(), abs=1e-5)


def test_noise_is_that_of_the_image_that_was_cut():
    x, predicted = tf.fill((1, 1, 1, 1), 2.0), tf.fill((1, 1, 1, 1), -1.0)  # the estimate of the image is above 1
    here, there = _alpha_bar(300), _alpha_bar(200)
    by_hand = math.sqrt(there) + math.sqrt(1 - there) * (2 - math.sqrt(here)) / math.sqrt(1 - here)
    found = ddpm.denoise(lambda x, time: predicted, x, tf.constant(300), tf.constant(200), tf.zeros_like(x), False)
    assert found.numpy().item() == pytest.approx(by_hand, rel=1e-5)


def test_an_ancestral_step_is_algorithm_2s():
    time, noise = 300, tf.random.stateless_normal((1, 4, 4, 1), (0, 0))
    x, predicted = (0.05 * tf.random.stateless_normal((1, 4, 4, 1), (seed, 0)) for seed in (1, 2))
    beta = 1e-4 + (time - 1) * (0.02 - 1e-4) / 999
    by_hand = (x - beta / math.sqrt(1 - _alpha_bar(time)) * predicted) / math.sqrt(1 - beta) + math.sqrt(beta) * noise
    found = ddpm.denoise(lambda x, time: predicted, x, tf.constant(time), tf.constant(time - 1), noise, True)
    assert found.numpy() == pytest.approx(by_hand.numpy(), abs=1e-4)


@pytest.mark.parametrize("model", [lambda: ddpm.DDPM(shape=(8, 8, 1)), lambda: pixelcnn.PixelCNN(filters=4, depth=1)])
def test_the_average_that_draws_follows_the_network_that_learns(model, monkeypatch):
    monkeypatch.setattr(pixelcnn, "SIDE", 8)
    model = model()
    images = np.random.default_rng(0).uniform(-1, 1, (model.batch_size, 8, 8, 1)).astype(np.float32)
    data = tf.data.Dataset.from_tensors({"image": images})
    weights = [model.network.get_weights()[-1]]  # the last layer's bias: the DDPM's gates before it are closed
    for _ in range(2):
        model.fit(data, verbose=0, shuffle=False)
        weights.append(model.network.get_weights()[-1])
    begun, first, second = weights
    assert (first != begun).all() and (second != first).all()
    by_hand = 3 / 12 * (2 / 11 * begun + 9 / 11 * first) + 9 / 12 * second
    assert model.average.get_weights()[-1] == pytest.approx(by_hand, rel=1e-4)


def test_in_the_end_the_average_keeps_999_of_1000():
    model = ddpm.DDPM(shape=(8, 8, 1))
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(100_000)
    model.network.variables[-1].assign(tf.fill((4,), 1.0))
    model.move_average()
    assert model.average.get_weights()[-1] == pytest.approx(np.full(4, 1e-3), rel=1e-3)


def test_samples_are_functions_of_the_seed():
    model = ddpm.DDPM(shape=(8, 8, 3))
    once, again, other = (model.generate(3, seed=seed, steps=2, batch=2) for seed in (0, 0, 1))
    assert once.shape == (3, 8, 8, 3) and once.dtype == np.uint8
    assert np.array_equal(once, again) and not np.array_equal(once, other)
    assert not np.array_equal(once[0], once[2])  # a batch of its own


def test_training_learns(monkeypatch):
    monkeypatch.setattr(pixelcnn, "SIDE", 9)
    image = np.where(np.arange(81).reshape(1, 9, 9, 1) % 2, 1.0, -1.0).astype(np.float32)
    model = pixelcnn.PixelCNN(filters=4, depth=1)
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    model.fit(tf.data.Dataset.from_tensors({"image": np.repeat(image, 4, axis=0)}).repeat(60), verbose=0, shuffle=False)
    assert model.losses_of(image).numpy()[0] < 0.1 < math.log(8)
