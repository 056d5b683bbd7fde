"""Penalties against closed forms: D(x) = w·x + q·|x|², whose slope is w + 2qx."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kgan import latent, penalties
from kgan.batch import Batch, Pair

KEY = latent.key(0, tf.constant(0), 0, tf.constant(0))
W = np.array([0.5, -2.0, 1.0, 0.25], np.float32).reshape(1, 2, 2, 1)
REAL = np.arange(8, dtype=np.float32).reshape(2, 2, 2, 1) / 10
FAKE = -REAL[::-1] + 0.3


def _quadratic(curvature):
    def discriminate(batch):
        x = tf.cast(batch.images, tf.float32)
        return tf.reduce_sum(W * x + curvature * x**2, axis=[1, 2, 3])[:, None]

    return discriminate


def _pair(discriminate):
    real, fake = Batch(tf.constant(REAL)), Batch(tf.constant(FAKE))
    return Pair(real, fake, discriminate(real), discriminate(fake))


def _slope(images, curvature):
    return (W + 2 * curvature * images).reshape(len(images), -1)


@pytest.mark.parametrize("curvature", [0.0, 0.7])
@pytest.mark.parametrize(("make", "images"), [(penalties.r1, REAL), (penalties.r2, FAKE)])
def test_exact_penalties_equal_the_closed_form(make, images, curvature):
    discriminate = _quadratic(curvature)
    cost = make(3.0).cost(discriminate, _pair(discriminate), KEY)
    np.testing.assert_allclose(cost[:, 0], (_slope(images, curvature)**2).sum(axis=1), rtol=1e-5)
    assert make(3.0).weight == 1.5  # ½γ


@pytest.mark.parametrize(("make", "images"), [(penalties.r1_difference, REAL), (penalties.r2_difference, FAKE)])
def test_finite_differences_mean_the_exact_penalty(make, images):
    discriminate = _quadratic(0.7)
    pair, penalty = _pair(discriminate), make(1.0, 0.01)

    @tf.function
    def draw(step):
        return penalty.cost(discriminate, pair, latent.key(0, step, 0, tf.constant(0)))[:, 0]

    draws = [draw(step) for step in tf.range(4000)]
    # Each is |slope|² χ²: a relative spread of √2, so 4,000 draws' mean is within 2.2%; four times that is allowed.
    np.testing.assert_allclose(np.mean(draws, axis=0), (_slope(images, 0.7)**2).sum(axis=1), rtol=0.09)
    assert penalty.weight == 0.5  # ½γ


def test_finite_differences_of_a_plane_are_its_slope_along_the_noise():
    discriminate = _quadratic(0.0)
    cost = penalties.r1_difference(1.0, 0.1).cost(discriminate, _pair(discriminate), KEY)
    noise = tf.random.stateless_normal(REAL.shape, latent.fold(KEY, 1))
    np.testing.assert_allclose(cost[:, 0], tf.reduce_sum(W * noise, axis=[1, 2, 3])**2, rtol=1e-4)


def test_wgan_gp_is_zero_at_slope_one_and_taken_between_real_and_fake():
    discriminate = _quadratic(0.0)
    cost = penalties.wgan_gp().cost(discriminate, _pair(discriminate), KEY)
    np.testing.assert_allclose(cost[:, 0], (np.linalg.norm(W) - 1)**2 * np.ones(2), rtol=1e-5)
    seen = []
    penalties.wgan_gp().cost(lambda batch: seen.append(batch.images) or discriminate(batch), _pair(discriminate), KEY)
    share = (seen[0] - REAL) / (FAKE - REAL)
    assert (np.ptp(share.numpy().reshape(2, -1), axis=1) < 1e-4).all()  # one share for all of an image
    assert 0 <= np.min(share) <= np.max(share) < 1


def test_drift_is_the_squared_logit():
    discriminate = _quadratic(0.3)
    pair = _pair(discriminate)
    np.testing.assert_allclose(penalties.drift().cost(discriminate, pair, KEY), pair.real_logits**2, rtol=1e-6)
    assert penalties.drift().weight == 1e-3


def test_share_takes_the_first_of_the_batch_rounded_up():
    pair = _pair(_quadratic(0.0)).first(0.3)
    assert [len(one) for one in (pair.real.images, pair.fake.images, pair.real_logits, pair.fake_logits)] == [1] * 4
    conditioned = Batch(tf.zeros((8, 2, 2, 1)), (tf.range(8),)).first(3)
    np.testing.assert_array_equal(conditioned.conditions[0], [0, 1, 2])


def test_named_penalties_and_their_mistakes():
    assert [one.weight for one in penalties.get("r1_r2", 2.0)] == [1.0, 1.0]
    assert [one.weight for one in penalties.get("wgan_gp_drift", 10.0)] == [10.0, 1e-3]
    assert [one.share for one in penalties.get("r1_r2", 2.0, 0.01, 0.25)] == [0.25, 0.25]
    assert [one.name for one in penalties.get("r1_r2", 2.0)] == ["R1", "R2"]
    assert [one.name for one in penalties.get("r1_r2", 2.0, 0.01)] == ["R1", "R2"]
    assert [one.name for one in penalties.get("wgan_gp_drift", 10.0)] == ["", ""]
    with pytest.raises(ValueError, match="penalty='gp' is unknown; known: r1, r2, r1_r2, wgan_gp, wgan_gp_drift"):
        penalties.get("gp", 1.0)
    with pytest.raises(ValueError, match="penalty=wgan_gp has no form by finite differences"):
        penalties.get("wgan_gp", 10.0, 0.01)


@pytest.mark.parametrize("layer", [layers.BatchNormalization, lambda: layers.Dropout(0.1)])
def test_check_refuses_what_couples_images_or_is_random(layer):
    image = keras.Input((2, 2, 1))
    with pytest.raises(ValueError, match="a penalty needs a discriminator that judges each image by itself"):
        penalties.check(keras.Model(image, layers.Dense(1)(layers.Flatten()(layer()(image)))))
    penalties.check(keras.Model(image, layers.Dense(1)(layers.Flatten()(layers.Dropout(0.0)(image)))))
