"""Pages of the papers' claims: a README, a JSON and figures for each paper, and the summary of all."""

import argparse
import collections
import dataclasses
import itertools
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.papers.claims import DECIDED, OFF, SEEDS, VERDICTS, Claim, MissingError, percent
from experiments.papers.drawing import Drawing
from experiments.papers.jobs import RESULTS, Job, Result, read
from experiments.papers.lab import Lab
from experiments.studies import cells
from kgan.runtime import files, machine, templates
from kgan.runtime.errors import UserError

QUICK_MINUTES = 17.0  # of training, all papers together: with scores and figures, half an hour on two cores
QUICK = ("**Quick**: a shortened schedule. What was trained here is a small part of the papers' lengths; each row says "
         "which part. Longer logs and generators that came with the project are used too, and marked as kept.")
NOTE_OF_SEEDS = (f"†: another seed could turn the verdict, which rests on fewer than {SEEDS} and would be another with "
                 f"one number {OFF:.0%} off.")
PLACES = ("figures", "cifar10", "runs", "out")  # flags that name places of this machine


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper: what it is, what is trained for it, its claims, its figures."""

    name: str
    title: str
    text: str  # of which lines are counted
    jobs: Sequence[Job]
    claims: Sequence[Claim]
    figures: Mapping[str, Drawing]


def main(papers: Sequence[Paper], arguments: Sequence[str] | None = None) -> None:
    """Trains what is missing, measures, and writes the papers' pages; of several papers, the summary too."""
    options = _options(papers, arguments)
    if arguments is None and hasattr(os, "nice"):  # a process of its own, hours long: the machine stays usable
        os.nice(19)
    try:
        _run(papers, options, command(papers, sys.argv[1:] if arguments is None else arguments))
    except UserError as error:
        sys.exit(f"kgan: {error}")
    except KeyboardInterrupt:
        sys.exit("Stopped. The same command goes on.")


def _run(papers: Sequence[Paper], options: argparse.Namespace, told: str) -> None:
    from kgan.data.sources import locate

    minutes = options.minutes if options.minutes is not None or not options.quick else (
        QUICK_MINUTES * len(papers) / 5)
    began, pages = time.monotonic(), []
    settings = {"quick": options.quick, "count": options.samples, "figures": options.figures,
                "cifar10": options.cifar10}
    if options.cifar10:
        locate(None, options.cifar10)  # raises before hours of training where there are no pictures
    every = Lab([job for paper in papers for job in paper.jobs], Path(options.runs), **settings)
    if minutes != 0:
        every.train(minutes)
    for paper in papers:
        lab = Lab(paper.jobs, Path(options.runs), **settings)
        lab.notes = [note for run, note in every.notes if run is None or run.rpartition("_")[0] in lab.jobs]
        pages.append(page(paper, lab, Path(options.out) / paper.name / ("quick" if options.quick else ""), told))
    if len(papers) > 1:
        name = "claims_quick" if options.quick else "claims"
        text = summary(papers, pages, options.quick, time.monotonic() - began)
        files.write_text(Path(options.out, f"{name}.md"), text)
        print(text)


def command(papers: Sequence[Paper], arguments: Sequence[str]) -> str:
    """Returns the command as others can give it: of places only the last part."""
    shown = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        shown.append(f"{name}={Path(value).name}" if equals and name.lstrip("-") in PLACES else argument)
    return " ".join([program(papers), *shown])


def program(papers: Sequence[Paper]) -> str:
    """Returns the command without arguments."""
    return "python -m experiments" + (f".papers.{papers[0].name}" if len(papers) == 1 else "")


