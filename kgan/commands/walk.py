"""Walk through latent space, from seed to seed or from class to class.

    kgan walk runs/digits --seeds=1,5,9 --out=walk.gif
    kgan walk runs/classes --labels=0-9              # from class to class: seed 0 in each
    kgan walk runs/classes --labels=0-9 --seeds=0-4  # z walks along
    kgan walk runs/pets --labels=cat,dog
    kgan walk runs/pets --rows=2 --columns=3 --out=walks.webp       # six walks side by side

A walk ends where it began. Between seeds the way is an arc (spherical interpolation). --out ends in .gif, .webp or
.mp4, or in .png: then a strip, a row from each seed, or class, to the next. Between two classes what the generator has
learned to stand for them, their embeddings, is mixed on the straight line. A grid of walks deals the seeds out, as many
to each.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from kgan.commands import flags
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError

ARGUMENTS = "WORKDIR|preset:NAME"
FLAGS = (
    flags.STEP,
    flags.Flag("seeds", str, None, "Seeds to pass: 1,5,9; two or more (default: 0-4), with --labels one or more "
               "(default: 0); of a grid, for each of its walks, one after the other (default: from 0 on)."),
    flags.Flag("frames", int, 24, "Pictures from a seed, or a class, to the next.", least=1, most=1000),
    flags.LABEL,
    flags.Flag("labels", str, None, "Classes to pass, two or more: by number, counted from 0, as 0-9, or by name, as "
               "cat,dog; absent: the walk stays in --label."),
    flags.TRUNCATION,
    flags.Flag("rows", int, 1, "Rows of a grid of walks.", least=1, most=32),
    flags.Flag("columns", int, 1, "Columns of a grid of walks.", least=1, most=32),
    flags.Flag("out", str, "walk.gif", "File to write: .gif, .webp, .mp4 (needs kgan[video]) or .png."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Walks through the run directory named by the one argument."""
    run = flags.one_run(arguments, "kgan walk WORKDIR --seeds=1,5,9 --out=walk.gif")
    seeds, labels = _stops(options, run)
    out = flags.parse_out(options.out, ".gif", ".webp", ".mp4", ".png")
    label = flags.parse_label(options.label, lambda: Run(run).class_names)
    generator = open_generator(run, options.step)
    from kgan.drawing import grids

    grids.check_out(out)
    drawn: dict[str, Any] = {"truncation": options.truncation, "rows": options.rows, "columns": options.columns}
    if labels is None:
        walk, ways = grids.walk(generator, seeds, options.frames, label, **drawn), "arcs"
    else:
        walk, ways = grids.class_walk(generator, labels, seeds, options.frames, **drawn), "ways between classes"
    walk.save(out)
    print(f"{len(walk.pixels)} pictures along {len(walk.pixels) // options.frames} {ways}: {out}")


def _stops(options: SimpleNamespace, run: str) -> tuple[list[int], list[int] | None]:
    """Returns the seeds and the classes to pass, None for a walk within one class.

    Raises:
        UserError: there are too few to walk, or --label stands beside --labels.
    """
    walks = options.rows * options.columns
    if options.labels is None:
        seeds = flags.parse_seeds(f"0-{5 * walks - 1}" if options.seeds is None else options.seeds)
        if len(seeds) < 2 * walks:
            raise UserError(f"seeds={options.seeds!r} is one seed; a walk needs two or more." if len(seeds) == 1 else
                            f"seeds={options.seeds!r} are too few for {walks} walks; each needs two or more.")
        return seeds, None
    if options.label is not None:
        raise UserError(f"--label={options.label} is one class for all pictures, and --labels={options.labels} are "
                        "classes to pass; give one of the two.")
    labels = flags.parse_labels(options.labels, lambda: Run(run).class_names)
    if len(labels) < 2:
        raise UserError(f"labels={options.labels!r} is one class; a walk between classes needs two or more.")
    return flags.parse_seeds(f"0-{walks - 1}" if options.seeds is None else options.seeds), labels
