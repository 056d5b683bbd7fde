"""What can't be right is said in a sentence before anything is trained; what is only likely wrong, as a warning."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kgan import losses, penalties
from kgan.checks import squashed
from kgan.data.stream import stream
from kgan.gan import GAN
from kgan.layers import ClusterByLatent
from kgan.losses import Loss
from kgan.runtime.errors import UserError

REAL = np.random.default_rng(0).uniform(-1, 1, (12, 4, 4, 1)).astype(np.float32)


def _generator(shape=(4, 4, 1), z=(3,), told=False):
    noise, label = keras.Input(z), keras.Input((), dtype="int32")
    x = layers.Dense(int(np.prod(shape)))(layers.Flatten()(noise))
    if told:
        x = x + layers.Embedding(3, int(np.prod(shape)))(label)
    return keras.Model([noise, label] if told else noise, layers.Reshape(shape)(layers.Activation("tanh")(x)))


def _discriminator(shape=(4, 4, 1), units=1, activation=None, told=False):
    image, label = keras.Input(shape), keras.Input((), dtype="int32")
    x = layers.Flatten()(image)
    if told:
        x = layers.Concatenate()([x, layers.Embedding(3, 2)(label)])
    return keras.Model([image, label] if told else image, layers.Dense(units, activation=activation)(x))


def _gan(told=False, d_steps=1, **compiled):
    gan = GAN(_generator(told=told), _discriminator(told=told), d_steps=d_steps)
    gan.compile(**{"loss": "non_saturating", "g_optimizer": keras.optimizers.SGD(0.1),
                   "d_optimizer": keras.optimizers.SGD(0.1), **compiled})
    return gan


def _said(sentence):
    return pytest.raises(UserError, match=re.escape(sentence))


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda: (keras.Sequential([layers.Dense(16), layers.Reshape((4, 4, 1))]), _discriminator()),
     "the generator is Sequential without defined inputs; give a functional model, or a Sequential that begins with"),
    (lambda: (_generator(), keras.Sequential([layers.Flatten(), layers.Dense(1)])), "the discriminator is Sequential"),
    (lambda: (_generator(), lambda images: images), "the discriminator is function without defined inputs"),
    (lambda: (_generator(z=(1, 1, 16)), _discriminator()), "the generator's z has the shape (1, 1, 16); give a vector"),
    (lambda: (_generator((4, 4, 3)), _discriminator()),
     "the generator makes images of shape (4, 4, 3), and the discriminator takes (4, 4, 1); both must be (H, W, C)"),
    (lambda: (_generator(), _discriminator((8, 8, 1))), "the discriminator takes (8, 8, 1)"),
    (lambda: (_generator((4, 4)), _discriminator((4, 4))), "both must be (H, W, C)"),
])
def test_networks_that_are_none_are_said(make, sentence):
    with _said(sentence):
        GAN(*make())


def test_networks_of_any_size_and_sequentials_with_an_input_are_right():
    GAN(_generator(), keras.Sequential([keras.Input((None, None, 1)), layers.GlobalMaxPooling2D(), layers.Dense(1)]))
    GAN(keras.Sequential([keras.Input((3,)), layers.Dense(16), layers.Reshape((4, 4, 1))]), _discriminator())


SGD = keras.optimizers.SGD(0.1)


@pytest.mark.parametrize(("compiled", "sentence"), [
    ({"g_optimizer": "adam"}, "g_optimizer='adam' must be an optimizer of Keras'"),
    ({"d_optimizer": None}, "d_optimizer=None must be an optimizer of Keras'"),
    ({"g_optimizer": SGD, "d_optimizer": SGD}, "are the same object; make two"),
    ({"loss": keras.losses.BinaryCrossentropy(from_logits=True)}, "is none of kgan.losses; give one of these, or its"),
    ({"loss": lambda real, fake: real}, "is none of kgan.losses"),
    ({"loss": "binary_crossentropy"}, "loss='binary_crossentropy' is unknown; known: minimax, non_saturating"),
    ({"penalties": "r1"}, "penalties holds 'r'; give penalties of kgan.penalties"),
])
def test_keras_habits_are_answered_in_a_sentence(compiled, sentence):
    with _said(sentence):
        _gan(**compiled)


@pytest.mark.parametrize(("discriminator", "sentence"), [
    (_discriminator(units=2), "the discriminator gives (None, 2); it must give one logit an image, (batch, 1)"),
    (keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(1, 3)]), "the discriminator gives (None, 2, 2, 1)"),
    (_discriminator(activation="sigmoid"), "the discriminator ends with sigmoid, and the loss takes logits"),
    (_discriminator(activation="tanh"), "the discriminator ends with tanh"),
    (keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1), layers.Activation("sigmoid")]),
     "the discriminator ends with sigmoid"),
    (keras.Sequential([keras.Input((4, 4, 1)), _discriminator(activation="hard_sigmoid")]), "ends with hard_sigmoid"),
])
def test_a_discriminator_that_gives_no_logit_is_said(discriminator, sentence):
    gan = GAN(_generator(), discriminator)
    with _said(sentence):
        gan.compile(loss="non_saturating", g_optimizer=keras.optimizers.SGD(), d_optimizer=keras.optimizers.SGD())


def test_where_a_bounded_output_may_be_meant_it_is_no_error(capsys):
    """Least squares has targets 0 and 1; a loss of somebody's own may have them too."""
    own = Loss(lambda real, fake: -real, lambda real, fake: fake, lambda real, fake: -fake)
    for loss, warned in ((losses.least_squares, False), (losses.wasserstein, False), (own, True)):
        gan = GAN(_generator(), _discriminator(activation="sigmoid"))
        gan.compile(loss=loss, g_optimizer=keras.optimizers.SGD(), d_optimizer=keras.optimizers.SGD())
        assert ("ends with sigmoid" in capsys.readouterr().err) == warned


