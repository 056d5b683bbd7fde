"""Pictures of what a generator draws: grids of seeds, walks between them or between classes, arithmetic with z."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from kgan import images, latent, sampling
from kgan.drawing import html
from kgan.layers import ClusterByLatent
from kgan.runtime import files
from kgan.runtime.errors import UserError

MILLISECONDS = 50  # of a frame
LARGEST = 2**28  # pixels of all frames of a walk, as they are shown
LONGEST = 64  # seeds in a row of arithmetic
SIDE = 256  # pixels of a frame; rounded down to a multiple of the image size
NOISE = 0.25  # around the result of arithmetic: Radford et al. 2016, section 6.3.2


def save_samples(generator: keras.Model, seeds: Sequence[int], out: Path, labels: Sequence[int] | None = None) -> int:
    """Draws `seeds`, each with every one of `labels` where these are given; returns the number of images.

    Args:
        generator: of z, or of z and labels.
        seeds: of the pictures.
        out: a .png for a grid, with a row for each label; an .npy for an array, uint8 (n, H, W, C); else a folder, for
            a picture each, `seed0007.png`, or `label3_seed0007.png`.
        labels: classes by number; None: a seed's is the seed modulo the number of classes.

    Raises:
        UserError: labels, and a generator without classes, or of fewer.
    """
    check_labels(generator, labels)
    prefixes = [""] if labels is None else [f"label{label}_" for label in labels]
    names = [f"{prefix}seed{seed:04}" for prefix in prefixes for seed in seeds]
    pixels = sampling.generate(generator, list(seeds) * len(prefixes),
                               None if labels is None else np.repeat(labels, len(seeds)))
    if out.suffix == ".png":
        images.save_grid(pixels, out, columns=None if labels is None else len(seeds))
    elif out.suffix == ".npy":
        with files.replacing(out) as temporary:
            np.save(temporary, pixels)
    else:
        out.mkdir(exist_ok=True)
        for name, image in zip(names, pixels, strict=True):
            images.picture(image).save(out / f"{name}.png")
    return len(pixels)


def check_labels(generator: keras.Model, labels: Sequence[int] | None) -> None:
    """Raises UserError when a generator can't draw these labels."""
    if labels is None:
        return
    if not (classes := sampling.classes(generator)):
        raise UserError("this run's generator has no classes; leave the labels out.")
    if max(labels) >= classes:
        raise UserError(f"label {max(labels)} is none of this run's {classes} classes, 0 to {classes - 1}.")


class Walk(NamedTuple):
    """A walk's pictures, uint8 (n, H, W, C), `frames` from each stop to the next. A notebook shows it moving."""

    pixels: np.ndarray
    frames: int

    def save(self, out: str | Path) -> None:
        """Writes a .gif, or a .png with `frames` in a row.

        Raises:
            UserError: the name ends in neither.
        """
        out = Path(out)
        if out.suffix == ".png":
            images.save_grid(self.pixels, out, columns=self.frames)
        elif out.suffix == ".gif":
            images.save_gif((images.enlarged(images.picture(image), SIDE) for image in self.pixels), out, MILLISECONDS,
                            rest=MILLISECONDS)
        else:
            raise UserError(f"out={str(out)!r} must end in .gif or .png.")

    def __repr__(self) -> str:
        return f"<a walk of {len(self.pixels)} pictures; .save('walk.gif') writes it>"

    def _repr_html_(self) -> str:
        return html.moving([images.picture(image) for image in self.pixels], MILLISECONDS, SIDE)


