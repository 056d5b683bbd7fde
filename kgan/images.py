"""Images: both range conversions, grids and GIFs."""

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from kgan.runtime import files

FRAMES = 300  # of a GIF of a run, at most
WIDEST = 1100  # pixels a side of a GIF, at most: a grid of 8 × 8 images of 128 pixels stays as it is


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Maps uint8 in [0, 255] to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Maps floats in [-1, 1] to uint8 in [0, 255], rounded; values outside are clipped."""
    return tf.saturate_cast(tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5), tf.uint8)


def picture(image: np.ndarray) -> Image.Image:
    """Returns a uint8 image, (H, W, 1, 3 or 4), as a picture of mode L, RGB or RGBA."""
    return Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)


def encoded(picture: Image.Image, form: str, **settings: Any) -> bytes:
    """Returns a picture as the bytes of a file: "png", "gif" or "webp"; `settings` are Pillow's."""
    written = io.BytesIO()
    picture.save(written, form, **settings)
    return written.getvalue()


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> Image.Image:
    """Lays uint8 images, (n, H, W, 1, 3 or 4), out in rows, `columns` wide (default: as square as can be)."""
    count, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    canvas = np.zeros((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), np.uint8)
    for i, image in enumerate(images):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        canvas[top:top + height, left:left + width] = image
    return picture(canvas)


def save_grid(images: np.ndarray, path: Path, columns: int | None = None) -> None:
    """Writes `grid(images, columns)` to `path`, in the format of its suffix."""
    laid_out = grid(images, columns)
    with files.replacing(path) as temporary:
        laid_out.save(temporary)


def spread(frames: Sequence[Any], count: int = FRAMES) -> list[Any]:
    """Returns `count` of the frames at most, evenly spread, the first and the last among them."""
    chosen = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[number] for number in chosen]


def save_gif(frames: Iterable[Image.Image], path: Path, milliseconds: int = 200, rest: int = 2000) -> None:
    """Joins pictures into a looping GIF that rests on the last one. They are taken one at a time.

    Pictures of more than WIDEST pixels a side are reduced by a whole factor. GIF counts hundredths of a second, and
    browsers play frames of less than two at ten: times are rounded to 10 ms, and are 20 ms at least. Equal pictures in
    a row become one of their whole time, so that a GIF of equal pictures stands still.

    Raises:
        ValueError: there are no pictures.
    """
    pictures = _timed(frames, milliseconds, rest)
    first = next(pictures, None)
    if first is None:
        raise ValueError("a GIF needs one picture or more")
    with files.replacing(path) as temporary:
        first.save(temporary, save_all=True, append_images=pictures, loop=0)


def _timed(frames: Iterable[Image.Image], milliseconds: int, rest: int) -> Iterator[Image.Image]:
    """Yields pictures of mode L or RGB, reduced, over white; their times are in `info`, where Pillow looks for them."""
    before: Image.Image | None = None
    for frame in frames:
        if before is not None:
            yield _lasting(before, milliseconds)
        factor = -(-max(frame.size) // WIDEST)
        if frame.mode == "RGBA":
            frame = Image.alpha_composite(Image.new("RGBA", frame.size, "white"), frame)
        before = frame.convert("L" if frame.mode == "L" else "RGB").reduce(factor)
    if before is not None:
        yield _lasting(before, rest)


def _lasting(frame: Image.Image, milliseconds: int) -> Image.Image:
    frame.info = {"duration": max(20, (milliseconds + 5) // 10 * 10)}
    return frame


def repeated(images: np.ndarray, size: int) -> np.ndarray:
    """Repeats the pixels of images, (n, H, W, C), until the longer side is `size`, of which it is a divisor."""
    times = size // max(images.shape[1:3])
    return images.repeat(times, axis=1).repeat(times, axis=2)


def enlarged(picture: Image.Image, pixels: int) -> Image.Image:
    """Repeats every pixel, as often as makes the picture at most `pixels` wide; leaves wider ones as they are."""
    times = max(1, pixels // picture.width)
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
