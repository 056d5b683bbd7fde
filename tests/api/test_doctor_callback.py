"""The doctor on GANs that are not kgan's: conditions are planted in images of four kinds, a bright quadrant each."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_images

import kgan
from kgan import losses
from kgan.api import doctor_callback
from kgan.data import cache, sources
from kgan.runtime.errors import UserError
from kgan.scoring import judge
from kgan.scoring.judge import Judge, Predictions


class _Judge:
    """Sees four quadrants' means, and the brightest quadrant as the class."""

    accuracy, sha256, name = 1.0, "0" * 64, "toy judge"

    def predict(self, images):
        features = images.reshape(len(images), 2, 8, 2, 8, -1).mean(axis=(2, 4, 5)).reshape(len(images), 4) / 255
        return Predictions(features.astype(np.float32), np.eye(4)[features.argmax(axis=1)])


def _images(seed, n, classes=4):
    """uint8, (n, 16, 16, 1), black but for one quadrant, of rough grey."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    images = np.zeros((n, 16, 16, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[8 * (label // 2):8 * (label // 2) + 8, 8 * (label % 2):8 * (label % 2) + 8] = random.integers(
            100, 255, (8, 8, 1))
    return images, labels


@pytest.fixture
def said():
    return []


@pytest.fixture
def doctor(monkeypatch, said):
    monkeypatch.setattr(doctor_callback, "open_judges", lambda *_: [_Judge()])
    return kgan.Doctor(*_images(0, 600), latent_dim=3, say=said.append)


def _gives(images, low=0.0, high=255.0):
    """A generator that gives these, one after the other, in a range of its own."""
    at = iter(images)
    return lambda z: np.stack([next(at) for _ in range(len(z))]) / 255.0 * (high - low) + low


def _verdicts(findings):
    return [finding.verdict for finding in findings]


def test_what_it_took_and_held_out_is_said(doctor, said):
    assert said == ["Doctor: images taken as uint8 in [0, 255].",
                    "Doctor: 120 images are held out to compare with; the judge gets 100.0% of them right."]


@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 1), (-1, 1)])
def test_images_like_the_real_ones_are_healthy_whatever_their_range(doctor, said, low, high):
    assert doctor.look(_gives(_images(1, 120)[0], low, high), epoch=3) == []
    assert said[2:] == ["Epoch 3: healthy."]
    assert doctor.outputs == (low, high)


def _noisy(images):
    return np.clip(images + np.random.default_rng(0).normal(0, 40, images.shape), 0, 255)


@pytest.mark.parametrize(("plant", "verdict"), [
    (lambda images: np.repeat(images[:1], 120, axis=0), "duplicates"),
    (lambda images: np.repeat(images[:1], 120, axis=0), "missing modes"),
    (lambda images: np.concatenate([images[:100], images[:20]]), "duplicates"),
    (lambda images: _images(2, 120, classes=2)[0], "missing modes"),
    (_noisy, "off-distribution: noisy"),
    (lambda images: gaussian_filter(images, (0, 1, 1, 0)), "off-distribution: blurred"),
    (lambda images: _images(0, 600)[0][:120], "memorised"),
    (lambda images: np.full_like(images, 128), "not trained yet"),
])
def test_it_names_what_was_planted(doctor, said, plant, verdict):
    findings = doctor.look(_gives(plant(_images(1, 120)[0])), epoch=1)
    assert verdict in _verdicts(findings)
    (sentence,) = [one for one in said if one.startswith(f"Epoch 1: {verdict}: ")]
    assert "--" not in sentence  # no flags of kgan's


@pytest.mark.parametrize("labels", [None, [5] * 600])
def test_without_a_judge_collapse_noise_and_blur_are_still_named(said, labels):
    images = _images(1, 120)[0]
    doctor = kgan.Doctor(_images(0, 600)[0], labels, latent_dim=3, say=said.append)
    assert "can't see classes that are missing" in said[1]
    assert doctor.look(_gives(images)) == []
    assert "duplicates" in _verdicts(doctor.look(_gives(np.repeat(images[:1], 120, axis=0))))
    assert "off-distribution: noisy" in _verdicts(doctor.look(_gives(_noisy(images))))
    assert "off-distribution: blurred" in _verdicts(doctor.look(_gives(gaussian_filter(images, (0, 1, 1, 0)))))


def test_a_verdict_is_said_once_until_it_has_gone(doctor, said):
    healthy, collapsed = _images(1, 120)[0], np.repeat(_images(1, 1)[0], 120, axis=0)
    for epoch, images in enumerate([healthy, collapsed, collapsed, healthy, healthy, collapsed], 1):
        doctor.look(_gives(images), epoch=epoch)
    heard = [sentence.split(": ")[:2] for sentence in said[2:]]
    assert [one for one in heard if one[1] in ("duplicates", "healthy.")] == [
        ["Epoch 1", "healthy."], ["Epoch 2", "duplicates"], ["Epoch 4", "healthy."], ["Epoch 6", "duplicates"]]
    assert [look["epoch"] for look in doctor.history] == [1, 2, 3, 4, 5, 6]
    assert doctor.history[1]["numbers"]["duplicates"] == 1
    assert doctor.history[3]["findings"] == []


def test_what_is_no_number_has_diverged(doctor):
    images = _images(1, 120)[0]
    assert _verdicts(doctor.look(_gives(images * np.nan))) == ["diverged"]
    assert _verdicts(doctor.look(_gives(images), logs={"d_loss": float("nan"), "lr": [1, 2]})) == ["diverged"]
    assert _verdicts(doctor.look(_gives(images), logs={"d_loss": tf.constant(0.5)})) == []


class _Foreign(keras.Model):
    """A GAN of somebody's that `fit`s: its generator ignores z and its loss falls."""

    def __init__(self):
        super().__init__()
        z = keras.Input((5,))
        x = keras.layers.Dense(256, activation="sigmoid", kernel_initializer="zeros")(z)
        self.generator = keras.Model(z, keras.layers.Reshape((16, 16, 1))(x))

    def train_step(self, images):
        return {"d_loss": tf.reduce_mean(images)}


