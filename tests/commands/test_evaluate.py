"""The two commands that score, with a judge that learns briefly."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from kgan import models
from kgan.commands import evaluate, leaderboard
from kgan.data import cache, sources
from kgan.evaluation import candidate
from kgan.evaluation import evaluate as evaluation
from kgan.runs import loop, scores
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError
from kgan.scoring import judge
from kgan.serving import export


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(judge, "STEPS", 60)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of a few steps of dcgan, and PCA, on digits."""
    place = tmp_path_factory.mktemp("runs")
    for name, model, changes in (("a", "dcgan", {"steps": 2, "batch_size": 2}),
                                 ("b", "dcgan", {"steps": 2, "batch_size": 2, "seed": 1}),
                                 ("pca", "pca", {"latent_dim": 60})):
        loop.train(Run(place / name), models.recipe(model, "digits").override(**changes), sources.locate("digits"))
    return place


@pytest.fixture(scope="module")
def test_images():
    return cache.prepare_test(sources.locate("digits"), image_size=28, channels=1).images


def test_untrained_run_is_unhealthy_and_says_so(command, runs, capsys):
    assert command(evaluate, runs / "a") == 3
    said = capsys.readouterr().out
    for line in ("FCD", "real train vs test", "PCA-Gaussian", "mean image", "uniform noise"):
        assert line in said
    assert "Protocol: 174 images of dcgan at step 2 (a, training seed 0), raw weights, moving batch-norm statistics, " \
           "seeds from 0, against 174 test images of a held-out tenth of scikit-learn's 8×8 digits, enlarged" \
           in said
    assert "features of home-made judge " in said
    assert "Note: 174 images are few" in said
    assert "Verdict: not healthy.\n  not trained yet: pixels vary 0.1" in said
    kept = scores.load(Run(runs / "a"), 2)  # for the model card
    assert "174 images of dcgan at step 2" in kept["protocol"]
    assert kept["verdict"][0]["verdict"] == "not trained yet"
    assert kept["numbers"]["fcd"] > kept["yardsticks"]["real train vs test"]["fcd"]


def test_a_run_that_is_told_classes_is_scored_by_whether_it_draws_them(runs, tmp_path):
    run = Run(tmp_path / "told")
    loop.train(run, models.recipe("dcgan_fast", "digits").override(steps=1, batch_size=2), sources.locate("digits"))
    told, untold = evaluation.evaluate(run.path), evaluation.evaluate(runs / "a")
    found = candidate.open_candidate(run.path)
    benchmark, _ = candidate.benchmark_for(found)
    seen, asked = benchmark.judges[0].predict(found.draw(174)).classes, found.labels(174)
    assert asked.max() == 9
    assert told.content["numbers"]["agreement"] == np.mean(seen == asked)
    assert told.content["yardsticks"]["real train vs test"]["agreement"] == pytest.approx(benchmark.judges[0].accuracy)
    assert "agreement" not in untold.content["numbers"]
    assert ("agreement" in told.text.splitlines()[0], "agreement" in untold.text) == (True, False)


def test_real_images_are_healthy_in_every_form(command, test_images, tmp_path, capsys):
    np.save(tmp_path / "images.npy", test_images)
    (tmp_path / "folder").mkdir()
    for number, image in enumerate(test_images):
        Image.fromarray(image[..., 0]).save(tmp_path / "folder" / f"{number:03}.png")
    results = {}
    for name in ("images.npy", "folder"):
        assert command(evaluate, tmp_path / name, dataset="digits", json=True) is None
        results[name] = json.loads(capsys.readouterr().out)
        assert results[name]["healthy"]
        assert results[name]["numbers"]["fcd"] == pytest.approx(0, abs=1e-6)
        assert results[name]["numbers"]["memorisation"] is None  # inf: the nearest held-out image is itself
    assert results["folder"]["numbers"] == results["images.npy"]["numbers"]


def test_what_the_log_shows_of_training_is_in_the_verdict(command, runs, tmp_path, capsys):
    run = Run(shutil.copytree(runs / "pca", tmp_path / "run"))
    run.log_file.write_text("step,d_loss,R1,R2,train_fcd,D_gap\n1,1.0,0.1,5.0,30,0.75\n")
    assert command(evaluate, run.path, json=True) == evaluate.UNHEALTHY
    said = {finding["verdict"]: finding["evidence"] for finding in json.loads(capsys.readouterr().out)["verdict"]}
    assert list(said)[:2] == ["fake-side gradients explode", "discriminator memorises"]
    assert "is 5 at generated images (R2) and 0.1 at real ones (R1)" in said["fake-side gradients explode"]
    assert "75% of the way" in said["discriminator memorises"]


