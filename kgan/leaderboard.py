"""Rank trained runs: every seed's score, mean, spread and worst, beside the yardsticks.

    python -m kgan.leaderboard runs/gan runs/dcgan_seed0 runs/dcgan_seed1 --out=leaderboard

Runs of one recipe that differ in their seed alone share a row. Two judges score all; how far they agree is printed.
Writes OUT.md and OUT.json.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from kgan import cli
from kgan.runs.directory import PLACE, Run
from kgan.runtime import files, machine
from kgan.runtime.errors import UserError
from kgan.scoring.table import cell, strict

DATA = flags.DEFINE_string("data", None, "Your copy of the data set, where it has moved since the runs.")
COUNT = flags.DEFINE_integer("count", 10_000, "Images of each kind to compare.", lower_bound=10)
OUT = flags.DEFINE_string("out", None, "Also write the table to OUT.md and all numbers to OUT.json.")

COLUMNS = (("kid", "KID-c ×10³", ".1f"), ("score", "score", ".2f"), ("modes", "modes", ".0f"),
           ("precision", "precision", ".2f"), ("recall", "recall", ".2f"), ("coverage", "coverage", ".2f"),
           ("one_nn", "1-NN error", ".1%"), ("memorisation", "memorisation", ".2f"))


class Scored(NamedTuple):
    """One run and its numbers."""

    run: str  # name of its directory
    step: int
    recipe: dict[str, Any]
    numbers: dict[str, Any]
    verdict: str


class Board(NamedTuple):
    """The runs that are compared with the same images."""

    protocol: str
    yardsticks: dict[str, dict[str, Any]]
    runs: list[Scored]


def main(arguments: Sequence[str]) -> None:
    """Scores the runs that the arguments name and prints the table of each data set."""
    with cli.one_sentence():
        if not arguments:
            raise UserError("give run directories: python -m kgan.leaderboard RUN [RUN ...]")
        for argument in arguments:  # says now what would fail after minutes
            Run(argument).recipe()
            Run(argument).check_generator()
        out = None if OUT.value is None else Path(OUT.value).expanduser()
        if out is not None and not out.parent.is_dir():
            raise UserError(f"out={OUT.value!r} lies in a directory that isn't there; make it first.")
        machine.import_tensorflow()
        boards = score([Path(argument).expanduser() for argument in arguments], DATA.value, COUNT.value)
        text = "\n\n".join(map(markdown, boards))
        print(text)
        if out is not None:
            content = json.dumps(strict([{**board._asdict(), "runs": [run._asdict() for run in board.runs]}
                                         for board in boards]), indent=1)
            for file, lines in ((out.with_suffix(".md"), text), (out.with_suffix(".json"), content)):
                with files.replacing(file) as temporary:
                    temporary.write_text(lines + "\n", encoding="utf-8")


def score(paths: Sequence[Path], data: str | None = None, count: int = 10_000) -> list[Board]:
    """Scores runs, one after the other; those with the same data share judges and yardsticks.

    Raises:
        UserError: there is no run at a path, or its data can't be had.
    """
    from tqdm import tqdm

    from kgan.reporting.target import benchmark_for, open_subject, protocol
    from kgan.scoring import doctor

    boards: dict[tuple, tuple] = {}
    for path in tqdm(paths, desc="Scoring", unit=" runs"):
        subject = open_subject(path)
        key = (subject.dataset, subject.data, subject.image_shape, subject.crop, subject.trained_on)
        if key not in boards:
            benchmark, notes = benchmark_for(subject, count=count, dataset=subject.dataset if data else None, data=data,
                                             judges=2)
            said = " ".join([protocol(subject._replace(name="each run's generator"), benchmark), *notes])
            boards[key] = benchmark, Board(said, benchmark.yardsticks(), [])
        benchmark, board = boards[key]
        numbers = benchmark.measure(subject.draw(benchmark.count))
        findings = doctor.diagnose(numbers, doctor.read_log(subject.log, subject.step))
        board.runs.append(Scored(path.name, subject.step, Run(path).recipe().to_dict(), numbers,
                                 "; ".join(finding.verdict for finding in findings) or "healthy"))
    return [board for _, board in boards.values()]


def markdown(board: Board) -> str:
    """Returns a table: a row for each recipe, by mean, best first; then the yardsticks, every seed, the protocol."""
    key = "fcd" if "fcd" in board.runs[0].numbers else "swd"
    groups: dict[str, list[Scored]] = {}
    for run in board.runs:
        recipe = {name: value for name, value in run.recipe.items() if name not in ("seed", *PLACE)}
        groups.setdefault(json.dumps([recipe, run.step], sort_keys=True), []).append(run)
    ordered = sorted(groups.values(), key=lambda group: _mean(group, key))
    shown = [column for column in COLUMNS if column[0] in board.runs[0].numbers]  # all of them are in the JSON
    rows = [["system", "steps", "seeds", f"{key.upper()} mean", "spread", "worst",
             *(heading for _, heading, _ in shown), "verdict"]]
    rows.append(["---"] * len(rows[0]))
    for group in ordered:
        values = [run.numbers[key] for run in group]
        rows.append([group[0].recipe["model"], f"{group[0].step:,}", str(len(group)), f"{_mean(group, key):.2f}",
                     f"{np.std(values, ddof=1):.2f}" if len(values) > 1 else "–", f"{max(values):.2f}",
                     *(cell(_mean(group, name), name, form) for name, _, form in shown),
                     " / ".join(sorted({run.verdict for run in group}))])
    for name, numbers in board.yardsticks.items():
        rows.append([f"*{name}*", "", "", f"{numbers[key]:.2f}", "", "",
                     *(cell(numbers[column], column, form) for column, _, form in shown), ""])
    runs = "; ".join(f"{run.run} (seed {run.recipe['seed']}) {run.numbers[key]:.2f}" for group in ordered
                     for run in group)
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "",
                      f"Every run's {key.upper()}: {runs}.{_agreement(ordered)} Gaps inside the spread of seeds mean "
                      "nothing.", "", board.protocol])


def _mean(group: list[Scored], key: str) -> float | None:
    values = [run.numbers[key] for run in group]
    return None if None in values else float(np.mean(values))


def _agreement(ordered: list[list[Scored]]) -> str:
    from scipy.stats import spearmanr

    if len(ordered) < 3 or "fcd2" not in ordered[0][0].numbers:
        return ""
    first, second = ([_mean(group, key) for group in ordered] for key in ("fcd", "fcd2"))
    return f" Spearman correlation of the two judges' rankings: {spearmanr(first, second).statistic:.3f}."


if __name__ == "__main__":
    cli.launch(main)
