"""Draw images from a run or a preset.

    kgan generate runs/digits --seeds=0-63 --out=grid.png
    kgan generate runs/digits --seeds=0-999 --out=pictures/  # a file each, in class folders
    kgan generate runs/classes --labels=0-9 --seeds=0-7          # a row for each label
    kgan generate runs/pets --labels=cat,dog                     # by the names that training said
    kgan generate preset:mnist                                    # or, shorter: kgan sample mnist

A seed, with a label where the generator takes one, always gives the same picture, whichever others are asked for. --out
ends in .png (a grid), in .npy (uint8 images, (n, height, width, channels)), or in / (a picture each, in a folder for
each class where there are any).
"""

from collections.abc import Sequence
from types import SimpleNamespace

from kgan.commands import flags
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator

ARGUMENTS = "WORKDIR|preset:NAME"
FLAGS = (
    flags.STEP,
    flags.Flag("seeds", str, "0-63", "Numbers and ranges: 0-63 or 3,7,20-29."),
    flags.Flag("labels", str, None, "Classes to draw, each with every seed: by number, from 0, as 0-9, or by name, as "
               "cat,dog; absent: the seed modulo the number of classes."),
    flags.TRUNCATION,
    flags.Flag("out", str, "grid.png", "File to write, .png or .npy, or a folder to fill, with / at its end."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Draws --seeds from the run directory, or the preset, named by the one argument."""
    run = flags.one_run(arguments, "kgan generate WORKDIR --seeds=0-63 --out=grid.png")
    seeds = flags.parse_seeds(options.seeds)
    labels = None if options.labels is None else flags.parse_labels(options.labels, lambda: Run(run).class_names)
    out = flags.parse_out(options.out, ".png", ".npy", "/")
    generator = open_generator(run, options.step)
    from kgan.drawing import grids
    from kgan.evaluation import preset

    count = grids.save_samples(generator, seeds, out, labels, class_names=Run(run).class_names,
                               truncation=options.truncation)
    if Run(run).preset is not None:
        print(preset.in_words(Run(run)))
    print(f"{count} images: {out}")
