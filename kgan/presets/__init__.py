"""Trained generators that the package carries. A run's place may be `preset:NAME`, wherever a command reads one.

A preset is a run directory beside this file: config.json, log.csv, scores, MODEL_CARD.md, samples.png, and one
checkpoint, the generator (of a run with a moving average, that) and the discriminator in float16, without optimizers.
`tools/make_preset.py` makes them.
"""

import contextlib
import hashlib
import json
from pathlib import Path

from kgan.runtime import files
from kgan.runtime.errors import UserError

PREFIX = "preset:"
DIRECTORY = Path(__file__).parent
SHA256: dict[str, str] = {  # of each preset's manifest.json, which has the hashes of its other files
    "mnist": "ebef0dfbfc908a1a323eed142781130f93fddaf426e53f26a3da0ef1765f791f",
    "digits": "d130fb9ca58de829d7a6e9b9d8b14f47d07fc78eb675ba97ef053ce471100671",
    "cifar10": "810d1ff3d07bf128a4697b04fed9888ee48c8018aabb22d8908584a33c36a9bf",
    "pictures": "5e0e5b8025f367cfeaa12862069be3c4975d784695b9b2a6f81921347820b1bd",
    "zhao": "60bc2aa7c316ea846c51a07191499f15a2e2e8dd0aa97ac92cdc230adfc5b423",
    "pca": "ecfd522a3037ffe26f97b1df50f6294ad9b221dcd2630064d92e9c15c3009ad6",
}


def names() -> tuple[str, ...]:
    """Returns the presets' names."""
    return tuple(SHA256)


def resolve(place: str | Path) -> Path:
    """Turns `preset:NAME` into the preset's directory, verified; any other path stays, but for its `~`.

    Raises:
        UserError: there is no such preset; the sentence lists those that there are. Or its files are not those that
            were packaged.
    """
    if not str(place).startswith(PREFIX):
        return files.expanded(place)
    name = str(place).removeprefix(PREFIX)
    if name not in SHA256:
        raise UserError(f"{name!r} is no preset; there are {', '.join(map(_described, SHA256))}."
                        if name else "give a preset's name, as `kgan sample mnist`; there are "
                        f"{', '.join(map(_described, SHA256))}.")
    directory = DIRECTORY / name
    if reason := files.damage(directory) or _other_manifest(name):
        raise UserError(f"the preset {name} is damaged ({reason}); install kgan again.")
    return directory


def name_of(path: Path) -> str | None:
    """Returns the name of the preset that lies at `path`; None where it is no preset's."""
    return path.name if path.name in SHA256 and path.resolve().parent == DIRECTORY.resolve() else None


def _other_manifest(name: str) -> str | None:
    found = hashlib.sha256((DIRECTORY / name / files.MANIFEST).read_bytes()).hexdigest()
    return None if found == SHA256[name] else f"{files.MANIFEST} is of other files"


def _described(name: str) -> str:
    """Returns the name and, where its config.json can be read, what it draws."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        recipe = json.loads((DIRECTORY / name / "config.json").read_text(encoding="utf-8"))["recipe"]
        size, colour = recipe["image_size"], "grey" if recipe["channels"] == 1 else "colour"
        return f"{name} ({recipe['dataset'] or recipe['data']}, {size}×{size} in {colour}, by {recipe['model']})"
    return name
