"""Holds the architecture: who may import whom, and what importing costs."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kgan

ROOT = Path(kgan.__file__).parent
LEAVES = {"errors", "files", "images", "latent", "log", "plots", "checkpoints", "kernels", "machine", "client"}
SHARED = {"__init__", "cli", "training", "train", "generate", "export", "evaluate", "evaluation", "leaderboard",
          "subject", "table", "trained", "saved_model", "onnx_model", "card", "walk", "arithmetic",
          "explore"}  # commands and what they share
# Modules of kgan that each may import besides its own package and the leaves. What isn't listed is a command
# (or what commands share) and may import everything below it.
ALLOWED = {
    **{room: set() for room in ("recipe", "losses", "layers", "data", "metrics", "gan", *LEAVES)},
    "models": {"recipe", "layers"},
    "run": {"recipe", "gan", "metrics"},
    "callbacks": {"recipe", "gan", "metrics", "run"},
}
HEAVY = {"tensorflow", "keras", "sklearn", "tensorflow_datasets", "matplotlib"}


def _modules():
    return {path.relative_to(ROOT).with_suffix("").as_posix(): path for path in ROOT.rglob("*.py")}


def _imported(path):
    """Names of kgan's modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "kgan":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("kgan."))


@pytest.mark.parametrize("module", [name for name in _modules() if name.split("/")[0] in ALLOWED])
def test_module_imports_only_what_it_may(module):
    room = module.split("/")[0]
    leaves = LEAVES if room not in LEAVES else {"files", "errors", "log", "machine"}
    assert set(_imported(_modules()[module])) <= ALLOWED[room] | leaves | {room}


def test_only_commands_are_outside_the_rules():
    rooms = {name.split("/")[0] for name in _modules()}
    assert rooms - set(ALLOWED) == SHARED
    for module, path in _modules().items():
        if module.split("/")[0] in ALLOWED:
            assert not set(_imported(path)) & SHARED


COMMANDS = ["train", "generate", "export", "evaluate", "leaderboard", "walk", "arithmetic", "explore"]


@pytest.mark.parametrize("module", ["kgan", *(f"kgan.{command}" for command in COMMANDS)])
def test_import_is_quick_and_silent(module):
    code = f"import sys, {module}; print(sorted({HEAVY} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    assert result.stderr == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_tensorflow_and_succeeds(command):
    result = subprocess.run([sys.executable, "-X", "importtime", "-m", f"kgan.{command}", "--help"],
                            capture_output=True, text=True, check=True)
    assert f"python -m kgan.{command}" in result.stdout
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
