"""What a new run on a user's own images is, where the user doesn't say: chosen from the images, with reasons."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from kgan.data import pictures
from kgan.data.source_types import BadPictureError, Source
from kgan.recipe import LENGTH, Recipe

MODEL = "pictures"  # that takes its shape from the images
SMALL = "dcgan_fast"  # for grey images of SMALLEST pixels at most
SMALLEST = 32
MODELS = (MODEL, SMALL)
OWN = "own_pictures"  # the recipe of SMALL for all data but those of its own recipes
LOOKED_AT = 200  # images, spread evenly
PASSES = 300  # over the images, at least SHORTEST and at most the recipe's own length
SHORTEST = 150_000  # images
TUNED = 3  # that trained networks go on for one in so many of these
LOOKS = 20  # while training
FEW = 2_000  # images, below which D learns them by heart unless it sees them changed
AUGMENT = "colour,translation,cutout"
SHAPE = ("image_size", "height", "width", "channels")  # the fields of it
GAMMA = 0.0002  # R1's γ by pixels and batch: Karras et al. 2020 (arXiv:2006.06676), appendix C
NARROWEST = 8  # pixels of a side
SQUARE = 1.1  # largest ratio of sides that is taken for square
MIXED = 1.5  # ratio of the quartiles of all images' ratios, from which they have none in common
IMAGES_PER_CLUSTER = 8  # least average; of far fewer, D would be told nearly each image by itself and learn them


class Choice(NamedTuple):
    """A recipe's field, the value chosen for it, and why."""

    field: str
    value: Any
    reason: str

    def __str__(self) -> str:
        """Returns the sentence that the user reads."""
        return f"Chosen: --{self.field}={self.value}: {self.reason}."


class Look(NamedTuple):
    """What some of the images are like."""

    longer: int  # median of the longer side, in pixels
    ratio: float  # median of width over height
    mixed: bool  # their ratios are not alike
    coloured: bool  # any has colours
    transparent: bool  # half of them or more have transparent pixels


def look(source: Source) -> Look | None:
    """Looks at LOOKED_AT of a source's images; None where none of them can be read, which training reports."""
    sides, coloured, transparent = [], False, []
    for image in _some(source):
        sides.append(image.size)
        transparent.append(image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema()[0] < 255)
        if not coloured and image.mode in ("RGB", "RGBA"):
            pixels = np.asarray(pictures.over_white(image))
            coloured = bool((pixels != pixels[..., :1]).any())
    if not sides:
        return None
    ratios = np.array([width / height for width, height in sides])
    low, high = np.quantile(ratios, (0.25, 0.75))
    return Look(int(np.median([max(both) for both in sides])), float(np.median(ratios)), bool(high / low > MIXED),
                coloured, float(np.mean(transparent)) >= 0.5)


def _some(source: Source) -> Iterator[Any]:
    """Yields images of a source, as many as LOOKED_AT, but for those that can't be read."""
    wanted = {round(place) for place in np.linspace(0, source.count - 1, min(source.count, LOOKED_AT))}
    for number, item in enumerate(source.items()):
        if number in wanted:
            try:
                yield item.read().picture
            except BadPictureError:
                continue


def model(seen: Look) -> Choice:
    """Chooses the model for images of a user's own."""
    if not seen.coloured and not seen.transparent and seen.longer <= SMALLEST:
        cut = "" if 1 / SQUARE <= seen.ratio <= SQUARE else f"; it cuts squares out, which --model={MODEL} does not"
        return Choice("model", SMALL, f"the images are grey, of {seen.longer} pixels{cut}")
    what = "transparent" if seen.transparent else "in colour" if seen.coloured else "grey"
    return Choice("model", MODEL, f"the images are {what}, of {seen.longer} pixels")


def recipe(model: str, dataset: str | None) -> Choice | None:
    """Chooses a model's named recipe for data; None: its default."""
    if model != SMALL or dataset in ("mnist", "digits"):
        return None
    return Choice("recipe", OWN, "the default's networks, loss and γ belong to MNIST's digits")


