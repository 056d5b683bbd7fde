"""Exports as something that draws."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kgan import latent, sampling
from kgan.api.handles import GeneratorHandle, Labels
from kgan.drawing.grids import Walk
from kgan.runtime.errors import UserError
from kgan.sampling import whole_numbers


class ExportHandle(GeneratorHandle):
    """A SavedModel that `kgan export` wrote: it draws, and has no layers to look into."""

    def __init__(self, path: Path) -> None:
        self.name = f"export {path}"
        self._model = tf.saved_model.load(str(path))
        try:
            self._serve = self._model.signatures["serving_default"]
            self._inputs = self._serve.structured_input_signature[1]
            self._latent_dim = self._inputs["z"].shape[1]
        except (KeyError, AttributeError, IndexError) as error:
            raise UserError(f"{str(path)!r} is a SavedModel without the signature serving_default: z → images; "
                            "kgan export makes one.") from error

    @property
    def classes(self) -> int:
        """0: a SavedModel doesn't say how many."""
        return 0

    def images(self, seeds: Sequence[int] | range, labels: Labels = None) -> np.ndarray:
        """As `GeneratorHandle.images`; labels must be given where the export takes them, and be classes of it."""
        return self._draw(latent.from_seeds(whole_numbers(seeds, "seeds"), self._latent_dim).numpy(), labels)

    def walk(self, seeds: Sequence[int] = (0,), labels: Labels = None, frames: int = 24) -> Walk:
        """As `GeneratorHandle.walk`, within one class."""
        rows = whole_numbers(seeds, "seeds")
        if len(rows) < 2:
            raise UserError(f"seeds={seeds} is one stop; a walk needs two or more.")
        stops = latent.from_seeds(rows, self._latent_dim).numpy()
        return Walk(self._draw(latent.walk(stops, frames), labels), frames)

    def save(self, out: str | Path) -> None:
        """Raises UserError: a SavedModel has no layers."""
        raise UserError(f"{self.name} can't become a .keras file: it has no layers; save its run.")

    def export(self, out: str | Path, form: str = "saved_model") -> Path:
        """Raises UserError: it is one."""
        raise UserError(f"{self.name} is an export; export its run.")

    def _draw(self, z: np.ndarray, labels: Labels) -> np.ndarray:
        if (labels is None) == ("label" in self._inputs):
            raise UserError(f"{self.name} takes {'labels; give labels=' if labels is None else 'no labels'}.")
        told = [] if labels is None else [np.resize(whole_numbers(labels, "labels"), len(z)).astype(np.int32)]
        try:
            return sampling.draw_from(lambda z, *label: self._serve(
                z=tf.constant(z), **dict(zip(["label"], map(tf.constant, label), strict=False)))["images"], z, *told)
        except tf.errors.InvalidArgumentError as error:
            if not told:
                raise
            raise UserError(f"labels={labels} are refused by {self.name}: one is none of its classes, which its "
                            "MODEL_CARD.md names.") from error


def open_export(path: Path, *, trust: bool) -> GeneratorHandle:
    """Opens the newest version in a directory of exports, or one version.

    Raises:
        UserError: there is none, or an ONNX model, or a web page, or a SavedModel without `trust`.
    """
    versions = sorted((int(entry.name), entry) for entry in path.iterdir() if entry.name.isdecimal())
    for place in (path, *(entry for _, entry in versions[-1:])):
        if (place / "saved_model.pb").is_file():
            if not trust:
                raise UserError(f"{str(place)!r} is a SavedModel, a program that can do anything on this machine; "
                                "give trust=True if you know who made it.")
            return ExportHandle(place)
        if (place / "model.onnx").is_file():
            raise UserError(f"{str(place)!r} is an ONNX export; load its run, or a SavedModel of it.")
        if (place / "index.html").is_file():
            raise UserError(f"{str(place)!r} is a web page; open it in a browser, or load its run.")
    raise UserError(f"{str(path)!r} is neither a run directory nor an export; kgan.fit makes the one, .export the "
                    "other.")
