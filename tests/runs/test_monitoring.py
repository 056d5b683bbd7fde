"""Looks at a run while it trains: what D remembers, and what is said of it."""

import dataclasses
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from contents import rows
from keras import layers
from PIL import Image

from kgan import augment, latent, losses, models
from kgan.batch import Batch
from kgan.data import cache, clusters, sources
from kgan.gan import GAN
from kgan.layers import ClusterByLatent, progressive
from kgan.runs import log, loop, monitoring
from kgan.runs import training_data as data_lib
from kgan.runs.directory import Run
from kgan.runs.monitoring import Gap, MonitorContext, Warnings
from kgan.scoring import doctor


class _Remembers(keras.layers.Layer):
    """Gives what is exactly one of `images`, uint8, the logit `high`, and all else `low`; harmed by training=True."""

    def __init__(self, images, high=2.0, low=-2.0):
        super().__init__()
        self.known = tf.constant(images.reshape(len(images), -1) / 127.5 - 1, tf.float32)
        self.high, self.low = high, low

    def call(self, image, training=None):
        assert not training
        flat = tf.reshape(image, (-1, 1, self.known.shape[1]))
        known = tf.reduce_any(tf.reduce_all(tf.abs(flat - self.known) < 1e-5, axis=2), axis=1, keepdims=True)
        return tf.where(known, self.high, self.low)


def _gan(discriminator, generator=None, augment=None):
    """A GAN of a D, and of a G that draws uniform grey from z."""
    if generator is None:
        z = keras.Input((2,))
        grey = layers.Dense(1, kernel_initializer="ones")(z)
        generator = keras.Model(z, layers.Reshape((4, 4, 1))(layers.RepeatVector(16)(grey)))
    return GAN(generator, discriminator, **({} if augment is None else {"augment": augment}))


def _of_images(layer):
    image = keras.Input((4, 4, 1))
    return keras.Model(image, layer(image))


def _images(count, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 1)).astype(np.uint8)


def test_a_discriminator_that_remembers_its_images_has_a_gap_of_one():
    def augment(images, key):
        raise AssertionError("D is asked of images as they are")

    train, unseen = _images(300, 0), _images(400, 1)
    gan = _gan(_of_images(_Remembers(train)), augment=augment)
    assert Gap(Batch(train), Batch(unseen)).measure(gan) == 1  # unseen like fakes: (2 + 2) / (2 + 2)
    half = np.concatenate([train[:200], unseen[:200]])
    assert Gap(Batch(train), Batch(half)).measure(gan) == pytest.approx(0.5)  # (2 - 0) / (2 + 2)


def test_a_discriminator_that_knows_what_is_real_has_no_gap():
    train, unseen = _images(300, 0), _images(400, 1)
    everything = np.concatenate([train, unseen])
    assert Gap(Batch(train), Batch(unseen)).measure(_gan(_of_images(_Remembers(everything)))) == 0
    assert Gap(Batch(train), Batch(unseen)).measure(_gan(_of_images(_Remembers(train, -2.0, 2.0)))) is None
    assert Gap(Batch(train), Batch(unseen)).measure(_gan(_of_images(_Remembers(train, 1.0, 1.0)))) is None


@pytest.fixture
def logits(monkeypatch):
    """What `Gap.measure` asks D of: training, unseen and generated images."""
    found = []
    monkeypatch.setattr(monitoring, "gap", lambda *parts: found.append(parts[:3]))
    return found


def test_both_networks_are_in_inference_and_stay_as_they_are(toy_gan, toy_images, logits, monkeypatch):
    monkeypatch.setattr(monitoring, "PART", 8)
    gan = toy_gan(ema_decay=0.5)
    gan.train_step(tf.constant(toy_images[:8] / 127.5 - 1, tf.float32))  # batch norms' statistics move
    before = gan.state()
    for _ in range(2):
        Gap(Batch(toy_images), Batch(toy_images[:7])).measure(gan)
    assert all(np.array_equal(before[name], array) for name, array in gan.state().items())
    first, second = logits
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))
    assert [len(part) for part in first] == [20, 7, 20]
    floats = tf.constant(toy_images / 127.5 - 1, tf.float32)
    np.testing.assert_allclose(first[0], gan.discriminator(floats, training=False)[:, 0], atol=1e-6)
    np.testing.assert_allclose(first[1], first[0][:7], atol=1e-6)
    fakes = [gan.generator(latent.normal(latent.key(0, start, monitoring.DRAW, 0), (size, 3)), training=False)
             for start, size in ((0, 8), (8, 8), (16, 4))]
    np.testing.assert_allclose(first[2], gan.discriminator(tf.concat(fakes, 0), training=False)[:, 0], atol=1e-6)