def test_saved_model_scores_as_its_run(command, runs, tmp_path, capsys, checked_here):
    export.export(open_generator(runs / "pca"), tmp_path / "out")
    numbers = []
    for path, options in ((runs / "pca", {}), (tmp_path / "out", {"dataset": "digits", "trust": True})):
        assert command(evaluate, path, json=True, **options) == 3
        numbers.append(json.loads(capsys.readouterr().out)["numbers"])
    assert numbers[0]["fcd"] == pytest.approx(numbers[1]["fcd"], rel=1e-3)
    assert numbers[0]["memorisation"] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("arguments", "options", "sentence"), [
    ([], {}, "give one thing to score"),
    (["absent"], {}, "'absent' is not there; give a run directory, a SavedModel"),
    (["images.npy"], {}, "array images.npy: say what to compare it with, by --dataset=NAME or --data=PATH."),
    (["images.npy"], {"dataset": "imagenet"}, "dataset='imagenet' is unknown"),
    (["images.npy"], {"dataset": "digits", "step": 3}, "--step=3 is for a run directory, and 'images.npy' is none"),
    (["floats.npy"], {"dataset": "digits"}, "'floats.npy' holds float64 of shape (3, 28, 28, 1); give uint8 images"),
    (["text.npy"], {"dataset": "digits"}, "'text.npy' is no array of numbers"),
    (["text.txt"], {"dataset": "digits"}, "'text.txt' is none of these: a run directory, a SavedModel"),
    (["empty"], {"dataset": "digits"}, "there are no pictures in data='empty'"),
    (["damaged"], {"dataset": "digits"}, "1 of 2 pictures in folder damaged can't be used: 0.png (not a picture"),
])
def test_bad_input_is_one_sentence(command, tmp_path, monkeypatch, arguments, options, sentence):
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", np.zeros((3, 28, 28, 1), np.uint8))
    np.save("floats.npy", np.zeros((3, 28, 28, 1)))
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "text.txt").write_text("no images")
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "0.png").write_bytes(b"no picture")
    Image.new("L", (28, 28)).save(tmp_path / "damaged" / "1.png")
    with pytest.raises(UserError) as error:
        command(evaluate, *arguments, **options)
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


def test_folder_with_a_damaged_first_picture_is_scored_without_it(command, test_images, tmp_path, capsys):
    (tmp_path / "0.png").write_bytes(b"no picture")
    for number, image in enumerate(test_images[:20]):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{number + 1}.png")
    command(evaluate, tmp_path, dataset="digits", skip_bad=True, json=True)
    shown = capsys.readouterr()
    assert json.loads(shown.out)["count"] == 20
    assert "Left out: 1 of 21 pictures" in shown.err


def test_step_that_is_not_there_lists_those_that_are(command, runs):
    with pytest.raises(UserError, match=r"has no checkpoint of step 7; kept steps: 2\."):
        command(evaluate, runs / "a", step=7)


def test_leaderboard_gives_every_seed_mean_spread_and_worst(command, runs, tmp_path, capsys):
    command(leaderboard, runs / "a", runs / "b", runs / "pca", out=str(tmp_path / "b_0.1"))
    shown = capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b_0.1.json", "b_0.1.md"]
    assert (tmp_path / "b_0.1.md").read_text() == shown
    (board,) = json.loads((tmp_path / "b_0.1.json").read_text())
    fcds = {run["run"]: run["numbers"]["fcd"] for run in board["runs"]}
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines() if "|" in line]
    assert lines[0][:6] == ["system", "steps", "seeds", "FCD mean", "spread", "worst"]
    rows = {line[0]: line for line in lines}
    mean, spread = np.mean([fcds["a"], fcds["b"]]), np.std([fcds["a"], fcds["b"]], ddof=1)
    assert rows["dcgan"][1:6] == ["2", "2", f"{mean:.2f}", f"{spread:.2f}", f"{max(fcds['a'], fcds['b']):.2f}"]
    assert rows["pca"][1:6] == ["1", "1", f"{fcds['pca']:.2f}", "–", f"{fcds['pca']:.2f}"]
    assert [line[0] for line in lines[4:]] == [f"*{name}*" for name in board["yardsticks"]]
    for name, fcd in fcds.items():
        assert f"{name} (seed {1 if name == 'b' else 0}) {fcd:.2f}" in shown


def test_leaderboard_checks_everything_before_it_starts(command, runs, tmp_path, capsys):
    with pytest.raises(UserError, match="is not a run directory"):
        command(leaderboard, runs / "a", tmp_path)
    with pytest.raises(UserError, match="lies in a directory that isn't there"):
        command(leaderboard, runs / "a", out=str(tmp_path / "absent" / "board"))
    with pytest.raises(UserError, match="give run directories"):
        command(leaderboard)
    assert capsys.readouterr().err == ""
