"""An export that is killed, at whatever moment, leaves no part of a version where servers look."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tensorflow as tf

from kgan.runtime import files

LOOP = Path(__file__).with_name("export_loop.py")


def _versions(out):
    return sorted((int(entry.name), entry) for entry in out.iterdir() if entry.name.isdecimal())


class Poller(threading.Thread):
    """Looks at the directory as a server does, all the time, and checks what is new."""

    def __init__(self, out):
        super().__init__(daemon=True)
        self.out, self.seen, self.partial, self.stopped = out, set(), [], threading.Event()

    def run(self):
        stopped = False
        while not stopped:
            stopped = self.stopped.wait(0.005)  # and a last look
            for number, version in _versions(self.out):
                if number not in self.seen:
                    self.seen.add(number)
                    self.partial += [f"{number}: {trouble}" for trouble in [files.damage(version)] if trouble]


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_sigkill_leaves_whole_versions_alone(tmp_path, kills, record_property):
    """Every fifth victim checks its exports, as the command does; the others export more in the same time."""
    chance, out, inside = random.Random(0), tmp_path / "out", 0
    out.mkdir()
    poller = Poller(out)
    poller.start()
    for kill in range(kills):
        how, longest = ("verified", 12.0) if kill % 5 == 4 else ("unverified", 2.0)
        with subprocess.Popen([sys.executable, LOOP, out, how], stdout=subprocess.PIPE, text=True) as victim:
            assert victim.stdout.readline() == "READY\n"
            time.sleep(chance.uniform(0, longest))
            victim.kill()
            said = victim.stdout.read().split()
        inside += any(out.glob(f"{files.TEMPORARY}*"))
        assert [files.damage(version) for _, version in _versions(out)] == [None] * len(_versions(out))
        assert {int(number) for number in said} <= {number for number, _ in _versions(out)}
    poller.stopped.set()
    poller.join()
    numbers = [number for number, _ in _versions(out)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert (poller.partial, poller.seen) == ([], set(numbers))
    record_property("killed inside an export", f"{inside} of {kills}; {len(numbers)} versions, all whole")
    assert inside >= kills // 2
    if kills > 10 or numbers:
        model = tf.saved_model.load(str(out / str(numbers[-1])))
        assert model.signatures["sample"](seed=tf.constant([1], tf.int64))["images"].shape == (1, 28, 28, 1)