def _labelled(generator=None):
    """D gives ten times the label and the image's first value; a G that takes labels draws the label as that value."""
    image, label = keras.Input((4, 4, 1)), keras.Input((), dtype="int32")
    ten = layers.Embedding(3, 1, embeddings_initializer=keras.initializers.Constant([[0.0], [10.0], [20.0]]))(label)
    discriminator = keras.Model([image, label], layers.Add()([ten, layers.Flatten()(image)[:, :1]]))
    if generator is None:
        z, told = keras.Input((2,)), keras.Input((), dtype="int32")
        value = layers.Embedding(3, 1, embeddings_initializer=keras.initializers.Constant([[0.0], [1.0], [2.0]]))(told)
        x = layers.Add()([layers.Dense(1, kernel_initializer="zeros")(z), value])
        generator = keras.Model([z, told], layers.Reshape((4, 4, 1))(layers.RepeatVector(16)(x)))
    return _gan(discriminator, generator)


def _by_kind():
    """A G that chooses one of three clusters by z and draws its number."""
    z = keras.Input((2,))
    kind = ClusterByLatent(3)
    value = layers.Embedding(3, 1, embeddings_initializer=keras.initializers.Constant([[0.0], [1.0], [2.0]]))(kind(z))
    generator = keras.Model(z, layers.Reshape((4, 4, 1))(layers.RepeatVector(16)(value)))
    kind.shares.assign([[0.2, 0.3, 0.5]])
    return _labelled(generator)


@pytest.mark.parametrize("build", [_labelled, _by_kind])
def test_a_conditional_discriminator_is_told_the_label_of_each_image(build, logits):
    grey = np.full((6, 4, 4, 1), 255, np.uint8)  # 1 as a float
    train = Batch(grey, (np.array([2, 0, 1, 1, 0, 2], np.int32),))
    unseen = Batch(grey[:3], (np.array([1, 1, 2], np.int32),))
    Gap(train, unseen).measure(build())
    ((of_train, of_unseen, of_fake),) = logits
    np.testing.assert_allclose(of_train, [21, 1, 11, 11, 1, 21])
    np.testing.assert_allclose(of_unseen, [11, 11, 21])
    np.testing.assert_allclose(of_fake, [22, 0, 11, 11, 0, 22])  # an image of the label's own


def test_unseen_are_the_images_held_out_or_the_test_images(digits, recipe, monkeypatch):
    scored = recipe.override(evaluate_every=3)
    data = data_lib.prepare(digits, scored)
    found = monitoring.open_gap(scored, data)
    np.testing.assert_array_equal(found.unseen.images, data.prepared.images[data.held_out])
    np.testing.assert_array_equal(found.train.images, data.prepared.images[data.chosen])
    data = data_lib.prepare(digits, recipe)
    found = monitoring.open_gap(recipe, data)
    test = cache.prepare_test(digits, **recipe.image_settings).images
    assert len(test) == 174
    np.testing.assert_array_equal(found.unseen.images, test)
    np.testing.assert_array_equal(found.train.images, data.prepared.images)
    assert found.train.conditions == found.unseen.conditions == ()
    monkeypatch.setattr(monitoring, "IMAGES", 100)
    found = monitoring.open_gap(recipe, data)
    assert (len(found.train.images), len(found.unseen.images)) == (100, 100)


def test_unseen_images_have_the_class_numbers_that_d_knows(digits, recipe, monkeypatch):
    told = recipe.override(classes=10)
    data = data_lib.prepare(digits, told)
    test = cache.prepare_test(digits, **told.image_settings)
    found = monitoring.open_gap(told, data)
    np.testing.assert_array_equal(found.train.conditions[0], data.labels)
    np.testing.assert_array_equal(found.unseen.conditions[0], test.labels)
    # Classes 3, 5 and 70 have the numbers 0, 1 and 2; images of a class that D doesn't know are left out.
    few = cache.Prepared(test.images[:4], np.array([5, 99, 70, 3]), "", [])
    sparse = np.array([3, 5, 70])[data.prepared.labels % 3]
    data = dataclasses.replace(data, prepared=data.prepared._replace(labels=sparse))
    for labels, expected in ((few.labels, [1, 2, 0]), (np.array([99] * 4), None), (None, None)):
        monkeypatch.setattr(cache, "prepare_test", lambda *_, labels=labels, **__: few._replace(labels=labels))
        found = monitoring.open_gap(told, data)
        assert (found if expected is None else found.unseen.conditions[0].tolist()) == expected


