"""The two-sample test by nearest neighbours: can generated images be told from real ones?

Source: Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests" (arXiv:1610.06545); with one neighbour, left
out one at a time, as Xu et al. 2018, "An empirical study on evaluation metrics of GANs" (arXiv:1806.07755).
"""

from typing import NamedTuple

import numpy as np

from kgan.metrics.neighbours import nearest

PERMUTATIONS = 200


class TwoSample(NamedTuple):
    """Accuracy of the 1-nearest neighbour, from 0 to 1, and its spread where labels mean nothing."""

    accuracy: float  # about 1/2: the sets can't be told apart; 1: no image has its nearest in the other set
    spread: float  # standard deviation under random labels


def two_sample(real: np.ndarray, fake: np.ndarray, seed: int = 0) -> TwoSample:
    """Tells of each feature vector, (n, d) and (m, d), whether its nearest other one is of its own set.

    The spread is that of PERMUTATIONS random labellings of the same neighbours.
    """
    _, neighbours = nearest(*[np.concatenate([real, fake])] * 2, itself=True)
    labels = np.arange(len(neighbours)) < len(real)
    random = np.random.default_rng(seed)
    by_chance = []
    for _ in range(PERMUTATIONS):
        mixed = random.permutation(labels)
        by_chance.append(np.mean(mixed == mixed[neighbours]))
    return TwoSample(float(np.mean(labels == labels[neighbours])), float(np.std(by_chance)))
