import numpy as np
import pytest
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from kgan.metrics.two_sample import two_sample


def test_accuracy_is_scikit_learns_left_one_out():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(40, 3)), random.normal(0.7, 1, size=(30, 3))
    labels = np.arange(70) < 40
    accuracy = cross_val_score(KNeighborsClassifier(1), np.concatenate([real, fake]), labels, cv=LeaveOneOut()).mean()
    assert two_sample(real, fake).accuracy == pytest.approx(accuracy)


def test_equal_distributions_are_at_chance_and_others_are_not():
    random = np.random.default_rng(0)
    real, same, other = (random.normal(mean, 1, (500, 8)) for mean in (0, 0, 2))
    found = two_sample(real, same)
    assert found.accuracy == pytest.approx(0.5, abs=4 * found.spread)
    # Many are each other's nearest, and right or wrong together: more than the binomial's.
    assert found.spread == pytest.approx(1.35 * np.sqrt(0.25 / 1000), rel=0.25)
    assert two_sample(real, other).accuracy > 0.95
    assert two_sample(real, real.mean(axis=0, keepdims=True).repeat(500, axis=0)).accuracy > 0.9
