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
    "mnist": "7f60487842b1cf2a83e3a299dea7128df0494c1c91810d7ffa24e347ce1623d3",
    "digits": "c83583b0608ed838cb95ace80468b778e93260f7cebc858b570b30b5d42d65be",
    "cifar10": "ef4569f1276b5d0c1505d5aa44b5c275cc69ecd61400ad6aab503eb45e3af973",
    "zhao": "9e6659cbd9d7b2fbd2d316ca8cdf4c8e32094bd63ffec025fc0a41f6b59fc79d",
    "pca": "c4cc8b828a9e4ee209f0f38163013fbad19a9573ecb5fdecbb0172f5885f2d9f",
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
