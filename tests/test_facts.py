"""Facts that stand in several places, or that go stale when code moves: they are compared."""

import ast
import importlib.util
import json
import re
import tomllib

import pytest
import yaml
from documents import ROOT, text

from kgan import losses, models, recipe

PACKAGE = ROOT / "kgan"
ARCHITECTURE = text(ROOT / "docs" / "explain" / "architecture.md")
LAYERS = tomllib.loads(text(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"][0]["layers"]


def _inside(directory):
    """Returns the names of the modules and packages of a package."""
    return {path.stem for path in directory.glob("*.py") if path.stem != "__init__"} | {
        path.parent.name for path in directory.glob("*/__init__.py")}


def _blocks(page):
    return re.findall(r"^```\w*\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def test_the_tree_of_the_house_lists_what_there_is():
    tree, _ = _blocks(ARCHITECTURE)
    names = re.findall(r"^  (\w+)(/?) ", tree, re.MULTILINE)
    assert len(names) == len(dict(names))
    assert {name for name, _ in names} == _inside(PACKAGE) - {"__main__"}
    assert {name for name, folder in names if folder} == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_the_printed_order_of_imports_is_the_contract():
    _, chain = _blocks(ARCHITECTURE)
    assert chain.splitlines() == LAYERS
    assert {name for layer in LAYERS for name in layer.split(" | ")} == _inside(PACKAGE)


@pytest.mark.parametrize("package", sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py")))
def test_a_package_names_modules_that_there_are(package):
    docstring = ast.get_docstring(ast.parse(text(PACKAGE / package / "__init__.py"))) or ""
    names = set(re.findall(r"`(\w+)`", docstring))
    inside = _inside(PACKAGE / package)
    named = names & inside
    assert not named or named == inside or package in ("api", "models"), sorted(inside - named)
    if package == "data":
        assert named == inside


def test_choices_of_a_recipe_are_those_that_are_made():
    choices = {field.name: field.metadata["choices"] for field in recipe.dataclasses.fields(recipe.Recipe)}
    assert set(choices["loss"]) == set(losses.BY_NAME)
    for loss in losses.BY_NAME.values():
        assert loss.threshold is not None or not loss.sigmoid  # a probability has a threshold


def test_documents_tell_of_every_loss():
    (row,) = re.findall(r"^\| `--loss` \|.*$", text(ROOT / "docs" / "how-to" / "train.md"), re.MULTILINE)
    formulas = text(ROOT / "docs" / "explain" / "train_step.md")
    for name in losses.BY_NAME:
        assert f"`{name}`" in row
        assert f"`{name}`" in formulas


def test_checklists_name_files_that_there_are():
    named = re.findall(r"`((?:kgan|tests|docs|tools|experiments)/[\w./-]+)`", text(ROOT / "CONTRIBUTING.md"))
    assert len(named) > 20
    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []


@pytest.fixture(scope="module")
def made():
    path = ROOT / "tools" / "make_results.py"
    spec = importlib.util.spec_from_file_location("make_results", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _titles():
    """Returns the titles of CITATION.cff, as they are printed, by the words that find the paper."""
    return {reference["title"].replace("--", " – "): reference for reference in yaml.safe_load(
        text(ROOT / "CITATION.cff"))["references"]}


def test_every_models_paper_is_cited(made):
    quoted = {made.typeset(made.quoted_title(name)) for name in models.names() if made.quoted_title(name)}
    assert quoted == set(_titles())


def test_documents_have_the_papers_titles():
    listed = text(ROOT / "docs" / "models.md").partition("The papers, and the sources")[2].partition("**How much")[0]
    titles = {title.replace("\n  ", " ") for title in re.findall(r"\*([A-Z][^*\[\]]+)\*", listed)}
    radford = {title for title in titles if title.startswith("Unsupervised")}  # a source, of no network here
    assert titles - radford == set(_titles())


def test_the_notebook_and_the_claims_have_the_papers_titles():
    cells = json.loads(text(ROOT / "colab" / "2_papers.ipynb"))["cells"]
    rows = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    titles = re.findall(r"\*([A-Z][^*\[\]]{20,})\*.*\| `", rows)
    claimed = [re.search(r'pages\.Paper\(\s*"\w+", "([^"]+)"', text(path))
               for path in (ROOT / "experiments" / "papers").glob("*.py")]
    assert len(titles) == 6
    assert set(titles) <= set(_titles())
    for paper in filter(None, claimed):
        assert any(paper[1].endswith(f", {title}") for title in _titles()), paper[1]
    assert len(list(filter(None, claimed))) == 5


def test_another_title_is_noticed(made, monkeypatch):
    source = 'Source: Q. Zhao, "Image Generation Using GANs", figures 2 and 3.'
    monkeypatch.setattr(made.models, "description", lambda name: f"DCGAN.\n\n{source}\n\nRecipes:")
    assert made.quoted_title("dcgan") == "Image Generation Using GANs"
    assert made.quoted_title("dcgan") not in _titles()
