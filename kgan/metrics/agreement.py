"""Label agreement: do a conditional generator's images show the classes that were asked?"""

import numpy as np


def agreement(seen: np.ndarray, asked: np.ndarray) -> float:
    """Returns the share of images that a classifier takes for the class that was asked, from 0 to 1.

    1/n Σ [seen_i = asked_i]: GAN-test of Shmelkov, Schmid & Alahari 2018 (arXiv:1807.09499), whose classifier learns
    from real images. Of real images it is the classifier's accuracy.

    Args:
        seen: the classifier's class of each image, (n,).
        asked: the class that each was to show, (n,).

    Raises:
        ValueError: they differ in shape.
    """
    if seen.shape != asked.shape:
        raise ValueError(f"{seen.shape} classes were seen, and {asked.shape} asked")
    return float(np.mean(seen == asked))
