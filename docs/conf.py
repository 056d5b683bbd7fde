"""Sphinx' settings: `python -m sphinx -W docs SITE` makes the site of these pages; warnings are errors.

Pages stay what a plain host of git shows. Three things are done to them on their way to the site: links that lead out
of docs/ get the repository's address; `<!-- autodoc: ... -->` becomes the docstrings of these modules; and docstrings,
which are plain text with indented tables, become reStructuredText.
"""

import dataclasses
import importlib
import os
import pkgutil
import re
import shutil
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import addresses
from sphinx.util import inspect

import kgan
from kgan import models

project = "kgan"
version = release = kgan.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"  # small, for wide tables and telephones too; Sphinx' own, alabaster, squeezes tables
html_title = f"kgan {version}"
html_copy_source = html_show_sourcelink = html_show_copyright = False
suppress_warnings = ["misc.highlighting_failure"]  # notebooks' cells with `!commands`
default_role = "code"  # of `words` in docstrings
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 4
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
SECTIONS = re.compile(r"\s*(Args|Example|Raises|Returns|Yields):+$")  # napoleon's


def read_page(app: Any, name: str, source: list[str]) -> None:
    """Makes a page one of the site's. The front page is the README, with the list of pages behind it."""
    folder, page = (DOCS / name).parent, source[0]
    if name == "index":
        folder, page = ROOT, (ROOT / "README.md").read_text(encoding="utf-8") + contents()

    def target(link: str) -> str:
        path, mark, heading = link.partition("#")
        goal = (folder / path).resolve()
        if goal == ROOT / "README.md":
            goal = DOCS / "index.md"
        inside = (goal.is_relative_to(DOCS) and not goal.is_dir()) or goal.suffix in addresses.PICTURES
        return (os.path.relpath(goal, (DOCS / name).parent) if inside else addresses.of(goal)) + mark + heading

    page = addresses.changed(page, target)
    source[0] = re.sub(r"<!-- autodoc: (.*?) -->", lambda names: "\n\n".join(map(section, modules(names[1]))), page,
                       flags=re.DOTALL)


def contents() -> str:
    """Returns the site's list of pages: those that docs/README.md links to, under its words."""
    listing = (DOCS / "README.md").read_text(encoding="utf-8")
    _, notebooks, pages = re.split("^## (?:Notebooks|All pages)$", listing, flags=re.MULTILINE)
    groups = re.findall(r"^\*\*(.+?)\*\*(.*?)(?=^\*\*|^##)", pages, re.DOTALL | re.MULTILINE)
    groups.append(("Notebooks", notebooks))
    listed, trees = {"README"}, "```{toctree}\n:hidden:\n\nREADME\n```\n"
    for title, links in groups:
        names = [name for name in re.findall(r"\]\((?!\.\.)([^)#]+)\.md\)", links) if name not in listed]
        listed.update(names)
        trees += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {title}", "", *names, "```", ""])
    return "\n" + trees


def modules(names: str) -> list[str]:
    """Returns modules by name; `package.*` stands for those of a package."""
    listed = []
    for name in names.split():
        package, star, _ = name.partition(".*")
        inside = pkgutil.iter_modules(importlib.import_module(package).__path__) if star else ()
        listed += [f"{package}.{module.name}" for module in inside] if star else [name]
    return listed


def section(module: str) -> str:
    """Returns the part of a page about a module."""
    return f"## {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n```"


def read_docstring(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Makes reStructuredText of a docstring: an indented block is shown as it stands, `title:` and lines are a list."""
    if name.startswith("kgan.models.") and what == "module":
        lines += ["", f"Default recipe, without what is so in any recipe: {settings(name.rpartition('.')[2])}."]
    made: list[str] = []
    kind = ""  # "block", "list", or neither: what the line is in
    outer = inner = 0  # indents of the text around, and of the list
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        indent = len(line) - len(line.lstrip())
        if line and kind and indent <= outer:
            made += [""] * bool(made[-1])
            kind = ""
        if line and not kind and made and indent > outer:
            before = next(text for text in reversed(made) if text)
            if not made[-1]:
                kind = "block"
                made += [" " * outer + "::", ""] * (not before.endswith("::"))
            elif before.endswith(":") and not SECTIONS.match(before):
                kind, inner = "list", indent
                made.append("")
        if kind == "list" and line:
            line = " " * outer + ("- " if indent == inner else "  ") + plain(line.lstrip())
        elif not kind and line:
            outer, line = indent, plain(line)
            if line[indent:].startswith(r"\* ") and (not following or following[indent:].startswith(("  ", "* "))):
                line = line.replace(r"\*", "*", 1)
        made.append(line)
    lines[:] = made


def skips(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leaves other libraries' functions out before Sphinx tries to print their signatures."""
    return None if (getattr(thing, "__module__", None) or "kgan").startswith("kgan") else True


def sign(app: Any, what: str, name: str, thing: Any, options: Any, signature: str, returned: str) -> Any:
    """Gives Keras' classes the signatures of their constructors: Keras' own `__new__` hides them."""
    if what == "class" and signature == "(*args, **kwargs)":
        constructor = inspect.signature(thing.__init__, bound_method=True)
        return inspect.stringify_signature(constructor, unqualified_typehints=True, show_return_annotation=False), ""
    return None


def plain(text: str) -> str:
    """Returns text whose signs mean nothing to reStructuredText, but for `code`; names of pages of docs/ are links."""
    parts = re.split(r"(`[^`]+`)", text)
    parts[::2] = [re.sub(r"([*|\\]|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    parts[::2] = [re.sub(r"\bdocs/([\w/-]+)\.md[#\w]*", r":doc:`\g<0> </\1>`", part) for part in parts[::2]]
    return "".join(parts)


def settings(model: str) -> str:
    """Returns what a model's default recipe has otherwise than any."""
    usual = {field.name: field.default for field in dataclasses.fields(models.recipe(model))}
    chosen = {name: value for name, value in models.recipe(model).to_dict().items() if value != usual[name]}
    return ", ".join(f"`{name}={value}`" for name, value in chosen.items() if name != "model")


def finish(app: Any, error: Exception | None) -> None:
    """Copies the pictures of notebooks' HTML, which Sphinx takes as it stands."""
    for picture in DOCS.glob("notebooks/*/*_html_*"):
        copy = Path(app.outdir, picture.relative_to(DOCS))
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, copy)


def setup(app: Any) -> None:
    """Is called by Sphinx."""
    app.connect("build-finished", finish)
    app.connect("source-read", read_page)
    app.connect("autodoc-skip-member", skips)
    app.connect("autodoc-process-signature", sign)
    app.connect("autodoc-process-docstring", read_docstring, priority=400)  # before napoleon, whose sections it leaves
