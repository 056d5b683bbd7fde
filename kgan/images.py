"""Images: both range conversions, grids and GIFs."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from kgan.runtime import files


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Maps uint8 in [0, 255] to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Maps floats in [-1, 1] to uint8 in [0, 255], rounded; values outside are clipped."""
    return tf.saturate_cast(tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5), tf.uint8)


def picture(image: np.ndarray) -> Image.Image:
    """Returns a uint8 image, (H, W, 1 or 3), as a picture of mode L or RGB."""
    return Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> Image.Image:
    """Lays uint8 images, (n, H, W, 1 or 3), out in rows, `columns` wide (default: as square as can be)."""
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


def save_gif(frames: Iterable[Image.Image], path: Path, milliseconds: int = 200, rest: int = 2000) -> None:
    """Joins pictures into a looping GIF that rests on the last one."""
    pictures = [frame.convert("L" if frame.mode == "L" else "RGB") for frame in frames]
    durations = [milliseconds] * (len(pictures) - 1) + [rest]
    with files.replacing(path) as temporary:
        pictures[0].save(temporary, save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def repeated(images: np.ndarray, size: int) -> np.ndarray:
    """Repeats the pixels of images, (n, H, H, C), until they are (n, size, size, C); H divides `size`."""
    times = size // images.shape[1]
    return images.repeat(times, axis=1).repeat(times, axis=2)


def enlarged(picture: Image.Image, pixels: int) -> Image.Image:
    """Repeats every pixel, as often as makes the picture at most `pixels` wide; leaves wider ones as they are."""
    times = max(1, pixels // picture.width)
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
