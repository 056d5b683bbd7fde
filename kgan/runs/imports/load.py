"""Generators out of SavedModels: the public module `progan-128`, others of its kind, and kgan's own exports."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kgan.runs import generators
from kgan.runtime import files, machine
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    import keras

    from kgan.runs.imports.saved_model import Imported


def find_saved_model(directory: Path) -> Path | None:
    """Returns the SavedModel in a directory: itself, or the newest of its versions; None: there is none."""
    places = (directory, *[*files.versions(directory).values()][-1:])
    return next((place for place in places if (place / "saved_model.pb").is_file()), None)


def load_generator(directory: Path, trust: bool) -> "Imported":
    """Reads the generator in a SavedModel directory, or in the newest version of a directory of exports.

    A module's variables are read as arrays; where they fit, the module itself is loaded, which runs it, and compared.

    Raises:
        UserError: there is none, it is not trusted, kgan can't build it, or it draws other images.
    """
    place = find_saved_model(directory)
    if place is None:
        raise UserError(f"{str(directory)!r} is no SavedModel: it holds no saved_model.pb; give the directory of an "
                        "unpacked module, or of an export.")
    if not trust:
        raise UserError(f"{str(place)!r} is a SavedModel, a program that can do anything on this machine; "
                        "give --trust if you know who made it.")
    machine.import_tensorflow()
    from kgan.runs.imports import progan, saved_model

    variable, shapes = saved_model.open_variables(place)
    modules = progan.find(shapes)
    imported = progan.read(place, variable, modules) if modules else _export(place, list(shapes))
    return imported._replace(facts={"path": str(directory), "sha256": saved_model.sha256(place), **imported.facts})


def load_into(imported: "Imported", generator: "keras.Model") -> float:
    """Sets a generator's weights, if a float32 copy of it draws with them what the SavedModel draws.

    Returns the largest difference, of images in [0, 1].

    Raises:
        UserError: the weights don't fit, or one is NaN or infinite, or the difference is above LARGEST, an export's
            above GREY_LEVELS of 255.
    """
    from kgan import kernels
    from kgan.runs.imports import saved_model

    path, copy = imported.facts["path"], kernels.plain(generator, dtype="float32")
    variables = saved_model.by_name(copy) if imported.model else saved_model.by_place(copy)
    theirs = {name: weight.shape for name, weight in imported.weights.items()}
    ours = {name: tuple(variable.shape) for name, variable in variables.items()}
    other = [f"{name} {theirs.get(name, 'absent')} not {ours.get(name, 'absent')}" for name in theirs | ours
             if theirs.get(name) != ours.get(name)]
    if other:
        raise UserError(f"{path!r} is of other networks than these: {saved_model.listed(other)}; choose the model and "
                        "the shapes that it has.")
    saved_model.assign(variables, imported.weights)
    generators.check_finite(copy, repr(path))
    draw = saved_model.drawing(copy, as_is=imported.model is not None)
    difference = saved_model.difference(draw(*imported.inputs), imported.images)
    if not difference <= (saved_model.LARGEST if imported.model else saved_model.GREY_LEVELS / 255):
        raise UserError(f"{path!r} is of other networks than these: with its weights they draw images that differ by "
                        f"{difference:.2g} from its own; choose the model that it is.")
    for new, old in zip(generator.variables, copy.variables, strict=True):
        new.assign(old)
    return difference


def _export(place: Path, names: list[str]) -> "Imported":
    """Reads what `kgan export` wrote: weights in the order in which its signature takes them."""
    from kgan.runs.imports import saved_model

    program = saved_model.load(place)
    signature = program.signatures.get("serving_default")
    takes = {} if signature is None else signature.structured_input_signature[1]
    draws = {} if signature is None else signature.structured_outputs
    if "z" not in takes or not set(takes) <= {"z", "label"} or set(draws) != {"images"}:
        raise UserError(f"{str(place)!r} is neither an export of kgan's, which takes z and gives images, nor a ProGAN "
                        "module, whose variables are called as TF-GAN's or NVIDIA's code calls them: it has "
                        f"{saved_model.listed(sorted(names))}.")
    _, image_size, _, channels = draws["images"].shape
    latent_dim, conditional = takes["z"].shape[1], "label" in takes
    z = saved_model.some_z(latent_dim)
    inputs = [z, np.arange(len(z), dtype=np.int32) % 2] if conditional else [z]
    recipe = {"image_size": image_size, "channels": channels, "latent_dim": latent_dim, "conditional": conditional}
    weights = {f"{number:03}": variable.numpy() for number, variable in enumerate(signature.variables)}
    images = saved_model.call(place, signature, inputs)
    return saved_model.Imported(None, recipe, weights, {"scheme": "kgan"}, inputs, images)
