"""Replaying: windows of a run are trained again, from one kept checkpoint to the next, and compared bit for bit."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from kgan import saving
from kgan.data.source_types import Source
from kgan.recipe import Recipe
from kgan.runs import branch, build, checkpoints, checks, log, loop, training_data
from kgan.runs.directory import FORMAT, Run, step_of
from kgan.runtime import files, machine
from kgan.runtime.errors import UserError

OTHER = "the checkpoint of step {:,} is of other networks or optimizers than the recipe's"


class Window(NamedTuple):
    """Steps between two checkpoints that lie next to each other."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.start:,} to {self.end:,}"


class Replayed(NamedTuple):
    """What came of a window."""

    window: Window
    differences: list[str]  # sentences; none: the run's directory holds the same
    largest: float  # relative difference of a weight or an optimizer's slot, of the largest in its array
    rows: int  # rows of the log that were compared
    grids: int  # grids of samples that were compared


def windows(run: Run, count: int, seed: int = 0, longest: int | None = None) -> list[Window]:
    """Returns `count` windows, or all where there are fewer; which, is a function of the seed.

    Untrained networks are a function of the recipe, so step 0 counts as a checkpoint; not so in a run that goes on from
    another one, nor of what was trained before other labels were accepted. Checkpoints that are damaged count as well:
    see `damaged`.

    Args:
        run: that keeps checkpoints.
        count: of windows.
        seed: of the choice.
        longest: steps of a window, at most.

    Raises:
        UserError: there are no two checkpoints, or none so near to each other.
    """
    config = run.config()
    first = max(config["data"].get("accepted_labels", [0]))  # what the networks were told before that is not kept
    kept = [*([] if config.get("branch") else [0]), *checkpoints.steps(run.checkpoints)]
    kept = [step for step in kept if step >= first]
    between = [Window(*pair) for pair in itertools.pairwise(kept) if pair[0] < pair[1]]
    if not between:
        raise UserError(f"{run.name!r} keeps no two checkpoints to train between; train with a larger --keep.")
    short = [window for window in between if longest is None or window.end - window.start <= longest]
    if not short:
        raise UserError(f"longest={longest}: the windows of {run.name!r} have {min(b - a for a, b in between):,} steps "
                        "and more; give a larger --longest.")
    chosen = np.random.default_rng(seed).permutation(len(short))[:count]
    return [short[number] for number in sorted(chosen)]


def damaged(run: Run) -> list[str]:
    """Returns a sentence for each checkpoint that is not what was written."""
    return [f"the checkpoint of step {step:,} is not what was written: {reason}"
            for step in checkpoints.steps(run.checkpoints)
            if (reason := files.damage(run.checkpoints / f"{checkpoints.PREFIX}{step}")) is not None]


def open_data(run: Run, source: Source) -> training_data.Data:
    """Returns the images that the run says it was trained on.

    Raises:
        UserError: others are in their place.
    """
    recorded = run.config()["data"]
    data = training_data.prepare(source, run.recipe(), training_data.clustering(recorded), start=run)
    training_data.check_recorded(run, data.prepared, source)
    if data.differences(recorded):
        raise UserError(f"the labels are others: the run's networks were told other classes or clusters than those of "
                        f"the images in {source.origin}; bring back those that the run was trained on.")
    return data


def replay(run: Run, source: Source, data: training_data.Data, window: Window) -> Replayed:
    """Trains a window again, in a temporary directory, and compares; nothing is written into the run.

    Raises:
        UserError: a checkpoint can't be read.
        KeyboardInterrupt: Ctrl-C or SIGTERM stopped it.
    """
    recipe = run.recipe()
    with tempfile.TemporaryDirectory() as place:
        kept, again = Path(place) / "kept", Run(Path(place) / "again")
        for step, directory in ((window.start, again.checkpoints), (window.end, kept)):
            name = f"{checkpoints.PREFIX}{step}"
            if step or (run.checkpoints / name).is_dir():  # else the networks are the untrained ones
                _copy(run.checkpoints / name, directory / name)
        started = again.checkpoints.is_dir()
        if started and (settings := _other_settings(recipe, data, again, window.start)):
            return Replayed(window, settings, np.inf, 0, 0)
        again.path.mkdir(exist_ok=True)
        config = run.config()
        if config.get("length") is not None:
            config["length"]["minutes"] = None  # what is recorded, and no more
        for stop in _stops(run, recipe, window):
            part = recipe.override(steps=stop)
            again.write_config({**config, "format": FORMAT, "recipe": part.to_dict(), "data": data.facts,
                                "versions": machine.versions()})
            if not loop.train(again, part, source, checkpoint_seconds=np.inf, history=0, strategy="one").finished:
                raise KeyboardInterrupt
        return compare(run, kept, again, window)


