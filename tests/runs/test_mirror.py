"""A run's mirror: what is copied, what a kill leaves, and what is refused."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from kgan import models
from kgan.runs import checkpoints, loop, mirror
from kgan.runs.directory import Run
from kgan.runs.minutes import Fixing, Length
from kgan.runtime import files
from kgan.runtime.errors import UserError

RECIPE = models.recipe("dcgan", "digits").override(batch_size=2, steps=9, tick=3)


def _state(step):
    return {"w": np.full(1000, step, np.float32)}


def _advance(run, step):
    """Writes what training does, in its order."""
    if not run.exists():
        run.create(RECIPE, data={"sha256": "0", "images": 9}, versions={})
        run.samples.mkdir()
    run.sample_file(step).write_text(f"{step}")
    with run.log_file.open("a") as log:
        log.write(f"{step}\n")
    checkpoints.save(run.checkpoints, step, _state(step))
    run.generator_file.write_text(f"{step}")


def _tree(run):
    return {path.relative_to(run.path).as_posix(): path.read_bytes() for path in run.path.rglob("*")
            if path.is_file() and not path.name.startswith(".")}


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path / "run")
    _advance(made, 1)
    return made


def test_the_mirror_is_the_run_and_only_what_changed_is_copied(run, tmp_path, monkeypatch):
    copy = mirror.Mirror(run, tmp_path / "drive" / "copy")
    copy.update()
    assert _tree(copy.copy) == _tree(run)
    (copy.copy.path / "notes.txt").write_text("mine")
    copied = []
    copyfile = shutil.copyfile
    monkeypatch.setattr(shutil, "copyfile", lambda a, b: copied.append(a.name) or copyfile(a, b))
    copy.update()
    assert copied == []
    for step in (2, 3, 4):
        _advance(run, step)
    copy.update()
    assert sorted(copied) == sorted([*(f"step_00000{step}.png" for step in (2, 3, 4)), *3 * ["state.npz"],
                                     "generator.keras", "log.csv"])
    assert _tree(copy.copy) == {**_tree(run), "notes.txt": b"mine"}
    assert checkpoints.steps(copy.copy.checkpoints) == [2, 3, 4]  # of step 1, thinned, none is left


class Killed(BaseException):
    pass


def _killing(original, left):
    """Returns what does as `original`, and is killed where `left` is at its end."""
    def call(*arguments, **options):
        if next(left, None) is None:
            raise Killed
        return original(*arguments, **options)
    return call


def test_a_kill_at_any_operation_leaves_the_old_or_the_new_checkpoint(run, tmp_path, monkeypatch):
    copy = mirror.Mirror(run, tmp_path / "copy")
    copy.update()
    before = copy.copy.path
    _advance(run, 2)
    operations = [(shutil, "copyfile"), (files, "fsync"), (os, "rename"), (os, "replace"), (os, "unlink"),
                  (shutil, "rmtree"), (os, "utime")]
    steps, done = set(), False
    for number in range(200):
        target = Run(shutil.copytree(before, tmp_path / f"copy{number}"))
        with monkeypatch.context() as patch:
            left = iter(range(number))
            for module, name in operations:
                patch.setattr(module, name, _killing(getattr(module, name), left))
            try:
                mirror.copy(run.path, target.path)
                done = True
            except Killed:
                pass
        step, damaged = checkpoints.newest(target.checkpoints)
        assert not damaged and step in (1, 2)
        assert checkpoints.load(target.checkpoints, step, {"w": (1000,)})["w"][0] == step
        assert target.recipe() == RECIPE
        assert target.log_file.read_text().split()[:step] == [str(one) for one in range(1, step + 1)]  # its rows
        steps.add(step)
        mirror.copy(run.path, target.path)  # the next one mends it
        assert _tree(target) == _tree(run)
        if done:
            break
    assert done and number > 20 and steps == {1, 2}


LOOP = """
import sys, numpy as np
from kgan.runs import checkpoints, mirror
from kgan.runs.directory import Run
run = Run(sys.argv[1])
copy = mirror.Mirror(run, sys.argv[2])
print("ready", flush=True)
for step in range(2, 10**6):
    checkpoints.save(run.checkpoints, step, {"w": np.full(300_000, step, np.float32)})
    copy.update()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_sigkill_leaves_a_whole_checkpoint(run, tmp_path):
    last = 1
    for number in range(3):
        with subprocess.Popen([sys.executable, "-c", LOOP, run.path, tmp_path / "copy"], stdout=subprocess.PIPE) as job:
            assert job.stdout.readline() == b"ready\n"
            time.sleep(0.3 + 0.07 * number)
            job.send_signal(signal.SIGKILL)
        copy = Run(tmp_path / "copy")
        step, damaged = checkpoints.newest(copy.checkpoints)
        assert step is not None and not damaged
        assert checkpoints.load(copy.checkpoints, step, {"w": (300_000,)})["w"][-1] == step
        last = max(last, step)
    assert last > 2


