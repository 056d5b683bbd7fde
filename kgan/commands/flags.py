"""What commands share: their launch and help, one sentence for an error, flags as data, the form of --seeds and --out.

A command module has FLAGS, which nothing defines before `launch`, and `main(arguments, options)`.
"""

import dataclasses
import difflib
import itertools
import math
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from absl import app, flags

from kgan.data import classes
from kgan.runtime import files, screen
from kgan.runtime.errors import UserError

Headings = Mapping[str, Sequence[str]]  # names of flags, by what `--help` writes above them

INTERRUPTED = 130  # exit status of a process that Ctrl-C ended, by the shells' convention
MAX_SEEDS = 1_000_000
HELP, ABSL_HELP = {"help", "helpshort", "h", "?"}, {"helpfull", "helpxml"}
WIDTH = 96  # columns of `--help`
COLUMN = 28  # at which the help of a flag begins
DEFINE: dict[type, Any] = {bool: flags.DEFINE_bool, int: flags.DEFINE_integer, float: flags.DEFINE_float,
                           str: flags.DEFINE_string}
VALUES = {bool: "", int: "=INTEGER", float: "=NUMBER", str: "=TEXT"}


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag of a command."""

    name: str
    kind: type  # of its values: bool, int, float or str
    default: Any
    help: str
    choices: Sequence[str] = ()
    least: float | None = None
    most: float | None = None

    def define(self, values: flags.FlagValues = flags.FLAGS) -> flags.FlagHolder:
        """Defines the flag among `values`, as one of the program that runs."""
        place: dict[str, Any] = {"flag_values": values, "module_name": sys.argv[0]}
        if self.choices:
            return flags.DEFINE_enum(self.name, self.default, self.choices, self.help, **place)
        if self.kind in (int, float):
            place |= {"lower_bound": self.least, "upper_bound": self.most}
        holder = DEFINE[self.kind](self.name, self.default, self.help, **place)
        if self.kind is float:  # absl's bounds let it through
            flags.register_validator(holder, lambda value: value is None or not math.isnan(value), "must be a number")
        return holder

    def lines(self) -> Iterator[str]:
        """Yields the flag's lines of `--help`: what is written, then its help, choices and default."""
        written = f"  --{'[no]' if self.kind is bool else ''}{self.name}{VALUES[self.kind]}"
        text = self.help + (f" [{', '.join(self.choices)}]" if self.choices else "")
        if self.default is not None:
            text += f" (default: {('off', 'on')[self.default] if self.kind is bool else self.default})"
        first, *others = textwrap.wrap(text, WIDTH - COLUMN, break_on_hyphens=False)
        if len(written) > COLUMN - 2:
            yield written
            written = ""
        yield f"{written:{COLUMN}}{first}"
        yield from (" " * COLUMN + line for line in others)


STEP = Flag("step", str, None, "Take the checkpoint of this step, or last; default: the best in WORKDIR/best where one "
            "is kept, else the last.")
TRUNCATION = Flag("truncation", float, 1.0, "ψ, by which z is scaled: below 1, pictures are more alike, and more of "
                  "them are good.", least=0, most=1)
LABEL = Flag("label", str, None, "Class to draw, by number or by name, where the generator has classes; default: 0.")


def launch(main: Callable[[Sequence[str], SimpleNamespace], int | None], defined: Sequence[Flag] = (),
           arguments: str = "", headings: Headings | None = None, aliases: Mapping[str, str] | None = None) -> None:
    """Defines a command's flags, parses them, and runs `main(positional arguments, values of the flags)`.

    `aliases` are names that flags had before, which help doesn't show.

    Ends the process with main's status; with 1 and the error's own sentence, where the user can mend the cause. What
    `--help` shows is `help_text`, of the docstring of main's module, and of `arguments` and `headings`.
    """
    asked = {argument.lstrip("-") for argument in itertools.takewhile("--".__ne__, sys.argv[1:])
             if argument.startswith("-")}
    if asked & HELP:
        try:
            print(help_text(main.__globals__["__doc__"] or "", defined, arguments, headings or {}), flush=True)
        except BrokenPipeError:  # who reads it had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    holders = [flag.define() for flag in defined]
    for old, new in (aliases or {}).items():
        flags.DEFINE_alias(old, new, module_name=sys.argv[0])

    def run(argv: Sequence[str]) -> int | None:
        screen.log_to_screen()
        try:
            return main(argv[1:], SimpleNamespace(**{holder.name: holder.value for holder in holders}))
        except (UserError, OSError) as error:
            sys.exit(f"kgan: {error}")
        except Exception as error:
            if type(error).__name__ != "ResourceExhaustedError":  # TensorFlow's, which may not be imported here
                raise
            sys.exit("kgan: out of memory; choose a smaller --batch_size or --latent_dim.")

    try:
        app.run(run, flags_parser=_parsed)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except SystemExit as stop:
        sys.exit(0 if asked & ABSL_HELP and stop.code == 1 else stop.code)  # absl calls help a failure


