"""Checkerboard: the grid of dots that strided transposed convolutions draw, as peaks of the pictures' spectrum.

Odena et al. 2016, "Deconvolution and Checkerboard Artifacts" (https://distill.pub/2016/deconv-checkerboard), shows
where it comes from; Durall et al. 2020 (arXiv:2003.01826), that spectra tell. A ratio to real pictures' energy
would say little where these were enlarged and have next to none of their own: so the unit is chance.
"""

from typing import NamedTuple

import numpy as np
from scipy import fft

from kgan.metrics.neighbours import parts
from kgan.transparency import over_white

PERIODS = (2, 4, 8)  # pixels: those of the last three doublings of the size
FIT = 4  # times that a period must fit into the shorter side, or there are no frequencies beside it
NEAR, BESIDE = 1.5, 3.5  # frequencies around a period's own that are its band; and up to here, its neighbours
PEAK = 1.1  # times the energy beside it that a grid has at least: of noise both are the same, but for chance


class Checkerboard(NamedTuple):
    """How far the share of energy at a period stands out, and that period, in pixels; None where it can't be told."""

    checkerboard: float | None
    checkerboard_period: int | None


def checkerboard(images: np.ndarray, real: np.ndarray) -> Checkerboard:
    """Returns by how much the period that stands out most does so: below 0, but for chance, for other real pictures.

    The share of a period is that of the energy of the grey picture without its mean in the rows and columns of its
    spectrum around the period, three each. From the images' mean share that of the real ones is subtracted, or, where
    that is more, PEAK times that of as many frequencies beside it in the images' own spectrum: noise and blur are no
    grid. The unit is 2 S/√n, where S is the standard deviation of the share among the real pictures: the spread of the
    difference between two halves of n.

    Args:
        images: uint8, (n, H, W, C); with alpha, as they look on white.
        real: uint8, (n, H, W, C); of another number m, the unit is S √(2/n + 2/m).
    """
    return compared(shares(images), shares(real))


def compared(seen: np.ndarray, known: np.ndarray) -> Checkerboard:
    """Returns `checkerboard` of images whose `shares` are `seen`, beside real ones whose are `known`."""
    unit = known[:, 0].std(axis=0) * np.sqrt(2 / len(seen) + 2 / len(known))
    if not (len(unit) and unit.all()):  # no period fits, or all real pictures are alike
        return Checkerboard(None, None)
    own, beside = seen.mean(axis=0)
    out = (own - np.maximum(known[:, 0].mean(axis=0), PEAK * beside)) / unit
    return Checkerboard(float(out.max()), PERIODS[int(out.argmax())])


def shares(images: np.ndarray) -> np.ndarray:
    """Returns each image's share of energy at each period, and at as many frequencies beside it: (n, 2, periods).

    Of PERIODS, the first that fit; none where the shorter side is below 8 pixels.
    """
    periods = [period for period in PERIODS if FIT * period <= min(images.shape[1:3])]
    if not periods:
        return np.zeros((len(images), 2, 0))
    masks = np.stack([_masks(images.shape[1:3], period) for period in periods], axis=1)
    found = np.zeros((len(images), *masks.shape[:2]))
    for rows in parts(images):
        grey = over_white(images[rows]).mean(axis=3, dtype=np.float32)
        energy = np.abs(fft.fft2(grey - grey.mean(axis=(1, 2), keepdims=True)))**2
        total = energy.sum(axis=(1, 2))
        found[rows][total > 0] = np.tensordot(energy, masks, ((1, 2), (2, 3)))[total > 0] / total[total > 0, None, None]
    return found


def _masks(size: tuple[int, int], period: int) -> np.ndarray:
    """Marks the band of a period in a spectrum, and what is beside it, weighted to as many: float32 (2, H, W)."""
    away = [np.abs(np.abs(fft.fftfreq(side)) * side - side / period) for side in size]  # in waves a side
    band, wider = (np.logical_or.outer(*(one < most for one in away)) for most in (NEAR, BESIDE))
    beside = wider & ~band
    return np.stack([band, beside * (band.sum() / beside.sum())]).astype(np.float32)
