"""Inception's features, for true FID.

Source: Heusel et al. 2017 (arXiv:1706.08500), section 4: the 2,048 values of Inception-v3's last pooling layer. The
weights are those of `keras.applications`, not of the graph of 2015 that papers used: their FIDs are near, not equal.
"""

from collections.abc import Callable

import numpy as np

from kgan.runtime.errors import UserError, reason

SIZE = 299


def extractor() -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from uint8 images, (n, H, W, C), to features, float32 (n, 2048).

    Raises:
        UserError: the weights are not on the disk and can't be downloaded.
    """
    import keras
    import tensorflow as tf

    from kgan.images import to_float

    try:
        model = keras.applications.InceptionV3(include_top=False, pooling="avg", weights="imagenet")
    except Exception as error:  # whatever a download can raise: Keras documents no type
        raise UserError(f"FID needs Inception's weights, which can't be had ({reason(error)}); connect once and run "
                        "this again, or leave --fid out: FCD needs no download.") from error

    def look(images: np.ndarray) -> np.ndarray:
        resized = tf.image.resize(to_float(images), (SIZE, SIZE), "bicubic", antialias=True)
        return model(tf.broadcast_to(resized, (*resized.shape[:3], 3)), training=False).numpy()

    return lambda images: np.concatenate([look(images[start:start + 50]) for start in range(0, len(images), 50)])
