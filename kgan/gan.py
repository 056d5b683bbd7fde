"""GAN: Algorithm 1 of Goodfellow et al. 2014 (arXiv:1406.2661) as a Keras model."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kgan import augment as augment_lib
from kgan import checks, latent, losses, sampling, saving
from kgan import penalties as penalties_lib
from kgan.batch import Batch, Pair
from kgan.layers import ClusterByLatent, progressive, replicas
from kgan.losses import Loss
from kgan.parts import over_parts
from kgan.penalties import Penalty
from kgan.runtime.errors import UserError

UPDATES = ("alternating", "shared", "simultaneous")  # orders of updates, each a method of GAN
AUGMENT = 11  # folded into a step's key for augmentation; z has the key itself, penalties fold in 1 to 3
STATEFUL = ("generator", "discriminator", "g_optimizer", "d_optimizer", "ema_generator", "augment")  # order of `state`

Costs = dict[str, tf.Tensor]  # "d_penalty", the penalties' weighted sum, (1,), and the values of each, (n, 1), by name


class Turn(NamedTuple):
    """One turn of both networks: D's last judgement, its penalties, and G's loss per example."""

    pair: Pair
    d_costs: Costs
    g_losses: tf.Tensor


@keras.saving.register_keras_serializable(package="kgan")
class GAN(saving.Serializable):
    """A generator and a discriminator that train each other under plain `compile` and `fit`.

    `fit` takes batches of float32 images (d_steps * batch, H, W, C) in [-1, 1]: alone, as `{"image": ...}`, or first of
    a tuple, as Keras' (x, y). A discriminator with a second input, labels, is conditional: the batches then have
    `"label"`, or y, (d_steps * batch,) integers, and the generator either takes labels too, or has a layer
    `kgan.layers.ClusterByLatent`, by which z chooses them; labels are then that layer's numbers.

    Args:
        generator: maps z, (batch, latent_dim), or [z, labels], to images, (batch, H, W, C) in [-1, 1].
        discriminator: maps images, or [images, labels], to logits, (batch, 1).
        update: the order of updates. "alternating" (Algorithm 1): D's steps, then G's, each with fresh z. "shared"
            (PyTorch's DCGAN tutorial): G's images of D's step serve G's as well, judged again by the new D.
            "simultaneous" (TensorFlow's DCGAN tutorial): both gradients from one pass, then both updates.
        augment: what D sees instead of images: (images, key) -> images, see `kgan.augment`.
        d_steps: k of Algorithm 1, discriminator steps per generator step, each on its own real minibatch.
        g_steps: generator steps per turn, each with fresh z; the public code that Li et al. follow makes several.
        accumulate: parts of one size into which each minibatch is divided for a network's gradient, which is the mean
            of theirs: the step of the whole minibatch in less memory, but that batch norm sees a part at a time.
        ema_decay: decay in [0, 1) of a moving average of the generator, batch-norm statistics included,
            which then draws all samples; None keeps no average.
        first_step: steps that smaller networks made before, where networks grow.
        fade_steps: over which the layers `kgan.layers.progressive.Fade` of the networks go from old to new, and real
            images from half their resolution to all of it; 0: not at all.
        seed: z in training is a pure function of (seed, step, draw, replica).

    Raises:
        UserError: there is no such order of updates, or it has no room for several steps; or the networks are no
            functional models from z to an image and from such an image to a logit.

    Example::

        gan = GAN(*models.build(models.recipe("dcgan", "digits")))
        gan.compile(loss=losses.non_saturating, g_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
                    d_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5))
        gan.fit(stream(images, batch_size=32, seed=0), steps_per_epoch=100, epochs=24, shuffle=False)
        gan.generate(range(64))  # uint8, (64, 28, 28, 1)
        gan.save("gan.keras")  # keras.saving.load_model goes on training with the same bits, once kgan.GAN is imported
    """

    def __init__(self, generator: keras.Model, discriminator: keras.Model, *, update: str = "alternating",
                 augment: augment_lib.Augment = augment_lib.none, d_steps: int = 1, g_steps: int = 1,
                 accumulate: int = 1, ema_decay: float | None = None, first_step: int = 0, fade_steps: int = 0,
                 seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        checks.networks(generator, discriminator)
        replicas.prepare(generator, discriminator)
        if update not in UPDATES:
            raise UserError(f"update={update!r} is unknown; known: {', '.join(UPDATES)}.")
        if update != "alternating" and (d_steps, g_steps) != (1, 1):
            raise UserError(f"update={update} makes one step of each network; d_steps={d_steps} and g_steps={g_steps} "
                            "need --update=alternating.")
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = latent.dimension(generator)
        self.clusters = ClusterByLatent.of(generator)
        self.update = update
        self.augment = augment
        self.d_steps = d_steps
        self.g_steps = g_steps
        self.accumulate = accumulate
        self.ema_decay = ema_decay
        self.ema_generator = None
        if ema_decay is not None:
            self.ema_generator = keras.models.clone_model(generator)
            self.ema_generator.set_weights(generator.get_weights())
        self.first_step = first_step
        self.fade_steps = fade_steps
        self.seed = seed
        self.batch_check: checks.BatchCheck | None = checks.BatchCheck(generator, discriminator, d_steps, accumulate)
        self.built = True

    def compile(self, *, loss: Loss | str, g_optimizer: keras.Optimizer, d_optimizer: keras.Optimizer,
                penalties: Sequence[Penalty] = (), d_loss_weight: float = 1.0, label_smoothing: float = 0.0,
                penalty_decay: Callable[[tf.Tensor], tf.Tensor] | None = None, **kwargs: Any) -> None:
        """Takes a pair of per-example losses (see `kgan.losses`) and one optimizer per network.

        Args:
            loss: what each network descends, or its name.
            g_optimizer: the generator's.
            d_optimizer: the discriminator's.
            penalties: on D, beside its loss: see `kgan.penalties`.
            d_loss_weight: multiplies D's loss, not its penalties.
            label_smoothing: D's target for real images is 1 less this; of a loss by name: see `losses.smoothed`.
            penalty_decay: from the step to a factor on the penalties' weights; None: 1.
            kwargs: for `keras.Model.compile`.

        Raises:
            UserError: no loss of kgan's; label smoothing of one that is no cross-entropy; no two optimizers; a D that
                gives no logit, (batch, 1), as behind a sigmoid; a penalty, and batch norm or dropout in D; an optimizer
                that clips or scales losses, on several replicas.
        """
        loss = losses.get(loss) if isinstance(loss, str) else loss
        checks.compiled(self.discriminator, loss, g_optimizer, d_optimizer, penalties)
        loss = losses.smoothed(loss, label_smoothing) if label_smoothing else loss
        super().compile(optimizer=None, **kwargs)
        if penalties:
            penalties_lib.check(self.discriminator)
        replicas.check(g_optimizer, d_optimizer)
        self.adversarial_loss = loss
        self.penalties = tuple(penalties)
        self.d_loss_weight = d_loss_weight
        self.penalty_decay = penalty_decay
        self.g_optimizer = g_optimizer
        self.d_optimizer = d_optimizer
        # Built here, or a checkpoint restored before the first step would skip their slots.
        g_optimizer.build(self.generator.trainable_variables)
        d_optimizer.build(self.discriminator.trainable_variables)
        names = ["d_loss", "g_loss", "D(x)", "D(G(z))", *([] if loss.paired else ["d_loss_real", "d_loss_fake"]),
                 *(["d_penalty"] if penalties else []), *(penalty.name for penalty in penalties if penalty.name),
                 *(["augment_p"] if self.adaptive else [])]
        self.means = [keras.metrics.Mean(name=name) for name in names]

    def fit(self, x: Any = None, y: Any = None, batch_size: int | None = None, *args: Any,
            **kwargs: Any) -> keras.callbacks.History:
        """Trains as `keras.Model.fit`, after a look at the first batch.

        Raises:
            UserError: images are of another shape, or no floats that could be in [-1, 1]; labels are missing, or no
                classes of the networks; a batch can't be divided into d_steps (where no length tells of it before, at
                that batch); batches have no end, and steps_per_epoch is missing; what no GAN has is asked for, as
                validation or weights.
        """
        x, y = checks.pair(x, y)
        checks.fitted(inspect.signature(keras.Model.fit).bind(self, x, y, batch_size, *args, **kwargs).arguments)
        if self.compiled and self.batch_check is not None:  # uncompiled, Keras has a sentence of its own
            x = self.batch_check.look(x, y, batch_size)
        try:
            return super().fit(x, y, batch_size, *args, **kwargs)
        except tf.errors.InvalidArgumentError as error:
            checks.divided_later(error, self.d_steps, self.accumulate)
            raise

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Raises UserError: a GAN has no loss to evaluate on images."""
        raise UserError("a GAN has no loss that could be evaluated on images; kgan.Doctor(images).look(gan.generator) "
                        "scores its samples.")

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One turn of both networks, in the order of `update`.

        Returns running means: of d_loss (without penalties) and its real and fake halves, where the loss has them;
        of g_loss, D(x) and D(G(z)); of the penalties, weighted and together, and by their names; of the probability of
        adaptive augmentation. Those of the discriminator are from its last step.
        """
        real = Batch.of(data, self.conditional)
        step = tf.identity(self.step)  # the generator's optimizer moves it below
        if self.fade_steps:
            real = self.fade(real, step)
        turn: Turn = getattr(self, self.update)(real, step)
        if self.ema_generator is not None:
            self.move_average(self.ema_generator, step)
        loss, logits = self.adversarial_loss, (turn.pair.real_logits, turn.pair.fake_logits)
        values = {"d_loss": loss.discriminator(*logits), "g_loss": turn.g_losses, "D(x)": tf.sigmoid(logits[0]),
                  "D(G(z))": tf.sigmoid(logits[1]), "d_loss_real": loss.real(*logits),
                  "d_loss_fake": loss.fake(*logits), **turn.d_costs}
        if self.adaptive is not None:
            values["augment_p"] = tf.convert_to_tensor(self.adaptive.probability)
        for mean in self.means:
            mean.update_state(values[mean.name])
        if self.adaptive is not None and loss.threshold is not None:  # r_t of Karras et al. 2020, equation 1
            overfitting = tf.reduce_mean(tf.sign(logits[0] - loss.threshold))
            self.adaptive.move(replicas.mean(overfitting), tf.shape(real.images)[0] * replicas.count())
        return {mean.name: replicas.reported(mean.result()) for mean in self.means}

    def alternating(self, real: Batch, step: tf.Tensor) -> Turn:
        """Algorithm 1: k discriminator steps, each on its own minibatch, then the generator's, all with fresh z."""
        for number, part in enumerate(real.split(self.d_steps)):
            key = self.key(step, number)
            pair, d_costs = self.discriminator_step(part, self.fake(key, part), key, step)
        for number in range(self.g_steps):
            g_losses = self.generator_step(part, self.key(step, self.d_steps + number))
        return Turn(pair, d_costs, g_losses)

    def shared(self, real: Batch, step: tf.Tensor) -> Turn:
        """D steps on the images of one pass of G, then G on the same images, judged by the new D."""
        key = self.key(step, 0)
        if self.accumulate > 1:  # a tape over one pass would hold all of the minibatch, so G makes them again
            pair, d_costs = self.discriminator_step(real, self.fake(key, real), key, step)
            return Turn(pair, d_costs, self.generator_step(real, key))
        with tf.GradientTape() as tape:
            fake = self.fake(key, real)
            with tape.stop_recording():
                pair, d_costs = self.discriminator_step(real, fake, key, step)
            g_losses = self.generator_loss(real, fake, key)
            loss = tf.nn.compute_average_loss(g_losses)
        self.descend(tape.gradient(loss, self.generator.trainable_variables), self.generator, self.g_optimizer)
        return Turn(pair, d_costs, g_losses)

    def simultaneous(self, real: Batch, step: tf.Tensor) -> Turn:
        """Both gradients from one pass of G and one of D over real and fake, then both updates."""
        def gradients(key: tf.Tensor, real: Batch) -> tuple[Any, Turn]:
            with tf.GradientTape(persistent=True) as tape:
                fake = self.fake(key, real)
                pair = self.compare(real, fake, key)
                d_loss, d_costs = self.discriminator_loss(pair, key, step)
                g_losses = self.adversarial_loss.generator(pair.real_logits, pair.fake_logits)
                g_loss = tf.nn.compute_average_loss(g_losses)
            return (tape.gradient(d_loss, self.discriminator.trainable_variables),
                    tape.gradient(g_loss, self.generator.trainable_variables)), Turn(pair, d_costs, g_losses)

        key = self.key(step, 0)
        (d_gradients, g_gradients), turn = over_parts(self.accumulate, gradients, key, self.with_z(key, real))
        self.descend(d_gradients, self.discriminator, self.d_optimizer)
        self.descend(g_gradients, self.generator, self.g_optimizer)
        return turn

    def discriminator_step(self, real: Batch, fake: Batch, key: tf.Tensor, step: tf.Tensor) -> tuple[Pair, Costs]:
        """Moves the discriminator's weights; returns its judgement before the move, and its penalties."""
        def gradients(key: tf.Tensor, real: Batch, fake: Batch) -> tuple[Any, tuple[Pair, Costs]]:
            with tf.GradientTape() as tape:
                pair = self.compare(real, fake, key)
                loss, d_costs = self.discriminator_loss(pair, key, step)
            return tape.gradient(loss, self.discriminator.trainable_variables), (pair, d_costs)

        moves, judgement = over_parts(self.accumulate, gradients, key, real, fake)
        self.descend(moves, self.discriminator, self.d_optimizer)
        return judgement

    def generator_step(self, real: Batch, key: tf.Tensor) -> tf.Tensor:
        """Moves the generator's weights; returns its loss per example, from before the move."""
        def gradients(key: tf.Tensor, real: Batch) -> tuple[Any, tf.Tensor]:
            with tf.GradientTape() as tape:
                losses = self.generator_loss(real, self.fake(key, real), key)
                loss = tf.nn.compute_average_loss(losses)
            return tape.gradient(loss, self.generator.trainable_variables), losses

        moves, g_losses = over_parts(self.accumulate, gradients, key, self.with_z(key, real))
        self.descend(moves, self.generator, self.g_optimizer)
        return g_losses

    def with_z(self, key: tf.Tensor, real: Batch) -> Batch:
        """Returns a minibatch with z from `key`: its parts then have the z's of the whole."""
        return real._replace(z=latent.normal(key, (tf.shape(real.images)[0], self.latent_dim)))

    def fake(self, key: tf.Tensor, real: Batch, training: bool = True) -> Batch:
        """Returns a generated image for each real one, under its conditions, with its z or, without, one from `key`."""
        z = self.with_z(key, real).z if real.z is None else real.z
        inputs = [z, *real.conditions] if self.clusters is None else [*self.clusters.z_for(real.conditions[0], z)]
        inputs = inputs if len(self.generator.inputs) > 1 else inputs[0]
        return real._replace(images=self.generator(inputs, training=training))

    def discriminate(self, batch: Batch, key: tf.Tensor) -> tf.Tensor:
        """Returns D's logits, (n, 1). The only caller of D in training.

        Images are augmented by draws from `key`: the i-th real and the i-th fake of a step get the same.
        """
        images = self.augment(batch.images, latent.fold(key, AUGMENT))
        return self.discriminator([images, *batch.conditions] if batch.conditions else images, training=True)

    def compare(self, real: Batch, fake: Batch, key: tf.Tensor) -> Pair:
        """Returns what D says of both."""
        # Two passes, not one concatenated batch: batch norm must not mix real and fake.
        return Pair(real, fake, self.discriminate(real, key), self.discriminate(fake, key))

    def discriminator_loss(self, pair: Pair, key: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, Costs]:
        """Returns what D descends, a scalar, and the penalties in it: their weighted sum, and each by its name."""
        loss = tf.nn.compute_average_loss(self.adversarial_loss.discriminator(pair.real_logits, pair.fake_logits))
        if self.d_loss_weight != 1.0:
            loss *= self.d_loss_weight
        total, costs = tf.zeros(()), {}
        for penalty in self.penalties:
            cost = penalty.cost(functools.partial(self.discriminate, key=key), pair.first(penalty.share), key)
            total += penalty.weight * tf.nn.compute_average_loss(cost)
            costs[penalty.name] = cost
        if self.penalty_decay is not None:
            total *= self.penalty_decay(step)
        costs["d_penalty"] = tf.reshape(total * replicas.count(), (1,))  # a row, as parts of a batch are put together
        return loss + total if self.penalties else loss, costs

    def generator_loss(self, real: Batch, fake: Batch, key: tf.Tensor) -> tf.Tensor:
        """Returns G's loss per example; D(x) is asked for only where the loss pairs."""
        loss, fake_logits = self.adversarial_loss, self.discriminate(fake, key)
        return loss.generator(self.discriminate(real, key) if loss.paired else fake_logits, fake_logits)

    def key(self, step: tf.Tensor, draw: int) -> tf.Tensor:
        """Returns the key of one draw of one step, on this replica."""
        return latent.key(self.seed, step, draw, replicas.number())

    @staticmethod
    def descend(gradients: Sequence[Any], network: keras.Model, optimizer: keras.Optimizer) -> None:
        """Moves a network's own variables, and no others."""
        # Where batches end unannounced, no step is counted without one.
        with tf.control_dependencies([gradient for gradient in gradients if gradient is not None]):
            optimizer.apply(gradients, network.trainable_variables)

    def fade(self, real: Batch, step: tf.Tensor) -> Batch:
        """Sets how far the networks' new layers have faded in, and fades real images likewise."""
        alpha = tf.minimum(tf.cast(step - self.first_step, tf.float32) / self.fade_steps, 1.0)
        for layer in progressive.fades(self.generator, self.discriminator, self.ema_generator):
            layer.alpha.assign(alpha)
        return real._replace(images=progressive.half_sharp(real.images, alpha))

    def move_average(self, average: keras.Model, step: tf.Tensor) -> None:
        """Moves the exponential moving average of the generator, batch-norm statistics included."""
        # The ramp of tf.train.ExponentialMovingAverage: early averages forget the untrained weights.
        step = tf.cast(step, tf.float32)
        decay = tf.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        for moved, weight in zip(average.weights, self.generator.weights, strict=True):
            moved.assign(decay * moved + (1.0 - decay) * weight)

    @property
    def step(self) -> Any:
        """Training steps done, an integer: turns of both networks."""
        return self.first_step + self.g_optimizer.iterations // self.g_steps

    @property
    def conditional(self) -> bool:
        """Tells whether the discriminator takes labels beside images."""
        return len(self.discriminator.inputs) > 1

    @property
    def adaptive(self) -> augment_lib.Adaptive | None:
        """The augmentation, where its probability follows how far D overfits."""
        return self.augment if isinstance(self.augment, augment_lib.Adaptive) else None

    @property
    def sampler(self) -> keras.Model:
        """The generator that draws samples: the moving average where there is one."""
        return self.generator if self.ema_generator is None else self.ema_generator

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Maps z, (batch, latent_dim), or [z, labels], to images, (batch, H, W, C) in [-1, 1]."""
        return self.sampler(inputs, training=training)

    def generate(self, seeds: Sequence[int], labels: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Returns uint8 images, (len(seeds), H, W, C); each depends on its own seed, and label, alone.

        Without `labels`, a conditional generator takes the seeds modulo the number of classes.
        """
        return sampling.draw(self._render, self.sampler, seeds, labels)

    @functools.cached_property
    def _render(self) -> Callable[..., tf.Tensor]:
        return sampling.renderer(self.sampler)

    def named_variables(self) -> dict[str, keras.Variable]:
        """Returns all that training changes, by the names that checkpoints have for it."""
        return saving.named_variables({name: getattr(self, name, None) for name in STATEFUL})

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the arrays in `state`, by name."""
        return {name: tuple(variable.shape) for name, variable in self.named_variables().items()}

    def state(self) -> dict[str, np.ndarray]:
        """Returns everything that training changes: weights, statistics, slots, step, average and dropout's seeds."""
        return {name: keras.ops.convert_to_numpy(variable) for name, variable in self.named_variables().items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Puts back what `state` gave."""
        for name, variable in self.named_variables().items():
            variable.assign(state[name])

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """Leaves out what Keras does before `fit` under a strategy: all is built, and between workers it fails."""
