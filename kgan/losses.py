"""Adversarial losses: pairs of pure functions on logits, one value per example, shape (batch, 1).

With D(x) = sigmoid(logit): -log D = softplus(-logit) and -log(1 - D) = softplus(logit), exact for every logit.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from kgan.runtime.errors import UserError


class Loss(NamedTuple):
    """What each network descends. The single mean over the batch is taken in `GAN.train_step`."""

    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor], tf.Tensor]


def _discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-[log D(x) + log(1 - D(G(z)))]: Goodfellow et al. 2014, Algorithm 1; 2 ln 2 where D = 1/2."""
    return tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)


def _minimax_generator(fake_logits: tf.Tensor) -> tf.Tensor:
    """log(1 - D(G(z))): Algorithm 1; in (-inf, 0), flat where D is sure that a fake is fake."""
    return -tf.nn.softplus(fake_logits)


def _non_saturating_generator(fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(G(z)): Goodfellow et al. 2014, section 3; same fixed point, strong gradients early."""
    return tf.nn.softplus(-fake_logits)


minimax = Loss(_discriminator, _minimax_generator)
non_saturating = Loss(_discriminator, _non_saturating_generator)

_LOSSES = {"minimax": minimax, "non_saturating": non_saturating}


def get(name: str) -> Loss:
    """Returns the loss called `name`.

    Raises:
        UserError: no such loss; the sentence lists the known ones.
    """
    if name not in _LOSSES:
        raise UserError(f"loss={name!r} is unknown; known: {', '.join(_LOSSES)}.")
    return _LOSSES[name]
