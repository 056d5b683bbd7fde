"""Pictures of what a generator draws: grids of seeds, walks between them or between classes, arithmetic with z."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image

from kgan import images, latent, sampling
from kgan.drawing import html
from kgan.layers import ClusterByLatent
from kgan.runtime import files
from kgan.runtime.errors import UserError

MILLISECONDS = 50  # of a frame
LARGEST = 2**28  # pixels of all frames of a walk, as they are shown
LONGEST = 64  # seeds in a row of arithmetic
WALKS = (".gif", ".webp", ".mp4", ".png")  # that a walk is written to
SIDE = 256  # pixels of a frame; rounded down to a multiple of the image size
NOISE = 0.25  # around the result of arithmetic: Radford et al. 2016, section 6.3.2


def save_samples(generator: keras.Model, seeds: Sequence[int], out: Path, labels: Sequence[int] | None = None, *,
                 class_names: Sequence[str] | None = None, truncation: float = 1.0) -> int:
    """Draws `seeds`, each with every one of `labels` where these are given; returns the number of images.

    Args:
        generator: of z, or of z and labels.
        seeds: of the pictures.
        out: a .png for a grid, with a row for each label; an .npy for an array, uint8 (n, H, W, C); else a folder, for
            a picture each, `seed0007.png`, in folders of their classes where the generator is told any.
        labels: classes by number; None: a seed's is the seed modulo the number of classes.
        class_names: in the order of class numbers; None: the folders are called by number.
        truncation: ψ of `sampling.latent_scale`.

    Raises:
        UserError: labels, and a generator without classes, or of fewer; or as `sampling.latent_scale`.
    """
    check_labels(generator, labels)
    rows = list(seeds) * (1 if labels is None else len(labels))
    classes = sampling.classes(generator)
    told = None if not classes else sampling.labels_of(
        generator, np.asarray(rows), None if labels is None else np.repeat(labels, len(seeds)))
    pixels = sampling.generate(generator, rows, told, truncation=truncation)
    if out.suffix == ".png":
        images.save_grid(pixels, out, columns=None if labels is None else len(seeds))
    elif out.suffix == ".npy":
        with files.replacing(out) as temporary:
            np.save(temporary, pixels)
    else:
        folders = class_folders(class_names, classes)
        for number, (seed, image) in enumerate(zip(rows, pixels, strict=True)):
            folder = out if told is None else out / folders[told[number]]
            folder.mkdir(exist_ok=True, parents=True)
            images.picture(image).save(folder / f"seed{seed:04}.png")
    return len(pixels)


def class_folders(class_names: Sequence[str] | None, classes: int) -> list[str]:
    """Returns a folder's name for each of `classes`: its own without what no folder may be called, else its number."""
    names = [re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name).strip(". ") for name in class_names or ()]
    usable = len(names) == classes and all(names) and len({name.casefold() for name in names}) == classes
    return names if usable else [*map(str, range(classes))]


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
        """Writes a .gif, a .webp or an .mp4, which move, or a .png with `frames` in a row.

        Where there is alpha, .webp and .png keep it; the others lie over white.

        Raises:
            UserError: as `check_out`.
        """
        out = Path(out)
        check_out(out)
        if out.suffix == ".png":
            images.save_grid(self.pixels, out, columns=self.frames)
        elif out.suffix == ".gif":
            images.save_gif(self._shown, out, MILLISECONDS, rest=MILLISECONDS)
        else:
            (images.save_webp if out.suffix == ".webp" else images.save_mp4)(self._shown(), out, MILLISECONDS)

    def _shown(self) -> Iterator[Image.Image]:
        return (images.enlarged(images.picture(image), SIDE) for image in self.pixels)

    def __repr__(self) -> str:
        return f"<a walk of {len(self.pixels)} pictures; .save('walk.gif') writes it>"

    def _repr_html_(self) -> str:
        return html.moving([images.picture(image) for image in self.pixels], MILLISECONDS, SIDE)


def check_out(out: Path) -> None:
    """Raises UserError when no walk can be written to `out`: it ends in none of WALKS, or its library isn't there."""
    if out.suffix not in WALKS:
        raise UserError(f"out={str(out)!r} must end in {' or '.join(WALKS)}.")
    if out.suffix == ".mp4":
        images.video_library()