def walk(generator: keras.Model, seeds: Sequence[int], frames: int, label: int | None = None) -> Walk:
    """Draws the walk from each of `seeds` to the next and back, `frames` pictures each.

    Pictures of a generator with classes are of class `label`; by default, of class 0. One that chooses clusters by z
    would jump from cluster to cluster: what stands for the clusters of the stops is mixed instead, as in `class_walk`.

    Raises:
        UserError: a label, and a generator without classes, or of fewer; or more than LARGEST pixels in all.
    """
    _check_frames(generator, len(seeds), frames)
    stops = latent.from_seeds(seeds, latent.dimension(generator)).numpy()
    conditions = _conditions(generator, len(stops), label)
    if ClusterByLatent.of(generator) is None:
        return Walk(_draw(generator, latent.walk(stops, frames), label), frames)
    inner, embed = sampling.by_embedding(generator)
    return Walk(sampling.draw_from(sampling.renderer(inner), latent.walk(stops, frames),
                                   latent.walk(embed(stops, *conditions), frames, latent.straight)), frames)


def class_walk(generator: keras.Model, labels: Sequence[int], seeds: Sequence[int], frames: int) -> Walk:
    """Draws the walk from each of `labels` to the next and back, `frames` pictures each.

    z walks along, from seed to seed; of labels and seeds the shorter list starts over until the longer is at its end.
    Embeddings are mixed on the straight line: unlike z they have no distribution to keep to, and a mean of two one-hot
    rows is half of each.

    Raises:
        UserError: the generator has no classes, or fewer.
    """
    stops = max(len(labels), len(seeds))
    _check_frames(generator, stops, frames)
    check_labels(generator, labels)
    inner, embed = sampling.by_embedding(generator)
    z = latent.from_seeds(np.resize(seeds, stops), latent.dimension(generator)).numpy()
    return Walk(sampling.draw_from(sampling.renderer(inner), latent.walk(z, frames),
                                   latent.walk(embed(z, np.resize(labels, stops)), frames, latent.straight)), frames)


def save_arithmetic(generator: keras.Model, groups: Sequence[Sequence[int]], out: Path,
                    label: int | None = None) -> None:
    """Draws mean(a) - mean(b) + mean(c), of `groups` of seeds a, b and c, as Radford et al.'s figure 7 does.

    A row for each group, the picture of its mean z at the end; then the result amid eight neighbours. Of a generator
    with classes, all are of class `label`; by default, of class 0.

    Raises:
        UserError: a group has more than LONGEST seeds; or as `check_labels`.
    """
    if (longest := max(map(len, groups))) > LONGEST:
        raise UserError(f"a row of {longest} seeds is too long; give at most {LONGEST}.")
    terms = [latent.from_seeds(seeds, latent.dimension(generator)).numpy() for seeds in groups]
    noise = np.random.default_rng(0).uniform(-NOISE, NOISE, (3, 3, terms[0].shape[-1]))
    noise[1, 1] = 0
    results = latent.arithmetic(*terms) + noise
    z = np.concatenate([*terms, [term.mean(axis=0) for term in terms], results.reshape(9, -1)])
    *rows, means, neighbours = np.split(_draw(generator, z, label), np.cumsum([*map(len, terms), 3]))
    widest = max(map(len, rows))
    strip = np.zeros((3, widest + 5, *means.shape[1:]), np.uint8)  # black where a row is shorter, and before the result
    for number, row in enumerate(rows):
        strip[number, :len(row)] = row
        strip[number, widest] = means[number]
        strip[number, -3:] = neighbours[3 * number:3 * number + 3]
    images.save_grid(strip.reshape(-1, *means.shape[1:]), out, columns=widest + 5)


def _draw(generator: keras.Model, z: np.ndarray, label: int | None) -> np.ndarray:
    return sampling.draw_from(sampling.renderer(generator), z, *_conditions(generator, len(z), label))


def _check_frames(generator: keras.Model, stops: int, frames: int) -> None:
    if frames < 1:
        raise UserError(f"frames={frames} must be 1 or more: pictures from each stop to the next.")
    if stops * frames > (most := LARGEST // max(SIDE, *generator.output_shape[1:3])**2):
        raise UserError(f"frames={frames}, from each of {stops} stops, are more than {most:,} pictures; give fewer.")


def _conditions(generator: keras.Model, count: int, label: int | None) -> list[np.ndarray]:
    check_labels(generator, None if label is None else [label])
    return [np.full(count, label or 0, np.int32)] if sampling.classes(generator) else []
