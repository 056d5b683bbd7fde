"""A generator as one HTML file that draws in any browser, also from a disk: its operations, weights, and the program.

    description  JSON: the generator's inputs, its operations, where each array lies
    bytes        all arrays, little-endian, in base64

The page's program computes z from a seed as TensorFlow does (`noise.js`), then the operations (`network.js`), in
float32. It asks nothing of any server.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kgan import images, latent, sampling
from kgan.runtime import templates, version
from kgan.runtime.errors import UserError
from kgan.serving import compute, saved_model
from kgan.serving.operations import Operation, operations

FILE = "index.html"
LARGEST = 16 * 2**20  # bytes of a page before weights are rounded to float16
GOLDEN = 10  # seeds, from 0, whose pictures the page compares with its own
GREY_LEVELS = 1  # by which a picture may differ from the live generator's, of 255
DIRECTIONS = 6  # in z, that the page can step along
PROBED = 512  # seeds that they are found with
TEMPLATE = Path(__file__).with_name("page.html")
SCRIPTS = ("noise.js", "network.js", "pictures.js", "controls.js")


def write(generator: keras.Model, directory: Path, name: str = "generator",
          about: Mapping[str, str] | None = None) -> None:
    """Writes index.html into `directory`.

    Args:
        generator: in float32, in Keras' own layers and kgan's; of z, or of z and a label.
        directory: that is there.
        name: of the model, for title and downloads.
        about: what the page says of the model, by heading.

    Raises:
        UserError: the generator has a layer, or an input, that a page can't have.
        OSError: it can't be written.
    """
    inputs = _inputs(generator)
    made = operations(generator, inputs)
    about = {"Made by": f"kgan {version.VERSION}", **(about or {})}
    for rounded in (False, True):
        arrays = _Arrays(rounded)
        description = _description(generator, made, arrays, name)
        text = _filled(about, description, arrays.bytes)
        if len(text) <= LARGEST:
            break
    (directory / FILE).write_text(text, encoding="utf-8")


def verify(generator: keras.Model, directory: Path) -> str:
    """Computes with NumPy what the page in `directory` holds, compares with the live generator; returns a report.

    Raises:
        UserError: they differ by more than a grey level.
    """
    text = (directory / FILE).read_text(encoding="utf-8")
    made, (types, golden) = read(text)
    expected = saved_model.samples(generator, len(golden))["images"]
    worst = int(np.abs(golden.astype(int) - expected).max())
    for size in saved_model.BATCHES:
        given = saved_model.samples(generator, size)
        drawn = images.to_uint8(compute.compute(made, *(given[name] for name in _inputs(generator)))).numpy()
        worst = max(worst, int(np.abs(drawn.astype(int) - given["images"]).max()))
    if worst > GREY_LEVELS:
        raise UserError(f"the web page failed its check: with weights in {' and '.join(types)} it differs from the "
                        f"live generator by up to {worst} grey levels. Nothing was exported; take --format=onnx or "
                        "--format=saved_model.")
    batches = " and ".join(map(str, saved_model.BATCHES))
    return (f"{FILE}: {len(text.encode()) / 1e6:.1f} MB, {len(made)} operations, weights in {' and '.join(types)}\n"
            f"Verified: NumPy, from what the page holds, in batches of {batches}, draws the live generator's images, "
            f"{'to within a grey level' if worst else 'bit for bit'}. The page's own program is not run here: "
            "whenever the page is opened it draws ten of them, compares, and says what it found.\n")


def read(text: str) -> tuple[list[Operation], tuple[list[str], np.ndarray]]:
    """Reads a page back: its operations, with their weights in float32; the weights' types and the golden pictures."""
    description = json.loads(_held(text, "description"))
    data = base64.b64decode(_held(text, "bytes"))
    arrays = [np.frombuffer(data[one["start"]:one["end"]], one["type"]).reshape(one["shape"])
              for one in description["arrays"]]
    made, types = [], set()
    for one in description["operations"]:
        weights = {key: arrays[place] for key, place in one["weights"].items()}
        types |= {str(array.dtype) for array in weights.values()}
        made.append(Operation(one["name"], one["inputs"], one["shape"], {
            **one["settings"], **{key: array.astype(np.float32) for key, array in weights.items()}}))
    return made, (sorted(types), arrays[description["golden"]])


class _Arrays:
    """Arrays one after the other: float16 where that loses nothing, or, of kernels, where all are `rounded`."""

    def __init__(self, rounded: bool) -> None:
        self.rounded, self.entries, self.bytes = rounded, list[dict[str, Any]](), b""

    def add(self, array: np.ndarray) -> int:
        """Appends an array; returns its number."""
        if array.dtype != np.uint8:
            array = array.astype(np.float32)
            with np.errstate(over="ignore"):
                half = array.astype(np.float16)
            if np.array_equal(half.astype(np.float32), array) or (self.rounded and array.ndim > 1):
                array = half
        start, self.bytes = len(self.bytes), self.bytes + array.astype(array.dtype.newbyteorder("<")).tobytes()
        self.entries.append({"type": str(array.dtype), "shape": array.shape, "start": start, "end": len(self.bytes)})
        return len(self.entries) - 1


def _description(generator: keras.Model, made: Sequence[Operation], arrays: _Arrays, name: str) -> dict[str, Any]:
    """Returns what `read` and `network.js` take; fills `arrays`."""
    inputs = len(_inputs(generator))
    embeddings = [inputs + place for place, one in enumerate(made) if one.name == "embedding"]
    stated = []
    for one in made:
        weights = {key: arrays.add(value) for key, value in one.settings.items() if isinstance(value, np.ndarray)}
        settings = {key: value for key, value in one.settings.items() if key not in weights}
        stated.append({"name": one.name, "inputs": one.inputs, "shape": one.shape, "settings": settings,
                       "weights": weights})
    return {"name": name, "latent_dim": saved_model.inputs(generator)[0].shape[-1],
            "kept": sampling.kept(generator), "classes": sampling.classes(generator),
            "told": embeddings[0] if embeddings else None,
            "operations": stated, "axes": arrays.add(axes(generator)),
            "golden": arrays.add(saved_model.samples(generator, GOLDEN)["images"]), "arrays": arrays.entries}


def axes(generator: keras.Model) -> np.ndarray:
    """Returns the directions in z that change pictures most, of class 0 where there are classes: (k, latent_dim)."""
    probes = latent.from_seeds(range(PROBED), latent.dimension(generator)).numpy()
    labels = [np.zeros(PROBED, np.int32)] if sampling.classes(generator) else []
    return latent.directions(probes, sampling.draw_from(sampling.renderer(generator), probes, *labels), DIRECTIONS)


def _inputs(generator: keras.Model) -> list[str]:
    """Returns the names of the inputs, z first; raises as `saved_model.inputs`."""
    return [one.name for one in saved_model.inputs(generator)]


def _filled(about: Mapping[str, str], description: dict[str, Any], data: bytes) -> str:
    """Returns the page: the template with everything in its place."""
    (height, width, channels), classes = description["operations"][-1]["shape"], description["classes"]
    lead = (f"Each seed is a picture, {width}×{height} {'in grey' if channels == 1 else 'in colour'}"
            + (f", of one of {classes} classes." if classes else "."))
    return templates.page(TEMPLATE, SCRIPTS, "data: blob:", name=description["name"], lead=lead, facts=about.items(),
                          bytes=base64.b64encode(data).decode(), description=description)


def _held(text: str, element: str) -> str:
    found = re.search(rf'<script type="[\w/]+" id="{element}">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return found[1]
