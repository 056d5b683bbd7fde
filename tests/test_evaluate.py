"""The two commands that score, as their users meet them: processes of their own, with a judge that learns briefly."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kgan import cli, models
from kgan.data import cache, sources
from kgan.runs import loop
from kgan.runs.directory import Run
from kgan.serving import saved_model

MAIN = ("import sys; from kgan.scoring import judge; judge.STEPS = 60; from kgan import cli, {0}; cli.launch({0}.main)")


def _command(name, *arguments, cwd=None):
    return subprocess.run([sys.executable, "-c", MAIN.format(name), *map(str, arguments)], capture_output=True,
                          text=True, cwd=cwd)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of a few steps of dcgan, and PCA, on digits."""
    place = tmp_path_factory.mktemp("runs")
    for name, model, changes in (("a", "dcgan", {"steps": 2, "batch_size": 2}),
                                 ("b", "dcgan", {"steps": 2, "batch_size": 2, "seed": 1}),
                                 ("pca", "pca", {"latent_dim": 60})):
        loop.train(Run(place / name), models.recipe(model, "digits").override(**changes),
                       sources.locate("digits"))
    return place


@pytest.fixture(scope="module")
def test_images():
    return cache.prepare_test(sources.locate("digits"), image_size=28, channels=1).images


def test_untrained_run_is_unhealthy_and_says_so(runs):
    result = _command("evaluate", runs / "a")
    assert result.returncode == 3, result.stderr
    for line in ("FCD", "real train vs test", "PCA-Gaussian", "mean image", "uniform noise"):
        assert line in result.stdout
    assert "Protocol: 174 images of dcgan at step 2 (a, training seed 0), raw weights, moving batch-norm statistics, " \
           "seeds from 0, against 174 test images of a held-out tenth of scikit-learn's 8×8 digits, enlarged" \
           in result.stdout
    assert "Note: 174 images are few" in result.stdout
    assert "Verdict: not healthy.\n  not trained yet: pixels vary 0.1" in result.stdout
    assert "Traceback" not in result.stderr
    kept = Run(runs / "a").scores(2)  # for the model card
    assert "174 images of dcgan at step 2" in kept["protocol"]
    assert kept["verdict"][0]["verdict"] == "not trained yet"
    assert kept["numbers"]["fcd"] > kept["yardsticks"]["real train vs test"]["fcd"]


def test_real_images_are_healthy_in_every_form(test_images, tmp_path):
    np.save(tmp_path / "images.npy", test_images)
    (tmp_path / "folder").mkdir()
    for number, image in enumerate(test_images):
        Image.fromarray(image[..., 0]).save(tmp_path / "folder" / f"{number:03}.png")
    results = {}
    for name in ("images.npy", "folder"):
        result = _command("evaluate", name, "--dataset=digits", "--json", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        results[name] = json.loads(result.stdout)
        assert results[name]["healthy"]
        assert results[name]["numbers"]["fcd"] == pytest.approx(0, abs=1e-6)
        assert results[name]["numbers"]["memorisation"] is None  # inf: the nearest held-out image is itself
    assert results["folder"]["numbers"] == results["images.npy"]["numbers"]


def test_saved_model_scores_as_its_run(runs, tmp_path):
    saved_model.write(cli.open_generator(runs / "pca"), tmp_path / "out" / "1")
    of_run, of_export = (_command("evaluate", *arguments, "--json", cwd=tmp_path)
                         for arguments in ([runs / "pca"], ["out", "--dataset=digits", "--trust"]))
    assert of_run.returncode == of_export.returncode == 3, of_run.stderr + of_export.stderr
    numbers = [json.loads(result.stdout)["numbers"] for result in (of_run, of_export)]
    assert numbers[0]["fcd"] == pytest.approx(numbers[1]["fcd"], rel=1e-3)
    assert numbers[0]["memorisation"] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("arguments", "sentence"), [
    ([], "kgan: give one thing to score"),
    (["absent"], "kgan: 'absent' is not there; give a run directory, a SavedModel"),
    (["images.npy"], "kgan: array images.npy: say what to compare it with, by --dataset=NAME or --data=PATH."),
    (["images.npy", "--dataset=imagenet"], "kgan: dataset='imagenet' is unknown"),
    (["images.npy", "--dataset=digits", "--step=3"], "kgan: --step=3 is for a run directory, and 'images.npy' is none"),
    (["floats.npy", "--dataset=digits"], "kgan: 'floats.npy' holds float64 of shape (3, 28, 28, 1); give uint8 images"),
    (["text.npy", "--dataset=digits"], "kgan: 'text.npy' is no array of numbers"),
    (["text.txt", "--dataset=digits"], "kgan: 'text.txt' is not there, or is neither a run directory"),
    (["empty", "--dataset=digits"], "kgan: there are no pictures in data='empty'"),
])
def test_bad_input_is_one_sentence(tmp_path, arguments, sentence):
    np.save(tmp_path / "images.npy", np.zeros((3, 28, 28, 1), np.uint8))
    np.save(tmp_path / "floats.npy", np.zeros((3, 28, 28, 1)))
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "text.txt").write_text("no images")
    (tmp_path / "empty").mkdir()
    result = _command("evaluate", *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_step_that_is_not_there_lists_those_that_are(runs):
    result = _command("evaluate", runs / "a", "--step=7")
    assert result.returncode == 1
    assert "has no checkpoint of step 7: there are 2." in result.stderr


def test_leaderboard_gives_every_seed_mean_spread_and_worst(runs, tmp_path):
    result = _command("leaderboard", runs / "a", runs / "b", runs / "pca", "--out=board", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "board.md").read_text() == result.stdout
    (board,) = json.loads((tmp_path / "board.json").read_text())
    fcds = {run["run"]: run["numbers"]["fcd"] for run in board["runs"]}
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in result.stdout.splitlines() if "|" in line]
    assert lines[0][:6] == ["system", "steps", "seeds", "FCD mean", "spread", "worst"]
    rows = {line[0]: line for line in lines}
    mean, spread = np.mean([fcds["a"], fcds["b"]]), np.std([fcds["a"], fcds["b"]], ddof=1)
    assert rows["dcgan"][1:6] == ["2", "2", f"{mean:.2f}", f"{spread:.2f}", f"{max(fcds['a'], fcds['b']):.2f}"]
    assert rows["pca"][1:6] == ["1", "1", f"{fcds['pca']:.2f}", "–", f"{fcds['pca']:.2f}"]
    assert [line[0] for line in lines[4:]] == [f"*{name}*" for name in board["yardsticks"]]
    for name, fcd in fcds.items():
        assert f"{name} (seed {1 if name == 'b' else 0}) {fcd:.2f}" in result.stdout


def test_leaderboard_checks_every_run_before_it_starts(runs, tmp_path):
    result = _command("leaderboard", runs / "a", tmp_path)
    assert result.returncode == 1
    assert "is not a run directory" in result.stderr
    assert "Scoring" not in result.stderr
