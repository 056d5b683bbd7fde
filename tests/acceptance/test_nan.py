"""Numbers that are none must never get into a checkpoint, wherever and whenever they appear."""

import random

import keras
import numpy as np
import pytest

from kgan import models
from kgan.data import sources
from kgan.runs import checkpoints, loop
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


class _Poison(keras.callbacks.Callback):
    """Makes one number of one variable of `owner` no number, at the last step of the tick that ends at `when`."""

    def __init__(self, chance, when):
        super().__init__()
        self.chance, self.when = chance, when
        self.value = chance.choice([np.nan, np.inf, -np.inf])
        self.owner = chance.choice(["generator", "discriminator", "ema_generator", "g_optimizer", "d_optimizer"])

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) == self.when:
            owner = getattr(self.model, self.owner)
            variable = self.chance.choice([v for v in owner.variables if v.shape and "float" in str(v.dtype)])
            array = np.array(variable)
            array.flat[self.chance.randrange(array.size)] = self.value
            variable.assign(array)


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_nan_that_appears_at_random_is_never_saved(tmp_path, rounds):
    chance = random.Random(0)
    recipe = models.recipe("gan_nn", "digits").override(steps=20, tick=2, batch_size=4, ema_decay=0.5,
                                                        optimizer="adam", g_learning_rate=1e-4, d_learning_rate=1e-4)
    for number in range(rounds):
        when, run = 2 * chance.randrange(1, 10), Run(tmp_path / str(number))
        with pytest.raises(UserError, match=rf"in the tick that ends at step {when}: a weight is no finite number"):
            loop.train(run, recipe, sources.locate("digits"), checkpoint_seconds=0,
                       callbacks=[_Poison(chance, when)])
        step, damaged = checkpoints.newest(run.checkpoints)
        assert (step, damaged) == (when - 2 or None, {})
        for kept in checkpoints.steps(run.checkpoints):
            with np.load(run.checkpoints / f"step-{kept}" / checkpoints.STATE) as state:
                assert checkpoints.not_finite(dict(state)) is None
