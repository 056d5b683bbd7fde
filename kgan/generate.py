"""Draw images from a trained run.

    python -m kgan.generate runs/digits --seeds=0-63 --out=grid.png

A seed always gives the same picture, whichever other seeds are asked for. --out ends in .png (a grid), or in
.npy (uint8 images, (n, height, width, channels)).
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from kgan import cli
from kgan.errors import UserError

SEEDS = flags.DEFINE_string("seeds", "0-63", "Numbers and ranges: 0-63 or 3,7,20-29.")
STEP = flags.DEFINE_integer("step", None, "Draw from the checkpoint of this step instead of the last one.")
OUT = flags.DEFINE_string("out", "grid.png", "File to write: .png or .npy.")

MAX_SEEDS = 1_000_000


def main(arguments: Sequence[str]) -> None:
    """Draws --seeds from the run directory named by the one argument."""
    with cli.one_sentence():
        if len(arguments) != 1:
            raise UserError("give one run directory: python -m kgan.generate WORKDIR --seeds=0-63 --out=grid.png")
        seeds, out = parse_seeds(SEEDS.value), Path(OUT.value).expanduser()
        if out.suffix not in (".png", ".npy"):
            raise UserError(f"out={OUT.value!r} must end in .png or .npy.")
        if not out.parent.is_dir():
            raise UserError(f"out={OUT.value!r} lies in a directory that isn't there; make it first.")
        write(cli.open_generator(arguments[0], STEP.value), seeds, out)
    print(f"{len(seeds)} images: {out}")


def parse_seeds(text: str) -> list[int]:
    """Turns "3,7,20-29" into a list of seeds.

    Raises:
        UserError: `text` isn't of that form, or names more than a million.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise UserError(f"seeds={text!r} is not of the form 0-63 or 3,7,20-29.")
        stop = int(last or first) + 1
        if stop - int(first) + len(seeds) > MAX_SEEDS or stop > 2**63:
            raise UserError(f"seeds={text!r} names more than {MAX_SEEDS:,} seeds, or one past 2⁶³ - 1.")
        seeds.extend(range(int(first), stop))
    return seeds


def write(generator, seeds: Sequence[int], out: Path) -> None:
    """Draws `seeds` and writes them to `out`, a .png grid or an .npy array."""
    import numpy as np

    from kgan import files, gan, images

    pixels = gan.generate(generator, seeds)
    if out.suffix == ".png":
        images.save_grid(pixels, out)
    else:
        with files.replacing(out) as temporary:
            np.save(temporary, pixels)


if __name__ == "__main__":
    cli.launch(main)
