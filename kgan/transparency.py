"""Transparency: pictures of colour and alpha as they look on white."""

import numpy as np


def over_white(images: np.ndarray) -> np.ndarray:
    """Lays uint8 images, (n, H, W, C), over white: four channels become three, two become one; others stay.

    Porter & Duff 1984, "over": α c + (1 - α) 255, rounded; colour is not premultiplied by alpha.
    """
    if images.shape[3] not in (2, 4):
        return images
    colour, alpha = images[..., :-1].astype(np.uint16), images[..., -1:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