def test_squashed_looks_at_the_last_operation():
    image = keras.Input((4, 4, 1))
    logit = layers.Dense(1)(layers.Flatten()(layers.Activation("sigmoid")(image)))
    assert squashed(keras.Model(image, logit)) is None
    assert squashed(keras.Model(image, keras.ops.tanh(logit))) == "Tanh"
    assert squashed(keras.Model(image, layers.Activation("linear")(keras.ops.sigmoid(logit)))) is None  # not followed


def _dataset(images, **more):
    return tf.data.Dataset.from_tensor_slices({"image": images, **more}).batch(4)


@pytest.mark.parametrize(("x", "sentence"), [
    (np.uint8(REAL * 127.5 + 127.5), "images are uint8 in [0"),
    (REAL * 127.5 + 127.5, "give floats in [-1, 1]: x / 127.5 - 1"),
    (np.int64(REAL * 100), "images are int64 in"),
    (np.where(REAL > 0.9, np.nan, REAL), "images hold NaN or infinity"),
    (REAL[..., 0], "images are of shape (4, 4, 4); the networks take (n, 4, 4, 1): add the axis of channels"),
    (np.repeat(REAL, 3, axis=3), "images are of shape (4, 4, 4, 3); the networks take (n, 4, 4, 1)"),
])
@pytest.mark.parametrize("form", ["array", "dict", "tuple", "dataset", "pairs", "generator", "sequence"])
def test_images_that_can_not_be_right_are_said(x, sentence, form):
    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, number):
            return x[4 * number:4 * number + 4]

    given = {"array": lambda: x, "dict": lambda: {"image": x}, "tuple": lambda: x, "dataset": lambda: _dataset(x),
             "pairs": lambda: tf.data.Dataset.from_tensor_slices((x, np.zeros(len(x), int))).batch(4),
             "generator": lambda: (x[start:start + 4] for start in (0, 4, 8)), "sequence": Sequence}[form]()
    gan = _gan()
    with _said(sentence):
        gan.fit(given, *([np.zeros(len(x), int)] if form == "tuple" else []), batch_size=4, verbose=0) if form in (
            "array", "dict", "tuple") else gan.fit(given, verbose=0)
    assert int(gan.step) == 0


@pytest.mark.parametrize(("x", "warned"), [(REAL, False), (REAL * 0.5 + 0.5, True), (REAL * 3, True),
                                           (np.clip(REAL, -0.2, 1), False)])
def test_what_is_only_likely_wrong_is_a_warning(x, warned, capsys):
    """[0, 1], or standardised images: a generator of somebody's own may draw them."""
    gan = _gan()
    gan.fit(x, batch_size=4, verbose=0)
    assert ("kgan draws and scores images in [-1, 1]" in capsys.readouterr().err) == warned
    assert int(gan.step) == 3
    gan.fit(x, batch_size=4, verbose=0)
    assert "Note" not in capsys.readouterr().err  # once


