"""One picture: a file's bytes of many kinds become uint8 pixels of one size.

What has one right reading is converted and noted; what has none is refused. Headers are checked before decoding.
"""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from kgan.data.source import BadPictureError, Sample

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")  # none whose decoder starts another program
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, and of large pictures: those are refused below
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            if picture.width * picture.height > MAX_PIXELS:
                raise Image.DecompressionBombError  # as Image.open does itself, at a limit of its own
            notes = ["animation: its first frame"] if getattr(picture, "n_frames", 1) > 1 else []
            picture.seek(0)
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            if picture.getexif().get(0x0112, 1) != 1:
                notes.append("turned upright")
            eight_bit = _to_eight_bit(upright, notes)
    except Image.UnidentifiedImageError:
        raise BadPictureError("not a picture, or of an unknown format") from None
    except Image.DecompressionBombError:
        raise BadPictureError(f"more than {MAX_PIXELS:,} pixels") from None
    except BadPictureError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise BadPictureError(f"damaged: {' '.join(str(error).split())[:80] or type(error).__name__}") from error
    return Sample(eight_bit, label, tuple(notes))


def check_size(size: int) -> None:
    """Raises BadPictureError when a file of `size` bytes is empty or too large to be read."""
    if not size:
        raise BadPictureError("empty file")
    if size > MAX_BYTES:
        raise BadPictureError(f"{size:,} bytes, more than {MAX_BYTES:,}")


def _to_eight_bit(picture: Image.Image, notes: list[str]) -> Image.Image:
    """Returns the picture in mode L or RGB."""
    if picture.mode.startswith("I;16"):
        notes.append("16 bits to 8")
        sixteen = np.asarray(picture).astype(np.float64)
        return Image.fromarray((sixteen / 257).round().astype(np.uint8))  # 65535 / 257 = 255
    if picture.mode in ("I", "F"):
        raise BadPictureError("32-bit pixels, whose range is unknown")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        notes.append("alpha over white")
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if picture.mode not in ("L", "RGB"):
        notes.append({"1": "black and white to grey", "P": "palette to colours"}.get(
            picture.mode, f"{picture.mode} to RGB"))
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


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
