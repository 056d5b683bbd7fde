"""What `GAN` says of networks, losses, optimizers and images that can't be right, before it trains on them."""

import itertools
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from kgan import losses
from kgan.losses import Loss
from kgan.penalties import Penalty
from kgan.runtime.errors import UserError

SQUASHING = {"sigmoid", "hardsigmoid", "tanh", "softmax", "softsign"}  # activations whose outputs are no logits
OF_LOGITS = (losses.minimax, losses.non_saturating, losses.hinge, losses.relativistic)  # unbounded ones, both ways
FAR = 10.0  # values beyond it are grey levels of 255: standardised images lie within
NEAR = 1.01  # beyond it images are brighter than any that are drawn
ENDLESS = 10**12  # batches
FORMS = "give images alone, {'image': …, 'label': …}, or (images, labels)"


def networks(generator: Any, discriminator: Any) -> None:
    """Raises UserError when they are no two functional models, z → image → logit."""
    for name, network, first in (("generator", generator, "z"), ("discriminator", discriminator, "images")):
        try:
            network.inputs[0], network.outputs[0]
        except (AttributeError, ValueError, TypeError, IndexError) as error:
            raise UserError(f"the {name} is {type(network).__name__} without defined inputs; give a functional model, "
                            f"or a Sequential that begins with keras.Input: the shape of its {first}.") from error
    z, drawn, shown = generator.inputs[0].shape[1:], generator.outputs[0].shape[1:], discriminator.inputs[0].shape[1:]
    if len(z) != 1 or z[0] is None:
        raise UserError(f"the generator's z has the shape {tuple(z)}; give a vector, as keras.Input((100,)), and "
                        "Reshape behind it where layers need more axes.")
    if len(drawn) != 3 or len(shown) != 3 or any(None not in pair and pair[0] != pair[1]
                                                 for pair in zip(drawn, shown, strict=True)):
        raise UserError(f"the generator makes images of shape {tuple(drawn)}, and the discriminator takes "
                        f"{tuple(shown)}; both must be (H, W, C), and alike.")


def compiled(discriminator: keras.Model, loss: Any, g_optimizer: Any, d_optimizer: Any,
             penalties: Sequence[Any]) -> None:
    """Raises UserError when what `compile` was given can't train this discriminator; says what is only likely wrong."""
    if not isinstance(loss, Loss):
        raise UserError(f"loss={loss!r} is none of kgan.losses; give one of these, or its name, as 'non_saturating': "
                        "Keras' losses know nothing of two networks.")
    for name, optimizer in (("g_optimizer", g_optimizer), ("d_optimizer", d_optimizer)):
        if not isinstance(optimizer, keras.Optimizer):
            raise UserError(f"{name}={optimizer!r} must be an optimizer of Keras', as keras.optimizers.Adam(2e-4, "
                            "beta_1=0.5): a name would take Keras' rates, which are too high for GANs.")
    if g_optimizer is d_optimizer:
        raise UserError("g_optimizer and d_optimizer are the same object; make two: each keeps moments of its own "
                        "network's weights.")
    if wrong := [one for one in penalties if not isinstance(one, Penalty)]:
        raise UserError(f"penalties holds {wrong[0]!r}; give penalties of kgan.penalties, as (penalties.r1(10.0),).")
    shape = discriminator.outputs[0].shape
    if len(discriminator.outputs) != 1 or len(shape) != 2 or shape[1] != 1:
        raise UserError(f"the discriminator gives {tuple(shape)}; it must give one logit an image, (batch, 1): end it "
                        "with Dense(1).")
    if (last := squashed(discriminator)) is not None:
        sentence = (f"the discriminator ends with {last}, and the loss takes logits: numbers of any size, whose "
                    "sigmoid is the probability of being real; leave that activation out.")
        if loss in OF_LOGITS:
            raise UserError(sentence)
        if loss not in (losses.least_squares, losses.wasserstein):  # somebody's own
            logging.warning("Note: %s", sentence)


def squashed(network: keras.Model) -> str | None:
    """Returns the name of the activation in SQUASHING that a network ends with; None: it ends with another."""
    last: Any = network
    while isinstance(last, keras.Model) and last.layers:
        last = last.layers[-1] if isinstance(last, keras.Sequential) else last.operations[-1]
    for one in (getattr(last, "activation", None), last):
        name = getattr(one, "__name__", type(one).__name__)
        if name.lower().replace("_", "") in SQUASHING:
            return name
    return None


