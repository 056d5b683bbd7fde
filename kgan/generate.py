"""Draw images from a trained run.

    python -m kgan.generate runs/digits --seeds=0-63 --out=grid.png

A seed always gives the same picture, whichever other seeds are asked for. --out ends in .png (a grid), or in
.npy (uint8 images, (n, height, width, channels)).
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from kgan import cli, trained
from kgan.runtime.errors import UserError

SEEDS = flags.DEFINE_string("seeds", "0-63", "Numbers and ranges: 0-63 or 3,7,20-29.")
OUT = flags.DEFINE_string("out", "grid.png", "File to write: .png or .npy.")


def main(arguments: Sequence[str]) -> None:
    """Draws --seeds from the run directory named by the one argument."""
    with cli.one_sentence():
        if len(arguments) != 1:
            raise UserError("give one run directory: python -m kgan.generate WORKDIR --seeds=0-63 --out=grid.png")
        seeds, out = trained.parse_seeds(SEEDS.value), trained.parse_out(OUT.value, ".png", ".npy")
        write(trained.generator(arguments[0]), seeds, out)
    print(f"{len(seeds)} images: {out}")


def write(generator, seeds: Sequence[int], out: Path) -> None:
    """Draws `seeds` and writes them to `out`, a .png grid or an .npy array."""
    import numpy as np

    from kgan import gan, images
    from kgan.runtime import files

    pixels = gan.generate(generator, seeds)
    if out.suffix == ".png":
        images.save_grid(pixels, out)
    else:
        with files.replacing(out) as temporary:
            np.save(temporary, pixels)


if __name__ == "__main__":
    cli.launch(main)
