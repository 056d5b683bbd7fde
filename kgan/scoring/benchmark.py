"""What images are compared with: a data set's test images as its judges see them, and baselines beside them."""

import contextlib
import functools
import hashlib
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import logging

from kgan.data import cache, classes, hashing
from kgan.data.source_types import Source
from kgan.metrics import baselines, frechet, kid, manifold, memorisation, modes, neighbours, noise, score, sliced
from kgan.metrics.agreement import agreement
from kgan.metrics.checkerboard import checkerboard
from kgan.metrics.clusters import Clusters
from kgan.metrics.sharpness import grain, sharpness
from kgan.runtime import files
from kgan.runtime.errors import UserError
from kgan.scoring import colour_judge
from kgan.scoring.inception import extractor
from kgan.scoring.judge import Judge, Predictions, carried_judge, open_judge
from kgan.scoring.table import COUNT, LINEAR, REAL
from kgan.transparency import over_white

MEASURES = 7  # raised whenever the same images would give other numbers
FEWEST = 6  # images, of training and of test: density and coverage look for the fifth neighbour
WATCHED = 2500  # samples that are looked at while training
DRAWS, DRAWN, POOL = 20, 500, 4  # sets of real images that show chance; images in one, at most; sets that a pool holds
AGREEMENT = ("agreement", "agreement2")  # with labels, by the first judge and by the second

Numbers = dict[str, Any]  # float, int, a list of them, or None where there is none


