import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kgan import latent, losses
from kgan.batch import Batch
from kgan.data.stream import stream
from kgan.gan import GAN
from kgan.sampling import generate

LN2 = np.log(2)


def _copies(weights):
    return [weight.numpy() for weight in weights]


def _changed(before, weights):
    return [not np.array_equal(old, new) for old, new in zip(before, weights, strict=True)]


def _linear_gan(generator_scale=1.0, **kwargs):
    """D(x) = w·x without bias, w = 0; G(z) = z with one pixel per entry of z."""
    z = keras.Input((2,))
    kernel = keras.initializers.Identity(generator_scale)
    generator = keras.Model(z, layers.Reshape((2, 1, 1))(layers.Dense(2, use_bias=False, kernel_initializer=kernel)(z)))
    image = keras.Input((2, 1, 1))
    logit = layers.Dense(1, use_bias=False, kernel_initializer="zeros")(layers.Flatten()(image))
    gan = GAN(generator, keras.Model(image, logit), **kwargs)
    gan.compile(loss=losses.minimax, g_optimizer=keras.optimizers.SGD(1.0), d_optimizer=keras.optimizers.SGD(1.0),
                run_eagerly=True)
    return gan


def _key(step=0, draw=0):
    return latent.key(0, tf.constant(step), draw, tf.constant(0))


def _discriminator_step(gan, real, z):
    """A step of D on these real images and G's images of z; returns its loss per example and both logits."""
    real = Batch(real)
    pair, _ = gan.discriminator_step(real, Batch(gan.generator(z, training=True)), _key(), tf.constant(0))
    return gan.adversarial_loss.discriminator(*pair[2:]), *pair[2:]


def _generator_step(gan, z, monkeypatch):
    monkeypatch.setattr(latent, "normal", lambda key, shape: z)
    return gan.generator_step(Batch(tf.zeros((len(z), 1))), _key())


def test_each_half_moves_only_its_own_trainable_weights(toy_gan, toy_batch, monkeypatch):
    gan = toy_gan()
    z = tf.random.normal((8, 3))
    g_before, d_before = _copies(gan.generator.trainable_weights), _copies(gan.discriminator.trainable_weights)
    _discriminator_step(gan, toy_batch, z)
    assert not any(_changed(g_before, gan.generator.trainable_weights))
    assert all(_changed(d_before, gan.discriminator.trainable_weights))
    d_before = _copies(gan.discriminator.trainable_weights)
    _generator_step(gan, z, monkeypatch)
    assert all(_changed(g_before, gan.generator.trainable_weights))
    assert not any(_changed(d_before, gan.discriminator.trainable_weights))


def test_discriminator_step_hand_computed():
    gan = _linear_gan()
    real, z = tf.constant([[1.0, 2.0], [3.0, -2.0]]), tf.constant([[0.5, 0.5], [-0.5, 1.5]])
    loss, _, _ = _discriminator_step(gan, tf.reshape(real, (2, 2, 1, 1)), z)
    # At w = 0: D = 1/2, loss = 2 ln 2, gradient = (mean(fake) - mean(real)) / 2; one step of SGD at rate 1.
    np.testing.assert_allclose(loss, [[2 * LN2]] * 2, rtol=1e-6)
    expected = (np.array([2.0, 0.0]) - np.array([0.0, 1.0])) / 2
    np.testing.assert_allclose(gan.discriminator.weights[0].numpy()[:, 0], expected, atol=1e-7)


def test_generator_step_hand_computed(monkeypatch):
    gan = _linear_gan()
    gan.discriminator.weights[0].assign([[0.0], [0.0]])
    z = tf.constant([[1.0, -2.0]])
    np.testing.assert_allclose(_generator_step(gan, z, monkeypatch), [[-LN2]], rtol=1e-6)  # minimax: log(1 - 1/2)
    np.testing.assert_allclose(gan.generator.weights[0], np.eye(2), atol=1e-7)  # w = 0: no gradient
    gan.discriminator.weights[0].assign([[1.0], [0.0]])
    _generator_step(gan, z, monkeypatch)  # logit l = (zK)·w = 1; d/dK log(1 - σ(l)) = -σ(1) zᵀwᵀ; descending adds it
    sigma = 1 / (1 + np.exp(-1.0))
    expected = np.eye(2) + sigma * np.array([[1.0, 0.0], [-2.0, 0.0]])
    np.testing.assert_allclose(gan.generator.weights[0], expected, atol=1e-6)


