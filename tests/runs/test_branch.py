"""Runs that go on from another's checkpoint, runs of some minutes, and what is watched on the way."""

import numpy as np
import pytest

from kgan import models, presets
from kgan.data import sources
from kgan.runs import branch, checkpoints, clock, log, loop, setup
from kgan.runs.build import build_gan
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


def _state(run, step):
    with np.load(run.checkpoints / f"step-{step}" / checkpoints.STATE) as state:
        return dict(state)


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    """A run of 4 steps of two ticks, with a checkpoint of each."""
    run = Run(tmp_path_factory.mktemp("trunk") / "run")
    recipe = models.recipe("dcgan", "digits").override(steps=4, batch_size=2, tick=2)
    loop.train(run, recipe, sources.locate("digits"), checkpoint_seconds=0)
    return run


def _branch(trunk, workdir, text="", **given):
    job = setup.resolve({"steps": 6, **given}, str(workdir), init_from=f"{trunk.path}{text}")
    loop.train(*job, checkpoint_seconds=0)
    return job.run


def test_branch_without_changes_is_the_longer_run(trunk, tmp_path):
    whole = Run(tmp_path / "whole")
    loop.train(whole, trunk.recipe().override(steps=6), sources.locate("digits"))
    run = _branch(trunk, tmp_path / "branch", "@2")
    assert [row["step"] for row in log.read(run.log_file)] == [4, 6]
    assert log.read(run.log_file) == log.read(whole.log_file)[1:]
    expected = _state(whole, 6)
    found = _state(run, 6)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert run.sample_files()[0] == run.sample_file(2)


def test_branch_says_whence_it_comes_and_what_it_changes(trunk, tmp_path):
    first = _branch(trunk, tmp_path / "first", loss="relativistic", ema_decay=0.5)
    assert first.config()["branch"] == {"run": str(trunk.path), "step": 4, "before": None, "changed": {
        "loss": ["non_saturating", "relativistic"], "ema_decay": [None, 0.5]}}
    second = _branch(first, tmp_path / "second", "@6", steps=8)
    assert second.config()["branch"]["before"] == first.config()["branch"]
    assert second.recipe().loss == "relativistic"
    ema, plain = (_state(first, 4)[f"{part}/000"] for part in ("ema_generator", "generator"))
    np.testing.assert_array_equal(ema, plain)  # the average starts from the weights


@pytest.mark.parametrize("changes", [{"g_learning_rate": 0.5}, {"schedule": "cosine", "decay_images": 4}])
def test_branch_takes_the_rates_of_its_own_recipe(trunk, changes):
    recipe = trunk.recipe().override(**changes)
    gan = build_gan(recipe)
    branch.Branch(trunk, 4).restore(gan)
    rate = 0.5 if "g_learning_rate" in changes else 2e-4 * recipe.floor  # past the schedule's end
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(rate)
    state = _state(trunk, 4)
    slots = [variable for variable in gan.g_optimizer.variables if variable.name != "learning_rate"]
    for found, expected in zip(slots, [state[f"g_optimizer/{place:03}"] for place in (0, *range(2, len(slots) + 1))],
                               strict=True):
        np.testing.assert_array_equal(found, expected)


def test_branch_of_networks_with_other_arrays_is_refused(trunk):
    """Without dropout there are no states of its seeds: the arrays after them would be taken for others."""
    gan = build_gan(trunk.recipe().override(dropout=0.0))
    with pytest.raises(UserError, match=r"^a branch keeps networks and optimizers: of the discriminator it has 6 "
                                        r"arrays, and '.*/run' has 8\.$"):
        branch.Branch(trunk, 4).restore(gan)


def test_branch_goes_on_after_a_kill_without_its_trunk(trunk, tmp_path):
    run = _branch(trunk, tmp_path / "branch")
    config = run.config()
    run.write_config(config | {"branch": config["branch"] | {"run": str(tmp_path / "gone")}})
    loop.train(run, run.recipe().override(steps=8), sources.locate("digits"))
    assert run.last_step() == 8


def test_branch_mistakes_are_sentences(trunk, tmp_path):
    with pytest.raises(UserError, match="has no checkpoint of step 3; kept steps: 2, 4"):
        branch.parse(f"{trunk.path}@3")
    with pytest.raises(UserError, match="is not a run directory"):
        branch.parse(str(tmp_path))
    with pytest.raises(UserError, match="a branch keeps networks and optimizers: .*/run' has optimizer=adam not sgd"):
        _branch(trunk, tmp_path / "other", optimizer="sgd", beta_1=0.0)
    with pytest.raises(UserError, match="is a run already, from untrained networks; leave --init_from out"):
        setup.resolve({}, str(trunk.path), init_from=str(trunk.path))


def _from_preset(workdir, name="mnist", **given):
    given = {"dataset": "digits", "steps": 1, "batch_size": 4, "tick": 1, **given}
    return setup.resolve(given, str(workdir), init_from=f"preset:{name}")