class Benchmark:
    """What images of one data set, in one shape, are compared with: its test images, and the judge's view of them.

    `judges` is empty where the data have no labels; then the colour judge alone looks. `trained` are all images that a
    generator was trained on, where those of `train` are only some of them.

    Example::

        benchmark = open_benchmark(locate("mnist"), image_size=28, channels=1)
        benchmark.measure(gan.generate(range(benchmark.count)))["fcd"]
    """

    def __init__(self, origin: str, train: cache.Prepared, test: cache.Prepared, judges: list[Judge],
                 inception: Callable[[np.ndarray], np.ndarray] | None = None, count: int = COUNT,
                 subsets: int = 100, trained: np.ndarray | None = None) -> None:
        self.subsets = subsets  # over which KID is averaged, three quarters of a quick look's time
        self.origin = origin  # of the test images, in words
        self.train = train
        self.test = test
        self.trained = trained
        self.judges = judges
        self.inception = inception  # images to features, for true FID
        self.count = min(count, len(test.images))
        chosen = np.sort(np.random.default_rng(0).permutation(len(test.images))[:self.count])
        self.real = test.images[chosen]
        classes = cache.class_numbers(train, test)
        self.real_predictions = [judge.predict(self.real) for judge in judges]
        if classes is not None:
            self.shares = modes.shares(classes[0], 1 + max(map(np.max, classes)))
            self.real_labels = classes[1][chosen]
        if judges:
            self.real_shares = modes.shares(self.real_predictions[0].classes, len(self.shares))

    @functools.cached_property
    def seen(self) -> colour_judge.Seen:
        """What the colour judge sees in the test images."""
        return colour_judge.look(self.real)

    @functools.cached_property
    def colours(self) -> bool:
        """Whether any test image has colours: what became of them can't be told where there are none."""
        return noise.colourless(self.real) < 1

    @functools.cached_property
    def pool(self) -> tuple[np.ndarray, np.ndarray]:
        """Training images to find clusters among and to draw sets from, and the colour judge's features of them."""
        images = baselines.subset(self.train.images, POOL * min(max(self.count, DRAWN // 4), DRAWN))
        return images, colour_judge.look(images).features

    @functools.cached_property
    def clusters(self) -> Clusters:
        """Clusters of the training images."""
        return Clusters(self.pool[1])

    def measure(self, images: np.ndarray, among: np.ndarray | None = None, labels: np.ndarray | None = None) -> Numbers:
        """Returns every number about uint8 images, (n, H, W, C).

        Args:
            images: `count` of them; grey ones may lack the channels of the test images, those with alpha are laid over
                white.
            among: indices of the training images to look for copies in; None: all.
            labels: the class that each image was to show, (n,) integers, numbered as `cache.class_numbers` does; None:
                none was asked, and no agreement with labels is measured.

        Raises:
            ValueError: labels are not one for each image.
        """
        images = over_white(images)
        images = images if images.shape[3] == self.real.shape[3] else np.repeat(images, self.real.shape[3], axis=3)
        among = np.arange(len(self.train.images)) if among is None else among
        nearby = self.train.images[np.sort(among[np.random.default_rng(0).permutation(len(among))[:self.count]])]
        numbers: Numbers = {}
        for number, judge in enumerate(self.judges):
            seen = judge.predict(images)
            numbers |= self._judged(images, seen) if number == 0 else {
                "fcd2": frechet.frechet(self.real_predictions[1].features, seen.features)}
            if labels is not None:
                numbers[AGREEMENT[number]] = agreement(seen.classes, labels)
        if self.inception is not None:
            numbers["fid"] = frechet.frechet(self.inception(self.real), self.inception(images))
        seen32 = colour_judge.look(images)
        numbers |= {
            "count": len(images),
            "swd": sliced.swd(self.real, images),
            "copies": memorisation.copies(images, self.train.images, among) if self.trained is None else
                      memorisation.copies(images, self.trained),
            "background": noise.background_deviation(images, self.real),
            **colour_judge.distances(self.seen, seen32, self.subsets),
            **checkerboard(images, self.real)._asdict(),
            "colours": self.colours,
            "colourless": noise.colourless(images) - noise.colourless(self.real),
            **self._moved_by_chance(images, seen32.features, nearby),
        }
        if self.trained is not None:
            numbers["memorisation"] = None  # it compares with images that were not trained on
        return {"matched_roughness": numbers["roughness"]} | numbers

    def _moved_by_chance(self, images: np.ndarray, features: np.ndarray, nearby: np.ndarray) -> Numbers:
        """Returns numbers with limits that chance moves, beside as many test images as there are images."""
        real, known = self.real[:len(images)], self.seen.features[:len(images)]
        return {
            **{f"{name}32": share for name, share in manifold.manifold(known, features)._asdict().items()},
            **self.clusters.numbers(features),
            "memorisation": memorisation.memorisation(images, nearby, real),
            "duplicates": memorisation.duplicates(images),
            "roughness": noise.roughness(images, real),
            "sharpness": sharpness(images, real),
            "grain": grain(images, real),
            "contrast": noise.contrast(images, real),
            **noise.brightness(images, real)._asdict(),
        }

    def _judged(self, images: np.ndarray, seen: Predictions) -> Numbers:
        real = self.real_predictions[0].features
        distance = kid.kernel_distance(real, seen.features, self.subsets)
        inside = manifold.manifold(real, seen.features)
        nearest = neighbours.nearest(self.real, images)[1]
        return {
            "fcd": frechet.frechet(real, seen.features),
            "kid": distance.mean,
            "kid_spread": distance.spread,
            "score": score.classifier_score(seen.probabilities),
            **modes.numbers(seen.classes, self.real_shares, self.shares),
            **inside._asdict(),
            "matched_roughness": noise.matched_roughness(images, seen.classes, self.real,
                                                         self.real_predictions[0].classes),
            "one_nn": float(np.mean(seen.classes[nearest] != self.real_labels)),
        }

    def floor(self) -> Numbers:
        """Returns the numbers of real training images: what a perfect generator would have; and their `spreads`."""
        order = np.random.default_rng(0).permutation(len(self.train.images))
        floor, rest = self.train.images[np.sort(order[:self.count])], np.sort(order[self.count:])
        numbers = self.measure(floor, rest if len(rest) else None)
        if self.trained is not None:
            numbers["copies"] = memorisation.copies(floor, self.test.images)
        copied = math.sqrt(numbers["copies"] * (1 - numbers["copies"]) / len(floor))  # a binomial's
        return numbers | {"spreads": self.spreads() | {"copies": copied}}

    def spreads(self) -> dict[str, float]:
        """Returns by how much chance moves numbers of `count` real images: the standard deviations over DRAWS sets.

        Sets of DRAWN images at most; those of more images have a spread that is smaller by the root of their number.
        """
        images, features = self.pool
        size, random = min(self.count, DRAWN, len(images) // 2), np.random.default_rng(1)
        draws = []
        for _ in range(DRAWS if size >= FEWEST else 0):
            order = random.permutation(len(images))
            drawn, others = order[:size], order[size:2 * size]
            draws.append(self._moved_by_chance(images[drawn], features[drawn], images[others]))
        # Sets that are drawn from one pool share images, and so differ less than sets of their own.
        scale = math.sqrt(size / self.count / (1 - size / len(images))) if draws else 0.0
        return {key: float(np.std([draw[key] for draw in draws])) * scale for key in (draws or [{}])[0]
                if all(isinstance(draw[key], float) and math.isfinite(draw[key]) for draw in draws)}

    def yardsticks(self) -> dict[str, Numbers]:
        """Returns the numbers of what every score is read beside, from the cache where they are in it."""
        parts = [MEASURES, colour_judge.SHA256, self.count, self.train.labelled_sha256, self.test.labelled_sha256,
                 *(judge.sha256 for judge in self.judges), self.inception is not None]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
        file = hashing.cache_directory() / "yardsticks" / f"{key}.json"
        if file.is_file():
            return json.loads(file.read_text(encoding="utf-8"))
        logging.info("Measuring the yardsticks, once …")
        yardsticks = {
            REAL: self.floor(),
            LINEAR: self.measure(baselines.pca_gaussian(self.train.images, self.count)),
            "mean image": self.measure(baselines.mean_image(self.train.images, self.count)),
            "uniform noise": self.measure(baselines.uniform_noise(self.real.shape)),
        }
        for key, seen in zip(AGREEMENT, self.real_predictions, strict=False):  # of test images: judges learn the others
            yardsticks[REAL][key] = agreement(seen.classes, self.real_labels)
        with contextlib.suppress(OSError):  # a cache that can't be written only costs another reckoning
            files.write_json(file, yardsticks)
        return yardsticks


class _Comparison:
    """Samples beside real images, as the judge sees them; where there is no judge, SWD and FCD-32 stand in."""

    def __init__(self, images: np.ndarray, judge: Judge | None, classes: int) -> None:
        images = over_white(images)
        self.images, self.judge = images, judge
        self.real: Numbers = {}  # of real images, to scale the doctor's limits by
        if judge is None:
            self.features = colour_judge.look(images).features
        else:
            seen = judge.predict(images)
            self.features, self.real_shares = seen.features, modes.shares(seen.classes, classes)

    def distances(self, images: np.ndarray, shares: np.ndarray | None = None) -> Numbers:
        """Returns FCD and the numbers of `modes`, beside `shares` in training; or what stands in for them."""
        if self.judge is None:
            return {"swd": sliced.swd(self.images, images),
                    "fcd32": frechet.frechet(self.features, colour_judge.look(images).features)}
        seen = self.judge.predict(images)
        return {"fcd": frechet.frechet(self.features, seen.features),
                **modes.numbers(seen.classes, self.real_shares, self.real_shares if shares is None else shares)}


class HeldOutComparison(_Comparison):
    """A quick score while training, on training images that are held out for it: FCD, modes and class KL."""

    def __init__(self, prepared: cache.Prepared, indices: np.ndarray, judge: Judge | None,
                 classes: np.ndarray | None = None) -> None:
        self.count = len(indices)
        self.columns = ("modes", "class_kl", "fcd") if judge else ("swd", "fcd32")
        self.shares = None if classes is None else modes.shares(classes, int(classes.max()) + 1)
        super().__init__(prepared.images[indices], judge, 0 if self.shares is None else len(self.shares))

    def measure(self, images: np.ndarray) -> Numbers:
        """Returns a number for each of `columns`, and more that the doctor looks at, of `count` uint8 images."""
        images = over_white(images)
        return {"count": len(images), "contrast": noise.contrast(images, self.images),
                **self.distances(images, self.shares)}


class TrainingComparison(_Comparison):
    """A look at samples beside the training images, without holding any out: FCD, duplicates, shares of the classes.

    FCD is lower than on test images: G has seen these.
    """

    def __init__(self, images: np.ndarray, judge: Judge | None, classes: int = 0) -> None:
        """Takes uint8 training images, (n, H, W, C), of which COUNT are compared with."""
        self.count = WATCHED
        self.columns: tuple[str, ...] = ("train_fcd", "duplicates", *(f"share_{number}" for number in range(classes)))
        if judge is None:
            self.columns = ("train_swd", "train_fcd32", "duplicates")
        super().__init__(baselines.subset(images, COUNT), judge, classes)
        self.real["duplicates"] = memorisation.duplicates(baselines.subset(self.images, WATCHED))

    def measure(self, images: np.ndarray) -> Numbers:
        """Returns a number for each of `columns`, and more that the doctor looks at, of `count` uint8 samples."""
        images = over_white(images)
        numbers = self.distances(images)
        renamed = {f"train_{name}": numbers.pop(name) for name in ("fcd", "swd", "fcd32") if name in numbers}
        shares = {f"share_{number}": share for number, share in enumerate(numbers.get("shares", ()))}
        return {"count": min(len(images), len(self.images)), "duplicates": memorisation.duplicates(images),
                "contrast": noise.contrast(images, self.images), **numbers, **shares, **renamed}


def open_benchmark(source: Source, *, image_size: int, channels: int, crop: int | None = None, skip_bad: bool = False,
                   height: int | None = None, width: int | None = None, count: int = COUNT, judges: int = 1,
                   fid: bool = False) -> Benchmark:
    """Prepares a data set and opens its judges. Images with alpha are compared as they look over white.

    Raises:
        UserError: the data can't be used, or have fewer than FEWEST training or test images, or Inception's weights
            can't be had.
        OSError: the cache can't be written.
    """
    settings: dict[str, Any] = {"image_size": image_size, "channels": channels, "crop": crop, "skip_bad": skip_bad,
                                "height": height, "width": width}
    train = cache.prepare(source, **settings)
    if source.held_out and source.count < cache.HELD_OUT_FROM:
        return _of_halves(train, source, count)
    test = cache.prepare_test(source, **settings)
    origin = f"a held-out tenth of {source.origin}" if source.test is None else source.test.origin
    for part, kind in ((test, "test"), (train, "training")):
        if len(part.images) < FEWEST:
            raise UserError(f"of {source.origin} {len(part.images)} {kind} image{'s' * (len(part.images) > 1)} can be "
                            f"compared with; {FEWEST} are the fewest, so give more.")
    judged = open_judges(source.name, train, test, judges)
    train, test = _over_white(train), _over_white(test)
    return Benchmark(origin, train, test, judged, extractor() if fid else None, count)


def _of_halves(whole: cache.Prepared, source: Source, count: int) -> Benchmark:
    """Returns what images are compared with where none are held out: half of the training images, beside the others."""
    if len(whole.images) < 2 * FEWEST:
        raise UserError(f"{source.origin} has {len(whole.images)} images, of which none can be held out; {2 * FEWEST} "
                        "are the fewest that can be compared with, so give more.")
    whole = _over_white(whole)
    order = np.random.default_rng(0).permutation(len(whole.images))
    train, test = (whole._replace(images=whole.images[np.sort(part)], labels=None)
                   for part in np.array_split(order, 2))
    return Benchmark(f"half of the training images of {source.origin}", train, test, [], None, count,
                     trained=np.asarray(whole.images))


def _over_white(prepared: cache.Prepared) -> cache.Prepared:
    return prepared._replace(images=over_white(prepared.images))


def open_judges(name: str | None, train: cache.Prepared, test: cache.Prepared, count: int = 1) -> list[Judge]:
    """Returns the data set's judges: those that kgan carries for MNIST, else home-made ones, trained on first use.

    Images with alpha are laid over white. None where there are no labels, only one class, or hardly an image of each.
    Raises as `judge.open_judge`.
    """
    classes = cache.class_numbers(train, test)
    if classes is None:
        return []
    train, test = _over_white(train), _over_white(test)
    return [carried_judge(name, test.images, classes[1], number) or open_judge(
        hashing.cache_directory() / "judges", train.images, classes[0], test.images, classes[1],
        key=train.labelled_sha256 + test.labelled_sha256, number=number) for number in range(count)]


def unjudged(train: cache.Prepared, test: cache.Prepared) -> str:
    """Returns why no judge learns the classes of data, where `open_judges` opens none."""
    if train.labels is None:
        return "these data have no labels"
    if test.labels is None:
        return "the test images of these data have no labels"
    if len(np.unique(np.concatenate([train.labels, test.labels]))) < 2:
        return "all images of these data have the same label"
    return f"these data have fewer than {classes.FEW} training images for each label"
