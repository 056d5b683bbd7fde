"""Adversarial losses: pure functions of both networks' logits, one value per example, shape (batch, 1).

With D(x) = sigmoid(logit): -log D = softplus(-logit) and -log(1 - D) = softplus(logit), exact for every logit.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from kgan.runtime.errors import UserError

Half = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (real_logits, fake_logits) -> (batch, 1)


class Loss(NamedTuple):
    """What each network descends. The single mean over the batch is taken in `GAN`.

    D descends the sum of its halves. Most functions ignore one of the two logits.
    """

    real: Half  # D's half on real images
    fake: Half  # D's half on generated images
    generator: Half
    paired: bool = False  # each fake is compared with a real: G's step needs D(x) as well
    threshold: float | None = 0.0  # the logit above which D calls an image real; None: only differences mean something
    sigmoid: bool = False  # sigmoid(logit) is D's probability that an image is real: cross-entropy makes it one
    logits: bool = True  # D's outputs may have to be of any size, so no activation may bound them
    label_smoothing: float = 0.0  # D's target for real images is 1 less this: see `smoothed`

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """Returns D's loss: the sum of its real and fake halves."""
        return self.real(real_logits, fake_logits) + self.fake(real_logits, fake_logits)


def _log_real(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(x): Goodfellow et al. 2014, Algorithm 1; ln 2 where D = 1/2."""
    return tf.nn.softplus(-real_logits)


def _log_fake(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-log(1 - D(G(z))): Goodfellow et al. 2014, Algorithm 1; ln 2 where D = 1/2."""
    return tf.nn.softplus(fake_logits)


def _minimax_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """log(1 - D(G(z))): Algorithm 1; in (-inf, 0), flat where D is sure that a fake is fake."""
    return -tf.nn.softplus(fake_logits)


def _non_saturating_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(G(z)): Goodfellow et al. 2014, section 3; same fixed point, strong gradients early."""
    return tf.nn.softplus(-fake_logits)


def _zero(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    return tf.zeros_like(fake_logits)


minimax = Loss(_log_real, _log_fake, _minimax_generator, sigmoid=True)
non_saturating = Loss(_log_real, _log_fake, _non_saturating_generator, sigmoid=True)

# Mao et al. 2017 (arXiv:1611.04076), equation 9: a = 0, b = c = 1; the logit is D's output, without a sigmoid. It is
# an estimate of 1 for real and 0 for fake images: halfway between is the threshold.
least_squares = Loss(lambda real, fake: 0.5 * tf.square(real - 1.0), lambda real, fake: 0.5 * tf.square(fake),
                     lambda real, fake: 0.5 * tf.square(fake - 1.0), threshold=0.5, logits=False)

# Lim & Ye 2017 (arXiv:1705.02894); Miyato et al. 2018 (arXiv:1802.05957), equations 16 and 17.
hinge = Loss(lambda real, fake: tf.nn.relu(1.0 - real), lambda real, fake: tf.nn.relu(1.0 + fake),
             lambda real, fake: -fake)

# Arjovsky et al. 2017 (arXiv:1701.07875), equation 3. D must be held to a bounded slope: they clip its weights, which
# kgan does not offer; see `penalties.wgan_gp`. A constant added to all logits changes nothing: there is no threshold.
wasserstein = Loss(lambda real, fake: -real, lambda real, fake: fake, lambda real, fake: -fake, threshold=None,
                   logits=False)

# Relativistic pairing: Jolicoeur-Martineau 2019 (arXiv:1807.00734), section 3; Huang et al. 2024 (arXiv:2501.05441),
# equation 2. It has no halves: all of it stands with the fakes. As above, a constant changes nothing.
relativistic = Loss(_zero, lambda real, fake: tf.nn.softplus(fake - real),
                    lambda real, fake: tf.nn.softplus(real - fake), paired=True, threshold=None)

BY_NAME = {"minimax": minimax, "non_saturating": non_saturating, "least_squares": least_squares, "hinge": hinge,
           "wasserstein": wasserstein, "relativistic": relativistic}


def smoothed(loss: Loss, label_smoothing: float) -> Loss:
    """Returns a loss in which D's target for real images is 1 - label_smoothing, and that for generated ones stays 0.

    D's half on real images is then -(1 - s) log D(x) - s log(1 - D(x)) = softplus(-logit) + s·logit: one-sided label
    smoothing, Salimans et al. 2016 (arXiv:1606.03498), section 3.4. It is lowest at D(x) = 1 - s.

    Raises:
        UserError: the loss is not a cross-entropy, or label_smoothing is not in [0, 1/2).
    """
    if not 0 <= label_smoothing < 0.5:
        raise UserError(f"label_smoothing={label_smoothing} must be 0 or more and less than 0.5.")
    if not label_smoothing:
        return loss
    if loss.real is not _log_real:
        raise UserError(f"label_smoothing={label_smoothing} needs a loss whose target for real images is a "
                        "probability: minimax or non_saturating.")
    return loss._replace(real=lambda real, fake: _log_real(real, fake) + label_smoothing * real,
                         label_smoothing=label_smoothing)


def get(name: str) -> Loss:
    """Returns the loss called `name`.

    Raises:
        UserError: no such loss; the sentence lists the known ones.
    """
    if name not in BY_NAME:
        raise UserError(f"loss={name!r} is unknown; known: {', '.join(BY_NAME)}.")
    return BY_NAME[name]


def name_of(loss: Loss) -> str:
    """Returns the name that `get` knows a loss by, whatever its label smoothing.

    Raises:
        UserError: it has none, so a file can't say which it was.
    """
    plain = loss._replace(real=_log_real, label_smoothing=0.0) if loss.label_smoothing else loss
    for name, known in BY_NAME.items():
        if plain == known:
            return name
    raise UserError("this loss is none of kgan.losses, so a file can't name it; save gan.generator and "
                    "gan.discriminator, or gan.state().")
