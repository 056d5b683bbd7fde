"""Fields of a recipe: what flags, checks and cards need to know of each stands in its metadata."""

import dataclasses
import math
import typing
from typing import Any

from kgan.runtime.errors import UserError


def field(help_text: str, group: str, *, default: Any = None, above: float | None = None,
          least: float | None = None, most: float | None = None, below: float | None = None,
          choices: tuple[Any, ...] = ()) -> Any:
    """Declares a field of `Recipe`: everything that flags, checks and cards need to know about it.

    Args:
        help_text: for `--help`.
        group: "data", "place" (may change in a resumed run), "model", "loss" (must be given where a discriminator
            takes part) or "training". The last two have no effect on models that are fitted in closed form.
        default: where the field is not given; `dataclasses.MISSING`: it must be.
        above: an exclusive lower bound.
        least: an inclusive one.
        most: an inclusive upper bound; beyond it is a typing error.
        below: an exclusive one.
        choices: the values that are allowed.
    """
    metadata = {"help": help_text, "group": group, "above": above, "least": least, "most": most, "below": below,
                "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


def kind(one: dataclasses.Field) -> type:
    """Returns the type that a field's values have, None aside."""
    return next(part for part in (typing.get_args(one.type) or (one.type,)) if part is not type(None))


def check(one: dataclasses.Field, value: Any) -> None:
    """Raises UserError when a field's value is of another type or outside its range."""
    name, wanted, limits = one.name, kind(one), one.metadata
    if value is None and type(None) in typing.get_args(one.type):
        return
    of_type = isinstance(value, (int, float) if wanted is float else wanted)
    if not of_type or isinstance(value, bool) != (wanted is bool):
        raise UserError(f"{name}={value!r} must be of type {wanted.__name__}.")
    if limits["choices"] and value not in limits["choices"]:
        raise UserError(f"{name}={value!r} is unknown; allowed: {', '.join(map(str, limits['choices']))}.")
    if limits["above"] is not None and not limits["above"] < value < math.inf:
        raise UserError(f"{name}={value} must be a number greater than {limits['above']}.")
    if limits["below"] is not None and not limits["least"] <= value < limits["below"]:
        raise UserError(f"{name}={value} must be in [{limits['least']}, {limits['below']}).")
    if limits["below"] is None and limits["least"] is not None and not limits["least"] <= value <= limits["most"]:
        raise UserError(f"{name}={value} must be in [{limits['least']}, {limits['most']}].")
    if limits["most"] is not None and value > limits["most"]:
        raise UserError(f"{name}={value} must be at most {limits['most']}.")