def _options(papers: Sequence[Paper], arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=program(papers),
        description=f"Trains and measures what the claims of {', '.join(paper.name for paper in papers)} need.")
    parser.add_argument("--quick", action="store_true", help="A shortened schedule, labelled so in every output.")
    parser.add_argument("--minutes", type=cells.number, help="Of training in this call; 0: only measure what is there.")
    parser.add_argument("--runs", type=cells.folder, default="runs/papers",
                        help="Where run directories are, or links to them.")
    parser.add_argument("--out", type=cells.folder, default=str(RESULTS),
                        help="Where the pages go: OUT/NAME, of --quick OUT/NAME/quick.")
    parser.add_argument("--samples", type=int, default=2000, help="Images of each kind that are compared.")
    parser.add_argument("--figures", type=Path, help="Directory of Alvarez' own pictures; absent: A10 isn't tested.")
    parser.add_argument("--cifar10", help="Folder or zip of CIFAR-10's pictures; absent: it isn't trained on.")
    options = parser.parse_args(arguments)
    if options.samples < 100:
        parser.error(f"--samples={options.samples} must be 100 or more.")
    for given in (options.figures, options.cifar10):
        if given is not None and not Path(given).exists():
            parser.error(f"{str(given)!r} is not there.")
    return options


def page(paper: Paper, lab: Lab, out: Path, told: str) -> dict[str, Any]:
    """Measures a paper's claims and writes OUT: README.md, results.json, figures. Returns the JSON.

    What is longer in OUT already is kept: observations, lengths of runs, and figures as `redrawn` says.
    `told`: the command.
    """
    out.mkdir(parents=True, exist_ok=True)
    setting = {"data": lab.stand_in or "mnist", "samples": lab.benchmark.count, "judge": lab.benchmark.judges[0].name}
    kept = read(out / "results.json")
    if lab.quick or any(kept.get(name) != value for name, value in setting.items()):
        kept = {}  # other numbers can't stand beside these
    rows_kept, runs_kept = ({one.get(key): one for one in kept.get(name, ())} for name, key in (
        ("claims", "id"), ("runs", "run")))
    began, rows, drawn = time.monotonic(), [], dict(kept.get("figures", {}))
    for claim in paper.claims:
        rows.append(claim.judge(lab, rows_kept.get(claim.id)))
        print(f"{claim.id}: {rows[-1]['verdict']}; {rows[-1]['says']}", flush=True)
    known = [facts(lab, job, seed, runs_kept.get(f"{job.name}_{seed}"))
             for job in lab.jobs.values() for seed in job.seeds]
    for name, figure in paper.figures.items():
        if name in drawn and not redrawn(lab, figure.jobs, runs_kept):
            continue
        try:
            drawn[name] = figure.draw(lab, out / f"{name}.png")
        except MissingError as missing:
            print(f"{name}.png is not drawn: {missing}", flush=True)
    content = {
        "paper": paper.title, "quick": lab.quick, **setting, "claims": rows, "figures": drawn, "runs": known,
        "seconds of measuring": round(time.monotonic() - began), "notes": lab.notes, "versions": machine.versions(),
        "command": told}
    files.write_json(out / "results.json", content)
    files.write_text(out / "README.md", readme(paper, content, drawn))
    return content


