"""Replaying finds what is genuine, and what was forged. Every forgery has a manifest that fits."""

import hashlib
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from kgan import models
from kgan.commands import replay as replay_command
from kgan.data import sources
from kgan.runs import branch, checkpoints, loop, replay
from kgan.runs.directory import Run
from kgan.runs.replay import Window
from kgan.runs.training_data import prepare
from kgan.runtime import files, machine
from kgan.runtime.errors import UserError

STEPS = [3, 6, 7]  # of the checkpoints


@pytest.fixture(scope="module")
def small():
    """Of a run that compiles and trains in seconds, with dropout, both optimizers and a moving average."""
    return models.recipe("gan", "digits").override(batch_size=2, steps=7, tick=3, sample_every=3, ema_decay=0.5,
                                                   watch_every=None)


@pytest.fixture(scope="module")
def kept(tmp_path_factory, small):
    run = Run(tmp_path_factory.mktemp("kept") / "run")
    loop.train(run, small, sources.locate("digits"), checkpoint_seconds=0.0)
    assert checkpoints.steps(run.checkpoints) == STEPS
    return run


@pytest.fixture
def run(kept, tmp_path):
    """A run of one's own, to forge."""
    return Run(shutil.copytree(kept.path, tmp_path / "run"))


def _replay(run, *windows):
    source = sources.locate("digits")
    data = replay.open_data(run, source)
    return [replay.replay(run, source, data, Window(*window)) for window in windows]


@pytest.fixture
def compared(run, kept):
    """Compares a window of `run` with the genuine one, which is what training it again gives."""
    return lambda start, end: replay.compare(run, run.checkpoints, kept, Window(start, end))


def _everything(run):
    return {str(path): (path.stat().st_mtime_ns, path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest())
            for path in (run.path, *run.path.rglob("*"))}


def _forge_config(run, section, **changes):
    config = json.loads(run.config_file.read_text())
    config[section] |= changes
    run.config_file.write_text(json.dumps(config))


def _forge_log(run, old, new):
    text = run.log_file.read_text()
    assert re.search(old, text)
    run.log_file.write_text(re.sub(old, new, text))


def _forge_checkpoint(run, step, name, change):
    place = run.checkpoints / f"step-{step}"
    with np.load(place / checkpoints.STATE) as archive:
        state = dict(archive)
    state[name] = change(state[name])
    with files.committing(place) as temporary:
        np.savez(temporary / checkpoints.STATE, **state)


def _nudged(array):
    """One weight by its last bit."""
    array.flat[5] = np.nextafter(array.flat[5], np.float32(9))
    return array


def test_a_run_that_was_trained_is_what_its_recipe_makes(command, kept, capsys):
    before = _everything(kept)
    assert command(replay_command, kept.path, windows=9) is None
    assert _everything(kept) == before
    said = capsys.readouterr().out
    assert "To train again: steps 0 to 3, 3 to 6 and 6 to 7, 7 in all." in said
    assert "Steps 0 to 3: the same bits. About 1 min left." in said
    assert ("Steps 0 to 3, 3 to 6 and 6 to 7 are what this recipe makes of these data, bit for bit: networks, "
            "optimizers, 3 rows of the log, 6 sample grids.") in said


def test_a_forged_log_is_named(run, compared):
    _forge_log(run, r"(?m)^6,([^,]*),[^,]*,", r"6,\1,0.25,")
    found = compared(3, 6)
    (said,) = found.differences
    assert re.match(r"log\.csv differs from step 6 on: d_loss is 0\.25 there, and \d\.\d+ trained again$", said)
    assert (found.largest, found.rows) == (0.0, 1)
    assert compared(6, 7).differences == compared(0, 3).differences == []


