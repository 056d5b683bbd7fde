"""Measures of runs: their logs, their samples' numbers, and runs beside one another.

A measure takes the laboratory and returns Evidence. A function with other arguments returns a measure.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from experiments.papers.claims import Evidence, MissingError
from experiments.papers.jobs import Result, lengths
from experiments.papers.lab import Lab
from experiments.papers.measures.curves import Rows

UNEQUAL = 1.1  # times as many images, from which runs aren't compared
Measure = Callable[[Lab], Evidence]
T = TypeVar("T")


def of_samples(each: Sequence[Mapping[str, Any]], found: Sequence[Result]) -> Evidence:
    """Returns observations of what runs draw, one for each run, as Evidence."""
    return Evidence(each, lengths(found), [drawn_share(one) for one in found], [one.seed for one in found])


def there(names: Sequence[str], look: Callable[[str], T]) -> list[T]:
    """Returns what a look at each job found, but for those where nothing is.

    Raises:
        MissingError: there is nothing of any: the first one's reason.
    """
    found, reasons = [], []
    for name in names:
        try:
            found.append(look(name))
        except MissingError as missing:
            reasons.append(missing)
    if not found:
        raise reasons[0]
    return found


def logs(*names: str, numbers: Callable[[Rows], Mapping[str, Any]], whole: float | None = None,
         needed: str = "d_loss") -> Measure:
    """Looks at the logs of jobs, an observation for each run; `whole`: the length that counts, in images."""
    def measure(lab: Lab) -> Evidence:
        found = [one for job in there(names, lab.results) for one in job if any(needed in row for row in one.rows)]
        if not found:
            raise MissingError(f"not measured: no log of {', '.join(names)} has {needed}")
        each = [{"run": one.name, **numbers(until(one, whole))} for one in found]
        return Evidence(each, lengths(found, drawn=False, whole=whole), [one.share(whole=whole) for one in found],
                        [one.seed for one in found])
    return measure


def until(result: Result, images: float | None) -> Rows:
    """Returns the rows of a result's log up to so many images; None: all."""
    if images is None:
        return result.rows
    each = result.images / result.rows[-1]["step"]
    return [row for row in result.rows if row["step"] * each <= images * 1.001]


def scores(*names: str, numbers: Callable[[Mapping[str, Any], Lab], Mapping[str, Any]]) -> Measure:
    """Scores samples of jobs, an observation for each run."""
    def measure(lab: Lab) -> Evidence:
        found = [one for job in there(names, lambda name: lab.results(name, generators=True)) for one in job]
        each = [{"run": one.name, **numbers(one.numbers, lab)} for one in found]
        return of_samples(each, found)
    return measure


def together(*names: str, numbers: Callable[..., Mapping[str, Any] | list]) -> Measure:
    """Scores one run of each job beside one another, an observation for each seed that all have."""
    def measure(lab: Lab) -> Evidence:
        jobs = [{one.seed: one for one in lab.results(name, generators=True)} for name in names]
        # What has one seed, as PCA, stands beside each seed of the others.
        seeds = sorted(set.intersection(*(set(job) for job in jobs if len(job) > 1)) if any(
            len(job) > 1 for job in jobs) else next(iter(jobs)))
        used: dict[str, Result] = {}
        each, shares = [], []
        for seed in seeds:
            row = [job.get(seed) or next(iter(job.values())) for job in jobs]
            used |= {one.name: one for one in row}
            values = numbers(*(one.numbers for one in row))
            values = values if isinstance(values, list) else [values]
            each += [{"seed": seed, **value} for value in values]
            shares += [shortest(row)] * len(values)
        return Evidence(each, lengths(list(used.values())), shares, seeds)
    return measure


def untrained(name: str) -> Measure:
    """Scores untrained networks beside trained ones, an observation for each run."""
    def measure(lab: Lab) -> Evidence:
        found = lab.results(name, generators=True)
        each = [{"run": one.name, "untrained": untrained_fcd(lab, one), "trained": one.numbers["fcd"]} for one in found]
        return of_samples(each, found)
    return measure


def untrained_fcd(lab: Lab, result: Result) -> float:
    """Returns the FCD of a job's networks before any step."""
    from kgan import models
    from kgan.sampling import generate

    def measured() -> Mapping[str, Any]:
        recipe = models.recipe(result.job.model, lab.stand_in or "mnist", result.job.fields.get("recipe"))
        generator = models.build(recipe.override(seed=result.seed))[0]
        return lab.measure(generate(generator, range(lab.benchmark.count)))

    return lab.cached(f"untrained-{result.job.model}-{result.seed}-{lab.benchmark.count}", measured)["fcd"]


