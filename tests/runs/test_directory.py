import contextlib
import json
import os
import subprocess
import sys

import keras
import pytest

from kgan import models
from kgan.runs import checkpoints, log, loop
from kgan.runs.directory import NotWrittenError, Run
from kgan.runtime.errors import UserError

FULL = OSError(28, "No space left on device")


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.create(models.recipe("dcgan"))
    run.samples.mkdir()
    return run


def test_create_then_read_back(run):
    assert run.exists()
    assert run.recipe() == models.recipe("dcgan")
    assert json.loads(run.config_file.read_text())["format"] == 5


def test_config_errors_are_sentences(run, tmp_path):
    with pytest.raises(UserError, match="^'.*nowhere' is not a run directory: there is no such directory; kgan train "):
        Run(tmp_path / "nowhere").recipe()
    run.config_file.write_text('{"recipe": {"model"')
    with pytest.raises(UserError, match=r"config.json' is damaged"):
        run.recipe()
    run.config_file.write_text('{"recipe": {"colour": 1}}')
    with pytest.raises(UserError, match="not of this version of kgan"):
        run.recipe()
    run.config_file.write_text('{"format": 2, "recipe": {"colour": 1}}')
    with pytest.raises(UserError, match=r"config.json' is not of this version of kgan \(.*'colour'\)"):
        run.recipe()


@pytest.mark.parametrize("section", ["recipe", "data", "versions"])
@pytest.mark.parametrize("value", [None, [], "dcgan", 3])
def test_section_that_is_no_object_is_one_sentence(run, section, value):
    run.write_config({**run.config(), section: value})
    for read in (run.config, run.recipe):
        with pytest.raises(UserError, match=f"config.json' is damaged: {section} is .*, and must be .* bring it"):
            read()


def test_config_with_a_recipe_alone_opens(run):
    """The smallest that says what the run is."""
    run.write_config({"format": 3, "recipe": models.recipe("gan").to_dict()})
    assert run.recipe() == models.recipe("gan")
    assert run.config()["versions"] == {}
    assert run.config()["data"] == {"origin": "unknown", "images": 0, "left_out": 0, "sha256": None}


def test_gan_of_earlier_versions_is_gan_maxout(run):
    run.write_config({"format": 2, "recipe": models.recipe("gan_maxout").to_dict() | {"model": "gan"}})
    assert run.recipe() == models.recipe("gan_maxout")


@pytest.mark.parametrize("content", ["[]", "3", '{"format": 2}', '{"format": 1}', '{"format": 2, "recipe": {}}',
                                     "[" * 10**5])
def test_other_json_is_one_sentence(run, content):
    run.config_file.write_text(content)
    with pytest.raises(UserError, match=r"config.json' is (not of this version of kgan|damaged)"):
        run.recipe()


def test_check_free_refuses_files_and_foreign_directories(tmp_path):
    Run(tmp_path / "new" / "deeper").check_free()
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "below"):
        with pytest.raises(UserError, match="is a file; choose another --workdir"):
            Run(path).check_free()
    with pytest.raises(UserError, match="holds files but no config.json"):
        Run(tmp_path).check_free()
    assert file.read_text() == "mine"


def test_one_process_at_a_time_holds_a_run(run):
    with run.locked():
        code = ("import sys; from kgan.runs.directory import Run\n"
                "try:\n    with Run(sys.argv[1]).locked(): print('mine')\nexcept ValueError as error: print(error)")
        command = [sys.executable, "-c", code, str(run.path)]
        second = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert f"is in use by process {os.getpid()} on " in second
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "mine\n"


def test_lock_sweeps_what_killed_processes_left(run):
    (run.path / ".aside-log-x.csv").touch()
    (run.checkpoints / ".aside-step-9-x").mkdir(parents=True)
    (run.checkpoints / ".aside-step-9-x" / "state.npz").touch()
    with run.locked():
        assert list(run.checkpoints.iterdir()) == []
        assert not (run.path / ".aside-log-x.csv").exists()


