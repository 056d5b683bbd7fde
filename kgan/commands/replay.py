"""Replay parts of a run: train them again, and compare every bit with what is kept.

    kgan replay runs/mnist
    kgan replay runs/mnist --windows=4 --seed=7 --longest=2000

A window leads from one kept checkpoint to the next; untrained networks, at step 0, are one too. The command compares
weights, optimizers, the rows of the log and the sample grids in between. Nothing is written into the run. Exit status:
0 the same bits, 1 something is not what its recipe makes of its data, 2 it can't be judged: no data, no checkpoints, or
other bits on a machine that isn't the run's.
"""

import sys
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

from absl import logging

from kgan.commands import flags
from kgan.runs.directory import Run
from kgan.runtime import machine
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    from kgan.runs.replay import Replayed

DIFFERS, UNKNOWN = 1, 2  # exit statuses
ARGUMENTS = "WORKDIR"
FLAGS = (
    flags.Flag("windows", int, 2, "How many windows to train again.", least=1),
    flags.Flag("seed", int, 0, "Chooses which: take one that whoever trained the run couldn't know.", least=0),
    flags.Flag("longest", int, None, "Leave out windows of more steps than this.", least=1),
    flags.Flag("data", str, None, "Where the run's images are now; default: where they were."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> int | None:
    """Replays the run directory named by the one argument. Returns the exit status: None for the same bits."""
    try:
        return _replay(Run(flags.one_run(arguments, "kgan replay WORKDIR")), options)
    except (UserError, OSError) as error:
        print(f"kgan: this can't be judged: {error}", file=sys.stderr)
        return UNKNOWN


def _replay(run: Run, options: SimpleNamespace) -> int | None:
    recipe = run.recipe()
    if not recipe.adversarial or run.preset is not None:
        what = f"{run.name} is a preset, which keeps no optimizers" if run.preset else \
            f"{recipe.model} is fitted in closed form, in seconds: kgan train does it again"
        raise UserError(f"{what}; replay a run that was trained step by step.")
    machine.import_tensorflow()
    from kgan.runs import replay, training_data

    if damages := replay.damaged(run):
        print("\n".join(damage[0].upper() + damage[1:] + "." for damage in damages))
        return DIFFERS
    chosen = replay.windows(run, options.windows, options.seed, options.longest)
    source = training_data.locate_recorded(run, options.data)
    source.fetch()
    data, changed = replay.open_data(run, source), machine.changed(run.config()["versions"])
    total = sum(window.end - window.start for window in chosen)
    print(f"To train again: steps {_listed(list(map(str, chosen)))}, {total:,} in all.", flush=True)
    if changed:
        print(f"Note: the run was started on something else ({'; '.join(changed)}). Only the same kind of machine and "
              "the same versions give the same bits.")
    replayed, began, done = [], time.monotonic(), 0
    for window in chosen:
        replayed.append(_quietly(replay.replay, run, source, data, window))
        done += window.end - window.start
        left = (time.monotonic() - began) * (total - done) / done / 60
        print(f"Steps {window}: {'other bits' if replayed[-1].differences else 'the same bits'}."
              + (f" About {max(1, left):.0f} min left." if done < total else ""), flush=True)
    return _verdict(replayed, bool(changed))


def _quietly(function, *arguments):  # type: ignore[no-untyped-def]
    """Calls without what training says of its directory, which is a temporary one; its bar is shown."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        return function(*arguments)
    finally:
        logging.set_verbosity(before)


def _verdict(replayed: "Sequence[Replayed]", changed: bool) -> int | None:
    """Prints the verdict; returns the exit status."""
    good = [window for window in replayed if not window.differences]
    bad = [window for window in replayed if window.differences]
    if good:
        print(f"\nSteps {_listed([str(window.window) for window in good])} are what this recipe makes of these data, "
              f"bit for bit: networks, optimizers, {_counted(sum(window.rows for window in good), 'row')} of the log, "
              f"{_counted(sum(window.grids for window in good), 'sample grid')}.")
    for window in bad:
        print(f"\nSteps {window.window} are not what this recipe makes of these data on this machine:")
        print("\n".join(f"  {difference}" for difference in window.differences))
    if bad and changed:
        largest = max(window.largest for window in bad)
        print(f"\nThat can't be judged here: the machine or its versions are others, which alone gives other bits. The "
              f"largest relative difference of weights and optimizers is {largest:.2g}. Replay it on the same kind of "
              "machine.")
        return UNKNOWN
    return DIFFERS if bad else None


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
