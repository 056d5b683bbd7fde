"""Measures of discriminators: what a trained one answers, and what a fresh one finds out about samples."""

from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.papers.claims import Evidence, MissingError
from experiments.papers.jobs import Result
from experiments.papers.lab import Lab
from experiments.papers.measures import runs
from experiments.papers.measures.runs import Measure


def restored(result: Result) -> Any:
    """Returns the GAN of a run's last checkpoint, both networks.

    Raises:
        MissingError: the run has none.
    """
    from kgan.runs import checkpoints
    from kgan.runs.build import build_gan

    step = result.run.last_step() if result.run.exists() else None
    if step is None:
        raise MissingError(f"not measured: {result.name} has no checkpoint")
    gan = build_gan(result.run.recipe())
    gan.load_state(checkpoints.load(result.run.checkpoints, step, gan.shapes))
    return gan


def logits_of(discriminator: Any, pixels: np.ndarray) -> np.ndarray:
    """Returns D's logits, without dropout, of uint8 images, (n,)."""
    from kgan.images import to_float

    return np.concatenate([discriminator(to_float(pixels[at:at + 250]), training=False).numpy()[:, 0]
                           for at in range(0, len(pixels), 250)])


def step_of(discriminator: Any, optimizer: Any) -> Callable[[Any, Any], None]:
    """Returns what trains D alone, by the non-saturating loss, on a batch of real images and one of fakes."""
    import tensorflow as tf

    from kgan.losses import non_saturating

    @tf.function
    def step(real: tf.Tensor, fake: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = discriminator(real, training=True), discriminator(fake, training=True)
            loss = tf.reduce_mean(non_saturating.discriminator(*logits))
        optimizer.apply(tape.gradient(loss, discriminator.trainable_variables), discriminator.trainable_variables)

    return step


def answers(lab: Lab, name: str) -> dict[str, Any]:
    """Returns D's answers, without dropout, to test images and to as many fakes, as histograms of 50 bins."""
    result = lab.shown(name)

    def measured() -> dict[str, Any]:
        gan, parts = restored(result), {}
        images = {"test images": lab.benchmark.real, "fakes": gan.generate(range(lab.benchmark.count))}
        for kind, pixels in images.items():
            said = 1 / (1 + np.exp(-logits_of(gan.discriminator, pixels)))
            parts[kind] = {"mean": float(said.mean()), "near half": float(np.mean(np.abs(said - 0.5) < 0.05)),
                           "histogram": np.histogram(said, 50, (0, 1))[0].tolist()}
        return parts

    return lab.cached(f"answers-{result.name}@{result.drawn}-{lab.benchmark.count}", measured)


def half_everywhere(*names: str) -> Measure:
    """Looks at D's answers to test images and fakes, an observation for each job."""
    def measure(lab: Lab) -> Evidence:
        found = runs.there(names, lambda name: (lab.shown(name), answers(lab, name)))
        each = [{"run": one.name} | {f"{word} D, {kind}": said[kind][word] for kind in said
                                     for word in ("mean", "near half")} for one, said in found]
        return runs.of_samples(each, [one for one, _ in found])
    return measure


def fresh_discriminator(*names: str) -> Measure:
    """Freezes G, trains a fresh D of Zhao's table for 20,000 images of each kind, takes its loss on unseen ones."""
    def measure(lab: Lab) -> Evidence:
        found = runs.there(names, lab.shown)
        each = [{"run": one.name} if (runs.drawn_share(one) or 1.0) < lab.needs else {
            "run": one.name, **lab.cached(f"fresh-{one.name}@{one.drawn}", lambda one=one: _fresh(lab, one))}
            for one in found]
        return runs.of_samples(each, found)
    return measure


def _fresh(lab: Lab, result: Result) -> dict[str, float]:
    import keras

    from kgan import models
    from kgan.images import to_float

    _, d = models.build(models.recipe("dcgan", "mnist"))
    step = step_of(d, keras.optimizers.Adam(2e-4, beta_1=0.5))
    random, train = np.random.default_rng(0), lab.benchmark.train.images
    size = min(20_000, len(train) // 64 * 64)
    fakes = result.samples(size + lab.benchmark.count)
    order = random.permutation(len(train))[:size]

    for at in range(0, size - 63, 64):
        step(to_float(train[order[at:at + 64]]), to_float(fakes[at:at + 64]))
    seen = [logits_of(d, part) for part in (lab.benchmark.real, fakes[size:])]
    loss = float(np.mean(np.logaddexp(0, -seen[0])) + np.mean(np.logaddexp(0, seen[1])))
    return {"loss on unseen images": loss, "right": float((np.mean(seen[0] > 0) + np.mean(seen[1] < 0)) / 2)}
