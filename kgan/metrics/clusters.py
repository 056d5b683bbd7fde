"""Clusters: without labels, are all parts of the data drawn, and each as often as it occurs?

Source: the bins of Richardson & Weiss 2018, "On GANs and GMMs" (arXiv:1805.12462), section 3.1, found by k-means among
real images; here in a judge's features, and compared as the classes of `metrics.modes` are.
"""

from typing import Any

import numpy as np

from kgan.metrics.modes import class_kl, shares

CLUSTERS = 10
SMALLEST = 5  # real images of a cluster, on average
HARDLY = 0.25  # of its share among real images, below which hardly any of a cluster is drawn


class Clusters:
    """Clusters of real images' features, (n, d). There are none where these are fewer than 2·SMALLEST, or all alike."""

    def __init__(self, features: np.ndarray) -> None:
        from sklearn.cluster import KMeans

        self.count = min(CLUSTERS, len(features) // SMALLEST, len(np.unique(features, axis=0)))
        if self.count >= 2:
            self.means = KMeans(self.count, n_init=4, random_state=0).fit(features)
            self.real = shares(self.means.labels_, self.count)

    def numbers(self, features: np.ndarray) -> dict[str, Any]:
        """Returns KL(shares of generated images ‖ shares of real ones), in nats, and how many real images are missed.

        `missed` is the share of the real images that are of clusters of which hardly any image is drawn.
        """
        if self.count < 2:
            return {"cluster_kl": None, "missed": None}
        drawn = shares(self.means.predict(np.asarray(features, self.means.cluster_centers_.dtype)), self.count)
        return {"cluster_kl": class_kl(drawn, self.real), "missed": float(self.real[drawn < HARDLY * self.real].sum())}
