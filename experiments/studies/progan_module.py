"""The importer of ProGAN modules, on modules with random weights: the public one can't be had everywhere.

    python experiments/studies/progan_module.py --out=experiments/results/progan

Builds modules in both naming schemes (tests/runs/hub_modules.py), small and as large as the public one. Imports each;
writes importer.md: how far kgan's networks are from what the module's own signature draws.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from kgan.runtime import files, machine

machine.import_tensorflow()
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "runs"))

from hub_modules import SCHEMES, Module, write  # noqa: E402

from kgan import models  # noqa: E402
from kgan.runs.imports import load, progan, saved_model  # noqa: E402

SHAPES = ((False, 32, 64, 64), (True, 32, 64, 64), (False, 128, 512, 512))  # resource variables, size, width, latent
READINGS = {"in TF-GAN's code": progan.VALID_CONVOLUTION, "in NVIDIA's code": progan.DENSE,
            "there too": progan.FUSED, "in both": progan.OUTPUTS | progan.SIGNED_OUTPUTS}
NOTE = f"""Largest differences of images in [0, 1], before clipping; {saved_model.LARGEST:.0e} is allowed. The 16 z's \
of the importer have several lengths, 16 others are of N(0, 1). Seconds of the import, beside other work.

## What a real progan-128 would test

These are tried in turn, and what holds stands in config.json:
"""
FIXED = """These have no alternative; where one doesn't hold, the module is refused:

* its variables are called as in TF-GAN's code or in NVIDIA's, under any scope;
* a resolution has 2^14 / size channels, or a number that is the same for all where that is less;
* weights are scaled where they are used, and lie in the file unscaled;
* z is normalised to a mean square of 1, and so is each pixel, after LeakyReLU of slope 0.2;
* the last layer is linear, and no resolution is fading in.
"""


def main() -> None:
    """Imports, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="directory of importer.md")
    options = parser.parse_args()
    lines = ["# The importer of ProGAN modules, on random weights", "", f"`python {' '.join(sys.argv)}`", "",
             "| scheme | variables | images | parameters | difference, importer's z | difference, other z | s |",
             "|---|---|---|---|---|---|---|",
             *(row(Module(scheme, *shape)) for shape in SHAPES for scheme in SCHEMES), "", NOTE,
             *(f"* {where}: {'; or '.join(readings)};" for where, readings in READINGS.items()),
             "* weights are moving averages, where there are any; or what these are averages of.", "", FIXED,
             machine.in_words(machine.versions()) + "."]
    print("\n".join(lines))
    files.write_text(options.out / "importer.md", "\n".join(lines) + "\n")


def row(module: Module) -> str:
    """Builds and imports a module; returns its row of the table."""
    with tempfile.TemporaryDirectory() as directory:
        place = write(Path(directory, "progan"), module)
        start = time.perf_counter()
        loaded = load.load_generator(place, trust=True)
        generator = models.build_generator(models.recipe("progan").override(**loaded.recipe, steps=1))
        seen = load.load_into(loaded, generator)
        seconds = time.perf_counter() - start
        z = np.random.default_rng(1).standard_normal((16, module.latent_dim)).astype(np.float32)
        program = saved_model.load(place)
        theirs = 2 * saved_model.call(place, program.signatures["default"], [z]) - 1
        other = saved_model.difference(saved_model.drawing(generator, as_is=True)(z), theirs)
    return (f"| {module.scheme} | {'resource' if module.resource else 'reference'} | {module.size}×{module.size} | "
            f"{generator.count_params():,} | {seen:.1e} | {other:.1e} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
