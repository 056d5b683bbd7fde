"""The images that a run trains on, and those that are held out of it for scores on the way."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import logging

from kgan.data import cache, kinds, sources
from kgan.data.source import Source
from kgan.recipe import Recipe
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    from kgan.scoring.benchmark import Validation, Watch

VALIDATION = 2500  # training images held out for scores while training; of few images, a tenth


@dataclasses.dataclass(frozen=True)
class Data:
    """The images that a run trains on: all that were prepared or, where a score is taken while training, `chosen`."""

    source: Source
    prepared: cache.Prepared
    chosen: np.ndarray | None  # indices; None: all
    held_out: np.ndarray  # the others
    labels: np.ndarray | None = None  # what D is told of all prepared images: class number * kinds of each + kind
    classes: int | None = None  # that the networks are told; None: none
    kinds: int = 1  # of each class, or of all images

    @property
    def count(self) -> int:
        """How many images are trained on."""
        return len(self.prepared.images if self.chosen is None else self.chosen)

    @property
    def facts(self) -> dict[str, Any]:
        """What config.json says of them."""
        facts = {"origin": self.source.origin, "images": self.count, "left_out": len(self.prepared.bad),
                 "sha256": self.prepared.sha256}
        counts = {"class_counts": self.class_counts, "kind_counts": self.kind_counts}
        return facts | {name: numbers for name, numbers in counts.items() if numbers is not None}

    @property
    def class_counts(self) -> list[int] | None:
        """How many training images each class has; None where the networks aren't told classes."""
        return None if self.classes is None else self._counts(self.classes, self.kinds)

    @property
    def kind_counts(self) -> list[int] | None:
        """How many training images each kind has, class after class; None where there are no kinds."""
        return None if self.kinds == 1 else self._counts((self.classes or 1) * self.kinds, 1)

    def _counts(self, length: int, each: int) -> list[int]:
        assert self.labels is not None
        trained = self.labels if self.chosen is None else self.labels[self.chosen]
        return np.bincount(trained // each, minlength=length).tolist()


def prepare(source: Source, recipe: Recipe) -> Data:
    """Returns the source's training images in the recipe's shape, and their classes or kinds where the recipe asks.

    Raises:
        UserError: as `cache.prepare`, or the recipe has classes and the data have none, or another number of them; or
            it has more kinds than there are images.
    """
    prepared = cache.prepare(source, **recipe.preparation)
    told = _told(prepared, recipe)
    if recipe.evaluate_every is None:
        return Data(source, prepared, None, np.arange(0), *told)
    order = np.random.default_rng(0).permutation(len(prepared.images))
    held_out = min(VALIDATION, len(order) // 10)
    return Data(source, prepared, np.sort(order[held_out:]), np.sort(order[:held_out]), *told)


def locate_recorded(run: Run, data: str | None = None) -> Source:
    """Finds the images that a run was trained on: at `data`, which the user gave, else where its config.json says.

    A path in config.json is the word of whoever wrote it. It is opened only where the hash of the images stands beside
    it, for `check_recorded`, and which path it is, the screen says.

    Raises:
        UserError: there is no hash; or as `sources.locate`.
    """
    recipe = run.recipe()
    if data is None and recipe.data is not None:
        if run.config()["data"]["sha256"] is None:
            raise UserError(f"{run.name!r} names data={recipe.data!r}, but no hash of the images, so the path is not "
                            "opened; if you trust it, give it by --data.")
        logging.info("The images of %s are looked for in data=%r, as its config.json says.", run.name, recipe.data)
    return sources.locate(recipe.dataset, recipe.data if data is None else data)


def check_recorded(run: Run, prepared: cache.Prepared, source: Source) -> None:
    """Raises UserError when the images are not those that the run's config.json names by their hash."""
    recorded = run.config()["data"]["sha256"]
    if recorded != prepared.sha256:
        raise UserError(f"the data are others: config.json names images of SHA-256 {recorded}, and {source.origin} has "
                        f"{prepared.sha256}; bring back those that the run was trained on, or name their place by "
                        "--data.")


def _told(prepared: cache.Prepared, recipe: Recipe) -> tuple[np.ndarray | None, int | None, int]:
    """Returns what D is told of the images, or None, how many classes they have, or None, and the kinds of each."""
    if recipe.classes is not None:
        numbers = _class_numbers(prepared, recipe.classes)
    elif recipe.conditional and (known := cache.class_numbers(prepared, prepared)) is not None:
        numbers = known[0].astype(np.int32)
        recipe = dataclasses.replace(recipe, classes=1 + int(numbers.max()))
    else:
        numbers = np.zeros(len(prepared.images), np.int32)
        if recipe.conditional:
            logging.info("These data have no classes to tell, so the networks are told none.")
    if recipe.kinds > len(prepared.images):
        raise UserError(f"kinds={recipe.kinds} are more than the {len(prepared.images):,} images; give fewer --kinds.")
    if recipe.kinds_of_each > 1:
        numbers = kinds.kinds(prepared.images, recipe.kinds_of_each, numbers)
    return numbers if recipe.told else None, recipe.classes, recipe.kinds_of_each


def _class_numbers(prepared: cache.Prepared, classes: int) -> np.ndarray:
    if prepared.labels is None:
        raise UserError(f"the recipe draws {classes} classes, and these data have no labels; give labelled data, or "
                        "another --recipe.")
    found, numbers = np.unique(prepared.labels, return_inverse=True)
    if len(found) != classes:
        raise UserError(f"the recipe draws {classes} classes, and these data have {len(found)}; give "
                        f"--classes={len(found)}.")
    return numbers.astype(np.int32)


def open_validation(recipe: Recipe, data: Data) -> "Validation":
    """Returns a score on the images that are held out of training.

    Raises:
        UserError: there are too few images to hold any out for the judge's test.
    """
    from kgan.scoring.benchmark import Validation, open_judges

    test = cache.prepare_test(data.source, **recipe.preparation)
    judges, classes = open_judges(data.source.name, data.prepared, test), cache.class_numbers(data.prepared, test)
    return Validation(data.prepared, data.held_out, judges[0] if judges else None, classes[0] if classes else None)


def open_watch(recipe: Recipe, data: Data) -> "Watch":
    """Returns a look at samples beside the training images; without test images, or labels, there is no judge."""
    from kgan.scoring.benchmark import Watch, open_judges

    try:
        test = cache.prepare_test(data.source, **recipe.preparation)
    except UserError:  # too few images to hold any out
        return Watch(data.prepared.images, None)
    judges, classes = open_judges(data.source.name, data.prepared, test), cache.class_numbers(data.prepared, test)
    if not judges or classes is None:
        return Watch(data.prepared.images, None)
    return Watch(data.prepared.images, judges[0], 1 + int(classes[0].max()))