def shape(seen: Look, settings: Mapping[str, Any]) -> list[Choice]:
    """Chooses size, ratio and channels of `pictures`; `settings` are the fields that are given."""
    size = settings.get("image_size", 32 if seen.longer < 48 else 64)
    larger = "; 128 would be four times as slow" if seen.longer >= 128 else ""
    longer, wide = max(seen.ratio, 1 / seen.ratio), seen.ratio > 1
    cut = "; they are of several ratios, so squares are cut out" if seen.mixed else ""
    chosen = [] if "image_size" in settings else [
        Choice("image_size", size, f"the images' longer side is {seen.longer} pixels{larger}{cut}")]
    if not {"height", "width"} & settings.keys() and longer > SQUARE and not seen.mixed:
        shorter = round(size / longer / 2) * 2
        trimmed = f"; fewer than {NARROWEST} pixels are none, so their ends are cut off" if shorter < NARROWEST else ""
        chosen.append(Choice("height" if wide else "width", max(NARROWEST, shorter), f"the images are {longer:.2f} "
                             f"times as {'wide as high' if wide else 'high as wide'}{trimmed}"))
    channels, what = (4, "most images have transparent pixels") if seen.transparent else (
        (3, "the images have colours") if seen.coloured else (1, "the images are grey"))
    return [*chosen, Choice("channels", channels, what)]


def clusters(recipe: Recipe, count: int) -> int:
    """Returns how many of the recipe's clusters `count` images can carry; 0 where not two."""
    most = count // IMAGES_PER_CLUSTER
    return recipe.clusters if recipe.clusters <= most else most if most > 1 else 0


def training(recipe: Recipe, count: int, tuned: bool = False) -> list[Choice]:
    """Chooses length, augmentation and batch of a recipe for `count` images; `tuned`: its networks are trained ones."""
    images = int(min(max(PASSES * count, SHORTEST), recipe.images or 0)) // (TUNED if tuned else 1)
    passes = f"{images / count:,.0f} passes over {count:,} images" + (
        f", one in {TUNED} of what new networks need" if tuned else "")
    few = count < FEW
    fitting = clusters(recipe, count)
    chosen = [
        Choice("images", images, passes),
        Choice("clusters", fitting, "as many as the model has" if fitting == recipe.clusters else
               f"{count:,} images carry no more, at {IMAGES_PER_CLUSTER} each"),
        Choice("augment", AUGMENT if few else recipe.augment,
               f"D would learn {count:,} images by heart, unless it sees them changed each time" if few else
               f"{count:,} images are enough for the model's own"),
        Choice("batch_size", recipe.batch_size, "the model's own, for any number of images"),
    ]
    if recipe.model == MODEL or recipe.recipe == OWN:
        height, width, _ = recipe.image_shape
        chosen.append(Choice("penalty_weight", round(GAMMA * height * width / (recipe.batch_size or 1), 6),
                             f"γ is {GAMMA:g} × {height} × {width} pixels / {recipe.batch_size} images of a batch"))
    return chosen


def looks(recipe: Recipe, count: int) -> Choice:
    """Chooses how often a recipe for few images, `count`, looks at samples."""
    length = recipe.total_steps(count) * recipe.images_per_step
    return Choice("watch_every", max(round(length / count / LOOKS, 2), 0.01),
                  f"{LOOKS} looks, for what goes wrong with few images, as memorising")


def chosen(recipe: Recipe, seen: Look, count: int, settings: Mapping[str, Any],
           tuned: bool = False) -> tuple[Recipe, list[Choice]]:
    """Returns the recipe for `count` images that look like this, and what was chosen: no field that is set.

    Schedule and moving average keep their shares of the length. `tuned`: trained networks go on, at their size.
    """
    known = settings.keys() | ({*LENGTH} if settings.keys() & {*LENGTH} else set())
    made: list[Choice] = []

    def take(choices: list[Choice]) -> Recipe:
        new = [one for one in choices if one.field not in known]
        made.extend(new)
        return recipe.override(**{one.field: one.value for one in new})

    if recipe.model == MODEL:
        recipe = recipe.override(**{name: settings[name] for name in SHAPE if name in settings})
        recipe = take(shape(seen, {"image_size": recipe.image_size, **settings} if tuned else settings))
    before = recipe.images or 1
    if settings.get("batch_size") is not None:
        recipe = recipe.override(batch_size=settings["batch_size"])
    recipe = take(training(recipe, count, tuned))
    whole = recipe.override(**{name: settings[name] for name in (*LENGTH, "batch_size", "d_steps") if name in settings})
    length = whole.total_steps(count) * whole.images_per_step
    if count < FEW:
        recipe = take([looks(whole, count)])
    shares = {name: max(1, value * length // before)
              for name in ("decay_images", "ema_images") if (value := getattr(recipe, name)) is not None}
    return dataclasses.replace(recipe, **shares), made
