"""What `GAN` says of networks, losses, optimizers and images that can't be right, before it trains on them."""

import itertools
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from kgan import losses
from kgan.layers import ClusterByLatent
from kgan.penalties import Penalty
from kgan.runtime.errors import UserError

SQUASHING = {"sigmoid", "hardsigmoid", "tanh", "softmax", "softsign"}  # activations whose outputs are no logits
FAR = 10.0  # values beyond it are grey levels of 255: standardised images lie within
NEAR = 1.01  # beyond it images are brighter than any that are drawn
ENDLESS = 10**12  # batches; no data set has as many
BATCH_SIZE = 32  # Keras' default, of arrays
DARK = 0.05  # black in [0, 1], nearly
NO_LOSS = ("a GAN has no loss that could be validated; kgan.Doctor(images) as a callback scores its samples beside "
           "images that it held out")
WEIGHED = "a GAN's losses weigh all images alike; give those that should count more often more than once"
NOT_OF_GANS = {"validation_split": NO_LOSS, "validation_data": NO_LOSS, "class_weight": WEIGHED,
               "sample_weight": WEIGHED}  # arguments of Keras' `fit`
FORMS = "give images alone, {'image': …, 'label': …}, or (images, labels)"


def networks(generator: Any, discriminator: Any) -> None:
    """Raises UserError when they are no two functional models, z → image → logit."""
    for name, network, first in (("generator", generator, "z"), ("discriminator", discriminator, "images")):
        try:
            network.inputs[0], network.outputs[0]
        except (AttributeError, ValueError, TypeError, IndexError) as error:
            raise UserError(f"the {name} is {type(network).__name__} without defined inputs; give a functional model, "
                            f"or a Sequential that begins with keras.Input: the shape of its {first}.") from error
        if len(network.inputs) > 2:
            raise UserError(f"the {name} has {len(network.inputs)} inputs; give it one, {first}, or two, [{first}, "
                            "labels].")
    _check_labels_given(generator, discriminator)
    z, drawn, shown = generator.inputs[0].shape[1:], generator.outputs[0].shape[1:], discriminator.inputs[0].shape[1:]
    if len(z) != 1 or z[0] is None:
        raise UserError(f"the generator's z has the shape {tuple(z)}; give a vector, as keras.Input((100,)), and "
                        "Reshape behind it where layers need more axes.")
    if len(drawn) != 3 or len(shown) != 3 or any(None not in pair and pair[0] != pair[1]
                                                 for pair in zip(drawn, shown, strict=True)):
        raise UserError(f"the generator makes images of shape {tuple(drawn)}, and the discriminator takes "
                        f"{tuple(shown)}; both must be (H, W, C), and alike.")


def _check_labels_given(generator: Any, discriminator: Any) -> None:
    labelled = len(generator.inputs) > 1 or ClusterByLatent.of(generator) is not None
    if labelled and len(discriminator.inputs) == 1:
        raise UserError("the generator is told labels, or chooses them by z, and the discriminator is not; give the "
                        "discriminator labels as its second input, or take them from the generator.")
    if not labelled and len(discriminator.inputs) == 2:
        raise UserError("the discriminator is told labels and the generator is not; give the generator labels as its "
                        "second input, or a layer kgan.layers.ClusterByLatent, by which z chooses them.")


def compiled(discriminator: keras.Model, loss: Any, g_optimizer: Any, d_optimizer: Any,
             penalties: Sequence[Any]) -> None:
    """Raises UserError when what `compile` was given can't train this discriminator; says what is only likely wrong."""
    if not isinstance(loss, losses.Loss):
        raise UserError(f"loss={loss!r} is none of kgan.losses; give one of these, or its name, as 'non_saturating': "
                        "Keras' losses know nothing of two networks.")
    for name, optimizer in (("g_optimizer", g_optimizer), ("d_optimizer", d_optimizer)):
        if not isinstance(optimizer, keras.Optimizer):
            raise UserError(f"{name}={optimizer!r} must be an optimizer of Keras', as keras.optimizers.Adam(2e-4, "
                            "beta_1=0.5): a name would take Keras' rates, which are too high for GANs.")
    if g_optimizer is d_optimizer:
        raise UserError("g_optimizer and d_optimizer are the same object; make two: each keeps moments of its own "
                        "network's weights.")
    if wrong := [penalty for penalty in penalties if not isinstance(penalty, Penalty)]:
        raise UserError(f"penalties holds {wrong[0]!r}; give penalties of kgan.penalties, as (penalties.r1(10.0),).")
    shape = discriminator.outputs[0].shape
    if len(discriminator.outputs) != 1 or len(shape) != 2 or shape[1] != 1:
        raise UserError(f"the discriminator gives {tuple(shape)}; it must give one logit an image, (batch, 1): end it "
                        "with Dense(1).")
    if (last := squashed(discriminator)) is not None:
        sentence = (f"the discriminator ends with {last}, and the loss takes logits: numbers of any size, whose "
                    "sigmoid is the probability of being real; leave that activation out.")
        if loss.logits and loss in losses.BY_NAME.values():
            raise UserError(sentence)
        if loss.logits:  # somebody's own, which may say so by `logits=False`
            logging.warning("Note: %s", sentence)


