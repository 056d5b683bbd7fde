"""Writes docs/reference/ from the code: `python tools/make_reference.py [DIRECTORY]`.

Commands are shown as their `--help` prints them, recipes from the fields of `Recipe`, models from their files'
docstrings, and the library from its sources. Nothing in that directory is written by hand.
"""

import ast
import dataclasses
import importlib
import inspect
import os
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this checkout's kgan, whichever is installed

import kgan
from kgan import models
from kgan.__main__ import COMMANDS
from kgan.recipe import Recipe

HEAD = "<!-- Made by `python tools/make_reference.py`. Change the code, then run it again. -->\n\n"
GROUPS = {"model": "The networks", "data": "The images", "place": "Where the images are",
          "loss": "The loss and its descent", "training": "Everything else about training"}
LIBRARY = ("losses", "penalties", "augment", "latent", "images", "sampling", "layers", "kernels", "models", "recipe",
           "metrics", "api.handles")  # modules and packages of functions, in the order in which they are shown


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
    parts = [f"# Recipe\n\n{_docstring(Recipe)}\n\nEach field is a flag of `kgan train`, and an entry of `recipe` in a "
             "run's `config.json`. *Required* means that the model's own recipe must give it; then it is also so where "
             "a discriminator takes part and the default is –. How these settings act together is told in "
             "[Train](../how-to/train.md)."]
    found = dataclasses.fields(Recipe)
    assert {one.metadata["group"] for one in found} == set(GROUPS)
    for group, title in GROUPS.items():
        rows = [f"| `{one.name}` | {_type(one)} | {_default(one)} | {_allowed(one)} | {one.metadata['help']} |"
                for one in found if one.metadata["group"] == group]
        parts.append("\n".join([f"## {title}", "", "| field | type | default | allowed | meaning |",
                                "|---|---|---|---|---|", *rows]))
    return _page(parts)


def papers() -> str:
    """Returns the page of models: each file's docstring, and what its recipe sets."""
    parts = ["# Models\n\nWhat each file of `kgan/models/` says of itself, and its default recipe, without the fields "
             "that are as [any recipe's](recipe.md). An overview with pictures: [the models](../models.md)."]
    usual = {one.name: one.default for one in dataclasses.fields(Recipe)}
    for name in models.names():
        settings = {field: value for field, value in models.recipe(name).to_dict().items()
                    if field != "model" and value != usual[field]}
        listed = ", ".join(f"`{field}={value}`" for field, value in settings.items())
        parts.append(f"## {name}\n\n```text\n{_plain(models.description(name))}\n```\n\nDefault recipe: {listed}.")
    return _page(parts)


def api() -> str:
    """Returns the page of the library: public names, with signature and docstring."""
    parts = ["# Library\n\nThe names that a program or a notebook uses. Importing kgan is quick: TensorFlow is loaded "
             "when one of them first needs it. How to use them: [in a notebook](../how-to/notebook.md)."]
    parts.append("\n\n".join(["## kgan", *_from_the_package()]))
    for name in LIBRARY:
        for module in _with_modules_inside(importlib.import_module(f"kgan.{name}")):
            entries = list(_public(module))
            if entries:
                parts.append("\n\n".join([f"## {module.__name__}", _docstring(module), *entries]))
    return _page(parts)


def _from_the_package() -> Iterator[str]:
    for name in sorted(kgan.__all__, key=str.lower):
        thing = getattr(kgan, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            node = next(node for node in _tree(sys.modules[thing.__module__]).body
                        if getattr(node, "name", None) == thing.__name__)
            yield _entry(node, f"kgan.{name}")


def _with_modules_inside(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    if module.__name__ == "kgan.metrics":
        for path in sorted(Path(str(module.__file__)).parent.glob("[a-z]*.py")):
            yield importlib.import_module(f"{module.__name__}.{path.stem}")


def _public(module: ModuleType) -> Iterator[str]:
    body = _tree(module).body
    values = [target.id for node in body if isinstance(node, ast.Assign) for target in node.targets
              if isinstance(target, ast.Name) and target.id.islower() and not target.id.startswith("_")]
    if values:
        yield f"Ready-made: {', '.join(f'`{value}`' for value in values)}."
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield _entry(node, node.name)


def _entry(node: Any, name: str) -> str:
    """Shows a function, or a class with its public methods."""
    body = [one for one in node.body if isinstance(one, ast.FunctionDef)] if isinstance(node, ast.ClassDef) else []
    start = next((one for one in body if one.name == "__init__"), None)
    lines = [f"### {name}", "```python\n" + _signature(name.rpartition(".")[2], start or node) + "\n```"]
    if docstring := ast.get_docstring(node):
        lines.append(f"```text\n{docstring}\n```")
    for method in body:
        if method.name.startswith("_") or not ast.get_docstring(method):
            continue
        shown = "property" if any(getattr(one, "id", "") == "property" for one in method.decorator_list) else None
        title = f"{method.name}: {ast.unparse(method.returns)}" if shown and method.returns else _signature(method.name,
                                                                                                          method)
        lines.append(f"**`{node.name}.{title}`**\n\n```text\n{ast.get_docstring(method)}\n```")
    return "\n\n".join(lines)


def _signature(name: str, node: Any) -> str:
    """Writes a signature as the source has it, so that no library's version shows in it."""
    if isinstance(node, ast.ClassDef):  # without a constructor of its own: its fields
        fields = [ast.unparse(one) for one in node.body if isinstance(one, ast.AnnAssign)]
        return f"{name}({', '.join(fields)})"
    arguments = ast.unparse(node.args).removeprefix("self, ").removeprefix("cls, ")
    arguments = "" if arguments in ("self", "cls") else arguments
    returned = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    return f"{name}({arguments}){returned}"


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))


def _docstring(thing: Any) -> str:
    return f"```text\n{inspect.cleandoc(thing.__doc__ or '')}\n```"


def _type(one: dataclasses.Field) -> str:
    return next(part for part in (typing.get_args(one.type) or (one.type,)) if part is not type(None)).__name__


def _default(one: dataclasses.Field) -> str:
    return "required" if one.default is dataclasses.MISSING else "–" if one.default is None else f"`{one.default}`"


def _allowed(one: dataclasses.Field) -> str:
    limits = one.metadata
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


PAGES = {"commands.md": commands, "recipe.md": recipes, "models.md": papers, "api.md": api}


def main(directory: Path = ROOT / "docs" / "reference") -> None:
    """Writes every page into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (directory / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
