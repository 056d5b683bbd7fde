import types

import pytest

from kgan import callbacks
from kgan.run import Run


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
    grids = callbacks.SampleGrids(run, interval, start)
    seen = []
    monkeypatch.setattr(grids, "draw", lambda: seen.append(grids.model.step))
    for step in ticks:
        grids.set_model(_at(step))
        grids.on_epoch_end(0)
    assert seen == drawn


def test_checkpoints_fall_on_the_first_tick_end_after_the_interval(run, monkeypatch):
    clock = iter([0.0, 10.0, 31.0, 31.0, 40.0, 70.0, 70.0])
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(run, "save", lambda model: saved.append(model.step))
    saved = []
    checkpoints = callbacks.Checkpoints(run, seconds=30.0)
    for step in (1, 2, 3, 4):  # at 10, 31, 40 and 70 seconds
        checkpoints.set_model(_at(step))
        checkpoints.on_epoch_end(0)
    assert saved == [2, 4]


def test_progress_leaves_the_first_step_out_of_its_rate():
    progress = callbacks.Progress(start=10, total=20, images_per_step=8)
    assert progress.close() == 0.0
    progress.on_train_batch_end(0)  # compiles
    assert (progress.bar.initial, progress.bar.total) == (88, 160)
    clock = iter([4.0])
    progress.bar._time = lambda: next(clock, 4.0)
    progress.bar.start_t = 0.0
    for batch in range(1, 5):
        progress.on_train_batch_end(batch)
    assert progress.bar.n == 120
    assert progress.close() == pytest.approx(4 * 8 / 4.0)
