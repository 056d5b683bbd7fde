"""GAN: Algorithm 1 of Goodfellow et al. 2014 (arXiv:1406.2661) as a Keras model."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import images as images_lib
from kgan import latent


class GAN(keras.Model):
    """A generator and a discriminator that train each other under plain `compile` and `fit`.

    `fit` takes batches of float32 images (d_steps * batch, H, W, C) in [-1, 1]: alone, as `{"image": ...}`, or first of
    a tuple, as Keras' (x, y).

    Args:
        generator: maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1].
        discriminator: maps images to logits, (batch, 1).
        d_steps: k of Algorithm 1, discriminator steps per generator step, each on its own real minibatch.
        ema_decay: decay in [0, 1) of a moving average of the generator, batch-norm statistics included,
            which then draws all samples; None keeps no average.
        seed: z in training is a pure function of (seed, step, draw, replica).

    Example::

        gan = GAN(*models.build(models.recipe("dcgan", "digits")))
        gan.compile(loss=losses.non_saturating, g_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
                    d_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5))
        gan.fit(stream(images, batch_size=32, seed=0), steps_per_epoch=100, epochs=24)
        gan.generate(range(64))  # uint8, (64, 28, 28, 1)
    """

    def __init__(self, generator: keras.Model, discriminator: keras.Model, *, d_steps: int = 1,
                 ema_decay: float | None = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = generator.input_shape[-1]
        self.d_steps = d_steps
        self.ema_decay = ema_decay
        self.ema_generator = None
        if ema_decay is not None:
            self.ema_generator = keras.models.clone_model(generator)
            self.ema_generator.set_weights(generator.get_weights())
        self.seed = seed
        self.built = True

    def compile(self, *, loss: Any, g_optimizer: keras.Optimizer, d_optimizer: keras.Optimizer,
                **kwargs: Any) -> None:
        """Takes a pair of per-example losses (see `kgan.losses`) and one optimizer per network.

        Other arguments go to `keras.Model.compile`.
        """
        super().compile(optimizer=None, **kwargs)
        self.adversarial_loss = loss
        self.g_optimizer = g_optimizer
        self.d_optimizer = d_optimizer
        # Built here, or a checkpoint restored before the first step would skip their slots.
        g_optimizer.build(self.generator.trainable_variables)
        d_optimizer.build(self.discriminator.trainable_variables)
        self.means = [keras.metrics.Mean(name=name) for name in ("d_loss", "g_loss", "D(x)", "D(G(z))")]

    @property
    def step(self) -> keras.Variable:
        """Generator steps done, an integer."""
        return self.g_optimizer.iterations

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the arrays in `state`, by name."""
        return {name: tuple(variable.shape) for name, variable in self._everything().items()}

    def state(self) -> dict[str, np.ndarray]:
        """Returns everything that training changes: weights, statistics, slots, step, average and dropout's seeds."""
        return {name: keras.ops.convert_to_numpy(variable) for name, variable in self._everything().items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Puts back what `state` gave."""
        for name, variable in self._everything().items():
            variable.assign(state[name])

    def _everything(self) -> dict[str, keras.Variable]:
        parts = {"generator": self.generator, "discriminator": self.discriminator, "g_optimizer": self.g_optimizer,
                 "d_optimizer": self.d_optimizer, "ema_generator": self.ema_generator}
        # Keyed by position: Keras' automatic layer names differ between processes. `variables` includes the states of
        # seed generators.
        return {f"{part}/{number:03}": variable for part, owner in parts.items() if owner is not None
                for number, variable in enumerate(owner.variables)}

    @property
    def sampler(self) -> keras.Model:
        """The generator that draws samples: the moving average where there is one."""
        return self.generator if self.ema_generator is None else self.ema_generator

    def call(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps z, (batch, latent_dim), to images, (batch, H, W, C) in [-1, 1]."""
        return self.sampler(z, training=training)

    def generate(self, seeds: Sequence[int]) -> np.ndarray:
        """Returns uint8 images, (len(seeds), H, W, C); each depends on its own seed alone."""
        return draw(self._render, self.latent_dim, seeds)

    @functools.cached_property
    def _render(self) -> Callable[[tf.Tensor], tf.Tensor]:
        return renderer(self.sampler)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Algorithm 1: k discriminator steps, then one generator step, with fresh z for each.

        Returns the running means of d_loss, g_loss, D(x) and D(G(z)), the discriminator's from its last step.
        """
        data = keras.utils.unpack_x_y_sample_weight(data)[0]
        real_images = data["image"] if isinstance(data, dict) else data
        step = tf.identity(self.step)  # the generator's optimizer moves it below
        batch = tf.shape(real_images)[0] // self.d_steps
        for draw, real_batch in enumerate(tf.split(real_images, self.d_steps)):
            z = self._draw_z(step, draw, batch)
            d_loss, real_logits, fake_logits = self.discriminator_step(real_batch, z)
        g_loss = self.generator_step(self._draw_z(step, self.d_steps, batch))
        self._update_ema(step)
        values = (d_loss, g_loss, tf.sigmoid(real_logits), tf.sigmoid(fake_logits))
        for mean, value in zip(self.means, values, strict=True):
            mean.update_state(value)
        return {mean.name: mean.result() for mean in self.means}

    def discriminator_step(self, real_images: tf.Tensor, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Moves the discriminator's weights; returns its loss per example and both logits, from before the move."""
        fake_images = self.generator(z, training=True)
        with tf.GradientTape() as tape:
            # Two passes, not one concatenated batch: batch norm must not mix real and fake.
            real_logits = self.discriminator(real_images, training=True)
            fake_logits = self.discriminator(fake_images, training=True)
            losses = self.adversarial_loss.discriminator(real_logits, fake_logits)
            loss = tf.nn.compute_average_loss(losses)
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(loss, variables), variables)
        return losses, real_logits, fake_logits

    def generator_step(self, z: tf.Tensor) -> tf.Tensor:
        """Moves the generator's weights; returns its loss per example, from before the move."""
        with tf.GradientTape() as tape:
            fake_logits = self.discriminator(self.generator(z, training=True), training=True)
            losses = self.adversarial_loss.generator(fake_logits)
            loss = tf.nn.compute_average_loss(losses)
        variables = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(loss, variables), variables)
        return losses

    def _draw_z(self, step: tf.Tensor, draw: int, batch: tf.Tensor) -> tf.Tensor:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return latent.for_step(self.seed, step, draw, replica, (batch, self.latent_dim))

    def _update_ema(self, step: tf.Tensor) -> None:
        if self.ema_generator is None:
            return
        # The ramp of tf.train.ExponentialMovingAverage: early averages forget the untrained weights.
        step = tf.cast(step, tf.float32)
        decay = tf.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self.ema_generator.weights, self.generator.weights, strict=True):
            average.assign(decay * average + (1.0 - decay) * weight)


