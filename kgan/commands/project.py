"""Find the z that draws a given picture, by Adam on z.

    kgan project runs/digits my_seven.png
    kgan project runs/digits *.png --out=projection.png --z_out=z.npy
    kgan project runs/classes my_seven.png --label=7

Pictures are cropped, resized and turned grey or coloured as the run's training images were. Prints how far the picture
that was found is from the given one, and how far the nearest of the random ones is that Adam starts from. --out has a
column for each picture: the given one, the nearest random one, the one that was found.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from kgan.commands import flags
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime import files
from kgan.runtime.errors import UserError

ARGUMENTS = "WORKDIR|preset:NAME PICTURE [PICTURE ...]"
FLAGS = (
    flags.STEP,
    flags.Flag("steps", int, 500, "Steps of Adam.", least=1, most=100_000),
    flags.Flag("seeds", str, "0-999", "Seeds of the random z's that are tried first; Adam starts from the nearest "
               "eight."),
    flags.Flag("label", int, None, "Class of the pictures, by number, where the generator has classes; default: all "
               "are tried, and the best is kept.", least=0),
    flags.Flag("out", str, "projection.png", "Pictures side by side: .png."),
    flags.Flag("z_out", str, None, "Also keep the z's that were found, float32 (pictures, latent_dim): .npy."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Projects the pictures that all arguments but the first name, into the run directory that the first names."""
    if len(arguments) < 2:
        raise UserError("give a run directory and pictures: kgan project WORKDIR PICTURE [PICTURE ...]")
    run, *names = arguments
    paths = [files.expanded(name) for name in names]
    seeds = flags.parse_seeds(options.seeds)
    out = flags.parse_out(options.out, ".png")
    z_out = None if options.z_out is None else flags.parse_out(options.z_out, ".npy")
    for path in paths:  # says now what would fail after seconds
        if not path.is_file():
            raise UserError(f"{str(path)!r} is {'a folder' if path.is_dir() else 'not there'}; give picture files.")
    generator = open_generator(run, options.step)
    import numpy as np

    from kgan.drawing import projection

    targets = projection.read(paths, generator, Run(run).recipe().crop)
    result = projection.project(generator, targets, seeds, options.steps, options.label)
    projection.save(targets, result, out)
    for number, path in enumerate(paths):
        print(f"{path}: {result.errors[number]:.1f} grey levels away"
              + ("" if result.labels is None else f" as class {result.labels[number]}")
              + f", the nearest random picture {result.nearest_errors[number]:.1f}")
    if z_out is not None:
        with files.replacing(z_out) as temporary:
            np.save(temporary, result.z)
    print(f"Given, nearest, found: {out}" + ("" if z_out is None else f"; z: {z_out}"))
