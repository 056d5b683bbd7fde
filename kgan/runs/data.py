"""The images that a run trains on, and those that are held out of it for scores on the way."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from kgan.data import cache
from kgan.data.source import Source
from kgan.recipe import Recipe
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
    labels: np.ndarray | None = None  # class numbers of all prepared images, where the networks are told them

    @property
    def count(self) -> int:
        """How many images are trained on."""
        return len(self.prepared.images if self.chosen is None else self.chosen)

    @property
    def facts(self) -> dict[str, Any]:
        """What config.json says of them."""
        facts = {"origin": self.source.origin, "images": self.count, "left_out": len(self.prepared.bad),
                 "sha256": self.prepared.sha256}
        return facts if self.labels is None else facts | {"class_counts": self.class_counts}

    @property
    def class_counts(self) -> list[int] | None:
        """How many training images each class has; None where the networks aren't told classes."""
        return None if self.labels is None else np.bincount(self.labels).tolist()


def prepare(source: Source, recipe: Recipe) -> Data:
    """Returns the source's training images in the recipe's shape, and their classes where the recipe has any.

    Raises:
        UserError: as `cache.prepare`, or the recipe has classes and the data have none, or another number of them.
    """
    prepared = cache.prepare(source, **recipe.preparation)
    labels = None if recipe.classes is None else _class_numbers(prepared, recipe.classes)
    if recipe.evaluate_every is None:
        return Data(source, prepared, None, np.arange(0), labels)
    order = np.random.default_rng(0).permutation(len(prepared.images))
    held_out = min(VALIDATION, len(order) // 10)
    return Data(source, prepared, np.sort(order[held_out:]), np.sort(order[:held_out]), labels)


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
