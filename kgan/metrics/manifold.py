"""Precision, recall, density and coverage: how far two sets lie inside each other.

Sources: Kynkäänniemi et al. 2019, "Improved precision and recall metric" (arXiv:1904.06991), equations 1 and 2, k = 3;
Naeem et al. 2020, "Reliable fidelity and diversity metrics" (arXiv:2002.09797), equations 3 and 4, k = 5.
"""

from typing import NamedTuple

import numpy as np

from kgan.metrics.neighbours import distances, kth_distances


class Manifold(NamedTuple):
    """Shares of images, but for density, which may exceed 1.

    Identical sets give 1 four times; where they hold copies, but for density, which is then near 1. Equal distributions
    give a coverage of 1 - 2⁻ᵏ (0.969).
    """

    precision: float  # fakes inside a real's ball of k = 3 neighbours
    recall: float  # reals inside a fake's ball of k = 3 neighbours
    density: float  # real balls of k = 5 around a fake, over k
    coverage: float  # reals with a fake in their ball of k = 5


def manifold(real: np.ndarray, fake: np.ndarray, k: int = 3, k_density: int = 5) -> Manifold:
    """Compares two feature sets, (n, d) and (m, d); a ball is open, so that a fake on its edge is outside.

    A ball of radius 0, which k copies of its centre give, holds copies of it.
    """
    real_radii, wide_radii = kth_distances(real, k, k_density)
    (fake_radii,) = kth_distances(fake, k)
    precise = np.zeros(len(fake), bool)
    recalled = np.zeros(len(real), bool)
    covered = np.zeros(len(real), bool)
    inside = 0
    for rows, block in distances(real, fake):
        precise |= _inside(block, real_radii[rows, None]).any(axis=0)
        recalled[rows] = _inside(block, fake_radii).any(axis=1)
        within = _inside(block, wide_radii[rows, None])
        inside += int(within.sum())
        covered[rows] = within.any(axis=1)
    return Manifold(float(precise.mean()), float(recalled.mean()), inside / (k_density * len(fake)),
                    float(covered.mean()))


def _inside(distances: np.ndarray, radii: np.ndarray) -> np.ndarray:
    return (distances < radii) | ((distances == 0) & (radii == 0))
