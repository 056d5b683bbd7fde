"""`python -m kgan.train`, killed, signalled, raced and starved: the run must end as if nothing had happened."""

import hashlib
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import h5py
import numpy as np
import pytest
from documents import parsed

from kgan.commands import train
from kgan.runs import checkpoints
from kgan.runs.directory import Run
from kgan.runtime import files
from kgan.scoring import judge

# Everything that a run's state can hold: dropout, batch norm, Adam, a moving average, evaluations with their best.
MAIN = ("from kgan.scoring import judge; judge.STEPS = 40; from kgan.commands import flags as cli, train; "
        "cli.launch(train.main, train.FLAGS)")
FLAGS = ("--model=dcgan", "--dataset=digits", "--batch_size=4", "--tick=4", "--sample_every=100", "--ema_decay=0.9",
         "--evaluate_every=160", "--checkpoint_seconds=0")


def _start(workdir, steps, *, prefix=(), **environment):
    return subprocess.Popen([*prefix, sys.executable, "-c", MAIN, *FLAGS, f"--steps={steps}", f"--workdir={workdir}"],
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment)


def _goes_on(workdir, steps, flags=FLAGS):
    """Trains to the end in this process, where TensorFlow has started: what was killed or stopped left a directory."""
    positional, options = parsed("train", [*flags, f"--steps={steps}", f"--workdir={workdir}"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "STEPS", 40)
        assert train.main(positional, options) is None


def _digests(workdir):
    """Hashes of every variable of the last checkpoint, generator.keras' weights, the log and every grid, by name."""
    run = Run(workdir)
    step, damaged = checkpoints.newest(run.checkpoints)
    assert damaged == {}
    with np.load(run.checkpoints / f"step-{step}" / checkpoints.STATE) as state:
        found = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in state.items()}
    with zipfile.ZipFile(run.generator_file) as archive, h5py.File(archive.open("model.weights.h5")) as weights:
        weights.visititems(lambda name, node: found.update({name: hashlib.sha256(node[()].tobytes()).hexdigest()})
                           if isinstance(node, h5py.Dataset) else None)
    for path in (run.log_file, run.gif_file, *run.sample_files()):
        found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found | {"step": step, "best": checkpoints.steps(run.best)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Returns a function from a number of steps to the digests of a run that nothing interrupted."""
    place, known = tmp_path_factory.mktemp("whole"), {}

    def digests(steps):
        if steps not in known:
            _goes_on(place / str(steps), steps)
            known[steps] = _digests(place / str(steps))
        return known[steps]

    return digests


def _last(workdir):
    return max(checkpoints.steps(Run(workdir).checkpoints), default=0)


def _wait(process, condition, seconds=120.0):
    """Polls until the condition holds; False when the process ended before."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.002)  # a save takes some ten times as long
    return True


@pytest.mark.parametrize(("kills", "steps"), [(2, 60), pytest.param(40, 480, marks=pytest.mark.slow)])
def test_sigkill_at_any_time_changes_nothing(whole, tmp_path, kills, steps, record_property):
    chance = random.Random(1)
    workdir = tmp_path / "run"
    saving = Run(workdir).checkpoints
    done = inside = 0
    while done < kills:
        process, after = _start(workdir, steps), _last(workdir) + 4 * chance.randrange(2)
        in_save = done % 4 != 3

        def ready(after=after, in_save=in_save):
            return _last(workdir) > after and (not in_save or any(saving.glob(f"{files.TEMPORARY}*")))

        assert _wait(process, ready), "the run ended before it could be killed often enough"
        time.sleep(chance.uniform(0, 0.02) if in_save else chance.uniform(0, 0.5))
        process.kill()
        process.communicate()
        inside += any(saving.glob(f"{files.TEMPORARY}*"))
        done += 1
    _goes_on(workdir, steps)
    record_property("killed inside a save", f"{inside} of {kills}")
    assert _digests(workdir) == whole(steps)
    assert inside >= kills / 2


@pytest.mark.parametrize(("rounds", "steps"), [(1, 60), pytest.param(6, 480, marks=pytest.mark.slow)])
def test_signals_save_and_exit_with_the_right_status(whole, tmp_path, rounds, steps, record_property):
    workdir, chance, slowest = tmp_path / "run", random.Random(2), 0.0
    for number in [signal.SIGTERM, signal.SIGINT] * rounds:
        process, before = _start(workdir, steps), _last(workdir)
        assert _wait(process, lambda before=before: _last(workdir) > before)
        time.sleep(chance.uniform(0, 0.3))
        began = time.monotonic()
        process.send_signal(number)
        said, error = process.communicate(timeout=60)
        slowest = max(slowest, time.monotonic() - began)
        assert process.returncode == 128 + number, error
        assert re.search(r"Saved at step \d+. Go on with:\n  .*--workdir=", said)
    _goes_on(workdir, steps)
    record_property("slowest exit, seconds", round(slowest, 1))
    assert slowest < 15
    assert _digests(workdir) == whole(steps)


@pytest.mark.parametrize("races", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_two_commands_on_one_directory_have_one_winner(whole, tmp_path, races):
    for number in range(races):
        workdir = tmp_path / str(number)
        starters = [_start(workdir, 60) for _ in range(2)]
        errors = [starter.communicate()[1] for starter in starters]
        codes = [starter.returncode for starter in starters]
        if codes == [0, 0]:  # the second came when the first had ended
            assert any("is complete at step 60" in error for error in errors)
        else:
            assert sorted(codes) == [0, 1]
            loser = errors[codes.index(1)]
            assert re.search(r"kgan: .* is in use by process \d+ on .*; wait until it ends", loser)
            assert "Traceback" not in loser
        assert _digests(workdir) == whole(60)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize(("inject", "file"), [
    ("fsync:error=EIO:when=40", None), ("fsync:error=ENOSPC:when=25", None),
    ("rename:error=EIO:when=20", None), ("rename:error=ENOSPC:when=12", None),
    ("write:error=EIO:when=9", "log.csv"), ("write:error=ENOSPC:when=6", "log.csv")])
def test_failing_disk_is_one_sentence_and_costs_nothing(whole, tmp_path, inject, file):
    workdir = tmp_path / "run"
    only = ("-P", workdir / file) if file else ("--seccomp-bpf",)
    process = _start(workdir, 60, prefix=("strace", "-f", "-qq", *only, "-o", "/dev/null", "-e",
                                          f"trace={inject.split(':')[0]}", "-e", f"inject={inject}"))
    error = process.communicate()[1]
    assert process.returncode == 1, error
    assert re.search(r"kgan: workdir=.* can't be written \(.+\); the checkpoint of step \d+ is safe: make room", error)
    assert "Traceback" not in error
    process = _start(workdir, 60)
    error = process.communicate()[1]
    assert process.returncode == 0, error
    assert _digests(workdir) == whole(60)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_full_file_system_ends_the_command_with_one_sentence(tmp_path):
    command = shlex.join([sys.executable, "-c", MAIN, *FLAGS, "--steps=200", f"--workdir={tmp_path / 'run'}"])
    look = shlex.join([sys.executable, "-c", "import sys; from pathlib import Path; from kgan.runs import checkpoints; "
                       "print(checkpoints.newest(Path(sys.argv[1])))", str(tmp_path / "run" / "checkpoints")])
    script = f"mount -t tmpfs -o size=75m none {tmp_path} && {command}; echo status $?; {look}"
    result = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    if "unshare" in result.stderr or "mount" in result.stderr:
        pytest.skip(f"can't mount here: {result.stderr}")
    assert "status 1" in result.stdout, result.stderr
    said = re.search(r"kgan: workdir=.* can't be written \(.*No space left on device.*\); the checkpoint of step (\d+) "
                     "is safe: make room, then start the same command again.", result.stderr)
    assert said, result.stderr
    assert f"Newest(step={said[1]}, damaged={{}})" in result.stdout
    assert "Traceback" not in result.stderr
