"""The one list of metrics: key, heading, format, and the limits past which the doctor speaks. And them as text.

Limits were measured on MNIST with 10,000 images and the carried judge, those of the colour judge on 1,000 pictures of
CIFAR-10. For other data they are scaled by the same number of real training images against real test images, which
every evaluation measures anyway, and kept away from what chance makes of as many real images.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

COUNT = 10_000  # images of each kind that are compared
REAL, LINEAR = "real train vs test", "PCA-Gaussian"  # the yardsticks that scale the limits
PRECISION, PRECISION_32 = 0.84, 0.86  # of MNIST's real images by its judge, of CIFAR-10's by the colour judge
CHANCE = 6.0  # standard deviations of real images' numbers that a limit keeps from theirs, which is one draw itself


class Limit(NamedTuple):
    """A verdict for images whose number is past `limit`."""

    verdict: str
    past: Callable[[float, float], bool]
    limit: float  # on MNIST, or CIFAR-10
    evidence: str
    advice: str
    real: float | None = None  # what real images give there: elsewhere the limit moves in proportion
    slack: float | None = None  # or: the limit is at least this many times what real images give
    images: int = 0  # that must be past it, or chance may do it

    def threshold(self, baseline: float | None, spread: float | None = None) -> float:
        """Returns the limit for data whose real images give `baseline`; MNIST's where that is None.

        Real images, of which as many give numbers with this standard deviation, are not past it by chance.
        """
        limit = self._scaled(baseline)
        if baseline is None or spread is None:
            return limit
        by_chance = baseline + (CHANCE * spread if self.past(1, 0) else -CHANCE * spread)
        return by_chance if self.past(by_chance, limit) else limit

    def _scaled(self, baseline: float | None) -> float:
        if baseline is None:
            return self.limit
        if self.slack is not None:
            return max(self.limit, self.slack * baseline)
        return self.limit if self.real is None else self.limit * baseline / self.real


LOWER, HIGHER, NEAR_0, NEAR_1, NEAR_HALF = (
    "lower is better", "higher is better", "best near 0", "best near 1", "best near 50%")


class Metric(NamedTuple):
    """A number about images, as `Benchmark.measure` gives it under `key`."""

    key: str
    heading: str
    form: str  # of `format`
    best: str  # LOWER, HIGHER, NEAR_0, NEAR_1 or NEAR_HALF
    scale: float = 1.0  # that it is multiplied by where it is shown
    table: int = 0  # which of three it stands in: of the label judge, of the colour judge, of none
    ranked: bool = False  # on leaderboards
    limits: tuple[Limit, ...] = ()
    stands_in: bool = False  # is judged, and ranked, only where there is no label judge


OTHER_KIND = "off-distribution: another kind of image"
LOOK = "train longer; or check that the real pictures beside them are of the same kind"
FEWER = "train on more images, or on mirrored ones, or stop earlier"
INSIDE = "{number:.1%} of the images lie where real ones lie"
ALIKE = "{number:.1%} of the real images lie where generated ones lie"
NEAR = "{number:.1%} of the real images have a generated one near them"
VARY = "train longer, or lower the discriminator's rate: the images are alike"
SMOOTH = "train longer; linear models blur, and so does too long an average of the weights"
COARSE = "train longer; perceptrons draw every pixel by itself, so use convolutions instead"
FILTER = ("let G resample before its convolutions, or blur behind them by a fixed filter, as --model=pictures does; "
          "strided transposed convolutions draw such grids")
ROUGH = "images vary {number:.2f} times as much from pixel to pixel as real ones"

METRICS = (
    Metric("fcd", "FCD", ".2f", LOWER),
    Metric("fid", "FID", ".2f", LOWER),
    Metric("kid", "KID-c ×10³", ".2f", LOWER, scale=1e3, ranked=True),
    Metric("score", "score", ".2f", HIGHER, ranked=True),
    Metric("modes", "modes", "d", HIGHER, ranked=True),
    Metric("class_kl", "class KL", ".4f", LOWER),
    Metric("agreement", "agreement", ".2%", HIGHER, ranked=True),
    # Real images: 0.84. Trained networks: 0.43 to 0.67. Real images moved by 3 pixels: 0.21.
    Metric("precision", "precision", ".3f", HIGHER, ranked=True, limits=(
        Limit(OTHER_KIND, operator.lt, 0.3, INSIDE, LOOK, real=PRECISION),)),
    # Real images: 0.86. Trained networks: 0.19 to 0.76, and 0.09 where few kinds of strokes are drawn. PCA: 0.09. A run
    # of 0.15, where real images have 0.84, drew typical images of each class alone.
    Metric("recall", "recall", ".3f", HIGHER, ranked=True, limits=(
        Limit("low variety", operator.lt, 0.17, ALIKE, VARY, real=0.86),)),
    Metric("density", "density", ".3f", HIGHER),
    # Real images: 0.95. Trained networks: 0.16 to 0.52. PCA: 0.05. Negatives: 0.01.
    Metric("coverage", "coverage", ".3f", HIGHER, ranked=True, limits=(
        Limit(OTHER_KIND, operator.lt, 0.1, NEAR, LOOK, real=0.95),)),
    # The colour judge's. Real pictures: 1.4. Upside down: 22. PCA: 95.
    Metric("fcd32", "FCD-32", ".2f", LOWER, table=1, ranked=True, stands_in=True),
    Metric("kid32", "KID-32 ×10³", ".1f", LOWER, table=1, scale=1e3, ranked=True, stands_in=True),
    # Real pictures: 50%. Red and blue exchanged: 75%. Without images of 9 of 10 classes: 80%.
    Metric("two_sample", "1-NN accuracy", ".1%", NEAR_HALF, table=1, ranked=True),
    # Real: 0.86. ProGAN: 0.80. Blurred by 1 pixel: 0.14. Halves exchanged: 0.07. Digits: 0.
    Metric("precision32", "precision-32", ".3f", HIGHER, table=1, ranked=True, stands_in=True, limits=(
        Limit(OTHER_KIND, operator.lt, 0.3, INSIDE, LOOK, real=PRECISION_32),)),
    # Real: 0.85. ProGAN: 0.23. Clouds of colour over 3 pictures: 0.
    Metric("recall32", "recall-32", ".3f", HIGHER, table=1, ranked=True, stands_in=True, limits=(
        Limit("low variety", operator.lt, 0.17, ALIKE, VARY, real=0.85),)),
    Metric("density32", "density-32", ".3f", HIGHER, table=1, stands_in=True),
    # Real: 0.96. ProGAN: 0.65. Noise: 0.01.
    Metric("coverage32", "coverage-32", ".3f", HIGHER, table=1, ranked=True, stands_in=True, limits=(
        Limit(OTHER_KIND, operator.lt, 0.1, NEAR, LOOK, real=0.96),)),
    # Real: 0.01, and 0.09 of 60. ProGAN: 0.04. Each of CIFAR-10's classes alone: 0.65 to 1.7. See `doctor`.
    Metric("cluster_kl", "cluster KL", ".3f", LOWER, table=1, ranked=True, stands_in=True),
    Metric("swd", "SWD ×10³", ".1f", LOWER, table=2),
    # Real images: 0.99. Trained networks: 1.00.
    Metric("memorisation", "memorisation", ".3f", NEAR_1, table=2, ranked=True, limits=(
        Limit("memorised", operator.lt, 0.9,
              "the nearest training image is {number:.2f} times as far as the nearest held-out one", FEWER,
              real=0.99),)),
    # Real images and trained networks: 0.0%. Training images: 100%.
    Metric("copies", "copies", ".2%", LOWER, table=2, limits=(
        Limit("memorised", operator.gt, 0.01, "{number:.1%} of the images are near-exact copies of training images",
              FEWER, slack=2.0, images=3),)),
    # Real images and trained networks: 0.0%. 5% of the images copied from others: 10%.
    Metric("duplicates", "duplicates", ".2%", LOWER, table=2, limits=(
        Limit("duplicates", operator.gt, 0.01, "{number:.1%} of the images are near-exact copies of one another",
              "the generator ignores z: lower the discriminator's rate, or try another loss", slack=2.0,
              images=3),)),
    Metric("one_nn", "1-NN error", ".2%", LOWER, table=2, ranked=True),
    # Real images: 0.002. Trained networks: 0.003 to 0.017. Real images moved by 3 pixels: 0.018. Negatives: 2.
    Metric("background", "background", ".4f", LOWER, table=2, limits=(
        Limit(OTHER_KIND, operator.gt, 0.025, "pixels that are black in real images are {number:.3f} above black, of 2",
              LOOK, slack=2.0),)),
    # Real images: 1.01. Convolutional networks: 0.96 to 1.12. Perceptrons: 1.20 and 1.29. Noise of 10 levels: 1.25.
    # Blurred by a Gaussian of 0.7 pixels: 0.83; of 1 pixel: 0.71.
    Metric("roughness", "roughness", ".3f", NEAR_1, table=2, limits=(
        Limit("off-distribution: noisy", operator.gt, 1.15, ROUGH, COARSE, real=1.01),
        Limit("off-distribution: blurred", operator.lt, 0.9, ROUGH, SMOOTH, real=1.01))),
    # Each of CIFAR-10's classes alone: 0.97 to 1.04. Blurred by a Gaussian of 0.5 pixels: 0.87; MNIST: 0.88.
    Metric("sharpness", "sharpness", ".3f", NEAR_1, table=2, stands_in=True, limits=(
        Limit("off-distribution: blurred", operator.lt, 0.92, "the steepest steps between neighbouring pixels are "
              "{number:.2f} times as steep, beside those 2 pixels apart, as in real ones", SMOOTH, real=1.0),)),
    # Each of CIFAR-10's classes alone: 0.95 to 1.09. ProGAN: 1.13. Noise of 10 levels: 1.23; MNIST: 1.19.
    Metric("grain", "grain", ".3f", NEAR_1, table=2, stands_in=True, limits=(
        Limit("off-distribution: noisy", operator.gt, 1.16, "neighbouring pixels differ {number:.2f} times as much, "
              "beside those 2 pixels apart, as in real ones", COARSE, real=1.0),)),
    # 20,000 draws of real pictures at their native sizes: 1.4 at most. The preset cifar10: 12.5. Photographs with a
    # checkerboard of ±1 level: 126 and more; with noise, or blurred: below 0. CIFAR-10 with one of ±4: 24; of ±2: none.
    Metric("checkerboard", "checkerboard", ".1f", LOWER, table=2, limits=(
        Limit("checkerboard", operator.gt, 6.0, "a grid that repeats every {checkerboard_period} pixels lies over the "
              "images: its share of their energy is above that of real ones by {number:.0f} times what chance makes",
              FILTER, slack=2.0),)),
    # Untrained networks: up to 0.2. The mean image: 0.54. Trained networks: 0.88 to 1.02.
    Metric("contrast", "contrast", ".3f", NEAR_1, table=2, limits=(
        Limit("not trained yet", operator.lt, 0.3, "pixels vary {number:.2f} times as much as the real ones",
              "train longer; if it stays so, the generator gets no gradient"),)),
    # See `doctor`.
    Metric("brightness", "brightness", "+.3f", NEAR_0, table=2),
)


def metrics(*keys: str) -> list[Metric]:
    """Returns the metrics of these keys."""
    by_key = {metric.key: metric for metric in METRICS}
    return [by_key[key] for key in keys]


def tables(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Lays rows of numbers, by name, out as up to three tables for the screen.

    The first row decides the columns; what another row lacks is "–" there.
    """
    width = max(map(len, rows))
    blocks = []
    for table in range(3):
        shown = [metric for metric in METRICS if metric.table == table and metric.key in next(iter(rows.values()))]
        if not shown:
            continue
        cells = {"": [metric.heading for metric in shown]} | {
            name: [cell(metric, numbers.get(metric.key)) for metric in shown] for name, numbers in rows.items()}
        widths = [max(map(len, column)) for column in zip(*cells.values(), strict=True)]
        blocks.append("\n".join(name.ljust(width) + "".join(f"  {text:>{size}}" for text, size in
                                                            zip(row, widths, strict=True))
                                for name, row in cells.items()))
    return "\n\n".join(blocks)


def cell(metric: Metric, value: float | None) -> str:
    """Formats a number of that metric; "–" where there is none."""
    if value is None:
        return "–"
    form = ".1f" if metric.form == "d" and value != int(value) else metric.form  # means of whole numbers
    return format(int(value) if form == "d" else value * metric.scale, form)


def json_safe(value: Any) -> Any:
    """Replaces what JSON has no word for, inf and nan, by null."""
    if isinstance(value, dict):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_safe(item) for item in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
