import csv
import dataclasses
import itertools
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from kgan import cli, models
from kgan.data import cache, sources
from kgan.gan import generate
from kgan.runs import checkpoints, loop
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError
from kgan.scoring import judge

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
    assert loop.train(run, recipe, digits).finished
    return run


@pytest.fixture
def trained(finished, tmp_path):
    """A finished run of one's own, to change."""
    return Run(shutil.copytree(finished.path, tmp_path / "run"))


def _rows(run):
    with run.log_file.open(newline="", encoding="utf-8") as log:
        return list(csv.DictReader(log))


def _restored(run):
    gan = loop.build_gan(run.recipe())
    run.restore(gan)
    parts = (gan.generator, gan.discriminator, gan.g_optimizer, gan.d_optimizer, gan.ema_generator)
    return np.concatenate([np.asarray(v, np.float64).ravel() for part in parts for v in part.variables])


def test_train_fills_the_run_directory(trained, recipe):
    rows = _rows(trained)
    assert list(rows[0]) == ["step", "epoch", "d_loss", "g_loss", "D(x)", "D(G(z))"]
    assert [int(row["step"]) for row in rows] == [3, 6, 7]
    assert float(rows[1]["epoch"]) == pytest.approx(12 / trained.config()["data"]["images"], abs=1e-4)
    assert all(0 < float(row[name]) < 1 for row in rows for name in ("D(x)", "D(G(z))"))
    assert trained.sample_files() == [trained.sample_file(step) for step in (0, 3, 6, 7)]
    assert Image.open(trained.gif_file).n_frames == 4
    assert Image.open(trained.samples / "reals.png").size == (8 * 30 + 2, 8 * 30 + 2)
    config = json.loads(trained.config_file.read_text())
    assert config["data"]["origin"] == "scikit-learn's 8×8 digits, enlarged"
    assert config["data"]["images"] == 1797 - 174
    assert set(config["versions"]) == {"kgan", "python", "tensorflow", "keras", "numpy", "cpu", "threads"}
    assert trained.recipe() == recipe


