"""TensorBoard: a run's log, its grids as pictures, and its recipe as hyperparameters."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from kgan.recipe import Recipe
from kgan.runs.directory import Run


class TensorBoard(keras.callbacks.Callback):
    """Writes to WORKDIR/tensorboard, by training step. Needs the package tensorboard. Stands after `SampleGrids`.

    Args:
        run: whose grids are shown.
        recipe: whose fields are the hyperparameters; those that are None are left out.
    """

    def __init__(self, run: Run, recipe: Recipe) -> None:
        super().__init__()
        self.run = run
        self.recipe = {name: value for name, value in recipe.to_dict().items() if value is not None}
        self.writer: Any = None  # from the first `fit` on: a recipe that is refused leaves nothing behind

    def on_train_begin(self, logs: Any = None) -> None:
        """Writes the hyperparameters, once."""
        if self.writer is None:
            from tensorboard.plugins.hparams import api

            self.writer = tf.summary.create_file_writer(str(self.run.path / "tensorboard"))
            with self.writer.as_default(step=int(self.model.step)):
                api.hparams(self.recipe, trial_id=str(self.run.path))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the tick's numbers, and the grid if the run has drawn one."""
        step = int(self.model.step)
        with self.writer.as_default(step=step):
            for name, value in logs.items():
                tf.summary.scalar(name, float(value))
            if (file := self.run.sample_file(step)).exists():
                with Image.open(file) as opened:
                    picture = np.asarray(opened)
                tf.summary.image("samples", picture.reshape(1, *picture.shape[:2], -1))

    def on_train_end(self, logs: Any = None) -> None:
        """Sees to it that the files hold all."""
        self.writer.flush()
