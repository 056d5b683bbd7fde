"""PCA as a generator, fitted to images whose components are known."""

import numpy as np
import pytest

from kgan import models
from kgan.recipe import Recipe


@pytest.fixture(scope="module")
def fitted():
    """Images whose pixels lie on two lines through their mean, the generator fitted to them, and the scores."""
    generator = np.random.default_rng(0)
    scores = generator.uniform(-1, 1, (500, 2)) * [60, 20]
    directions = np.linalg.qr(generator.normal(size=(16, 2)))[0].T
    images = (128 + scores @ directions).round().astype(np.uint8).reshape(500, 4, 4, 1)
    recipe = Recipe(model="pca", image_size=4, channels=1, latent_dim=2)
    return images, models.fit_generator(images, recipe)


def test_pca_decodes_the_components_of_the_data(fitted):
    """Against NumPy's eigenvectors of the covariance: same plane, same mean, same score ranges."""
    images, network = fitted
    flat = images.reshape(500, 16) / 127.5 - 1
    top = np.linalg.eigh(np.cov(flat.T)).eigenvectors[:, ::-1][:, :2].T
    low, high, kernel, bias = network.get_weights()
    np.testing.assert_allclose(bias, flat.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(np.abs(kernel @ top.T), np.eye(2), atol=1e-3)
    scores = (flat - flat.mean(axis=0)) @ kernel.T
    np.testing.assert_allclose(low, scores.min(axis=0), atol=1e-4)
    np.testing.assert_allclose(high, scores.max(axis=0), atol=1e-4)


def test_pca_latent_is_uniform_over_the_ranges(fitted):
    _, network = fitted
    low, high, kernel, bias = network.get_weights()
    z = np.array([[0.0, 0.0], [-9.0, 9.0], [0.6744898, -0.6744898]], np.float32)  # Φ: 1/2; 0 and 1; 3/4 and 1/4
    shares = np.array([[0.5, 0.5], [0, 1], [0.75, 0.25]])
    expected = np.clip((low + (high - low) * shares) @ kernel + bias, -1, 1)
    np.testing.assert_allclose(network(z, training=False).numpy().reshape(3, 16), expected, atol=1e-5)


def test_pca_needs_as_many_images_as_components(fitted):
    recipe = models.recipe("pca").override(image_size=4, latent_dim=10)
    with pytest.raises(ValueError, match="latent_dim=10 components need as many images and pixels; there are 3 images"):
        models.fit_generator(fitted[0][:3], recipe)


def test_pca_subsamples_what_is_too_large(fitted, monkeypatch):
    monkeypatch.setattr(models._module("pca"), "LARGEST", 100 * 16)
    recipe = Recipe(model="pca", image_size=4, channels=1, latent_dim=2)
    some = models.fit_generator(fitted[0], recipe).get_weights()
    assert not np.array_equal(some[2], fitted[1].get_weights()[2])
    np.testing.assert_allclose(np.abs(some[2] @ fitted[1].get_weights()[2].T), np.eye(2), atol=0.05)