def test_unseen_images_have_clusters_as_the_training_images_have_theirs(digits, recipe):
    told = recipe.override(clusters=5)
    data = data_lib.prepare(digits, told)
    images = data.prepared.images
    found = monitoring.open_gap(told, data)
    np.testing.assert_array_equal(found.train.conditions[0], data.labels)
    np.testing.assert_array_equal(found.unseen.conditions[0], clusters.nearest(
        found.unseen.images, images, data.labels, np.zeros(len(found.unseen.images), int), data.clusters))


def test_without_unseen_images_there_is_no_gap(tmp_path, recipe):
    for number in range(20):
        Image.new("L", (28, 28), number).save(tmp_path / f"{number}.png")
    asked = recipe.override(dataset=None, data=str(tmp_path))
    data = data_lib.prepare(sources.locate(None, str(tmp_path)), asked)
    assert monitoring.open_gap(asked, data) is None


def test_each_verdict_is_said_when_it_is_new(capsys):
    warnings = Warnings()

    def said(look, step, *verdicts):
        warnings.say(look, step, {verdict: f"{verdict}: so it is." for verdict in verdicts})
        return capsys.readouterr().err.splitlines()

    assert said("SampleMonitor", 1000, "a: 1", "b") == ["Step 1,000: a: 1: so it is.", "Step 1,000: b: so it is."]
    assert said("SampleMonitor", 2000, "a: 1", "b") == []
    assert said("ValidationMonitor", 2000, "b", "c") == ["Step 2,000: c: so it is."]
    assert said("SampleMonitor", 3000, "a: 2", "b") == ["Step 3,000: a: 2: so it is."]
    assert said("SampleMonitor", 4000, "a: 1") == ["Step 4,000: a: 1: so it is."]  # it was gone
    assert said("SampleMonitor", 5000, "b") == []  # the evaluation has found it all along


class _View:
    """Finds what `numbers` say of each look."""

    count, columns, real = 3, ("fcd",), {}

    def __init__(self, *numbers):
        self.numbers = iter(numbers)

    def measure(self, images):
        return {"fcd": 1.0, "contrast": 1.0} | next(self.numbers)


def _looking(view, measured, steps, unseen=doctor.FEWEST):
    """Looks every 10 steps; returns the logs of each tick."""
    gap = types.SimpleNamespace(measure=lambda model: next(measured), unseen=Batch(np.zeros((unseen, 4, 4, 1))))
    look = monitoring.SampleMonitor(view, 10, 0, MonitorContext(gap, Warnings()))
    found = []
    for step in steps:
        look.set_model(types.SimpleNamespace(step=step, adversarial_loss=losses.non_saturating,
                                             generate=lambda seeds, labels: np.zeros((3, 4, 4, 1))))
        found.append({"R1": 0.1, "R2": 0.1})
        look.on_epoch_end(0, found[-1])
    return look, found


def test_a_look_puts_its_columns_and_the_gap_into_the_log(capsys):
    look, found = _looking(_View({}, {}, {}), iter([0.25, None, 0.75]), [5, 10, 20, 25, 30])
    assert look.columns == ("D_gap", "fcd")
    slopes = {"R1": 0.1, "R2": 0.1}
    assert found == [slopes, slopes | {"fcd": 1.0, "D_gap": 0.25}, slopes | {"fcd": 1.0}, slopes,
                     slopes | {"fcd": 1.0, "D_gap": 0.75}]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Step 30: discriminator memorises: its mean logit of real images that it wasn't trained on")


def test_of_fewer_images_than_the_doctor_judges_no_verdict_is_given(capsys):
    _, found = _looking(_View({}), iter([0.75]), [10], doctor.FEWEST - 1)
    assert found == [{"R1": 0.1, "R2": 0.1, "fcd": 1.0}]
    few, enough = ({"count": count, "contrast": 0.01} for count in (doctor.FEWEST - 1, doctor.FEWEST))
    _looking(_View(few), iter([None]), [10])
    assert capsys.readouterr().err == ""
    _looking(_View(enough), iter([None]), [10])
    assert "Step 10: not trained yet" in capsys.readouterr().err


