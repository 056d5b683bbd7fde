"""The one list of metrics: key, heading, format, and the limits past which the doctor speaks. And them as text.

Limits were measured on MNIST with 10,000 images and the carried judge. For other data they are scaled by the same
number of real training images against real test images, which every evaluation measures anyway.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Limit(NamedTuple):
    """A verdict for images whose number is past `limit`."""

    verdict: str
    past: Callable[[float, float], bool]
    limit: float  # on MNIST
    evidence: str
    advice: str
    real: float | None = None  # what real images give on MNIST: elsewhere the limit moves in proportion
    slack: float | None = None  # or: the limit is at least this many times what real images give

    def threshold(self, baseline: float | None) -> float:
        """Returns the limit for data whose real images give `baseline`; MNIST's where that is None."""
        if baseline is None:
            return self.limit
        if self.slack is not None:
            return max(self.limit, self.slack * baseline)
        return self.limit if self.real is None else self.limit * baseline / self.real


LOWER, HIGHER, NEAR_1 = "lower is better", "higher is better", "best near 1"


class Metric(NamedTuple):
    """A number about images, as `Benchmark.measure` gives it under `key`."""

    key: str
    heading: str
    form: str  # of `format`
    best: str  # LOWER, HIGHER or NEAR_1
    scale: float = 1.0  # that it is multiplied by where it is shown
    wide: bool = True  # in the first of two tables
    ranked: bool = False  # on leaderboards
    limits: tuple[Limit, ...] = ()


OTHER_KIND = "off-distribution: another kind of image"
LOOK = "train longer; or check that the real pictures beside them are of the same kind"
FEWER = "train on more images, or on mirrored ones, or stop earlier"
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
        Limit(OTHER_KIND, operator.lt, 0.3, "{number:.1%} of the images lie where real ones lie", LOOK, real=0.84),)),
    # Real images: 0.86. Trained networks: 0.24 to 0.76, and 0.09 where few kinds of strokes are drawn. PCA: 0.09.
    Metric("recall", "recall", ".3f", HIGHER, ranked=True, limits=(
        Limit("low variety", operator.lt, 0.13, "{number:.1%} of the real images lie where generated ones lie",
              "train longer, or lower the discriminator's rate: the images are alike", real=0.86),)),
    Metric("density", "density", ".3f", HIGHER),
    # Real images: 0.95. Trained networks: 0.16 to 0.52. PCA: 0.05. Negatives: 0.01.
    Metric("coverage", "coverage", ".3f", HIGHER, ranked=True, limits=(
        Limit(OTHER_KIND, operator.lt, 0.1, "{number:.1%} of the real images have a generated one near them", LOOK,
              real=0.95),)),
    Metric("swd", "SWD ×10³", ".1f", LOWER, wide=False),
    # Real images: 0.99. Trained networks: 1.00.
    Metric("memorisation", "memorisation", ".3f", NEAR_1, wide=False, ranked=True, limits=(
        Limit("memorised", operator.lt, 0.9,
              "the nearest training image is {number:.2f} times as far as the nearest held-out one", FEWER,
              real=0.99),)),
    # Real images and trained networks: 0.0%. Training images: 100%.
    Metric("copies", "copies", ".2%", LOWER, wide=False, limits=(
        Limit("memorised", operator.gt, 0.01, "{number:.1%} of the images are near-exact copies of training images",
              FEWER, slack=2.0),)),
    # Real images and trained networks: 0.0%. 5% of the images copied from others: 10%.
    Metric("duplicates", "duplicates", ".2%", LOWER, wide=False, limits=(
        Limit("duplicates", operator.gt, 0.01, "{number:.1%} of the images are near-exact copies of one another",
              "the generator ignores z: lower the discriminator's rate, or try another loss", slack=2.0),)),
    Metric("one_nn", "1-NN error", ".2%", LOWER, wide=False, ranked=True),
    # Real images: 0.002. Trained networks: 0.003 to 0.017. Real images moved by 3 pixels: 0.018. Negatives: 2.
    Metric("background", "background", ".4f", LOWER, wide=False, limits=(
        Limit(OTHER_KIND, operator.gt, 0.025, "pixels that are black in real images are {number:.3f} above black, of 2",
              LOOK, slack=2.0),)),
    # Real images: 1.01. Convolutional networks: 0.96 to 1.12. Perceptrons: 1.20 and 1.29. Noise of 10 levels: 1.25.
    # Blurred by a Gaussian of 0.7 pixels: 0.83; of 1 pixel: 0.71.
    Metric("roughness", "roughness", ".3f", NEAR_1, wide=False, limits=(
        Limit("off-distribution: noisy", operator.gt, 1.15, ROUGH,
              "train longer; perceptrons draw every pixel by itself, so use convolutions instead", real=1.01),
        Limit("off-distribution: blurred", operator.lt, 0.9, ROUGH,
              "train longer; linear models blur, and so does too long an average of the weights", real=1.01))),
    # Untrained networks: up to 0.2. The mean image: 0.54. Trained networks: 0.88 to 1.02.
    Metric("contrast", "contrast", ".3f", NEAR_1, wide=False, limits=(
        Limit("not trained yet", operator.lt, 0.3, "pixels vary {number:.2f} times as much as the real ones",
              "train longer; if it stays so, the generator gets no gradient"),)),
)


def tables(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Lays rows of numbers, by name, out as two tables for the screen.

    The first row decides the columns; what another row lacks is "–" there.
    """
    width = max(map(len, rows))
    blocks = []
    for wide in (True, False):
        shown = [metric for metric in METRICS if metric.wide == wide and metric.key in next(iter(rows.values()))]
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