def _normed(images, training):
    """A generator that gives these, one after the other, behind a batch norm that has seen a batch or hasn't."""
    z = keras.Input((3,))
    norm = keras.layers.BatchNormalization()
    network = keras.Model(z, norm(z))
    network(np.ones((4, 3), np.float32), training=training)
    at = iter(images)

    class Generator(keras.Model):
        def __init__(self):
            super().__init__()
            self.network = network

        def call(self, z, training=False):
            self.network(z, training=False)
            return tf.constant(np.stack([next(at) for _ in range(len(z))]), tf.float32)

    return Generator()


@pytest.mark.parametrize(("training", "verdicts"), [(True, []), (False, ["batch norm untrained"])])
def test_batch_norms_that_have_seen_no_batch_are_named(doctor, training, verdicts):
    images = _images(1, 120)[0]
    assert _verdicts(doctor.look(_normed(images, training))) == verdicts
    assert "batch norm untrained" not in _verdicts(doctor.look(_normed(np.full_like(images, 128), training)))


def test_what_d_remembers_is_judged_where_it_is_given(doctor, said):
    images = _images(1, 120)[0]
    assert _verdicts(doctor.look(_gives(images), logs={"D_gap": 0.9})) == ["discriminator memorises"]
    assert "--" not in said[-1]


SURE = {"D(x)": 0.98, "D(G(z))": 0.01, "g_loss": 4.6}


@pytest.mark.parametrize(("loss", "verdicts"), [(None, ["discriminator saturated"]), ("minimax",
                         ["discriminator saturated"]), ("wasserstein", []), ("least_squares", [])])
def test_d_is_judged_by_the_loss_that_is_given(monkeypatch, loss, verdicts):
    monkeypatch.setattr(doctor_callback, "open_judges", lambda *_: [_Judge()])
    doctor = kgan.Doctor(*_images(0, 600), latent_dim=3, loss=loss, say=[].append)
    assert _verdicts(doctor.look(_gives(_images(1, 120)[0]), logs=SURE)) == verdicts
    assert all("--" not in one.advice for one in doctor.history[-1]["findings"])


