"""Pictures of what a generator draws: grids of seeds, walks between them, arithmetic with their z."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from kgan import images, latent, sampling
from kgan.runtime import files

MILLISECONDS = 50  # a frame of a walk
SIDE = 256  # of a frame in pixels, where whole factors allow
NOISE = 0.25  # around the result of arithmetic: Radford et al. 2016, section 6.3.2


def save_samples(generator: keras.Model, seeds: Sequence[int], out: Path) -> None:
    """Draws `seeds` and writes them to `out`: a .png grid, or an .npy array, uint8 (n, H, W, C)."""
    pixels = sampling.generate(generator, seeds)
    if out.suffix == ".png":
        images.save_grid(pixels, out)
    else:
        with files.replacing(out) as temporary:
            np.save(temporary, pixels)


def save_walk(generator: keras.Model, seeds: Sequence[int], frames: int, out: Path) -> None:
    """Draws the walk from each of `seeds` to the next and back, `frames` pictures each, as a .gif or a .png strip."""
    stops = latent.from_seeds(seeds, generator.input_shape[-1]).numpy()
    pixels = sampling.draw_from(sampling.renderer(generator), latent.walk(stops, frames))
    if out.suffix == ".png":
        images.save_grid(pixels, out, columns=frames)
    else:
        pictures = (Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image) for image in pixels)
        images.save_gif((images.enlarged(picture, SIDE) for picture in pictures), out, MILLISECONDS, rest=MILLISECONDS)


def save_arithmetic(generator: keras.Model, groups: Sequence[Sequence[int]], out: Path) -> None:
    """Draws mean(a) - mean(b) + mean(c), of `groups` of seeds a, b and c, as Radford et al.'s figure 7 does.

    A row for each group, the picture of its mean z at the end; then the result amid eight neighbours.
    """
    terms = [latent.from_seeds(seeds, generator.input_shape[-1]).numpy() for seeds in groups]
    noise = np.random.default_rng(0).uniform(-NOISE, NOISE, (3, 3, terms[0].shape[-1]))
    noise[1, 1] = 0
    results = latent.arithmetic(*terms) + noise
    z = np.concatenate([*terms, [term.mean(axis=0) for term in terms], results.reshape(9, -1)])
    *rows, means, neighbours = np.split(sampling.draw_from(sampling.renderer(generator), z),
                                        np.cumsum([*map(len, terms), 3]))
    widest = max(map(len, rows))
    strip = np.zeros((3, widest + 5, *means.shape[1:]), np.uint8)  # black where a row is shorter, and before the result
    for number, row in enumerate(rows):
        strip[number, :len(row)] = row
        strip[number, widest] = means[number]
        strip[number, -3:] = neighbours[3 * number:3 * number + 3]
    images.save_grid(strip.reshape(-1, *means.shape[1:]), out, columns=widest + 5)
