"""One file per paper table. The module's name is the model's name; there is no registry to edit.

A model file has `build_generator(recipe)`, `build_discriminator(recipe)` and RECIPE. It may have more:

* RECIPES_BY_DATASET, where settings differ between data sets
* NAMED_RECIPES, where a paper and its author differ, or a blank has a likely source
* SHAPES, where the table fixes image shapes
* SUPPORTS, what the networks can be more than plain: "classes", "clusters" (D is told those that k-means finds),
  "ratio" (images that are not square), "channels" (any number of them), "growth"
  (with `blocks(network)` in place of `blocks` here)
* `fit_generator(images, recipe)` in place of the discriminator, for what is fitted in closed form

How to add one: docs/how-to/own_model.md.
"""

import ast
import contextlib
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from kgan.runtime import machine
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kgan.recipe import Recipe


# What a field of a recipe asks of a model's SUPPORTS, and what networks do that have it.
NEEDED = (("classes", "classes", "are told classes"), ("conditional", "classes", "are told classes"),
          ("clusters", "clusters", "are told clusters"), ("grow_images", "growth", "grow"),
          ("max_channels", "growth", "grow"), ("height", "ratio", "make pictures that are not square"),
          ("width", "ratio", "make pictures that are not square"))


def names() -> list[str]:
    """Returns every model's name, without importing any."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def check(name: str) -> None:
    """Raises UserError, listing the known models, when there is no model called `name`."""
    if name not in names():
        raise UserError(f"model={name!r} is unknown; known: {', '.join(names())}.")


def description(name: str) -> str:
    """Returns what the model's file says of it: its docstring, with the layer tables after title and source."""
    title, source, *rest = inspect.cleandoc(_module(name).__doc__ or "").split("\n\n")
    return "\n\n".join([title, source, *layer_tables(_module(name)), *rest])


def layer_tables(module: ModuleType) -> list[str]:
    """Returns the layer tables of a model's file, each from the docstring of the function that builds the network."""
    docstrings = [inspect.getdoc(function) or "" for function in vars(module).values()
                  if inspect.isfunction(function) and function.__module__ == module.__name__]
    return [block for docstring in docstrings for block in docstring.split("\n\n")
            if block.startswith(("    Generator", "    Discriminator"))]


def recipe(name: str, dataset: str | None = None, named: str | None = None) -> "Recipe":
    """Returns the model's recipe for `dataset`; without one, for the data of its paper.

    Args:
        name: of the model.
        dataset: whose settings are taken where the model has some for it.
        named: one of `recipes(name)`, whose differences from the default go before those settings; None: the default.

    Raises:
        UserError: no model called `name`, no such recipe of it, or Keras is set to what kgan can't use.
    """
    module = _module(name)
    own = getattr(module, "RECIPES_BY_DATASET", {}).get(dataset, module.RECIPE)
    if named is not None:
        if named not in recipes(name):
            known = ", ".join(recipes(name)) or "none"
            raise UserError(f"recipe={named!r} is not one of {name}'s; it has: {known}.")
        default, values = module.RECIPE.to_dict(), module.NAMED_RECIPES[named].to_dict()
        own = own.override(**{field: value for field, value in values.items() if value != default[field]}, recipe=named)
    return own if dataset is None else own.override(dataset=dataset)


def recipes(name: str) -> list[str]:
    """Returns the names of the model's recipes besides its default, the keys of NAMED_RECIPES, without importing it.

    Raises:
        UserError: no model called `name`.
    """
    check(name)
    tree = ast.parse((Path(__path__[0]) / f"{name}.py").read_text(encoding="utf-8"))
    values = [node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
              and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["NAMED_RECIPES"]]
    return [str(key.value) for value in values for key in value.keys if isinstance(key, ast.Constant)]


def check_shape(recipe: "Recipe") -> None:
    """Raises UserError, listing what the model makes, when it can't make images of the recipe's shape."""
    square = (recipe.image_size, recipe.image_size, recipe.channels)
    shapes = getattr(_module(recipe.model), "SHAPES", (square,))
    if "channels" in _supports(recipe.model):
        shapes = [(*size, channels) for *size, _ in shapes for channels in (1, 3, 4)]
    if square not in shapes:
        known = " or ".join(f"--image_size={size} --channels={channels}" for size, _, channels in shapes)
        raise UserError(f"image_size={recipe.image_size}, channels={recipe.channels} is not a shape of "
                        f"{recipe.model}; it has {known}.")


