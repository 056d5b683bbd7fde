"""Images: both range conversions, grids, GIFs and other moving pictures."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from kgan.runtime import files
from kgan.runtime.errors import UserError

FRAMES = 300  # of a GIF of a run, at most
WIDEST = 1100  # pixels a side of a GIF, at most: a grid of 8 × 8 images of 128 pixels stays as it is
SAMPLED = 64  # pixels a side of a GIF's frame that its palette is chosen by, at most


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


def save_gif(frames: Callable[[], Iterable[Image.Image]], path: Path, milliseconds: int = 200,
             rest: int = 2000) -> None:
    """Writes what `gif` returns."""
    moving = gif(frames, milliseconds, rest)
    with files.replacing(path) as temporary:
        temporary.write_bytes(moving)


def gif(frames: Callable[[], Iterable[Image.Image]], milliseconds: int = 200, rest: int = 2000) -> bytes:
    """Joins pictures into a looping GIF that rests on the last one. They are taken one at a time, twice.

    All have one palette, of 256 colours without dithering: with one for each, or with dithering, pixels that stay as
    they are would flicker.

    Pictures of more than WIDEST pixels a side are reduced by a whole factor. GIF counts hundredths of a second, and
    browsers play frames of less than two at ten: times are rounded to 10 ms, and are 20 ms at least. Equal pictures in
    a row become one of their whole time, so that a GIF of equal pictures stands still.

    Raises:
        ValueError: there are no pictures.
    """
    palette = _palette(map(_reduced, frames()))
    pictures = _timed(map(_reduced, frames()), palette, milliseconds, rest)
    first = next(pictures, None)
    if first is None:
        raise ValueError("a GIF needs one picture or more")
    return encoded(first, "gif", save_all=True, append_images=pictures, loop=0)


def _opaque(frame: Image.Image) -> Image.Image:
    """Returns a picture in mode L or RGB, over white where it is transparent."""
    if frame.mode == "RGBA":
        frame = Image.alpha_composite(Image.new("RGBA", frame.size, "white"), frame)
    return frame.convert("L" if frame.mode == "L" else "RGB")


def _reduced(frame: Image.Image) -> Image.Image:
    return _opaque(frame).reduce(-(-max(frame.size) // WIDEST))


def _palette(frames: Iterable[Image.Image]) -> Image.Image | None:
    """Returns a picture of the palette for all frames, of mode L or RGB; None where all are grey and need none."""
    some, grey = [], True
    for frame in frames:
        grey = grey and frame.mode == "L"
        width, height = (min(side, SAMPLED) for side in frame.size)
        sample = frame.convert("RGB").resize((width, height), Image.Resampling.NEAREST)
        some.append(np.asarray(sample).reshape(1, -1, 3))
    if grey:
        return None
    pixels = picture(np.concatenate(some, axis=1))
    # The median cut keeps few colours as they are; of many it gives up the rare strong ones, which the octree keeps.
    few = pixels.getcolors(256) is not None
    return pixels.quantize(method=Image.Quantize.MEDIANCUT if few else Image.Quantize.FASTOCTREE)


def _timed(frames: Iterable[Image.Image], palette: Image.Image | None, milliseconds: int,
           rest: int) -> Iterator[Image.Image]:
    """Yields pictures in the palette's colours; their times are in `info`, where Pillow looks for them."""
    before: Image.Image | None = None
    for frame in frames:
        if before is not None:
            yield _lasting(before, milliseconds)
        before = frame if palette is None else frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    if before is not None:
        yield _lasting(before, rest)


def _lasting(frame: Image.Image, milliseconds: int) -> Image.Image:
    frame.info = {"duration": max(20, (milliseconds + 5) // 10 * 10)}
    return frame


def save_webp(frames: Iterable[Image.Image], path: Path, milliseconds: int) -> None:
    """Joins pictures into a looping WebP, lossless: transparent ones stay so."""
    first, *others = frames
    with files.replacing(path) as temporary:
        first.save(temporary, "webp", save_all=True, append_images=others, duration=milliseconds, loop=0, lossless=True)


def save_mp4(frames: Iterable[Image.Image], path: Path, milliseconds: int) -> None:
    """Joins pictures of one size into a video, H.264 in colours that every player shows; transparent ones over white.

    Its sides are even, as those colours need: of an odd one the last pixels stand twice.

    Raises:
        UserError: PyAV isn't installed.
    """
    av = video_library()
    with files.replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as video:
        stream = video.add_stream("h264", rate=Fraction(1000, milliseconds), options={"crf": "18"})
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            pixels = np.asarray(_opaque(frame).convert("RGB"))
            pixels = np.pad(pixels, (*((0, side % 2) for side in pixels.shape[:2]), (0, 0)), mode="edge")
            if not stream.codec_context.is_open:
                stream.height, stream.width = pixels.shape[:2]
            video.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        video.mux(stream.encode())


def video_library() -> Any:
    """Returns the module that writes videos.

    Raises:
        UserError: it isn't installed.
    """
    try:
        import av
    except ImportError as error:
        raise UserError(f"an .mp4 is written by PyAV, which can't be imported here ({error}); pip install "
                        "'kgan[video]', or take .webp or .gif.") from error
    return av


def repeated(images: np.ndarray, size: int) -> np.ndarray:
    """Repeats the pixels of images, (n, H, W, C), until the longer side is `size`, of which it is a divisor."""
    times = size // max(images.shape[1:3])
    return images.repeat(times, axis=1).repeat(times, axis=2)


def enlarged(picture: Image.Image, pixels: int) -> Image.Image:
    """Repeats every pixel, as often as makes the picture at most `pixels` wide; leaves wider ones as they are."""
    times = max(1, pixels // picture.width)
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
