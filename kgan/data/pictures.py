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
    """Decodes a picture file to mode L or RGB: upright, 8 bits, alpha over white, an animation's first frame.

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
    """Decodes the picture to mode L or RGB; `raw` is how its file stores the pixels."""
    picture.load()
    if ";16" in raw or picture.mode.startswith("I;16") or (picture.format, picture.mode) == ("PPM", "I"):
        notes.append("16 bits to 8")
    if picture.mode.startswith("I;16") or (picture.format, picture.mode) == ("PPM", "I"):
        eight_bit = _from_sixteen_bit(picture)
    elif picture.mode in ("I", "F"):
        raise BadPictureError("32-bit pixels, whose range is unknown")
    elif picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        notes.append("alpha over white")
        if picture.mode == "L":  # Pillow scales the greys of 2 and 4 bits, but not the transparent one
            picture.info["transparency"] *= {"L;2": 85, "L;4": 17}.get(raw, 1)
        grey = picture.mode in ("L", "LA", "La")
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        eight_bit = Image.alpha_composite(white, picture).convert("L" if grey else "RGB")
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


def fit(picture: Image.Image, image_size: int, channels: int, crop: int | None) -> np.ndarray:
    """Cuts out the centred square and resizes it, bicubic and antialiased: uint8, (image_size, image_size, channels).

    Args:
        picture: mode L or RGB.
        image_size: height and width of the result.
        channels: 1 (grey, by the weights of ITU-R 601) or 3.
        crop: side of the square in the picture's pixels, at most its shorter side; None: the shorter side.
    """
    side = min(*picture.size, crop or max(picture.size))
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.convert("L" if channels == 1 else "RGB")
    if picture.size != (image_size, image_size) or side != image_size:
        box = (left, top, left + side, top + side)
        picture = picture.resize((image_size, image_size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(picture).reshape(image_size, image_size, channels)
