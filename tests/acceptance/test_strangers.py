"""Images from strangers: odd and hostile pictures, archives and tables."""

import dataclasses
import io
import pickle
import random
import resource
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from kgan.data import cache, local
from kgan.runtime.errors import UserError


def _bytes(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _png_header(width, height, colour=0, bits=8):
    """A PNG that declares a size and has next to no pixels."""
    body = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [(b"IHDR", body), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks)


def _kinds():
    """Returns odd and hostile pictures by file name: True for those that can be converted, False for the others."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 4), np.uint8)
    colour, grey = Image.fromarray(noise[..., :3]), Image.fromarray(noise[..., 0])
    alpha = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [grey]}
    good = {f"plain.{suffix}": _bytes(colour, form) for suffix, form in (
        ("jpg", "JPEG"), ("png", "PNG"), ("bmp", "BMP"), ("gif", "GIF"), ("tif", "TIFF"), ("webp", "WEBP"),
        ("ppm", "PPM"))}
    good |= {f"grey.{suffix}": _bytes(grey, form) for suffix, form in (
        ("jpg", "JPEG"), ("png", "PNG"), ("bmp", "BMP"), ("tif", "TIFF"), ("pgm", "PPM"))}
    good |= {
        "progressive.jpg": _bytes(colour, "JPEG", progressive=True), "cmyk.jpg": _bytes(colour.convert("CMYK"), "JPEG"),
        "turned.jpg": _bytes(colour, "JPEG", exif=exif), "palette.png": _bytes(colour.convert("P"), "PNG"),
        "bilevel.png": _bytes(grey.convert("1"), "PNG"), "alpha.png": _bytes(alpha, "PNG"),
        "grey_alpha.png": _bytes(alpha.convert("LA"), "PNG"), "interlaced.gif": _bytes(grey, "GIF", interlace=1),
        "animated.gif": _bytes(colour, "GIF", **frames), "animated.webp": _bytes(colour, "WEBP", **frames),
        "deep.png": _bytes(Image.fromarray(noise[..., 0].astype(np.uint16) * 257), "PNG"),
        "deep.tif": _bytes(Image.fromarray(noise[..., 0].astype(np.uint16) * 257), "TIFF"),
        "wrong_name.png": _bytes(colour, "JPEG"), "one_pixel.png": _bytes(grey.crop((0, 0, 1, 1)), "PNG"),
        "narrow.png": _bytes(grey.crop((0, 0, 1, 24)), "PNG"),
        "comment.jpg": _bytes(colour, "JPEG", comment=b"x" * 60000),
        "multi.tif": _bytes(colour, "TIFF", **frames), "lzw.tif": _bytes(colour, "TIFF", compression="tiff_lzw"),
        "trailing.png": _bytes(colour, "PNG") + b"junk" * 100,
    }
    bad = {
        "empty.png": b"", "text.jpg": b"no picture at all", "zeros.png": bytes(1000), "html.gif": b"<html></html>",
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF",
        "pdf.png": b"%PDF-1.4\n", "pickle.png": pickle.dumps([1]), "zip.png": b"PK\x03\x04" + bytes(40),
        "half.jpg": _bytes(colour, "JPEG")[:300], "half.png": _bytes(colour, "PNG")[:300],
        "half.gif": _bytes(colour, "GIF")[:60], "header.png": b"\x89PNG\r\n\x1a\n", "header.jpg": b"\xff\xd8\xff\xe0",
        "huge.png": _png_header(60_000, 60_000), "wide.png": _png_header(2**31 - 1, 1), "flat.png": _png_header(0, 10),
        "lying.png": _png_header(5000, 5000), "float.tif": _bytes(Image.new("F", (4, 4), 0.5), "TIFF"),
        "long.png": _png_header(7000, 7000, 6, 16), "bmp.bmp": b"BM" + bytes(60),
    }
    return {name: (data, True) for name, data in good.items()} | {name: (data, False) for name, data in bad.items()}


def _everything(place):
    return sorted(path for path in place.rglob("*"))


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """A place for input, a cache of its own, and a check that nothing appears anywhere else."""
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input").mkdir()
    yield tmp_path
    assert {path.name for path in tmp_path.iterdir()} <= {"cache", "input"}


def test_every_odd_kind_is_converted_or_named_in_folder_and_zip(apart, record_property):
    kinds = _kinds()
    assert len(kinds) >= 40
    folder = apart / "input" / "folder"
    folder.mkdir()
    traps = {"../escape.png": _bytes(Image.new("L", (4, 4)), "PNG"), "/absolute.png": b"", "C:/drive.png": b""}
    with zipfile.ZipFile(apart / "input" / "kinds.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (data, _) in kinds.items():
            (folder / name).write_bytes(data)
            archive.writestr(name, data)
        for name, data in traps.items():
            archive.writestr(name, data)
    before = _everything(apart / "input")
    good = [name for name, (_, fine) in kinds.items() if fine]
    bad = {name for name, (_, fine) in kinds.items() if not fine}
    for path, extra in ((folder, set()), (apart / "input" / "kinds.zip", set(traps))):
        prepared = cache.prepare(local.open_path(path), image_size=16, channels=3, skip_bad=True)
        assert {name for name, _ in prepared.bad} == bad | extra
        assert len(prepared.images) == len(good)
        assert all(reason for _, reason in prepared.bad)
    assert _everything(apart / "input") == before
    record_property("kinds", len(kinds) + len(traps))


@pytest.mark.filterwarnings("ignore")  # Pillow's, of odd metadata
@pytest.mark.parametrize("count", [120, pytest.param(1200, marks=pytest.mark.slow)])
def test_mutated_files_never_crash_hang_or_eat_memory(apart, count, record_property):
    chance = random.Random(0)
    whole = [(name, data) for name, (data, fine) in _kinds().items() if fine]
    folder = apart / "input" / "folder"
    folder.mkdir()
    for number in range(count):
        name, data = chance.choice(whole)
        data = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            kind = chance.randrange(4)
            if kind == 0:
                data[at] = chance.randrange(256)
            elif kind == 1:
                del data[at:at + chance.randrange(1, 40)]
            elif kind == 2:
                data[at:at] = chance.randbytes(8)
            else:
                data[at:at + 4] = b"\xff\xff\xff\xff"
            data = data or bytearray(b"\0")
        (folder / f"{number:04}_{name}").write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    source, slowest = dataclasses.replace(local.open_path(folder), held_out=False), 0.0
    names = set()
    for item in source.items():
        began = time.monotonic()
        names.add(item.name)
        try:
            item.read()
        except ValueError as error:
            assert str(error)
        slowest = max(slowest, time.monotonic() - began)
    prepared = cache.prepare(source, image_size=16, channels=1, skip_bad=True)
    assert len(names) == len(prepared.images) + len(prepared.bad) == count
    assert {name for name, _ in prepared.bad} <= names
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    record_property("files, bad ones, slowest s, MB", f"{count}, {len(prepared.bad)}, {slowest:.2f}, {grown:.0f}")
    assert slowest < 5
    assert grown < 1000


@pytest.mark.parametrize("count", [40, pytest.param(300, marks=pytest.mark.slow)])
def test_mutated_archives_and_tables_give_a_sentence_or_pictures(apart, count):
    chance = random.Random(0)
    with zipfile.ZipFile(apart / "input" / "a.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.png", _bytes(Image.new("L", (8, 8), number), "PNG"))
    table = "\n".join(f"{row % 3}," + ",".join(str((row * column) % 256) for column in range(16)) for row in range(6))
    whole = {"zip": (apart / "input" / "a.zip").read_bytes(), "csv": table.encode()}
    for number in range(count):
        suffix = chance.choice(["zip", "csv"])
        data = bytearray(whole[suffix])
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(data))
            data[at:at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        path = apart / "input" / f"{number}.{suffix}"
        path.write_bytes(data)
        began = time.monotonic()
        try:
            prepared = cache.prepare(local.open_path(path), image_size=8, channels=1, skip_bad=True)
            assert len(prepared.images) > 0
        except UserError as error:
            assert "\n" not in str(error)
        assert time.monotonic() - began < 5
