"""Pieces of HTML that notebooks show: pictures inside the page, curves, text. Nothing is fetched from anywhere."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from kgan.runs import plots

WIDTH = 400  # of a grid, and of the curves beside it, in pixels


def picture(data: bytes, kind: str, width: int = WIDTH) -> str:
    """Returns a picture of so many pixels, from the bytes of a file of that kind: "png" or "gif"."""
    return f'<img src="{data_url(data, kind)}" style="width:{width}px;max-width:100%;image-rendering:pixelated">'


def data_url(data: bytes, kind: str) -> str:
    """Returns the address under which a page holds a picture inside itself."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def grid(image: Image.Image) -> str:
    """Returns a grid of samples; the browser repeats its pixels."""
    return picture(_png(image), "png")


def moving(frames: Sequence[Image.Image], milliseconds: int, width: int) -> str:
    """Returns pictures one after the other, without end."""
    written = io.BytesIO()
    frames[0].save(written, "gif", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
    return picture(written.getvalue(), "gif", width)


def curves(log_file: Path) -> str:
    """Returns a run's log as curves; "" where it has no rows yet."""
    figure = plots.figure(log_file, width=5.0)
    if figure is None:
        return ""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=2 * WIDTH / 5)
    return picture(_png(Image.open(drawn).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)), "png")


def page(title: str, pictures: Sequence[str], lines: Sequence[str], *, done: float | None = None) -> str:
    """Returns a block: a title, pictures side by side, lines of text; `done`, in [0, 1], is shown as a bar."""
    bar = "" if done is None else (f'<progress value="{done:.4f}" max="1" style="width:100%;max-width:{2 * WIDTH}px">'
                                   "</progress>")
    text = "".join(f"<div style=\"white-space:pre-wrap\">{html.escape(line)}</div>" for line in lines)
    shown = "".join(f"<div>{one}</div>" for one in pictures if one)
    return (f'<div style="font-family:system-ui,sans-serif;font-size:14px;line-height:1.5;'
            f'max-width:{2 * WIDTH + 20}px">'
            f"<b>{html.escape(title)}</b>{bar}"
            f'<div style="display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start;margin:8px 0">{shown}</div>{text}'
            "</div>")


def _png(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "png", optimize=True)
    return written.getvalue()
