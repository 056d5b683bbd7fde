"""Modes: which classes a generator draws, and how evenly.

Source: the mode counts of Metz et al. 2017, "Unrolled GANs" (arXiv:1611.02163), section 3.3, on the data set's own
classes.
"""

import numpy as np
from scipy.stats import entropy

SHARE = 0.01  # of all images, from which a class counts as drawn


def shares(classes: np.ndarray, count: int) -> np.ndarray:
    """Returns the share of each of `count` classes in `classes`, (n,) integers; sums to 1."""
    return np.bincount(classes, minlength=count) / len(classes)


def missing(drawn: np.ndarray, trained: np.ndarray) -> list[int]:
    """Returns the classes that are hardly drawn: less than `least` of the images."""
    return np.flatnonzero(drawn < least(trained)).tolist()


def modes(drawn: np.ndarray, trained: np.ndarray) -> int:
    """Returns how many of the classes that are trained on are drawn: at least `least` of the images."""
    return int(np.sum((drawn >= least(trained)) & (trained > 0)))


def least(trained: np.ndarray) -> np.ndarray:
    """Returns the share from which each class counts as drawn: SHARE, or a tenth of its share in training if less."""
    return np.minimum(SHARE, trained / 10)


def class_kl(drawn: np.ndarray, trained: np.ndarray) -> float:
    """KL(generated class histogram ‖ training class histogram), in nats; inf where a class is new."""
    return float(entropy(drawn, trained))
