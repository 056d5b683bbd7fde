"""Classifier score: the Inception score with the judge in Inception's place.

Source: Salimans et al. 2016, "Improved techniques for training GANs" (arXiv:1606.03498), section 4.
"""

import numpy as np
from scipy.special import rel_entr


def classifier_score(probabilities: np.ndarray) -> float:
    """Returns exp E KL(p(y|x) ‖ p(y)) over the whole set, (n, classes): from 1 to the number of classes."""
    probabilities = np.asarray(probabilities, np.float64)
    return float(np.exp(rel_entr(probabilities, probabilities.mean(axis=0)).sum(axis=1).mean()))
