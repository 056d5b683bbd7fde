"""The page of a report: one section after the other, and in each of them the runs side by side."""

import html
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import logging

from kgan import images
from kgan.reporting.report import curves, drawn, pictures, words
from kgan.reporting.report.events import Event, events
from kgan.reporting.report.subject import Subject, open_subjects
from kgan.runtime import files
from kgan.serving.web import template

TEMPLATE = Path(__file__).with_name("page.html")
SPRITES = 8  # pictures to guess in a row of the one picture that holds them
GUESSED = 2**20  # bytes of that picture, for all runs together
NO_THRESHOLD = ("wasserstein", "relativistic")  # losses under which D's logits have no zero of their own


def write(places: Sequence[str], out: Path) -> int:
    """Writes the report on runs; returns how many bytes it has.

    Args:
        places: run directories or presets, in the order in which they are shown.
        out: an .html file.

    Raises:
        UserError: one is no run directory, or damaged.
        OSError: the file can't be written.
    """
    subjects = open_subjects(list(places))
    found = [events(subject) for subject in subjects]
    made = []
    for subject in subjects:
        logging.info("Drawing from %s …", subject.name)
        made.append(drawn.draw(subject))
    title = ", ".join(subject.name for subject in subjects)
    text = template.fill(TEMPLATE, {
        "title": html.escape(title), "lead": _lead(subjects),
        "samples": _side_by_side(subjects, [_samples(one, len(subjects)) for one in subjects]),
        "curves": _curves(subjects, found),
        "verdicts": _each(subjects, words.verdict), "yardsticks": _each(subjects, words.yardsticks),
        "neighbours": _side_by_side(subjects, [_neighbours(one) for one in made]),
        "guess": _side_by_side(subjects, [_guess(subject, one, len(subjects)) for subject, one
                                          in zip(subjects, made, strict=True)]),
        "recipes": _each(subjects, words.recipe),
        "layers": "".join(map(words.layers, dict.fromkeys(subject.recipe.model for subject in subjects))),
        "protocols": _each(subjects, words.protocol),
    })
    with files.replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return len(text.encode())


def _lead(subjects: Sequence[Subject]) -> str:
    lines = []
    for one in subjects:
        size, _, channels = one.recipe.image_shape
        at = (f"step {one.reached:,} of {one.total:,}" if one.recipe.adversarial else "fitted in closed form")
        name = f"<strong>{html.escape(one.name)}</strong>: " if len(subjects) > 1 else ""
        lines.append(f"{name}{one.recipe.model} on "
                     f"{html.escape(str(one.recipe.dataset or one.config['data']['origin']))}, {size}×{size} "
                     f"{'in colour' if channels == 3 else 'in grey'}, {at}.")
    return "<br>".join(lines)


def _each(subjects: Sequence[Subject], make: Callable[[Subject], str]) -> str:
    return _side_by_side(subjects, list(map(make, subjects)))


def _side_by_side(subjects: Sequence[Subject], contents: Sequence[str]) -> str:
    heading = "<h3>{}</h3>" if len(subjects) > 1 else ""
    return '<div class="runs">' + "".join(
        f'<article data-run="{number}">{heading.format(html.escape(subject.name))}{content}</article>'
        for number, (subject, content) in enumerate(zip(subjects, contents, strict=True))) + "</div>"


def _samples(subject: Subject, among: int) -> str:
    found, real = pictures.frames(subject, among), pictures.reals(subject)
    if found is None:
        return "<p>No sample grids are kept yet.</p>"
    steps, last = list(found.sources), len(found.sources) - 1
    prints = {round(part * last / 3) for part in range(4)}
    drawn_frames = "".join(
        f'<figure{" class=printed" if number in prints else ""}{"" if number == last else " hidden"}>'
        f'<img src="{source}" alt="Samples at step {step:,}">'
        f"<figcaption>step {step:,}</figcaption></figure>"
        for number, (step, source) in enumerate(found.sources.items()))
    slider = ""
    if last:
        slider = (f'<input type="range" min="0" max="{last}" value="{last}" data-steps="{json.dumps(steps)}" '
                  f'aria-label="{html.escape(subject.name)}: step of the samples">')
    beside = "" if real is None else (f'<figure class="reals"><img src="{real}" alt="Training images">'
                                      "<figcaption>training images</figcaption></figure>")
    return f'<div class="grids"><div class="frames">{drawn_frames}{slider}</div>{beside}</div>'


def _curves(subjects: Sequence[Subject], found: Sequence[Sequence[Event]]) -> str:
    panels = curves.drawings([(subject.rows, those) for subject, those in zip(subjects, found, strict=True)])
    if not panels:
        return "<p>There is no log: nothing was trained step by step, or the first tick is not over.</p>"
    shown = "".join(
        f'<figure data-run="{number}"><figcaption>{html.escape(label)}'
        f"{f' · {html.escape(subject.name)}' if len(subjects) > 1 else ''}</figcaption>"
        f"{drawing or '<p class=soft>Not in this log.</p>'}</figure>"
        for label, drawings in panels for number, (subject, drawing) in enumerate(zip(subjects, drawings, strict=True)))
    columns = max(2, len(subjects)) if len(subjects) < 4 else 2
    return (f'<div class="panels" style="--columns:{columns}">{shown}</div>'
            + _side_by_side(subjects, list(map(words.happened, found))))


def _neighbours(made: drawn.Drawn) -> str:
    found = made.neighbours
    if found is None:
        return f"<p>{html.escape(made.missing)}</p>"
    pairs = "".join(
        f'<figure><img src="{pictures.single(images.picture(sample))}" alt="A sample">'
        f'<img src="{pictures.single(images.picture(near))}" alt="Its nearest training image">'
        f"<figcaption>{distance:.0f}</figcaption></figure>"
        for sample, near, distance in zip(found.samples, found.nearest, found.distances, strict=True))
    return (f'<div class="pairs">{pairs}</div><p class="soft">Above, samples of seeds 0 to {len(found.samples) - 1}; '
            "below each, the training image that is nearest in pixels, and their distance in grey levels (root mean "
            f"square, of 255). Real pictures that are compared in the same way have {found.usual:.0f} (median).</p>")


def _guess(subject: Subject, made: drawn.Drawn, among: int) -> str:
    found = made.guess
    if found is None:
        return f"<p>{html.escape(made.missing)}</p>"
    source = pictures.encoded([images.grid(found.pictures, SPRITES, gap=0)], GUESSED // among)[0]
    count, half = len(found.real), len(found.real) // 2
    machine = (f"{found.discriminator:.1%}" if isinstance(found.discriminator, float) else
               f"– ({found.discriminator})")
    note = "" if subject.recipe.loss not in NO_THRESHOLD else (
        f" Under the {subject.recipe.loss} loss D's 0 is no threshold that training sets, so its error may say little.")
    kind = "held-out pictures, which no network has trained on," if found.held_out else \
        "training pictures (too few are held out), which D has seen,"
    answers = "".join("1" if real else "0" for real in found.real)
    rows, width = -(-count // SPRITES), found.pictures.shape[2]
    return (f"<p>{half} {kind} and {half} samples, in an order from a seed.{note}</p>"
            f'<div class="game" data-answers="{answers}" data-columns="{SPRITES}" data-rows="{rows}" '
            f'data-side="{width}" data-machine="{html.escape(machine)}" data-neighbour="{found.neighbour:.1%}">'
            f'<img class="sprites" src="{source}" alt="" hidden></div>')

