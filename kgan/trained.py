"""What the commands that draw from a trained run share: --step, the form of seeds, where output may go."""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from kgan import cli
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    import keras

STEP = flags.DEFINE_integer("step", None, "Take the checkpoint of this step instead of the last one.")

MAX_SEEDS = 1_000_000


def generator(workdir: str | Path) -> "keras.Model":
    """Returns the generator of the run in `workdir`, of --step where that is given. Raises as `cli.open_generator`."""
    return cli.open_generator(workdir, STEP.value)


def parse_seeds(text: str, flag: str = "seeds") -> list[int]:
    """Turns "3,7,20-29", the value of `flag`, into a list of seeds.

    Raises:
        UserError: `text` isn't of that form, or names more than a million.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise UserError(f"{flag}={text!r} is not of the form 0-63 or 3,7,20-29.")
        stop = int(last or first) + 1
        if stop - int(first) + len(seeds) > MAX_SEEDS or stop > 2**63:
            raise UserError(f"{flag}={text!r} names more than {MAX_SEEDS:,} seeds, or one past 2⁶³ - 1.")
        seeds.extend(range(int(first), stop))
    return seeds


def parse_out(text: str, *suffixes: str) -> Path:
    """Turns --out into a path.

    Raises:
        UserError: it ends in none of `suffixes`, or its directory isn't there.
    """
    out = Path(text).expanduser()
    if out.suffix not in suffixes:
        raise UserError(f"out={text!r} must end in {' or '.join(suffixes)}.")
    if not out.parent.is_dir():
        raise UserError(f"out={text!r} lies in a directory that isn't there; make it first.")
    return out
