"""What a report says in words and tables: recipe, layers, the doctor's findings, yardsticks, protocol."""

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from kgan import models
from kgan.recipe import LENGTH, Recipe, fields
from kgan.report.run_facts import RunFacts
from kgan.runs import branch as branches
from kgan.runs.checks import last_name
from kgan.scoring import doctor, table

OURS = ("seed", "tick", "sample_every", "watch_every", "evaluate_every", *fields("place"))  # no paper says them
LEADS = r"(Source|Classes and clusters|Recipes|Not in [\w ]+|Differs from [\w ]+|Results)(?=:\s)"
SHOWN = ("fcd", "swd", *(metric.key for metric in table.METRICS if metric.ranked))  # metrics that have bars


class Block(NamedTuple):
    """A part of a docstring: a table as it is drawn; or, after its lead, a paragraph or the items of a list.

    Every other part of a paragraph or item is code.
    """

    text: str
    drawn: bool
    lead: str = ""
    paragraph: Sequence[str] = ()
    items: Sequence[Sequence[str]] = ()


class Layers(NamedTuple):
    """What a model's file says of it."""

    name: str
    title: str
    blocks: list[Block]


class Verdict(NamedTuple):
    """The doctor's words, and by what they are said."""

    at: str
    word: str
    findings: list[doctor.Finding]


class Bars(NamedTuple):
    """A number beside the yardsticks': name, share of the largest, and text of each; the run's own is first."""

    heading: str
    best: str
    rows: list[tuple[str, str, str]]


class Scored(NamedTuple):
    """What was measured, and the sentences that stand beside it."""

    bars: list[Bars]
    notes: list[str]


def written(recipe: Recipe) -> dict[str, object]:
    """Returns a recipe's settings as they were given: the number of classes that is found in the data is none."""
    return recipe.to_dict() | ({"classes": None} if recipe.conditional else {})


def paper(recipe: Recipe) -> Recipe:
    """Returns the recipe in the model's file: that for these data, where it has one of its own for them."""
    default = models.recipe(recipe.model)
    for_data = models.recipe(recipe.model, recipe.dataset)
    return default if for_data.override(dataset=default.dataset) == default else for_data


def differences(recipe: Recipe) -> list[tuple[str, str, str]]:
    """Returns what differs from the recipe in the model's file: field, value here, value there."""
    here, there = written(recipe), written(paper(recipe))
    if recipe.dataset is None and recipe.data is not None:
        here["dataset"] = last_name(recipe.data)
    here["recipe"], there["recipe"] = recipe.recipe or "default", "default"
    return [(name, said(here[name]), said(there[name])) for name in here
            if name not in OURS and here[name] != there[name]]


def settings(recipe: Recipe) -> list[tuple[str, str]]:
    """Returns all settings that say something; of the data's path the last name."""
    found = recipe.to_dict() | {"data": recipe.data and last_name(recipe.data)}
    return [(name, said(value)) for name, value in found.items() if value not in (None, False)]


def said(value: object) -> str:
    """Returns a setting's value in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def layers(model: str) -> Layers:
    """Returns what a model's file says of it: its first line, its tables, and paragraphs and lists with their leads."""
    title, *blocks = re.split(r"\n\s*\n", models.description(model))
    return Layers(model, title, list(map(_block, blocks)))


def _block(block: str) -> Block:
    if block.startswith("    "):
        return Block(block, drawn=True)
    match = re.match(LEADS, block)
    lead, body = (match[0], block[match.end():]) if match else ("", block)
    if body.startswith(":\n"):
        return Block(block, False, lead, items=[_code_apart(item) for item in re.split(r"\n {4}(?! )", body)[1:]])
    return Block(block, False, lead, _code_apart(body))


def _code_apart(text: str) -> list[str]:
    """Returns the text on one line, in parts: every other one is code."""
    return re.split(r"`([^`]+)`", re.sub(r"\s+", " ", text))


