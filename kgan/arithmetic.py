"""Latent arithmetic, as in figure 7 of Radford, Metz & Chintala 2016 (arXiv:1511.06434): mean(a) - mean(b) + mean(c).

    python -m kgan.arithmetic runs/faces --a=3,8,41 --b=5,12,30 --c=7,19,22 --out=arithmetic.png

Look for seeds that share something with `python -m kgan.generate`: say a, smiling women, b, women who don't, c, men who
don't. The strip has a row each for a, b and c, with the picture of their mean z at its end; on the right, the result in
the middle of eight neighbours, uniform noise of ±0.25 away. All is as in the paper, but that its z is uniform and
this one N(0, 1).
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from kgan import cli, trained
from kgan.runtime.errors import UserError

A, B, C = (flags.DEFINE_string(name, None, f"Seeds whose mean is {role}, as 1,5,9.")
           for name, role in (("a", "the start"), ("b", "taken away"), ("c", "added")))
OUT = flags.DEFINE_string("out", "arithmetic.png", "File to write: .png.")

NOISE = 0.25  # section 6.3.2
MOST = 64  # seeds in a row


def main(arguments: Sequence[str]) -> None:
    """Computes with the run directory named by the one argument."""
    with cli.one_sentence():
        if len(arguments) != 1:
            raise UserError("give one run directory: python -m kgan.arithmetic WORKDIR --a=1,5 --b=2,6 --c=3,7")
        if None in (A.value, B.value, C.value):
            raise UserError("--a, --b and --c must each name seeds, as --a=1,5,9.")
        groups = [trained.parse_seeds(text.value, text.name) for text in (A, B, C)]
        out = trained.parse_out(OUT.value, ".png")
        if max(map(len, groups)) > MOST:
            raise UserError(f"a row of {max(map(len, groups))} seeds is too long; give at most {MOST}.")
        write(trained.generator(arguments[0]), groups, out)
    print(f"mean(a) - mean(b) + mean(c): {out}")


def write(generator, groups: Sequence[Sequence[int]], out: Path) -> None:
    """Draws the strip of `groups`, the seeds of a, b and c, and writes it to `out`."""
    import numpy as np

    from kgan import gan, images, latent

    terms = [latent.from_seeds(seeds, generator.input_shape[-1]).numpy() for seeds in groups]
    noise = np.random.default_rng(0).uniform(-NOISE, NOISE, (3, 3, terms[0].shape[-1]))
    noise[1, 1] = 0
    results = latent.arithmetic(*terms) + noise
    z = np.concatenate([*terms, [term.mean(axis=0) for term in terms], results.reshape(9, -1)])
    *rows, means, neighbours = np.split(gan.draw_from(gan.renderer(generator), z),
                                        np.cumsum([*map(len, terms), 3]))
    widest = max(map(len, rows))
    strip = np.zeros((3, widest + 5, *means.shape[1:]), np.uint8)  # black where a row is shorter, and before the result
    for number, row in enumerate(rows):
        strip[number, :len(row)] = row
        strip[number, widest] = means[number]
        strip[number, -3:] = neighbours[3 * number:3 * number + 3]
    images.save_grid(strip.reshape(-1, *means.shape[1:]), out, columns=widest + 5)


if __name__ == "__main__":
    cli.launch(main)
