"""Pieces of HTML that notebooks show: pictures inside the page, curves, text. Nothing is fetched from anywhere."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from kgan import images
from kgan.runs import log
from kgan.runtime import templates

TEMPLATE = Path(__file__).with_name("notebook.html")
WIDTH = 400  # of a grid, and of the curves beside it, in pixels


class Picture(NamedTuple):
    """A picture inside a page, so many pixels wide, and what stands below it."""

    source: str
    width: int = WIDTH
    caption: str = ""


def data_url(data: bytes, kind: str) -> str:
    """Returns the address under which a page holds a picture inside itself, of a file's bytes: "png", "gif", "webp"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def grid(image: Image.Image, caption: str = "") -> Picture:
    """Returns a grid of samples; the browser repeats its pixels."""
    return Picture(_png(image), caption=caption)


def curves(log_file: Path) -> list[Picture]:
    """Returns a run's log as curves, one picture; none where it has no rows yet."""
    figure = log.figure(log_file, width=5.0)
    if figure is None:
        return []
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=2 * WIDTH / 5)
    return [Picture(_png(Image.open(drawn).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)))]


def moving(frames: Sequence[Image.Image], milliseconds: int, width: int) -> str:
    """Returns HTML of pictures one after the other, without end."""
    return page(None, [Picture(data_url(images.gif(lambda: frames, milliseconds, milliseconds), "gif"), width)])


def page(title: str | None, pictures: Sequence[Picture] = (), lines: Sequence[str] = (), *,
         done: float | None = None) -> str:
    """Returns HTML: a title, pictures side by side, lines of text; `done`, in [0, 1], is shown as a bar."""
    return templates.render(TEMPLATE, title=title, pictures=pictures, lines=lines, width=2 * WIDTH,
                            done=None if done is None else f"{done:.4f}")


def text(lines: str) -> str:
    """Returns HTML of text as it stands."""
    return page(None, lines=[lines])


def _png(image: Image.Image) -> str:
    return data_url(images.encoded(image, "png", optimize=True), "png")
