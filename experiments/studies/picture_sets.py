r"""Folders of pictures from public packages: what the recipe `pictures` is tried on, and its preset trained on.

    mkdir packages && cd packages
    apt-get download openclipart-png tuxpaint-stamps-default mate-backgrounds gnome-backgrounds oxygen-icon-theme \
        plasma-workspace-wallpapers iso-flags-png-320x240
    npm pack emoji-datasource-google@16.0.0 && cd ..
    python experiments/studies/picture_sets.py --packages=packages --out=sets --cifar10=cifar10_20k.zip

Writes sets/NAME/ for each set, and sets/sources.json: packages, versions, licences, counts. Pictograms of faces
are left out.
"""

import io
import json
import re
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import app, flags
from PIL import Image

PACKAGES = flags.DEFINE_string("packages", None, "Folder of the packages' files.", required=True)
OUT = flags.DEFINE_string("out", None, "Folder to write the sets into.", required=True)
CIFAR10 = flags.DEFINE_string("cifar10", None, "Zip of CIFAR-10's pictures in class folders, for the preset's set.")

FACES = re.compile(r"face|smil|emot|people|head|portrait|person|avatar|user|santa|man_|woman|girl|boy", re.IGNORECASE)
LICENCES = {
    "openclipart-png": "public domain (Creative Commons Public Domain Dedication)",
    "tuxpaint-stamps-default": "public domain and GPL-2+, as the package's copyright file says for each",
    "mate-backgrounds": "CC-BY-SA-4.0 and GPL-2+", "gnome-backgrounds": "CC-BY-SA-3.0 and CC0",
    "plasma-workspace-wallpapers": "LGPL-3 and CC-BY-SA-4.0", "oxygen-icon-theme": "LGPL-3+",
    "iso-flags-png-320x240": "public domain", "emoji-datasource-google": "Apache-2.0 (Noto Emoji's pictures), MIT",
}
LARGEST = 2_000_000  # pixels of a drawing; those of more are left out
CROPS = 4000  # of photographs
CROP = 256  # pixels of a crop's side, at least


def main(_: list[str]) -> None:
    """Writes the sets."""
    out, sources = Path(OUT.value), {}
    with tempfile.TemporaryDirectory() as temporary:
        places = {name: place for name, place in unpacked(Path(PACKAGES.value), Path(temporary))}
        sets = {
            "drawings": drawings(places["openclipart-png"][0]),
            "stamps": transparent(places["tuxpaint-stamps-default"][0], "*.png"),
            "icons128": transparent(places["oxygen-icon-theme"][0], "base/128x128/**/*.png"),
            "flags": plain(places["iso-flags-png-320x240"][0], "*.png"),
            "emoji": transparent(places["emoji-datasource-google"][0], "img/google/64/*.png", emoji(places)),
            "photographs": crops([places[name][0] for name in (
                "mate-backgrounds", "gnome-backgrounds", "plasma-workspace-wallpapers")]),
        }
        for name, pictures in sets.items():
            (out / name).mkdir(parents=True)
            for number, picture in enumerate(pictures, start=1):
                picture.save(out / name / f"{number:05}.png")
            sources[name] = len(list((out / name).iterdir()))
            print(f"{name}: {sources[name]:,} pictures", flush=True)
        if CIFAR10.value:
            (out / "preset").mkdir()
            with zipfile.ZipFile(CIFAR10.value) as archive:
                members = sorted(one for one in archive.namelist() if not one.endswith("/"))
                for number, member in enumerate(members[::2]):  # half: the others are sharp at 64 pixels
                    (out / "preset" / f"cifar10_{number:05}.jpg").write_bytes(archive.read(member))
            for name in ("drawings", "photographs"):
                for path in sorted((out / name).iterdir()):
                    (out / "preset" / f"{name}_{path.name}").write_bytes(path.read_bytes())
            sources["preset"] = len(list((out / "preset").iterdir()))
        packages = {name: {"version": version, "licence": LICENCES[name]} for name, (_, version) in places.items()}
    (out / "sources.json").write_text(json.dumps({"pictures": sources, "packages": packages}, indent=1) + "\n")


