"""What an export is asked, and what it must answer: one contract for every format.

    asked                                  answer
    no row                                 no picture: (0, H, W, C); LiteRT, which holds no empty result, refuses it
    n rows                                 n pictures, each of its own row alone
    a seed, any integer of 64 bits         the picture that `kgan generate` draws of it; of seeds below 0, which that
                                           refuses, one of their own, the same in every format
    a label below 0, or not below classes  refused: an error, and no picture
    z with a value beyond ±10⁶, or NaN     refused: N(0, 1) has none, and what is drawn of it no two runtimes agree on
    inputs of different lengths            refused
    no label, where there are classes      refused

A whole request is refused for one bad row. In OpenVINO, whose graphs can't refuse, the pictures of bad rows are black;
of no row it gives none, whatever the labels.
Each format's `verify` asks all of it before the export is handed over.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kgan import sampling
from kgan.runtime.errors import UserError
from kgan.serving import saved_model

GREY_LEVELS = 1  # by which an exported image may differ from the live one, of 255
ASKED = (f"in batches of {', '.join(map(str, saved_model.ASKED))}; a label that is no class, and a z that is not "
         "finite or huge, are refused")

Draw = Callable[[Mapping[str, np.ndarray]], Any]  # inputs by name → images


def inputs(generator: keras.Model, seeds: bool = False) -> dict[str, str]:
    """Returns the type of each input by name: z or seed, then the label, if there is one."""
    z, *conditions = saved_model.inputs(generator)
    return ({"seed": "int64"} if seeds else {z.name: z.dtype.name}) | {one.name: one.dtype.name for one in conditions}


def signature(generator: keras.Model, taken: Mapping[str, str]) -> str:
    """Returns what an export takes and gives, in words."""
    shapes = {one.name: [*one.shape] for one in saved_model.inputs(generator)} | {"seed": [None]}
    height, width, channels = generator.output_shape[1:]
    return (", ".join(f"{name} {kind} {shapes[name]}" for name, kind in taken.items())
            + f" → images uint8 [None, {height}, {width}, {channels}]")


def agreement(worst: int) -> str:
    """Returns in words how far pictures are from the live generator's."""
    return f"to within {worst} grey level{'s' * (worst > 1)}" if worst else "bit for bit"


def verify(generator: keras.Model, draw: Draw, what: str, seeds: bool = False, empty: bool = True,
           refuses: bool = True) -> int:
    """Asks `draw` all that the contract names; returns by how many grey levels it differs from the live generator.

    Args:
        generator: in float32.
        draw: gives images, (n, H, W, C) uint8, of inputs by name, or raises.
        what: "the ONNX model", for messages.
        seeds: it takes seeds in place of z.
        empty: it can be asked for no picture.
        refuses: bad requests are errors; or else black pictures.

    Raises:
        UserError: it differs by more than GREY_LEVELS, or breaks the contract.
    """
    taken, worst = inputs(generator, seeds), 0
    batches: list[int | Sequence[int]] = [*saved_model.ASKED, *([saved_model.FAR_SEEDS] if seeds else [])]
    for asked in batches:
        given = saved_model.samples(generator, asked)
        drawn, expected = np.asarray(draw({name: given[name] for name in taken})), given["images"]
        if drawn.dtype != np.uint8 or drawn.shape != expected.shape:
            raise _failed(what, f"it gives {drawn.dtype} {[*drawn.shape]}, the live generator uint8 "
                                f"{[*expected.shape]}")
        worst = max(worst, int(np.abs(drawn.astype(int) - expected).max()))
    if worst > GREY_LEVELS:
        raise _failed(what, f"it differs from the live generator by up to {worst} grey levels")
    one = {name: given[name][:1] for name in taken}
    none = np.asarray(draw({name: value[:0] for name, value in one.items()})) if empty else drawn[:0]
    if none.shape != (0, *generator.output_shape[1:]):
        raise _failed(what, f"it gives {[*none.shape]} of no row")
    bad_requests = [(f"{name}={bad}", one | {name: np.full_like(one[name], bad)})
                    for name, bad in odd(generator, seeds)]
    if "label" in taken:
        # Where no row is asked for, what can't refuse has nothing to blacken.
        bad_requests += [(f"{labels} labels for {rows} rows", {
            name: np.repeat(value, labels if name == "label" else rows, axis=0) for name, value in one.items()})
            for labels, rows in ((1, 3), (3, 1), *([(1, 0)] if refuses else []))]
    for name, bad in bad_requests:
        try:
            black = not np.asarray(draw(bad)).any()
        except Exception:  # each runtime has its own
            continue
        if black and not refuses:
            continue
        raise _failed(what, f"it draws a picture of {name}")
    again = np.asarray(draw({name: given[name] for name in taken}))  # a refused request leaves nothing behind
    if not np.array_equal(again, drawn):
        raise _failed(what, "after refused requests it draws other pictures")
    return worst


def odd(generator: keras.Model, seeds: bool = False) -> list[tuple[str, float]]:
    """Returns what must be refused: the input's name, and a value of it."""
    classes = sampling.classes(generator)
    values = [] if seeds else [(saved_model.inputs(generator)[0].name, bad) for bad in (np.nan, np.inf, -3e38)]
    return values + [("label", bad) for bad in ((-1, classes, 2**31 - 1) if classes else ())]


def _failed(what: str, why: str) -> UserError:
    return UserError(f"{what} failed its check: {why}. Nothing was exported; please report this.")
