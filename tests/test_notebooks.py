"""The notebooks of colab/: what each must have, and that it runs from top to bottom without the network."""

import ast
import html
import json
import os
import re
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks, text

NOTEBOOKS = sorted((ROOT / "colab").glob("[1-9]_*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
RENDERED = ROOT / "docs" / "notebooks"
LESSON = ROOT / "docs" / "teach"
SECONDS = 240  # of a notebook in its short form, on two cores
CELL_SECONDS = 45  # in which a failure of the third is provoked
ADDRESS = r"github(?:\.com)?/([\w-]+/kgan)"
# Python reads sitecustomize.py at its start: in the kernel and in whatever a cell starts.
OFFLINE = """
import socket

def local(address):
    return not isinstance(address, tuple) or str(address[0]) in ("127.0.0.1", "::1", "localhost", "", "0.0.0.0")

def refuse(method):
    def guarded(self, address, *rest):
        if not local(address):
            raise OSError(f"the network is off, and {address} was asked for")
        return method(self, address, *rest)
    return guarded

socket.socket.connect, socket.socket.connect_ex = refuse(socket.socket.connect), refuse(socket.socket.connect_ex)
_lookup = socket.getaddrinfo

def getaddrinfo(host, *rest, **named):
    if not local((host,)) and host is not None:
        raise OSError(f"the network is off, and {host} was looked for")
    return _lookup(host, *rest, **named)

socket.getaddrinfo = getaddrinfo
"""


def _cells(path, kind):
    return ["".join(cell["source"]) for cell in json.loads(text(path))["cells"] if cell["cell_type"] == kind]


def test_there_are_five():
    assert NAMES == ["1_first_gan", "2_papers", "3_when_gans_go_wrong", "4_your_images", "5_stable_training"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_opens_in_colab_and_leaves_colabs_stack(path):
    first, *prose = _cells(path, "markdown")
    title, badge, *_ = re.split(r"\n\n", first)
    assert title.startswith("# ")
    assert re.fullmatch(r"\[!\[Open in Colab\]\(https://colab\.research\.google\.com/assets/colab-badge\.svg\)\]"
                        r"\(https://colab\.research\.google\.com/github/[\w-]+/kgan/blob/main/colab/"
                        rf"{path.name}\)", badge)
    install, *code = _cells(path, "code")
    assert re.fullmatch(r'import importlib\.util\n\nif importlib\.util\.find_spec\("kgan"\) is None:\n'
                        r'    %pip install -q "kgan @ git\+https://github\.com/[\w-]+/kgan"', install)
    assert not any("pip install" in source for source in code)
    assert "Drive" in "".join(prose)
    assert "disconnect" in "".join(prose) or "runtime ends" in "".join(prose)
    assert len(prose) >= len(code) / 2
    assert sum("What to expect" in one for one in prose) >= 5
    assert sum("What you see" in one for one in prose) >= 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_is_stored_without_outputs_and_asks_for_a_gpu(path):
    notebook = json.loads(text(path))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["accelerator"] == "GPU"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in names)  # named, so that differences stay small
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
    assert text(path) == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def test_all_give_one_address():
    files = [*NOTEBOOKS, ROOT / "setup.cfg"]
    assert len({address for path in files for address in re.findall(ADDRESS, text(path))}) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_its_links_lead_somewhere(path):
    prose = "\n".join(_cells(path, "markdown"))
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        inside = re.fullmatch(rf"https://{ADDRESS}/blob/main/(.*)", target)
        if inside or not re.match(r"[a-z]+:", target):
            assert (ROOT / inside[2] if inside else path.parent / target).exists(), target


def test_documents_show_each_notebook():
    page = text(ROOT / "docs" / "README.md")
    for path in NOTEBOOKS:
        assert f"../colab/{path.name}" in page
        assert f"notebooks/{path.stem}.md" in page
        assert (RENDERED / f"{path.stem}.md").exists()


def test_rendered_copies_have_the_notebooks_text_and_are_small():
    for path in NOTEBOOKS:
        page = text(RENDERED / f"{path.stem}.md")
        for source in _cells(path, "markdown"):
            assert re.sub(r"\]\((\d_\w+)\.ipynb\)", r"](\1.md)", source.strip()) in page, (
                f"{path.name} has changed: run `python tools/render_notebooks.py {path.name[0]}`.")
        assert all(source.strip() in page for source in _cells(path, "code"))
        assert "Traceback" not in page
    assert sum(file.stat().st_size for file in RENDERED.rglob("*") if file.is_file()) < 2_000_000


def _exercises():
    """The lesson's exercises: code whose last line asks the doctor, and the verdicts that are expected of it."""
    page = text(LESSON / "README.md")
    expected = [re.findall(r"`([a-z ]+)`", said) for said in re.findall(r"^Expected: (.*?)[.:]", page, re.MULTILINE)]
    return list(zip([code for _, code in blocks(page, "python")], expected, strict=True))


def test_the_handout_has_the_lessons_exercises_and_fetches_nothing():
    handout = html.unescape(text(LESSON / "handout.html"))
    assert not re.search(r"https?://|src=|@import|url\(", handout.replace("http://www.w3.org", ""))
    words = " ".join(handout.split())
    for number, (code, expected) in enumerate(_exercises(), 1):
        assert f"<b>{number}. " in handout
        assert expected
        assert code.splitlines()[-1] in words or "few" in code
    said = text(ROOT / "kgan" / "scoring" / "doctor.py") + text(ROOT / "kgan" / "scoring" / "table.py") + text(
        ROOT / "kgan" / "api" / "doctor_callback.py")
    assert all(f'"{verdict}"' in said for _, expected in _exercises() for verdict in expected)


def _execute(path, tmp_path, monkeypatch, change=lambda notebook: None):
    """Runs a notebook in its short form, offline, in an empty directory; returns it, with each code cell's seconds.

    `change` is called with the notebook before.
    """
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    (tmp_path / "offline").mkdir()
    (tmp_path / "offline" / "sitecustomize.py").write_text(OFFLINE)
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "offline"), str(ROOT)]))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("KGAN_SHORT", "1")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "absent"))
    notebook = nbformat.read(path, 4)
    change(notebook)
    guard = nbformat.v4.new_code_cell("import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), 1)\n"
                                      "except OSError as error:\n    assert 'network is off' in str(error), error")
    notebook.cells.insert(0, guard)
    # nbclient waits 60 s for a kernel, and 4 s for outputs after the end of a cell: too short on a busy machine.
    client = nbclient.NotebookClient(notebook, timeout=SECONDS, startup_timeout=SECONDS, iopub_timeout=60,
                                     kernel_name="python3", resources={"metadata": {"path": str(tmp_path / "work")}})
    client.execute()
    return notebook, {cell.id: _seconds(cell) for cell in notebook.cells if cell.cell_type == "code"}


