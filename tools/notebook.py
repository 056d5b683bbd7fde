"""Executes a small notebook that uses the facade, and keeps it with its outputs.

    python tools/notebook.py experiments/results/facade

Needs nbclient and ipykernel. The run is made in a temporary directory; `--steps` is its length.
"""

import argparse
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CELLS = (
    "# kgan in a notebook",
    'import kgan\n\nrun = kgan.fit("dcgan_fast", "digits", workdir="runs/digits", steps={steps})',
    "run.sample(100)",
    "run.images([0, 1, 2]).shape, run.log[-1]",
    "run.walk(labels=[1, 5, 9], frames=8)",
    "run",
    'kgan.fit("dcgan_fast", "digits", workdir="runs/digits", step=700)',
)


def main() -> None:
    """Writes notebook.ipynb."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    first, *rest = CELLS
    notebook = new_notebook(cells=[new_markdown_cell(first), *(
        new_code_cell(source.replace("{steps}", str(options.steps))) for source in rest)])
    notebook.cells[-1].metadata["tags"] = ["raises-exception"]  # the typical mistake
    with tempfile.TemporaryDirectory() as directory:
        NotebookClient(notebook, timeout=None, kernel_name="python3",
                       resources={"metadata": {"path": directory}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when each cell ran
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/jpeg", None)  # Pillow's second form of a picture
    nbformat.write(notebook, Path(options.out, "notebook.ipynb"))


if __name__ == "__main__":
    main()
