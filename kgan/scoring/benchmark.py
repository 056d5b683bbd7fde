"""Scoring images against a data set: the library behind `python -m kgan.evaluate` and `python -m kgan.leaderboard`."""

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kgan.data import cache
from kgan.data.content import cache_directory
from kgan.data.source import Source
from kgan.metrics import baselines, frechet, kid, manifold, memorisation, modes, neighbours, noise, score, sliced
from kgan.runtime import files
from kgan.scoring.inception import extractor
from kgan.scoring.judge import Judge, Seen, open_judge

MEASURES = 2  # raised whenever the same images would give other numbers
COUNT = 10_000  # images of each kind that are compared
YARDSTICKS = ("real train vs test", "PCA-Gaussian", "mean image", "uniform noise")
VALIDATION = 2500  # training images held out for scores while training; of few images, a tenth

Numbers = dict[str, float | int | list[float] | None]


class Benchmark:
    """What images of one data set, in one shape, are compared with: its test images, and the judge's view of them.

    `judges` is empty where the data have no labels; then only what needs no judge is measured.
    """

    def __init__(self, origin: str, train: cache.Prepared, test: cache.Prepared, judges: list[Judge],
                 inception: Callable[[np.ndarray], np.ndarray] | None = None, count: int = COUNT) -> None:
        self.origin = origin  # of the test images, in words
        self.train = train
        self.test = test
        self.judges = judges
        self.inception = inception  # images to features, for true FID
        self.count = min(count, len(test.images))
        chosen = np.sort(np.random.default_rng(0).permutation(len(test.images))[:self.count])
        self.real = test.images[chosen]
        self.real_labels = None if test.labels is None else test.labels[chosen]
        self.seen = [judge.look(self.real) for judge in judges]
        if judges:
            self.shares = modes.shares(train.labels, int(train.labels.max()) + 1)

    def measure(self, images: np.ndarray, train: np.ndarray | None = None) -> Numbers:
        """Returns every number about uint8 images, (n, H, W, C).

        Args:
            images: `count` of them.
            train: the training images to look for copies in, where they are not all.
        """
        train = self.train.images if train is None else train
        numbers: Numbers = {}
        for number, judge in enumerate(self.judges):
            seen = judge.look(images)
            numbers |= self._judged(images, seen) if number == 0 else {
                "fcd2": frechet.frechet(self.seen[1].features, seen.features)}
        if self.inception is not None:
            numbers["fid"] = frechet.frechet(self.inception(self.real), self.inception(images))
        numbers |= {
            "swd": sliced.swd(self.real, images),
            "memorisation": memorisation.memorisation(images, baselines.subset(train, self.count), self.real),
            "copies": memorisation.copies(images, train),
            "duplicates": memorisation.duplicates(images),
            "background": noise.background_deviation(images, self.real),
            "roughness": noise.roughness(images, self.real),
            "contrast": noise.contrast(images, self.real),
        }
        return {"matched_roughness": numbers["roughness"]} | numbers

    def _judged(self, images: np.ndarray, seen: Seen) -> Numbers:
        real = self.seen[0].features
        drawn = modes.shares(seen.classes, len(self.shares))
        distance = kid.kernel_distance(real, seen.features)
        inside = manifold.manifold(real, seen.features)
        nearest = neighbours.nearest(self.real, images)[1]
        return {
            "fcd": frechet.frechet(real, seen.features),
            "kid": distance.mean,
            "kid_spread": distance.spread,
            "score": score.classifier_score(seen.probabilities),
            "modes": modes.modes(drawn),
            "class_kl": modes.class_kl(drawn, self.shares),
            "shares": drawn.tolist(),
            "missing": modes.missing(drawn, self.shares),
            **inside._asdict(),
            "matched_roughness": noise.matched_roughness(images, seen.classes, self.real, self.seen[0].classes),
            "one_nn": float(np.mean(seen.classes[nearest] != self.real_labels)),
        }

    def yardsticks(self) -> dict[str, Numbers]:
        """Returns the numbers of what every score is read beside, from the cache where they are in it."""
        parts = [MEASURES, self.count, self.train.sha256, self.test.sha256, *(judge.sha256 for judge in self.judges),
                 self.inception is not None]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
        file = cache_directory() / "yardsticks" / f"{key}.json"
        if file.is_file():
            return json.loads(file.read_text(encoding="utf-8"))
        print("Measuring the yardsticks, once …", file=sys.stderr, flush=True)
        order = np.random.default_rng(0).permutation(len(self.train.images))
        floor, rest = self.train.images[np.sort(order[:self.count])], self.train.images[np.sort(order[self.count:])]
        found = {
            YARDSTICKS[0]: self.measure(floor, rest if len(rest) else None),
            YARDSTICKS[1]: self.measure(baselines.pca_gaussian(self.train.images, self.count)),
            YARDSTICKS[2]: self.measure(baselines.mean_image(self.train.images, self.count)),
            YARDSTICKS[3]: self.measure(baselines.uniform_noise(self.real.shape)),
        }
        _keep(found, file)
        return found


class Validation:
    """A quick score while training, on training images that are held out for it: FCD, modes and class KL.

    Where there is no judge, SWD stands in their place.
    """

    def __init__(self, prepared: cache.Prepared, indices: np.ndarray, judge: Judge | None) -> None:
        self.images = prepared.images[indices]
        self.count = len(indices)
        self.judge = judge
        self.columns = ("modes", "class_kl", "fcd") if judge else ("swd",)
        if judge:
            self.features = judge.look(self.images).features
            self.shares = modes.shares(prepared.labels, int(prepared.labels.max()) + 1)

    def measure(self, images: np.ndarray) -> Numbers:
        """Returns a number for each of `columns`, and the missing classes, of `count` uint8 images."""
        contrast = noise.contrast(images, self.images)
        if self.judge is None:
            return {"swd": sliced.swd(self.images, images), "contrast": contrast}
        seen = self.judge.look(images)
        drawn = modes.shares(seen.classes, len(self.shares))
        return {"modes": modes.modes(drawn), "class_kl": modes.class_kl(drawn, self.shares),
                "fcd": frechet.frechet(self.features, seen.features), "contrast": contrast,
                "missing": modes.missing(drawn, self.shares)}


def open_benchmark(source: Source, *, image_size: int, channels: int, crop: int | None = None, skip_bad: bool = False,
                   count: int = COUNT, judges: int = 1, fid: bool = False) -> Benchmark:
    """Prepares a data set and opens its judges.

    Raises:
        UserError: the data can't be used, or have no test images, or Inception's weights can't be had.
        OSError: the cache can't be written.
    """
    settings = {"image_size": image_size, "channels": channels, "crop": crop, "skip_bad": skip_bad}
    train, test = cache.prepare(source, **settings), cache.prepare_test(source, **settings)
    origin = f"a held-out tenth of {source.origin}" if source.test is None else source.test.origin
    return Benchmark(origin, train, test, open_judges(train, test, judges), extractor() if fid else None,
                     count)


def open_judges(train: cache.Prepared, test: cache.Prepared, count: int = 1) -> list[Judge]:
    """Returns the data set's judges, trained on first use; none where there are no labels, or only one class."""
    if train.labels is None or test.labels is None or len(np.unique(train.labels)) < 2:
        return []
    return [open_judge(cache_directory() / "judges", train.images, train.labels, test.images, test.labels,
                       key=train.sha256 + test.sha256, number=number) for number in range(count)]


def _keep(found: dict[str, Numbers], file: Path) -> None:
    with contextlib.suppress(OSError):  # a cache that can't be written only costs another reckoning
        file.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(file) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
