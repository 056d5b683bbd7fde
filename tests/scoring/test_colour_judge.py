"""The judge that kgan carries for pictures without labels: what was packaged, and what it learned from."""

import hashlib
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from kgan.data import cache, pictures, sources
from kgan.images import picture
from kgan.runtime.errors import UserError
from kgan.scoring import colour_judge, judge

RESULTS = Path(__file__).parents[2] / "experiments" / "results" / "colour_judge"
PICTURES = Path(__file__).parents[3] / "shared" / "data" / "cifar10_20k.zip"
SHAPES = ((32, 3), (64, 3), (28, 1), (32, 1), (64, 1))  # in which none is trained on that kgan holds out


def _images(size, channels=3, count=6):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, channels)).astype(np.uint8)


def test_it_is_what_was_packaged_and_small():
    facts = json.loads((RESULTS / "facts.json").read_text(encoding="utf-8"))
    assert judge.digest(colour_judge._carried()) == colour_judge.SHA256 == facts["weights_sha256"]
    assert colour_judge.FILE.stat().st_size < 2_000_000
    assert {weight.dtype.name for weight in map(np.asarray, colour_judge._carried().get_weights())} == {"float32"}


def test_the_list_of_its_pictures_is_kept():
    listed = (RESULTS / "trained_on.bin").read_bytes()
    facts = json.loads((RESULTS / "facts.json").read_text(encoding="utf-8"))
    assert hashlib.sha256(listed).hexdigest() == colour_judge.TRAINED_ON == facts["trained_on_sha256"]
    assert len(listed) == 4 * facts["trained_on"]


@pytest.mark.slow
@pytest.mark.skipif(not PICTURES.is_file(), reason="needs CIFAR-10's pictures")
def test_it_learned_from_no_picture_that_is_held_out():
    listed = set(np.frombuffer((RESULTS / "trained_on.bin").read_bytes(), ">u4").tolist())
    trained = 0
    for item in sources.locate(data=str(PICTURES)).items():
        sample = item.read()
        shapes = [pictures.fit(sample.picture, (size, size, channels)).tobytes() for size, channels in SHAPES]
        known = int.from_bytes(hashlib.sha256(shapes[0]).digest()[:4]) in listed
        assert not (known and any(map(cache._held_out, shapes))), item.name
        trained += known
    assert trained == len(listed)


@pytest.mark.parametrize("size", [28, 32, 64, 45])
def test_pictures_of_any_size_are_resized_as_data_are(size):
    images = _images(size)
    fitted = colour_judge.fitted(images)
    assert fitted.shape == (6, 32, 32, 3)
    for one, image in zip(fitted, images, strict=True):
        np.testing.assert_array_equal(one, pictures.fit(picture(image), (32, 32, 3)))


def test_grey_is_repeated_and_seen_as_grey_colours():
    grey = _images(28, 1)
    np.testing.assert_array_equal(colour_judge.look(grey).features, colour_judge.look(grey.repeat(3, -1)).features)


def test_what_it_sees_does_not_hang_on_the_policy_or_the_company():
    images = _images(32)
    alone = np.concatenate([colour_judge.look(images[i:i + 1]).features for i in range(6)])
    np.testing.assert_allclose(colour_judge.look(images).features, alone, atol=1e-4)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert {layer.compute_dtype for layer in colour_judge.build().layers[1:]} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(colour_judge.look(images).treatments.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("harm", ["another weight", "cut", "gone"])
def test_when_damaged_it_is_refused(monkeypatch, tmp_path, harm):
    copy = Path(shutil.copy(colour_judge.FILE, tmp_path))
    if harm == "another weight":
        with np.load(copy) as archive:
            weights = dict(archive)
        weights["00"].flat[0] += 1e-3
        np.savez(copy, **weights)
    elif harm == "cut":
        copy.write_bytes(copy.read_bytes()[:-1000])
    else:
        copy.unlink()
    monkeypatch.setattr(colour_judge, "FILE", copy)
    colour_judge._carried.cache_clear()
    with pytest.raises(UserError, match="the carried colour judge is not what was packaged; install kgan again"):
        colour_judge.look(_images(32))
