"""Runs the notebooks of colab/ and shows them with their outputs: `python tools/render_notebooks.py [1 3 …]`.

`docs/notebooks/NAME.md` has text, code and outputs, `docs/notebooks/NAME/` its pictures. Needs kgan[dev], and half an
hour of two cores for all five; numbers choose some of them. With KGAN_SHORT=1 the trainings are shorter.
"""

import base64
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "notebooks"
HEAD = "<!-- Made by `python tools/render_notebooks.py`. Change the notebook, then run it again. -->\n\n"


def main(file: Path) -> None:
    """Runs a notebook in a directory of its own, and writes its page and pictures."""
    notebook = nbformat.read(file, 4)
    with tempfile.TemporaryDirectory() as directory:
        NotebookClient(notebook, timeout=None, iopub_timeout=60, coalesce_streams=True).execute(cwd=directory)
    for cell in (one for one in notebook.cells if "outputs" in one):
        cell.outputs = [_shown(one, directory) for one in cell.outputs if one.get("name") != "stderr"]
    page, made = MarkdownExporter().from_notebook_node(
        notebook, dict.fromkeys(("unique_key", "output_files_dir"), file.stem))
    pictures = made["outputs"]
    for kind, data in re.findall(r"data:image/(png|gif);base64,([\w+/=]+)", page):  # inside of HTML
        name = f"{file.stem}/{file.stem}_html_{len(pictures)}.{kind}"
        page, pictures[name] = page.replace(f"data:image/{kind};base64,{data}", name), base64.b64decode(data)
    shutil.rmtree(OUT / file.stem, ignore_errors=True)
    (OUT / file.stem).mkdir(parents=True)
    for name, content in pictures.items():
        (OUT / name).write_bytes(content)
    page = HEAD + re.sub(r"\]\((\d_\w+)\.ipynb\)", r"](\1.md)", page).strip()  # links from page to page
    (OUT / f"{file.stem}.md").write_text(page + "\n", encoding="utf-8")


def _shown(output: nbformat.NotebookNode, directory: str) -> nbformat.NotebookNode:
    """Leaves one form of an output, and no colours."""
    if "text" in output:
        output.text = output.text.replace(directory, "…").replace("\r", "")
    data = output.get("data", {})
    kinds = ["image/png", *["text/html"] * ("<img" in data.get("text/html", "")), "text/markdown", "text/plain"]
    if kind := next((one for one in kinds if one in data), None):
        output.data = {kind: re.sub(r"\x1b\[[\d;]*m", "", data[kind])}
    if "text/markdown" in output.get("data", {}):  # no second title of the page
        output.data["text/markdown"] = re.sub("^#", "###", output.data["text/markdown"], flags=re.MULTILINE)
    return output


if __name__ == "__main__":
    for name, first in (("PYTHONPATH", ROOT), ("PATH", Path(sys.executable).parent)):
        os.environ[name] = f"{first}{os.pathsep}{os.environ.get(name, '')}"
    for path in sorted((ROOT / "colab").glob("[1-9]_*.ipynb")):
        if not sys.argv[1:] or path.name[0] in sys.argv[1:]:
            main(path)
