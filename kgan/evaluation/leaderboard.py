"""Ranks of trained runs: every seed's score, mean, spread and worst, beside the yardsticks."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr
from tqdm.auto import tqdm

from kgan.evaluation.candidate import benchmark_for, measure, open_candidate, protocol
from kgan.recipe import fields
from kgan.runs import checks, log
from kgan.runs.directory import Run
from kgan.runtime.templates import escaped
from kgan.scoring import doctor, table


class Scored(NamedTuple):
    """One run and its numbers."""

    run: str  # name of its directory
    step: int
    recipe: dict[str, Any]
    numbers: dict[str, Any]
    verdict: str


class Ranking(NamedTuple):
    """The runs that are compared with the same images."""

    protocol: str
    yardsticks: dict[str, dict[str, Any]]
    runs: list[Scored]


def score(paths: Sequence[Path], data: str | None = None, count: int = table.COUNT) -> list[Ranking]:
    """Scores runs, one after the other; those that were trained on the same images share judges and yardsticks.

    Raises:
        UserError: there is no run at a path, or its data can't be had.
    """
    boards: dict[tuple, tuple] = {}
    for path in tqdm(paths, desc="Scoring", unit=" runs"):
        candidate = open_candidate(path)
        key = (candidate.dataset, candidate.trained_on or candidate.data, candidate.image_shape, candidate.crop)
        if key not in boards:
            benchmark, notes = benchmark_for(candidate, count=count, data=data, judges=2,
                                             dataset=candidate.dataset if data else None)
            words = " ".join([protocol(candidate._replace(name="each run's generator"), benchmark), *notes])
            boards[key] = benchmark, Ranking(words, benchmark.yardsticks(), [])
        benchmark, board = boards[key]
        numbers = measure(candidate, benchmark)
        recipe = Run(path).recipe()
        findings = doctor.diagnose(numbers, doctor.last_rows(log.read(Run(path).log_file), candidate.step),
                                   board.yardsticks, recipe.loss, recipe.slope_weight)
        told = recipe.to_dict() | {"data": recipe.data and checks.last_name(recipe.data)}  # the path is private
        board.runs.append(Scored(path.name, candidate.step, told, numbers,
                                 "; ".join(finding.verdict for finding in findings) or doctor.conclusion(numbers)))
    return [board for _, board in boards.values()]


def markdown(board: Ranking) -> str:
    """Returns a table: a row for each recipe, by mean, best first; then the yardsticks, every seed, the protocol."""
    numbers = board.runs[0].numbers
    key = next(key for key in ("fcd", "fcd32", "swd") if key in numbers)
    heading = table.metrics(key)[0].heading.split(" ")[0]
    groups: dict[str, list[Scored]] = {}
    for run in board.runs:
        recipe = {name: value for name, value in run.recipe.items() if name not in ("seed", *fields("place"))}
        groups.setdefault(json.dumps([recipe, run.step], sort_keys=True), []).append(run)
    ordered = sorted(groups.values(), key=lambda group: _mean(group, key) or 0.0)
    shown = [metric for metric in table.METRICS if metric.ranked and metric.key != key
             and not (metric.stands_in and "fcd" in numbers) and any(metric.key in run.numbers for run in board.runs)]
    rows = [["system", "steps", "seeds", f"{heading} mean", "spread", "worst",
             *(metric.heading for metric in shown), "verdict"]]
    rows.append(["---"] * len(rows[0]))
    rows += [_row(group, key, shown) for group in ordered]
    for name, yardstick in board.yardsticks.items():
        rows.append([f"*{name}*", "", "", f"{yardstick[key]:.2f}", "", "",
                     *(table.cell(metric, yardstick.get(metric.key)) for metric in shown), ""])
    runs = "; ".join(f"{escaped(run.run)} (seed {run.recipe['seed']}) {run.numbers[key]:.2f}" for group in ordered
                     for run in group)
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "",
                      f"Every run's {heading}: {runs}.{_correlation(ordered)} Gaps inside the spread of seeds mean "
                      "nothing.", "", escaped(board.protocol)])


def _row(group: list[Scored], key: str, shown: Sequence[table.Metric]) -> list[str]:
    values = [run.numbers[key] for run in group]
    return [group[0].recipe["model"], f"{group[0].step:,}", str(len(group)), f"{_mean(group, key):.2f}",
            f"{np.std(values, ddof=1):.2f}" if len(values) > 1 else "–", f"{max(values):.2f}",
            *(table.cell(metric, _mean(group, metric.key)) for metric in shown),
            " / ".join(sorted({run.verdict for run in group}))]


def _mean(group: list[Scored], key: str) -> float | None:
    values = [run.numbers.get(key) for run in group]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _correlation(ordered: list[list[Scored]]) -> str:
    if len(ordered) < 3 or "fcd2" not in ordered[0][0].numbers:
        return ""
    first, second = ([_mean(group, key) for group in ordered] for key in ("fcd", "fcd2"))
    return f" Spearman correlation of the two judges' rankings: {spearmanr(first, second).statistic:.3f}."