def squashed(network: keras.Model) -> str | None:
    """Returns the name of the activation in SQUASHING that a network ends with; None: it ends with another."""
    last: Any = network
    while isinstance(last, keras.Model) and last.layers:
        last = last.layers[-1] if isinstance(last, keras.Sequential) else last.operations[-1]
    for function in (getattr(last, "activation", None), last):
        name = getattr(function, "__name__", type(function).__name__)
        if name.lower().replace("_", "") in SQUASHING:
            return name
    return None


def pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Returns images and labels of `fit`'s x and y; x may be the pair of them.

    Raises:
        UserError: they are lists, or of another number.
    """
    if isinstance(x, tuple) and y is None and 0 < len(x) <= 2:
        x, y = (*x, None)[:2]
    for name, value in (("x", x), ("y", y)):
        if isinstance(value, list | tuple):
            raise UserError(f"{name} is a {type(value).__name__} of {len(value):,}; {FORMS}, each as one array: "
                            "np.stack(…) makes one of several of a shape.")
    return x, y


def _part(x: Any, y: Any, places: slice) -> Any:
    """Returns a part of arrays, as a batch; None where they are none."""
    arrays = x if isinstance(x, Mapping) else {"image": x}
    if not all(isinstance(array, np.ndarray | tf.Tensor) for array in (*arrays.values(), *(() if y is None else (y,)))):
        return None
    part = {name: array[places] for name, array in arrays.items()}
    return part if isinstance(x, Mapping) else (part["image"], *(() if y is None else (y[places],)))


class BatchCheck:
    """What two networks take of batches, and a look at whether the batches of `fit` are so.

    Args:
        generator: of the GAN.
        discriminator: of the GAN.
        d_steps: into which each batch is divided.
        accumulate: into which each of these is.
    """

    def __init__(self, generator: keras.Model, discriminator: keras.Model, d_steps: int, accumulate: int = 1) -> None:
        self.image_shape = tuple(discriminator.inputs[0].shape[1:])
        self.conditional = len(discriminator.inputs) > 1
        self.classes = _classes(generator, discriminator)
        self.last_activation = squashed(generator)
        self.parts = (d_steps, accumulate)
        self.noted: set[str] = set()  # subjects of notes that were logged

    def look(self, x: Any, y: Any, batch_size: int | None) -> Any:
        """Looks at the first batch of `fit`, and at what is known of those behind it: labels of arrays, the last size.

        Logs once what is only likely wrong.

        Returns:
            x, to begin again with: a generator lost its first batch to the look.

        Raises:
            UserError: the images, or their number, or the labels can't be right for these networks.
        """
        first: Any = None  # it can't be looked at
        if isinstance(x, tf.data.Dataset):
            first = next(iter(x.take(1)), None)
        elif isinstance(x, keras.utils.PyDataset):
            first = x[0]
        elif isinstance(x, types.GeneratorType):
            begun = list(itertools.islice(x, 1))
            first, x = begun[0] if begun else None, _as_tuples(itertools.chain(begun, x))
        else:
            first = _part(x, y, slice(batch_size or BATCH_SIZE))
        if first is None:
            return x
        self._check_first(first)
        self._check_rest(x, y, batch_size or BATCH_SIZE)
        for subject, sentence in self._notes(first).items():
            if subject not in self.noted:
                logging.warning("Note: %s", sentence)
                self.noted.add(subject)
        return x

    def _check_first(self, data: Any) -> None:
        images, labels = _taken_apart(data)
        _images(np.asarray(images), self.image_shape)
        _divided(len(images), *self.parts, "a batch")
        if self.conditional:
            _labels(labels, len(images), self.classes)

    def _check_rest(self, x: Any, y: Any, batch_size: int) -> None:
        whole = _part(x, y, slice(None))
        if whole is not None:
            images, labels = _taken_apart(whole)
            if self.conditional:
                _labels(labels, len(images), self.classes)
            _divided(len(images) % batch_size, *self.parts, "the last batch")
        elif max(self.parts) > 1:
            last = None
            if isinstance(x, keras.utils.PyDataset) and x.num_batches:
                last = x[x.num_batches - 1]
            elif isinstance(x, tf.data.Dataset) and 0 < (count := int(x.cardinality())) <= ENDLESS:
                last = next(iter(x.skip(count - 1)), None)
            if last is not None:
                _divided(len(_taken_apart(last)[0]), *self.parts, "the last batch")

    def _notes(self, data: Any) -> dict[str, str]:
        """Returns what is only likely wrong with the images of a batch: a sentence by its subject."""
        images = np.asarray(_taken_apart(data)[0])
        if not images.size:
            return {}
        notes, low, high = {}, images.min(), images.max()
        place = f"images of the first batch are in [{low:.3g}, {high:.3g}]"
        if max(-low, high) > NEAR or (0 <= low < DARK and high > 0.5):  # in [-1, 1] few pictures lack all that is dark
            notes["range"] = f"{place}; kgan draws and scores images in [-1, 1]: from [0, 1] they come by 2 * x - 1."
        if low < 0 and self.last_activation in ("sigmoid", "hard_sigmoid", "softmax"):
            notes["generator"] = (f"the generator ends with {self.last_activation}, so it draws in [0, 1], and "
                                  f"{place}; end it with tanh.")
        return notes


def _as_tuples(batches: Iterable[Any]) -> Iterator[tuple]:
    """Yields batches as tuples: Keras takes nothing else from a generator."""
    for batch in batches:
        yield batch if isinstance(batch, tuple) else (batch,)


def _taken_apart(data: Any) -> tuple[Any, Any]:
    """Returns a batch's images, and its labels or None."""
    x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(x, Mapping) and "image" not in x:
        raise UserError(f"the batches have the keys {', '.join(map(repr, x))}, and none is 'image'; {FORMS}.")
    images, labels = (x["image"], x.get("label")) if isinstance(x, Mapping) else (x, y)
    if isinstance(images, list | tuple):
        raise UserError(f"a batch's images are a {type(images).__name__}; {FORMS}, each as one array.")
    return images, labels


