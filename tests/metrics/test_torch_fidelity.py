"""torch-fidelity's numbers on the same features, where it is installed: pip install torch torch-fidelity."""

import numpy as np
import pytest

from kgan.metrics import frechet, kid, manifold, score

pytest.importorskip("torch_fidelity")

import torch
from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc


@pytest.fixture
def features():
    """Two sets of 1,500 correlated vectors of 24 values, some of them 0 as a ReLU leaves them."""
    random = np.random.default_rng(0)
    mix = random.normal(size=(24, 24))
    return [np.maximum(random.normal(shift, 1, (1500, 24)) @ mix, 0).astype(np.float32) for shift in (0.0, 0.2)]


def test_frechet_distance(features):
    statistics = [metric_fid.fid_features_to_statistics(torch.tensor(one)) for one in features]
    theirs = metric_fid.fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
    assert frechet.frechet(*features) == pytest.approx(theirs, rel=1e-5)


def test_kernel_distance(features):
    theirs = metric_kid.kid_features_to_metric(*map(torch.tensor, features), kid_subsets=1, kid_subset_size=1500,
                                               kid_kernel="poly", verbose=False)["kernel_inception_distance_mean"]
    assert kid.kernel_distance(*features, subsets=1, size=1500).mean == pytest.approx(theirs, rel=1e-5)


def test_precision_and_recall(features):
    real, fake = features
    theirs = metric_prc.prc_features_to_metric(torch.tensor(fake), torch.tensor(real), prc_neighborhood=3,
                                               verbose=False)
    ours = manifold.manifold(real, fake)
    assert [ours.precision, ours.recall] == pytest.approx([theirs["precision"], theirs["recall"]], abs=1e-5)


def test_score(features):
    logits = features[0][:, :10]
    theirs = metric_isc.isc_features_to_metric(torch.tensor(logits), splits=1)["inception_score_mean"]
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    assert score.classifier_score(probabilities) == pytest.approx(theirs, rel=1e-5)
