"""The public ProGAN module, `progan-128`, and others of the same two codes, as weights of kgan's progan.

What the public module's variables are called, and what its code does with them, is not documented. So nothing is
believed: kgan's networks must draw, with the weights, what the module's own signature draws of the same z.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from kgan import models
from kgan.runs.imports import saved_model
from kgan.runs.imports.load import LARGEST, Imported
from kgan.runs.imports.progan_names import Generator
from kgan.runtime.errors import UserError

SIGNED = 0.05  # share of values below -0.1 from which images are in [-1, 1], else in [0, 1]

# What a module's images can be of its networks' outputs x; the factor and the shift that make kgan's images of x.
OUTPUTS = {"images are the networks' outputs, in [0, 1]": (2.0, -1.0),
           "images are (x + 1) / 2 of the networks' outputs x": (1.0, 0.0)}
SIGNED_OUTPUTS = {"images are the networks' outputs, in [-1, 1]": (1.0, 0.0)}


class Try(NamedTuple):
    """A module's generator, read in one way."""

    weights: dict[str, np.ndarray]
    images: np.ndarray  # that kgan's networks draw with them
    assumptions: list[str]


def read(place: Path, variable: Callable[[str], np.ndarray], found: list[Generator]) -> Imported:
    """Tries each generator that was found and fits, in each reading, against the module's signature `default`.

    Args:
        place: the SavedModel's directory.
        variable: gives a variable by name.
        found: the generators among the variables.

    Raises:
        UserError: none fits, or none draws what the module draws.
    """
    built = [(one, models.build_generator(models.recipe("progan").override(**one.recipe, steps=1))) for one in found]
    misfits = [one.misfit({name: tuple(ours.shape) for name, ours in saved_model.by_name(network).items()})
               for one, network in built]
    if None not in misfits:
        raise UserError(f"{str(place)!r} doesn't fit kgan's progan; {misfits[0]}.")
    program, least, reason = saved_model.load(place), np.inf, ""
    if "default" not in program.signatures:
        raise UserError(f"{str(place)!r} has no signature default, so what its weights draw can't be checked.")
    for one, network in (pair for pair, misfit in zip(built, misfits, strict=True) if misfit is None):
        z = saved_model.some_z(one.recipe["latent_dim"])
        theirs, outputs = _in_our_range(saved_model.call(place, program.signatures["default"], [z]))
        if theirs.shape[1:] != network.output_shape[1:]:
            raise UserError(f"{str(place)!r} has variables for images of {network.output_shape[1:]}, and draws "
                            f"{theirs.shape[1:]}.")
        for tried in _tries(one, variable, network, z, outputs):
            difference = saved_model.difference(tried.images, theirs)
            if difference <= LARGEST:
                facts = {"scheme": one.scheme, "scope": one.prefix, "moving_averages": one.averages,
                         "largest_difference": difference, "assumptions": [*tried.assumptions, *_seen(theirs)]}
                return Imported("progan", one.recipe, tried.weights, facts, [z], theirs)
            least, reason = min(least, difference), reason or _likely_reason(tried.images, theirs)
    raise UserError(f"{str(place)!r} draws other images than kgan's progan with its weights: they differ by "
                    f"{least:.2g} in [0, 1], where {LARGEST} is allowed{reason}.")


def _tries(one: Generator, variable: Callable[[str], np.ndarray], network: keras.Model, z: np.ndarray,
           outputs: Mapping[str, tuple[float, float]]) -> Iterator[Try]:
    """Yields each reading of a module's generator, the likeliest first."""
    draw, variables = saved_model.drawing(network, as_is=True), saved_model.by_name(network)
    kernel, bias = (f"{one.image_size}x{one.image_size}_to_rgb/{part}" for part in ("kernel", "bias"))
    for reading in one.readings():
        weights = one.weights(variable, reading)
        saved_model.assign(variables, weights)
        x = draw(z)
        for text, (factor, shift) in outputs.items():
            folded = weights | {kernel: factor * weights[kernel], bias: factor * weights[bias] + shift}
            yield Try(folded, factor * x + shift, [*reading.assumptions, text])


def _in_our_range(images: np.ndarray) -> tuple[np.ndarray, dict[str, tuple[float, float]]]:
    """Returns a module's images in [-1, 1] and beyond, and what they can be of its networks' outputs."""
    signed = np.mean(images[-saved_model.EACH:] < -0.1) > SIGNED  # those of z's that need no normalisation
    return (images, SIGNED_OUTPUTS) if signed else (2.0 * images - 1.0, OUTPUTS)


def _seen(theirs: np.ndarray) -> list[str]:
    """Returns what agreement on these images says besides."""
    clipped = ["images are clipped"] if saved_model.bounds(theirs) != (-np.inf, np.inf) else []
    return ["z is normalised to a mean square of 1", *clipped]


def _likely_reason(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Returns what would explain a difference, to be appended to the sentence; nothing where nothing would."""
    some = slice(-saved_model.EACH, None)
    if saved_model.difference(ours[some], theirs[some]) <= LARGEST:
        return "; they agree where z has a mean square of 1, so the module does not normalise z, as kgan does"
    if saved_model.difference(np.tanh(ours), theirs) <= LARGEST:
        return "; they agree after tanh, with which the module ends, and kgan's progan does not"
    if saved_model.difference(theirs, theirs):
        return "; more than half of its values are at a bound, so that little can be told"
    return ""
