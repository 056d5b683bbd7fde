"""A GAN in a .keras file: what comes back is the same, and goes on training with the same bits."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kgan import augment, losses, models, penalties, saving
from kgan.gan import GAN
from kgan.penalties import Penalty
from kgan.runs.build import build_gan
from kgan.runs.generators import write_keras
from kgan.runtime.errors import UserError


def _conditional(**kwargs):
    """A conditional GAN on 4×4 images, without what a penalty forbids in D."""
    z, label = keras.Input((3,), name="z"), keras.Input((), dtype="int32", name="label")
    x = layers.Concatenate()([z, layers.Embedding(4, 2)(label)])
    x = layers.BatchNormalization()(layers.Dense(16)(x))
    generator = keras.Model([z, label], layers.Reshape((4, 4, 1))(layers.Activation("tanh")(x)))
    image, told = keras.Input((4, 4, 1)), keras.Input((), dtype="int32")
    x = layers.Concatenate()([layers.Flatten()(image), layers.Embedding(4, 2)(told)])
    return GAN(generator, keras.Model([image, told], layers.Dense(1)(layers.Dense(8, "relu")(x))), **kwargs)


def _everything_on():
    gan = _conditional(ema_decay=0.9, augment=augment.get("translation,cutout"), d_steps=2, seed=3)
    gan.compile(loss=losses.relativistic, g_optimizer=keras.optimizers.Adam(1e-2, beta_1=0.5),
                d_optimizer=keras.optimizers.RMSprop(keras.optimizers.schedules.CosineDecay(1e-2, 20)),
                penalties=(penalties.r1_difference(0.3, sigma=0.05, share=0.5), penalties.r2(weight=0.1),
                           penalties.drift()), d_loss_weight=0.5, run_eagerly=True)
    return gan


def _data(toy_images):
    return tf.data.Dataset.from_tensors((tf.constant(toy_images[:8] / 127.5 - 1, tf.float32),
                                         tf.constant([0, 1, 2, 3, 0, 1, 2, 3]))).repeat()


def _trained(gan, data, steps=2):
    return gan.fit(data, steps_per_epoch=steps, verbose=0).history


def _same(one, other):
    one, other = one.state(), other.state()
    assert one.keys() == other.keys()
    assert [name for name in one if not np.array_equal(one[name], other[name])] == []


@pytest.mark.parametrize("make", [lambda toy_gan: toy_gan(seed=5), lambda toy_gan: _everything_on()],
                         ids=["plain", "everything"])
def test_loaded_gan_goes_on_with_the_same_bits(make, toy_gan, toy_images, tmp_path):
    gan, data = make(toy_gan), _data(toy_images)
    _trained(gan, data)
    gan.save(tmp_path / "gan.keras")
    keras.backend.clear_session()
    keras.utils.set_random_seed(99)  # nothing may hang on these
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert int(loaded.step) == 2
    _same(gan, loaded)
    assert _trained(gan, data) == _trained(loaded, data)
    assert int(loaded.step) == 4
    _same(gan, loaded)
    np.testing.assert_array_equal(gan.generate(range(3)), loaded.generate(range(3)))


def test_what_it_was_made_and_compiled_with_comes_back(tmp_path):
    gan = _everything_on()
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    for name in ("update", "d_steps", "g_steps", "ema_decay", "seed", "d_loss_weight"):
        assert getattr(loaded, name) == getattr(gan, name)
    assert loaded.adversarial_loss == losses.relativistic
    assert loaded.augment.parts == "translation,cutout"
    assert loaded.conditional
    assert [(one.name, one.weight, one.share) for one in loaded.penalties] == [
        ("R1", 0.15, 0.5), ("R2", 0.05, 1.0), ("", 1e-3, 1.0)]
    assert isinstance(loaded.d_optimizer, keras.optimizers.RMSprop)
    assert loaded.g_optimizer.beta_1 == 0.5
    with zipfile.ZipFile(tmp_path / "gan.keras") as archive:
        assert json.loads(archive.read("config.json"))["compile_config"]["loss"] == "relativistic"


@pytest.mark.parametrize("changes", [
    {"model": "dcgan_fast", "batch_size": 2, "classes": 10},
    {"model": "gan_nn", "batch_size": 2, "optimizer": "sgd", "beta_1": 0.5, "momentum_end": 0.7, "momentum_images": 20,
     "schedule": "exponential", "decay_images": 20}], ids=["dcgan_fast", "sgd"])
def test_a_recipes_gan_goes_on_with_the_same_bits(changes, tmp_path):
    """kgan's own layers, Adam, kinds and schedules."""
    recipe = models.recipe(changes["model"], "digits").override(**changes)
    gan = build_gan(recipe)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 28, 28, 1)).astype(np.float32)
    data = tf.data.Dataset.from_tensors({"image": images, "label": np.array([1, 7], np.int32)}).repeat()
    _trained(gan, data)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert [type(layer) for layer in loaded.generator.layers] == [type(layer) for layer in gan.generator.layers]
    assert type(loaded.g_optimizer) is type(gan.g_optimizer)
    _trained(gan, data)
    _trained(loaded, data)
    _same(gan, loaded)


def test_a_file_loads_in_a_new_process_after_importing_gan(tmp_path):
    recipe = models.recipe("gan_nn", "digits").override(schedule="cosine", decay_images=20)
    build_gan(recipe).save(tmp_path / "gan.keras")
    code = ("import sys; from kgan import GAN; import keras; "
            f"gan = keras.saving.load_model({str(tmp_path / 'gan.keras')!r}); print(type(gan) is GAN, int(gan.step))")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "True 0"


