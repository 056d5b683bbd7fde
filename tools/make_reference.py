"""Writes docs/reference/ from the code: `python tools/make_reference.py [DIRECTORY]`.

Commands are shown as their `--help` prints them, recipes from the fields of `Recipe`. Nothing in that directory is
written by hand.
"""

import dataclasses
import inspect
import os
import subprocess
import sys
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this checkout's kgan, whichever is installed

from kgan.__main__ import COMMANDS
from kgan.recipe import Recipe

HEAD = "<!-- Made by `python tools/make_reference.py`. Change the code, then run it again. -->\n\n"
GROUPS = {"model": "The networks", "data": "The images", "place": "Where the images are",
          "loss": "The loss and its descent", "training": "Everything else about training"}


def commands() -> str:
    """Returns the page of commands: what each prints when asked for help."""
    parts = ["# Commands\n\nAs `kgan COMMAND --help` prints them. Which page tells how to use them: [the "
             "documents](../README.md)."]
    for name in COMMANDS:
        printed = subprocess.run([sys.executable, "-m", "kgan", name, "--help"], cwd=ROOT, check=True, text=True,
                                 encoding="utf-8", stdout=subprocess.PIPE,
                                 env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8",
                                      "PYTHONPATH": str(ROOT)}).stdout
        parts.append(f"## kgan {name}\n\n```text\n{_plain(printed)}\n```")
    return _page(parts)


def recipes() -> str:
    """Returns the page of a recipe's fields."""
    parts = [f"# Recipe\n\n```text\n{inspect.getdoc(Recipe)}\n```\n\nEach field is a flag of `kgan train`, and an "
             "entry of `recipe` in a run's `config.json`. *Required* means that the model's own recipe must give it; "
             "where a discriminator takes part, that is also so if the default is –. How these settings act together "
             "is told in [Train](../how-to/train.md)."]
    fields = dataclasses.fields(Recipe)
    assert {field.metadata["group"] for field in fields} == set(GROUPS)
    for group, title in GROUPS.items():
        rows = [f"| `{field.name}` | {_type(field)} | {_default(field)} | {_allowed(field)} | "
                f"{field.metadata['help']} |" for field in fields if field.metadata["group"] == group]
        parts.append("\n".join([f"## {title}", "", "| field | type | default | allowed | meaning |",
                                "|---|---|---|---|---|", *rows]))
    return _page(parts)


def _type(field: dataclasses.Field) -> str:
    return next(part for part in (typing.get_args(field.type) or (field.type,)) if part is not type(None)).__name__


def _default(field: dataclasses.Field) -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    return "–" if field.default is None else f"`{field.default}`"


def _allowed(field: dataclasses.Field) -> str:
    limits = field.metadata
    words = [f"`{choice}`" for choice in limits["choices"]]
    for name, sign in (("above", ">"), ("least", "≥"), ("below", "<"), ("most", "≤")):
        if limits[name] is not None:
            words.append(f"{sign} {limits[name]:,}")
    return ", ".join(words) or "any"


def _plain(printed: str) -> str:
    """Takes out where this checkout lies, and spaces at ends of lines."""
    return "\n".join(line.rstrip() for line in printed.replace(f"{ROOT}{os.sep}", "").strip().splitlines())


def _page(parts: list[str]) -> str:
    return HEAD + "\n\n".join(parts) + "\n"


PAGES = {"commands.md": commands, "recipe.md": recipes}


def main(directory: Path = ROOT / "docs" / "reference") -> None:
    """Writes every page into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (directory / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