def test_watching_says_what_the_doctor_finds_once(capsys):
    thin = {"missing": [], "thin": [2], "shares": [0.5, 0.4, 0.1], "real_shares": [0.3, 0.3, 0.4]}
    _looking(_View({"duplicates": 0.5}, thin, thin), iter([None] * 3), [10, 20, 30])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["duplicates", "a class thins out"]
    assert "class 2 has 10.0% of the generated images and 40.0% of the real ones" in lines[1]


def test_training_logs_the_gap_and_both_slopes_and_an_old_run_goes_on(tmp_path, digits, monkeypatch):
    for name, few in (("scoring.judge.STEPS", 2), ("scoring.benchmark.WATCHED", 128), ("runs.monitoring.IMAGES", 256)):
        monkeypatch.setattr(f"kgan.{name}", few)
    run = Run(tmp_path / "run")
    recipe = models.recipe("dcgan", "digits").override(
        batch_size=16, tick=10, steps=40, dropout=0.0, penalty="r1_r2", penalty_weight=0.01, penalty_sigma=0.05,
        penalty_share=0.25, d_learning_rate=1e-3, watch_every=16 * 20 / 1623)
    loop.train(run, recipe, digits)
    found = log.read(run.log_file)
    header = list(rows(run)[0])
    assert header[header.index("d_penalty"):][:6] == ["d_penalty", "R1", "R2", "D_gap", "train_fcd", "duplicates"]
    assert [row["step"] for row in found if "train_fcd" in row] == [20, 40]
    assert [row["step"] for row in found if "D_gap" in row] == [20, 40]  # D tells blank images from digits by then
    assert all(abs(row["D_gap"]) < 0.3 for row in found if "D_gap" in row)
    for row in found:  # ½γ (R1 + R2), γ = 0.01
        assert row["d_penalty"] == pytest.approx(0.005 * (row["R1"] + row["R2"]), rel=1e-4)
    new = {"R1", "R2", "D_gap"}
    kept = [name for name in header if name not in new]
    before = [{name: row[name] for name in kept} for row in rows(run)]
    lines = [",".join(row.values()) for row in before]
    run.log_file.write_text("\r\n".join([",".join(kept), *lines, ""]), newline="")  # as 0.3.0 wrote it
    loop.train(run, recipe.override(steps=60), digits)
    after = rows(run)
    assert list(after[0]) == [*kept, "R1", "R2", "D_gap"]
    assert [{name: row[name] for name in kept} for row in after[:4]] == before
    assert [[row[name] == "" for name in ("R1", "R2")] for row in after] == [[True] * 2] * 4 + [[False] * 2] * 2
    assert after[5]["D_gap"] != ""
    assert run.plot_file.stat().st_size > 1000


def _comparing(size=4):
    """A D that gives the map of minibatch deviation alone."""
    image = keras.Input((size, size, 1))
    return keras.Model(image, layers.Flatten()(progressive.MinibatchStddev()(image)[:, :1, :1, 1:]))


