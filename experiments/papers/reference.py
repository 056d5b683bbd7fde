"""What the models that are no GAN have in common: one loss, one optimizer, and `generate`."""

import keras
import numpy as np
import tensorflow as tf


class Reference(keras.Model):
    """A model that learns by one loss. Its networks take and give images in [-1, 1], as kgan's.

    `samples` is how many images it draws in a tolerable time, None: any number; `parameters` are those of what draws,
    and those that only training needs.
    """

    batch_size = 64
    samples: int | None = None

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

    def after_step(self) -> None:
        """Is called, in the graph, at the end of each step."""

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Steps along the gradient of the batch's mean loss."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.losses_of(batch["image"]))
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self.after_step()
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