def _same_in_keras_own_layers(generator_file, ours, z):
    """The file's weights are ours bit for bit; Keras' own kernels round differently."""
    loaded = keras.models.load_model(generator_file)
    for theirs, weight in zip(loaded.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(theirs, weight)
    np.testing.assert_allclose(loaded(z, training=False), ours(z, training=False), atol=2e-6)


def test_generator_file_holds_the_average_bit_for_bit(trained):
    z = np.random.default_rng(0).normal(size=(64, 100)).astype(np.float32)
    gan = loop.build_gan(trained.recipe())
    trained.restore(gan)
    _same_in_keras_own_layers(trained.generator_file, gan.ema_generator, z)
    rebuilt = models.build_generator(trained.recipe())
    trained.load_generator(rebuilt)
    expected = gan.ema_generator(z, training=False)
    np.testing.assert_array_equal(rebuilt(z, training=False), expected)
    assert not np.array_equal(gan.generator(z, training=False), expected)


def test_extended_run_equals_the_uninterrupted_one(tmp_path, recipe, digits, trained):
    parts = Run(tmp_path / "parts")
    for steps in (3, 4, 7):  # stops at a tick end, then inside a tick
        assert loop.train(parts, recipe.override(steps=steps), digits).finished
    np.testing.assert_array_equal(_restored(parts), _restored(trained))
    assert [int(row["step"]) for row in _rows(parts)] == [3, 4, 6, 7]
    assert parts.recipe().steps == 7


def test_lost_work_is_done_again_without_double_rows(trained, recipe, digits):
    rows = _rows(trained)
    final = _restored(trained)
    with trained.log_file.open("a", encoding="utf-8") as log:
        log.write("9,0,0,0,0,0\n")  # as after a kill behind the last checkpoint
    assert loop.train(trained, recipe.override(steps=9), digits).finished
    assert _rows(trained)[:3] == rows
    assert [int(row["step"]) for row in _rows(trained)] == [3, 6, 7, 9]
    assert not np.array_equal(_restored(trained), final)


def test_complete_run_is_left_as_it_is(trained, recipe, digits, capsys):
    before = {path: path.read_bytes() for path in (trained.log_file, trained.generator_file)}
    assert loop.train(trained, recipe, digits).finished
    assert "complete at step 7" in capsys.readouterr().err
    assert all(path.read_bytes() == content for path, content in before.items())


def test_other_images_are_refused(trained, recipe, digits):
    def fewer():
        return itertools.islice(digits.items(), 1700)

    other = dataclasses.replace(digits, origin="another set", items=fewer, content=lambda: "fewer")
    with pytest.raises(ValueError, match=r"started on other images .* than those found now \(another set\)"):
        loop.train(trained, recipe.override(steps=9), other)


def test_unknown_loss_leaves_nothing_behind(tmp_path, recipe, digits):
    with pytest.raises(ValueError, match="loss='wgan' is unknown; known: minimax, non_saturating"):
        loop.train(Run(tmp_path / "run"), recipe.override(loss="wgan"), digits)
    assert not (tmp_path / "run").exists()


def test_d_steps_bfloat16_and_tensorboard_train(tmp_path, recipe, digits):
    run = Run(tmp_path / "run")
    changes = {"d_steps": 2, "precision": "mixed_bfloat16", "loss": "minimax", "steps": 2}
    assert loop.train(run, recipe.override(**changes), digits, tensorboard=True).finished
    assert list((run.path / "tensorboard").rglob("events*"))
    assert float(_rows(run)[-1]["g_loss"]) < 0  # minimax: log(1 - D(G(z)))


def test_closed_form_model_is_fitted_once_by_the_same_call(tmp_path, digits, capsys):
    run, recipe = Run(tmp_path / "run"), models.recipe("pca", "digits")
    assert loop.train(run, recipe, digits).finished
    assert "Fitted to 1,623 images in" in capsys.readouterr().err
    assert run.sample_files() == [run.sample_file(1)]
    assert sorted(path.name for path in run.path.glob("[!.]*")) == ["config.json", "generator.keras", "samples"]
    assert run.recipe() == recipe
    before = run.generator_file.read_bytes()
    assert loop.train(run, recipe, digits).finished
    assert "is complete" in capsys.readouterr().err
    assert run.generator_file.read_bytes() == before
    with pytest.raises(ValueError, match="started with latent_dim=100 not 50"):
        loop.train(run, recipe.override(latent_dim=50), digits)
    generator = models.build_generator(recipe)
    run.load_generator(generator)
    samples = generate(generator, range(200))
    real = cache.prepare(digits, image_size=28, channels=1).images
    assert np.abs(samples.mean(axis=0) - real.mean(axis=0)).mean() < 20  # of 255: the mean digit is in them


def test_own_pictures_train_and_what_was_left_out_is_in_the_config(tmp_path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(8):
        Image.new("RGB", (40, 30), (30 * number, 0, 99)).save(photos / f"{number}.jpg")
    (photos / "broken.jpg").write_bytes(b"no picture")
    recipe = models.recipe("gan_nn").override(dataset=None, data=str(photos), image_size=6, channels=3, steps=2,
                                              batch_size=4, flip=True)
    run, source = Run(tmp_path / "run"), sources.locate(None, str(photos))
    with pytest.raises(ValueError, match="1 of 9 pictures in folder photos can't be used: broken.jpg"):
        loop.train(run, recipe, source)
    assert not run.exists()
    assert loop.train(run, recipe.override(skip_bad=True), source).finished
    config = run.config()
    assert (config["data"]["origin"], config["data"]["images"], config["data"]["left_out"]) == ("folder photos", 8, 1)
    assert Image.open(run.sample_file(2)).mode == "RGB"


def test_expected_time_is_printed_once_after_the_first_tick(tmp_path, digits, capsys):
    recipe = models.recipe("gan_nn", "digits").override(steps=6, tick=2)
    loop.train(Run(tmp_path / "run"), recipe, digits)
    error = capsys.readouterr().err
    assert error.count("Expected on this machine: under a minute for 6 steps, at ") == 1


def test_sgd_is_plain_and_adam_is_radfords():
    sgd, adam = (loop.build_gan(models.recipe(name, "digits")).g_optimizer for name in ("gan_nn", "dcgan"))
    assert (type(sgd), float(sgd.learning_rate), sgd.momentum) == (keras.optimizers.SGD, pytest.approx(0.1), 0.0)
    assert isinstance(adam, keras.optimizers.Adam)
    assert (float(adam.learning_rate), adam.beta_1) == (pytest.approx(2e-4), 0.5)


@pytest.mark.parametrize("model", [name for name in models.names() if models.recipe(name).adversarial])
def test_every_model_trains_resumes_and_reloads(tmp_path, digits, model):
    recipe = models.recipe(model, "digits").override(batch_size=2, steps=1)
    run = Run(tmp_path / "run")
    assert loop.train(run, recipe, digits).finished
    assert loop.train(run, recipe.override(steps=2), digits).step == 2
    row = _rows(run)[-1]
    assert all(np.isfinite(float(value)) for value in row.values())
    z = np.random.default_rng(0).normal(size=(2, recipe.latent_dim)).astype(np.float32)
    gan = loop.build_gan(recipe)
    run.restore(gan)
    rebuilt = models.build_generator(recipe)
    run.load_generator(rebuilt)
    np.testing.assert_array_equal(rebuilt(z, training=False), gan.sampler(z, training=False))
    _same_in_keras_own_layers(run.generator_file, gan.sampler, z)


def test_flip_of_the_recipe_reaches_the_stream(tmp_path, digits):
    recipe = models.recipe("gan_nn", "digits").override(steps=1, batch_size=16)
    for name, flip in (("plain", False), ("flipped", True)):
        loop.train(Run(tmp_path / name), recipe.override(flip=flip), digits)
    plain, flipped = (_rows(Run(tmp_path / name))[0] for name in ("plain", "flipped"))
    assert plain["D(x)"] != flipped["D(x)"]
    assert plain["D(G(z))"] == flipped["D(G(z))"]


@pytest.fixture
def evaluated(tmp_path, digits, recipe, monkeypatch):
    """Trains with evaluations, by a judge that learns for a moment only."""
    monkeypatch.setattr(judge, "STEPS", 20)

    def train(name, **changes):
        run = Run(tmp_path / name)
        loop.train(run, recipe.override(**({"evaluate_every": 3} | changes)), digits)
        return run

    return train


def test_evaluations_are_in_the_log_and_the_best_is_kept(evaluated, capsys):
    run = evaluated("run", steps=10)
    rows = _rows(run)
    assert list(rows[0])[-3:] == ["modes", "class_kl", "fcd"]
    assert [int(row["step"]) for row in rows if row["fcd"]] == [3, 6, 9]
    best = min((float(row["fcd"]), int(row["step"])) for row in rows if row["fcd"])
    assert checkpoints.steps(run.best) == [best[1]]
    assert run.lowest("fcd") == best[0]
    held_out = 1797 - run.config()["data"]["images"]
    assert held_out > 300  # a tenth for the test, and a tenth of the rest for validation
    assert run.plot_file.stat().st_size > 1000
    err = capsys.readouterr().err
    assert err.count("Step 3: not trained yet: pixels vary") == 1
    assert err.count("not trained yet") == 1  # said once, not three times


def test_evaluating_more_often_changes_nothing_else(evaluated):
    often, seldom = evaluated("often", steps=6), evaluated("seldom", steps=6, evaluate_every=6)
    np.testing.assert_array_equal(_restored(often), _restored(seldom))


def test_resumed_run_evaluates_as_the_uninterrupted_one_and_keeps_the_best(evaluated):
    whole, parts = evaluated("whole", steps=9), evaluated("parts", steps=6)
    evaluated("parts", steps=9)
    assert _rows(whole) == _rows(parts)
    assert sorted(path.name for path in whole.best.iterdir()) == sorted(path.name for path in parts.best.iterdir())


def test_evaluation_cannot_begin_in_the_middle_of_a_run(trained, recipe, digits):
    with pytest.raises(UserError, match="started with evaluate_every=None not 3"):
        loop.train(trained, recipe.override(evaluate_every=3), digits)


def test_generator_of_an_earlier_checkpoint_is_that_of_its_time(tmp_path, recipe, digits):
    run = Run(tmp_path / "run")
    loop.train(run, recipe.override(steps=3), digits)
    early = generate(cli.open_generator(run.path), range(4))
    loop.train(run, recipe.override(steps=6), digits)
    late = generate(cli.open_generator(run.path), range(4))
    assert np.abs(early.astype(int) - late).max() > 0
    np.testing.assert_array_equal(generate(cli.open_generator(run.path, 3), range(4)), early)
    np.testing.assert_array_equal(generate(cli.open_generator(run.path, 6), range(4)), late)
    with pytest.raises(UserError, match=r"has no checkpoint of step 4: there are 3, 6"):
        cli.open_generator(run.path, 4)


def test_other_versions_are_shown_and_the_run_goes_on(trained, recipe, digits, capsys):
    config = trained.config()
    trained.write_config(config | {"versions": config["versions"] | {"tensorflow": "2.0.0", "threads": "96"}})
    assert loop.train(trained, recipe.override(steps=8), digits).finished
    err = capsys.readouterr().err
    assert f"Note: this run was started with tensorflow 2.0.0 then, {config['versions']['tensorflow']} now; " in err
    assert f"threads 96 then, {config['versions']['threads']} now. It goes on, but no longer bit for bit." in err


def test_run_of_the_format_before_draws_but_is_not_trained(trained, recipe, digits):
    expected = generate(cli.open_generator(trained.path), range(3))
    trained.write_config(trained.config() | {"format": 1})
    shutil.rmtree(trained.checkpoints)
    np.testing.assert_array_equal(generate(cli.open_generator(trained.path), range(3)), expected)
    assert trained.logged_step() == 7
    with pytest.raises(UserError, match=r"is a run of format 1, whose checkpoints this version doesn't read"):
        loop.train(trained, recipe.override(steps=8), digits)


def test_killed_before_its_pictures_a_complete_run_draws_them(trained, recipe, digits):
    before = trained.gif_file.read_bytes(), trained.sample_file(7).read_bytes()
    for path in (trained.gif_file, trained.plot_file, trained.sample_file(7), trained.generator_file):
        path.unlink()
    assert loop.train(trained, recipe, digits).finished
    assert (trained.gif_file.read_bytes(), trained.sample_file(7).read_bytes()) == before
    assert trained.plot_file.exists()
    assert trained.generator_file.exists()


def test_disk_that_fails_is_one_sentence_with_the_safe_step(trained, recipe, digits, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.np, "savez", full)
    with pytest.raises(OSError, match=r"^workdir=.* can't be written \(No space left on device\); the checkpoint of "
                                      r"step 7 is safe: make room, then start the same command again\.$"):
        loop.train(trained, recipe.override(steps=9), digits)
    monkeypatch.undo()
    assert checkpoints.newest(trained.checkpoints) == (7, {})
    assert loop.train(trained, recipe.override(steps=9), digits).step == 9
