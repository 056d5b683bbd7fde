"""PCA as a generator: 100 principal components, decoded linearly from a uniform latent.

Source: A. Li, L. Luo, T. Gu, "Image Generation Using Generative Adversarial Nets", section 4.1.

`*` in the table: the paper's own. There is no discriminator and no training: the dense layer's kernel holds the
components, its bias the mean image. Keras counts them as trainable all the same.

Recipes:
    default: 100 components

Not in the paper:
    uniform distribution of z: over the range of each component's scores in the data. It lives inside the network,
        behind Φ, so that z is normal here as everywhere; `--z_prior` has no effect. The extremes of 60,000 scores lie
        far out: for normal ones at some ±4.3 standard deviations, which makes a component 2.5 times as wide as the
        data's
    mean image: added (ours)
    range: clipped to [-1, 1] (ours)
    many images: where they hold more than 2²⁸ values, a random subset of that many is decomposed (ours)

Differs from the paper:
    nothing that it says

Results: docs/results/runs.md#pca
"""

import math

import keras
import numpy as np
from keras import layers

from kgan.images import to_float
from kgan.layers import NormalToUniform
from kgan.recipe import Recipe
from kgan.runtime.errors import UserError

LARGEST = 2**28  # values to decompose: 1 GB of float32


def build_generator(recipe: Recipe) -> keras.Model:
    """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1].

    Layers::

        Generator        Output    Params
        z ~ N(0, 1)      100*
        NormalToUniform  100*         200
        Dense            784       79,184
        Clip to [-1, 1]  784
        Reshape          28×28×1*
        Total                      79,384
        Trainable                  79,184
    """
    z = keras.Input((recipe.latent_dim,), name="z")
    x = NormalToUniform(dtype="float32")(z)
    x = layers.Dense(math.prod(recipe.image_shape), dtype="float32")(x)
    x = layers.Activation("hard_tanh", dtype="float32")(x)
    image = layers.Reshape(recipe.image_shape, dtype="float32")(x)
    return keras.Model(z, image, name="generator")


def fit_generator(images: np.ndarray, recipe: Recipe) -> keras.Model:
    """Returns the generator whose components, mean and ranges are those of `images`, uint8 (n, H, W, C).

    Raises:
        UserError: there are fewer images, or fewer pixels, than components.
    """
    from sklearn.decomposition import PCA

    values = math.prod(images.shape[1:])
    if images.size > LARGEST:
        some = np.random.default_rng(recipe.seed).choice(len(images), LARGEST // values, replace=False)
        images = images[np.sort(some)]
    if recipe.latent_dim > min(len(images), values):
        raise UserError(f"latent_dim={recipe.latent_dim} components need as many images and pixels; there are "
                        f"{len(images):,} images of {values:,} values that fit into memory.")
    pca = PCA(recipe.latent_dim, random_state=recipe.seed)
    scores = pca.fit_transform(to_float(images).numpy().reshape(len(images), values))
    generator = build_generator(recipe)
    generator.set_weights([scores.min(axis=0), scores.max(axis=0), pca.components_, pca.mean_])
    return generator


RECIPE = Recipe(model="pca", dataset="mnist", image_size=28, channels=1, latent_dim=100)