def metrics(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Compares two systems by six numbers, an observation each: whether the second is better."""
    from kgan.scoring.table import LOWER, METRICS

    lower = {metric.key: metric.best == LOWER for metric in METRICS}
    return [{"metric": key, "first": ours[key], "second": theirs[key],
             "better": (theirs[key] < ours[key]) == lower[key]}
            for key in ("fcd", "one_nn", "swd", "precision", "coverage", "recall")]


def arms(base: str, *names: str, numbers: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Measure:
    """Scores changed trainings beside the unchanged one of the same length, an observation for each change."""
    def measure(lab: Lab) -> Evidence:
        baseline, *found = alike([lab.shown(name) for name in (base, *names)])
        unchanged = {f"{key} unchanged": value for key, value in numbers(baseline.numbers).items()}
        each = [{"change": one.job.name, **numbers(one.numbers), **unchanged} for one in found]
        return Evidence(each, lengths([baseline, *found]), [shortest([baseline, one]) for one in found],
                        [one.seed for one in found])
    return measure


def alike(results: Sequence[Result]) -> Sequence[Result]:
    """Returns runs that are to be compared, which have seen as many images, within a tenth.

    Raises:
        MissingError: they have not, as where time was used up.
    """
    seen = [one.drawn for one in results]
    if max(seen) > UNEQUAL * min(seen):
        raise MissingError("not measured: what is to be compared has unequal lengths, " + ", ".join(
            f"{one.job.name} {one.drawn:,}" for one in results) + " images")
    return results


def spread_of(*names: str) -> Measure:
    """Scores the settings of a sweep: one observation, FCD by setting and the worst beside the best."""
    def measure(lab: Lab) -> Evidence:
        found = alike([lab.shown(name) for name in names])
        fcds = {one.job.name: one.numbers["fcd"] for one in found}
        best = min(fcds.values())
        return Evidence([{**fcds, "worst / best": max(fcds.values()) / best}], lengths(found), [shortest(found)],
                        [one.seed for one in found])
    return measure


def best_of(groups: Mapping[str, Sequence[str]]) -> Measure:
    """Scores groups of settings: an observation each, the best FCD in it as a share of the untrained network's."""
    def measure(lab: Lab) -> Evidence:
        each, shares, used = [], [], []
        for group, names in groups.items():
            found = [lab.shown(name) for name in names]
            left = {one.job.name: one.numbers["fcd"] / untrained_fcd(lab, one) for one in found}
            each.append({"objective": group, **left, "best": min(left.values())})
            shares.append(shortest(found))
            used += found
        return Evidence(each, lengths(used), shares, [one.seed for one in used])
    return measure


def permutation(lab: Lab) -> Evidence:
    """Scores both kinds of network with and without their pixels permuted, put back before the judge sees them."""
    pairs = [alike([lab.shown(name) for name in pair]) for pair in (("plain_gan", "permuted_gan"),
                                                                    ("plain_dcgan", "permuted_dcgan"))]
    found = {one.job.name: one for pair in pairs for one in pair}
    fcd = {name: one.numbers["fcd"] for name, one in found.items()}
    each = [{**fcd, "MLP: permuted / plain": fcd["permuted_gan"] / fcd["plain_gan"],
             "DCGAN: permuted / plain": fcd["permuted_dcgan"] / fcd["plain_dcgan"]}]
    return Evidence(each, lengths(list(found.values())), [shortest(list(found.values()))], [0])


def fixed_seeds(lab: Lab) -> Evidence:
    """Compares the grids of the same 64 seeds, first and last, with the grid of real images: SWD, a row a run."""
    from PIL import Image

    from kgan.metrics import sliced
    from kgan.runs.directory import Run

    def pictures(file: Any, like: np.ndarray) -> np.ndarray:
        pixels = np.asarray(Image.open(file).convert("L" if like.ndim == 2 else "RGB"))
        side = pixels.shape[0] // 8
        cut = pixels[:8 * side, :8 * side].reshape(8, side, 8, side, -1).swapaxes(1, 2)
        return cut.reshape(64, side, side, -1)

    each = []
    for config in sorted(lab.runs.glob("*/config.json")):
        run = Run(config.parent)
        grids = run.sample_files()
        if len(grids) > 1 and run.reals_file.is_file():
            like = np.asarray(Image.open(run.reals_file))
            real, first, last = (pictures(file, like) for file in (run.reals_file, grids[0], grids[-1]))
            each.append({"run": run.path.name, "SWD of the first grid": sliced.swd(real, first),
                         "SWD of the last grid": sliced.swd(real, last)})
    if not each:
        raise MissingError("not measured: no run of these has grids yet")
    return Evidence(each, "grids of seeds 0 to 63 of every run here, first and last")


def shortest(results: Sequence[Result]) -> float | None:
    """Returns the smallest share of its length that what draws was trained; None where none has a length."""
    return min((one for one in map(drawn_share, results) if one is not None), default=None)


def drawn_share(result: Result) -> float | None:
    """Returns the share of its length that what draws was trained."""
    return result.share(result.drawn)
