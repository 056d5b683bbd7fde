import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import losses

LN3 = math.log(3)  # sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4
REAL = tf.constant([[0.0], [LN3]])
FAKE = tf.constant([[0.0], [-LN3]])


@pytest.mark.parametrize("loss", [losses.minimax, losses.non_saturating])
def test_discriminator_hand_computed(loss):
    expected = [[2 * math.log(2)], [-2 * math.log(3 / 4)]]  # D = 1/2; D(x) = 3/4 and D(G(z)) = 1/4
    np.testing.assert_allclose(loss.discriminator(REAL, FAKE), expected, rtol=1e-6)


def test_minimax_generator_is_log_one_minus_d():
    np.testing.assert_allclose(losses.minimax.generator(FAKE), [[-math.log(2)], [math.log(3 / 4)]], rtol=1e-6)


def test_non_saturating_generator_is_minus_log_d():
    np.testing.assert_allclose(losses.non_saturating.generator(FAKE), [[math.log(2)], [-math.log(1 / 4)]], rtol=1e-6)


def test_discriminator_equals_keras_cross_entropy_halves():
    real, fake = tf.random.normal((5, 1)), tf.random.normal((5, 1))
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")
    expected = cross_entropy(tf.ones_like(real), real) + cross_entropy(tf.zeros_like(fake), fake)
    np.testing.assert_allclose(losses.minimax.discriminator(real, fake)[:, 0], expected, rtol=1e-5)


def test_losses_stay_finite_at_extreme_logits():
    extreme = tf.constant([[-1e4], [1e4]])
    for loss in (losses.minimax, losses.non_saturating):
        assert np.isfinite(loss.discriminator(extreme, extreme)).all()
        assert np.isfinite(loss.generator(extreme)).all()


def test_minimax_generator_saturates_where_non_saturating_does_not():
    logits = tf.constant([[-8.0]])  # D is sure that the fake is fake
    gradients = {}
    for name in ("minimax", "non_saturating"):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = losses.get(name).generator(logits)
        gradients[name] = float(tape.gradient(loss, logits)[0, 0])
    # d/dl log(1 - σ(l)) = -σ(l); d/dl -log σ(l) = -(1 - σ(l))
    sigma = 1 / (1 + math.exp(8))
    assert gradients["minimax"] == pytest.approx(-sigma, rel=1e-4)
    assert gradients["non_saturating"] == pytest.approx(sigma - 1, rel=1e-4)


def test_get_unknown_lists_known():
    with pytest.raises(ValueError, match=r"loss='hinge' is unknown; known: minimax, non_saturating"):
        losses.get("hinge")
