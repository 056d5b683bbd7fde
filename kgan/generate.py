"""Draw images from a trained run.

    python -m kgan.generate runs/digits --seeds=0-63 --out=grid.png

A seed always gives the same picture, whichever other seeds are asked for. --out ends in .png (a grid), or in
.npy (uint8 images, (n, height, width, channels)).
"""

from collections.abc import Sequence
from types import SimpleNamespace

from kgan import cli
from kgan.runs.generators import open_generator

FLAGS = (
    cli.STEP,
    cli.text("seeds", "0-63", "Numbers and ranges: 0-63 or 3,7,20-29."),
    cli.text("out", "grid.png", "File to write: .png or .npy."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Draws --seeds from the run directory named by the one argument."""
    run = cli.one_run(arguments, "python -m kgan.generate WORKDIR --seeds=0-63 --out=grid.png")
    seeds, out = cli.parse_seeds(options.seeds), cli.parse_out(options.out, ".png", ".npy")
    generator = open_generator(run, options.step)
    from kgan.reporting import drawings

    drawings.save_samples(generator, seeds, out)
    print(f"{len(seeds)} images: {out}")


if __name__ == "__main__":
    cli.launch(main, FLAGS)