def test_trim_drops_rows_and_grids_after_the_step(run):
    run.log_file.write_text("step,d_loss\n5,1\n10,2\n15,3\n1")  # the last row was torn by a kill
    run.gif_file.touch()
    run.plot_file.touch()
    for step in (0, 10, 15, 1_000_000):
        run.sample_file(step).touch()
    run.trim(10)
    assert run.log_file.read_text().splitlines() == ["step,d_loss", "5,1", "10,2"]
    assert run.sample_files() == [run.sample_file(0), run.sample_file(10)]
    assert not run.gif_file.exists()
    assert not run.plot_file.exists()


@pytest.mark.parametrize(("best", "left"), [(15, []), (10, ["step-10"]), (5, ["step-5"])])
def test_trim_drops_a_best_checkpoint_from_after_the_step(run, best, left):
    for directory in (run.best, run.checkpoints):
        (directory / f"step-{best}").mkdir(parents=True)
        (directory / f"step-{best}" / "state.npz").touch()
    run.trim(10)
    assert [path.name for path in run.best.iterdir()] == left
    assert [path.name for path in run.checkpoints.iterdir()] == [f"step-{best}"]  # those are `restore`'s


def test_copies_among_grids_and_scores_are_left_alone(tmp_path):
    run = Run(tmp_path / "run")
    run.samples.mkdir(parents=True)
    run.scores.mkdir()
    for name in ("step_000020", "step_1000000", "step_000020 copy", "step_000020 (1)", "step_", "step_1e9",
                 "step_-00001", "step_" + 5000 * "9", "step_٠٠٠٠٠٠"):
        with contextlib.suppress(OSError):  # longer than a name may be
            (run.samples / f"{name}.png").touch()
            (run.scores / f"{name}.json").touch()
    (run.samples / "step_000030.png").mkdir()
    assert run.sample_files() == [run.sample_file(20), run.sample_file(1_000_000)]
    assert run.scores_files() == [run.scores_file(20), run.scores_file(1_000_000)]
    run.trim(20)
    assert run.sample_files() == [run.sample_file(20)] and (run.samples / "step_000020 copy.png").is_file()


@pytest.mark.parametrize("error", [ConnectionError("tracker.example.org: connection refused"),
                                   FileNotFoundError(2, "No such file or directory", "mine.txt")])
def test_what_a_users_callback_raises_comes_out_as_it_is(tmp_path, recipe, digits, error):
    def fail(*_):
        raise error

    with pytest.raises(type(error)) as found:
        loop.train(Run(tmp_path / "run"), recipe, digits, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=fail)])
    assert found.value is error


@pytest.mark.parametrize("where", ["kgan.runs.log.append", "kgan.runs.generators.save", "kgan.runs.log.save_plot",
                                   "kgan.images.save_gif", "kgan.images.save_grid", "kgan.runs.log.flush",
                                   "kgan.runs.checkpoints.save"])
def test_each_of_kgans_own_writes_is_said_in_a_sentence(tmp_path, recipe, digits, monkeypatch, where):
    def fail(*_, **__):
        raise FULL

    monkeypatch.setattr(where, fail)
    with pytest.raises(NotWrittenError, match=r"^workdir=.* can't be written \(No space left on device\); "):
        loop.train(Run(tmp_path / "run"), recipe.override(steps=3), digits)


def test_the_log_is_on_the_disk_before_the_checkpoint_that_follows_it(tmp_path, recipe, digits, monkeypatch):
    done, save, flush = [], checkpoints.save, log.flush
    monkeypatch.setattr(log, "flush", lambda file: (done.append(log.read(file)[-1]["step"]), flush(file)))
    monkeypatch.setattr(checkpoints, "save", lambda place, step, *rest, **more: (
        done.append(f"checkpoint {step}"), save(place, step, *rest, **more)))
    loop.train(Run(tmp_path / "run"), recipe, digits, checkpoint_seconds=0)
    assert done == [3, "checkpoint 3", 6, "checkpoint 6", 7, "checkpoint 7", 7, "checkpoint 7"]
