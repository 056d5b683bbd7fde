"""Walk through latent space: from seed to seed and back to the first, on arcs (spherical interpolation).

    python -m kgan.walk runs/digits --seeds=1,5,9 --out=walk.gif

--out ends in .gif, or in .png: then a strip, a row from each seed to the next.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from kgan import cli, trained
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError

SEEDS = flags.DEFINE_string("seeds", "0-4", "Seeds to pass, two or more: 0-4 or 1,5,9.")
FRAMES = flags.DEFINE_integer("frames", 24, "Pictures from a seed to the next.", lower_bound=1, upper_bound=1000)
OUT = flags.DEFINE_string("out", "walk.gif", "File to write: .gif or .png.")

MILLISECONDS = 50  # a frame
SIDE = 256  # of a frame in pixels, where whole factors allow
LARGEST = 2**28  # pixels of all frames


def main(arguments: Sequence[str]) -> None:
    """Walks through the run directory named by the one argument."""
    with cli.one_sentence():
        if len(arguments) != 1:
            raise UserError("give one run directory: python -m kgan.walk WORKDIR --seeds=1,5,9 --out=walk.gif")
        seeds, out = trained.parse_seeds(SEEDS.value), trained.parse_out(OUT.value, ".gif", ".png")
        if len(seeds) < 2:
            raise UserError(f"seeds={SEEDS.value!r} is one seed; a walk needs two or more.")
        most = LARGEST // max(SIDE, Run(arguments[0]).recipe().image_size)**2
        if len(seeds) * FRAMES.value > most:
            raise UserError(f"{len(seeds)} seeds of {FRAMES.value} frames are more than {most:,} pictures; give fewer "
                            "--seeds or --frames.")
        write(trained.generator(arguments[0]), seeds, FRAMES.value, out)
    print(f"{len(seeds) * FRAMES.value} pictures along {len(seeds)} arcs: {out}")


def write(generator, seeds: Sequence[int], frames: int, out: Path) -> None:
    """Draws the walk and writes it to `out`, a .gif or a .png."""
    from PIL import Image

    from kgan import gan, images, latent

    stops = latent.from_seeds(seeds, generator.input_shape[-1]).numpy()
    pixels = gan.draw_from(gan.renderer(generator), latent.walk(stops, frames))
    if out.suffix == ".png":
        images.save_grid(pixels, out, columns=frames)
    else:
        pictures = (Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image) for image in pixels)
        images.save_gif((images.enlarged(picture, SIDE) for picture in pictures), out, MILLISECONDS, rest=MILLISECONDS)


if __name__ == "__main__":
    cli.launch(main)