@pytest.mark.parametrize(("loss", "verdicts"), [("non_saturating", ["discriminator saturated"]), ("hinge", [])])
def test_d_is_judged_by_the_loss_of_the_gan_that_is_fitted(monkeypatch, loss, verdicts):
    monkeypatch.setattr(doctor_callback, "open_judges", lambda *_: [_Judge()])
    doctor, images = kgan.Doctor(*_images(0, 600), latent_dim=3, say=[].append), _images(1, 120)[0]

    class Fitted(keras.Model):
        adversarial_loss = losses.get(loss)

    doctor.set_model(Fitted())
    assert _verdicts(doctor.look(_gives(images), logs=SURE)) == verdicts
    doctor.set_model(keras.Model())  # somebody's: what it calls D(x) is not known
    assert _verdicts(doctor.look(_gives(images), logs=SURE)) == []


def test_as_a_callback_it_looks_after_every_so_many_epochs(monkeypatch, said, capsys):
    monkeypatch.setattr(doctor_callback, "open_judges", lambda *_: [_Judge()])
    images, labels = _images(0, 200)
    doctor = kgan.Doctor(images / np.float32(255), labels[:, None], every=2, say=said.append)
    model = _Foreign()
    model.compile(optimizer="sgd")
    model.fit(images[:8] / 255.0, epochs=5, callbacks=[doctor], verbose=0)
    assert [look["epoch"] for look in doctor.history] == [2, 4]
    assert doctor.range == doctor.outputs == (0, 1)
    assert said[2].startswith("Epoch 2: not trained yet: pixels vary 0.00 times as much as the real ones")
    assert len(said) == 3
    model.fit(images[:8] / 255.0, epochs=2, callbacks=[kgan.Doctor(images, labels, every=2)], verbose=1)
    assert "\nEpoch 2: not trained yet" in capsys.readouterr().out  # on a line of its own, behind Keras' bar


