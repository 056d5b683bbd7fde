"""Draws a folder of pictures as a user may have one: ten letters in Matplotlib's fonts, turned, moved and scaled.

    python experiments/studies/letters.py letters

Subfolders A to J hold --count pictures each, 64×64, grey, PNG.
"""

from pathlib import Path

import matplotlib.font_manager as fonts
import numpy as np
from absl import app, flags
from PIL import Image, ImageDraw, ImageFont

COUNT = flags.DEFINE_integer("count", 300, "Pictures of each letter.")
FAMILIES = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "STIXGeneral", "cmr10")  # Matplotlib brings them
SIZE = 64


def letter(text: str, font: str, rng: np.random.Generator) -> Image.Image:
    """Returns one white letter on black, (SIZE, SIZE)."""
    picture = Image.new("L", (2 * SIZE, 2 * SIZE))
    drawn = ImageFont.truetype(font, int(rng.integers(70, 100)))
    ImageDraw.Draw(picture).text((SIZE, SIZE), text, fill=int(rng.integers(180, 256)), font=drawn, anchor="mm")
    moved = picture.rotate(rng.normal(0, 8), Image.Resampling.BICUBIC, translate=tuple(rng.integers(-6, 7, 2)))
    return moved.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def main(arguments: list[str]) -> None:
    """Draws all."""
    rng = np.random.default_rng(0)
    files = [fonts.findfont(fonts.FontProperties(family=family, weight=weight))
             for family in FAMILIES for weight in ("normal", "bold")]
    for text in "ABCDEFGHIJ":
        folder = Path(arguments[1], text)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(COUNT.value):
            letter(text, files[number % len(files)], rng).save(folder / f"{number:04}.png")


if __name__ == "__main__":
    app.run(main)
