"""What the models that are no GAN have in common: one loss, one optimizer, and `generate`.

A network may learn while the moving average of its weights draws, as in Ho et al. 2020 (arXiv:2006.11239), appendix B.
"""

import keras
import numpy as np
import tensorflow as tf

DECAY = 0.999


class Reference(keras.Model):
    """A model that learns by one loss. Its networks take and give images in [-1, 1], as kgan's.

    `samples` is how many images it draws in a tolerable time, None: any number; `parameters` are those of what draws,
    and those that only training needs.
    """

    batch_size = 64
    samples: int | None = None
    network: keras.Model
    average: keras.Model | None = None

    def __init__(self, seed: int) -> None:
        super().__init__()
        keras.utils.set_random_seed(seed)  # of the initial weights
        self.seed, self.noise = seed, keras.random.SeedGenerator(seed)
        self.mean = keras.metrics.Mean(name="mean_loss")

    def losses_of(self, images: tf.Tensor) -> tf.Tensor:
        """Returns each image's loss, (batch,), of images, (batch, H, W, C) in [-1, 1]."""
        raise NotImplementedError

    def generate(self, count: int, seed: int = 0) -> np.ndarray:
        """Returns `count` images, uint8 (count, H, W, C)."""
        raise NotImplementedError

    def facts(self, images: np.ndarray) -> dict[str, float]:
        """Returns more numbers of this model, measured with some images, uint8 (n, H, W, C)."""
        return {}

    def averaged(self, network: keras.Model, copy: keras.Model) -> None:
        """Sets `network`, which learns, and in a copy of it `average`, which draws."""
        copy.set_weights(network.get_weights())
        copy.trainable = False
        self.network, self.average = network, copy

    def move_average(self) -> None:
        """Moves the average, if there is one, with a decay of min(0.999, (1 + step) / (10 + step))."""
        if self.average is None:
            return
        step = tf.cast(self.optimizer.iterations, tf.float32)
        decay = tf.minimum(DECAY, (1 + step) / (10 + step))
        for mean, new in zip(self.average.variables, self.network.variables, strict=True):
            mean.assign(decay * mean + (1 - decay) * new)

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Steps along the gradient of the batch's mean loss."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.losses_of(batch["image"]))
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self.move_average()
        self.mean.update_state(loss)
        return {"mean_loss": self.mean.result()}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """What `fit` resets at each epoch."""
        return [self.mean]

    @property
    def parameters(self) -> list[int]:
        """Returns the number of parameters of what draws, and of the rest."""
        return [sum(int(np.prod(one.shape)) for one in self.trainable_variables), 0]
