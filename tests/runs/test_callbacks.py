import itertools
import types

import keras
import numpy as np
import pytest

from kgan.runs import callbacks, checkpoints
from kgan.runs.directory import Run


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    run.samples.mkdir()
    return run


def _at(step, **kwargs):
    return types.SimpleNamespace(step=step, **kwargs)


@pytest.mark.parametrize(("interval", "start", "ticks", "drawn"), [
    (100, 0, [50, 100, 150, 200], [100, 200]),
    (937.5, 0, range(50, 2000, 50), [950, 1900]),  # MNIST at batch 64: the first tick end at or after an epoch's
    (30, 0, [50, 100, 110, 120], [50, 100, 120]),
    (100, 100, [150, 200], [200]),  # resumed: what was drawn isn't drawn again
])
def test_grids_fall_on_the_first_tick_end_at_or_after_they_are_due(run, monkeypatch, interval, start, ticks, drawn):
    grids = callbacks.SampleGrids(run, interval, start, image_size=28)
    seen = []
    monkeypatch.setattr(grids, "draw", lambda: seen.append(grids.model.step))
    for step in ticks:
        grids.set_model(_at(step))
        grids.on_epoch_end(0)
    assert seen == drawn


def test_checkpoints_fall_on_the_first_tick_end_after_the_interval(run, monkeypatch):
    clock = iter([0.0, 10.0, 31.0, 31.0, 40.0, 70.0, 70.0])
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(clock))
    saving, saved = callbacks.Checkpoints(run, callbacks.State(), seconds=30.0, history=0), []
    monkeypatch.setattr(saving, "save", lambda: saved.append(saving.model.step))
    for step in (1, 2, 3, 4):  # at 10, 31, 40 and 70 seconds
        saving.set_model(_at(step))
        saving.on_epoch_end(0, {})
    assert saved == [2, 4]


def test_a_checkpoint_is_the_state_of_the_tick_end_not_of_the_model(run, toy_gan, toy_batch):
    gan, state = toy_gan(ema_decay=0.9), callbacks.State()
    saving = callbacks.Checkpoints(run, state, seconds=0.0, history=0)
    for callback in (state, saving):
        callback.set_model(gan)
    gan.train_step(toy_batch)
    state.on_epoch_end(0, {"d_loss": 1.0})
    expected = gan.state()
    gan.discriminator.variables[0].assign(gan.discriminator.variables[0] + 1)
    saving.on_epoch_end(0, {"d_loss": 1.0})
    found = checkpoints.load(run.checkpoints, 1, gan.shapes)
    assert all(np.array_equal(found[name], array) for name, array in expected.items())
    assert run.generator_file.exists()


@pytest.mark.parametrize(("logs", "weight", "named"), [
    ({"d_loss": np.nan}, 0.0, "d_loss"), ({"d_loss": 1.0, "g_loss": np.inf}, 0.0, "g_loss"),
    ({"d_loss": 1.0}, np.nan, "a weight")])
def test_what_is_not_finite_is_never_held(logs, weight, named):
    state, good = callbacks.State(), {"w": np.array([1.0])}
    state.set_model(_at(2, state=lambda: good))
    state.on_train_begin()
    state.set_model(_at(3, state=lambda: {"w": np.array([weight])}))
    with pytest.raises(callbacks.DivergedError, match=named):
        state.on_epoch_end(0, logs)
    assert state.arrays is good


def test_no_callback_claims_to_be_async_safe():
    """Keras calls such a callback from threads of its own, beside the step that is still running."""
    from kgan.runs import monitoring, progress, signals

    kinds = {kind for module in (callbacks, monitoring, progress, signals) for kind in vars(module).values()
             if isinstance(kind, type) and issubclass(kind, keras.callbacks.Callback)}
    assert len(kinds) == 8
    assert not any(getattr(kind, "async_safe", False) for kind in kinds)


def test_grids_and_looks_of_a_pass_count_images_where_large_resolutions_have_smaller_batches(run, monkeypatch):
    """256 × 256 takes batches of 14 for the recipe's 16: a pass over 1,600 images is 115 steps there, not 100."""
    from kgan import models
    from kgan.runs import monitoring

    recipe = models.recipe("progan").override(image_size=256, grow_images=160, batch_size=16, images=10**6)
    first = recipe.phases[-1].start
    assert recipe.phases[-1].batch_size == 14
    grids, seen = callbacks.SampleGrids(run, 100, first, 256, turns=recipe.full_turns), []
    watching = monitoring.SampleMonitor(types.SimpleNamespace(columns=()), 100, first,
                                   monitoring.MonitorContext(None, monitoring.Warnings()),
                                   recipe.full_turns)
    monkeypatch.setattr(grids, "draw", lambda: seen.append(grids.model.step))
    due = []
    for step in range(first, first + 1000):
        grids.set_model(_at(step))
        grids.on_epoch_end(0)
        if watching._due(step):
            due.append(step)
        watching.last = recipe.full_turns(step)
    assert len(seen) == 1000 * 14 // 1600
    assert seen == due
    assert all(abs((later - earlier) * 14 - 1600) <= 14 for earlier, later in itertools.pairwise(seen))
    plain = models.recipe("dcgan", "digits")
    assert [plain.full_turns(step) for step in (0, 1, 937, 10**6)] == [0, 1, 937, 10**6]
