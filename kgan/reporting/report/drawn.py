"""What is drawn for a report: samples beside their nearest training images, and forty pictures to guess."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from kgan import images, latent, sampling
from kgan.data import sources
from kgan.layers import Kind
from kgan.metrics.neighbours import nearest
from kgan.penalties import Batch
from kgan.recipe import Recipe
from kgan.reporting.report.subject import Subject
from kgan.runs import checkpoints, looks
from kgan.runs.build import build_gan
from kgan.runs.data import Data, prepare
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError

SHOWN = 8  # samples beside their nearest training images
EACH = 20  # real pictures, and as many generated ones, to guess
KNOWN = 500  # of each kind, that the 1-NN knows
SEED = 0  # of the order in which pictures are shown
PART = 5000  # training images that are compared at a time


class Neighbours(NamedTuple):
    """Samples, uint8 (n, H, W, C), and their nearest training images; distances are root mean squares in grey levels.

    `usual` is the median of real images' distances.
    """

    samples: np.ndarray
    nearest: np.ndarray
    distances: np.ndarray
    usual: float


class Guess(NamedTuple):
    """Pictures to guess, uint8 (2 * EACH, H, W, C) or fewer, which of them are real, and how others do."""

    pictures: np.ndarray
    real: np.ndarray  # bool
    held_out: bool  # whether the real ones were never trained on
    discriminator: float | str  # share of errors; or why there is none
    neighbour: float  # of the 1-NN


class Drawn(NamedTuple):
    """Both, or why there is none."""

    neighbours: Neighbours | None
    guess: Guess | None
    missing: str = ""


def draw(subject: Subject) -> Drawn:
    """Draws and compares; what can't be had becomes a sentence."""
    if subject.drawn_at is None:
        return Drawn(None, None, "This run has no checkpoint yet, so nothing can be drawn from it.")
    try:
        data = _data(subject)
    except UserError as error:
        return Drawn(None, None, f"Left out, as the training images are not at hand: {error}")
    generator = open_generator(subject.run.path, subject.step)
    fakes = _fakes(subject, generator, EACH + KNOWN)
    others = looks.unseen(subject.recipe, data)
    held_out = others is not None and len(others.images) >= 2 * EACH
    real = others if others is not None and held_out else _trained_on(data)
    order = np.random.default_rng(SEED).permutation(len(real.images))
    real = _at(real, order[:EACH + KNOWN])
    shown = sampling.generate(generator, range(SHOWN))
    found = _neighbours(images.repeated(shown, subject.recipe.image_size), real.images[:EACH], data)
    if len(real.images) < 2:
        return Drawn(found, None, "There is only one real picture, so there is none to guess: it is compared with.")
    return Drawn(found, _guess(subject, data, real, fakes, held_out))


def _data(subject: Subject) -> Data:
    """Returns the images that the run was trained on.

    Raises:
        UserError: they are not on this machine, or others are in their place.
    """
    source = sources.locate(subject.recipe.dataset, subject.recipe.data)
    if not source.ready:
        raise UserError(f"{source.origin} would have to be downloaded.")
    data, recorded = prepare(source, subject.recipe), subject.config["data"]["sha256"]
    if recorded not in (None, data.prepared.sha256):
        raise UserError(f"{source.origin} holds other images now than the run was trained on.")
    return data


def _trained_on(data: Data) -> Batch:
    chosen = np.arange(len(data.prepared.images)) if data.chosen is None else data.chosen
    return Batch(data.prepared.images[chosen], () if data.labels is None else (data.labels[chosen],))


def _at(batch: Batch, indices: np.ndarray) -> Batch:
    return Batch(batch.images[indices], tuple(one[indices] for one in batch.conditions))


def _fakes(subject: Subject, generator: Any, count: int) -> Batch:
    """Returns samples of the seeds after a grid's, in the training images' proportions of classes, with D's labels."""
    seeds, labels = range(64, 64 + count), None
    if sampling.classes(generator):
        counts = subject.config["data"].get("class_counts")
        given = None if counts is None else latent.proportional_labels(counts, count)
        if given is not None:  # each part of them holds all classes
            given = np.random.default_rng(SEED).permutation(given)
        labels = sampling.labels_of(generator, np.array(seeds), given)
    drawn, kind = sampling.generate(generator, seeds, labels), Kind.of(generator)
    told = () if labels is None else (labels,)
    if kind is not None:
        told = (np.asarray(kind(latent.from_seeds(seeds, latent.dimension(generator)), *told)),)
    return Batch(images.repeated(drawn, subject.recipe.image_size), told)


def _neighbours(samples: np.ndarray, real: np.ndarray, data: Data) -> Neighbours:
    train, queries = _trained_on(data).images, np.concatenate([samples, real])
    best, which = np.full(len(queries), np.inf), np.zeros(len(queries), np.int64)
    for start in range(0, len(train), PART):  # as floats all at once they may not fit into memory
        distances, indices = nearest(queries, train[start:start + PART])
        which = np.where(distances < best, start + indices, which)
        best = np.minimum(distances, best)
    best /= np.sqrt(samples[0].size)
    return Neighbours(samples, train[which[:len(samples)]], best[:len(samples)], float(np.median(best[len(samples):])))


def _guess(subject: Subject, data: Data, real: Batch, fakes: Batch, held_out: bool) -> Guess:
    each = min(EACH, len(real.images) // 2)
    count = min(len(real.images), len(fakes.images)) - each  # as many of each, or the 1-NN would lean to one side
    first, rest = np.arange(each), np.arange(each, each + count)
    pictures = np.concatenate([real.images[first], fakes.images[first]])
    is_real = np.arange(2 * each) < each
    known = np.concatenate([real.images[rest], fakes.images[rest]])
    neighbour = float(np.mean((nearest(pictures, known)[1] < count) != is_real))
    try:
        said = np.concatenate([_logits(subject, data, _at(batch, first)) for batch in (real, fakes)])
        discriminator: float | str = float(np.mean((said > 0) != is_real))
    except UserError as error:
        discriminator = str(error)
    order = np.random.default_rng(SEED).permutation(2 * each)
    return Guess(pictures[order], is_real[order], held_out, discriminator, neighbour)


def _logits(subject: Subject, data: Data, batch: Batch) -> np.ndarray:
    """Returns what the run's discriminator says.

    Raises:
        UserError: there is none, or what it is told of images has changed.
    """
    recipe: Recipe = subject.recipe
    if not recipe.adversarial or subject.step is None:
        raise UserError("there is no discriminator")
    if data.kind_counts != subject.config["data"].get("kind_counts"):
        raise UserError("this machine finds other kinds of images than the run was trained with")
    recipe = dataclasses.replace(recipe, classes=data.classes)
    gan = build_gan(recipe, data.kind_counts, step=subject.step)
    shapes = {name: shape for name, shape in gan.shapes.items() if name.startswith("discriminator/")}
    gan.load_state({**gan.state(), **checkpoints.load(subject.run.checkpoints, subject.step, shapes)})
    return looks.logits(gan, batch)
