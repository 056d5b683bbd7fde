"""Compute with z: mean(a) - mean(b) + mean(c), as in figure 7 of Radford et al. 2016.

    kgan arithmetic runs/faces --a=3,8,41 --b=5,12,30 --c=7,19,22 --out=arithmetic.png

First draw many seeds by `kgan generate`, and choose: for a smiling women, say, for b women who don't smile, for c men
who don't smile. The picture that is written has a row for each of a, b and c; at its end stands the picture of their
mean z. On the right is the result, amid eight neighbours whose z differs by uniform noise of ±0.25. This is the paper's
figure (Radford, Metz & Chintala, arXiv:1511.06434), but for z, which is uniform there and N(0, 1) here.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from kgan.commands import flags
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError

ARGUMENTS = "WORKDIR|preset:NAME"
FLAGS = (
    flags.STEP,
    flags.Flag("a", str, None, "Seeds whose mean is the start, as 1,5,9."),
    flags.Flag("b", str, None, "Seeds whose mean is taken away, as 1,5,9."),
    flags.Flag("c", str, None, "Seeds whose mean is added, as 1,5,9."),
    flags.LABEL,
    flags.Flag("out", str, "arithmetic.png", "File to write: .png."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Computes with the run directory named by the one argument."""
    run = flags.one_run(arguments, "kgan arithmetic WORKDIR --a=1,5 --b=2,6 --c=3,7")
    terms = {"a": options.a, "b": options.b, "c": options.c}
    if None in terms.values():
        raise UserError("--a, --b and --c must each name seeds, as --a=1,5,9.")
    groups = [flags.parse_seeds(value, name) for name, value in terms.items()]
    out = flags.parse_out(options.out, ".png")
    label = flags.parse_label(options.label, lambda: Run(run).class_names)
    generator = open_generator(run, options.step)
    from kgan.drawing import grids

    grids.save_arithmetic(generator, groups, out, label)
    print(f"mean(a) - mean(b) + mean(c): {out}")
