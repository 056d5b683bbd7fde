import json
import os
import subprocess
import sys

import numpy as np
import pytest

from kgan import models
from kgan.data.stream import stream
from kgan.runs import checkpoints
from kgan.runs.directory import Run, check_resume
from kgan.runtime.errors import UserError


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.create(models.recipe("dcgan"))
    run.samples.mkdir()
    return run


def _state(gan):
    parts = (gan.generator, gan.discriminator, gan.g_optimizer, gan.d_optimizer, gan.ema_generator)
    return [np.asarray(variable) for part in parts for variable in part.variables]


def test_create_then_read_back(run):
    assert run.exists()
    assert run.recipe() == models.recipe("dcgan")
    assert json.loads(run.config_file.read_text())["format"] == 2


def test_config_errors_are_sentences(run, tmp_path):
    with pytest.raises(ValueError, match="is not a run directory"):
        Run(tmp_path / "nowhere").recipe()
    run.config_file.write_text('{"recipe": {"model"')
    with pytest.raises(ValueError, match=r"config.json' is damaged"):
        run.recipe()
    run.config_file.write_text('{"recipe": {"colour": 1}}')
    with pytest.raises(ValueError, match="not of this version of kgan"):
        run.recipe()


def test_check_free_refuses_files_and_foreign_directories(tmp_path):
    Run(tmp_path / "new" / "deeper").check_free()
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "below"):
        with pytest.raises(ValueError, match="is a file; choose another --workdir"):
            Run(path).check_free()
    with pytest.raises(ValueError, match="holds files but no config.json"):
        Run(tmp_path).check_free()
    assert file.read_text() == "mine"


def test_save_and_restore_bring_every_variable_back(run, toy_gan, toy_images):
    data = stream(toy_images, batch_size=4, seed=0)
    gan = toy_gan(ema_decay=0.9)
    gan.fit(data, steps_per_epoch=3, verbose=0)
    run.save(gan)
    saved = _state(gan)
    seeds = [variable for variable in gan.discriminator.variables if "seed_generator_state" in variable.path]
    assert len(seeds) == 1  # the dropout's, which plain tracking forgets
    other = toy_gan(ema_decay=0.9)
    other.fit(data, steps_per_epoch=1, verbose=0)
    assert Run(run.path).restore(other) == 3
    for old, new in zip(saved, _state(other), strict=True):
        np.testing.assert_array_equal(old, new)


def test_newest_checkpoint_that_verifies_is_taken_and_the_damaged_named(run, toy_gan, toy_batch, capsys):
    gan = toy_gan()
    for _ in range(11):
        gan.train_step(toy_batch)
        run.save(gan)
    state = run.checkpoints / "step-11" / "state.npz"
    state.write_bytes(state.read_bytes()[:-1])
    assert run.restore(toy_gan()) == 10
    assert "The checkpoint of step 11 is damaged (state.npz is not what was written) and left out." \
        in capsys.readouterr().err
    assert checkpoints.steps(run.checkpoints) == [9, 10]
    for step in (9, 10):
        (run.checkpoints / f"step-{step}" / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"every checkpoint in .* is damaged; bring one back"):
        run.restore(toy_gan())


def test_one_process_at_a_time_owns_a_run(run):
    with run.owned():
        code = ("import sys; from kgan.runs.directory import Run\n"
                "try:\n    with Run(sys.argv[1]).owned(): print('mine')\nexcept ValueError as error: print(error)")
        command = [sys.executable, "-c", code, str(run.path)]
        second = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert f"is in use by process {os.getpid()} on " in second
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "mine\n"


def test_owner_sweeps_what_killed_processes_left(run):
    (run.path / ".aside-log-x.csv").touch()
    (run.checkpoints / ".aside-step-9-x").mkdir(parents=True)
    (run.checkpoints / ".aside-step-9-x" / "state.npz").touch()
    with run.owned():
        assert list(run.checkpoints.iterdir()) == []
        assert not (run.path / ".aside-log-x.csv").exists()


def test_restore_without_a_checkpoint_is_step_0(run, toy_gan):
    assert run.restore(toy_gan()) == 0


def test_only_the_last_three_checkpoints_stay(run, toy_gan, toy_batch):
    gan = toy_gan()
    for _ in range(5):
        gan.train_step(toy_batch)
        run.save(gan)
    assert checkpoints.steps(run.checkpoints) == [3, 4, 5]


def test_trim_drops_rows_and_grids_after_the_step(run):
    run.log_file.write_text("step,d_loss\n5,1\n10,2\n15,3\n1")  # the last row was torn by a kill
    run.gif_file.touch()
    for step in (0, 10, 15, 1_000_000):
        run.sample_file(step).touch()
    run.trim(10)
    assert run.log_file.read_text().splitlines() == ["step,d_loss", "5,1", "10,2"]
    assert run.sample_files() == [run.sample_file(0), run.sample_file(10)]
    assert not run.gif_file.exists()


def test_check_resume_allows_only_a_longer_run():
    stored = models.recipe("dcgan").override(epochs=2)
    check_resume(stored, stored, images=640)
    check_resume(stored, stored.override(epochs=3), images=640)
    check_resume(stored, stored.override(steps=20), images=640)  # 2 epochs of 640 at batch 64 = 20 steps
    check_resume(stored, stored.override(data="moved/elsewhere.csv"), images=640)  # the content's hash counts
    with pytest.raises(ValueError, match=r"epochs=2 not None, steps=None not 19;"):
        check_resume(stored, stored.override(steps=19), images=640)
    with pytest.raises(ValueError, match=r"batch_size=64 not 32, seed=0 not 1;"):
        check_resume(stored, stored.override(seed=1, batch_size=32, epochs=9), images=640)


def test_scores_are_kept_until_more_images_are_scored(tmp_path, capsys):
    run = Run(tmp_path / "run")
    run.create(models.recipe("dcgan"))
    found = {"protocol": "", "notes": [], "numbers": {}, "yardsticks": {}, "verdict": []}
    run.save_scores(5, {**found, "count": 10_000})
    run.save_scores(5, {**found, "count": 100})
    assert "keeps its scores of 10,000 images" in capsys.readouterr().err
    assert run.scores(5)["count"] == 10_000
    run.save_scores(5, {**found, "count": 10_000, "protocol": "again"})
    assert run.scores(5)["protocol"] == "again"
    run.save_scores(7, {**found, "count": 10})
    run.trim(5)
    assert (run.scores(5) is None, run.scores(7)) == (False, None)


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, '{"count": 3}'])
def test_damaged_scores_are_a_sentence(tmp_path, content):
    run = Run(tmp_path / "run")
    run.create(models.recipe("dcgan"))
    run.scores_file(5).parent.mkdir()
    run.scores_file(5).write_text(content)
    with pytest.raises(UserError, match=r"step_000005.json' is damaged .*; remove it, or evaluate again"):
        run.scores(5)
    run.save_scores(5, {"protocol": "", "notes": [], "numbers": {}, "yardsticks": {}, "verdict": [], "count": 3})
    assert run.scores(5)["count"] == 3
