"""Projection: the z whose picture is nearest to a given one.

Minimises ‖G(z) - x‖² + λ‖z‖², with x and G(z) in [-1, 1], by Adam over z: Bora et al. 2017, "Compressed Sensing using
Generative Models" (arXiv:1703.03208), where all pixels are measured. So z has the largest posterior density under
N(0, 1), if pixels have noise of variance λ. Adam's rate is that of its authors' code (github.com/AshishBora/csgm).

Not in the paper: λ = 0.02, at which the z's found for MNIST are about as long as random ones; Adam starts at the
nearest of random z's, not at any; the rate falls to 0 on a cosine.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kgan import images, latent, sampling
from kgan.data import pictures, source_types
from kgan.drawing import grids
from kgan.layers import ClusterByLatent
from kgan.runtime import files
from kgan.runtime.errors import UserError

PULL = 0.02  # λ
RATE = 0.1  # Adam's, at the start
STARTS = 8  # random z's that Adam starts from, the nearest ones
MOST = 64  # pictures at a time
SIDE, WIDEST = 128, 1024  # pixels of a picture and of all in the file; rounded down to multiples of the image size


class Projection(NamedTuple):
    """The z's of n pictures; errors are root mean squares over a picture's values, in grey levels of 255."""

    z: np.ndarray  # float32 (n, latent_dim)
    labels: np.ndarray | None  # int32 (n,), where the generator has classes
    nearest: np.ndarray  # uint8 (n, H, W, C): of the random z's
    drawn: np.ndarray  # uint8 (n, H, W, C): of these z's
    nearest_errors: np.ndarray  # float (n,)
    errors: np.ndarray  # float (n,)


def read(paths: Sequence[Path], generator: keras.Model, crop: int | None = None) -> np.ndarray:
    """Reads pictures, prepared as training data of this generator are: uint8 (n, H, W, C).

    Raises:
        UserError: a file isn't there, or is no picture that can be read; or they are more than MOST.
    """
    if len(paths) > MOST:
        raise UserError(f"{len(paths)} pictures are more than {MOST}; give fewer at a time.")
    shape = generator.output_shape[1:]
    prepared = []
    for path in paths:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, of odd metadata
                prepared.append(pictures.fit(pictures.decode(path.read_bytes()).picture, shape, crop))
        except (source_types.BadPictureError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UserError(f"{str(path)!r} can't be used ({reason}); give picture files, as PNG or JPEG.") from error
    return np.stack(prepared)


def project(generator: keras.Model, targets: np.ndarray, seeds: Sequence[int], steps: int,
            label: int | None = None) -> Projection:
    """Finds z for each of `targets`.

    Args:
        generator: of z, or of z and labels.
        targets: uint8 (n, H, W, C), of the generator's size.
        seeds: of the random z's that are tried first, each with every class.
        steps: of Adam, from each of the STARTS nearest of these; the best end is kept.
        label: the class, where the generator has some; None: of all, that of the best end.

    A cluster that the generator chooses by z's first value is discrete: Adam has no slope from one to the next. It
    leaves that value alone, so that each start stays in its cluster.

    Raises:
        UserError: a label, and a generator without classes, or of fewer.
    """
    grids.check_labels(generator, None if label is None else [label])
    render, classes = sampling.renderer(generator), sampling.classes(generator)
    labels = ([*range(classes)] if label is None else [label]) if classes else []
    z = np.tile(latent.from_seeds(seeds, latent.dimension(generator)).numpy(), (max(1, len(labels)), 1))
    conditions = [np.repeat(labels, len(seeds)).astype(np.int32)] if classes else []
    drawn = sampling.draw_from(render, z, *conditions)
    rows = []
    for target in targets:
        distances = _errors(drawn, target)
        starts = np.argsort(distances, kind="stable")[:STARTS]
        chosen = [label[starts] for label in conditions]
        moved = _descend(generator, target, z[starts], chosen, steps)
        ends = sampling.draw_from(render, moved, *chosen)
        errors = _errors(ends, target)
        best, first = errors.argmin(), starts[0]
        rows.append((moved[best], chosen[0][best] if classes else 0, drawn[first], ends[best], distances[first],
                     errors[best]))
    projection = Projection(*map(np.stack, zip(*rows, strict=True)))
    return projection if classes else projection._replace(labels=None)


def _descend(generator: keras.Model, target: np.ndarray, start: np.ndarray, labels: Sequence[np.ndarray],
             steps: int) -> np.ndarray:
    """Returns where Adam leads each of `start`, (k, latent_dim), in `steps` steps."""
    z, wanted, conditions = keras.Variable(start), images.to_float(target), [*map(tf.constant, labels)]
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))
    optimizer.build([z])
    moves = np.ones(start.shape[1], np.float32)
    moves[0] = ClusterByLatent.of(generator) is None

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            drawn = generator([z.value, *conditions] if conditions else z.value, training=False)
            cost = tf.reduce_sum((drawn - wanted)**2) + PULL * tf.reduce_sum(z.value**2)  # each row has its own terms
        optimizer.apply_gradients([(tape.gradient(cost, z.value) * moves, z)])

    for _ in range(steps):
        step()
    return z.numpy()


def _errors(drawn: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns the root mean square difference of each of uint8 (n, H, W, C) from one picture, in grey levels."""
    return np.array([np.sqrt(np.mean((image.astype(np.float32) - target)**2)) for image in drawn])


def save(targets: np.ndarray, projection: Projection, out: Path) -> None:
    """Writes a .png with a column for each picture: it, the nearest of the random ones, that of its z."""
    laid_out = images.grid(np.concatenate([targets, projection.nearest, projection.drawn]), columns=len(targets))
    with files.replacing(out) as temporary:
        images.enlarged(laid_out, min(WIDEST, SIDE * len(targets))).save(temporary)
