import numpy as np
import pytest

from kgan.metrics.clusters import CLUSTERS, Clusters

MEANS = 100.0 * np.eye(CLUSTERS)


def _features(shares, n):
    random = np.random.default_rng(0)
    return MEANS[np.repeat(np.arange(len(shares)), np.multiply(shares, n).round().astype(int))] + random.normal(
        size=(n, CLUSTERS))


def test_shares_of_clusters_are_compared_by_hand():
    clusters = Clusters(_features([0.1] * 10, 300))
    found = clusters.numbers(_features([0.1] * 10, 200))
    assert found == {"cluster_kl": pytest.approx(0, abs=1e-9), "missed": 0}
    found = clusters.numbers(_features([0.5, 0.48, 0.02], 100).astype(np.float32))
    assert found["cluster_kl"] == pytest.approx(0.5 * np.log(5) + 0.48 * np.log(4.8) + 0.02 * np.log(0.2))
    assert found["missed"] == pytest.approx(0.8)  # seven of which none is drawn, and one with a fifth of its share


def test_few_images_have_few_clusters_or_none():
    assert Clusters(_features([0.1] * 10, 20)).count == 4
    assert Clusters(np.zeros((9, 3))).numbers(np.zeros((9, 3))) == {"cluster_kl": None, "missed": None}
