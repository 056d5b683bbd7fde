"""Pictures to prepare, made from seeds."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def make_zip(path: Path, count: int, size: int) -> None:
    """Writes `count` JPEGs of size×size in ten class folders."""
    generator = np.random.default_rng(0)
    jpegs = []
    for _ in range(256):
        noise = Image.fromarray(generator.integers(0, 256, (size // 8, size // 8, 3), np.uint8))
        file = io.BytesIO()
        noise.resize((size, size), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        jpegs.append(file.getvalue())
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            archive.writestr(f"class{number % 10}/{number:06}.jpg", jpegs[number % 256])