def test_a_generator_of_batches_loses_none_by_the_look():
    gan = _gan()
    gan.fit(((REAL[start:start + 4],) for start in (0, 4, 8)), verbose=0)
    assert int(gan.step) == 3


@pytest.mark.parametrize(("given", "sentence"), [
    ({"x": {"images": REAL}}, "the batches have the keys 'images', and none is 'image'; give images alone"),
    ({"x": REAL, "validation_split": 0.2}, "validation_split: a GAN has no loss that could be validated"),
    ({"x": REAL, "validation_data": (REAL,)}, "validation_data: a GAN has no loss"),
    ({"x": stream(np.zeros((12, 4, 4, 1), np.uint8), batch_size=4, seed=0)}, "these batches have no end"),
    ({"x": _dataset(REAL).repeat()}, "have no end, so an epoch wouldn't either; give steps_per_epoch"),
])
def test_what_fit_can_not_do_is_said(given, sentence):
    with _said(sentence):
        _gan().fit(**given, verbose=0)


@pytest.mark.parametrize(("labels", "sentence"), [
    (None, "these networks are conditional, and the batches have no labels; give images alone, {'image'"),
    (np.eye(3)[[0] * 12], "labels are float64 of shape (4, 3); give a whole number for each of the 4 images"),
    (np.zeros((12, 1), int), "labels are int64 of shape (4, 1)"),
])
def test_labels_that_are_none_are_said(labels, sentence):
    with _said(sentence):
        _gan(told=True).fit(REAL, labels, batch_size=4, verbose=0)
    gan = _gan(told=True)
    gan.fit(REAL, np.zeros(12, np.uint8), batch_size=4, verbose=0)
    assert int(gan.step) == 3


def test_batches_that_d_steps_do_not_divide_are_said():
    with _said("a batch of 4 images can't be divided into d_steps=3 of one size; give batches of a multiple of 3"):
        _gan(d_steps=3).fit(REAL, batch_size=4, verbose=0)


def test_evaluate_says_what_scores():
    with _said("a GAN has no loss that could be evaluated on images; kgan.Doctor(images)"):
        _gan().evaluate(REAL)
    with _said("can't be divided"):  # a batch larger than the data is all of them
        _gan(d_steps=5).fit(REAL, batch_size=64, verbose=0)


def test_penalties_of_kgans_are_right():
    gan = _gan(penalties=(penalties.r1(1.0),))
    gan.fit(REAL, batch_size=4, verbose=0)
    assert int(gan.step) == 3


@pytest.mark.parametrize(("told", "sentence"), [
    ((True, False), "the generator is told labels, or chooses them by z, and the discriminator is not"),
    ((False, True), "the discriminator is told labels and the generator is not"),
])
def test_two_networks_of_which_one_is_told_labels_are_said(told, sentence):
    with _said(sentence):
        GAN(_generator(told=told[0]), _discriminator(told=told[1]))


def test_a_discriminator_is_told_what_a_layer_kind_chooses():
    z = keras.Input((3,))
    x = layers.Concatenate()([z, layers.Embedding(3, 4)(ClusterByLatent(3)(z))])
    gan = GAN(keras.Model(z, layers.Reshape((4, 4, 1))(layers.Dense(16, "tanh")(x))), _discriminator(told=True))
    gan.compile(loss="non_saturating", g_optimizer=keras.optimizers.SGD(0.1), d_optimizer=keras.optimizers.SGD(0.1))
    gan.fit((REAL, np.arange(12) % 3), batch_size=4, verbose=0)
    assert int(gan.step) == 3
    with _said("labels are from 0 to 3; these networks know those from 0 to 2"):
        gan.fit((REAL, np.arange(12) % 4), batch_size=4, verbose=0)


