"""What the README and the notebook show must run."""

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from kgan.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]


def _readme_code():
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def _notebook_code():
    cells = json.loads((ROOT / "colab" / "dcgan.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return ["\n".join(source for source in sources if not source.startswith("%"))]


@pytest.mark.parametrize("blocks", [_readme_code(), _notebook_code()], ids=["readme", "notebook"])
def test_code_runs_as_printed(blocks):
    (code,) = [block for block in blocks if "gan.fit" in block]
    shortened, changes = re.subn(r"steps_per_epoch=\d+, epochs=\d+", "steps_per_epoch=1, epochs=1, verbose=0", code)
    assert changes == 1
    names = {}
    exec(shortened, names)
    assert int(names["gan"].step) == 1
    assert names["gan"].generate([0]).dtype == np.uint8


def test_every_flag_is_in_the_readme_or_the_docs():
    pages = (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    readme = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    names = {flag.args[0] for command in COMMANDS for flag in importlib.import_module(f"kgan.{command}").FLAGS}
    assert len(names) > 40
    assert sorted(name for name in names if not re.search(rf"--(no)?{name}\b", readme)) == []


def test_every_picture_in_the_readme_is_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    paths = re.findall(r'(?:src="|\]\()((?!http|#)[^")#]+)', readme)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
