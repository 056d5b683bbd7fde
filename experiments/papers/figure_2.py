"""Alvarez' figure 2 measured: the author's own 25 + 25 samples, and any others drawn as he drew them.

His figure is a 5×5 grid of Matplotlib's, 360 pixels wide, each sample enlarged from 28×28 to 47×47 pixels and stretched
from its darkest value to its brightest. So real digits and our samples are drawn by the same calls before noise is
measured. The pictures are in the author's repository and not here: --figures=DIR.
"""

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from experiments.papers.claims import Evidence, MissingError

SOURCE = "https://github.com/vmartinezalvarez/Image-generation-GAN-vs-DCGAN"
FILES = {"gan": "alvarez_gan_epoch_200.png", "dcgan": "alvarez_dcgan_epoch_100.png"}
SIDE, GRID, DRAWS = 47, 5, 2000
REALS = 250  # digits that are drawn to compare with


def places(picture: np.ndarray) -> tuple[list[int], list[int]]:
    """Returns the first rows and columns of the samples in a drawn grid, uint8 (H, W), white between them.

    Raises:
        ValueError: the picture is no such grid.
    """
    def starts(line: np.ndarray) -> list[int]:
        dark = np.concatenate([[False], line, [False]]).astype(int)
        found = np.flatnonzero(np.diff(dark) == 1)
        ends = np.flatnonzero(np.diff(dark) == -1)
        return [int(at) for at, end in zip(found, ends, strict=True) if end - at > SIDE - 4]

    dark = picture < 128
    rows = starts(dark.any(axis=1))
    inside = np.concatenate([np.arange(row, row + SIDE) for row in rows] or [np.arange(0)])
    columns = starts(dark[inside].any(axis=0))  # the caption stands below the gaps between columns
    if (len(rows), len(columns)) != (GRID, GRID):
        raise ValueError(f"{len(rows)} rows and {len(columns)} columns of samples found, not {GRID} and {GRID}")
    return rows, columns


def boxes(picture: np.ndarray, at: tuple[list[int], list[int]] | None = None) -> np.ndarray:
    """Cuts the samples out of a drawn grid, (25, 47, 47, 1): those at these places, or where they are found."""
    rows, columns = places(picture) if at is None else at
    return np.stack([picture[row:row + SIDE, column:column + SIDE] for row in rows for column in columns])[..., None]


def drawn(images: np.ndarray) -> np.ndarray:
    """Draws uint8 images, (n, 28, 28, 1), as his notebook does, 25 a grid, and cuts them out, (n, 47, 47, 1)."""
    at = places(_grid(np.zeros((GRID**2, 28, 28, 1), np.uint8)))  # black ones are sure to be found
    grids = range(0, len(images) // GRID**2 * GRID**2, GRID**2)
    return np.concatenate([boxes(_grid(images[start:start + GRID**2]), at) for start in grids])


def _grid(images: np.ndarray) -> np.ndarray:
    figure = Figure((5, 5), dpi=72)
    for axis, image in zip(figure.subplots(GRID, GRID).flat, images, strict=True):
        axis.imshow(image[..., 0], cmap="gray", interpolation="nearest")
        axis.axis("off")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=72)
    return np.asarray(Image.open(buffer).convert("L"))


def noise_of(samples: np.ndarray, real: np.ndarray) -> dict[str, np.ndarray]:
    """Returns each sample's roughness beside the mean real one, and its background's brightness, in [0, 2], (n,)."""
    from kgan.metrics import noise

    return {"roughness": np.array([noise.roughness(one[None], real) for one in samples]),
            "background": np.array([noise.background_deviation(one[None], real) or 0.0 for one in samples])}


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Returns the mean and the 95% interval of a bootstrap over the samples."""
    means = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(axis=1)
    return float(values.mean()), *map(float, np.quantile(means, (0.025, 0.975)))


def difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Returns the mean of `first` minus that of `second`, and its 95% interval."""
    random = np.random.default_rng(0)
    means = [random.choice(one, (DRAWS, len(one))).mean(axis=1) for one in (first, second)]
    return float(first.mean() - second.mean()), *map(float, np.quantile(means[0] - means[1], (0.025, 0.975)))


def numbers(lab: Any) -> dict[str, Any]:
    """Returns the noise of the author's samples and of our retraining, drawn alike, with intervals.

    Raises:
        MissingError: the author's pictures were not given.
    """
    folder: Path | None = lab.figures
    if folder is None or not all((folder / name).is_file() for name in FILES.values()):
        raise MissingError(f"the author's pictures are needed: --figures=DIR with {' and '.join(FILES.values())}, from "
                           f"{SOURCE}", never=True)
    def measured() -> dict[str, Any]:
        real = drawn(lab.benchmark.real[:REALS])
        sets = {f"author's {kind}": boxes(np.asarray(Image.open(folder / name).convert("L")))
                for kind, name in FILES.items()}
        sets["real digits"] = real[:100]
        for name, job in (("our gan", "alvarez_gan"), ("our dcgan", "alvarez_dcgan")):
            if result := _shown(lab, job):
                sets[f"{name} ({result.drawn:,} images)"] = drawn(result.samples(100))
        noise = {name: noise_of(samples, real) for name, samples in sets.items()}
        found: dict[str, Any] = {name: {key: [round(one, 4) for one in interval(values)] for key, values in one.items()}
                                 for name, one in noise.items()}
        theirs = [noise[f"author's {kind}"] for kind in FILES]
        found["author's gan minus dcgan"] = {key: [round(one, 4) for one in difference(theirs[0][key], theirs[1][key])]
                                             for key in theirs[0]}
        return found

    results = [_shown(lab, job) for job in ("alvarez_gan", "alvarez_dcgan")]
    return lab.cached(f"figure_2-{'-'.join(str(result.drawn if result else 0) for result in results)}", measured)


def _shown(lab: Any, job: str) -> Any:
    with contextlib.suppress(MissingError):
        return lab.shown(job)


def measure(lab: Any) -> Evidence:
    """Compares the author's own samples: an observation for roughness and one for the background."""
    found = numbers(lab)
    each = [{"number": key, "author's GAN": found["author's gan"][key][0],
             "author's DCGAN": found["author's dcgan"][key][0],
             "real digits": found["real digits"][key][0], "GAN minus DCGAN": found["author's gan minus dcgan"][key][0],
             "low": found["author's gan minus dcgan"][key][1], "high": found["author's gan minus dcgan"][key][2]}
            for key in ("roughness", "background")]
    return Evidence(each, f"25 + 25 samples that the author published ({SOURCE}), beside {REALS} real digits drawn "
                    "alike; 95% intervals of a bootstrap over samples")
