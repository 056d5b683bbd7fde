"""Draws the README's moving picture: fifty digits, each on its way from class to class through z.

    python tools/hero.py preset:mnist docs/pictures/digits.gif

Column c begins at class c. At each stop a picture is that of a seed and a class, as `kgan generate` draws it; between
stops z goes on the arc, and what the generator has learned for classes and clusters on the straight line.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from kgan import images, latent, sampling
from kgan.runs.generators import open_generator

ROWS, COLUMNS, CELL = 5, 10, 80  # CELL: pixels of a digit's side in the GIF
STOPS, FRAMES, REST = 3, 10, 4  # of each digit; frames between stops; frames at a stop
GREYS = 16  # a GIF of fewer is smaller
MILLISECONDS = 70


def paths(generator) -> np.ndarray:
    """Returns the pictures of all ways, uint8 (ROWS * COLUMNS, STOPS * FRAMES, H, W, C)."""
    inner, told = sampling.by_embedding(generator)
    render = sampling.renderer(inner)
    ways = []
    for number in range(ROWS * COLUMNS):
        z = latent.from_seeds(number + 1000 * np.arange(STOPS), latent.dimension(generator)).numpy()
        labels = (number + 3 * np.arange(STOPS)) % sampling.classes(generator)
        ways.append(sampling.draw_from(render, latent.walk(z, FRAMES),
                                       latent.walk(told(z, labels), FRAMES, latent.straight)))
    return np.stack(ways)


def main(source: str, out: str) -> None:
    """Draws `source`, a run or a preset, to `out`."""
    pixels = paths(open_generator(source))
    order = [frame for frame in range(STOPS * FRAMES) for _ in range(REST if frame % FRAMES == 0 else 1)]
    frames = []
    for frame in order:
        grid = images.grid(pixels[:, frame], columns=COLUMNS)
        large = grid.resize((COLUMNS * CELL, ROWS * CELL), Image.Resampling.BICUBIC)
        frames.append(large.quantize(GREYS, dither=Image.Dither.NONE) if large.mode == "L" else large)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=MILLISECONDS, loop=0, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
