import csv
import dataclasses
import itertools
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from kgan import models, training
from kgan.data import sources
from kgan.run import Run

SMALL = {"batch_size": 2, "steps": 7, "tick": 3, "sample_every": 3, "ema_decay": 0.5}


@pytest.fixture(scope="module")
def digits():
    return sources.locate("digits")


@pytest.fixture(scope="module")
def recipe():
    return models.recipe("dcgan", "digits").override(**SMALL)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, recipe, digits):
    run = Run(tmp_path_factory.mktemp("finished") / "run")
    assert training.train(run, recipe, digits).finished
    return run


@pytest.fixture
def trained(finished, tmp_path):
    """A finished run of one's own, to change."""
    return Run(shutil.copytree(finished.path, tmp_path / "run"))


def _rows(run):
    with run.log_file.open(newline="", encoding="utf-8") as log:
        return list(csv.DictReader(log))


def _restored(run):
    gan = training.build_gan(run.recipe())
    run.restore(gan)
    parts = (gan.generator, gan.discriminator, gan.g_optimizer, gan.d_optimizer, gan.ema_generator)
    return np.concatenate([np.asarray(v, np.float64).ravel() for part in parts for v in part.variables])


def test_train_fills_the_run_directory(trained, recipe):
    rows = _rows(trained)
    assert list(rows[0]) == ["step", "epoch", "d_loss", "g_loss", "D(x)", "D(G(z))"]
    assert [int(row["step"]) for row in rows] == [3, 6, 7]
    assert float(rows[1]["epoch"]) == pytest.approx(12 / 1797, abs=1e-4)
    assert all(0 < float(row[name]) < 1 for row in rows for name in ("D(x)", "D(G(z))"))
    assert trained.sample_files() == [trained.sample_file(step) for step in (0, 3, 6, 7)]
    assert Image.open(trained.gif_file).n_frames == 4
    assert Image.open(trained.samples / "reals.png").size == (8 * 30 + 2, 8 * 30 + 2)
    config = json.loads(trained.config_file.read_text())
    assert config["data"]["origin"] == "scikit-learn's 8×8 digits, enlarged"
    assert config["data"]["images"] == 1797
    assert set(config["versions"]) == {"kgan", "python", "tensorflow", "keras", "numpy"}
    assert trained.recipe() == recipe


def test_generator_file_holds_the_average_bit_for_bit(trained):
    z = np.random.default_rng(0).normal(size=(64, 100)).astype(np.float32)
    gan = training.build_gan(trained.recipe())
    trained.restore(gan)
    loaded = keras.models.load_model(trained.generator_file)
    rebuilt = models.build_generator(trained.recipe())
    trained.load_generator(rebuilt)
    expected = gan.ema_generator(z, training=False)
    np.testing.assert_array_equal(loaded(z, training=False), expected)
    np.testing.assert_array_equal(rebuilt(z, training=False), expected)
    assert not np.array_equal(gan.generator(z, training=False), expected)


def test_extended_run_equals_the_uninterrupted_one(tmp_path, recipe, digits, trained):
    parts = Run(tmp_path / "parts")
    for steps in (3, 4, 7):  # stops at a tick end, then inside a tick
        assert training.train(parts, recipe.override(steps=steps), digits).finished
    np.testing.assert_array_equal(_restored(parts), _restored(trained))
    assert [int(row["step"]) for row in _rows(parts)] == [3, 4, 6, 7]
    assert parts.recipe().steps == 7


def test_lost_work_is_done_again_without_double_rows(trained, recipe, digits):
    rows = _rows(trained)
    final = _restored(trained)
    with trained.log_file.open("a", encoding="utf-8") as log:
        log.write("9,0,0,0,0,0\n")  # as after a kill behind the last checkpoint
    assert training.train(trained, recipe.override(steps=9), digits).finished
    assert _rows(trained)[:3] == rows
    assert [int(row["step"]) for row in _rows(trained)] == [3, 6, 7, 9]
    assert not np.array_equal(_restored(trained), final)


def test_complete_run_is_left_as_it_is(trained, recipe, digits, capsys):
    before = {path: path.read_bytes() for path in (trained.log_file, trained.generator_file)}
    assert training.train(trained, recipe, digits).finished
    assert "complete at step 7" in capsys.readouterr().err
    assert all(path.read_bytes() == content for path, content in before.items())


def test_other_images_are_refused(trained, recipe, digits):
    def fewer():
        return itertools.islice(digits.items(), 1796)

    other = dataclasses.replace(digits, origin="another set", items=fewer, content=lambda: "fewer")
    with pytest.raises(ValueError, match=r"started on other images .* than those found now \(another set\)"):
        training.train(trained, recipe.override(steps=9), other)


def test_unknown_loss_leaves_nothing_behind(tmp_path, recipe, digits):
    with pytest.raises(ValueError, match="loss='wgan' is unknown; known: minimax, non_saturating"):
        training.train(Run(tmp_path / "run"), recipe.override(loss="wgan"), digits)
    assert not (tmp_path / "run").exists()


def test_d_steps_bfloat16_and_tensorboard_train(tmp_path, recipe, digits):
    run = Run(tmp_path / "run")
    changes = {"d_steps": 2, "precision": "mixed_bfloat16", "loss": "minimax", "steps": 2}
    assert training.train(run, recipe.override(**changes), digits, tensorboard=True).finished
    assert list((run.path / "tensorboard").rglob("events*"))
    assert float(_rows(run)[-1]["g_loss"]) < 0  # minimax: log(1 - D(G(z)))
