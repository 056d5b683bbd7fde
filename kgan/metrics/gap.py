"""How far a discriminator remembers the images that it was trained on."""

import numpy as np

STEADY = 10.0  # standard errors; so the number's own is below 0.1 where the number is from 0 to 1


def gap(train: np.ndarray, unseen: np.ndarray, fake: np.ndarray, steady: float = STEADY) -> float | None:
    """(mean D(train) - mean D(unseen)) / (mean D(train) - mean D(fake)), of logits, (n,) each.

    0: unseen real images are judged like those that D was trained on; 1: like generated ones. Karras et al. 2020,
    "Training generative adversarial networks with limited data" (arXiv:2006.06676), equation 1, r_v.

    None where the denominator is not more than `steady` times the standard error of the three means, the root of the
    sum of their squares: D hardly tells training images from generated ones then, and the ratio is noise.
    """
    means = [np.mean(logits, dtype=np.float64) for logits in (train, unseen, fake)]
    error = np.sqrt(sum(np.var(logits, dtype=np.float64) / len(logits) for logits in (train, unseen, fake)))
    denominator = means[0] - means[2]
    return float((means[0] - means[1]) / denominator) if denominator > steady * error else None
