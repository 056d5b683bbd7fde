"""Cuts the photographs that come with scikit-image and scikit-learn into a folder of tiles, 32×32 pixels, in colour.

pip install scikit-image && python experiments/studies/tiles.py tiles
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

SIDE = 32
NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "retina.jpg",
         "hubble_deep_field.jpg", "ihc.png")


def photographs() -> list[np.ndarray]:
    """Returns the ten, in colour."""
    place = Path(importlib.util.find_spec("skimage").origin).parent / "data"  # no download, as skimage.data may start
    return [*(np.asarray(Image.open(place / name).convert("RGB")) for name in NAMES), *load_sample_images().images]


def main(folder: str) -> None:
    """Writes all tiles."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, photograph in enumerate(photographs()):
        for top in range(0, photograph.shape[0] - SIDE + 1, SIDE):
            for left in range(0, photograph.shape[1] - SIDE + 1, SIDE):
                tile = photograph[top:top + SIDE, left:left + SIDE]
                Image.fromarray(tile).save(Path(folder, f"{number:02}_{top:04}_{left:04}.png"))


if __name__ == "__main__":
    main(sys.argv[1])
