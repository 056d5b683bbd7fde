"""What a report says in words and tables: recipe, layers, the doctor's findings, yardsticks, protocol."""

import html
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from kgan import models
from kgan.recipe import Recipe, fields
from kgan.reporting.report.events import Event
from kgan.reporting.report.subject import Subject, place
from kgan.runtime.version import VERSION
from kgan.scoring import doctor
from kgan.scoring.table import METRICS, cell

OURS = ("seed", "tick", "sample_every", "watch_every", "evaluate_every", *fields("place"))  # no paper says them
LEADS = r"(Source|Recipes|Run|Why|Not in the paper|Differs from [\w ]+|Classes and kinds)([:.]) "  # begin paragraphs
SHOWN = ("fcd", "swd", *(metric.key for metric in METRICS if metric.ranked))  # metrics that have bars


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
    if recipe.dataset is None:
        here["dataset"] = f"{recipe.data}"
    here["recipe"], there["recipe"] = recipe.recipe or "default", "default"
    return [(name, said(here[name]), said(there[name])) for name in here
            if name not in OURS and here[name] != there[name]]


def said(value: object) -> str:
    """Returns a setting's value in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def recipe(subject: Subject) -> str:
    """Returns what is not as in the model's file, then all settings."""
    changed = differences(subject.recipe)
    every = [(name, said(value)) for name, value in subject.recipe.to_dict().items() if value not in (None, False)]
    head = ("setting", "here", f"{subject.recipe.model}'s recipe")
    short = table(head, changed) if changed else f"<p>Exactly the recipe of <code>{subject.recipe.model}</code>.</p>"
    return f"{short}<details><summary>All settings</summary>{table(('setting', 'value'), every)}</details>"


def layers(model: str) -> str:
    """Returns a model file's docstring: its first line, its tables, and paragraphs with their leads."""
    title, *blocks = re.split(r"\n\s*\n", models.description(model))
    return f"<h3>{model}: {html.escape(title)}</h3>" + "".join(map(_block, blocks))


def _block(block: str) -> str:
    if block.startswith("    "):
        return f'<pre tabindex="0" aria-label="Layers">{html.escape(block)}</pre>'
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(block))
    text = re.sub(f"^{LEADS}", r"<strong>\1</strong>\2 ", text)
    return f"<p>{text}</p>"


def verdict(subject: Subject) -> str:
    """Returns the doctor's words: about the scores or, without any, about the log."""
    if subject.scores is not None:
        at = f"At step {subject.scored:,}" if subject.recipe.adversarial else "Fitted"
        findings = [doctor.Finding(**one) for one in subject.scores["verdict"]]
    elif subject.rows:
        at = f"By the log alone, up to step {subject.reached:,}"
        findings = doctor.diagnose({}, doctor.last_rows(subject.rows), loss=subject.recipe.loss)
    else:
        return "<p>Nothing to judge by yet: neither a log nor scores.</p>"
    if not findings:
        well = doctor.conclusion(subject.scores["numbers"]) if subject.scores else "nothing wrong"
        return f'<p class="verdict">{at}: <strong>{well}</strong>.</p>'
    return (f'<p class="verdict">{at}: <strong>not healthy</strong>.</p><ul>' + "".join(
        f"<li><strong>{html.escape(one.verdict)}</strong>: {html.escape(one.evidence)}.<br>"
        f'<span class="soft">Advice: {html.escape(one.advice)}.</span></li>' for one in findings) + "</ul>")


