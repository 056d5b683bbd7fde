"""SavedModels: their variables, read as arrays; their signatures, which are code; whether a network draws the same."""

import contextlib
import functools
import hashlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kgan import images as images_lib
from kgan import sampling
from kgan.runtime.errors import UserError, reason

SCALES = (0.3, 1.0, 3.0)  # factors on z: a network that normalises z shows it
EACH = 4  # z's of each scale, and as many of mean square 1
LARGEST = 1e-4  # difference of a module's images in [0, 1], before they are clipped
GREY_LEVELS = 1  # difference of an export's images, of 255
LISTED = 10  # names in a message, at most


class Imported(NamedTuple):
    """A generator out of a SavedModel."""

    model: str | None  # the model that it is; None: the file doesn't say
    recipe: dict[str, Any]  # for `Recipe.override`, which also needs a length where networks don't grow
    weights: dict[str, np.ndarray]  # keyed by layer and variable, as "4x4_conv/kernel"; an export's by place
    facts: dict[str, Any]  # what config.json says of it
    inputs: list[np.ndarray]  # z and, of an export that takes one, label
    images: np.ndarray  # what its signature draws of the inputs: float32 in [-1, 1] and beyond, an export's uint8


def open_variables(place: Path) -> tuple[Callable[[str], np.ndarray], dict[str, tuple[int, ...]]]:
    """Returns what reads a variable by name, and the shapes by name; of those in float32.

    Raises:
        UserError: they can't be read, or declare more bytes than the files have.
    """
    try:
        reader = tf.train.load_checkpoint(str(place / "variables" / "variables"))
        kinds = reader.get_variable_to_dtype_map()
        shapes = {name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()
                  if kinds[name] == tf.float32}
    except Exception as error:  # TensorFlow raises nearly anything on damaged files
        raise UserError(f"{str(place)!r} has no variables that can be read ({reason(error)}); bring it back from a "
                        "copy.") from error
    declared = sum(4 * math.prod(shape) for shape in shapes.values())
    there = sum(file.stat().st_size for file in _data(place))
    if declared > there:
        raise UserError(f"{str(place)!r} declares {declared:,} bytes of variables, and has {there:,}; bring it back "
                        "from a copy.")
    return reader.get_tensor, shapes


def sha256(place: Path) -> str:
    """Returns the hash of the variables' values: of the file that holds them, of several one after the other."""
    digest = hashlib.sha256()
    for path in _data(place):
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def load(place: Path) -> Any:
    """Loads the program; its `signatures` can be called as long as it is kept.

    Raises:
        UserError: it can't be loaded.
    """
    hub = (place / "tfhub_module.pb").exists()  # a module may hold several graphs; the one to call has no tags
    try:
        with _without_warnings():
            return tf.saved_model.load(str(place), tags=[] if hub else None)
    except Exception as error:  # as above
        raise UserError(f"{str(place)!r} can't be loaded ({reason(error)}); bring it back from a copy.") from error


def call(place: Path, signature: Any, inputs: list[np.ndarray]) -> np.ndarray:
    """Returns what a signature of one output draws of its inputs: of z, and of a label where it takes one.

    Raises:
        UserError: it takes other inputs, or fails.
    """
    names = sorted(signature.structured_input_signature[1], key=lambda name: name == "label")
    try:
        arguments = {name: tf.constant(array) for name, array in zip(names, inputs, strict=True)}
        (drawn,) = signature(**arguments).values()
        return drawn.numpy()
    except Exception as error:  # as above
        raise UserError(f"{str(place)!r} draws nothing of z, {inputs[0].shape} ({reason(error)}).") from error


def some_z(latent_dim: int) -> np.ndarray:
    """Returns EACH z's of each of SCALES, then EACH of mean square 1."""
    z = np.random.default_rng(0).standard_normal((EACH * (len(SCALES) + 1), latent_dim))
    z[-EACH:] /= np.sqrt(np.mean(z[-EACH:] ** 2, axis=1, keepdims=True))
    return (z * np.repeat([*SCALES, 1.0], EACH)[:, None]).astype(np.float32)


def drawing(network: keras.Model, *, as_is: bool) -> Callable[..., np.ndarray]:
    """Returns the function of z, and a label, to what a network draws: uint8, or as it is, which is before clipping."""
    render = tf.function(lambda z: network(z, training=True)) if as_is else sampling.renderer(network)
    return functools.partial(sampling.draw_from, render, batch_size=EACH)


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Returns the largest difference of images in [0, 1], given as uint8 or in [-1, 1] and beyond.

    Where theirs are clipped ours are too. Images of which more than half is at a bound say nothing: infinity.
    """
    if theirs.dtype == np.uint8:
        return float(np.max(np.abs(ours.astype(np.int16) - theirs))) / 255
    if np.mean(np.abs(theirs) == 1.0) > 0.5:
        return np.inf
    return float(np.max(np.abs(np.clip(ours, *bounds(theirs)) - theirs))) / 2


def bounds(images: np.ndarray) -> tuple[float, float]:
    """Returns to what range images in [-1, 1] were clipped, as values at the bounds themselves tell."""
    low, high = (bound if np.any(images == bound) else bound * np.inf for bound in (-1.0, 1.0))
    return low, high


def by_name(network: keras.Model) -> dict[str, keras.Variable]:
    """Returns a network's variables by layer and name, as "4x4_conv/kernel"."""
    return {variable.path: variable for variable in network.variables}


def by_place(network: keras.Model) -> dict[str, keras.Variable]:
    """Returns the variables by their place in the function that exports are made of."""
    takes = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in network.inputs]
    draw = tf.function(lambda *inputs: images_lib.to_uint8(
        network(list(inputs) if len(inputs) > 1 else inputs[0], training=False)))
    taken = draw.get_concrete_function(*takes).captured_inputs
    variables = {id(variable.value.handle): variable for variable in network.variables}
    return {f"{place:03}": variables[id(tensor)] for place, tensor in enumerate(taken)}


def assign(variables: Mapping[str, keras.Variable], values: Mapping[str, np.ndarray]) -> None:
    """Sets those variables that have a value."""
    for name, value in values.items():
        variables[name].assign(value)


def listed(names: list[str]) -> str:
    """Joins names with commas, LISTED of them at most."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _data(place: Path) -> list[Path]:
    return sorted((place / "variables").glob("variables.data-*"))


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """TensorFlow has one for each reference variable: it makes no object of it. None is needed here."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