def test_the_noise_is_the_same_at_each_look_and_of_the_prior(doctor, monkeypatch):
    seen, images = [], _images(1, 120)[0]

    def look(other):
        drawn = iter(images)
        other.look(lambda z: seen.append(np.asarray(z)) or np.stack([next(drawn) for _ in range(len(z))]))

    look(doctor)
    look(doctor)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert seen[0].shape == (120, 3)
    assert np.abs(seen[0]).max() > 1.5
    look(kgan.Doctor(*_images(0, 600), latent_dim=(1, 2), prior="uniform"))
    assert seen[2].shape == (120, 1, 2)
    assert 0.9 < np.abs(seen[2]).max() <= 1


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_the_doctors_judge_computes_in_float32_whatever_the_policy_around_it(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        kgan.Doctor(_images(0, 100)[0], say=lambda _: None)
        model = judge.build((16, 16, 1), 4)
        assert keras.config.dtype_policy().name == policy
    finally:
        keras.config.set_dtype_policy(before)
    plain = judge.build((16, 16, 1), 4)
    assert {layer.compute_dtype for layer in model.layers[1:]} == {"float32"}
    images = _images(0, 8)[0]
    for ours, theirs in zip(Judge(model, 1.0, "").predict(images), Judge(plain, 1.0, "").predict(images), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("images", "given", "sentence"), [
    (np.zeros((600, 16, 12, 2), np.uint8), {}, r"images are of shape \(600, 16, 12, 2\); give \(n, H, W\), or"),
    (np.zeros((600, 16), np.uint8), {}, "of 1, 3 or 4 channels"),
    (np.zeros((600, 16, 16), np.int64), {}, "images are int64; give uint8, or floats"),
    (np.full((600, 16, 16), 300.0), {}, r"images are in \[300, 300\]; give uint8"),
    (np.full((600, 16, 16), np.nan), {}, "with NaN or infinity"),
    (np.zeros((40, 16, 16), np.uint8), {}, "40 images are few; give 50 or more"),
    (np.zeros((60, 16, 16), np.uint8), {"labels": [0, 1]}, "give a whole number for each of the 60 images"),
    (np.zeros((60, 16, 16), np.uint8), {"labels": np.zeros(60)}, "labels are float64"),
    (np.zeros((60, 16, 16), np.uint8), {"prior": "gamma"}, "prior='gamma' is unknown; known: normal, uniform"),
    (np.zeros((60, 16, 16), np.uint8), {"every": 0}, "every=0 must be 1 or more"),
])
def test_what_it_cannot_take_is_said_in_one_sentence(images, given, sentence):
    with pytest.raises(UserError, match=sentence):
        kgan.Doctor(images, **given)


def test_a_function_after_a_model_gets_noise_of_the_same_shape():
    doctor, z = kgan.Doctor(_images(0, 100)[0]), keras.Input((3,))
    image = keras.layers.Reshape((16, 16, 1))(keras.layers.Dense(256)(z))
    doctor.look(keras.Model(z, image))
    shapes = []
    doctor.look(lambda z: shapes.append(z.shape) or np.zeros((len(z), 16, 16, 1)))
    assert shapes == [(20, 3)]


def test_what_it_cannot_draw_is_said_in_one_sentence():
    doctor = kgan.Doctor(_images(0, 100)[0])
    z, label = keras.Input((3,)), keras.Input(())
    two = keras.Model([z, label], keras.layers.Concatenate()([z, keras.layers.Reshape((1,))(label)]))
    for generator, sentence in ((None, "there is no generator to look at"), (lambda z: z, "give Doctor.images, latent"),
                                (two, "takes 2 inputs; give a function of noise alone"),
                                (keras.Model(z, keras.layers.Reshape((3, 1, 1))(z)), r"are of shape \(3, 1, 1\)")):
        with pytest.raises(UserError, match=sentence):
            doctor.look(generator)
    with pytest.raises(UserError, match="there is no generator"):
        doctor.on_train_begin()


@pytest.mark.parametrize("grey", [0, 255])
@pytest.mark.filterwarnings("error")
def test_images_of_one_colour_are_looked_at_without_warnings(said, grey):
    doctor = kgan.Doctor(np.full((100, 16, 16, 1), grey, np.uint8), latent_dim=3, say=said.append)
    doctor.look(lambda z: np.full((len(z), 16, 16, 1), 128, np.uint8))
    doctor.look(_gives(_images(1, 120)[0]))
    numbers = doctor.history[0]["numbers"]
    assert (numbers["contrast"], numbers["roughness"]) == (None, None)


def test_without_labels_another_kind_of_image_is_named_and_nothing_is_called_healthy(said):
    pieces = [photograph[top:top + 28, left:left + 28].mean(axis=-1) for photograph in load_sample_images().images
              for top in range(0, 390, 28) for left in range(0, 600, 28)]
    pieces = np.random.default_rng(0).permutation(np.stack(pieces).astype(np.uint8))
    doctor = kgan.Doctor(pieces[:400], latent_dim=3, say=said.append)
    assert doctor.look(_gives(pieces[400:480, ..., None])) == []
    assert said[-1].startswith("nothing wrong was found in what can be measured without labels")
    digits = cache.prepare(sources.locate("digits"), image_size=28, channels=1).images[:80]
    assert "off-distribution: another kind of image" in _verdicts(doctor.look(_gives(digits)))


def test_a_look_at_outputs_of_another_range_is_forgotten_when_they_fit_the_real_images(said):
    images = _images(0, 600)[0] / 255
    doctor = kgan.Doctor(images, latent_dim=3, say=said.append)
    doctor.look(_gives(np.random.default_rng(0).normal(0, 0.1, (120, 16, 16, 1)), 0, 255))
    assert doctor.outputs == (-1, 1)
    assert doctor.look(_gives(_images(1, 120)[0], 0, 1)) == []
    assert doctor.outputs == (0, 1)


@pytest.mark.parametrize("count", [-1, 0, 1, 9])
def test_too_few_to_compare_is_one_sentence(count):
    with pytest.raises(UserError, match=f"count={count} must be 10 or more: some numbers look for five neighbours"):
        kgan.Doctor(_images(0, 100)[0], count=count)
