import json

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from kgan import models, presets
from kgan.data import sources
from kgan.evaluation.evaluate import evaluate
from kgan.runs import loop, scores
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


@pytest.fixture
def pictures(tmp_path):
    """150 pictures of noise without labels, which nobody needs a judge for."""
    (tmp_path / "pictures").mkdir()
    random = np.random.default_rng(0)
    for number in range(150):
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "pictures" / f"{number:03}.png")
    return tmp_path / "pictures"


@pytest.fixture
def run(pictures, tmp_path):
    """PCA, fitted to them."""
    run = Run(tmp_path / "run")
    recipe = models.recipe("pca").override(dataset=None, data=str(pictures), image_size=8, latent_dim=5)
    loop.train(run, recipe, sources.locate(data=str(pictures)))
    return run


def test_scores_of_a_run_against_its_own_data_are_kept(run):
    found = evaluate(run.path)
    kept = scores.load(run, 1)
    assert kept["numbers"] == found.content["numbers"]
    assert kept["verdict"] == [finding._asdict() for finding in found.findings]
    assert (found.content["healthy"], found.findings) == (None, [])  # of 15 test images
    assert found.text.endswith(f"Verdict: {found.content['conclusion']}.")
    assert "images are too few to tell" in found.content["conclusion"]
    assert "of pca at step 1 (run, training seed 0)" in kept["protocol"]
    assert found.content["protocol"] in found.text
    json.dumps(found.content, allow_nan=False)


def test_scores_against_other_data_are_not_kept(run, pictures):
    evaluate(run.path, data=str(pictures))
    assert scores.load(run, 1) is None


def test_scores_of_a_preset_are_not_kept_in_it(run, monkeypatch):
    monkeypatch.setattr(presets, "DIRECTORY", run.path.parent)
    monkeypatch.setattr(presets, "SHA256", {"run": ""})
    evaluate(run.path)
    assert scores.load(run, 1) is None


def test_scores_that_cannot_be_kept_are_shown_all_the_same(run, capsys, monkeypatch):
    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(scores, "save", refuse)
    assert "SWD" in evaluate(run.path).text
    assert "Note: the scores can't be kept in the run (Read-only file system)." in capsys.readouterr().err


def test_bad_pictures_are_left_out_of_both_sides(pictures, tmp_path, capsys):
    np.save(tmp_path / "images.npy", np.zeros((20, 8, 8), np.uint8))
    (pictures / "000.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"1 of 150 pictures in folder pictures can't be used.*by --skip_bad\."):
        evaluate(tmp_path / "images.npy", data=str(pictures))
    evaluate(tmp_path / "images.npy", data=str(pictures), skip_bad=True)
    assert "Left out: 1 of 150 pictures" in capsys.readouterr().err
    assert evaluate(pictures, data=str(pictures), skip_bad=True).content["count"] >= 10


def test_the_verdict_is_scaled_by_the_datas_own_yardsticks(pictures, monkeypatch):
    from kgan.scoring import doctor

    seen = []
    monkeypatch.setattr(doctor, "diagnose", lambda numbers, rows, yardsticks, *_: seen.append(yardsticks) or [])
    found = evaluate(pictures, data=str(pictures))
    assert seen[0].keys() == found.content["yardsticks"].keys()


def test_without_labels_nothing_is_called_healthy_and_other_pictures_are_not(tmp_path):
    """Pieces of scikit-learn's photographs, against themselves turned negative and against other pieces."""
    pieces = [photograph[top:top + 32, left:left + 32] for photograph in load_sample_images().images
              for top in range(0, 395, 16) for left in range(0, 608, 32)]
    pieces = np.random.default_rng(0).permutation(np.stack(pieces))
    (tmp_path / "pictures").mkdir()
    for number, piece in enumerate(pieces[200:]):
        Image.fromarray(piece).save(tmp_path / "pictures" / f"{number:03}.png")
    for name, images in (("real", pieces[:200]), ("negative", 255 - pieces[:200])):
        np.save(tmp_path / f"{name}.npy", images)
    real, negative = (evaluate(tmp_path / f"{name}.npy", data=str(tmp_path / "pictures"))
                      for name in ("real", "negative"))
    assert (real.findings, real.content["healthy"]) == ([], None)
    assert real.content["conclusion"].startswith("nothing wrong was found in what can be measured without labels")
    assert "off-distribution: another kind of image" in [one.verdict for one in negative.findings]
    assert (negative.content["healthy"], negative.content["conclusion"]) == (False, "not healthy")
    assert "FCD-32 is biased upwards" in real.text
    assert "carried colour judge b776ce75 at 32×32" in real.text
