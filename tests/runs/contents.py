"""What tests of runs look at."""

import csv

import keras
import numpy as np

from kgan.runs import build, checkpoints, resume


def rows(run):
    """The rows of log.csv as text."""
    with run.log_file.open(newline="", encoding="utf-8") as log:
        return list(csv.DictReader(log))


def restored(run):
    """Everything that a checkpoint holds, as one vector."""
    gan = build.build_gan(run.recipe(), step=run.last_step())
    resume.restore(run, gan)
    parts = (gan.generator, gan.discriminator, gan.g_optimizer, gan.d_optimizer, gan.ema_generator)
    return np.concatenate([np.asarray(v, np.float64).ravel() for part in parts for v in part.variables])


def saved(directory):
    """The arrays of all checkpoints in a directory, by step and name."""
    found = {}
    for step in checkpoints.steps(directory):
        with np.load(directory / f"step-{step}" / checkpoints.STATE) as state:
            found |= {(step, name): array for name, array in state.items()}
    return found


def same_in_keras_own_layers(generator_file, ours, z):
    """The file's weights are ours bit for bit; Keras' own kernels round differently."""
    loaded = keras.models.load_model(generator_file)
    for theirs, weight in zip(loaded.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(theirs, weight)
    np.testing.assert_allclose(loaded(z, training=False), ours(z, training=False), atol=2e-6)