def test_batch_norm_never_mixes_real_and_fake():
    image = keras.Input((4, 4, 1))
    x = layers.BatchNormalization()(image)
    logit = layers.Dense(1, use_bias=False, kernel_initializer="ones")(layers.Flatten()(x))
    z = keras.Input((3,))
    generator = keras.Model(z, layers.Reshape((4, 4, 1))(layers.Dense(16)(z)))
    gan = GAN(generator, keras.Model(image, logit))
    gan.compile(loss=losses.minimax, g_optimizer=keras.optimizers.SGD(0.0), d_optimizer=keras.optimizers.SGD(0.0))
    # A constant batch normalised alone is exactly 0; normalised beside fakes it would not be.
    _, real_logits, fake_logits = _discriminator_step(gan, tf.fill((8, 4, 4, 1), 0.75), tf.random.normal((8, 3)))
    np.testing.assert_allclose(real_logits, np.zeros((8, 1)), atol=1e-5)
    assert float(tf.math.reduce_std(fake_logits)) > 0.1


def test_train_step_runs_k_discriminator_steps_on_k_minibatches(monkeypatch):
    gan = _linear_gan(d_steps=3)
    seen, drawn = [], []
    step, draw = gan.discriminator_step, latent.normal
    gan.discriminator_step = lambda real, *rest: seen.append(real.images.numpy()) or step(real, *rest)
    monkeypatch.setattr(latent, "normal", lambda *args: drawn.append(draw(*args)) or drawn[-1])
    batch = np.arange(12, dtype=np.float32).reshape(6, 2, 1, 1)
    gan.train_step(tf.constant(batch))
    np.testing.assert_array_equal(np.concatenate(seen), batch)
    assert [len(part) for part in seen] == [2, 2, 2]
    assert [z.shape for z in drawn] == [(2, 2)] * 4
    assert len({z.numpy().tobytes() for z in drawn}) == 4  # fresh z for each of k + 1 draws
    gan.train_step(tf.constant(batch))
    assert len({z.numpy().tobytes() for z in drawn}) == 8  # and for each step
    assert int(gan.step) == 2
    assert int(gan.d_optimizer.iterations) == 6


def test_several_generator_steps_are_one_turn(monkeypatch):
    gan, drawn, draw = _linear_gan(g_steps=2), [], latent.normal
    monkeypatch.setattr(latent, "normal", lambda *args: drawn.append(draw(*args)) or drawn[-1])
    for turn in range(1, 3):
        gan.train_step(tf.ones((2, 2, 1, 1)))
        counts = gan.step, gan.g_optimizer.iterations, gan.d_optimizer.iterations
        assert tuple(map(int, counts)) == (turn, 2 * turn, turn)
    assert len({z.numpy().tobytes() for z in drawn}) == 6


def test_z_is_a_pure_function_of_seed_step_draw_replica():
    def z(seed=0, step=0, draw=0, replica=0):
        return latent.normal(latent.key(seed, tf.constant(step), draw, tf.constant(replica)), (4, 3)).numpy().tobytes()

    assert z(1, 2, 3, 4) == z(1, 2, 3, 4)
    assert len({z(), z(seed=1), z(step=1), z(draw=1), z(replica=1)}) == 5


def test_training_repeats_between_runs_and_differs_between_seeds(toy_gan, toy_images):
    def train(seed):
        keras.utils.set_random_seed(0)
        gan = toy_gan(seed=seed)
        gan.fit(stream(toy_images, batch_size=4, seed=0), steps_per_epoch=6, epochs=1, verbose=0)
        return np.concatenate([weight.numpy().ravel() for weight in gan.weights])

    first = train(seed=0)
    np.testing.assert_array_equal(first, train(seed=0))
    assert not np.array_equal(first, train(seed=1))


def test_fit_logs_the_means_and_both_halves(toy_gan, toy_images):
    gan = toy_gan(rate=1e-9)
    for weight in gan.discriminator.trainable_weights[-2:]:
        weight.assign(tf.zeros_like(weight))  # the last layer: logit 0, D = 1/2 everywhere
    history = gan.fit(stream(toy_images, batch_size=4, seed=0), steps_per_epoch=3, epochs=2, verbose=0).history
    expected = {"d_loss": 2 * LN2, "g_loss": LN2, "D(x)": 0.5, "D(G(z))": 0.5, "d_loss_real": LN2, "d_loss_fake": LN2}
    assert history.keys() == expected.keys()
    for name, value in expected.items():
        assert history[name] == pytest.approx([value, value], abs=1e-4)