def unpacked(packages: Path, into: Path) -> Iterator[tuple[str, tuple[Path, str]]]:
    """Unpacks .deb and .tgz files; yields each package's name, place and version."""
    for path in sorted(packages.iterdir()):
        if path.suffix == ".deb":
            name, version, _ = path.name.split("_")
            subprocess.run(["dpkg-deb", "-x", path, into / name], check=True)
            yield name, (into / name, version.replace("%3a", ":"))
        elif path.suffix == ".tgz":
            name, version = re.fullmatch(r"(.+)-([\d.]+)\.tgz", path.name).groups()
            with tarfile.open(path) as archive:
                archive.extractall(into / name, filter="data")
            yield name, (into / name / "package", version)


def emoji(places: dict[str, tuple[Path, str]]) -> set[str]:
    """Returns the file names of emoji that show neither faces nor people."""
    listed = json.loads((places["emoji-datasource-google"][0] / "emoji.json").read_text(encoding="utf-8"))
    return {one["image"] for one in listed if one["category"] not in ("Smileys & Emotion", "People & Body")
            and not FACES.search(one["short_name"])}


def transparent(place: Path, pattern: str, only: set[str] | None = None) -> Iterator[Image.Image]:
    """Yields pictures as they are, without faces, in RGBA, the largest side 256 at most."""
    for path in sorted(place.rglob(pattern)):
        if path.is_symlink() or FACES.search(path.stem) or (only is not None and path.name not in only):
            continue
        with Image.open(path) as opened:
            picture = opened.convert("RGBA")
        picture.thumbnail((256, 256))
        if min(picture.size) >= 16:
            yield picture


def plain(place: Path, pattern: str) -> Iterator[Image.Image]:
    """Yields pictures as they are, in RGB."""
    for path in sorted(place.rglob(pattern)):
        with Image.open(path) as opened:
            yield opened.convert("RGB")


def drawings(place: Path) -> Iterator[Image.Image]:
    """Yields drawings on white, made square by white, 128 pixels a side; nearly empty ones and faces are left out."""
    for path in sorted(place.rglob("*.png")):
        if path.is_symlink() or FACES.search(str(path.relative_to(place))):
            continue
        try:
            opened = Image.open(path)
        except Image.DecompressionBombError:
            continue
        with opened:
            if opened.width * opened.height > LARGEST:
                continue
            picture = opened.convert("RGBA")
        picture.thumbnail((128, 128))
        square = Image.new("RGBA", (128, 128), "white")
        square.alpha_composite(picture, ((128 - picture.width) // 2, (128 - picture.height) // 2))
        if np.asarray(square.convert("L")).std() > 25:
            yield square.convert("RGB")


def crops(places: list[Path]) -> Iterator[Image.Image]:
    """Yields CROPS squares of photographs, 128 pixels a side, at places and of sizes that chance chooses."""
    random, large = np.random.default_rng(0), []
    for path in sorted(path for place in places for path in place.rglob("*") if path.suffix in (".jpg", ".webp")):
        with Image.open(path) as opened:
            if path.is_symlink() or min(opened.size) < 2 * CROP or opened.size[0] > 4000 or "screenshot" in path.name:
                continue
            data = io.BytesIO()
            opened.convert("RGB").save(data, "png", compress_level=1)
            large.append(data)
    each = -(-CROPS // len(large))
    for data in large:
        with Image.open(data) as picture:
            for _ in range(each):
                side = int(random.integers(CROP, min(picture.size) + 1))
                left, top = (int(random.integers(0, whole - side + 1)) for whole in picture.size)
                box = (left, top, left + side, top + side)
                yield picture.resize((128, 128), Image.Resampling.BICUBIC, box=box)


if __name__ == "__main__":
    app.run(main)