def test_rows_that_were_taken_out_or_put_in_are_named(run, compared):
    _forge_log(run, r"(?m)^6,(.*\n)", r"5,\1")
    assert compared(3, 6).differences == ["log.csv differs from step 5 on: training writes no row at that step"]
    _forge_log(run, r"(?m)^5,.*\n", "")
    assert compared(3, 6).differences == ["log.csv differs from step 6 on: a row of that step is missing"]


def test_a_forged_checkpoint_is_named_by_one_bit(run, compared):
    _forge_checkpoint(run, 6, "ema_generator/002", _nudged)
    assert replay.damaged(run) == []  # its manifest fits
    found = compared(3, 6)
    (said,) = found.differences
    assert re.match(r"the checkpoint of step 6 differs in ema_generator \(largest relative difference: \d.*e-\d+\)$",
                    said)
    assert 0 < found.largest < 1e-6


@pytest.mark.slow
def test_from_a_forged_checkpoint_other_bits_follow(run):
    _forge_checkpoint(run, 6, "generator/000", lambda array: array * 1.5)
    log_file, grid, state = _replay(run, (6, 7))[0].differences
    assert grid == "samples/step_000007.png shows other pictures"
    assert log_file.startswith("log.csv differs from step 7 on: ")
    assert state.startswith("the checkpoint of step 7 differs in generator, ")


def test_a_checkpoint_whose_bytes_were_changed_is_named(command, run, capsys):
    file = run.checkpoints / "step-6" / checkpoints.STATE
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert command(replay_command, run.path) == 1
    assert "The checkpoint of step 6 is not what was written: state.npz is not what was written." in \
        capsys.readouterr().out


@pytest.mark.parametrize(("changes", "window", "said"), [
    ({"beta_1": 0.4}, (3, 6), "log.csv differs from step 6 on: "),
    pytest.param({"seed": 1}, (0, 3), "log.csv differs from step 3 on: ", marks=pytest.mark.slow),
    ({"g_learning_rate": 0.5}, (3, 6), "the checkpoint of step 3 has a learning rate (g_optimizer) of "),
    ({"latent_dim": 50}, (3, 6), "the checkpoint of step 3 is of other networks or optimizers than the recipe's")])
def test_a_forged_recipe_is_named(run, changes, window, said):
    _forge_config(run, "recipe", **changes)
    (found,) = _replay(run, window)
    assert found.differences[0].startswith(said), found.differences
    assert found.largest > 1e-6


def test_data_that_are_said_to_be_others_are_noticed(command, run, capsys):
    _forge_config(run, "data", sha256="0" * 64)
    assert command(replay_command, run.path) == 2
    assert f"can't be judged: the data are others: config.json names images of SHA-256 {'0' * 64}, and scikit-learn's" \
        in capsys.readouterr().err


