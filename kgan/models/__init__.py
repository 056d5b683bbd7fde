"""One file per paper table. The module's name is the model's name; there is no registry to edit.

A model file has `build_generator(recipe)`, `build_discriminator(recipe)` and RECIPE; where settings differ
between data sets also RECIPES, by data set.
"""

import contextlib
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from kgan.errors import UserError

if TYPE_CHECKING:
    import keras

    from kgan.recipe import Recipe


def names() -> list[str]:
    """Returns every model's name, without importing any."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def check(name: str) -> None:
    """Raises UserError, listing the known models, when there is no model called `name`."""
    if name not in names():
        raise UserError(f"model={name!r} is unknown; known: {', '.join(names())}.")


def recipe(name: str, dataset: str | None = None) -> "Recipe":
    """Returns the model's recipe for `dataset`; without one, for the data of its paper.

    Raises:
        UserError: no model called `name`.
    """
    module = _module(name)
    if dataset is None:
        return module.RECIPE
    return getattr(module, "RECIPES", {}).get(dataset) or module.RECIPE.override(dataset=dataset)


def build(recipe: "Recipe") -> tuple["keras.Model", "keras.Model"]:
    """Returns the recipe's (generator, discriminator); their weights are a function of `recipe.seed`.

    Seeds the global random generators of Python, NumPy and TensorFlow.
    """
    import keras

    keras.utils.set_random_seed(recipe.seed)
    with _precision(recipe.precision):
        module = _module(recipe.model)
        return module.build_generator(recipe), module.build_discriminator(recipe)


def build_generator(recipe: "Recipe") -> "keras.Model":
    """Returns the recipe's generator alone, to load weights into."""
    with _precision(recipe.precision):
        return _module(recipe.model).build_generator(recipe)


def _module(name: str) -> ModuleType:
    check(name)
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