def _seconds(cell):
    from datetime import datetime

    began, ended = (datetime.fromisoformat(cell.metadata["execution"][name].replace("Z", "+00:00"))
                    for name in ("iopub.execute_input", "shell.execute_reply"))
    return (ended - began).total_seconds()


def _pictures(notebook):
    return sum("image/png" in output.get("data", {}) or "<img" in output.get("data", {}).get("text/html", "")
               for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)


def test_the_first_runs_from_top_to_bottom(tmp_path, monkeypatch):
    notebook, _ = _execute(NOTEBOOKS[0], tmp_path, monkeypatch)
    assert _pictures(notebook) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_each_runs_from_top_to_bottom_in_time(path, tmp_path, monkeypatch):
    notebook, seconds = _execute(path, tmp_path, monkeypatch)
    assert _pictures(notebook) >= 2
    assert sum(seconds.values()) < SECONDS
    if path.stem == "3_when_gans_go_wrong":
        provoked = {name: spent for name, spent in seconds.items() if name.endswith("-run")}
        assert len(provoked) == 6  # five failures, and a healthy one
        assert max(provoked.values()) < CELL_SECONDS, provoked


@pytest.mark.slow
def test_the_doctor_marks_the_lessons_exercises_as_the_lesson_says(tmp_path, monkeypatch):
    needed = ("install", "import", "networks", "make-doctor", "training-run", "flipped-run", "memorising-run")

    def with_exercises(notebook):
        from nbformat.v4 import new_code_cell

        notebook.cells = [cell for cell in notebook.cells if cell.id in needed]
        notebook.cells += [new_code_cell(code, id=f"exercise-{number}")
                           for number, (code, _) in enumerate(_exercises())]

    notebook, _ = _execute(NOTEBOOKS[2], tmp_path, monkeypatch, with_exercises)
    cells = {cell.id: cell for cell in notebook.cells}
    for number, (_, expected) in enumerate(_exercises()):
        said = ast.literal_eval(cells[f"exercise-{number}"].outputs[-1].data["text/plain"])
        assert said[:len(expected)] == expected, number
