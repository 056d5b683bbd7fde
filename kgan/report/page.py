"""The page of a report: what the template shows of each run, one section after the other."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from absl import logging

from kgan import images, losses
from kgan.report import curves, pictures, run_facts, samples, words
from kgan.report.events import Event, events
from kgan.runtime import files, templates, version

TEMPLATE = Path(__file__).with_name("page.html")
SPRITES = 8  # pictures to guess in a row of the one picture that holds them
COLOURS = {1: "in grey", 3: "in colour", 4: "in colour, transparent"}  # by channels
GUESSED = 2**20  # bytes of that picture, for all runs together


class Frame(NamedTuple):
    """A grid of samples."""

    step: int
    source: str
    printed: bool  # also on paper, where there is no slider


class Pair(NamedTuple):
    """A sample, the training image nearest to it, and how far they are from each other."""

    sample: str
    nearest: str
    distance: str


class Neighbours(NamedTuple):
    """Pairs, and the distance that is usual among real pictures."""

    pairs: list[Pair]
    usual: str


class Game(NamedTuple):
    """Forty pictures in one, and what the script must know of them."""

    said: str
    source: str
    answers: str
    columns: int
    rows: int
    machine: str
    threshold: str
    neighbour: str


class View(NamedTuple):
    """What the template shows of a run."""

    facts: run_facts.RunFacts  # of which `words` says what is read alone
    lead: str
    frames: list[Frame]
    reals: str | None
    events: Sequence[Event]
    neighbours: Neighbours | None
    guess: Game | None
    missing: str  # why there are no neighbours and nothing to guess


def write(places: Sequence[str], out: Path, step: int | str | None = None) -> int:
    """Writes the report on runs; returns how many bytes it has.

    Args:
        places: run directories or presets, in the order in which they are shown.
        out: an .html file.
        step: what is drawn from: see `Run.drawn_step`.

    Raises:
        UserError: one is no run directory, or damaged.
        OSError: the file can't be written.
    """
    loaded = [samples.load(subject) for subject in run_facts.open_runs(list(places), step)]
    subjects = [subject for subject, _ in loaded]
    found = [events(subject) for subject in subjects]
    views = []
    for (subject, networks), its_events in zip(loaded, found, strict=True):
        logging.info("Drawing from %s …", subject.name)
        views.append(_view(subject, samples.draw(subject, networks), its_events, len(subjects)))
    trained = [subject.recipe.loss for subject in subjects if subject.recipe.loss is not None]
    text = templates.page(
        TEMPLATE, ["script.js"], title=", ".join(subject.name for subject in subjects), runs=views, words=words,
        axes=curves.AXES, version=version.VERSION,
        panels=curves.drawings([(subject.rows, its) for subject, its in zip(subjects, found, strict=True)],
                               all(losses.get(loss).sigmoid for loss in trained)),
        models=[words.layers(model) for model in dict.fromkeys(subject.recipe.model for subject in subjects)])
    files.write_text(out, text)
    return len(text.encode())


def _view(subject: run_facts.RunFacts, made: samples.Samples, found: Sequence[Event], among: int) -> View:
    grids = pictures.frames(subject, among)
    prints = {round(part * (len(grids) - 1) / 3) for part in range(4)}
    frames = [Frame(step, source, number in prints) for number, (step, source) in enumerate(grids.items())]
    return View(subject, _lead(subject), frames, pictures.reals(subject), found,
                made.neighbours and _neighbours(made.neighbours), made.guess and _game(made.guess, among), made.missing)


def _lead(subject: run_facts.RunFacts) -> str:
    height, width, channels = subject.recipe.image_shape
    at = f"step {subject.reached:,} of {subject.total:,}" if subject.recipe.adversarial else "fitted in closed form"
    drawn = "" if subject.step in (None, subject.run.last_step()) else f" Samples are of step {subject.step:,}."
    return (f"{subject.recipe.model} on {subject.recipe.dataset or subject.config['data']['origin']}, {height}×{width} "
            f"{COLOURS[channels]}, {at}.{drawn}")


def _neighbours(found: samples.Neighbours) -> Neighbours:
    pairs = zip(found.samples, found.nearest, found.distances, strict=True)
    return Neighbours([Pair(pictures.single(images.picture(sample)), pictures.single(images.picture(near)),
                            f"{distance:.0f}") for sample, near, distance in pairs], f"{found.usual:.0f}")


def _game(found: samples.Guess, among: int) -> Game:
    count, half = len(found.real), len(found.real) // 2
    whence = "held-out pictures, which no network has trained on," if found.held_out else \
        "training pictures (too few are held out), which D has seen,"
    judged = isinstance(found.discriminator, float)
    return Game(
        f"{half} {whence} and {half} samples, in an order from a seed.",
        pictures.encoded([images.grid(found.pictures, SPRITES, gap=0)], GUESSED // among)[0],
        "".join("1" if real else "0" for real in found.real), SPRITES, math.ceil(count / SPRITES),
        f"{found.discriminator:.1%}" if judged else f"– ({found.discriminator})",
        f"{found.threshold:g}" if judged else "", f"{found.neighbour:.1%}")
