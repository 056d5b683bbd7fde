"""One picture: a file's bytes of many kinds become uint8 pixels of one size.

What has one right reading is converted and noted; what has none is refused. Headers are checked before decoding.
"""

import io

import numpy as np
from PIL import Image, ImageOps

from kgan.data.source_types import BadPictureError, Sample

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")  # none whose decoder starts another program
ORIENTATION = 0x0112  # EXIF's tag
MAX_PIXELS = 50_000_000
MAX_BYTES = 100_000_000


def suffixes() -> set[str]:
    """Returns the file name endings of pictures, such as ".jpg"."""
    return {suffix for suffix, form in Image.registered_extensions().items() if form in FORMATS}


def decode(data: bytes, label: int | None = None) -> Sample:
    """Decodes a picture file to mode L, LA, RGB or RGBA: upright, 8 bits, an animation's first frame.

    Raises:
        BadPictureError: empty, truncated, too large, of no known format, or of pixels without a known range.
    """
    check_size(len(data))
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            raise Image.DecompressionBombError  # as Image.open does itself, at a limit of its own
        # How the file stores its pixels, such as "RGB;16B"; forgotten once they are decoded.
        raw = str(next((args if isinstance(args, str) else args[0] for *_, args in picture.tile if args), ""))
        notes = []
        if getattr(picture, "is_animated", False) and picture.format != "MPO":  # a JPEG with previews
            notes.append("animation: its first frame")
        if picture.getexif().get(ORIENTATION) in range(2, 9):
            notes.append("turned upright")
        eight_bit = _to_eight_bit(picture, raw, notes)
        eight_bit.info = picture.info  # where EXIF says which way is up
        upright = ImageOps.exif_transpose(eight_bit)
    except Image.UnidentifiedImageError:
        raise BadPictureError("not a picture, or of an unknown format") from None
    except Image.DecompressionBombError:
        raise BadPictureError(f"more than {MAX_PIXELS:,} pixels") from None
    except (BadPictureError, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise BadPictureError(f"damaged: {' '.join(str(error).split())[:80] or type(error).__name__}") from error
    return Sample(upright, label, tuple(notes))


def check_size(size: int) -> None:
    """Raises BadPictureError when a file of `size` bytes is empty or too large to be read."""
    if not size:
        raise BadPictureError("empty file")
    if size > MAX_BYTES:
        raise BadPictureError(f"{size:,} bytes, more than {MAX_BYTES:,}")


def _to_eight_bit(picture: Image.Image, raw: str, notes: list[str]) -> Image.Image:
    """Decodes the picture to mode L, LA, RGB or RGBA; `raw` is how its file stores the pixels."""
    picture.load()
    if ";16" in raw or picture.mode.startswith("I;16") or (picture.format, picture.mode) == ("PPM", "I"):
        notes.append("16 bits to 8")
    if picture.mode.startswith("I;16") or (picture.format, picture.mode) == ("PPM", "I"):
        eight_bit = _from_sixteen_bit(picture)
    elif picture.mode in ("I", "F"):
        raise BadPictureError("32-bit pixels, whose range is unknown")
    elif picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        if picture.mode == "L":  # Pillow scales the greys of 2 and 4 bits, but not the transparent one
            picture.info["transparency"] *= {"L;2": 85, "L;4": 17}.get(raw, 1)
        grey = picture.mode in ("L", "LA", "La")
        eight_bit = picture.convert("RGBA").convert("LA" if grey else "RGBA")
    else:
        if picture.mode not in ("L", "RGB"):
            notes.append({"1": "black and white to grey", "P": "palette to colours"}.get(
                picture.mode, f"{picture.mode} to RGB"))
        eight_bit = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    return eight_bit


def _from_sixteen_bit(picture: Image.Image) -> Image.Image:
    """Scales grey values to 8 bits; a TIFF says of how many bits they are, and whether 0 is white."""
    if "transparency" in picture.info:
        raise BadPictureError("16-bit grey with a transparent value")
    tags = getattr(picture, "tag_v2", {})
    bits = tags.get(258, (16,))[0]
    eight_bit = (np.asarray(picture) * (255 / (2**bits - 1))).round().astype(np.uint8)
    return Image.fromarray(255 - eight_bit if tags.get(262) == 0 else eight_bit)


def over_white(picture: Image.Image) -> Image.Image:
    """Lays a transparent picture over white: mode LA becomes L, RGBA becomes RGB; others stay as they are."""
    if picture.mode not in ("LA", "RGBA"):
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("L" if picture.mode == "LA" else "RGB")


def fit(picture: Image.Image, shape: tuple[int, int, int], crop: int | None = None) -> np.ndarray:
    """Cuts out the largest centred part of a shape's ratio and resizes it, bicubic and antialiased: uint8, (H, W, C).

    Args:
        picture: mode L, LA, RGB or RGBA.
        shape: of the result: height, width, and 1 (grey, by the weights of ITU-R 601), 3 or 4 channels. With 4, alpha
            is kept, and what is wholly transparent is white; with fewer, the picture is laid over white.
        crop: longer side of the part in the picture's pixels, at most; None: as large as can be.
    """
    height, width, channels = shape
    picture = picture.convert("RGBA") if channels == 4 else over_white(picture).convert("L" if channels == 1 else "RGB")
    scale = min(picture.height / height, picture.width / width, (crop or max(picture.size)) / max(height, width))
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (picture.width - across) // 2, (picture.height - down) // 2
    if (picture.width, picture.height, across, down) != (width, height, width, height):
        picture = picture.resize((width, height), Image.Resampling.BICUBIC, box=(left, top, left + across, top + down))
    pixels = np.asarray(picture).reshape(shape)
    return np.where(pixels[..., 3:] == 0, np.array([255, 255, 255, 0], np.uint8), pixels) if channels == 4 else pixels
