"""Holds the architecture: who may import whom, and what importing costs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kgan
from kgan.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
HEAVY = {"tensorflow", "keras", "sklearn", "tensorflow_datasets", "matplotlib"}
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_imports_point_downwards():
    """The contract over all modules is in pyproject.toml; a module that it doesn't place breaks it."""
    result = subprocess.run([sys.executable, "-c", LINT, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True,
                            text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Contracts: 1 kept, 0 broken" in result.stdout


@pytest.mark.parametrize("module", ["kgan", *(f"kgan.commands.{command}" for command in COMMANDS)])
def test_import_is_quick_and_silent(module):
    code = f"import sys, {module}; print(sorted({HEAVY} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    assert result.stderr == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_tensorflow_and_succeeds(command):
    result = subprocess.run([sys.executable, "-X", "importtime", "-m", "kgan", command, "--help"],
                            capture_output=True, text=True, check=True)
    assert f"    kgan {command} " in result.stdout
    assert not any(f"| {name}\n" in result.stderr for name in HEAVY)


def test_tensorflow_starts_without_what_keras_imports_for_others():
    code = ("import sys; from kgan.runtime import machine; machine.import_tensorflow(); "
            "assert not {'sklearn', 'matplotlib'} & set(sys.modules); import matplotlib, sklearn.base")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "")


def test_a_notebooks_first_touch_chooses_the_faster_kernels(monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    assert kgan.GAN
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # the user's choice stays
    assert kgan.GAN
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
