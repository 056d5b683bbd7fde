"""In which range somebody's images are, and from there to uint8."""

from typing import NamedTuple

import numpy as np

from kgan.runtime.errors import UserError

SLACK = 0.01  # of a range's width, by which values may be outside


class Range(NamedTuple):
    """Values that stand for black and white."""

    low: float
    high: float

    def holds(self, images: np.ndarray) -> bool:
        """Tells whether images, floats, can be in it: no value outside, and of [0, 255] some above 2."""
        slack = SLACK * (self.high - self.low)
        return bool(images.min() >= self.low - slack and images.max() <= self.high + slack
                    and (self.high < 255 or images.max() > 2))


KNOWN = (Range(0.0, 1.0), Range(-1.0, 1.0), Range(0.0, 255.0))  # the narrowest first


def find_range(images: np.ndarray) -> Range:
    """Returns the narrowest known range that holds images, (n, H, W) or (n, H, W, C) of 1, 3 or 4 channels.

    Raises:
        UserError: they are of another shape or type, or in none.
    """
    if images.ndim not in (3, 4) or not images.size or (images.ndim == 4 and images.shape[3] not in (1, 3, 4)):
        raise UserError(f"images are of shape {images.shape}; give (n, H, W), or (n, H, W, C) of 1, 3 or 4 channels.")
    if images.dtype == np.uint8:
        return KNOWN[2]
    if images.dtype.kind != "f" or not np.isfinite(images).all():
        raise UserError(f"images are {images.dtype}{', with NaN or infinity' if images.dtype.kind == 'f' else ''}; "
                        "give uint8, or floats in [-1, 1], [0, 1] or [0, 255].")
    if (known := next((one for one in KNOWN if one.holds(images)), None)) is not None:
        return known
    raise UserError(f"images are in [{images.min():.3g}, {images.max():.3g}]; give uint8, or floats in [-1, 1], [0, 1] "
                    "or [0, 255].")


def likeliest(drawn: np.ndarray, real: Range) -> Range:
    """Returns the range that a generator's finite floats are in: the real images' if it can be, else another.

    Outputs without bounds may lie outside all of them.
    """
    known = next((one for one in (real, *KNOWN) if one.holds(drawn)), None)
    return known or (KNOWN[1] if drawn.min() < -SLACK and real.high > 1 else real)


def as_uint8(images: np.ndarray, known: Range) -> np.ndarray:
    """Returns images as uint8, (n, H, W, C); values outside the range are clipped."""
    images = images[..., None] if images.ndim == 3 else images
    if images.dtype == np.uint8:
        return images
    share = (images.astype(np.float32) - known.low) / (known.high - known.low)
    return np.round(255 * np.clip(share, 0, 1)).astype(np.uint8)