def test_an_uncompiled_gan_comes_back_uncompiled(tmp_path):
    gan = _conditional()
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert not loaded.compiled
    np.testing.assert_array_equal(gan.generate(range(3)), loaded.generate(range(3)))


@pytest.mark.parametrize(("loss", "penalty"), [
    (losses.hinge._replace(paired=True), ()), (losses.hinge, (Penalty(lambda *args: tf.zeros((8, 1))),))])
def test_what_a_file_cannot_name_is_refused(tmp_path, loss, penalty):
    gan = _conditional()
    gan.compile(loss=loss, g_optimizer=keras.optimizers.Adam(), d_optimizer=keras.optimizers.Adam(), penalties=penalty)
    with pytest.raises(UserError, match=r"a file can't name it; save gan.generator and gan.discriminator"):
        gan.save(tmp_path / "gan.keras")


def test_compile_takes_a_loss_by_its_name():
    gan = _conditional()
    gan.compile(loss="hinge", g_optimizer=keras.optimizers.Adam(), d_optimizer=keras.optimizers.Adam())
    assert gan.adversarial_loss == losses.hinge
    with pytest.raises(UserError, match="loss='hinges' is unknown; known: minimax"):
        gan.compile(loss="hinges", g_optimizer=keras.optimizers.Adam(), d_optimizer=keras.optimizers.Adam())


def test_label_smoothing_comes_back(toy_gan, toy_images, tmp_path):
    gan, data = toy_gan(seed=5), _data(toy_images)
    assert gan.get_compile_config()["label_smoothing"] == 0
    gan.compile(loss="minimax", label_smoothing=0.2, g_optimizer=keras.optimizers.Adam(1e-2),
                d_optimizer=keras.optimizers.Adam(1e-2))
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert loaded.adversarial_loss.label_smoothing == 0.2
    assert losses.name_of(loaded.adversarial_loss) == "minimax"
    assert _trained(gan, data) == _trained(loaded, data)


def _config(file):
    return json.loads(zipfile.ZipFile(file).read("config.json"))


@pytest.mark.parametrize("name", [name for name in models.names() if models.recipe(name).adversarial])
def test_files_leave_out_what_older_kerases_do_not_know(name, tmp_path):
    """Keras 3.13.2 knows none of these, and refuses what it doesn't know."""
    recipe = models.recipe(name)
    recipe = recipe.for_phase(recipe.phases[-1])
    if recipe.image_size > 64:
        recipe = recipe.override(image_size=16, max_channels=4)
    generator = models.build_generator(recipe.override(classes=10) if recipe.conditional else recipe)
    saving.write(generator, tmp_path / "new.keras")
    text = json.dumps(_config(tmp_path / "new.keras"))
    for word in ("renorm", "quantization_config", "input_axes", "output_axes"):
        assert word not in text
    generator.save(tmp_path / "keras_own.keras")
    loaded, full = (keras.saving.load_model(tmp_path / file) for file in ("new.keras", "keras_own.keras"))
    configs = [json.dumps(keras.saving.serialize_keras_object(one)) for one in (loaded, full)]
    assert configs[0] == configs[1]
    for one, other in zip(loaded.get_weights(), generator.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_settings_that_are_on_stay_in_files(tmp_path):
    z = keras.Input((3,))
    x = layers.BatchNormalization(renorm=True, renorm_momentum=0.5)(layers.Dense(4, kernel_initializer="he_normal")(z))
    x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3)(x)
    saving.write(keras.Model(z, layers.LeakyReLU()(x)), tmp_path / "on.keras")
    _, _, on, off, leaky = (one["config"] for one in _config(tmp_path / "on.keras")["config"]["layers"])
    assert (on["renorm"], on["renorm_momentum"]) == (True, 0.5)
    assert "renorm" not in off and "renorm_momentum" not in off
    assert (off["momentum"], off["epsilon"], leaky["negative_slope"]) == (0.99, 1e-3, pytest.approx(0.3))


def test_a_gans_file_leaves_them_out_too(tmp_path):
    for gan in (_everything_on(), build_gan(models.recipe("dcgan", "digits"))):  # in Keras' layers, in kgan's kernels
        gan.save(tmp_path / "gan.keras")
        text = json.dumps(_config(tmp_path / "gan.keras"))
        assert "BatchNormalization" in text and "renorm" not in text


@pytest.mark.parametrize("name", ["gan_maxout", "progan", "dcgan_fast", "pca"])
def test_files_need_no_more_than_the_layers(name, tmp_path):
    recipe = models.recipe(name).override(**({"image_size": 8, "max_channels": 4} if name == "progan" else {}))
    write_keras(models.build_generator(recipe.for_phase(recipe.phases[-1])), tmp_path / "g.keras")
    code = ("import sys, keras, kgan.layers; print(keras.saving.load_model(sys.argv[1]).count_params());"
            "assert not {'kgan.models', 'kgan.gan'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code, tmp_path / "g.keras"], check=True)


def test_a_file_keeps_adaptive_augmentation_with_its_probability(tmp_path):
    gan = _conditional(augment=augment.get("translation", 0.4), accumulate=2)
    gan.augment.probability.assign(0.25)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert (loaded.augment.parts, loaded.augment.target, loaded.accumulate) == ("translation", 0.4, 2)
    assert float(loaded.augment.probability) == 0.25