def test_fit_takes_plain_image_datasets_and_stock_callbacks(toy_gan, toy_batch, tmp_path):
    gan = toy_gan()
    data = tf.data.Dataset.from_tensors(toy_batch).repeat()
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    gan.fit(data, steps_per_epoch=2, epochs=3, verbose=0, callbacks=[logger])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    assert int(gan.step) == 6


def test_fit_takes_images_alone_by_name_or_first_of_a_pair(toy_gan, toy_batch):
    """Keras' data sets are (x, y)."""
    labels = tf.zeros((8,), tf.int64)
    trained = []
    for data in (toy_batch, {"image": toy_batch, "label": labels}, (toy_batch, labels),
                 ({"image": toy_batch}, labels)):
        keras.utils.set_random_seed(0)
        gan = toy_gan()
        gan.fit(tf.data.Dataset.from_tensors(data).repeat(), steps_per_epoch=2, verbose=0)
        trained.append(np.concatenate([weight.numpy().ravel() for weight in gan.weights]))
    for weights in trained[1:]:
        np.testing.assert_array_equal(weights, trained[0])


def test_state_is_a_copy_that_comes_back(toy_gan, toy_batch):
    gan, other = toy_gan(ema_decay=0.9), toy_gan(ema_decay=0.9)
    gan.train_step(toy_batch)
    state = gan.state()
    before = {name: array.copy() for name, array in state.items()}
    assert gan.shapes == {name: array.shape for name, array in state.items()}
    gan.train_step(toy_batch)
    assert any(not np.array_equal(array, before[name]) for name, array in gan.state().items())
    other.load_state(state)
    assert int(other.step) == 1
    assert before.keys() == other.state().keys()
    assert all(np.array_equal(array, before[name]) for name, array in other.state().items())


def test_bfloat16_fit_keeps_float32_weights_and_finite_losses(toy_gan, toy_images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        gan = toy_gan(ema_decay=0.9)
        history = gan.fit(stream(toy_images, batch_size=4, seed=0), steps_per_epoch=2, verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert gan.generator.layers[1].compute_dtype == "bfloat16"
    assert {weight.dtype for weight in gan.weights} == {"float32"}
    assert all(np.isfinite(values).all() for values in history.values())


def test_ema_averages_every_weight_with_its_ramp(toy_gan, toy_batch):
    gan = toy_gan(ema_decay=0.15, run_eagerly=True)
    expected = _copies(gan.generator.weights)
    for step in range(3):
        gan.train_step(toy_batch)
        decay = min(0.15, (1 + step) / (10 + step))  # 0.1, then 0.15
        expected = [decay * old + (1 - decay) * new.numpy()
                    for old, new in zip(expected, gan.generator.weights, strict=True)]
    for average, value in zip(gan.ema_generator.weights, expected, strict=True):
        np.testing.assert_allclose(average.numpy(), value, rtol=1e-5, atol=1e-7)
    assert any("moving_mean" in weight.path for weight in gan.ema_generator.weights)
    np.testing.assert_array_equal(gan(tf.ones((1, 3))), gan.ema_generator(tf.ones((1, 3)), training=False))


def test_generate_images_do_not_depend_on_batch_mates(toy_gan):
    gan = toy_gan()
    together = gan.generate(range(70))
    assert together.shape == (70, 4, 4, 1)
    assert together.dtype == np.uint8
    np.testing.assert_array_equal(gan.generate([66, 3]), together[[66, 3]])
    z = latent.from_seeds(tf.range(8), 3)
    other = tf.concat([z[:4], -z[4:]], axis=0)
    np.testing.assert_array_equal(gan(z)[:4], gan(other)[:4])


def test_generate_uses_moving_statistics_and_leaves_them(toy_gan, toy_images):
    gan = toy_gan()
    gan.fit(stream(toy_images, batch_size=4, seed=0), steps_per_epoch=2, verbose=0)
    before = _copies(gan.generator.weights)
    first = generate(gan.generator, [0, 1])
    assert not any(_changed(before, gan.generator.weights))
    np.testing.assert_array_equal(first, generate(gan.generator, [0, 1]))