def generate(generator: keras.Model, seeds: Sequence[int], batch_size: int = 64) -> np.ndarray:
    """Draws uint8 images, (len(seeds), H, W, C), from moving batch-norm statistics."""
    return draw(renderer(generator), generator.input_shape[-1], seeds, batch_size)


def renderer(generator: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the function of z, (n, latent_dim), to uint8 images, (n, H, W, C), compiled."""
    return tf.function(lambda z: images_lib.to_uint8(generator(z, training=False)))


def draw(render: Callable[[tf.Tensor], tf.Tensor], latent_dim: int, seeds: Sequence[int],
         batch_size: int = 64) -> np.ndarray:
    """Returns what `render` makes of the seeds' z, as one array over all seeds."""
    return _in_full_batches(lambda part: render(latent.from_seeds(part, latent_dim)), np.asarray(seeds, np.int64),
                            batch_size)


def draw_from(render: Callable[[tf.Tensor], tf.Tensor], z: np.ndarray, batch_size: int = 64) -> np.ndarray:
    """Returns what `render` makes of z, (n, latent_dim), as one array; of a seed's z the seed's image."""
    return _in_full_batches(render, np.asarray(z, np.float32), batch_size)


def _in_full_batches(function: Callable[[np.ndarray], tf.Tensor], rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Kernels differ between batch sizes: only full batches give a row the same bits whatever it comes with."""
    padded = rows[np.arange(-(-len(rows) // batch_size) * batch_size) % len(rows)]
    return np.concatenate([function(part) for part in np.split(padded, len(padded) // batch_size)])[:len(rows)]