def test_a_run_of_other_data_is_found_by_its_bits(run, tmp_path):
    """Trained on digits, and said to be of noise, with the noise's hash."""
    folder = tmp_path / "noise"
    folder.mkdir()
    for number in range(12):
        noise = np.random.default_rng(number).integers(0, 256, (28, 28), np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    source = sources.locate(None, str(folder))
    _forge_config(run, "recipe", dataset=None, data=str(folder))
    _forge_config(run, "data", sha256=prepare(source, run.recipe()).facts["sha256"])
    found = replay.replay(run, source, replay.open_data(run, source), Window(3, 6))
    assert found.differences[0].startswith("log.csv differs from step 6 on: ")


def test_a_forged_grid_is_named(run, compared):
    with Image.open(run.sample_file(6)) as picture:
        picture.transpose(Image.Transpose.ROTATE_180).save(run.sample_file(6))
    assert compared(3, 6).differences == ["samples/step_000006.png shows other pictures"]


def test_another_machine_can_not_judge_but_may_confirm(command, run, compared, monkeypatch, capsys):
    monkeypatch.setattr(replay, "replay", lambda run, source, data, window: compared(*window))
    _forge_config(run, "versions", cpu="Another One 3000")
    assert command(replay_command, run.path, windows=1, longest=1) is None
    assert "Note: the run was started on something else (cpu Another One 3000 then, " in capsys.readouterr().out
    _forge_checkpoint(run, 7, "generator/000", lambda array: array * 1.5)
    assert command(replay_command, run.path, windows=1, longest=1) == 2
    said = capsys.readouterr().out
    assert "Steps 6 to 7 are not what this recipe makes of these data on this machine:\n  the checkpoint of" in said
    assert "The largest relative difference of weights and optimizers is 0.5." in said
    _forge_config(run, "versions", cpu=machine.cpu())
    assert command(replay_command, run.path, windows=1, longest=1) == 1


@pytest.mark.slow
def test_a_run_that_was_ended_inside_a_tick_and_made_longer(run, small):
    loop.train(run, small.override(steps=9), sources.locate("digits"), checkpoint_seconds=0.0)
    shutil.rmtree(run.checkpoints / "step-7")
    (found,) = _replay(run, (6, 9))
    assert (found.differences, found.rows) == ([], 2)  # 7 and 9


def test_windows_are_chosen_by_the_seed(run):
    for step in (9, 12, 15, 21):
        shutil.copytree(run.checkpoints / "step-7", run.checkpoints / f"step-{step}")
    every = replay.windows(run, 99)
    assert every == [(0, 3), (3, 6), (6, 7), (7, 9), (9, 12), (12, 15), (15, 21)]
    chosen = {tuple(replay.windows(run, 2, seed)) for seed in range(40)}
    assert len(chosen) > 10 and all(len(one) == 2 and one[0] < one[1] for one in chosen)
    assert replay.windows(run, 2, 5) == replay.windows(run, 2, 5)
    assert replay.windows(run, 99, longest=2) == [(6, 7), (7, 9)]
    with pytest.raises(UserError, match="longest=0: the windows of .* have 1 steps and more; give a larger --longest"):
        replay.windows(run, 2, longest=0)


@pytest.mark.slow
def test_of_a_branch_the_beginning_is_no_function_of_the_recipe(kept, run, small, tmp_path):
    going_on = Run(tmp_path / "branch")
    loop.train(going_on, small.override(steps=9), sources.locate("digits"), branch.Branch(kept, 6),
               checkpoint_seconds=0.0)
    assert replay.windows(going_on, 9) == [(6, 9)]
    assert _replay(going_on, (6, 9))[0].differences == []
    loop.train(Run(tmp_path / "anew"), small.override(steps=3), sources.locate("digits"), branch.Branch(run, 6, True),
               checkpoint_seconds=0.0)
    shutil.rmtree(run.path)  # its networks are kept at step 0
    assert _replay(Run(tmp_path / "anew"), (0, 3))[0].differences == []


@pytest.mark.parametrize(("place", "said"), [
    ("preset:mnist", "preset:mnist is a preset, which keeps no optimizers"),
    ("preset:pca", "preset:pca is a preset"), ("nowhere", "is not a run directory"), (None, "give one run directory")])
def test_what_can_not_be_replayed_is_a_sentence(command, place, said, capsys):
    assert command(replay_command, *([] if place is None else [place])) == 2
    assert f"can't be judged: {said}" in capsys.readouterr().err.replace("'nowhere' ", "")


def test_without_checkpoints_it_says_what_to_do(run):
    for step in STEPS:
        shutil.rmtree(run.checkpoints / f"step-{step}")
    with pytest.raises(UserError, match="keeps no two checkpoints to train between; train with a larger --keep"):
        replay.windows(run, 2)


def test_a_checkpoint_that_a_running_run_removed_meanwhile_is_a_sentence(run):
    shutil.rmtree(run.checkpoints / "step-3")
    for window in ((3, 6), (0, 3)):  # its start, or its end
        with pytest.raises(UserError, match="step-3 is gone: the run goes on, and keeps few checkpoints"):
            _replay(run, window)