def _divided(count: int, d_steps: int, accumulate: int, what: str) -> None:
    if count % (d_steps * accumulate):
        raise UserError(f"{what} of {count} images can't be divided into {_parts(d_steps, accumulate)} of one size; "
                        f"give batches of a multiple of {d_steps * accumulate}"
                        f"{', or leave that one out' if what != 'a batch' else ''}.")


def _parts(d_steps: int, accumulate: int) -> str:
    return f"d_steps={d_steps}" + (f" times accumulate={accumulate} parts" if accumulate > 1 else "")


def divided_later(error: tf.errors.InvalidArgumentError, d_steps: int, accumulate: int = 1) -> None:
    """Raises UserError when TensorFlow's error is of a batch that d_steps, or accumulate, don't divide."""
    if d_steps * accumulate > 1 and "evenly divide" in str(error):
        raise UserError(f"a later batch can't be divided into {_parts(d_steps, accumulate)} of one size, and the steps "
                        f"before it are done; give batches of a multiple of {d_steps * accumulate}, as by "
                        "batch(…, drop_remainder=True).") from error


def _classes(generator: keras.Model, discriminator: keras.Model) -> int | None:
    """Returns how many labels both networks know; None where no Embedding of labels says so."""
    clusters = ClusterByLatent.of(generator)
    known = [] if clusters is None else [clusters.classes * clusters.count]
    for network in (discriminator, generator) if clusters is None else (discriminator,):
        known += [layer.input_dim for layer in network.layers if isinstance(layer, keras.layers.Embedding)
                  and any(layer.input is label for label in network.inputs[1:])]
    return min(known, default=None)


def _labels(labels: Any, count: int, classes: int | None) -> None:
    if labels is None:
        raise UserError(f"these networks are conditional, and the batches have no labels; {FORMS}.")
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise UserError(f"labels are {labels.dtype} of shape {labels.shape}; give a whole number for each of the "
                        f"{count} images: one-hot rows become these by argmax(axis=1).")
    if count and (labels.min() < 0 or (classes is not None and labels.max() >= classes)):
        raise UserError(f"labels are from {labels.min()} to {labels.max()}; these networks know those from 0 "
                        f"{'on' if classes is None else f'to {classes - 1}'}: number the classes so, as "
                        "np.unique(labels, return_inverse=True)[1] does.")


def _images(images: np.ndarray, shape: tuple[int | None, ...]) -> None:
    if images.ndim != 4 or any(
            wanted not in (None, side) for wanted, side in zip(shape, images.shape[1:], strict=True)):
        sides = ", ".join("any" if side is None else str(side) for side in shape)
        raise UserError(f"images are of shape {images.shape}; the networks take (n, {sides}): "
                        f"{'add the axis of channels by [..., None]' if images.ndim == 3 else 'prepare them so'}.")
    if images.dtype.kind in "iub" or np.abs(images).max(initial=0) > FAR:
        raise UserError(f"images are {images.dtype} in [{images.min():.3g}, {images.max():.3g}]; give floats in "
                        "[-1, 1]: x / 127.5 - 1.")
    if not np.isfinite(images).all():
        raise UserError("images hold NaN or infinity; leave such out.")


def fitted(arguments: Mapping[str, Any]) -> None:
    """Raises UserError when `fit` is asked, by its arguments, for what no GAN has, or would never end."""
    for name, why in NOT_OF_GANS.items():
        value = arguments.get(name)
        if value is not None and not (isinstance(value, int | float) and value == 0):
            raise UserError(f"{name}: {why}.")
    x = arguments.get("x")
    if isinstance(x, tf.data.Dataset) and arguments.get("steps_per_epoch") is None:
        count = int(x.cardinality())
        if count == tf.data.INFINITE_CARDINALITY or count > ENDLESS:
            raise UserError("these batches have no end, so an epoch wouldn't either; give steps_per_epoch.")
