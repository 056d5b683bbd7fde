"""Golden requests: golden.json, inputs and the pictures that an export makes of them, and check.py, which compares."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import keras

from kgan import images
from kgan.runtime import machine
from kgan.serving import check, saved_model

COUNT = 10  # seeds, from 0


def write(generator: keras.Model, directory: Path, form: str, name: str, version: int) -> None:
    """Writes golden.json and check.py, which needs Python alone, into `directory`.

    Args:
        generator: as it was exported.
        directory: of the version.
        form: a key of `export.MAIN_FILE`: of a server's are seeds, of a file's seeds and z's.
        name: of the model, for servers.
        version: its number.
    """
    z, *conditions = saved_model.inputs(generator)
    given = saved_model.samples(generator, COUNT)
    taken = ["seed", *([] if form == "saved_model" else [z.name]), *(spec.name for spec in conditions)]
    pictures = []
    for row, pixels in enumerate(given["images"]):
        label = {"label": int(given["label"][row])} if "label" in given else {}
        pictures.append({"seed": row, **label, "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
                         "png": base64.b64encode(images.encoded(images.picture(pixels), "png")).decode()})
    content = {"model": name, "version": version, "format": form, "versions": machine.versions(),
               "inputs": {one: given[one].tolist() for one in taken}, "pictures": pictures}
    (directory / "golden.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    shutil.copyfile(check.__file__, directory / "check.py")
