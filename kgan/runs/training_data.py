"""The images that a run trains on, what D and G are told of them, and those that are held out for scores on the way."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import logging

from kgan import models
from kgan.data import cache, classes, clusters, sources
from kgan.data.source_types import Source
from kgan.recipe import Recipe
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    from kgan.scoring.benchmark import HeldOutComparison, TrainingComparison

VALIDATION = 2500  # training images held out for scores while training; of few images, a tenth


@dataclasses.dataclass(frozen=True)
class Data:
    """The images that a run trains on: all that were prepared or, where a score is taken while training, `chosen`."""

    source: Source
    prepared: cache.Prepared
    chosen: np.ndarray | None  # indices; None: all
    held_out: np.ndarray  # the others
    labels: np.ndarray | None = None  # what D is told of all prepared images: class number * clusters + cluster
    classes: int | None = None  # number of classes that the networks are told; None: none
    clusters: int = 1  # clusters in each class, or in all images
    method: str = "sklearn"  # name in `clusters.METHODS`

    @property
    def count(self) -> int:
        """How many images are trained on."""
        return len(self.prepared.images if self.chosen is None else self.chosen)

    @property
    def facts(self) -> dict[str, Any]:
        """What config.json says of them: with `sha256` and `labels_sha256` a run knows its data again."""
        return {"origin": self.source.origin, "images": self.count, "left_out": len(self.prepared.bad),
                "sha256": self.prepared.sha256, **self.label_facts}

    @property
    def label_facts(self) -> dict[str, Any]:
        """What config.json says of the labels that D is told."""
        names = None if self.class_names is None else [*self.class_names]
        facts = {"class_names": names, "class_counts": self.class_counts, "cluster_counts": self.cluster_counts,
                 "clustering": None if self.clusters == 1 else self.method}
        return {"labels_sha256": self.labels_sha256,
                **{name: value for name, value in facts.items() if value is not None}}

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What the classes are called, in the order of their numbers; None where there are none."""
        known = self.classes is not None or cache.class_numbers(self.prepared, self.prepared) is not None
        return self.prepared.class_names if known else None

    @property
    def labels_sha256(self) -> str | None:
        """Hash of what D is told of all images, in hexadecimal; None where it is told nothing."""
        return None if self.labels is None else hashlib.sha256(self.labels.astype("<i4").tobytes()).hexdigest()

    @property
    def identity(self) -> str:
        """What tells these images, and what D is told of them, from any others."""
        return f"{self.prepared.sha256} {self.labels_sha256}"

    @property
    def class_counts(self) -> list[int] | None:
        """How many training images each class has; None where the networks aren't told classes."""
        return None if self.classes is None else self._counts(self.classes, self.clusters)

    @property
    def cluster_counts(self) -> list[int] | None:
        """How many training images each cluster has, class after class; None where there are no clusters."""
        return None if self.clusters == 1 else self._counts((self.classes or 1) * self.clusters, 1)

    def _counts(self, length: int, each: int) -> list[int]:
        assert self.labels is not None
        trained = self.labels if self.chosen is None else self.labels[self.chosen]
        return np.bincount(trained // each, minlength=length).tolist()

    def differences(self, recorded: Mapping[str, Any]) -> list[str]:
        """Returns what differs from the data of a run that exists, "images" or "labels"; nothing where nothing does.

        Args:
            recorded: config.json's section `data`. Runs of format 3 and earlier have no hash of the labels: what can be
                compared is how many images each class and each cluster has.
        """
        if recorded["sha256"] != self.prepared.sha256:
            return ["images"]
        if "labels_sha256" in recorded:
            return ["labels"] if recorded["labels_sha256"] != self.labels_sha256 else []
        then = (recorded.get("class_counts"), cluster_counts(recorded))
        return ["labels"] if then != (self.class_counts, self.cluster_counts) or self._renumbered() else []

    def _renumbered(self) -> bool:
        """Tells whether runs of format 3 numbered these classes otherwise: folders 1, 10, 2, as words are sorted."""
        names = [*(self.class_names or ())]
        numbered = all(map(classes.NUMBER.fullmatch, names)) and {*self.source.label_names().values()} >= {*names}
        return self.classes is not None and numbered and names != sorted(names)


def cluster_counts(recorded: Mapping[str, Any]) -> list[int] | None:
    """Returns the counts of clusters in config.json's section `data`; None where there are none."""
    return recorded.get("cluster_counts", recorded.get("kind_counts"))  # their name to format 3


def clustering(recorded: Mapping[str, Any]) -> str:
    """Returns the method by which the clusters of a run were found, by config.json's section `data`."""
    return recorded.get("clustering", "scipy" if "kind_counts" in recorded else "sklearn")


def prepare(source: Source, recipe: Recipe, method: str = "sklearn", start: Run | None = None) -> Data:
    """Returns the source's training images in the recipe's shape, and their classes or clusters where the recipe asks.

    Args:
        source: what `sources.locate` found.
        recipe: of the run.
        method: by which clusters are found; of a run that exists, what `clustering` gives.
        start: the run or preset whose networks go on, which are told what they were; None: they are new.

    Raises:
        UserError: as `cache.prepare`, or the recipe has classes and the data have none, or another number of them; or
            it has more clusters than there are images; or it is evaluated, and there are no test images.
    """
    prepared = cache.prepare(source, **recipe.image_settings)
    data = Data(source, prepared, None, np.arange(0), *_labels(prepared, recipe, method, start, source.needs_classes),
                method)
    if data.class_names is not None:
        none = "" if data.classes is not None else "; the networks are told none"
        logging.info("%s%s.", classes.in_words(data.class_names), none)
    if recipe.evaluate_every is None:
        return data
    _test_images(source, recipe)  # refused before there is a run directory
    order = np.random.default_rng(0).permutation(len(prepared.images))
    held_out = min(VALIDATION, len(order) // 10)
    return dataclasses.replace(data, chosen=np.sort(order[held_out:]), held_out=np.sort(order[:held_out]))


def classes_of(source: Source, recipe: Recipe) -> int | None:
    """Returns how many classes a new run of the recipe would be told of the source's images; None: they have none."""
    prepared = cache.prepare(source, **recipe.image_settings)
    return None if (known := cache.class_numbers(prepared, prepared)) is None else 1 + int(known[0].max())


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


def _labels(prepared: cache.Prepared, recipe: Recipe, method: str, start: Run | None,
            needed: bool) -> tuple[np.ndarray | None, int | None, int]:
    """Returns what D is told of the images, or None, how many classes they have, or None, and the clusters of each."""
    if recipe.classes is not None:
        numbers = _class_numbers(prepared, recipe.classes, start)
    elif recipe.conditional and start is None and (known := cache.class_numbers(prepared, prepared)) is not None:
        numbers = known[0].astype(np.int32)
        recipe = dataclasses.replace(recipe, classes=1 + int(numbers.max()))
    elif needed:
        raise UserError("--conditional: these data have no classes to tell; put the pictures into a folder for each "
                        "class, five or more on average beside those that are held out, or leave the flag out.")
    else:
        numbers = np.zeros(len(prepared.images), np.int32)
        if recipe.conditional and start is None:
            logging.info("These data have no classes to tell, so the networks are told none.")
    if recipe.clusters > len(prepared.images) and start is None:
        raise UserError(f"clusters={recipe.clusters} are more than the {len(prepared.images):,} images; give fewer "
                        "--clusters.")
    own = models.recipe(recipe.model, recipe.dataset).clusters
    if recipe.clusters not in (0, 1, own) and recipe.clusters_per_class == 1 and start is None:
        logging.info("Without effect: clusters=%d, fewer than two of each of %d classes.", recipe.clusters,
                     recipe.classes)
    if recipe.clusters_per_class > 1:
        numbers = clusters.clusters(prepared.images, recipe.clusters_per_class, numbers, method)
    return numbers if recipe.label_count else None, recipe.classes, recipe.clusters_per_class


def _class_numbers(prepared: cache.Prepared, classes: int, start: Run | None) -> np.ndarray:
    """Returns the number of each image's class, from 0, in the order of the labels."""
    labels = prepared.labels
    known, numbers = (None, np.arange(0)) if labels is None else np.unique(labels, return_inverse=True)
    if known is not None and len(known) == classes:
        return numbers.astype(np.int32)
    here = "no labels" if known is None else f"{len(known)} classes"
    if start is not None:
        raise ClassesError(f"the networks of {start.name!r} are told {classes} classes, and these data have {here}: "
                           "they can't go on with them")
    advice = ("give labelled data, or leave --classes and --conditional out (--noconditional)" if known is None
              else f"give --classes={len(known)}")
    raise UserError(f"the recipe draws {classes} classes, and these data have {here}; {advice}.")


class ClassesError(UserError):
    """Networks that go on are told another number of classes than the data have; whoever catches it says what to do."""


def open_validation(recipe: Recipe, data: Data) -> "HeldOutComparison":
    """Returns a score on the images that are held out of training.

    Raises:
        UserError: there are too few images to hold any out for the judge's test.
    """
    from kgan.scoring.benchmark import HeldOutComparison, open_judges

    test = _test_images(data.source, recipe)
    judges, classes = open_judges(data.source.name, data.prepared, test), cache.class_numbers(data.prepared, test)
    return HeldOutComparison(data.prepared, data.held_out, judges[0] if judges else None,
                             classes[0] if classes else None)


def _test_images(source: Source, recipe: Recipe) -> cache.Prepared:
    try:
        return cache.prepare_test(source, **recipe.image_settings)
    except UserError as error:
        raise UserError(f"--evaluate_every scores by a judge, which test images prove: {error} --watch_every looks at "
                        "samples without them.") from error


def open_watch(recipe: Recipe, data: Data) -> "TrainingComparison":
    """Returns a look at samples beside the training images; without test images, or labels, there is no judge."""
    from kgan.scoring.benchmark import TrainingComparison, open_judges

    try:
        test = cache.prepare_test(data.source, **recipe.image_settings)
    except UserError:  # too few images to hold any out
        return TrainingComparison(data.prepared.images, None)
    judges, classes = open_judges(data.source.name, data.prepared, test), cache.class_numbers(data.prepared, test)
    if not judges or classes is None:
        return TrainingComparison(data.prepared.images, None)
    return TrainingComparison(data.prepared.images, judges[0], 1 + int(classes[0].max()))
