"""Makes a preset, which the package carries, from a run: its networks in float16, scores of just these, and a card.

    TFDS_DATA_DIR=... python tools/make_preset.py runs/fast mnist          # or runs/fast@25000
    python tools/make_preset.py preset:mnist        # its card alone, where a model's file changed

Writes kgan/presets/NAME and prints the line that belongs into `kgan/presets/__init__.py`, and that of the table in
`docs/how-to/presets.md`. Scores 10,000 samples against the run's own data, as `python -m kgan evaluate` does.
"""

import argparse
import dataclasses
import hashlib
import shutil
import tempfile
from pathlib import Path

import numpy as np

from kgan import presets, saving
from kgan.runs import checkpoints, log, scores
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime import files, machine, screen
from kgan.scoring import doctor

EVERYTHING = 24 * 10**6  # bytes that all presets may take


def main() -> None:
    """Makes the preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="RUN or RUN@STEP, a run directory; preset:NAME, whose card alone is made anew")
    parser.add_argument("name", nargs="?", help="of the preset")
    parser.add_argument("--dataset", help="what the run's own copy (--data) is of, for the licence on the card")
    options = parser.parse_args()
    if options.name is None and not options.run.startswith(presets.PREFIX):
        parser.error("give the preset's name")
    screen.log_to_screen()
    machine.import_tensorflow()
    path, _, step = options.run.partition("@")
    name = options.name or path.removeprefix(presets.PREFIX)
    place = presets.DIRECTORY / name
    with tempfile.TemporaryDirectory() as temporary:
        made = Run(Path(temporary) / name)
        if path.startswith(presets.PREFIX):
            shutil.copytree(Run(path).path, made.path)
            (made.path / files.MANIFEST).unlink()  # it is written anew
            write_card(made)
        else:
            made = half(Run(path), int(step) if step else None, made.path)
            describe(made, options.dataset)
        with files.committing(place) as aside:
            shutil.copytree(made.path, aside, dirs_exist_ok=True)
    digest = hashlib.sha256((place / files.MANIFEST).read_bytes()).hexdigest()
    print(f'\nkgan/presets/__init__.py:\n    "{name}": "{digest}",\n')
    print(f"docs/how-to/presets.md:\n{row(Run(place))}")
    print(f"\nAll presets take {size(presets.DIRECTORY) / 1e6:.1f} of {EVERYTHING / 1e6:.0f} MB.")


def half(run: Run, step: int | None, out: Path) -> Run:
    """Writes to the new directory `out` what a preset keeps of a run's checkpoint, by default its last.

    Raises:
        UserError: there is no such run or checkpoint.
        ValueError: a weight is too large for float16.
    """
    recipe, config = run.recipe(), run.config()
    step = (run.last_step() or run.logged_step()) if step is None else step
    generator = open_generator(run.path, step if recipe.adversarial else None)
    variables = saving.named_variables({saving.sampler(recipe.ema_decay_per_step is not None): generator})
    arrays = {name: variable.numpy() for name, variable in variables.items()}
    if recipe.adversarial:
        directory = run.checkpoints if step in checkpoints.steps(run.checkpoints) else run.best
        with np.load(directory / f"{checkpoints.PREFIX}{step}" / checkpoints.STATE, allow_pickle=False) as state:
            arrays |= {name: state[name] for name in state if saving.part(name) == "discriminator"}
    made = Run(out)
    made.create(recipe, data=config["data"], versions=config["versions"], rounded="float16", scored=machine.versions())
    checkpoints.save(made.checkpoints, step, {name: array.astype(np.float16) if array.dtype.kind == "f" else array
                                              for name, array in arrays.items()})
    if run.log_file.exists():
        shutil.copy(run.log_file, made.log_file)
        log.trim(made.log_file, step)
    return made


def describe(made: Run, dataset: str | None) -> None:
    """Adds scores, the picture and the card; leaves no path of this machine in them. `dataset` names a run's copy."""
    from kgan import images, sampling
    from kgan.evaluation import evaluate
    from kgan.serving import card

    recipe = made.recipe()
    print(evaluate.evaluate(made.path).text)
    if recipe.data is not None:
        short = dataclasses.replace(recipe, data=Path(recipe.data).name, dataset=dataset or recipe.dataset)
        made.write_config(made.config() | {"recipe": short.to_dict()})
    generator = open_generator(made.path)
    images.save_grid(sampling.generate(generator, range(64)), made.path / card.SAMPLES,
                     card.columns(sampling.classes(generator)))
    write_card(made)


def write_card(made: Run) -> None:
    """Writes the card, from the run's own scores and the model's file."""
    from kgan.serving import card

    recipe, step, name = made.recipe(), made.last_step(), made.path.name
    held = "The generator, in float16." if not recipe.adversarial else (
        "Generator and discriminator, in float16, without optimizers.\n"
        f"kgan train --init_from=preset:{name} starts a new run from them.")
    text = card.model_card(made, step, name, "preset", held, scores.load(made, step))
    (made.path / "MODEL_CARD.md").write_text(text, encoding="utf-8")


def row(run: Run) -> str:
    """Returns the preset's row of the table in the documentation."""
    recipe, found = run.recipe(), scores.load(run, run.last_step())
    verdict = "; ".join(finding["verdict"] for finding in found["verdict"]) or "healthy"
    told = "" if recipe.classes is None else f", told {recipe.classes} classes"
    fcd = "–" if "fcd" not in found["numbers"] else (
        f"{found['numbers']['fcd']:.2f} ({found['yardsticks'][doctor.REAL]['fcd']:.2f})")
    grey = "grey" if recipe.channels == 1 else "in colour"
    return (f"| `{run.path.name}` | `{recipe.model}`{told} | {run.config()['data']['origin']}; "
            f"{recipe.image_size}×{recipe.image_size}, {grey} | {run.last_step():,} | {size(run.path) / 1e6:.1f} MB | "
            f"{fcd} | {verdict} |")


def size(directory: Path) -> int:
    """Returns the bytes of all files in a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
