import keras
import numpy as np
import pytest

from kgan.runtime.errors import UserError
from kgan.scoring import inception


def test_features_are_inceptions_pooled_ones_of_grey_and_colour(monkeypatch):
    network = keras.applications.InceptionV3

    def untrained(**kwargs):
        assert kwargs.pop("weights") == "imagenet"
        return network(weights=None, **kwargs)

    monkeypatch.setattr(keras.applications, "InceptionV3", untrained)
    extract = inception.extractor()
    grey = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1)).astype(np.uint8)
    features = extract(grey)
    assert (features.shape, features.dtype) == ((2, 2048), np.float32)
    np.testing.assert_allclose(extract(np.repeat(grey, 3, axis=-1)), features, rtol=1e-4, atol=1e-6)


def test_weights_that_cannot_be_had_are_said_so(monkeypatch):
    def refuse(**_):
        raise OSError("no route\nto the host")

    monkeypatch.setattr(keras.applications, "InceptionV3", refuse)
    with pytest.raises(UserError, match=r"FID needs Inception's weights, which can't be had \(no route\); "):
        inception.extractor()
