"""A variational autoencoder (VAE) of perceptrons, for 28×28 grey images.

Source: D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", 2013 (arXiv:1312.6114): the estimator of equation
10 with one z for each image, the networks of appendix C, the sizes of section 5.

`*` in the tables: the paper's own.

Not in the paper:
    grey pixels: their values, in [0, 1], stand as the Bernoulli distribution's targets
    samples: the distribution's mean, as in its figures 4 and 5, not a draw of black and white
    initial weights: Glorot's, Keras' default

Differs from the paper:
    optimizer: Adam at 1e-3; it has Adagrad
    weights: no prior on them; it has N(0, I), as a small weight decay
"""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from experiments.papers.reference import Reference
from kgan.images import to_uint8

SHAPE = (28, 28, 1)


def build_encoder(latent_dim: int, hidden: int) -> keras.Model:
    """Maps images, (batch, 28, 28, 1) in [-1, 1], to μ and log σ² of q(z|x), (batch, latent_dim) each.

    Layers::

        Encoder                Output    Params
        image in [-1, 1]       28×28×1*
        Flatten                784
        Dense, tanh*           500*     392,500
        Dense: μ               20*       10,020
        Dense: log σ²          20*       10,020
        Total                           412,540
    """
    image = keras.Input(SHAPE, name="image")
    x = layers.Dense(hidden, activation="tanh")(layers.Flatten()(image))
    return keras.Model(image, [layers.Dense(latent_dim)(x), layers.Dense(latent_dim)(x)], name="encoder")


def build_decoder(latent_dim: int, hidden: int) -> keras.Model:
    """Maps z, (batch, latent_dim), to the logits of p(x|z), (batch, 28, 28, 1).

    Layers::

        Decoder                Output    Params
        z ~ N(0, I)*           20*
        Dense, tanh*           500*      10,500
        Dense                  784      392,784
        Reshape                28×28×1*
        Total                           403,284
    """
    z = keras.Input((latent_dim,), name="z")
    x = layers.Dense(hidden, activation="tanh")(z)
    logits = layers.Reshape(SHAPE)(layers.Dense(math.prod(SHAPE))(x))
    return keras.Model(z, logits, name="decoder")


def divergence(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Returns KL(N(μ, σ²) ‖ N(0, I)) in nats, (batch,): appendix B."""
    return -0.5 * tf.reduce_sum(1 + log_variance - mean**2 - tf.exp(log_variance), axis=1)


class VAE(Reference):
    """Encoder and decoder; the loss of an image is minus the lower bound of its log likelihood, in nats."""

    batch_size = 100  # M

    def __init__(self, seed: int = 0, latent_dim: int = 20, hidden: int = 500) -> None:
        super().__init__(seed)
        self.encoder, self.decoder = build_encoder(latent_dim, hidden), build_decoder(latent_dim, hidden)
        self.latent_dim = latent_dim
        self.compile(optimizer=keras.optimizers.Adam(1e-3))

    def losses_of(self, images: tf.Tensor) -> tf.Tensor:
        """Returns KL(q(z|x) ‖ p(z)) - log p(x|z), z drawn from q: equation 10 with L = 1."""
        mean, log_variance = self.encoder(images, training=True)
        z = mean + tf.exp(0.5 * log_variance) * keras.random.normal(tf.shape(mean), seed=self.noise)
        logits = self.decoder(z, training=True)
        errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=(images + 1) / 2, logits=logits)
        return divergence(mean, log_variance) + tf.reduce_sum(errors, axis=(1, 2, 3))

    def generate(self, count: int, seed: int = 0) -> np.ndarray:
        """Returns the means of p(x|z) of z from N(0, I): uint8 (count, 28, 28, 1)."""
        z = tf.random.stateless_normal((count, self.latent_dim), (seed, 0))
        logits = self.decoder.predict(z, batch_size=500, verbose=0)
        return to_uint8(tf.tanh(logits / 2)).numpy()  # 2 sigmoid(x) - 1

    @property
    def parameters(self) -> list[int]:
        """Returns the number of parameters of the decoder and of the encoder."""
        return [self.decoder.count_params(), self.encoder.count_params()]
