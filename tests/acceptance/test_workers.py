"""Several processes train one run: as one does, stopped together, killed, and gone on with by another number."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from kgan.runs.directory import Run

WORKER = Path(__file__).with_name("worker.py")
PATIENCE = 120  # seconds in which the others of a dead worker must have ended
pytestmark = pytest.mark.slow


class Cluster:
    """`count` workers on this machine, with one command."""

    def __init__(self, count, *flags):
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        addresses = [f"127.0.0.1:{port.getsockname()[1]}" for port in ports]
        for port in ports:
            port.close()
        self.workers, self.said = [], []
        for index in range(count):
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            self.start({"TF_CONFIG": json.dumps(task)} if count > 1 else {}, *flags)

    def start(self, environment, *flags):
        """Starts one more; what it says goes into a file, as a full pipe would make it wait."""
        self.said.append(tempfile.TemporaryFile("w+"))  # noqa: SIM115
        command = [sys.executable, WORKER, "--model=dcgan", "--dataset=digits", "--tick=10", "--checkpoint_seconds=0"]
        self.workers.append(subprocess.Popen([*command, *flags], stderr=self.said[-1], stdout=subprocess.DEVNULL,
                                             env=os.environ | environment))

    def ends(self):
        """Waits; returns the exit statuses and what was written to stderr."""
        statuses = [worker.wait(timeout=300) for worker in self.workers]
        for file in self.said:
            file.seek(0)
        return statuses, [file.read() for file in self.said]

    def until(self, run, step):
        """Waits for a checkpoint of a step, or a later one."""
        end = time.monotonic() + 300
        while (run.last_step() or 0) < step:
            assert time.monotonic() < end and all(worker.poll() is None for worker in self.workers)
            time.sleep(0.1)


def _digests(said):
    return {re.search(r"step (\d+) weights (\w+)", one).groups() for one in said}


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_ends_the_others_and_another_number_goes_on(tmp_path, victim):
    run = Run(tmp_path / "run")
    cluster = Cluster(2, f"--workdir={run.path}", "--steps=300", "--batch_size=8")
    cluster.until(run, 20)
    cluster.workers[victim].kill()
    killed = time.monotonic()
    statuses, said = cluster.ends()
    assert time.monotonic() - killed < PATIENCE
    assert statuses[1 - victim] not in (0, None)
    assert "another worker is gone" in said[1 - victim]
    assert "Traceback" not in said[1 - victim]
    safe = run.last_step()
    assert f"the checkpoint of step {safe:,} is safe" in said[1 - victim]
    assert safe < 300
    statuses, said = Cluster(4, f"--workdir={run.path}").ends()
    assert statuses == [0] * 4, said
    assert "replicas 2 then, 4 now" in said[0]
    assert {step for step, _ in _digests(said)} == {"300"}
    assert len(_digests(said)) == 1  # the same bits on all
    assert run.last_step() == 300
    steps = [int(row.split(",")[0]) for row in run.log_file.read_text(encoding="utf-8").splitlines()[1:]]
    assert steps == list(range(10, 301, 10))
    statuses, said = Cluster(1, f"--workdir={run.path}", "--steps=310").ends()
    assert (statuses, run.last_step()) == ([0], 310), said


def test_a_signal_to_one_stops_all_at_one_step(tmp_path):
    run = Run(tmp_path / "run")
    cluster = Cluster(2, f"--workdir={run.path}", "--steps=5000")
    cluster.until(run, 20)
    cluster.workers[1].send_signal(signal.SIGTERM)
    statuses, said = cluster.ends()
    assert statuses == [128 + signal.SIGTERM] * 2, said
    assert _digests(said) and len(_digests(said)) == 1
    assert {int(step) for step, _ in _digests(said)} == {run.last_step()}


def test_workers_with_other_flags_do_not_begin(tmp_path):
    run = Run(tmp_path / "run")
    cluster = Cluster(2, f"--workdir={run.path}", "--steps=20")
    other = cluster.workers.pop()  # in its place one that is told another seed
    other.kill()
    other.wait()
    task = json.loads(Path(f"/proc/{cluster.workers[0].pid}/environ").read_bytes().split(b"TF_CONFIG=")[1]
                      .split(b"\0")[0])
    task["task"]["index"] = 1
    cluster.start({"TF_CONFIG": json.dumps(task)}, f"--workdir={tmp_path / 'other'}", "--steps=20", "--seed=1")
    statuses, said = cluster.ends()
    assert 0 not in statuses
    assert any("the workers have not the same recipe" in one for one in said), said
    assert run.last_step() is None