@pytest.mark.parametrize("labels", [np.arange(12) % 3 - 1, np.arange(12) % 3 + 5, np.int64([0] * 11 + [3])])
@pytest.mark.parametrize("form", ["arrays", "pair", "dict", "dataset"])
def test_labels_that_are_no_classes_of_the_networks_are_said(labels, form):
    """-1 would be the last row of an Embedding."""
    given = {"arrays": (REAL, labels), "pair": ((REAL, labels),), "dict": ({"image": REAL, "label": labels},),
             "dataset": (_dataset(REAL[::-1], label=labels[::-1]),)}[form]
    gan = _gan(told=True)
    with _said(f"labels are from {labels[-4:].min() if form == 'dataset' else labels.min()} to {labels.max()}; these "
               "networks know those from 0 to 2"):
        gan.fit(*given, **({} if form == "dataset" else {"batch_size": 4}), verbose=0)
    assert int(gan.step) == 0


def test_a_last_batch_that_d_steps_do_not_divide_is_said_before_training():
    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, number):
            return (REAL[:9 - 5 * number],)

    forty = np.resize(REAL, (40, 4, 4, 1))
    for given in ({"x": forty, "batch_size": 9}, {"x": tf.data.Dataset.from_tensor_slices(forty).batch(9)},
                  {"x": Sequence()}):
        gan = _gan(d_steps=3)
        with _said("can't be divided into d_steps=3 of one size; give batches of a multiple of 3, or leave that one"):
            gan.fit(**given, verbose=0)
        assert int(gan.step) == 0
    gan.fit(forty[:39], batch_size=9, verbose=0)  # 3 are left
    assert int(gan.step) == 5


def test_a_batch_that_d_steps_do_not_divide_is_said_where_no_length_tells_of_it():
    gan = _gan(d_steps=3)
    with _said("a later batch can't be divided into d_steps=3 of one size, and the steps before it are done"):
        gan.fit((one for one in (REAL[:9], REAL[:9], REAL[:4])), verbose=0)
    assert int(gan.step) == 2


@pytest.mark.parametrize(("given", "sentence"), [
    ({"x": REAL, "validation_data": REAL}, "validation_data: a GAN has no loss"),
    ({"x": REAL, "class_weight": {0: 1.0}}, "class_weight: a GAN's losses weigh all images alike"),
    ({"x": REAL, "sample_weight": np.ones(12)}, "sample_weight: a GAN's losses weigh all images alike"),
    ({"x": list(REAL)}, "x is a list of 12; give images alone"),
    ({"x": (REAL, REAL, REAL)}, "x is a tuple of 3; give images alone"),
    ({"x": REAL, "y": [0] * 12}, "y is a list of 12"),
    ({"x": tf.data.Dataset.from_tensors(((REAL, REAL),))}, "a batch's images are a tuple"),
])
def test_what_is_of_keras_and_not_of_gans_is_said(given, sentence):
    gan = _gan()
    with _said(sentence):
        gan.fit(**given, verbose=0)
    assert int(gan.step) == 0


def test_a_generator_of_images_alone_trains():
    for batches in ((REAL[start:start + 4] for start in (0, 4, 8)), ({"image": REAL[:4]} for _ in range(3))):
        gan = _gan()
        gan.fit(batches, verbose=0)
        assert int(gan.step) == 3


def test_every_fit_is_looked_at():
    gan = _gan()
    gan.fit(REAL, batch_size=4, verbose=0)
    with _said("give floats in [-1, 1]"):
        gan.fit(REAL * 127.5 + 127.5, batch_size=4, verbose=0)
    assert int(gan.step) == 3


@pytest.mark.parametrize("x", [np.abs(REAL) * 0.7 + 0.3, np.ones_like(REAL), np.full_like(REAL, 0.01)])
def test_bright_images_are_no_reason_for_a_note(x, capsys):
    _gan().fit(x, batch_size=4, verbose=0)
    assert "Note" not in capsys.readouterr().err


def test_a_generator_that_ends_with_a_sigmoid_beside_images_below_zero_is_a_note(capsys):
    z = keras.Input((3,))
    network = keras.Model(z, layers.Reshape((4, 4, 1))(layers.Dense(16)(z)))
    for last, x, noted in ((layers.Activation("sigmoid"), REAL, True), (layers.Activation("tanh"), REAL, False)):
        gan = GAN(keras.Sequential([keras.Input((3,)), network, last]), _discriminator())
        gan.compile(loss="hinge", g_optimizer=keras.optimizers.SGD(0.1), d_optimizer=keras.optimizers.SGD(0.1))
        gan.fit(x, batch_size=4, verbose=0)
        assert ("the generator ends with sigmoid, so it draws in [0, 1]" in capsys.readouterr().err) == noted