def verdict(subject: RunFacts) -> Verdict | None:
    """Returns the doctor's words: about the scores or, without any, about the log; None where there is neither."""
    if subject.scores is not None:
        at = f"At step {subject.scored:,}" if subject.recipe.adversarial else "Fitted"
        findings = [doctor.Finding(**one) for one in subject.scores["verdict"]]
    elif subject.rows:
        at = f"By the log alone, up to step {subject.reached:,}"
        findings = doctor.diagnose({}, doctor.last_rows(subject.rows), loss=subject.recipe.loss,
                                   weight=subject.recipe.slope_weight)
    else:
        return None
    if findings:
        return Verdict(at, "not healthy", findings)
    return Verdict(at, doctor.conclusion(subject.scores["numbers"]) if subject.scores else "nothing wrong", [])


def yardsticks(subject: RunFacts) -> Scored | None:
    """Returns every ranked number as bars beside those of images of known worth; None where nothing was scored."""
    if subject.scores is None:
        return None
    numbers = {"this run": subject.scores["numbers"], **subject.scores["yardsticks"]}
    bars = []
    for metric in table.METRICS:
        measured = metric.key in SHOWN and metric.key in numbers["this run"]
        if not measured or (metric.stands_in and "fcd" in numbers["this run"]):
            continue
        values = {name: found.get(metric.key) for name, found in numbers.items()}
        largest = max((abs(value) for value in values.values() if value is not None), default=0) or 1
        bars.append(Bars(metric.heading, metric.best, [
            (name, f"{abs(value or 0) / largest:.4f}", table.cell(metric, value)) for name, value in values.items()]))
    return Scored(bars, [subject.scores["protocol"], *subject.scores["notes"]])


def protocol(subject: RunFacts) -> list[tuple[str, str]]:
    """Returns what one must know to do it again, by name."""
    data, now, branch = subject.config["data"], subject.reached, subject.config.get("branch")
    length = "fitted in closed form"
    if subject.recipe.adversarial:
        more = "" if now >= subject.total else "; not at its end: this page shows what was there when it was made"
        length = f"{now:,} of {subject.total:,} steps{more}"
    return [
        ("Run", subject.place), ("Length", length), ("Seed", str(subject.recipe.seed)),
        ("Data", f"{data['images']:,} images: {data['origin']}" + (
            f"; {data['left_out']:,} left out" if data["left_out"] else "")),
        ("SHA-256 of the pixels", data["sha256"] or "not recorded"),
        *([("Goes on from", last_name(branch["run"]))] if branch else []),
        ("Started with", ", ".join(f"{name} {version}" for name, version in subject.config["versions"].items())),
    ]


def command(subject: RunFacts) -> str | None:
    """Returns a command that starts the same run: the fields in which it differs from what the command would choose.

    Paths in it are their last names: it is typed where these lie. None where no command can: the run is on arrays.
    """
    recipe, branch = subject.recipe, subject.config.get("branch")
    if recipe.dataset is None and recipe.data is None:
        return None
    begun = branches.begun_with(recipe, branch)
    usual = {} if begun is None else written(begun)
    named: tuple[str, ...] = ("model", "dataset", "recipe")
    begins_with_run = branch is not None and "file" not in branch
    if begins_with_run:  # what data are named brings their crop, and what a branch doesn't record is given
        named = ("dataset", "data", *LENGTH)
        if branch is not None and branch.get("anew"):  # defaults that depend on the data and on what fits
            named += ("classes", "clusters", "frozen_d_blocks")
        usual |= {"crop": models.recipe(recipe.model, recipe.dataset).crop, "skip_bad": False, "recipe": recipe.recipe}
    given = {name: value for name, value in written(recipe).items()
             if value is not None and (name not in usual or value != usual[name] or name in named)}
    if recipe.adversarial:
        given["precision"] = recipe.precision
    if recipe.data is not None:
        given["data"] = last_name(recipe.data)
    words = ["kgan", "train"]
    for name, value in given.items():  # of a float, what gives the same one again
        words.append(f"--{'' if value else 'no'}{name}" if isinstance(value, bool) else f"--{name}={value}")
    if branch:
        step = f"@{branch['step']}" if begins_with_run and branch.get("step") is not None else ""
        words.append(f"--init_from={last_name(branch['run'])}{step}")
    return shlex.join([*words, "--workdir=runs/again"])
