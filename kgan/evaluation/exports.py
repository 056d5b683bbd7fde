"""SavedModels that `kgan export` wrote, opened to draw."""

from pathlib import Path
from typing import Any

import numpy as np

from kgan import sampling
from kgan.runtime import files
from kgan.runtime.errors import UserError

OTHERS = {"model.onnx": "ONNX", "model.tflite": "LiteRT", "model.xml": "OpenVINO"}  # that aren't opened, by main file


class Export:
    """A SavedModel that draws, by its signature serving_default.

    Raises:
        UserError: it has no such signature.
    """

    def __init__(self, path: Path) -> None:
        import tensorflow as tf

        self._program = tf.saved_model.load(str(path))  # kept: its variables end with it
        try:
            self._serve = self._program.signatures["serving_default"]
            self.inputs: dict[str, Any] = self._serve.structured_input_signature[1]
            self.latent_dim: int = self.inputs["z"].shape[1]
            self.image_shape = tuple(self._serve.structured_outputs["images"].shape[1:])
        except (KeyError, AttributeError, IndexError) as error:
            raise UserError(f"{str(path)!r} is a SavedModel without the signature serving_default: z → images; "
                            "kgan export makes one.") from error

    def draw(self, z: np.ndarray, *labels: np.ndarray) -> np.ndarray:
        """Returns uint8 images, (n, H, W, C), of z, (n, latent_dim), and of labels where the export takes them."""
        import tensorflow as tf

        def serve(*values: np.ndarray) -> tf.Tensor:
            return self._serve(**dict(zip(("z", "label"), map(tf.constant, values), strict=False)))["images"]

        return sampling.draw_from(serve, z, *labels)


def find(path: Path, *, trust: bool, flag: str, use: str) -> Path | None:
    """Returns the SavedModel at `path`: a version, or the newest in a directory of versions; None: there is none.

    Args:
        path: a directory.
        trust: the user trusts it.
        flag: how they say so.
        use: what is to be done with it, a verb.

    Raises:
        UserError: it is not trusted, or an export of another format.
    """
    for place in (path, *[*files.versions(path).values()][-1:]):
        if (place / "saved_model.pb").is_file():
            if not trust:
                raise UserError(f"{str(place)!r} is a SavedModel, a program that can do anything on this machine; "
                                f"give {flag} if you know who made it.")
            return place
        for file, name in OTHERS.items():
            if (place / file).is_file():
                raise UserError(f"{str(place)!r} is an {name} export; {use} its run, or a SavedModel of it.")
    return None
