"""Baseline image sets: PCA-Gaussian samples, the mean image, uniform noise."""

import numpy as np

COMPONENTS = 100  # of the PCA-Gaussian: as many as Li et al. 2018 take
LARGEST = 2**27  # values of training images from which they are found
PART = 2**22  # values that are drawn at once, as float64


def pca_gaussian(train: np.ndarray, count: int) -> np.ndarray:
    """Draws uint8 images from a Gaussian in the space of COMPONENTS principal components of the training images."""
    from sklearn.decomposition import PCA

    shape, size = train.shape[1:], int(np.prod(train.shape[1:]))
    train = subset(train, LARGEST // size).reshape(-1, size)
    components = min(COMPONENTS, *train.shape)
    pca = PCA(components, copy=False, random_state=0).fit(train.astype(np.float32))
    scores = np.random.default_rng(0).normal(size=(count, components)) * np.sqrt(pca.explained_variance_)
    drawn = np.empty((count, size), np.uint8)
    for part in np.array_split(np.arange(count), count * size // PART + 1):
        drawn[part] = pca.inverse_transform(scores[part]).round().clip(0, 255)
    return drawn.reshape(count, *shape)


def mean_image(train: np.ndarray, count: int) -> np.ndarray:
    """Repeats the training images' mean."""
    return np.repeat(train.mean(axis=0, keepdims=True).round().astype(np.uint8), count, axis=0)


def uniform_noise(shape: tuple[int, ...]) -> np.ndarray:
    """Draws every pixel alike, from 0 to 255."""
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def subset(images: np.ndarray, count: int) -> np.ndarray:
    """Picks at most `count` images at random, always the same."""
    if len(images) <= count:
        return images
    return images[np.sort(np.random.default_rng(0).permutation(len(images))[:count])]
