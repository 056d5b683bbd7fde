"""The documents as data: pages, their blocks of code, and what runs a line of shell as printed."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from absl import flags

from kgan import __main__ as commands

ROOT = Path(__file__).parents[1]
MADE = [ROOT / "docs" / "reference", ROOT / "docs" / "notebooks"]  # from the code, and by running notebooks
NOT_RUN = ("pip", "docker", "curl", "tensorboard")  # they install, need an engine or a server, or never end


def pages(*, made=True):
    """Returns README.md and every page of docs/ that readers open; `made` False: without those that are made."""
    written = [page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "index.md"]  # the site's own
    return [page for page in [ROOT / "README.md", *written]
            if made or not any(page.is_relative_to(directory) for directory in MADE)]


def text(page):
    return page.read_text(encoding="utf-8")


def blocks(markdown, *languages):
    """Returns the fenced blocks in these languages, in order: (language, code)."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", markdown, re.DOTALL | re.MULTILINE)
    return [(language, code) for language, code in found if language in languages]


def lines(code):
    """Returns the commands of a block of shell, as words; a backslash joins lines, # begins a comment."""
    joined = code.replace("\\\n", " ").splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in joined) if words]


def named(words):
    """Returns the command of kgan's and its arguments that a line runs; None for other programs."""
    if words[:2] == ["python", "-m"] and words[2].partition(".")[0] == "kgan":
        words = ["kgan", *filter(None, [words[2].partition(".")[2]]), *words[3:]]
    if words[:2] == ["kgan", "sample"]:
        return "generate", [f"preset:{words[2]}", *words[3:]]
    return (words[1], words[2:]) if words[0] == "kgan" else None


def parsed(command, arguments):
    """Returns the positional arguments, and the values of all flags, as a launch of the command would."""
    values = flags.FlagValues()
    for flag in importlib.import_module(f"kgan.commands.{command}").FLAGS:
        flag.define(values)
    positional = values(["kgan", *arguments])[1:]
    return positional, SimpleNamespace(**values.flag_values_dict())


def run(words, shortened, monkeypatch):
    """Runs a line: kgan's commands in this process, what isn't in NOT_RUN in another. Returns whether it ran."""
    if words[0] in NOT_RUN:
        return False
    if (found := named(words)) is None:
        subprocess.run(words if words[0] != "python" else [sys.executable, *words[1:]], check=True)
    elif found[0].startswith("-"):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", words)
            commands.main()
    else:
        command, arguments = found
        module = importlib.import_module(f"kgan.commands.{command}")
        status = module.main(*parsed(command, shortened(command, arguments)))
        assert status in ((None, 0, 3) if command == "evaluate" else (None, 0)), words
    return True