def _parsed(argv: Sequence[str]) -> Sequence[str]:
    """Parses the flags, and returns the other arguments; a flag that can't be read ends the process with a sentence."""
    try:
        return flags.FLAGS(argv)
    except flags.UnrecognizedFlagError as error:
        near = difflib.get_close_matches(error.flagname, list(flags.FLAGS), 1, 0.7)
        sys.exit(f"kgan: there is no flag --{error.flagname}{f'; did you mean --{near[0]}' if near else ''}"
                 f"{'?' if near else '.'} --help lists all flags.")
    except flags.Error as error:
        sys.exit(f"kgan: {str(error).rstrip('.')}; --help says what a flag takes.")


def help_text(docstring: str, defined: Sequence[Flag], arguments: str = "", headings: Headings | None = None) -> str:
    """Returns what `--help` prints: usage, the docstring with its examples, the flags under headings.

    Args:
        docstring: of the command's module; the first example in it, `kgan NAME …`, names the command.
        defined: the command's flags.
        arguments: what the usage line says of positional arguments.
        headings: names of flags, in the order in which they are shown; flags that are in none follow at the end.
    """
    by_name = {flag.name: flag for flag in defined}
    name = (re.findall(r"^ +kgan (\w+)", docstring, re.MULTILINE) or ["COMMAND"])[0]
    usage = " ".join(["usage: kgan", name, *filter(None, [arguments]), *(["[--FLAG=VALUE ...]"] if defined else [])])
    placed = {heading: [by_name.pop(name) for name in names] for heading, names in (headings or {}).items()}
    sections = [f"{heading}:\n" + "\n".join(line for flag in members for line in flag.lines())
                for heading, members in {**placed, "Other flags" if placed else "Flags": by_name.values()}.items()
                if members]
    return "\n\n".join([usage, *_wrapped(docstring.strip()), *sections, "--helpfull adds the flags of absl."])


def _wrapped(docstring: str) -> Iterator[str]:
    """Yields a docstring's paragraphs at WIDTH; indented ones, which are examples, as they are."""
    for paragraph in docstring.split("\n\n"):
        yield paragraph if paragraph.startswith(" ") else textwrap.fill(paragraph, WIDTH)


def quoted(*words: str) -> str:
    """Returns words as a command that can be pasted into this system's shell."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def one_run(arguments: Sequence[str], example: str) -> str:
    """Returns the one argument, a run directory.

    Raises:
        UserError: there is none, or more than one; the sentence shows `example`.
    """
    if len(arguments) != 1:
        raise UserError(f"give one run directory, or preset:NAME: {example}")
    return arguments[0]


def parse_seeds(value: str, flag: str = "seeds") -> list[int]:
    """Turns "3,7,20-29", the value of `flag`, into a list of seeds.

    Raises:
        UserError: `value` isn't of that form, or names more than a million.
    """
    seeds: list[int] = []
    for part in value.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise UserError(f"{flag}={value!r} is not of the form 0-63 or 3,7,20-29.")
        stop = int(last or first) + 1
        if stop - int(first) + len(seeds) > MAX_SEEDS or stop > 2**63:
            raise UserError(f"{flag}={value!r} names more than {MAX_SEEDS:,} seeds, or one past 2⁶³ - 1.")
        seeds.extend(range(int(first), stop))
    return seeds


def parse_labels(value: str, names: Callable[[], Sequence[str] | None]) -> list[int]:
    """Turns "0-2" or "cat,dog", the value of --labels, into class numbers.

    Numbers and ranges are always numbers of classes, from 0; what is neither is a class's name.

    Args:
        value: of the flag.
        names: returns those of the classes, in the order of their numbers; None where they are not known.

    Raises:
        UserError: `value` isn't of that form, or names no class.
    """
    if re.fullmatch(r"[\d\s,-]*", value):
        return parse_seeds(value, "labels")
    known = names()
    if known is not None and value in known:  # one whose name has a comma
        return classes.numbers([value], known)
    parts = map(str.strip, value.split(","))
    return [label for part in parts for label in (parse_seeds(part, "labels") if re.fullmatch(r"\d+(-\d+)?", part) else
                                                  classes.numbers([part], known))]


def parse_label(value: str | int | None, names: Callable[[], Sequence[str] | None]) -> int | None:
    """Turns the value of --label into a class number; None stays None. Raises as `parse_labels`, and for several."""
    if value is None:
        return None
    label, *others = parse_labels(str(value), names)
    if others:
        raise UserError(f"label={value!r} is more than one class; give one.")
    return label


def parse_out(value: str, *suffixes: str) -> Path:
    """Turns --out into a path; `suffixes` are the allowed ones, or none for any name; "/" allows a folder.

    Raises:
        UserError: it ends in none of `suffixes`, or its directory isn't there.
    """
    out = files.expanded(value)
    if suffixes and (out.suffix not in suffixes or value.endswith("/")) and not (
            "/" in suffixes and value.endswith("/")):
        raise UserError(f"out={value!r} must end in {' or '.join(suffixes)}.")
    if not out.parent.is_dir():
        raise UserError(f"out={value!r} lies in a directory that isn't there; make it first.")
    return out
