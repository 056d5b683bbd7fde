"""The orders in which the two networks are stepped, each a few lines over the halves of `gan`, a `GAN`."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from kgan.penalties import Batch, Pair

Costs = dict[str, tf.Tensor]  # penalties: "d_penalty", their weighted sum, and by name one's values, (n, 1)


class Turn(NamedTuple):
    """One turn of both networks: what D was given and said last, its penalties, and G's loss per example."""

    pair: Pair
    d_costs: Costs
    g_losses: tf.Tensor


def alternating(gan: Any, real: Batch, step: tf.Tensor) -> Turn:
    """Algorithm 1: k discriminator steps, each on its own minibatch, then the generator's, all with fresh z."""
    for number, part in enumerate(real.split(gan.d_steps)):
        key = gan.key(step, number)
        pair, d_costs = gan.discriminator_step(part, gan.fake(key, part), key, step)
    for number in range(gan.g_steps):
        g_losses = gan.generator_step(part, gan.key(step, gan.d_steps + number))
    return Turn(pair, d_costs, g_losses)


def shared(gan: Any, real: Batch, step: tf.Tensor) -> Turn:
    """D steps on the images of one pass of G, then G on the same images, judged by the new D."""
    key = gan.key(step, 0)
    with tf.GradientTape() as tape:
        fake = gan.fake(key, real)
        with tape.stop_recording():
            pair, d_costs = gan.discriminator_step(real, fake, key, step)
        g_losses = gan.generator_loss(real, fake, key)
        loss = tf.nn.compute_average_loss(g_losses)
    gan.descend(tape, loss, gan.generator, gan.g_optimizer)
    return Turn(pair, d_costs, g_losses)


def simultaneous(gan: Any, real: Batch, step: tf.Tensor) -> Turn:
    """Both gradients from one pass of G and one of D over real and fake, then both updates."""
    key = gan.key(step, 0)
    with tf.GradientTape(persistent=True) as tape:
        fake = gan.fake(key, real)
        pair = gan.compare(real, fake, key)
        d_loss, d_costs = gan.discriminator_loss(pair, key, step)
        g_losses = gan.adversarial_loss.generator(pair.real_logits, pair.fake_logits)
        g_loss = tf.nn.compute_average_loss(g_losses)
    gan.descend(tape, d_loss, gan.discriminator, gan.d_optimizer)
    gan.descend(tape, g_loss, gan.generator, gan.g_optimizer)
    return Turn(pair, d_costs, g_losses)


def move_average(average: keras.Model, generator: keras.Model, decay: float, step: tf.Tensor) -> None:
    """Moves the exponential moving average of a generator, batch-norm statistics included."""
    # The ramp of tf.train.ExponentialMovingAverage: early averages forget the untrained weights.
    step = tf.cast(step, tf.float32)
    decay = tf.minimum(decay, (1.0 + step) / (10.0 + step))
    for moved, weight in zip(average.weights, generator.weights, strict=True):
        moved.assign(decay * moved + (1.0 - decay) * weight)


BY_NAME = {"alternating": alternating, "shared": shared, "simultaneous": simultaneous}
