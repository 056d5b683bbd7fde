"""A run that is started again: longer, complete, after a kill, on another machine, on a full disk."""

import dataclasses
import itertools
import shutil

import keras
import numpy as np
import pytest
from contents import restored, rows

from kgan import augment, models
from kgan.runs import branch, checkpoints, loop, monitoring, replay
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


def test_extended_run_equals_the_uninterrupted_one(tmp_path, recipe, digits, trained):
    parts = Run(tmp_path / "parts")
    for steps in (3, 4, 7):  # stops at a tick end, then inside a tick
        assert loop.train(parts, recipe.override(steps=steps), digits).finished
    np.testing.assert_array_equal(restored(parts), restored(trained))
    assert [int(row["step"]) for row in rows(parts)] == [3, 4, 6, 7]
    assert parts.recipe().steps == 7


def test_lost_work_is_done_again_without_double_rows(trained, recipe, digits):
    table = rows(trained)
    final = restored(trained)
    with trained.log_file.open("a", encoding="utf-8") as log:
        log.write("9,0,0,0,0,0\n")  # as after a kill behind the last checkpoint
    assert loop.train(trained, recipe.override(steps=9), digits).finished
    assert rows(trained)[:3] == table
    assert [int(row["step"]) for row in rows(trained)] == [3, 6, 7, 9]
    assert not np.array_equal(restored(trained), final)


def _without_the_header(text):
    return text[text.index(b"\n") + 1:]


@pytest.mark.parametrize("tear", [lambda text: b"", lambda text: text[:7], _without_the_header])
def test_log_that_lost_its_header_gets_one(trained, recipe, digits, tear):
    header, *_ = trained.log_file.read_text().splitlines()
    trained.log_file.write_bytes(tear(trained.log_file.read_bytes()))
    assert loop.train(trained, recipe.override(steps=9), digits).finished
    first, *others = trained.log_file.read_text().splitlines()
    assert first == header
    assert [row.split(",")[0] for row in others] == ["9"]
    assert trained.logged_step() == 9


def test_complete_run_is_left_as_it_is(trained, recipe, digits, capsys):
    before = {path: path.read_bytes() for path in (trained.log_file, trained.config_file, trained.gif_file)}
    weights = keras.models.load_model(trained.generator_file).get_weights()
    assert loop.train(trained, recipe, digits).finished
    assert "complete at step 7" in capsys.readouterr().err
    assert all(path.read_bytes() == content for path, content in before.items())
    for now, then in zip(keras.models.load_model(trained.generator_file).get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)


