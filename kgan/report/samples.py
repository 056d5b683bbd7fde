"""What is drawn for a report: samples beside their nearest training images, and forty pictures to guess."""

from typing import Any, NamedTuple

import numpy as np
from absl import logging

from kgan import images, latent, losses, sampling, saving
from kgan.batch import Batch
from kgan.data import cache
from kgan.gan import GAN
from kgan.layers import ClusterByLatent
from kgan.metrics.neighbours import nearest
from kgan.report.run_facts import RunFacts
from kgan.runs import build, checkpoints, generators, monitoring
from kgan.runs.training_data import Data, check_recorded, clustering, locate_recorded, prepare
from kgan.runtime.errors import UserError

SHOWN = 8  # samples beside their nearest training images
EACH = 20  # real pictures, and as many generated ones, to guess
KNOWN = 500  # of each kind, that the 1-NN knows
SEED = 0  # of the order in which pictures are shown
TRIES = 5  # at a checkpoint of a run that goes on meanwhile


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
    threshold: float | None  # the logit above which D calls a picture real


class Samples(NamedTuple):
    """Both, or why there is none."""

    neighbours: Neighbours | None
    guess: Guess | None
    missing: str = ""


class Networks(NamedTuple):
    """What is drawn with, and what guesses: of `subject.step`."""

    generator: Any
    discriminator: GAN | None


def load(subject: RunFacts) -> tuple[RunFacts, Networks | None]:
    """Loads a run's networks; None: it has none yet. The subject comes back with the step that they are of.

    A run that is training removes its checkpoints after a while, so they are read before anything else is done, and
    where one is gone, what is drawn now is read in its place.

    Raises:
        UserError: its checkpoint is of other networks.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            if subject.drawn_at is None:
                return subject, None
            return subject, Networks(generators.open_generator(subject.run.path, subject.step), _discriminator(subject))
        except (UserError, OSError):
            newest = subject.run.drawn_step(subject.asked)
            if newest == subject.step or not tries_left:
                raise
            subject = subject._replace(step=newest)
    raise AssertionError("the last try returns or raises")


def _discriminator(subject: RunFacts) -> GAN | None:
    """Returns a GAN with the run's discriminator; None where there is none."""
    if not subject.recipe.adversarial or subject.step is None:
        return None
    gan = build.build_gan(subject.recipe, step=subject.step)
    shapes = {name: shape for name, shape in gan.shapes.items() if saving.part(name) == "discriminator"}
    gan.load_state({**gan.state(), **checkpoints.load(subject.run.checkpoints_of(subject.step), subject.step, shapes)})
    return gan


def draw(subject: RunFacts, networks: Networks | None) -> Samples:
    """Draws and compares; what can't be had becomes a sentence, without the paths that stand on the screen."""
    if networks is None:
        return Samples(None, None, "This run has no checkpoint yet, so nothing can be drawn from it.")
    if subject.config["data"]["sha256"] is None:
        return Samples(None, None, "Left out, as no hash says which the training images are.")
    missing = "the training images are not at hand"
    try:
        source = locate_recorded(subject.run)
        if not source.ready:
            return Samples(None, None, f"Left out, as the training images, {source.origin}, would have to be "
                                       "downloaded.")
        prepared = cache.prepare(source, **subject.recipe.image_settings)
        missing = "other images are now where the training images were"
        check_recorded(subject.run, prepared, source)
        missing = "what the networks were told of the training images is not at hand"
        data = prepare(source, subject.recipe, clustering(subject.config["data"]), start=subject.run)
    except (UserError, OSError) as error:
        logging.warning("No training images are shown of %s: %s", subject.name, error)
        return Samples(None, None, f"Left out, as {missing}.")
    fakes = _fakes(subject, networks.generator, EACH + KNOWN)
    others = monitoring.unseen(subject.recipe, data)
    held_out = others is not None and len(others.images) >= 2 * EACH
    real = others if others is not None and held_out else _trained_on(data)
    order = np.random.default_rng(SEED).permutation(len(real.images))
    real = _at(real, order[:EACH + KNOWN])
    shown = sampling.generate(networks.generator, range(SHOWN))
    neighbours = _neighbours(images.repeated(shown, subject.recipe.image_size), real.images[:EACH], data)
    if len(real.images) < 2:
        return Samples(neighbours, None, "There is only one real picture, so there is none to guess: it is compared "
                                         "with.")
    return Samples(neighbours, _guess(subject, networks.discriminator, data, real, fakes, held_out))


