"""Modes: which classes a generator draws, and how evenly.

Source: the mode counts of Metz et al. 2017, "Unrolled GANs" (arXiv:1611.02163), section 3.3, on the data set's own
classes.
"""

from typing import Any

import numpy as np
from scipy.stats import binom, entropy

SHARE = 0.01  # of all images, from which a class counts as drawn
THIN = 0.5  # of its share among real images, below which a class is thin
CHANCE = 4.0  # standard errors that the difference must pass: by chance one class in 30,000 does
IMPROBABLE = 1e-6  # as probable as six standard deviations, so few images of any class are drawn by chance


def numbers(classes: np.ndarray, real: np.ndarray, trained: np.ndarray) -> dict[str, Any]:
    """Returns all numbers about classes of generated images, (n,), as a judge sees them.

    `real` are shares among real images as it sees them, `trained` those of the labels trained on, (classes,) each.
    """
    drawn = shares(classes, len(trained))
    return {"modes": modes(drawn, trained), "class_kl": class_kl(drawn, trained), "shares": drawn.tolist(),
            "real_shares": real.tolist(), "missing": missing(drawn, real, trained, len(classes)),
            "thin": thin(drawn, real, trained, len(classes))}


def shares(classes: np.ndarray, count: int) -> np.ndarray:
    """Returns the share of each of `count` classes in `classes`, (n,) integers; sums to 1."""
    return np.bincount(classes, minlength=count) / len(classes)


def missing(drawn: np.ndarray, real: np.ndarray, trained: np.ndarray, count: int) -> list[int]:
    """Returns the classes that are hardly drawn: less than `least` of the images.

    So few of any class must also be IMPROBABLE among `count` images of which each class has the smaller of its shares.
    """
    by_chance = len(trained) * binom.cdf(np.round(drawn * count), count, np.minimum(real, trained))
    return np.flatnonzero((drawn < least(trained)) & (by_chance < IMPROBABLE)).tolist()


def thin(drawn: np.ndarray, real: np.ndarray, trained: np.ndarray, count: int) -> list[int]:
    """Returns the classes whose share is less than THIN of that among real images, but which aren't `missing`.

    The difference must also pass CHANCE standard errors of the difference between two sets of `count` images.
    """
    error = np.sqrt(2 * real * (1 - real) / count)
    return np.flatnonzero((drawn < THIN * real) & (real - drawn > CHANCE * error) & (drawn >= least(trained))).tolist()


def modes(drawn: np.ndarray, trained: np.ndarray) -> int:
    """Returns how many of the classes that are trained on are drawn: at least `least` of the images."""
    return int(np.sum((drawn >= least(trained)) & (trained > 0)))


def least(trained: np.ndarray) -> np.ndarray:
    """Returns the share from which each class counts as drawn: SHARE, or a tenth of its share in training if less."""
    return np.minimum(SHARE, trained / 10)


def class_kl(drawn: np.ndarray, trained: np.ndarray) -> float:
    """KL(generated class histogram ‖ training class histogram), in nats; inf where a class is new."""
    return float(entropy(drawn, trained))
