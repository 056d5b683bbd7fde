"""tools/check_gpu.py, tried on the processor: the command of those who have a GPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "check_gpu.py"


@pytest.mark.slow
def test_a_dry_run_on_the_processor(tmp_path):
    done = subprocess.run([sys.executable, TOOL, "--device=CPU", "--models=dcgan", f"--out={tmp_path}", "--quick"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    result = json.loads((tmp_path / "check.json").read_text())
    assert result["step"]["dcgan"] == {"difference": 0.0, "within": True}  # the processor beside itself
    assert result["exact"] == {f"dcgan, {how}": {"resumes": True, "replays": True}
                               for how in ("deterministic", "not deterministic")}
    assert all(one["images_per_second"] > 0 for one in result["speed"]["dcgan"].values())
    assert "A dry run: its numbers measure nothing." in (tmp_path / "check.md").read_text()


def test_an_unknown_model_is_a_sentence_at_once():
    done = subprocess.run([sys.executable, TOOL, "--device=CPU", "--models=dcgan,nope"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("kgan: --models=nope is unknown; those that train: dcgan, ")


def test_without_a_gpu_it_says_why():
    done = subprocess.run([sys.executable, TOOL, "--models=dcgan"], capture_output=True, text=True,
                          env={"CUDA_VISIBLE_DEVICES": "-1", "PATH": "/usr/bin"})
    assert done.returncode == 1
    assert done.stderr.strip().endswith("--device=CPU tries the command itself.")
    assert "so no GPU is used" in done.stderr or "hides the GPUs" in done.stderr or "no GPU on" in done.stderr
