"""Drawing images from a generator: by seeds, by z, and by labels where it takes them."""

import math
from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import images as images_lib
from kgan import latent
from kgan.layers import ClusterByLatent
from kgan.layers.progressive import PixelNorm
from kgan.runtime.errors import UserError

MOST = 1_000_000  # images at once


def generate(generator: keras.Model, seeds: Sequence[int], labels: Sequence[int] | np.ndarray | None = None,
             batch_size: int = 64, *, truncation: float = 1.0) -> np.ndarray:
    """Draws uint8 images, (len(seeds), H, W, C), from moving batch-norm statistics; labels as `GAN.generate`.

    `truncation` is ψ of `latent_scale`.
    """
    return draw(renderer(generator), generator, seeds, labels, batch_size, truncation=truncation)


def latent_scale(generator: keras.Model, truncation: float) -> np.ndarray:
    """Returns what z is multiplied by for a truncation of ψ, in [0, 1]: float32, (latent_dim,).

    It is ψ but for the values of z that are `kept`. Pictures of a smaller ψ are more alike, and likelier to be good:
    Brock et al. 2019 (arXiv:1809.11096), section 3.1, draw anew what lies far out; z is scaled as by Kingma & Dhariwal
    2018 (arXiv:1807.03039), section 6, who call ψ the temperature.

    Raises:
        UserError: ψ isn't in [0, 1]; or it is below 1, and z's length says nothing to the generator.
    """
    scale = np.ones(latent.dimension(generator), np.float32)
    if isinstance(truncation, bool) or not isinstance(truncation, int | float | np.number) or not 0 <= truncation <= 1:
        raise UserError(f"truncation={truncation!r} must be a number from 0, the most alike, to 1, as trained.")
    if truncation < 1 and (count := kept(generator)) == len(scale):
        raise UserError(f"truncation={truncation} can change nothing here: this generator brings every z to one length "
                        "(PixelNorm); leave the truncation out.")
    if truncation < 1:
        scale[count:] = truncation
    return scale


def kept(generator: keras.Model) -> int:
    """Returns how many values of z, from the first on, truncation leaves as they are.

    The one that chooses a cluster, so that all clusters are drawn as often as before; all, where z is normalised.
    """
    z = generator.inputs[0]
    if any(isinstance(layer, PixelNorm) and layer.input is z for layer in generator.layers):
        return latent.dimension(generator)
    return 0 if ClusterByLatent.of(generator) is None else 1


def renderer(generator: keras.Model) -> Callable[..., tf.Tensor]:
    """Returns the function of z, (n, latent_dim), and labels if it takes any, to uint8 images, compiled.

    It raises as `as_uint8` says.
    """
    return as_uint8(lambda *inputs: generator(list(inputs) if len(inputs) > 1 else inputs[0], training=False))


