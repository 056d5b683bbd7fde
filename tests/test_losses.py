import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import losses
from kgan.recipe import Recipe

NAMES = Recipe.__dataclass_fields__["loss"].metadata["choices"]
LN3 = math.log(3)  # sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4
REAL = tf.constant([[0.0], [LN3]])
FAKE = tf.constant([[0.0], [-LN3]])


@pytest.mark.parametrize("loss", [losses.minimax, losses.non_saturating])
def test_discriminator_hand_computed(loss):
    expected = [[2 * math.log(2)], [-2 * math.log(3 / 4)]]  # D = 1/2; D(x) = 3/4 and D(G(z)) = 1/4
    np.testing.assert_allclose(loss.discriminator(REAL, FAKE), expected, rtol=1e-6)


def test_minimax_generator_is_log_one_minus_d():
    np.testing.assert_allclose(losses.minimax.generator(REAL, FAKE), [[-math.log(2)], [math.log(3 / 4)]], rtol=1e-6)


def test_non_saturating_generator_is_minus_log_d():
    expected = [[math.log(2)], [-math.log(1 / 4)]]
    np.testing.assert_allclose(losses.non_saturating.generator(REAL, FAKE), expected, rtol=1e-6)


def test_discriminator_equals_keras_cross_entropy_halves():
    real, fake = tf.random.normal((5, 1)), tf.random.normal((5, 1))
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")
    expected = cross_entropy(tf.ones_like(real), real) + cross_entropy(tf.zeros_like(fake), fake)
    np.testing.assert_allclose(losses.minimax.discriminator(real, fake)[:, 0], expected, rtol=1e-5)


def test_losses_stay_finite_at_extreme_logits():
    extreme = tf.constant([[-1e4], [1e4]])
    for loss in map(losses.get, NAMES):
        assert np.isfinite(loss.discriminator(extreme, extreme)).all()
        assert np.isfinite(loss.generator(extreme, extreme)).all()


def test_minimax_generator_saturates_where_non_saturating_does_not():
    logits = tf.constant([[-8.0]])  # D is sure that the fake is fake
    gradients = {}
    for name in ("minimax", "non_saturating"):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = losses.get(name).generator(logits, logits)
        gradients[name] = float(tape.gradient(loss, logits)[0, 0])
    # d/dl log(1 - σ(l)) = -σ(l); d/dl -log σ(l) = -(1 - σ(l))
    sigma = 1 / (1 + math.exp(8))
    assert gradients["minimax"] == pytest.approx(-sigma, rel=1e-4)
    assert gradients["non_saturating"] == pytest.approx(sigma - 1, rel=1e-4)


def test_get_unknown_lists_known():
    with pytest.raises(ValueError, match=r"loss='l1' is unknown; known: minimax, non_saturating, least_squares"):
        losses.get("l1")


# At D(x) = 2 and D(G(z)) = -½, by hand: D's half on reals, on fakes, and G's loss.
@pytest.mark.parametrize(("name", "real", "fake", "generator"), [
    ("minimax", math.log(1 + math.exp(-2)), math.log(1 + math.exp(-0.5)), -math.log(1 + math.exp(-0.5))),
    ("non_saturating", math.log(1 + math.exp(-2)), math.log(1 + math.exp(-0.5)), math.log(1 + math.exp(0.5))),
    ("least_squares", 0.5 * 1**2, 0.5 * 0.5**2, 0.5 * 1.5**2),
    ("hinge", 0.0, 0.5, 0.5),
    ("wasserstein", -2.0, -0.5, 0.5),
    ("relativistic", 0.0, math.log(1 + math.exp(-2.5)), math.log(1 + math.exp(2.5))),
])
def test_losses_hand_computed(name, real, fake, generator):
    logits, loss = (tf.constant([[2.0]]), tf.constant([[-0.5]])), losses.get(name)
    values = loss.real(*logits), loss.fake(*logits), loss.discriminator(*logits), loss.generator(*logits)
    np.testing.assert_allclose(tf.concat(values, 1), [[real, fake, real + fake, generator]], rtol=1e-6, atol=1e-7)


def test_every_loss_of_a_recipe_is_one_and_only_relativistic_pairs():
    assert set(NAMES) == set(losses.BY_NAME)
    assert [name for name in NAMES if losses.get(name).paired] == ["relativistic"]


@pytest.mark.parametrize(("name", "threshold", "sigmoid"), [
    ("minimax", 0, True), ("non_saturating", 0, True), ("least_squares", 0.5, False), ("hinge", 0, False),
    ("wasserstein", None, False), ("relativistic", None, False)])
def test_threshold_is_where_real_and_fake_cost_alike(name, threshold, sigmoid):
    loss = losses.get(name)
    assert (loss.threshold, loss.sigmoid) == (threshold, sigmoid)
    if threshold is None:  # adding a constant to both logits leaves D's loss as it is
        at = [float(loss.discriminator(tf.constant([[2.0 + c]]), tf.constant([[-0.5 + c]]))[0, 0]) for c in (0, 5)]
        assert at[0] == pytest.approx(at[1], rel=1e-5)
        return
    for offset, better in ((-0.1, False), (0.0, None), (0.1, True)):  # calling it real costs less above, more below
        logit = tf.constant([[threshold + offset]])
        real, fake = float(loss.real(logit, logit)[0, 0]), float(loss.fake(logit, logit)[0, 0])
        assert (real == pytest.approx(fake, abs=1e-6)) if better is None else (real < fake) == better


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_label_smoothing_is_one_sided_and_hand_computed(name):
    plain, smoothed = losses.get(name), losses.smoothed(losses.get(name), 0.1)
    # D(x) = 1/2 and 3/4: -0.9 log D - 0.1 log(1 - D).
    real = [[math.log(2)], [-0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4)]]
    np.testing.assert_allclose(smoothed.real(REAL, FAKE), real, rtol=1e-6)
    for half in ("fake", "generator"):
        np.testing.assert_array_equal(getattr(smoothed, half)(REAL, FAKE), getattr(plain, half)(REAL, FAKE))
    assert (smoothed.label_smoothing, plain.label_smoothing) == (0.1, 0.0)
    assert losses.smoothed(plain, 0.0) is plain
    assert losses.name_of(smoothed) == name


def test_label_smoothing_holds_d_at_its_target():
    logits = tf.constant([[-3.0], [math.log(9)], [6.0]])  # the second: D = 0.9
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.smoothed(losses.minimax, 0.1).real(logits, logits)
    expected = 1 / (1 + np.exp(-logits.numpy())) - 0.9  # d/dl (softplus(-l) + 0.1 l) = σ(l) - 0.9
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, atol=1e-6)
    assert abs(expected[1, 0]) < 1e-6
    assert np.isfinite(losses.smoothed(losses.minimax, 0.1).real(tf.constant([[1e4], [-1e4]]), logits)).all()


@pytest.mark.parametrize("name", ["least_squares", "hinge", "wasserstein", "relativistic"])
def test_label_smoothing_needs_a_target_that_is_a_probability(name):
    with pytest.raises(ValueError, match=r"label_smoothing=0.1 needs a loss .*: minimax or non_saturating\."):
        losses.smoothed(losses.get(name), 0.1)


@pytest.mark.parametrize("amount", [-0.1, 0.5, 1.0, math.nan])
def test_label_smoothing_has_a_range(amount):
    with pytest.raises(ValueError, match=r"must be 0 or more and less than 0\.5"):
        losses.smoothed(losses.minimax, amount)