def test_preset_gives_both_networks_and_its_recipe_and_no_optimizer(tmp_path, capsys):
    job = _from_preset(tmp_path / "run")
    assert (job.recipe.model, job.recipe.penalty, job.recipe.clusters) == ("dcgan_fast", "r1_r2", 128)
    assert "init_from       preset:mnist at step 25,000" in setup.describe(job)
    loop.train(*job, checkpoint_seconds=0)
    said = capsys.readouterr().err
    assert "The networks are those of preset:mnist; the optimizers start anew." in said
    assert "As it begins: " in said
    run, preset = job.run, Run("preset:mnist")
    kept, start, end = _state(preset, 25_000), _state(run, 0), _state(run, 1)
    facts = run.config()["branch"]
    assert (facts["run"], facts["step"], facts["sha256"]) == ("preset:mnist", 25_000, presets.SHA256["mnist"])
    assert facts["changed"]["dataset"] == ["mnist", "digits"]
    shares = 0
    for part, source in (("generator", "ema_generator"), ("ema_generator", "ema_generator"),
                         ("discriminator", "discriminator")):
        for name in (name for name in start if name.startswith(f"{part}/")):
            same = np.array_equal(start[name], kept[name.replace(part, source)].astype(start[name].dtype))
            shares += not same
            assert same or start[name].shape == (10, 12)  # the kinds' shares are those of the new run's data
    assert shares == 2
    slots = [start[name] for name in start if "optimizer" in name and start[name].ndim]
    assert len(slots) > 10 and not any(slot.any() for slot in slots)
    assert any(not np.array_equal(start[name], end[name]) for name in start if name.startswith("generator/"))
    assert [row["step"] for row in log.read(run.log_file)] == [1]
    again = _from_preset(tmp_path / "run", steps=2)
    loop.train(*again)
    assert run.last_step() == 2
    assert run.config()["branch"] == facts


def test_preset_mistakes_are_sentences(tmp_path):
    with pytest.raises(UserError, match="'preset:pca' is of pca, which is fitted in closed form"):
        _from_preset(tmp_path / "run", "pca")
    with pytest.raises(UserError, match="^'nope' is no preset; there are "):
        _from_preset(tmp_path / "run", "nope")
    with pytest.raises(UserError, match="has no checkpoint of step 3; kept steps: 25000"):
        _from_preset(tmp_path / "run", "mnist@3")
    with pytest.raises(UserError, match="^a branch keeps networks: 'preset:mnist' has latent_dim=64 not 32.$"):
        loop.train(*_from_preset(tmp_path / "run", latent_dim=32))
    assert not Run(tmp_path / "run").exists()


def test_minutes_set_the_length_and_leave_no_trace_in_the_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "CALIBRATION_SECONDS", 0.0)
    monkeypatch.setattr(clock.Clock, "on_epoch_end", lambda *_: None)  # else it would be fixed again
    monkeypatch.setattr(loop, "LONG_TICK", 1.0)
    measure = loop.Training.steps_within
    monkeypatch.setattr(loop.Training, "steps_within", lambda training, seconds: measure(training, seconds) and 4)
    recipe = models.recipe("dcgan", "digits").override(steps=1, batch_size=2, tick=2)
    timed, plain = Run(tmp_path / "timed"), Run(tmp_path / "plain")
    loop.train(timed, recipe, sources.locate("digits"), minutes=1.0)
    loop.train(plain, recipe.override(steps=4), sources.locate("digits"))
    assert timed.recipe() == plain.recipe()
    assert timed.log_file.read_bytes() == plain.log_file.read_bytes()
    found, expected = _state(timed, 4), _state(plain, 4)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_watch_logs_fcd_duplicates_and_shares_without_holding_images_out(tmp_path, monkeypatch):
    monkeypatch.setattr("kgan.scoring.judge.STEPS", 2)
    run = Run(tmp_path / "run")
    source = sources.locate("digits")
    recipe = models.recipe("dcgan", "digits").override(steps=6, batch_size=2, tick=2, watch_every=8 / 1623)
    loop.train(run, recipe, source)
    rows = log.read(run.log_file)
    assert run.config()["data"]["images"] == 1623
    assert ["train_fcd" in row for row in rows] == [False, True, False]  # every 4 steps
    shares = [rows[1][f"share_{number}"] for number in range(10)]
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert 0 <= rows[1]["duplicates"] <= 1


def test_a_log_of_fewer_columns_goes_on_with_more(tmp_path):
    file = tmp_path / "log.csv"
    file.write_bytes(b"step,d_loss\r\n1,2\r\n")
    log.append(file, {"step": 2, "d_loss": 3, "d_penalty": 4})
    assert log.read(file) == [{"step": 1, "d_loss": 2}, {"step": 2, "d_loss": 3, "d_penalty": 4}]
