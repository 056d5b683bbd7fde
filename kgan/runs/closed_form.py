"""Fitting what needs no steps, as PCA, in a run directory; and how a call of `train` ended."""

import time
from typing import NamedTuple

from absl import logging

from kgan import images, models
from kgan.data.source_types import Source
from kgan.recipe import Recipe
from kgan.runs import callbacks, generators, resume
from kgan.runs.directory import Run, writing
from kgan.runs.mirror import Mirror
from kgan.sampling import generate


class Outcome(NamedTuple):
    """How a call of `train` ended. A closed-form fit is one step."""

    step: int
    images_per_second: float = 0.0  # measured from the first step's end; grids and checkpoints included
    signal: int | None = None  # what stopped it before the recipe's end; None: it reached that
    chief: bool = True  # whether this process wrote the run; else it was another worker

    @property
    def finished(self) -> bool:
        """Tells whether the recipe's end was reached."""
        return self.signal is None


def fit_closed_form(run: Run, recipe: Recipe, source: Source, minutes: float | None, strategy: str,
                     looks: int | None, mirror: Mirror | None) -> Outcome:
    """Fits what needs no steps; the one grid is that of step 1."""
    if idle := [name for name, on in (("minutes", minutes is not None), ("strategy", strategy != "auto"),
                                      ("patience", looks is not None)) if on]:
        logging.warning("Without effect on %s, which is fitted in one step: %s.", recipe.model, ", ".join(idle))
    models.check_shape(recipe)
    data, began, complete = resume.open_data(run, recipe, source), time.monotonic(), run.generator_file.exists()
    # Before there is a run directory: data may be too few for it.
    generator = None if complete else models.fit_generator(data.prepared.images, recipe)
    with resume.open_run(run, recipe, data):
        if generator is None:
            logging.info("%s is complete.", run.path)
            return Outcome(1)
        with writing(run):
            images.save_grid(generate(generator, callbacks.GRID_SEEDS), run.sample_file(1))
            generators.save(run, generator)  # after the picture: it says that it is there
        if mirror is not None:
            mirror.update()
        seconds = time.monotonic() - began
    logging.info("Fitted to %s images in %.1f s.", f"{data.count:,}", seconds)
    return Outcome(1, data.count / seconds)
