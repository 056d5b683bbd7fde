"""Pictures in a report: a run's sample grids through training, as small as they must be."""

from collections.abc import Sequence

from PIL import Image

from kgan import images as images_lib
from kgan.drawing import html
from kgan.report.run_facts import RunFacts
from kgan.runs import checkpoints, checks, directory

FRAMES = 24  # grids of a run, at most
LARGEST = 3 * 2**20  # bytes of the grids of all runs together
SETTINGS = ({"lossless": True}, {"quality": 90}, {"quality": 75}, {"quality": 50})  # of WebP, the best first


def encoded(pictures: Sequence[Image.Image], largest: int) -> list[str]:
    """Returns pictures as WebP inside the page: without loss or, where that is more than `largest` bytes, with some."""
    images: list[bytes] = []
    for settings in SETTINGS:
        images = [images_lib.encoded(one.convert("RGB"), "webp", method=4, **settings) for one in pictures]
        if sum(map(len, images)) <= largest:
            break
    return [html.data_url(data, "webp") for data in images]


def frames(subject: RunFacts, among: int = 1) -> dict[int, str]:
    """Returns at most FRAMES of a run's grids, evenly on a log scale of the step, as addresses inside the page by step.

    Args:
        subject: whose grids.
        among: runs that share the page.
    """
    files = {directory.step_of(path): path for path in subject.run.sample_files()}
    chosen = {step: files[step] for step in checkpoints.thinned(files, FRAMES)}
    if not chosen and subject.drawn_at is not None:  # a preset has one grid
        chosen = {subject.drawn_at: subject.run.path / "samples.png"}
    opened = {step: picture for step, path in chosen.items()
              if (picture := checks.open_grid(path, subject.run.path)) is not None}
    return dict(zip(opened, encoded(list(opened.values()), LARGEST // among), strict=True))


def reals(subject: RunFacts) -> str | None:
    """Returns the run's grid of training images; None where it has none."""
    picture = checks.open_grid(subject.run.reals_file, subject.run.path)
    return None if picture is None else encoded([picture], LARGEST // 10)[0]


def single(image: Image.Image) -> str:
    """Returns a small picture as it is."""
    return encoded([images_lib.enlarged(image, image.width)], LARGEST)[0]
