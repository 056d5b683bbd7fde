"""What the README and the pages of docs/ show must be there, and must run."""

import importlib
import re

import numpy as np
import pytest
from documents import ROOT, blocks, pages, text

from kgan.__main__ import COMMANDS

README_LINES = 130  # at most: it invites, docs/ tells


def _code(page):
    """The blocks of a page that train a `GAN`, each with the page's name."""
    return [(str(page.relative_to(ROOT)), code) for _, code in blocks(text(page), "python")
            if re.search(r"\bgan\.fit\(", code)]


TRAINING = [found for page in pages(made=False) if page.name != "faq.md" for found in _code(page)]


@pytest.mark.parametrize("code", [code for _, code in TRAINING], ids=[name for name, _ in TRAINING])
def test_code_runs_as_printed(code):
    shortened, changes = re.subn(r"steps_per_epoch=\d+, epochs=\d+", "steps_per_epoch=1, epochs=1, verbose=0", code)
    assert changes == 1
    names = {}
    exec(shortened, names)
    assert int(names["gan"].step) == 1
    assert names["gan"].generate([0]).dtype == np.uint8


def test_every_flag_is_told_of():
    documents = "\n".join(map(text, pages(made=False)))
    names = {flag.name for command in COMMANDS for flag in importlib.import_module(f"kgan.commands.{command}").FLAGS}
    assert len(names) > 40
    assert sorted(name for name in names if not re.search(rf"--(no)?{name}\b", documents)) == []


def _targets(page):
    """Yields the relative targets of a page's links and pictures: the path, and the heading after #."""
    prose = re.sub(r"^```.*?^```$", "", text(page), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r'(?:src="|\]\()([^")\s]+)', prose):
        if not re.match(r"[a-z]+:", target):
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def _headings(page):
    """The names that GitHub gives to a page's headings."""
    titles = re.findall(r"^#+ (.*)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title).lower()).replace(" ", "-") for title in titles}


def test_every_picture_and_every_link_leads_somewhere():
    found = [(page, *target) for page in pages() for target in _targets(page)]
    assert len(found) > 100
    missing = {str(path.relative_to(ROOT)) for _, path, _ in found if not path.exists()}
    lost = [(page.name, path.name, heading) for page, path, heading in found
            if path.exists() and heading and heading not in _headings(path)]
    assert lost == []
    assert missing == set()


def test_the_readme_is_short():
    assert len(text(ROOT / "README.md").splitlines()) <= README_LINES


def test_every_page_can_be_reached():
    linked = {path for page in pages() for path, _ in _targets(page)}
    assert [page for page in pages() if page not in linked] == []
