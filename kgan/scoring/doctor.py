"""The doctor: what is wrong with generated images, in words, with the number that says so and one line of advice.

A verdict is given where a number passes its limit. LIMITS is the one table of them, each with its reason: measured on
MNIST with 10,000 images and the project's own judge. `tests/test_doctor.py` plants the conditions.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kgan.runs import log

LAST_ROWS = 5  # of the log, over which its means are taken
TRUSTED = 0.5  # precision below which the judge's classes mean little: no matching, and what is missing is said last
SURE = 0.95  # D(x) above it and D(G(z)) below 1 - SURE: nothing is left for G to learn from


class Finding(NamedTuple):
    """One thing that is wrong."""

    verdict: str
    evidence: str
    advice: str


class Limit(NamedTuple):
    """A verdict for images whose number is past `limit`."""

    verdict: str
    key: str
    past: Callable[[float, float], bool]
    limit: float
    evidence: str
    advice: str


LIMITS = (
    # Untrained networks: up to 0.2. The mean image: 0.54. Trained networks: 0.88 to 1.02.
    Limit("not trained yet", "contrast", operator.lt, 0.3,
          "pixels vary {number:.2f} times as much as the real ones",
          "train longer; if it stays so, the generator gets no gradient"),
    # Real images and trained networks: 0.0%. 5% of the images copied from others: 10%.
    Limit("duplicates", "duplicates", operator.gt, 0.01,
          "{number:.1%} of the images are near-exact copies of one another",
          "the generator ignores z: lower the discriminator's rate, or try another loss"),
    # Real images and trained networks: 0.0%. Training images: 100%.
    Limit("memorised", "copies", operator.gt, 0.01,
          "{number:.1%} of the images are near-exact copies of training images",
          "train on more images, or on mirrored ones, or stop earlier"),
    # Real images: 0.99. Trained networks: 1.00.
    Limit("memorised", "memorisation", operator.lt, 0.9,
          "the nearest training image is {number:.2f} times as far as the nearest held-out one",
          "train on more images, or on mirrored ones, or stop earlier"),
    # Real images: 1.01. Convolutional networks: 0.96 to 1.12. Perceptrons: 1.20 and 1.29. Noise of 10 levels: 1.25.
    Limit("off-distribution: noisy", "roughness", operator.gt, 1.15,
          "images vary {number:.2f} times as much from pixel to pixel as real ones",
          "train longer, or use convolutions: perceptrons draw every pixel by itself"),
    # Blurred by a Gaussian of 0.7 pixels: 0.83; of 1 pixel: 0.71.
    Limit("off-distribution: blurred", "roughness", operator.lt, 0.9,
          "images vary {number:.2f} times as much from pixel to pixel as real ones",
          "train longer; linear models, and averages of weights that are too long, blur"),
    # Real images: 0.002. Trained networks: 0.003 to 0.017. Real images moved by 3 pixels: 0.018. Negatives: 2.
    Limit("off-distribution: another kind of image", "background", operator.gt, 0.025,
          "pixels that are black in real images are {number:.3f} above black, of 2",
          "look whether they are pictures of the data set that they are compared with"),
    # Real images: 0.95. Trained networks: 0.16 to 0.52. PCA: 0.05. Negatives: 0.01.
    Limit("off-distribution: another kind of image", "coverage", operator.lt, 0.1,
          "{number:.1%} of the real images have a generated one near them",
          "look whether they are pictures of the data set that they are compared with"),
    # Real images: 0.84. Trained networks: 0.43 to 0.67. Real images moved by 3 pixels: 0.21.
    Limit("off-distribution: another kind of image", "precision", operator.lt, 0.3,
          "{number:.1%} of the images lie where real ones lie",
          "look whether they are pictures of the data set that they are compared with"),
)


def diagnose(numbers: Mapping[str, Any], rows: Sequence[Mapping[str, float]] = ()) -> list[Finding]:
    """Returns what is wrong, worst first; nothing for healthy images.

    Args:
        numbers: as `Benchmark.measure` gives; those that are absent are not judged.
        rows: the last of log.csv, as `read_log` gives; none for images without a run.
    """
    trusted = numbers.get("precision", 1.0) >= TRUSTED
    if trusted and "matched_roughness" in numbers:
        numbers = {**numbers, "roughness": numbers["matched_roughness"]}
    past: dict[str, Finding] = {}
    for limit in LIMITS:
        number = numbers.get(limit.key)
        if number is not None and limit.past(number, limit.limit) and limit.verdict not in past:
            past[limit.verdict] = Finding(limit.verdict, limit.evidence.format(number=number), limit.advice)
    missing = _missing(numbers) if "missing" in numbers else []
    found = [*_log_findings(rows), *(missing if trusted else ()), *past.values(), *(() if trusted else missing)]
    # Where nothing has been learned, or all is lost, the rest only repeats it.
    return next(([finding] for finding in found if finding.verdict in ("diverged", "not trained yet")), found)


def warn(numbers: Mapping[str, Any], logs: Mapping[str, float]) -> list[str]:
    """Returns sentences about trouble that shows while a run is training."""
    return [f"{finding.verdict}: {finding.evidence}; {finding.advice}." for finding in diagnose(numbers, [logs])]


def in_words(findings: Sequence[Finding]) -> str:
    """Returns the verdict as text for the screen."""
    if not findings:
        return "Verdict: healthy."
    lines = (f"  {finding.verdict}: {finding.evidence}.\n    Advice: {finding.advice}." for finding in findings)
    return "\n".join(["Verdict: not healthy.", *lines])


def read_log(file: Path | None, step: int | None = None) -> list[dict[str, float]]:
    """Returns a run's last LAST_ROWS log rows up to `step`; none where there is no log."""
    rows = [] if file is None else log.read(file)
    return [row for row in rows if step is None or row["step"] <= step][-LAST_ROWS:]


def _log_findings(rows: Sequence[Mapping[str, float]]) -> list[Finding]:
    if not rows:
        return []
    lost = [name for name in ("d_loss", "g_loss") if not np.isfinite(rows[-1][name])]
    if lost:
        return [Finding("diverged", f"{' and '.join(lost)} is no number any more",
                        "go back to an earlier checkpoint by --step, and lower both rates")]
    real, fake = (float(np.mean([row[name] for row in rows])) for name in ("D(x)", "D(G(z))"))
    if real > SURE and fake < 1 - SURE:
        return [Finding("discriminator saturated", f"D(x) is {real:.3f} and D(G(z)) {fake:.3f}",
                        "lower --d_learning_rate, or raise --dropout: the generator gets no gradient from a "
                        "discriminator that is sure")]
    return []


def _missing(numbers: Mapping[str, Any]) -> list[Finding]:
    if not numbers["missing"]:
        return []
    classes = ", ".join(map(str, numbers["missing"]))
    return [Finding("missing modes", f"of the classes {classes} hardly any image is drawn",
                    "train longer, or lower the discriminator's rate: it lets the generator get away with few kinds")]
