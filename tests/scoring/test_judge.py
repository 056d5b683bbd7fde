import numpy as np
import pytest

from kgan.data import cache, sources
from kgan.scoring import judge


@pytest.fixture
def digits(monkeypatch):
    """Training and test images of the embedded digits; judges learn for a moment only."""
    monkeypatch.setattr(judge, "STEPS", 5)
    source = sources.locate("digits")
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    return {"images": train.images, "labels": train.labels, "test_images": test.images, "test_labels": test.labels,
            "key": train.labelled_sha256}


def test_judge_learns_and_its_accuracy_is_printed(digits, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(judge, "STEPS", 60)
    found = judge.open_judge(tmp_path, **digits)
    seen = found.predict(digits["test_images"])
    assert found.accuracy == np.mean(seen.classes == digits["test_labels"]) > 0.9
    assert found.name == f"home-made judge {found.sha256[:8]}"
    assert seen.features.shape == (len(digits["test_images"]), 128)
    np.testing.assert_allclose(seen.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert f"{found.accuracy:.2%} of {len(digits['test_images'])} test images right" in capsys.readouterr().err


def test_judge_is_a_function_of_its_number_and_kept(digits, tmp_path, capsys):
    first = judge.open_judge(tmp_path / "a", **digits)
    again = judge.open_judge(tmp_path / "b", **digits)
    assert first.sha256 == again.sha256
    capsys.readouterr()
    kept = judge.open_judge(tmp_path / "a", **digits)
    assert capsys.readouterr().err == ""
    assert (kept.sha256, kept.accuracy) == (first.sha256, first.accuracy)
    np.testing.assert_array_equal(*(one.predict(digits["images"][:9]).features for one in (kept, first)))
    second = judge.open_judge(tmp_path / "a", **digits, number=1)
    assert second.predict(digits["images"][:2]).features.shape == (2, 96)
    assert second.sha256 != first.sha256


@pytest.mark.parametrize("harm", ["weights", "other weights", "meta"])
def test_damaged_judge_is_trained_anew(digits, tmp_path, harm):
    first = judge.open_judge(tmp_path, **digits)
    (place,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    if harm == "weights":
        (place / "judge.weights.h5").write_bytes(b"nothing")
    elif harm == "meta":
        (place / "meta.json").write_text("{}")
    else:
        judge.build((28, 28, 1), 10).save_weights(place / "judge.weights.h5")
    assert judge.open_judge(tmp_path, **digits).sha256 == first.sha256
    assert judge.digest(judge._load(place, (28, 28, 1), 0).model) == first.sha256


@pytest.mark.parametrize(("shape", "classes"), [((28, 28, 1), 10), ((32, 32, 3), 4), ((64, 64, 3), 2)])
def test_judge_fits_every_shape(shape, classes):
    features, logits = judge.build(shape, classes)(np.zeros((2, *shape), np.float32), training=False)
    assert (features.shape, logits.shape) == ((2, 128), (2, classes))


def test_judge_sees_an_image_alike_whichever_others_there_are(digits, tmp_path):
    found = judge.open_judge(tmp_path, **digits)
    together, alone = found.predict(digits["images"][:600]), found.predict(digits["images"][599:600])
    np.testing.assert_allclose(together.features[599], alone.features[0], atol=1e-3)
