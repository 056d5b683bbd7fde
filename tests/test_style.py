"""Lint, types, and the sizes that keep files and functions readable."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "kgan").rglob("*.py"))
LINES, FUNCTION = 400, 80  # at most, of a file and of a function; a number alone never cuts a class in two


@pytest.mark.parametrize("tool", [("ruff", "check", "--no-cache"), ("mypy", "--no-incremental")], ids=["ruff", "mypy"])
def test_the_tools_find_nothing(tool):
    result = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_files_are_short():
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {file: length for file, length in lengths.items() if length > LINES} == {}


def _functions(file):
    """Yields each function's name and lines, its docstring left out."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
            said = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
            yield f"{file.relative_to(ROOT)}: {node.name}", node.end_lineno - node.lineno + 1 - said


def test_functions_are_short():
    lengths = dict(length for file in FILES for length in _functions(file))
    assert len(lengths) > 200
    assert {name: length for name, length in lengths.items() if length > FUNCTION} == {}