def _trained_on(data: Data) -> Batch:
    chosen = np.arange(len(data.prepared.images)) if data.chosen is None else data.chosen
    return Batch(data.prepared.images[chosen], () if data.labels is None else (data.labels[chosen],))


def _at(batch: Batch, indices: np.ndarray) -> Batch:
    return Batch(batch.images[indices], tuple(one[indices] for one in batch.conditions))


def _fakes(subject: RunFacts, generator: Any, count: int) -> Batch:
    """Returns samples of the seeds after a grid's, in the training images' proportions of classes, with D's labels."""
    seeds, labels = range(64, 64 + count), None
    if sampling.classes(generator):
        counts = subject.config["data"].get("class_counts")
        given = None if counts is None else latent.proportional_labels(counts, count)
        if given is not None:  # each part of them holds all classes
            given = np.random.default_rng(SEED).permutation(given)
        labels = sampling.labels_of(generator, np.array(seeds), given)
    drawn, clusters = sampling.generate(generator, seeds, labels), ClusterByLatent.of(generator)
    told = () if labels is None else (labels,)
    if clusters is not None:
        told = (np.asarray(clusters(latent.from_seeds(seeds, latent.dimension(generator)), *told)),)
    return Batch(images.repeated(drawn, subject.recipe.image_size), told)


def _neighbours(samples: np.ndarray, real: np.ndarray, data: Data) -> Neighbours:
    train, queries = _trained_on(data).images, np.concatenate([samples, real])
    distances, indices = nearest(queries, train)
    distances /= np.sqrt(samples[0].size)
    count = len(samples)
    return Neighbours(samples, train[indices[:count]], distances[:count], float(np.median(distances[count:])))


def _guess(subject: RunFacts, gan: GAN | None, data: Data, real: Batch, fakes: Batch, held_out: bool) -> Guess:
    each = min(EACH, len(real.images) // 2)
    count = min(len(real.images), len(fakes.images)) - each  # as many of each, or the 1-NN would lean to one side
    first, rest = np.arange(each), np.arange(each, each + count)
    pictures = np.concatenate([real.images[first], fakes.images[first]])
    is_real = np.arange(2 * each) < each
    known = np.concatenate([real.images[rest], fakes.images[rest]])
    neighbour = float(np.mean((nearest(pictures, known)[1] < count) != is_real))
    threshold = losses.get(subject.recipe.loss).threshold if subject.recipe.loss else None
    discriminator: float | str
    if gan is None:
        discriminator = "there is no discriminator"
    elif threshold is None:
        discriminator = f"under the {subject.recipe.loss} loss no logit is the border between real and fake"
    elif data.differences(subject.config["data"]):
        discriminator = "this machine finds other classes or clusters of the images than the run was trained with"
    else:
        size = (subject.recipe.phase_of(int(gan.step)).batch_size
                // int(subject.config["versions"].get("replicas", 1))) or 1
        logits = np.concatenate([monitoring.logits(gan, _at(batch, first), size, batch is real)
                                 for batch in (real, fakes)])
        discriminator = float(np.mean((logits > threshold) != is_real))
    order = np.random.default_rng(SEED).permutation(2 * each)
    return Guess(pictures[order], is_real[order], held_out, discriminator, neighbour, threshold)