def as_uint8(function: Callable[..., tf.Tensor], input_signature: Any = None) -> Callable[..., tf.Tensor]:
    """Returns a function that gives float images as one that gives uint8 images, compiled.

    What is returned raises UserError where a value is NaN or infinite: as uint8 it would be a black pixel like others.
    """
    @tf.function(input_signature=input_signature)
    def drawn(*inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        floats = function(*inputs)
        return images_lib.to_uint8(floats), tf.reduce_all(tf.math.is_finite(floats))

    def render(*inputs: tf.Tensor) -> tf.Tensor:
        pictures, finite = drawn(*inputs)
        if not finite:
            raise UserError("the generator draws values that are no finite numbers (NaN or infinity), so there is no "
                            "picture; take an earlier checkpoint or another file of it, or train anew.")
        return pictures

    return render


def draw(render: Callable[..., tf.Tensor], generator: keras.Model, seeds: Sequence[int],
         labels: Sequence[int] | np.ndarray | None = None, batch_size: int = 64, *,
         truncation: float = 1.0) -> np.ndarray:
    """Returns what `render` makes of the seeds' z, and of labels where the generator takes any, as one array.

    `truncation` is ψ of `latent_scale`, which says what is raised.
    """
    latent_dim, scale = latent.dimension(generator), latent_scale(generator, truncation)
    rows = np.asarray(whole_numbers(seeds, "seeds"), np.int64)
    conditions = [labels_of(generator, rows, labels)] if len(generator.inputs) > 1 else []
    return _in_full_batches(lambda part, *others: render(latent.from_seeds(part, latent_dim) * scale, *others),
                            batch_size, rows, *conditions)


def draw_from(render: Callable[..., tf.Tensor], z: np.ndarray, *conditions: np.ndarray,
              batch_size: int = 64) -> np.ndarray:
    """Returns what `render` makes of z, (n, latent_dim), and conditions, (n, …), as one array."""
    return _in_full_batches(render, batch_size, np.asarray(z, np.float32), *conditions)


def whole_numbers(values: Any, name: str) -> list[int]:
    """Returns a whole number, or several, as a list.

    Raises:
        UserError: it is none, or there are none, or more than MOST, or one is below 0 or 2⁶³ and more.
    """
    try:
        count = len(values) if isinstance(values, Sized) else 1
    except OverflowError:  # of a range
        count = MOST + 1
    if count > MOST:
        raise UserError(f"{name} holds more than {MOST:,}; give that many at most, in several calls if need be.")
    numbers = np.atleast_1d(np.asarray(values))
    if numbers.size == 0:
        raise UserError(f"{name}={values!r} holds none; give one or more, as [0, 1, 2] or range(64).")
    switches = not isinstance(values, np.ndarray | range) and any(isinstance(value, bool | np.bool_) for value in (
        values if isinstance(values, Iterable) else [values]))  # among numbers NumPy takes them for 0 and 1
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or switches or numbers.min() < 0 or numbers.max() >= 2**63:
        raise UserError(f"{name}={values!r} must be whole numbers from 0 to 2⁶³ - 1, as [0, 1, 2] or range(64).")
    return numbers.tolist()


def labels_of(generator: keras.Model, seeds: np.ndarray,
              labels: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
    """Returns a label per seed, int32 (n,): `labels`, else the seeds modulo the generator's number of classes.

    Raises:
        UserError: another number of labels than of seeds, or a label that is no class; or no labels, for a generator
            that doesn't say how many classes it has.
    """
    known = classes(generator)
    if labels is None:
        if not known:
            raise UserError("this generator takes labels, and has no Embedding that says of how many classes; give "
                            "labels.")
        return (np.asarray(seeds) % known).astype(np.int32)
    numbers = np.asarray(whole_numbers(labels, "labels"))
    if len(numbers) != len(seeds) or (known and numbers.max() >= known):
        raise UserError(f"there are {len(numbers)} labels up to {numbers.max()} for {len(seeds)} seeds; give one for "
                        f"each{f', from 0 to {known - 1}' if known else ''}.")
    return numbers.astype(np.int32)


def classes(generator: keras.Model) -> int:
    """Returns how many classes a generator can be told; 0 where it takes no labels."""
    embedding = _embedding(generator)
    if embedding is None or len(generator.inputs) < 2:
        return 0  # it chooses by z what it embeds, if anything
    clusters = ClusterByLatent.of(generator)
    return embedding.input_dim if clusters is None else clusters.classes


def by_embedding(generator: keras.Model) -> tuple[keras.Model, Callable[..., np.ndarray]]:
    """Splits a generator behind the Embedding of its labels, or of the clusters that it chooses by z.

    Returns:
        The generator as a function of z, (n, latent_dim), and embeddings, (n, width), on the same weights; and the
        function of z, and labels if it takes any, to embeddings: float32 (n, width).
    """
    embedding, clusters = _embedding(generator), ClusterByLatent.of(generator)
    assert embedding is not None

    def embed(z: np.ndarray, *labels: np.ndarray) -> np.ndarray:
        numbers = labels[0] if clusters is None else clusters(z, *labels)
        return np.asarray(embedding.embeddings)[np.asarray(numbers)]

    return keras.Model([generator.inputs[0], embedding.output], generator.output), embed


def _embedding(generator: keras.Model) -> keras.layers.Embedding | None:
    return next((layer for layer in generator.layers if isinstance(layer, keras.layers.Embedding)), None)


def _in_full_batches(function: Callable[..., tf.Tensor], batch_size: int, *rows: np.ndarray) -> np.ndarray:
    """Kernels differ between batch sizes: only full batches give a row the same bits whatever it comes with."""
    count = len(rows[0])
    if not count:
        raise UserError("there is nothing to draw; give one seed or more.")
    padding = np.arange(math.ceil(count / batch_size) * batch_size) % count
    parts = (np.split(array[padding], len(padding) // batch_size) for array in rows)
    return np.concatenate([function(*part) for part in zip(*parts, strict=True)])[:count]