class First(NamedTuple):
    """The first batch of what `fit` was given, and the same, to begin again with it."""

    batch: Any  # None: it can't be looked at
    x: Any


def first_batch(x: Any, y: Any, size: int | None) -> First:
    """Returns the first batch of arrays, a dataset, a PyDataset or a generator."""
    if isinstance(x, tf.data.Dataset):
        return First(next(iter(x.take(1)), None), x)
    if isinstance(x, keras.utils.PyDataset):
        return First(x[0], x)
    if isinstance(x, types.GeneratorType):
        first = list(itertools.islice(x, 1))

        def again() -> Iterator[Any]:
            yield from first
            yield from x

        return First(first[0] if first else None, again())
    arrays = x if isinstance(x, Mapping) else {"image": x}
    if not all(isinstance(one, np.ndarray | tf.Tensor) for one in (*arrays.values(), *(() if y is None else (y,)))):
        return First(None, x)
    part = {name: one[:size or 32] for name, one in arrays.items()}
    return First(part if isinstance(x, Mapping) else (part["image"], *(() if y is None else (y[:size or 32],))), x)


def batch(data: Any, gan: Any) -> None:
    """Raises UserError when a batch of `fit` can't be right for `gan`; warns of one that is only likely wrong."""
    x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(x, Mapping) and "image" not in x:
        raise UserError(f"the batches have the keys {', '.join(map(repr, x))}, and none is 'image'; {FORMS}.")
    found, labels = (x["image"], x.get("label")) if isinstance(x, Mapping) else (x, y)
    _images(np.asarray(found), tuple(gan.discriminator.inputs[0].shape[1:]))
    if len(found) % gan.d_steps:
        raise UserError(f"a batch of {len(found)} images can't be divided into d_steps={gan.d_steps} of one size; give "
                        f"batches of a multiple of {gan.d_steps}.")
    if not gan.conditional:
        return
    if labels is None:
        raise UserError(f"these networks are conditional, and the batches have no labels; {FORMS}.")
    labels = np.asarray(labels)
    if labels.shape != np.shape(found)[:1] or labels.dtype.kind not in "iu":
        raise UserError(f"labels are {labels.dtype} of shape {labels.shape}; give a whole number for each of the "
                        f"{len(found)} images: one-hot rows become these by argmax(axis=1).")


def _images(images: np.ndarray, shape: tuple[int | None, ...]) -> None:
    if images.ndim != 4 or any(side not in (None, found) for side, found in zip(shape, images.shape[1:], strict=True)):
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise UserError(f"images are of shape {images.shape}; the networks take (n, {wanted}): "
                        f"{'add the axis of channels by [..., None]' if images.ndim == 3 else 'prepare them so'}.")
    if images.dtype.kind in "iub" or np.abs(images).max(initial=0) > FAR:
        raise UserError(f"images are {images.dtype} in [{images.min():.3g}, {images.max():.3g}]; give floats in "
                        "[-1, 1]: x / 127.5 - 1.")
    if not np.isfinite(images).all():
        raise UserError("images hold NaN or infinity; leave such out.")
    if np.abs(images).max(initial=0) > NEAR or (images.size and images.min() >= 0):
        logging.warning("Note: images of the first batch are in [%.3g, %.3g]; kgan draws and scores images in [-1, 1]: "
                        "from [0, 1] they come by 2 * x - 1.", images.min(), images.max())


def length(x: Any, given: Mapping[str, Any]) -> None:
    """Raises UserError when `fit` would never end, or was given what a GAN hasn't."""
    if name := next((name for name in ("validation_split", "validation_data") if given.get(name)), None):
        raise UserError(f"{name}: a GAN has no loss that could be validated; kgan.Doctor(images) as a callback scores "
                        "its samples beside images that it held out.")
    if isinstance(x, tf.data.Dataset) and given.get("steps_per_epoch") is None:
        count = int(x.cardinality())
        if count == tf.data.INFINITE_CARDINALITY or count > ENDLESS:
            raise UserError("these batches have no end, so an epoch wouldn't either; give steps_per_epoch.")


def evaluated() -> UserError:
    """Returns what `evaluate` raises."""
    return UserError("a GAN has no loss that could be evaluated on images; kgan.Doctor(images).look(gan.generator) "
                     "scores its samples.")
