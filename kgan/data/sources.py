"""Where images come from: a name, or the user's own path. `locate` answers in seconds, without TensorFlow."""

import dataclasses
import functools
import importlib.metadata
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from kgan.data import arrays, local, public
from kgan.data.source_types import Item, Sample, Source, UnavailableError
from kgan.runtime import files
from kgan.runtime.errors import UserError

COLAB_CSV = Path("/content/sample_data/mnist_train_small.csv")
COLAB_TEST = "mnist_test.csv"
SMALL = 20_000  # images in Zhao's subset


def names() -> list[str]:
    """Returns the names that `locate` knows."""
    return [*public.PUBLIC, "mnist_small", "digits"]


def locate(name: str | None = None, data: str | None = None) -> Source:
    """Finds images without reading them: on the disk or, within a few seconds, on the network.

    Args:
        name: one of `names()`; None for the user's own images, at `data`.
        data: path of the user's own images, or of their own copy of `name`: see `local.open_path`.

    Returns:
        What `cache.prepare` takes.

    Example::

        locate("mnist")
        locate("celeb_a", "img_align_celeba.zip")
        locate(data="photos")

    Raises:
        UserError: unknown name, or nothing usable at `data`.
        UnavailableError: neither on the disk nor obtainable; says how to get it.
    """
    if name is not None and name not in names():
        raise UserError(f"dataset={name!r} is unknown; known: {', '.join(names())}; your own images: --data=PATH.")
    if data == "":
        raise UserError(f"data='' is no path; give {local.ALLOWED}.")
    if data is not None:
        path = files.expanded(data)
        if name == "celeb_a":
            return public.own_celeb_a(path)
        source = local.open_path(path, name)
        return _with_test(source, path) if name == "mnist_small" else source
    if name is None:
        raise UserError("neither a dataset nor data is given, as of a run on arrays; give one of the two.")
    if name == "digits":
        return _digits()
    return _mnist_small() if name == "mnist_small" else public.locate(name)


def _digits() -> Source:
    def items() -> Iterator[Item]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        pixels = (digits.images * (255 / 16)).round().astype(np.uint8)
        for number, (image, label) in enumerate(zip(pixels, digits.target, strict=True)):
            yield Item(f"digit {number}", functools.partial(Sample, Image.fromarray(image), int(label)))

    version = importlib.metadata.version("scikit-learn")
    return Source("digits", "scikit-learn's 8×8 digits, enlarged", 1797, lambda: f"scikit-learn {version}", items,
                  held_out=True)


def _with_test(train: Source, path: Path) -> Source:
    """Adds Colab's mnist_test.csv, where it lies beside the training CSV."""
    beside = path.with_name(COLAB_TEST)
    if not beside.is_file():
        return train
    return arrays.with_test(train, local.open_path(beside, "mnist_small"))


def _mnist_small() -> Source:
    if COLAB_CSV.is_file():
        return _with_test(local.open_path(COLAB_CSV, "mnist_small"), COLAB_CSV)
    try:
        mnist = public.locate("mnist")
    except UnavailableError as error:
        raise UnavailableError(f"{COLAB_CSV.name} is not at Colab's place; give it by --data=PATH. Instead of it, "
                               f"{error}") from error
    return dataclasses.replace(
        mnist, name="mnist_small", count=SMALL,
        origin=f"first 20,000 of {mnist.origin} (another set than mnist_train_small.csv)",
        content=lambda: f"first {SMALL} of {mnist.content()}",
        items=lambda: itertools.islice(mnist.items(), SMALL))
