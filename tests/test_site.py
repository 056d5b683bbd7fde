"""The site of the documents, the README on an index, and GitHub's workflows: what the hosts would do, done here."""

import html
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, pages, text

from kgan import models

sys.path.append(str(ROOT / "tools"))
import addresses

SIZE = 20_000_000  # bytes of the site, at most
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_lacks_nothing(tmp_path):
    pytest.importorskip("sphinx")
    site = tmp_path / "site"
    build = [sys.executable, "-m", "sphinx", "-W", "-q", "-d", tmp_path / "trees", ROOT / "docs", site]
    subprocess.run(build, cwd=ROOT, check=True)
    shown = {str(page.relative_to(site)): text(page) for page in site.rglob("*.html")}
    names = {str(page.relative_to(ROOT / "docs").with_suffix(".html")) for page in pages() if page.name != "README.md"}
    assert names <= shown.keys()
    lost = {(name, target) for name, page in shown.items() if not name.startswith("_modules")
            for target in re.findall(r'(?:src|href)="(?![a-z]+:|#|")([^"#?]+)', page)
            if not (site / name).parent.joinpath(html.unescape(target)).exists()}
    assert lost == set()
    described = html.unescape(re.sub("<.*?>", "", shown["library_models.html"]))
    for name in models.names():
        assert f"kgan.models.{name}.build_generator(" in described or name == "pca"
        for total in re.findall(r"^ *(Total +[\d,*]+)", text(ROOT / "kgan" / "models" / f"{name}.py"), re.MULTILINE):
            assert total in described, name
    assert "Default recipe" in described
    assert "collapse" in text(site / "searchindex.js")
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < SIZE


def test_on_an_index_the_readmes_links_have_addresses_of_what_is_there(tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    copy = tmp_path / "README.md"
    copy.write_text(text(ROOT / "README.md"), encoding="utf-8")
    addresses.main(str(copy), "v1.2.3")
    prose = re.sub(r"^```.*?^```$", "", text(copy), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r'(?:src="|\]\()([^")\s]+)', prose)
    inside = [re.fullmatch(r"https://github\.com/[\w-]+/kgan/(raw|blob|tree)/v1\.2\.3/([^#]+)(#.*)?", target)
              for target in targets if "/kgan/" in target]
    assert all(re.match("https://|#", target) for target in targets)
    assert len(inside) > 30
    for match in inside:
        path = ROOT / match[2]
        assert path.exists()
        assert (match[1] == "raw") == (path.suffix in addresses.PICTURES)
        assert (match[1] == "tree") == path.is_dir()


def test_code_keeps_its_brackets():
    page = "[a](b.md)\n\n```python\nx[1](y)\n```\n[c](https://d) [e](#f)"
    assert addresses.changed(page, str.upper) == page.replace("b.md", "B.MD")


def test_a_workflow_knows_its_repository(monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/fork")
    assert addresses.of(ROOT / "kgan") == "https://github.com/me/fork/tree/main/kgan"


def _lint(*files):
    zizmor = Path(sys.executable).with_name("zizmor")
    if not zizmor.exists():
        pytest.skip("no zizmor")
    return subprocess.run([zizmor, "--offline", "--pedantic", "--strict-collection", "--quiet", *files],
                          capture_output=True, text=True)


def test_the_workflows_are_valid_and_safe():
    assert {file.name for file in WORKFLOWS} == {"pages.yml", "tests.yml"}
    result = _lint(*WORKFLOWS)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("old, new", [("@[0-9a-f]{40}", "@v6"), ("runs-on:", "runs:"),
                                      ("permissions: {}", "permissions: write-all")])
def test_the_linter_of_workflows_notices_faults(old, new, tmp_path):
    broken = tmp_path / ".github" / "workflows" / "tests.yml"
    broken.parent.mkdir(parents=True)
    broken.write_text(re.sub(old, new, text(ROOT / ".github" / "workflows" / "tests.yml")), encoding="utf-8")
    assert _lint(broken).returncode != 0


DOCSTRING = """Maps z, (batch, latent_dim), to images.

    z        100*
    Dense*   6272*  633,472*
      Total         633,472*

Not in the paper:
    optimizer: Adam 2e-4, as `dcgan*` has it
        in *all* layers
    z: |z| of N(0, 1)
Differs from the paper: nothing.

* first, as docs/how-to/train.md#length says
* second,
  and its end

* a note, which
is no list.

Args:
    recipe: whose latent_dim_ is taken.

Example::

    build(*recipes)
"""
MADE = r"""Maps z, (batch, latent_dim), to images.

::

    z        100*
    Dense*   6272*  633,472*
      Total         633,472*

Not in the paper:

- optimizer: Adam 2e-4, as `dcgan*` has it
  in \*all\* layers
- z: \|z\| of N(0, 1)

Differs from the paper: nothing.

* first, as :doc:`docs/how-to/train.md#length </how-to/train>` says
* second,
  and its end

\* a note, which
is no list.

Args:
    recipe: whose latent_dim\_ is taken.

Example::

    build(*recipes)
"""


def test_docstrings_become_blocks_and_lists_without_losing_a_sign(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), *sys.path])
    lines = DOCSTRING.splitlines()
    importlib.import_module("conf").read_docstring(None, "function", "kgan.f", None, None, lines)
    assert "\n".join(lines) + "\n" == MADE
