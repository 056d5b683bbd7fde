"""Orders of updates, penalties, augmentation and conditions in the step, on networks that can be computed by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kgan import augment, latent, losses, penalties, sampling
from kgan.batch import Batch
from kgan.gan import GAN
from kgan.layers import ClusterByLatent

Z = np.array([[1.0, -2.0], [0.5, 0.5]], np.float32)
REAL = np.array([[1.0, 2.0], [3.0, -2.0]], np.float32)


def _gan(monkeypatch, *, rate=0.1, loss=losses.non_saturating, cost=(), weight=1.0, decay=None, **kwargs):
    """D(x) = w·x with w = (1, -1); G(z) = zK with K = 1: all gradients are by hand."""
    monkeypatch.setattr(latent, "normal", lambda key, shape: tf.constant(Z))
    z, image = keras.Input((2,)), keras.Input((2, 1, 1))
    identity = keras.initializers.Identity()
    dense = layers.Dense(2, use_bias=False, kernel_initializer=identity)
    generator = keras.Model(z, layers.Reshape((2, 1, 1))(dense(z)))
    discriminator = keras.Model(image, layers.Dense(1, use_bias=False)(layers.Flatten()(image)))
    discriminator.set_weights([np.array([[1.0], [-1.0]])])
    gan = GAN(generator, discriminator, **kwargs)
    gan.compile(loss=loss, g_optimizer=keras.optimizers.SGD(rate), d_optimizer=keras.optimizers.SGD(rate),
                penalties=cost, d_loss_weight=weight, penalty_decay=decay, run_eagerly=True)
    return gan


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _d_gradient(w, fake):
    """Of mean softplus(-w·x) + softplus(w·G(z))."""
    return (-_sigmoid(-REAL @ w)[:, None] * REAL + _sigmoid(fake @ w)[:, None] * fake).mean(axis=0)


def _g_gradient(w, fake):
    """Of mean softplus(-w·zK) by K."""
    return (Z.T[:, :, None] * -_sigmoid(-fake @ w)[None, :, None] * w[None, None, :]).mean(axis=1)


@pytest.mark.parametrize("update", ["alternating", "shared", "simultaneous"])
def test_one_turn_hand_computed(update, monkeypatch):
    gan = _gan(monkeypatch, update=update)
    logs = gan.train_step(tf.reshape(REAL, (2, 2, 1, 1)))
    w = np.array([1.0, -1.0])
    moved = w - 0.1 * _d_gradient(w, Z)
    np.testing.assert_allclose(gan.discriminator.weights[0][:, 0], moved, rtol=1e-5)
    judge = w if update == "simultaneous" else moved  # the others ask the new D
    np.testing.assert_allclose(gan.generator.weights[0], np.eye(2) - 0.1 * _g_gradient(judge, Z), rtol=1e-5)
    np.testing.assert_allclose(logs["g_loss"], np.log1p(np.exp(-Z @ judge)).mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["d_loss_real"], np.log1p(np.exp(-REAL @ w)).mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["d_loss_fake"], np.log1p(np.exp(Z @ w)).mean(), rtol=1e-5)


def test_orders_differ_in_how_often_z_is_drawn(monkeypatch):
    for update, draws in (("alternating", 2), ("shared", 1), ("simultaneous", 1)):
        gan, drawn = _gan(monkeypatch, update=update), []
        monkeypatch.setattr(latent, "normal", lambda key, shape, drawn=drawn: drawn.append(1) or tf.constant(Z))
        gan.train_step(tf.reshape(REAL, (2, 2, 1, 1)))
        assert len(drawn) == draws


def test_relativistic_pairs_each_fake_with_its_real(monkeypatch):
    gan = _gan(monkeypatch, loss=losses.relativistic, update="simultaneous")
    logs = gan.train_step(tf.reshape(REAL, (2, 2, 1, 1)))
    gaps = (REAL - Z) @ np.array([1.0, -1.0])
    np.testing.assert_allclose(logs["d_loss"], np.log1p(np.exp(-gaps)).mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["g_loss"], np.log1p(np.exp(gaps)).mean(), rtol=1e-5)
    assert "d_loss_real" not in logs


@pytest.mark.parametrize("update", ["alternating", "shared", "simultaneous"])
def test_penalty_adds_its_gradient_to_d_and_is_logged_apart(update, monkeypatch):
    gan = _gan(monkeypatch, cost=penalties.get("r1_r2", 3.0), update=update, decay=lambda step: 0.5)
    logs = gan.train_step(tf.reshape(REAL, (2, 2, 1, 1)))
    w = np.array([1.0, -1.0])
    # ½γ|w|² on reals and on fakes, γ = 3 · 0.5: gradient 2 · 1.5 · w.
    np.testing.assert_allclose(gan.discriminator.weights[0][:, 0], w - 0.1 * (_d_gradient(w, Z) + 3.0 * w), rtol=1e-5)
    np.testing.assert_allclose(logs["d_penalty"], 3.0, rtol=1e-5)
    assert list(logs)[-3:] == ["d_penalty", "R1", "R2"]
    np.testing.assert_allclose([logs["R1"], logs["R2"]], [2.0, 2.0], rtol=1e-5)  # |w|², without γ and its decay
    expected = (np.log1p(np.exp(-REAL @ w)) + np.log1p(np.exp(Z @ w))).mean()
    np.testing.assert_allclose(logs["d_loss"], expected, rtol=1e-5)


def test_slopes_are_logged_plain_as_means_over_a_tick_and_under_their_own_names(monkeypatch):
    gan = _gan(monkeypatch, cost=penalties.get("r1", 3.0, 0.1, 0.5), update="simultaneous")
    real = tf.reshape(REAL, (2, 2, 1, 1))
    expected = []
    for step in range(2):
        w = gan.discriminator.weights[0].numpy()[:, 0]
        noise = tf.random.stateless_normal((1, 2, 1, 1), latent.fold(gan.key(tf.constant(step), 0), 1))
        expected.append(float(np.sum(w * noise[0, :, 0, 0].numpy())**2))  # of half of the batch; the plane is exact
        logs = gan.train_step(real)
    np.testing.assert_allclose(logs["R1"], np.mean(expected), rtol=1e-4)
    assert "R2" not in logs
    assert "R1" not in _gan(monkeypatch, cost=penalties.get("wgan_gp_drift", 1.0)).train_step(real)
    assert "R1" not in _gan(monkeypatch).train_step(real)


def test_d_loss_weight_scales_d_alone(monkeypatch):
    gan = _gan(monkeypatch, weight=0.5)
    gan.train_step(tf.reshape(REAL, (2, 2, 1, 1)))
    w = np.array([1.0, -1.0])
    moved = w - 0.05 * _d_gradient(w, Z)
    np.testing.assert_allclose(gan.discriminator.weights[0][:, 0], moved, rtol=1e-5)
    np.testing.assert_allclose(gan.generator.weights[0], np.eye(2) - 0.1 * _g_gradient(moved, Z), rtol=1e-5)


def test_augmentation_gets_one_key_a_draw_for_real_and_fake(monkeypatch):
    keys = []

    def augment(images, key):
        keys.append(tuple(key.numpy()))
        return images + 1.0

    gan = _gan(monkeypatch, augment=augment, update="simultaneous")
    real = tf.reshape(REAL, (2, 2, 1, 1))
    gan.train_step(real)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    gan.train_step(real)
    assert len(set(keys)) == 2
    np.testing.assert_allclose(gan.discriminate(Batch(real), latent.key(0, 0, 0, 0)),
                               gan.discriminator(real + 1.0), rtol=1e-6)


def test_mistakes_are_sentences(monkeypatch):
    with pytest.raises(ValueError, match="update='both' is unknown; known: alternating, shared, simultaneous"):
        _gan(monkeypatch, update="both")
    with pytest.raises(ValueError, match="update=shared makes one step of each network; d_steps=2 and g_steps=1 need"):
        _gan(monkeypatch, update="shared", d_steps=2)


def _conditional(**kwargs):
    """G paints its label as grey, plus z; D sums the image and weighs its label."""
    z, label, image = keras.Input((2,), name="z"), keras.Input((), dtype="int32", name="label"), keras.Input((2, 1, 1))
    embed = layers.Embedding(4, 2, embeddings_initializer="ones")(label)
    generator = keras.Model([z, label], layers.Reshape((2, 1, 1))(layers.Add()([layers.Dense(2)(z), embed])))
    other = keras.Input((), dtype="int32", name="label")
    joined = layers.Concatenate()([layers.Flatten()(image), layers.Flatten()(layers.Embedding(4, 1)(other))])
    gan = GAN(generator, keras.Model([image, other], layers.Dense(1)(joined)), **kwargs)
    optimizers = [keras.optimizers.SGD(0.1) for _ in range(2)]
    gan.compile(loss=losses.non_saturating, g_optimizer=optimizers[0], d_optimizer=optimizers[1])
    return gan


@pytest.mark.parametrize("kwargs", [{}, {"d_steps": 2}, {"update": "shared"}, {"update": "simultaneous"}])
def test_conditions_go_from_the_batch_to_both_networks(kwargs):
    gan = _conditional(**kwargs)
    images = np.random.default_rng(0).normal(size=(8, 2, 1, 1)).astype(np.float32)
    labels = np.array([3, 3, 1, 1, 3, 1, 3, 1])
    before = [network.get_weights() for network in (gan.generator, gan.discriminator)]
    for data in ({"image": images, "label": labels}, (images, labels)):
        gan.fit(tf.data.Dataset.from_tensors(data), verbose=0)
    for old, network in zip(before, (gan.generator, gan.discriminator), strict=True):
        (embedding,) = [layer for layer in network.layers if isinstance(layer, layers.Embedding)]
        (first,) = [weight for weight in old if weight.shape == embedding.embeddings.shape]
        moved = (embedding.embeddings.numpy() != first).any(axis=1)
        np.testing.assert_array_equal(moved, [False, True, False, True])  # the classes that were in the batch


def test_conditional_generator_needs_labels_and_draws_them(monkeypatch):
    gan = _conditional(ema_decay=0.9)
    with pytest.raises(ValueError, match="this generator is conditional: the batches need labels"):
        gan.train_step(tf.zeros((4, 2, 1, 1)))
    assert sampling.classes(gan.generator) == 4
    np.testing.assert_array_equal(gan.generate([5, 6]), gan.generate([5, 6], [1, 2]))  # seed modulo classes
    np.testing.assert_array_equal(gan.generate(range(70), [2] * 70)[[3, 69]], gan.generate([3, 69], [2, 2]))


def test_proportional_labels_have_the_proportions_of_training():
    np.testing.assert_array_equal(latent.proportional_labels([1, 2, 1], 8), [0, 0, 1, 1, 1, 1, 2, 2])
    assert np.bincount(latent.proportional_labels([5923, 6742, 5958], 2500)).tolist() == [795, 905, 800]


@pytest.mark.parametrize("kwargs", [{}, {"d_steps": 2}, {"update": "shared"}, {"update": "simultaneous"}])
def test_a_generator_that_chooses_kinds_draws_those_of_the_reals(kwargs):
    """Only the embeddings of kinds in the batch move, in both networks; samples need no labels."""
    z, image = keras.Input((2,), name="z"), keras.Input((2, 1, 1))
    chosen = layers.Embedding(4, 2, embeddings_initializer="ones")(ClusterByLatent(4)(z))
    generator = keras.Model(z, layers.Reshape((2, 1, 1))(layers.Add()([layers.Dense(2)(z), chosen])))
    other = keras.Input((), dtype="int32", name="label")
    joined = layers.Concatenate()([layers.Flatten()(image), layers.Flatten()(layers.Embedding(4, 1)(other))])
    gan = GAN(generator, keras.Model([image, other], layers.Dense(1)(joined)), **kwargs)
    gan.compile(loss=losses.non_saturating, g_optimizer=keras.optimizers.SGD(0.1),
                d_optimizer=keras.optimizers.SGD(0.1))
    before = [network.get_weights() for network in (generator, gan.discriminator)]
    gan.fit(tf.data.Dataset.from_tensors((np.ones((8, 2, 1, 1), np.float32), np.array([3, 3, 1, 1, 3, 1, 3, 1]))),
            verbose=0)
    for old, network in zip(before, (generator, gan.discriminator), strict=True):
        (embedding,) = [layer for layer in network.layers if isinstance(layer, layers.Embedding)]
        (first,) = [weight for weight in old if weight.shape == embedding.embeddings.shape]
        np.testing.assert_array_equal((embedding.embeddings.numpy() != first).any(axis=1), [False, True, False, True])
    assert gan.generate(range(5)).shape == (5, 2, 1, 1)


def _four(accumulate, update, loss, cost, shares=1.0, **kwargs):
    """A GAN of two layers each, all of it trained by SGD, and its logs of two steps on eight images."""
    keras.utils.set_random_seed(3)
    z, image = keras.Input((3,)), keras.Input((2, 2, 1))
    generator = keras.Model(z, layers.Reshape((2, 2, 1))(layers.Dense(4)(layers.Dense(5, activation="tanh")(z))))
    hidden = layers.Dense(6, activation="softplus")(layers.Flatten()(image))
    gan = GAN(generator, keras.Model(image, layers.Dense(1)(hidden)), update=update, accumulate=accumulate, **kwargs)
    gan.compile(loss=loss, g_optimizer=keras.optimizers.SGD(0.5), d_optimizer=keras.optimizers.SGD(0.5), penalties=cost)
    images = tf.random.stateless_normal((8 * kwargs.get("d_steps", 1), 2, 2, 1), (1, 2))
    logs = [gan.train_step(images) for _ in range(2)]
    return gan.state(), {name: float(value) for name, value in logs[-1].items()}


@pytest.mark.parametrize("update", ["alternating", "shared", "simultaneous"])
@pytest.mark.parametrize("loss", [losses.non_saturating, losses.relativistic])
def test_parts_of_a_batch_make_the_step_of_the_whole(update, loss):
    """Means of an example each, pairs and exact slopes are the same; only sums are in another order."""
    cost = penalties.get("r1_r2", 0.7)
    (whole, logs), (parts, part_logs) = (_four(count, update, loss, cost) for count in (1, 4))
    (before, _) = _four(1, update, loss, cost, seed=1)
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, rtol=2e-5, atol=2e-6, err_msg=name)
    assert any(np.abs(before[name] - array).max() > 1e-3 for name, array in whole.items())  # another z is seen
    assert part_logs == pytest.approx(logs, rel=2e-5)
    assert int(whole["g_optimizer/000"]) == int(parts["g_optimizer/000"]) == 2


def test_parts_of_each_of_several_minibatches():
    (whole, _), (parts, _) = (_four(count, "alternating", losses.hinge, (), d_steps=2, g_steps=2) for count in (1, 2))
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, rtol=2e-5, atol=2e-6, err_msg=name)


def test_each_part_has_its_own_noise_and_share_of_the_penalty(monkeypatch):
    """Of D(x) = w·x: R1 by differences is (w·n)², of the first half of each part."""
    gan = _gan(monkeypatch, cost=penalties.get("r1", 3.0, 0.1, 0.5), update="simultaneous", accumulate=2)
    monkeypatch.setattr(latent, "normal", lambda key, shape: tf.constant(np.tile(Z, (2, 1))))
    logs = gan.train_step(tf.reshape(np.tile(REAL, (2, 1)), (4, 2, 1, 1)))
    key = latent.key(0, 0, 0, 0)
    noise = [tf.random.stateless_normal((1, 2), latent.fold(part, 1)).numpy()[0]
             for part in (key, latent.fold(key, 101))]
    assert not np.array_equal(*noise)
    np.testing.assert_allclose(logs["R1"], np.mean([(n[0] - n[1])**2 for n in noise]), rtol=1e-4)


def test_embeddings_are_moved_by_parts():
    """Their gradients are of rows alone."""
    gans = [_conditional(accumulate=count) for count in (1, 2)]
    gans[1].load_state(gans[0].state())
    images = tf.random.stateless_normal((8, 2, 1, 1), (1, 2))
    for gan in gans:
        gan.fit(tf.data.Dataset.from_tensors((images, np.array([3, 3, 1, 1, 3, 1, 3, 1]))), verbose=0)
    for name, array in gans[0].state().items():
        np.testing.assert_allclose(gans[1].state()[name], array, rtol=2e-5, atol=2e-6, err_msg=name)


def test_a_batch_that_parts_do_not_divide_is_refused(monkeypatch):
    gan = _conditional(d_steps=2, accumulate=2)
    with pytest.raises(ValueError, match="a batch of 6 images can't be divided into d_steps=2 times accumulate=2 parts "
                       "of one size; give batches of a multiple of 4"):
        gan.fit(np.zeros((6, 2, 1, 1), np.float32), np.zeros(6, int), batch_size=6, verbose=0)


@pytest.mark.parametrize(("bias", "expected"), [(50.0, 8e-6), (-50.0, 0.5 - 8e-6)])
def test_probability_follows_the_share_of_real_images_above_the_threshold(bias, expected, monkeypatch):
    """A D that calls all of them real overfits, r_t = 1 > 0.6; one that calls none so does not. 4 of 500,000 images."""
    adaptive = augment.get("translation", 0.6)
    adaptive.probability.assign(0.5 if bias < 0 else 0.0)
    image, z = keras.Input((2, 1, 1)), keras.Input((2,))
    logit = layers.Dense(1, bias_initializer=keras.initializers.Constant(bias))(layers.Flatten()(image))
    gan = GAN(keras.Model(z, layers.Reshape((2, 1, 1))(z)), keras.Model(image, logit), augment=adaptive)
    sgd = [keras.optimizers.SGD(0.0) for _ in range(2)]
    gan.compile(loss="non_saturating", g_optimizer=sgd[0], d_optimizer=sgd[1])
    logs = gan.fit(np.zeros((4, 2, 1, 1), np.float32), batch_size=4, verbose=0).history
    assert logs["augment_p"] == [0.5 if bias < 0 else 0.0]  # with which the step was made
    assert float(adaptive.probability) == pytest.approx(expected, abs=1e-7)
    assert gan.state()["augment/000"] == np.float32(adaptive.probability)
    gan.compile(loss="relativistic", g_optimizer=sgd[0], d_optimizer=sgd[1])
    gan.fit(np.zeros((4, 2, 1, 1), np.float32), batch_size=4, verbose=0)
    assert float(adaptive.probability) == pytest.approx(expected, abs=1e-7)  # only differences mean something