def yardsticks(subject: Subject) -> str:
    """Returns every ranked number as bars beside those of images of known worth; or what to run for it."""
    if subject.scores is None:
        return (f"<p>Not scored yet. <code>kgan evaluate {html.escape(shlex.quote(place(subject)))}</code> measures it "
                "and keeps what it finds; then make this page again.</p>")
    numbers = {"this run": subject.scores["numbers"], **subject.scores["yardsticks"]}
    shown = [metric for metric in METRICS if metric.key in SHOWN and metric.key in numbers["this run"]
             and not (metric.stands_in and "fcd" in numbers["this run"])]
    bars = []
    for metric in shown:
        values = {name: found.get(metric.key) for name, found in numbers.items()}
        largest = max((abs(value) for value in values.values() if value is not None), default=0) or 1
        rows = "".join(
            f'<tr{" class=own" if name == "this run" else ""}><th scope="row">{name}</th><td>'
            f'<span class="bar" style="--share:{abs(value or 0) / largest:.4f}"></span></td>'
            f"<td>{cell(metric, value)}</td></tr>" for name, value in values.items())
        bars.append(f'<table class="bars"><caption>{html.escape(metric.heading)} '
                    f'<span class="soft">{metric.best}</span></caption>{rows}</table>')
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in (subject.scores["protocol"], *subject.scores["notes"]))
    return f'<div class="small-multiples">{"".join(bars)}</div><div class="soft">{notes}</div>'


def happened(found: Sequence[Event]) -> str:
    """Returns the events that curves mark by number."""
    lines = "".join(f"<li>step {event.step:,}: {html.escape(event.words)}</li>" for event in found)
    return f'<ol class="events">{lines}</ol>' if lines else '<p class="soft">No events are recorded.</p>'


def protocol(subject: Subject) -> str:
    """Returns what one must know to do it again."""
    data, now = subject.config["data"], subject.reached
    length = "fitted in closed form"
    if subject.recipe.adversarial:
        more = "" if now >= subject.total else "; not at its end: this page shows what was there when it was made"
        length = f"{now:,} of {subject.total:,} steps{more}"
    told = {
        "Run": place(subject), "Length": length, "Seed": str(subject.recipe.seed),
        "Data": f"{data['images']:,} images: {data['origin']}" + (
            f"; {data['left_out']:,} left out" if data["left_out"] else ""),
        "SHA-256 of the pixels": data["sha256"] or "not recorded",
        **({"Goes on from": subject.config["branch"]["run"]} if subject.config.get("branch") else {}),
        "Started with": ", ".join(f"{name} {version}" for name, version in subject.config["versions"].items()),
        "The same again": command(subject), "This page": f"made by kgan {VERSION}",
    }
    return "<dl>" + "".join(f"<dt>{key}</dt><dd>{_code(value) if key == 'The same again' else html.escape(value)}</dd>"
                            for key, value in told.items()) + "</dl>"


def command(subject: Subject) -> str:
    """Returns a command that starts the same run: the fields in which it differs from what the command would choose."""
    recipe, branch = subject.recipe, subject.config.get("branch")
    usual = models.recipe(recipe.model, recipe.dataset, recipe.recipe).to_dict()
    given = {name: value for name, value in written(recipe).items()
             if value is not None and (value != usual[name] or name in ("model", "dataset", "recipe"))}
    if recipe.adversarial:
        given["precision"] = recipe.precision
    words = ["kgan", "train", *_flags(given)]
    if branch:
        words.append(f"--init_from={branch['run']}" + (f"@{branch['step']}" if branch.get("step") else ""))
    return shlex.join([*words, "--workdir=runs/again"])


def _flags(given: dict[str, object]) -> Iterator[str]:
    for name, value in given.items():
        if isinstance(value, bool):
            yield f"--{name}" if value else f"--no{name}"
        else:
            yield f"--{name}={value:.12g}" if isinstance(value, float) else f"--{name}={value}"


def _code(text: str) -> str:
    return f"<code>{html.escape(text)}</code>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; the first cell of a row names it."""
    top = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in head)
    body = "".join(f'<tr><th scope="row">{html.escape(first)}</th>'
                   + "".join(f"<td>{html.escape(one)}</td>" for one in rest) + "</tr>" for first, *rest in rows)
    return f'<table class="plain"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