def _check(recipe: "Recipe") -> None:
    """Raises UserError when the model can't make images of the recipe's shape, or be told its classes or clusters."""
    check_shape(recipe)
    for field, needed, what in NEEDED:
        value = getattr(recipe, field)
        if value and needed not in _supports(recipe.model):
            known = ", ".join(name for name in names() if needed in _supports(name))
            raise UserError(f"{field}={value}: {recipe.model} has no networks that {what}; these have: {known}.")


def build(recipe: "Recipe") -> tuple["keras.Model", "keras.Model"]:
    """Returns the recipe's (generator, discriminator); their weights are a function of `recipe.seed`.

    Seeds the global random generators of Python, NumPy and TensorFlow.

    Raises:
        UserError: the model doesn't make images of the recipe's shape, or can't be told its classes or clusters.
    """
    _check(recipe)
    import keras

    keras.utils.set_random_seed(recipe.seed)
    module = _module(recipe.model)
    with _precision(recipe.precision):
        generator = _fit_for_device(module.build_generator(recipe))
    with _precision("float32" if recipe.penalty else recipe.precision):  # differences of slopes need its digits
        return generator, _fit_for_device(module.build_discriminator(recipe))


def build_generator(recipe: "Recipe") -> "keras.Model":
    """Returns the recipe's generator alone, to load weights into."""
    _check(recipe)
    with _precision(recipe.precision):
        return _fit_for_device(_module(recipe.model).build_generator(recipe))


def blocks(network: "keras.Model", name: str) -> list[list["keras.layers.Layer"]]:
    """Returns the layers that have weights in blocks, in the network's order: `groups`, or what the file says."""
    return getattr(_module(name), "blocks", groups)(network)


def groups(network: "keras.Model") -> list[list["keras.layers.Layer"]]:
    """Returns the layers that have weights in groups, in the network's order: a dense layer or convolution, and norms.

    What comes before the first, as an embedding of labels, belongs to it; a fixed filter to the layer that it follows.
    """
    import keras

    from kgan.layers import ClusterByLatent

    def opens(layer: keras.layers.Layer) -> bool:
        labelled = isinstance(layer, keras.layers.Embedding | ClusterByLatent)
        fixed = isinstance(layer, keras.layers.DepthwiseConv2D) and not layer.use_bias
        return not labelled and not fixed and any(len(array.shape) > 1 for array in layer.weights)

    grouped: list[list[keras.layers.Layer]] = [[]]
    for layer in network.layers:
        if layer.weights:
            if opens(layer) and any(map(opens, grouped[-1])):
                grouped.append([])
            grouped[-1].append(layer)
    return grouped


def freeze(recipe: "Recipe", generator: "keras.Model", discriminator: "keras.Model") -> None:
    """Makes untrainable what the recipe leaves as it is: the first blocks of both networks. Before they are compiled.

    Of a batch norm in them the statistics stay as well. D's are Mo, Cho & Shin 2020 (arXiv:2002.10964), FreezeD.

    Raises:
        UserError: there are not so many blocks, or none would be left.
    """
    first, last = blocks(generator, recipe.model), blocks(discriminator, recipe.model)
    count = len(first) if recipe.trainable_blocks is None else recipe.trainable_blocks
    if count > len(first):
        raise UserError(f"trainable_blocks={count}: the generator of {recipe.model} has {len(first)}.")
    if recipe.frozen_d_blocks >= len(last):
        raise UserError(f"frozen_d_blocks={recipe.frozen_d_blocks}: the discriminator of {recipe.model} has "
                        f"{len(last)}, and one must be trained.")
    for block in first[:len(first) - count] + last[:recipe.frozen_d_blocks]:
        for layer in block:
            layer.trainable = False


def fit_generator(images: "np.ndarray", recipe: "Recipe") -> "keras.Model":
    """Returns the generator that a closed-form model makes of uint8 `images`, (n, H, W, C)."""
    _check(recipe)
    return _module(recipe.model).fit_generator(images, recipe)


def _supports(name: str) -> set[str]:
    return getattr(_module(name), "SUPPORTS", set())


def _fit_for_device(network: "keras.Model") -> "keras.Model":
    from kgan import kernels

    return network if machine.has_gpu() else kernels.faster(network)


def _module(name: str) -> ModuleType:
    check(name)
    machine.check_backend()  # every model file imports Keras
    return importlib.import_module(f"{__name__}.{name}")


@contextlib.contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Layers built inside compute in `policy`; the caller's own policy comes back after."""
    import keras

    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)
