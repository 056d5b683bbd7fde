"""Measures the limit of the doctor's *checkerboard*: real pictures beside real ones, grids planted in them, presets.

    pip install scikit-image
    python experiments/studies/checkerboard.py --cifar10=cifar10_20k.zip --out=experiments/results/checkerboard

Sets at their native sizes: CIFAR-10, pieces of ten photographs, pieces of half their size enlarged, scikit-learn's
digits. Of each, real pictures that were drawn apart are compared --draws times; then the same with a grid, noise or
blur. A sheet shows what the planted grids look like.
"""

import argparse
import functools
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn import datasets

from kgan.metrics.checkerboard import checkerboard, compared, shares
from kgan.runtime import files, machine, templates

COUNTS = (30, 100, 300, 1000)  # of pictures that are compared with as many
PLANTED = 1000  # pictures, at most, in which something is planted
SHOWN = 4  # pictures of a set on the sheet, a row for each thing that is planted
LIMIT = 6.0  # which these results are for; `kgan.scoring.table` has it


def pieces(side):
    """Returns square pieces of the photographs, (n, side, side, 3)."""
    import tiles

    return np.stack([photograph[top:top + side, left:left + side] for photograph in tiles.photographs()
                     for top in range(0, photograph.shape[0] - side + 1, side)
                     for left in range(0, photograph.shape[1] - side + 1, side)])


def enlarged(images):
    """Returns images of twice the size, bicubic."""
    return np.stack([np.asarray(Image.fromarray(image).resize(tuple(2 * side for side in image.shape[1::-1])))
                     for image in images])


def digits():
    """Returns scikit-learn's digits as they are, (1797, 8, 8, 1)."""
    return (datasets.load_digits().images * 255 / 16).round().astype(np.uint8)[..., None]


def cifar10(path, size):
    """Returns CIFAR-10's pictures, training and test images of the same split as the preset's."""
    from kgan.data import cache, sources

    return [part(sources.locate(data=path), image_size=size, channels=3).images
            for part in (cache.prepare, cache.prepare_test)]


def planted(images, random):
    """Yields (name, images): what is a grid, and what is none."""
    from scipy import ndimage

    down, across = np.indices(images.shape[1:3])

    def added(pattern):
        return np.clip(images + pattern, 0, 255).round().astype(np.uint8)

    for level in (1, 2, 4):
        yield f"checkerboard of ±{level}", added(level * (-1.0) ** (down + across)[..., None])
    for period in (4, 8):
        dots = (down % period == 0) & (across % period == 0)
        yield f"a dot of 12 every {period} pixels", added(12 * dots[..., None])
        waves = np.cos(2 * np.pi * down / period) + np.cos(2 * np.pi * across / period)
        yield f"waves of ±6 every {period} pixels", added(6 * waves[..., None])
    for sigma in (5, 30):
        yield f"noise of {sigma} levels", added(random.normal(0, sigma, images.shape))
    for sigma in (0.5, 1, 2):
        yield f"blurred by {sigma} pixels", ndimage.gaussian_filter(images, (0, sigma, sigma, 0))


def chance(known, draws, random):
    """Yields (count, numbers): `checkerboard` of real pictures whose shares are `known`, --draws times a count."""
    for count in COUNTS:
        if 2 * count <= len(known):
            orders = (random.permutation(len(known)) for _ in range(draws))
            yield count, np.array([compared(known[order[:count]], known[order[count:2 * count]]).checkerboard
                                   for order in orders])


def measured(name, images, draws, random):
    """Returns rows of false alarms, rows of what was planted, and pictures of these."""
    images = random.permutation(images)
    alarms = [(name, count, draws, int(np.sum(numbers > LIMIT)), float(np.max(numbers)), float(np.std(numbers)))
              for count, numbers in chance(shares(images), draws, random)]
    half = min(PLANTED, len(images) // 2)
    known, some = shares(images[:half]), images[half:2 * half]
    found, sheet = [], [some[:SHOWN]]
    for kind, changed in planted(some, random):
        found.append((name, half, kind, *compared(shares(changed), known)))
        sheet.append(changed[:SHOWN])
    return alarms, found, np.concatenate(sheet)


def preset(name, real):
    """Returns a row of a preset's samples beside `real` pictures, as many."""
    from kgan import sampling
    from kgan.runs.generators import open_generator

    images = sampling.generate(open_generator(f"preset:{name}"), range(len(real)))
    return name, len(real), *checkerboard(images, real)


def main():
    """Measures, prints and keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, help="folder")
    parser.add_argument("--cifar10", help="zip of CIFAR-10's pictures in class folders; without, it is left out")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from kgan.images import save_grid

    options.out.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(options.seed)
    sets = {f"photographs, {side}×{side}": functools.partial(pieces, side) for side in (32, 64, 128)}
    sets["photographs, 32×32 enlarged to 64×64"] = lambda: enlarged(pieces(32))
    sets["digits, 8×8"] = digits
    if options.cifar10:
        sets["CIFAR-10, 32×32"] = lambda: np.concatenate(cifar10(options.cifar10, 32))
    alarms, found = [], []
    for name, images in sets.items():
        rows, more, sheet = measured(name, images(), options.draws, random)
        alarms, found = alarms + rows, found + more
        if name == "photographs, 64×64":
            save_grid(sheet, options.out / "planted.png", SHOWN)
    presets = [preset("cifar10", cifar10(options.cifar10, 64)[1])] if options.cifar10 else []
    text = templates.markdown(
        Path(__file__).with_suffix(".jinja"), alarms=alarms, found=found, presets=presets, limit=LIMIT,
        seed=options.seed, total=sum(row[2] for row in alarms), wrong=sum(row[3] for row in alarms),
        versions=machine.versions(), in_words=machine.in_words)
    files.write_text(options.out / "README.md", text)
    print(text)


if __name__ == "__main__":
    main()