def compare(run: Run, kept: Path, again: Run, window: Window) -> Replayed:
    """Compares a window of a run, the checkpoint of whose end is in `kept`, with the same window trained again."""
    rows, grids = list(_rows(run, again, window)), list(_grids(run, again, window))
    state, largest = _state(kept, again, window.end)
    differences = [next(filter(None, rows), None), next(filter(None, grids), None), state]
    return Replayed(window, [text for text in differences if text], largest, len(rows), len(grids))


def _copy(checkpoint: Path, to: Path) -> None:
    """Raises UserError when the checkpoint is gone, as those of a run that trains on are after a while."""
    try:
        shutil.copytree(checkpoint, to, symlinks=True)
    except (FileNotFoundError, shutil.Error) as error:
        raise UserError(f"{checkpoint} is gone: the run goes on, and keeps few checkpoints; replay it when it has "
                        "ended.") from error


def _stops(run: Run, recipe: Recipe, window: Window) -> list[int]:
    """Returns where to stop: at the end, and before where the run was ended inside a tick and made longer later."""
    own = {phase.start for phase in recipe.phases}
    logged = (int(row["step"]) for row in log.read(run.log_file))
    inside = (step for step in logged if window.start < step < window.end and step % (recipe.tick or 1))
    return [*sorted({*inside} - own), window.end]


def _other_settings(recipe: Recipe, data: training_data.Data, run: Run, step: int) -> list[str]:
    """Returns what a checkpoint says of settings that training leaves as they are, where the recipe says otherwise."""
    gan = build.build_gan(recipe, data.cluster_counts, step=step)
    try:
        kept, ours = checkpoints.load(run.checkpoints, step, gan.shapes), gan.state()
    except UserError:
        return [OTHER.format(step)]
    names = {name: variable.name.replace("_", " ") for name, variable in gan.named_variables().items()
             if variable.name in branch.KEPT}
    return [f"the checkpoint of step {step:,} has a {what} ({saving.part(name)}) of {kept[name]}, the recipe one "
            f"of {ours[name]}" for name, what in names.items() if not np.array_equal(kept[name], ours[name])]


def _rows(run: Run, again: Run, window: Window) -> Iterator[str | None]:
    """Yields, for each row of the log, how it differs, or None."""
    theirs, ours = ({row["step"]: row for row in log.read(place.log_file) if window.start < row["step"] <= window.end}
                    for place in (run, again))
    known = set[str]().union(*log.read(run.log_file))
    for step in sorted(theirs | ours):
        yield _difference(int(step), theirs.get(step), ours.get(step), known)


def _difference(step: int, theirs: Mapping[str, float] | None, ours: Mapping[str, float] | None,
                known: set[str]) -> str | None:
    head = f"log.csv differs from step {step:,} on: "
    if theirs is None or ours is None:
        return f"{head}{'a row of that step is missing' if theirs is None else 'training writes no row at that step'}"
    for name in sorted(known):
        if theirs.get(name) != ours.get(name):
            return f"{head}{name} is {theirs.get(name, 'absent')} there, and {ours.get(name, 'absent')} trained again"
    return None


def _grids(run: Run, again: Run, window: Window) -> Iterator[str | None]:
    """Yields, for each grid of samples that both have, how it differs, or None."""
    for path in again.sample_files():
        theirs = run.sample_file(step_of(path))
        if window.start <= step_of(path) <= window.end and theirs.is_file():
            kept = checks.open_grid(theirs, run.path)
            with Image.open(path) as ours:
                same = kept is not None and kept.size == ours.size and (
                    kept.convert("RGB").tobytes() == ours.convert("RGB").tobytes())
            yield None if same else f"samples/{theirs.name} shows other pictures"


def _state(kept: Path, again: Run, step: int) -> tuple[str | None, float]:
    """Compares checkpoints; returns how the kept one differs, or None, and the largest relative difference."""
    with np.load(again.checkpoints / f"{checkpoints.PREFIX}{step}" / checkpoints.STATE, allow_pickle=False) as archive:
        ours = dict(archive)
    try:
        theirs = checkpoints.load(kept, step, {name: array.shape for name, array in ours.items()})
    except UserError:
        return OTHER.format(step), np.inf
    other = {name: array for name, array in ours.items()
             if array.dtype != theirs[name].dtype or array.tobytes() != theirs[name].tobytes()}
    if not other:
        return None, 0.0
    largest = max(float(np.max(np.abs(theirs[name].astype(np.float64) - array))
                        / max(np.max(np.abs(array.astype(np.float64))), 1e-30)) for name, array in other.items())
    parts = ", ".join(dict.fromkeys(saving.part(name) for name in other))
    return f"the checkpoint of step {step:,} differs in {parts} (largest relative difference: {largest:.2g})", largest
