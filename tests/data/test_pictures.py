"""Odd and damaged pictures, each made by Pillow or by hand."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kgan.data import pictures
from kgan.data.source_types import BadPictureError

GRADIENT = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def _bytes(picture, form="PNG", **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _png_header(width, height):
    """A PNG that declares its size and holds no pixels."""
    return _png_chunks(struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"")


def _png_chunks(header, pixels, *others):
    chunks = [(b"IHDR", header), *others, (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks)


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP"])
def test_lossless_grey_and_colour_come_back(form):
    grey = Image.fromarray(GRADIENT)
    colour = Image.merge("RGB", [grey, grey.rotate(90), grey.rotate(180)])
    for picture in (grey, colour):
        sample = pictures.decode(_bytes(picture, form, **({"lossless": True} if form == "WEBP" else {})))
        np.testing.assert_array_equal(sample.picture.convert(picture.mode), picture)


def test_jpeg_is_close_and_keeps_its_label():
    sample = pictures.decode(_bytes(Image.fromarray(GRADIENT), "JPEG", quality=95), label=7)
    assert (sample.label, sample.notes, sample.picture.mode) == (7, (), "L")
    assert np.abs(np.asarray(sample.picture, int) - GRADIENT).max() <= 4


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_rescaled_not_clipped(form):
    """A TIFF or PNG value of v/65535 is v/257 of 255."""
    sixteen = np.array([[0, 257, 300], [128 * 257, 65535, 40000]], np.uint16)
    sample = pictures.decode(_bytes(Image.fromarray(sixteen), form))
    np.testing.assert_array_equal(sample.picture, [[0, 1, 1], [128, 255, 156]])
    assert sample.notes == ("16 bits to 8",)


def test_palette_alpha_cmyk_and_bilevel_are_converted():
    red = Image.new("RGB", (2, 2), (255, 0, 0))
    palette = pictures.decode(_bytes(red.quantize(4)))
    assert palette.picture.getpixel((0, 0)) == (255, 0, 0)
    half = Image.new("RGBA", (2, 2), (255, 0, 0, 128))
    alpha = pictures.decode(_bytes(half))
    assert alpha.picture.getpixel((0, 0)) == (255, 0, 0, 128)
    white = pictures.over_white(alpha.picture)
    assert (white.mode, white.getpixel((0, 0))) == ("RGB", (255, 127, 127))  # 255 · 127/255 of white comes through
    clear = pictures.over_white(pictures.decode(_bytes(Image.new("LA", (2, 2), (9, 0)))).picture)
    assert (clear.mode, clear.getpixel((0, 0))) == ("L", 255)
    ink = pictures.decode(_bytes(Image.new("CMYK", (2, 2), (0, 255, 255, 0)), "TIFF"))
    assert ink.picture.getpixel((0, 0)) == (255, 0, 0)
    assert ink.notes == ("CMYK to RGB",)
    bilevel = pictures.decode(_bytes(Image.new("1", (2, 2), 1)))
    assert (bilevel.picture.mode, bilevel.picture.getpixel((0, 0))) == ("L", 255)


def test_transparent_palette_entry_shows_white():
    picture = Image.new("P", (2, 2), 0)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    sample = pictures.decode(_bytes(picture, transparency=0))
    white = pictures.over_white(sample.picture)
    assert [white.getpixel(place) for place in ((0, 0), (1, 0))] == [(255, 255, 255), (200, 100, 50)]


def test_tiff_of_twelve_bits_and_tiff_whose_zero_is_white():
    """Tag 258 says how many bits there are (0xFFF of 12 bits is white), tag 262 whether 0 is white."""
    grey = np.array([[0, 4095], [2048, 1000]], np.uint16)
    twelve = Image.fromarray(grey)
    twelve.tag_v2 = {258: (12,)}
    np.testing.assert_array_equal(pictures._from_sixteen_bit(twelve), [[0, 255], [128, 62]])
    data = bytearray(_bytes(Image.fromarray(grey), "TIFF"))
    photometric = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    data[photometric:photometric + 2] = struct.pack("<H", 0)
    np.testing.assert_array_equal(pictures.decode(bytes(data)).picture, 255 - (grey / 257).round().astype(np.uint8))


def test_sixteen_bit_pgm_and_colour_png():
    pgm = pictures.decode(b"P5 2 1 65535\n" + bytes([255, 255, 128, 0]))
    assert (np.asarray(pgm.picture).ravel().tolist(), pgm.notes) == ([255, 128], ("16 bits to 8",))
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    colour = pictures.decode(_png_chunks(header, bytes([0, 200, 0, 100, 0, 50, 0])))
    assert (colour.picture.getpixel((0, 0)), colour.notes) == ((200, 100, 50), ("16 bits to 8",))


def test_transparent_grey_of_few_bits_shows_white():
    header = struct.pack(">IIBBBBB", 2, 1, 4, 0, 0, 0, 0)
    sample = pictures.decode(_png_chunks(header, bytes([0, 0xA3]), (b"tRNS", struct.pack(">H", 0xA))))
    white = pictures.over_white(sample.picture)
    assert np.asarray(white).ravel().tolist() == [255, 51]  # 0xA is clear; 3 of 15 is 51 of 255


def test_fit_keeps_alpha_and_makes_the_clear_white():
    sprite = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    sprite.paste((200, 100, 50, 255), (4, 0, 8, 8))
    fitted = pictures.fit(sprite, (4, 4, 4))
    assert fitted[:, 0].tolist() == [[255, 255, 255, 0]] * 4
    np.testing.assert_allclose(fitted[:, 3], [[200, 100, 50, 255]] * 4, atol=8)  # bicubic: a little over the edge
    assert pictures.fit(sprite, (8, 8, 3))[0, 0].tolist() == [255, 255, 255]
    assert pictures.fit(Image.new("L", (4, 4), 77), (4, 4, 4))[0, 0].tolist() == [77, 77, 77, 255]


def test_fit_cuts_out_the_largest_centred_part_of_the_ratio():
    """Of 12 columns and 6 rows, 2:3 takes 4 columns, those from 4 on; a crop of 3 rows takes 2, from 5 on."""
    columns = np.tile(np.arange(12, dtype=np.uint8) * 20, (6, 1))
    assert pictures.fit(Image.fromarray(columns), (6, 4, 1))[0, :, 0].tolist() == [80, 100, 120, 140]
    assert pictures.fit(Image.fromarray(columns), (3, 2, 1), crop=3)[0, :, 0].tolist() == [100, 120]


def test_animation_gives_its_first_frame():
    frames = [Image.new("L", (4, 4), grey) for grey in (50, 200)]
    for form in ("GIF", "TIFF", "PNG"):
        sample = pictures.decode(_bytes(frames[0], form, save_all=True, append_images=frames[1:]))
        assert np.asarray(sample.picture.convert("L")).tolist() == [[50] * 4] * 4, form
        assert "animation: its first frame" in sample.notes


def test_exif_orientation_is_respected():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: turn 90° clockwise to see it upright
    sample = pictures.decode(_bytes(Image.fromarray(GRADIENT), exif=exif))
    np.testing.assert_array_equal(sample.picture, np.rot90(GRADIENT, k=-1))
    assert sample.notes == ("turned upright",)


@pytest.mark.parametrize(("data", "reason"), [
    (b"", "empty file"),
    (b"hello, this is text", "not a picture, or of an unknown format"),
    (_bytes(Image.fromarray(GRADIENT))[:50], "damaged: "),
    (_bytes(Image.new("RGB", (64, 64), "red"), "JPEG")[:400], "damaged: "),
    (_bytes(Image.fromarray(GRADIENT), "BMP")[:70], "damaged: "),
    (_png_header(50_000, 50_000), "more than 50,000,000 pixels"),
    (_png_header(8_000, 7_000), "more than 50,000,000 pixels"),
    (_png_header(8, 8), "damaged: "),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not a picture, or of an unknown format"),
    (_bytes(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "32-bit pixels, whose range is unknown"),
    (_bytes(Image.fromarray(np.ones((4, 4), np.int32)), "TIFF"), "32-bit pixels, whose range is unknown"),
])
def test_what_has_no_right_reading_is_refused_with_a_reason(data, reason):
    with pytest.raises(BadPictureError) as error:
        pictures.decode(data)
    assert str(error.value).startswith(reason)


def test_too_many_bytes_are_refused_unread(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 10)
    with pytest.raises(BadPictureError, match="11 bytes, more than 10"):
        pictures.decode(b"x" * 11)


def test_every_flipped_byte_is_a_picture_or_a_reason():
    """Nothing else than BadPictureError comes out of damaged bytes."""
    generator = np.random.default_rng(0)
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        data = _bytes(Image.fromarray(GRADIENT), form)
        for _ in range(60):
            damaged = bytearray(data)
            damaged[generator.integers(len(data))] ^= int(generator.integers(1, 256))
            try:
                assert pictures.decode(bytes(damaged)).picture.mode in ("L", "RGB")
            except BadPictureError as error:
                assert str(error)


def test_fit_cuts_the_centred_square_of_the_given_side():
    pixels = np.zeros((6, 10), np.uint8)
    pixels[1:5, 3:7] = np.arange(100, 116).reshape(4, 4)  # the centred 4×4
    cut = pictures.fit(Image.fromarray(pixels), (4, 4, 1), crop=4)
    np.testing.assert_array_equal(cut[..., 0], pixels[1:5, 3:7])
    widest = pictures.fit(Image.fromarray(pixels), (6, 6, 1))
    np.testing.assert_array_equal(widest[..., 0], pixels[:, 2:8])
    np.testing.assert_array_equal(pictures.fit(Image.fromarray(pixels), (6, 6, 1), crop=100), widest)


def test_fit_downsizing_is_antialiased():
    """A checkerboard of single pixels becomes its mean; taking every fourth pixel would make it black or white."""
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = pictures.fit(Image.fromarray(checkers), (16, 16, 1))
    assert abs(small[4:12, 4:12].astype(int) - 127).max() <= 2


def test_fit_converts_between_grey_and_colour():
    colour = Image.new("RGB", (4, 4), (200, 100, 50))
    assert pictures.fit(colour, (4, 4, 1))[0, 0, 0] == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert pictures.fit(Image.new("L", (4, 4), 77), (4, 4, 3))[0, 0].tolist() == [77] * 3