def redrawn(lab: Lab, jobs: Sequence[str], kept: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tells whether a figure of these jobs is drawn again: a run is longer than on the earlier page, none is gone."""
    gained = [Result(lab, lab.jobs[name], seed).trained - kept.get(f"{name}_{seed}", {"images": 0})["images"]
              for name in jobs for seed in lab.jobs[name].seeds]
    return bool(gained) and max(gained) > 0 and min(gained) >= 0


def facts(lab: Lab, job: Job, seed: int, kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns what is known of a run: length, share, wall time, versions, command. `kept`: an earlier page's."""
    result = Result(lab, job, seed)
    known = {"images": result.trained, "seconds": lab.seconds_of(result) or None,
             "versions": result.run.config()["versions"] if result.run.exists() else {}}
    if kept and kept["images"] > result.trained:
        known = {name: kept[name] for name in known}
    return {"run": result.name, "seed": seed, "whole": int(job.images), **known,
            "share": round(known["images"] / job.images, 4) if job.images else None,
            "command": lab.command(job, seed)}


def readme(paper: Paper, content: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    """Returns a paper's page."""
    return templates.markdown(
        Path(__file__).with_name("page.jinja"), **content | {"paper": paper, "figures": figures}, note_of_quick=QUICK,
        data_words=data_words(content), tally=tally, bold=bold, cells=observations, percent=percent,
        in_words=machine.in_words, seeds=seeds, note_of_seeds=NOTE_OF_SEEDS)


def data_words(content: Mapping[str, Any]) -> str:
    """Says which data were trained on."""
    if content["data"] == "mnist":
        return "MNIST."
    return (f"**On scikit-learn's {content['data']} in place of MNIST**, which is not on this disk: lengths are still "
            "counted in images.")


def bold(row: Mapping[str, Any]) -> str:
    """Returns the verdict, and what it says beside."""
    says = row["says"]
    if row["verdict"] in says:
        return says.replace(row["verdict"], f"**{row['verdict']}**", 1)
    return f"**{row['verdict']}**: {says}"


def seeds(row: Mapping[str, Any]) -> str:
    """Returns a row's seeds, with a mark where another could turn the verdict."""
    return (", ".join(map(str, row["seeds that count"])) or "–") + (" †" if row["turned by a seed"] else "")


def observations(row: Mapping[str, Any]) -> str:
    """Returns a row's observations in words, the first four."""
    def word(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.3g}"
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{value:,}"
        if isinstance(value, list):
            return ", ".join(map(word, value)) if len(value) < 12 else f"{len(value)} values"
        return "–" if value is None else str(value)

    shown = [", ".join(f"{name} {word(value)}" for name, value in one.items()
                       if not (isinstance(value, list) and len(value) >= 12)) for one in row["observations"][:5]]
    more = len(row["observations"]) - len(shown)
    return "<br>".join([*shown, *([f"and {more} more"] if more > 0 else [])]) or "–"


def spread(row: Mapping[str, Any]) -> str:
    """Returns each number's smallest and largest value over a row's observations, the first four numbers.

    Observations of different things, that have a name, are shown one by one, with their first two numbers.
    """
    observations = row["observations"]
    names = [next((value for key, value in one.items() if isinstance(value, str) and key != "run"), None)
             for one in observations]
    if len(set(names)) > 1 and len(names) == len(set(names)):
        firsts = [numbers_of(itertools.islice(one.items(), 4)) for one in observations]
        return "; ".join(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in first.items())
                         for name, first in zip(names, firsts, strict=True) if first) or "–"
    values = collections.defaultdict(list)
    for key, value in itertools.chain.from_iterable(numbers_of(one.items()).items() for one in observations):
        values[key].append(value)
    return "; ".join(f"{key} {min(found):.3g}" + (f" to {max(found):.3g}" if max(found) > min(found) else "")
                     for key, found in itertools.islice(values.items(), 4)) or "–"


def numbers_of(items: Iterable[tuple[str, Any]]) -> dict[str, float]:
    """Returns what are numbers among an observation's values, but for its seed."""
    return {key: value for key, value in items
            if isinstance(value, int | float) and not isinstance(value, bool) and key != "seed"}


def tally(rows: Sequence[Mapping[str, Any]]) -> str:
    """Counts verdicts in words."""
    counts = collections.Counter(row["verdict"] for row in rows)
    return ", ".join(f"{counts[word]} {word}" for word in VERDICTS if counts[word])


def summary(papers: Sequence[Paper], contents: Sequence[Mapping[str, Any]], quick: bool, seconds: float) -> str:
    """Returns the page of all claims."""
    rows = [row for content in contents for row in content["claims"]]
    decided = [row for row in rows if row["verdict"] in DECIDED]
    whole = sum(row["share"] is None or row["share"] > 0.995 for row in decided)
    return templates.markdown(
        Path(__file__).with_name("summary.jinja"), papers=list(zip(papers, contents, strict=True)), contents=contents,
        rows=rows, decided=len(decided), whole=whole, seconds=seconds, quick=quick,
        note_of_quick=QUICK, data_words=data_words(contents[0]), tally=tally, bold=bold, spread=spread, seeds=seeds,
        note_of_seeds=NOTE_OF_SEEDS)
