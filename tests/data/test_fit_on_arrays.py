"""Arrays in memory as the data of `kgan.fit`: what is read, what is refused, and how such a run goes on."""

import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.api import facade
from kgan.data import cache
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (40, 28, 28)).astype(np.uint8)
LABELS = np.arange(40) % 4
TINY = {"batch_size": 2, "tick": 1}


def _pixels(data):
    return cache.prepare(facade._arrays(data), image_size=28, channels=1)


@pytest.mark.parametrize("given", [
    IMAGES, IMAGES[..., None], [*IMAGES], tf.constant(IMAGES), (IMAGES, LABELS), IMAGES / 255, IMAGES / 127.5 - 1,
    IMAGES.astype(np.float32), IMAGES.tolist() and (IMAGES.astype(np.float64), None),
], ids=["NHW", "NHWC", "list", "tensor", "pair", "0..1", "-1..1", "0..255", "no labels"])
def test_the_same_pictures_in_every_form_are_the_same_pixels(given):
    np.testing.assert_array_equal(_pixels(given).images[..., 0], IMAGES)


def test_labels_and_test_images_come_with_them_as_keras_loads_them():
    source = facade._arrays(((IMAGES, LABELS[:, None]), (IMAGES[:9], np.eye(4)[LABELS[:9]])))
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    np.testing.assert_array_equal(train.labels, LABELS)
    np.testing.assert_array_equal(test.labels, LABELS[:9])


@pytest.mark.parametrize(("given", "sentence"), [
    (tf.data.Dataset.from_tensor_slices(IMAGES), "data is a tf.data.Dataset, and kgan shuffles by itself; give arrays"),
    (IMAGES / 25.5 - 3, r"images are in \[-3, 7\]; give uint8, or floats in \[-1, 1\], \[0, 1\] or \[0, 255\]"),
    (IMAGES.astype(np.int64), "images are int64; give uint8, or floats"),
    (np.full((9, 28, 28), np.nan), "images are float64, with NaN or infinity"),
    (IMAGES[0], r"data is ndarray of uint8 and shape \(28, 28\); give the name of a data set, a path, or images"),
    (np.zeros((9, 28, 28, 2), np.uint8), r"arrays holds uint8 of shape \[9, 28, 28, 2\]; give uint8 images"),
    ((IMAGES, LABELS[:3]), "arrays has 40 images and 3 labels of type int64; give a whole number for each"),
    ([IMAGES[0], IMAGES[0, :5]], "data holds images of several shapes; give one array"),
    ({"image": IMAGES}, "data is dict of object and shape"),
    ([], "give the name of a data set, a path, or images"),
])
def test_what_is_no_set_of_images_is_one_sentence(given, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        kgan.fit("gan_nn", given, workdir=tmp_path / "run", steps=1, **TINY)
    assert not (tmp_path / "run").exists()


def test_a_run_on_arrays_goes_on_when_it_is_given_them_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = kgan.fit("gan_nn", (IMAGES, LABELS), steps=1, **TINY)
    assert str(run.path) == "runs/gan_nn_arrays"
    assert run.name == "gan_nn on arrays, step 1 (runs/gan_nn_arrays)"
    config = Run(run.path).config()
    assert (config["recipe"]["dataset"], config["recipe"]["data"]) == (None, None)
    assert config["data"]["origin"] == "arrays"
    assert config["data"]["sha256"] == cache.fingerprint(IMAGES[..., None])
    assert kgan.fit("gan_nn", (IMAGES, LABELS), workdir=run.path, steps=2).step == 2
    with pytest.raises(UserError, match="gan_nn_arrays was trained on arrays, which no file holds; give them again"):
        kgan.fit("gan_nn", workdir=run.path, steps=3)
    with pytest.raises(UserError, match=r"this run was started on other images \(arrays\), or on the same"):
        kgan.fit("gan_nn", IMAGES[::-1], workdir=run.path, steps=3)