def walk(generator: keras.Model, seeds: Sequence[int], frames: int, label: int | None = None, *,
         truncation: float = 1.0, rows: int = 1, columns: int = 1) -> Walk:
    """Draws the walk from each of `seeds` to the next and back, `frames` pictures each.

    Pictures of a generator with classes are of class `label`; by default, of class 0. One that chooses clusters by z
    would jump from cluster to cluster: what stands for the clusters of the stops is mixed instead, as in `class_walk`.

    Args:
        generator: of z, or of z and labels.
        seeds: to pass; of a grid of walks, those of one after those of the other, as many for each.
        frames: pictures from each stop to the next.
        label: of all pictures.
        truncation: ψ of `sampling.latent_scale`.
        rows: of a grid of walks, which move side by side.
        columns: likewise.

    Raises:
        UserError: a label, and a generator without classes, or of fewer; seeds that can't be dealt out; more than
            LARGEST pixels in all; or as `sampling.latent_scale`.
    """
    shares = _shares(seeds, rows, columns)
    _check_frames(generator, shares.shape[1], frames, rows, columns)
    scale = sampling.latent_scale(generator, truncation)
    stops = [latent.from_seeds(share, latent.dimension(generator)).numpy() for share in shares]
    z = np.concatenate([latent.walk(one, frames) for one in stops]) * scale
    if ClusterByLatent.of(generator) is None:
        return _side_by_side(_draw(generator, z, label), frames, rows, columns)
    conditions = _conditions(generator, shares.shape[1], label)
    inner, embed = sampling.by_embedding(generator)
    told = [latent.walk(embed(one, *conditions), frames, latent.straight) for one in stops]
    return _side_by_side(sampling.draw_from(sampling.renderer(inner), z, np.concatenate(told)), frames, rows, columns)


def class_walk(generator: keras.Model, labels: Sequence[int], seeds: Sequence[int], frames: int, *,
               truncation: float = 1.0, rows: int = 1, columns: int = 1) -> Walk:
    """Draws the walk from each of `labels` to the next and back, `frames` pictures each.

    z walks along, from seed to seed; of labels and seeds the shorter list starts over until the longer is at its end.
    Embeddings are mixed on the straight line: unlike z they have no distribution to keep to, and a mean of two one-hot
    rows is half of each. Every walk of a grid, as in `walk`, passes all the labels.

    Raises:
        UserError: the generator has no classes, or fewer; or as `walk`.
    """
    shares = _shares(seeds, rows, columns)
    stops = max(len(labels), shares.shape[1])
    _check_frames(generator, stops, frames, rows, columns)
    check_labels(generator, labels)
    scale = sampling.latent_scale(generator, truncation)
    inner, embed = sampling.by_embedding(generator)
    passed = [latent.from_seeds(np.resize(share, stops), latent.dimension(generator)).numpy() for share in shares]
    z = np.concatenate([latent.walk(one, frames) for one in passed]) * scale
    told = [latent.walk(embed(one, np.resize(labels, stops)), frames, latent.straight) for one in passed]
    return _side_by_side(sampling.draw_from(sampling.renderer(inner), z, np.concatenate(told)), frames, rows, columns)


def _shares(seeds: Sequence[int], rows: int, columns: int) -> np.ndarray:
    """Deals seeds out to the walks of a grid: (rows * columns, seeds of each)."""
    walks = rows * columns
    if walks < 1 or len(seeds) % walks:
        raise UserError(f"{len(seeds)} seeds can't be dealt out to {rows}×{columns} walks; give as many for each, "
                        f"{max(1, walks) * max(2, len(seeds) // max(1, walks))} for example.")
    return np.reshape(seeds, (walks, -1))


def _side_by_side(pixels: np.ndarray, frames: int, rows: int, columns: int) -> Walk:
    """Returns walks, one after the other in `pixels`, as one: alone as it is, several in a grid."""
    if rows * columns == 1:
        return Walk(pixels, frames)
    moments = pixels.reshape(rows * columns, -1, *pixels.shape[1:]).swapaxes(0, 1)
    laid_out = np.stack([np.asarray(images.grid(moment, columns)) for moment in moments])
    return Walk(laid_out.reshape(*laid_out.shape[:3], -1), frames)


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


def _check_frames(generator: keras.Model, stops: int, frames: int, rows: int, columns: int) -> None:
    if frames < 1:
        raise UserError(f"frames={frames} must be 1 or more: pictures from each stop to the next.")
    height, width = generator.output_shape[1:3]
    if stops * frames > (most := LARGEST // max(SIDE, rows * height, columns * width)**2):
        raise UserError(f"frames={frames}, from each of {stops} stops, are more than {most:,} pictures; give fewer.")


def _conditions(generator: keras.Model, count: int, label: int | None) -> list[np.ndarray]:
    check_labels(generator, None if label is None else [label])
    return [np.full(count, label or 0, np.int32)] if sampling.classes(generator) else []
