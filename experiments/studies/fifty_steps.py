"""Fifty steps of every model, and of every named recipe, on its own kind of data, by the command; a grid of each.

    TFDS_DATA_DIR=... python experiments/studies/fifty_steps.py --cifar10=cifar10_20k.zip --out=results/fifty_steps

MNIST comes from tfds, CIFAR-10 from a zip of class folders, and CelebA's place is taken by an archive in its layout
with drawn faces, made here from a seed. Fifty steps show that everything fits together, not what a model can do.
"""

import io
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from absl import app, flags
from PIL import Image, ImageDraw, ImageFilter

from kgan import models

CIFAR10 = flags.DEFINE_string("cifar10", None, "Zip of CIFAR-10's pictures in class folders.", required=True)
OUT = flags.DEFINE_string("out", None, "Directory for the grids and the table.", required=True)
FACES = 500
SLOW = ("dcgan_5x5 celeb_a", "dcgan64", "dcgan64 celeb_a", "dcgan64 algorithm_1")  # 64×64×3: on batches of 16


def main(_: list[str]) -> None:
    """Trains all, copies the last grids and writes the table."""
    out = Path(OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        faces = draw_faces(Path(directory) / "img_align_celeba.zip")
        mnist, cifar10 = ["--dataset=mnist"], ["--dataset=cifar10", f"--data={CIFAR10.value}"]
        celeb_a = ["--dataset=celeb_a", f"--data={faces}"]
        cases = {
            "dcgan": mnist, "dcgan_alvarez": mnist, "gan": mnist, "gan_maxout": mnist, "gan_nn": mnist, "pca": mnist,
            "dcgan_5x5": mnist, "dcgan_5x5 celeb_a": celeb_a,
            "dcgan_pooled": mnist, "dcgan_pooled celeb_a": celeb_a, "dcgan_pooled cifar10": cifar10,
            "dcgan64": cifar10, "dcgan64 celeb_a": celeb_a,
        }
        for model in models.names():
            for named in models.recipes(model):
                cases[f"{model} {named}"] = [f"--recipe={named}", *(cifar10 if model == "dcgan64" else mnist)]
        rows = ["| flags | seconds | last lines |", "| --- | --- | --- |"]
        for case, data in cases.items():
            given = [f"--model={case.split()[0]}", "--steps=50", *data, *(["--batch_size=16"] if case in SLOW else [])]
            workdir = Path(directory) / case.replace(" ", "_")
            started = time.monotonic()
            result = subprocess.run([sys.executable, "-m", "kgan.train", *given, f"--workdir={workdir}"], check=True,
                                    capture_output=True, text=True)
            seconds = time.monotonic() - started
            grid = sorted((workdir / "samples").glob("step_*.png"))[-1]
            Image.open(grid).convert("RGB").save(out / f"{workdir.name}.jpg", quality=80)
            said = result.stderr.strip().splitlines()[-1]
            shown = " ".join(flag.replace(str(faces), faces.name).replace(CIFAR10.value, Path(CIFAR10.value).name)
                             for flag in given)
            rows.append(f"| `{shown}` | {seconds:.0f} | {said} |")
            print(rows[-1], flush=True)
    (out / "README.md").write_text("\n".join(["# Fifty steps of every model", "", *rows, ""]), encoding="utf-8")


def draw_faces(path: Path) -> Path:
    """Writes FACES drawn faces, 178×218, as CelebA's archive is laid out."""
    generator = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(FACES):
            file = io.BytesIO()
            _face(generator).save(file, "JPEG", quality=95)
            archive.writestr(f"img_align_celeba/{number + 1:06}.jpg", file.getvalue())
    return path


def _face(generator: np.random.Generator) -> Image.Image:
    background, hair = (tuple(generator.integers(0, 256, 3)) for _ in range(2))
    skin = tuple(np.array([235, 190, 160]) * generator.uniform(0.35, 1) // 1)
    picture = Image.new("RGB", (178, 218), tuple(map(int, background)))
    draw = ImageDraw.Draw(picture)
    x, y = np.array([89, 118]) + generator.integers(-6, 7, 2)
    draw.ellipse((x - 52, y - 75, x + 52, y + 55), fill=tuple(map(int, hair)))
    draw.ellipse((x - 40, y - 50, x + 40, y + 60), fill=tuple(map(int, skin)))
    for side in (-18, 18):
        draw.ellipse((x + side - 7, y - 10, x + side + 7, y), fill="white")
        draw.ellipse((x + side - 3, y - 9, x + side + 3, y - 2), fill="black")
    draw.arc((x - 20, y + 10, x + 20, y + 38), 20, 160, fill=(150, 30, 40), width=int(generator.integers(3, 9)))
    return picture.filter(ImageFilter.GaussianBlur(1))


if __name__ == "__main__":
    app.run(main)
