"""Gives relative links in Markdown full addresses, for where the files don't lie beside the page: an index, the site.

    python tools/addresses.py README.md v0.3.0      # rewrites the file; links lead to that tag

Whose repository it is stands in setup.cfg; on GitHub its own workflows know better.
"""

import configparser
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A fenced block as a whole, which stays as it is; or the beginning and the relative target of a link or a picture.
PARTS = re.compile(r'^```.*?^```$|(?P<start>src="|\]\()(?!#|[a-z]+:)(?P<target>[^)\s"]+)', re.DOTALL | re.MULTILINE)
PICTURES = {".gif", ".jpg", ".png", ".svg"}


def repository() -> str:
    """Returns the address of the repository."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return f"https://github.com/{name}"
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg", encoding="utf-8")
    return metadata["metadata"]["url"]


def of(path: Path, version: str = "main") -> str:
    """Returns the address of a file or directory of the repository, at a branch or tag."""
    view = "raw" if path.suffix in PICTURES else "tree" if path.is_dir() else "blob"
    return f"{repository()}/{view}/{version}/{path.relative_to(ROOT).as_posix()}"


def changed(page: str, change: Callable[[str], str]) -> str:
    """Returns a page with `change` of each relative target of its links and pictures."""
    return PARTS.sub(lambda part: part["start"] + change(part["target"]) if part["start"] else part[0], page)


def main(file: str, version: str) -> None:
    """Rewrites a page that stands, or will stand, in the repository's root."""

    def absolute(target: str) -> str:
        path, mark, heading = target.partition("#")
        return of(ROOT / path, version) + mark + heading

    page = Path(file)
    page.write_text(changed(page.read_text(encoding="utf-8"), absolute), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