class _Killed(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        raise KeyboardInterrupt


@pytest.mark.parametrize("steps", [7, 9])
def test_killed_between_checkpoint_and_generator_the_generator_is_written(tmp_path, trained, recipe, digits, steps):
    """In the complete run, and in one that goes on and is killed again before its next checkpoint."""
    early = Run(tmp_path / "early")
    loop.train(early, recipe.override(steps=1), digits)
    expected = keras.models.load_model(trained.generator_file).get_weights()
    shutil.copy(early.generator_file, trained.generator_file)
    try:
        loop.train(trained, recipe.override(steps=steps), digits, callbacks=[_Killed()])
    except KeyboardInterrupt:
        assert steps == 9
    for weight, of_checkpoint in zip(keras.models.load_model(trained.generator_file).get_weights(), expected,
                                     strict=True):
        np.testing.assert_array_equal(weight, of_checkpoint)


def test_killed_before_its_pictures_a_complete_run_draws_them(trained, recipe, digits):
    before = trained.gif_file.read_bytes(), trained.sample_file(7).read_bytes()
    for path in (trained.gif_file, trained.plot_file, trained.sample_file(7), trained.generator_file):
        path.unlink()
    assert loop.train(trained, recipe, digits).finished
    assert (trained.gif_file.read_bytes(), trained.sample_file(7).read_bytes()) == before
    assert trained.plot_file.exists()
    assert trained.generator_file.exists()


def test_other_images_are_refused(trained, recipe, digits):
    def fewer():
        return itertools.islice(digits.items(), 1700)

    other = dataclasses.replace(digits, origin="another set", items=fewer, content=lambda: "fewer")
    with pytest.raises(UserError, match=r"started on other images .* than those found now \(another set\)"):
        loop.train(trained, recipe.override(steps=9), other)


def test_evaluation_cannot_begin_in_the_middle_of_a_run(trained, recipe, digits):
    with pytest.raises(UserError, match="started with evaluate_every=None not 3"):
        loop.train(trained, recipe.override(evaluate_every=3), digits)


def test_other_versions_are_shown_and_the_run_goes_on(trained, recipe, digits, capsys):
    config = trained.config()
    trained.write_config(config | {"versions": config["versions"] | {"tensorflow": "2.0.0", "threads": "96"}})
    assert loop.train(trained, recipe.override(steps=8), digits).finished
    err = capsys.readouterr().err
    assert f"Note: this run was started with tensorflow 2.0.0 then, {config['versions']['tensorflow']} now; " in err
    assert f"threads 96 then, {config['versions']['threads']} now. It goes on, but no longer bit for bit." in err


def test_variable_that_the_user_had_set_and_has_no_more_is_shown(trained, recipe, digits, capsys):
    config = trained.config()
    trained.write_config(config | {"versions": config["versions"] | {"TF_NUM_INTRAOP_THREADS": "1"}})
    assert loop.train(trained, recipe, digits).finished
    assert "started with TF_NUM_INTRAOP_THREADS 1 then, unset now. It goes on" in capsys.readouterr().err


@pytest.mark.parametrize("kept", [["kgan", "python", "tensorflow", "keras", "numpy"], []])
def test_config_from_before_newer_facts_is_no_reason_for_a_note(trained, recipe, digits, kept, capsys):
    config = trained.config()
    trained.write_config(config | {"versions": {name: config["versions"][name] for name in kept}})
    assert loop.train(trained, recipe, digits).finished
    assert "Note" not in capsys.readouterr().err


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


@pytest.mark.parametrize("loss", ["relativistic", "non_saturating"])
def test_the_probability_of_augmentation_goes_on_and_is_replayed_and_branched(tmp_path, digits, monkeypatch, loss):
    """As all else of a run that is stopped at a tick's end, and inside of one. An untrained D calls half real."""
    monkeypatch.setattr(augment, "CROSSING", 100)
    monkeypatch.setattr(monitoring.Gap, "measure", lambda self, gan, steady: 1.0)
    recipe = models.recipe("gan", "digits").override(batch_size=2, steps=7, tick=3, ema_decay=0.5, watch_every=None,
                                                     augment="translation,cutout", augment_target=0.0, loss=loss)
    whole, parts, on = (Run(tmp_path / name) for name in ("whole", "parts", "on"))
    loop.train(whole, recipe, digits, checkpoint_seconds=0.0)
    for steps in (4, 7):
        loop.train(parts, recipe.override(steps=steps), digits)
    with np.load(parts.checkpoints / "step-7" / "state.npz") as ours, np.load(
            whole.checkpoints / "step-7" / "state.npz") as theirs:
        assert {*ours} == {*theirs}
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])
        probability = float(ours["augment/000"])
    if loss == "relativistic":
        assert [float(row["augment_p"]) for row in rows(whole)] == [0.0, 0.06, 0.12]  # of whole ticks of six images
        assert probability == pytest.approx(0.12)
    else:
        assert 0 < probability <= 0.14  # each step of two images moved it
    assert replay.replay(whole, digits, replay.open_data(whole, digits), replay.Window(3, 6)).differences == []
    loop.train(on, recipe, digits, branch.Branch(whole, 6))
    np.testing.assert_array_equal(restored(on), restored(whole))


def test_a_run_without_adaptive_augmentation_keeps_no_probability(trained):
    with np.load(trained.checkpoints / "step-7" / "state.npz") as state:
        assert not [name for name in state if name.startswith("augment")]
