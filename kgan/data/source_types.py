"""Shared types of the data package: Source, Item, Sample and their errors."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from PIL import Image

from kgan.runtime.errors import UserError


class Sample(NamedTuple):
    """A decoded picture, mode L or RGB; `notes` name the conversions that it took."""

    picture: Image.Image
    label: int | None = None
    notes: tuple[str, ...] = ()


class Item(NamedTuple):
    """A picture not read yet. `read` may run in any thread and raises `BadPictureError`."""

    name: str
    read: Callable[[], Sample]


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set that can be had.

    `content` returns a hash of everything that `items` yields, and of how it is read; `fetch` downloads what `items`
    needs and raises UnavailableError where it can't be had; `label_names` returns, once it is fetched, names of labels
    that say more than their numbers.
    """

    name: str | None  # None: the user's own
    origin: str
    count: int
    content: Callable[[], str]
    items: Callable[[], Iterator[Item]]
    ready: bool = True  # False: `fetch` comes first
    fetch: Callable[[], None] = lambda: None
    test: "Source | None" = None  # the data set's own test split
    held_out: bool = False  # there is none: a tenth of the images is kept out of training in its place
    label_names: Callable[[], Mapping[int, str]] = dict
    notes: tuple[str, ...] = ()  # sentences: what of the data was taken for what
    needs_classes: bool = False  # the user asked for classes: without any, training stops


class BadPictureError(ValueError):
    """Why a picture can't be used, in a few words."""


class UnavailableError(UserError):
    """A data set that exists but can't be had here and now."""
