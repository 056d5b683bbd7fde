"""The commit layer alone, against kills, failing system calls, a full disk and damage."""

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kgan.runs import checkpoints
from kgan.runtime import files

LOOP = Path(__file__).with_name("commit_loop.py")
SHAPES = {f"part/{number:03}": (50, 200) for number in range(8)}
CALLS = ("write", "fsync", "rename")


def _check(directory, at_least):
    """Asserts that a checkpoint of at least that step verifies and holds what was saved; returns its step."""
    files.sweep(directory)
    step, _ = checkpoints.newest(directory)
    assert step is not None
    assert step >= at_least
    assert all((array == step).all() for array in checkpoints.load(directory, step, SHAPES).values())
    return step


@pytest.mark.parametrize("kills", [8, pytest.param(250, marks=pytest.mark.slow)])
def test_sigkill_leaves_a_checkpoint_that_verifies(tmp_path, kills, record_property):
    chance = random.Random(0)
    inside = last = done = 0
    while done < kills or (inside < kills // 4 and done < 10 * kills):  # where in its loop a kill strikes is chance
        done += 1
        with subprocess.Popen([sys.executable, LOOP, tmp_path], stdout=subprocess.PIPE, text=True) as victim:
            said = int(victim.stdout.readline())  # it works
            time.sleep(chance.uniform(0, 0.05))
            victim.kill()
            said = max([said, *map(int, victim.stdout.read().split())])
        inside += any(tmp_path.glob(f"{files.TEMPORARY}*"))
        last = _check(tmp_path, at_least=max(said, last))
    record_property("killed inside a save", f"{inside} of {done}")
    assert inside >= kills // 4


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call", CALLS)
def test_every_call_that_fails_once_costs_no_checkpoint(tmp_path, call, error, record_property):
    failed = 0
    for when in range(1, 200):
        place = tmp_path / f"{call}{when}"
        checkpoints.save(place, 1, {name: np.full(shape, 1, np.float32) for name, shape in SHAPES.items()})
        trace = tmp_path / "trace"
        result = subprocess.run(
            ["strace", "-f", "-qq", "-y", "-o", trace, "-e", f"trace={call}", "-e",
             f"inject={call}:error={error}:when={when}", sys.executable, LOOP, place, "2"],
            capture_output=True, text=True)
        injected = [line for line in trace.read_text(errors="replace").splitlines() if "INJECTED" in line]
        if not injected:  # there is no such call any more
            break
        if str(place) not in injected[0]:  # of the interpreter's own output
            continue
        failed += 1
        _check(place, at_least=1)
        assert "Traceback" not in result.stderr, result.stderr
        if result.returncode == 0:  # a failed sync of what is already in place
            assert checkpoints.newest(place).step == 2
        else:
            assert re.fullmatch(r"kgan: step 2 can't be written \(.+\)\n", result.stderr), result.stderr
        assert checkpoints.newest(place).damaged == {}
    record_property("calls made to fail", f"{call} {error}: {failed}")
    assert failed >= {"write": 3, "fsync": 4, "rename": 1}[call]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_full_file_system_keeps_the_checkpoint_before(tmp_path):
    script = (f"mount -t tmpfs -o size=1m none {tmp_path} && {sys.executable} {LOOP} {tmp_path} 1 2 3 4 5 6; "
              f"{sys.executable} -c \"import sys; sys.path.insert(0, '{LOOP.parent}'); from pathlib import Path; "
              f"from kgan.runs import checkpoints; print(checkpoints.newest(Path('{tmp_path}')))\"")
    result = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    if "unshare" in result.stderr or "mount" in result.stderr:
        pytest.skip(f"can't mount here: {result.stderr}")
    assert "can't be written (No space left on device)" in result.stderr
    *saved, found = result.stdout.splitlines()
    assert found == f"Newest(step={saved[-1]}, damaged={{}})"
    assert 1 <= len(saved) < 6


@pytest.mark.parametrize("rounds", [60, pytest.param(500, marks=pytest.mark.slow)])
def test_damage_is_always_detected_and_the_one_before_used(tmp_path, rounds):
    chance = random.Random(0)
    for step in (1, 2, 3):
        checkpoints.save(tmp_path / "whole", step, {name: np.full(shape, step, np.float32)
                                                    for name, shape in SHAPES.items()})
    for number in range(rounds):
        place = tmp_path / f"damaged{number}"
        shutil.copytree(tmp_path / "whole", place)
        victim = place / "step-3" / chance.choice([checkpoints.STATE, checkpoints.STATE, files.MANIFEST])
        content = bytearray(victim.read_bytes())
        kind = chance.choice(["cut", "flip", "zero", "swap", "grow"])
        at = chance.randrange(len(content))
        if kind == "cut":
            content = content[:at]
        elif kind == "flip":
            content[at] ^= 1 << chance.randrange(8)
        elif kind == "zero":
            content[at:at + 512] = b"\xff" * len(content[at:at + 512])
        elif kind == "grow":
            content += b"\0"
        else:
            content = bytearray((place / "step-2" / victim.name).read_bytes())
        if bytes(content) == victim.read_bytes() or (kind == "grow" and victim.name == files.MANIFEST):
            content = content[:-10]
        victim.write_bytes(content)
        found = checkpoints.newest(place)
        if found.step == 3:  # a flipped space in the manifest is no damage
            assert victim.name == files.MANIFEST
            assert (checkpoints.load(place, 3, SHAPES)["part/000"] == 3).all()
        else:
            assert found.step == 2
            assert list(found.damaged) == [3]
            with pytest.raises(ValueError, match="is damaged"):
                checkpoints.load(place, 3, SHAPES)
        shutil.rmtree(place)


@pytest.mark.parametrize("races", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_two_starters_have_one_winner(tmp_path, races):
    code = ("import sys, time; from kgan.runs.directory import Run; run = Run(sys.argv[1])\n"
            "while not (run.path / 'go').exists(): time.sleep(0.001)\n"
            "try:\n    with run.locked(): print('mine', flush=True); time.sleep(0.4)\n"
            "except ValueError as error: print(error)")
    for number in range(races):
        place = tmp_path / str(number)
        place.mkdir()
        starters = [subprocess.Popen([sys.executable, "-c", code, place], stdout=subprocess.PIPE, text=True)
                    for _ in range(2)]
        time.sleep(0.4)
        (place / "go").touch()
        said = sorted(starter.communicate()[0].strip() for starter in starters)
        assert said[1] == "mine"
        assert "is in use by process" in said[0] or "is in use by another process" in said[0]