def test_a_mirror_that_cannot_be_written_is_one_warning(run, tmp_path, monkeypatch, capsys):
    copy = mirror.Mirror(run, tmp_path / "copy")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        copy.update()
        copy.update()
    assert capsys.readouterr().err.count("can't be written (No space left on device); training goes on") == 1
    copy.update()
    assert _tree(copy.copy) == _tree(run)


def test_what_cannot_be_a_mirror_is_refused(run, tmp_path):
    for place in (run.path, run.path / "inside", tmp_path):
        with pytest.raises(UserError, match="lie one in the other"):
            mirror.Mirror(run, place)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="holds other things than a run"):
        mirror.Mirror(run, tmp_path / "full")
    other = Run(tmp_path / "other")
    other.create(RECIPE.override(seed=5), data={"sha256": "0", "images": 9}, versions={})
    with pytest.raises(UserError, match="holds another run"):
        mirror.Mirror(run, other.path)
    copy = mirror.Mirror(run, tmp_path / "copy")
    copy.update()
    _advance(copy.copy, 7)
    with pytest.raises(UserError, match="holds this run at step 7, and .* is at 1; go on from the mirror"):
        mirror.Mirror(run, tmp_path / "copy")


def test_a_length_fixed_since_the_last_checkpoint_is_no_other_run(run, tmp_path):
    """A kill between a fixing, which writes config.json, and the next checkpoint, which mirrors it."""
    recipe = RECIPE.override(schedule="cosine", decay_images=18, floor=0.1)
    length = Length.begun(1.0, recipe, 9).fixed(Fixing(0, 9))
    run.write_config(run.config() | {"recipe": length.applied(recipe).to_dict(), "length": length.to_dict()})
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    length = length.fixed(Fixing(1, 18))
    run.write_config(run.config() | {"recipe": length.applied(recipe).to_dict(), "length": length.to_dict()})
    assert run.recipe().decay_images == 36
    mirror.Mirror(run, copy)
    run.write_config(run.config() | {"recipe": length.applied(recipe).override(batch_size=3).to_dict()})
    with pytest.raises(UserError, match="holds another run"):
        mirror.Mirror(run, copy)


def test_training_mirrors_each_checkpoint_and_a_new_machine_brings_the_run_back(tmp_path, digits):
    run, again = Run(tmp_path / "run"), Run(tmp_path / "again")
    loop.train(run, RECIPE.override(steps=6), digits, checkpoint_seconds=0.0,
               mirror=mirror.Mirror(run, tmp_path / "copy"))
    copy = Run(tmp_path / "copy")
    assert _tree(copy) == _tree(run) and checkpoints.steps(copy.checkpoints) == [3, 6]
    assert mirror.Mirror(again, copy.path).bring_back()
    assert not mirror.Mirror(again, copy.path).bring_back()  # it is there
    assert _tree(again) == _tree(run)
    assert loop.train(copy, RECIPE, digits).step == loop.train(again, RECIPE, digits).step == 9
    np.testing.assert_array_equal(copy.log_file.read_bytes(), again.log_file.read_bytes())
