"""Walk through latent space: from seed to seed and back to the first, on arcs (spherical interpolation).

    python -m kgan.walk runs/digits --seeds=1,5,9 --out=walk.gif

--out ends in .gif, or in .png: then a strip, a row from each seed to the next.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from kgan import cli
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError

LARGEST = 2**28  # pixels of all frames
FLAGS = (
    cli.STEP,
    cli.text("seeds", "0-4", "Seeds to pass, two or more: 0-4 or 1,5,9."),
    cli.integer("frames", 24, "Pictures from a seed to the next.", lower_bound=1, upper_bound=1000),
    cli.integer("label", None, "Class to draw, by number, where the generator has classes; default: 0.", lower_bound=0),
    cli.text("out", "walk.gif", "File to write: .gif or .png."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Walks through the run directory named by the one argument."""
    run = cli.one_run(arguments, "python -m kgan.walk WORKDIR --seeds=1,5,9 --out=walk.gif")
    seeds, out = cli.parse_seeds(options.seeds), cli.parse_out(options.out, ".gif", ".png")
    if len(seeds) < 2:
        raise UserError(f"seeds={options.seeds!r} is one seed; a walk needs two or more.")
    most = LARGEST // max(256, Run(run).recipe().image_size)**2
    if len(seeds) * options.frames > most:
        raise UserError(f"{len(seeds)} seeds of {options.frames} frames are more than {most:,} pictures; give fewer "
                        "--seeds or --frames.")
    generator = open_generator(run, options.step)
    from kgan.reporting import drawings

    drawings.save_walk(generator, seeds, options.frames, out, options.label)
    print(f"{len(seeds) * options.frames} pictures along {len(seeds)} arcs: {out}")


if __name__ == "__main__":
    cli.launch(main, FLAGS)