@pytest.mark.parametrize("batch", [16, 14, 3])
def test_a_discriminator_that_compares_images_sees_as_many_as_in_training(batch):
    """On N(0, 1), and in groups of other sizes, its map would be another number: 0.80 of 4, 0.96 of 14, 1.00 of 250."""
    images = _images(403, 0)
    gan = _gan(_comparing())
    found = monitoring.logits(gan, Batch(images), batch)
    in_training = [gan.discriminator(tf.constant(images[start:start + batch] / 127.5 - 1, tf.float32), training=True)
                   for start in range(0, 400 // batch * batch, batch)]
    assert found.shape == (403,)
    np.testing.assert_allclose(found.mean(), np.mean(np.concatenate(in_training)), rtol=0.01)
    np.testing.assert_allclose(found.std(), np.std(np.concatenate(in_training)), rtol=0.2)
    assert len(monitoring.logits(gan, Batch(images[:2]), batch)) == 2  # too few for a group


def test_gap_takes_the_batch_of_the_step_from_the_recipe(monkeypatch):
    recipe = models.recipe("progan", "digits").override(image_size=8, grow_images=16, batch_size=8)
    seen = []
    monkeypatch.setattr(monitoring, "_parts",
                        lambda gan, count, size: seen.append(size) or iter([(slice(0, count), 0)]))
    gan = _gan(_comparing())
    gan.compile(loss="hinge", g_optimizer=keras.optimizers.SGD(0.0), d_optimizer=keras.optimizers.SGD(0.0))
    Gap(Batch(_images(8, 0)), Batch(_images(8, 1)), recipe).measure(gan)
    assert seen == [8, 8]


def test_while_a_resolution_fades_in_real_images_are_as_sharp_as_in_training():
    """And samples as they are: G's own layers fade."""
    image, fade = keras.Input((8, 8, 1)), progressive.Fade()
    faded = fade(layers.AveragePooling2D(2)(image), layers.MaxPooling2D(2)(image))
    discriminator = keras.Model(image, layers.Dense(1)(layers.Flatten()(faded)))
    z = keras.Input((2,))
    generator = keras.Model(z, layers.Reshape((8, 8, 1))(layers.Dense(64)(z)))
    gan = GAN(generator, discriminator, fade_steps=4)
    gan.compile(loss="non_saturating", g_optimizer=keras.optimizers.SGD(0.0), d_optimizer=keras.optimizers.SGD(0.0))
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1)).astype(np.uint8)
    floats = tf.constant(images / 127.5 - 1, tf.float32)
    for _ in range(3):
        gan.fade(Batch(floats), gan.step)
        gan.g_optimizer.iterations.assign_add(1)
    assert float(fade.alpha) == 0.5  # of the last of three steps
    in_training = gan.discriminator(gan.fade(Batch(floats), tf.constant(2)).images, training=True)[:, 0]
    np.testing.assert_allclose(monitoring.logits(gan, Batch(images)), in_training, atol=1e-6)
    plain = gan.discriminator(floats, training=True)[:, 0]
    np.testing.assert_allclose(monitoring.logits(gan, Batch(images), real=False), plain, atol=1e-6)
    assert np.abs(plain - in_training).max() > 0.05


def _controlled(known, target=0.5, tick=10):
    """A control of a D that knows these images, after two steps of 100 images; and its GAN at p = 0.1."""
    recipe = models.recipe("dcgan", "digits").override(batch_size=5000, tick=tick, augment="translation",
                                                       augment_target=target)
    gan = _gan(_of_images(_Remembers(known)), augment=augment.get("translation", target))
    gan.augment.probability.assign(0.1)
    gan.compile(loss="relativistic", g_optimizer=keras.optimizers.SGD(0.0), d_optimizer=keras.optimizers.SGD(0.0))
    control = monitoring.AugmentControl(Gap(Batch(_images(30, 0)), Batch(_images(40, 1))), recipe)
    control.set_model(gan)
    return control, gan


@pytest.mark.parametrize(("unseen", "expected"), [(0, 0.2), (25, 0.0), (15, 0.2)])
def test_probability_rises_where_d_knows_its_images_alone_and_falls_where_it_knows_others(unseen, expected):
    """Of 40 unseen images D takes 0, 25 and 15 for real: gaps of 1, 0.375 and 0.625; 50,000 images move p by 0.1."""
    control, gan = _controlled(np.concatenate([_images(30, 0), _images(40, 1)[:unseen]]))
    gan.g_optimizer.iterations.assign(9)
    control.on_epoch_end(0, {})
    assert float(gan.augment.probability) == pytest.approx(0.1)  # the tick isn't whole
    gan.g_optimizer.iterations.assign(20)
    control.on_epoch_end(0, {})
    assert float(gan.augment.probability) == pytest.approx(expected)


def test_a_discriminator_that_tells_nothing_does_not_overfit():
    control, gan = _controlled(_images(1, 7))
    gan.g_optimizer.iterations.assign(10)
    control.on_epoch_end(0, {})
    assert float(gan.augment.probability) == 0.0


def test_only_a_loss_without_a_threshold_needs_unseen_images_to_adapt(tmp_path, digits, recipe):
    asked = recipe.override(augment="colour", augment_target=0.5)
    assert monitoring.open_control(recipe, None) is monitoring.open_control(asked, None) is None  # each step moves p
    paired = asked.override(loss="relativistic")
    control = monitoring.open_control(paired, data_lib.prepare(digits, paired))
    assert len(control.measured.train.images) == monitoring.CONTROL_IMAGES
    for number in range(20):
        Image.new("L", (28, 28), number).save(tmp_path / f"{number}.png")
    few = paired.override(dataset=None, data=str(tmp_path))
    with pytest.raises(ValueError, match=r"augment_target=0.5: with loss=relativistic overfitting is seen in real "
                       r"images that D isn't trained on, which these data don't have; give 100 images or more"):
        loop.train(Run(tmp_path / "run"), few, sources.locate(None, str(tmp_path)))
    assert not (tmp_path / "run").exists()
