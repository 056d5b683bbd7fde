import os
import signal
import types

import numpy as np
import pytest

from kgan.runs import callbacks
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
        checkpoints.set_model(_at(step, state=dict))
        checkpoints.on_epoch_end(0, {})
    assert saved == [2, 4]


@pytest.mark.parametrize(("logs", "weight", "named"), [
    ({"d_loss": np.nan}, 0.0, "d_loss"), ({"d_loss": 1.0, "g_loss": np.inf}, 0.0, "g_loss"),
    ({"d_loss": 1.0}, np.nan, "a weight")])
def test_what_is_not_finite_is_never_saved(run, monkeypatch, logs, weight, named):
    monkeypatch.setattr(run, "save", lambda model: pytest.fail("saved"))
    checkpoints = callbacks.Checkpoints(run, seconds=0.0)
    checkpoints.set_model(_at(3, state=lambda: {"w": np.array([weight])}))
    with pytest.raises(callbacks.DivergedError, match=named):
        checkpoints.on_epoch_end(0, logs)
    assert checkpoints.state == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_at_the_tick_end_or_drops_a_long_tick(number, capsys):
    model = _at(0, stop_training=False)
    for seconds_a_step, dropped in ((0.1, False), (3.0, True)):
        with callbacks.StopOnSignal() as stop:
            stop.set_model(model)
            stop.set_params({"steps": 10})
            model.step, model.stop_training = 20, False
            stop.on_epoch_begin(0)
            model.step, stop._began = 22, stop._began - 2 * seconds_a_step
            if dropped:
                with pytest.raises(callbacks.Stopped):
                    os.kill(os.getpid(), number)
            else:
                os.kill(os.getpid(), number)
                assert "at the end of this tick" in capsys.readouterr().err
                stop.on_epoch_end(0)
                assert model.stop_training
            assert stop.received == number
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)


def test_signal_weighs_what_the_tick_end_takes(capsys):
    with callbacks.StopOnSignal(lambda step: 30.0 if step == 10 else 0.0) as stop:
        stop.set_model(_at(0))
        stop.set_params({"steps": 10})
        stop.on_epoch_begin(0)
        with pytest.raises(callbacks.Stopped):
            os.kill(os.getpid(), signal.SIGTERM)


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


def test_signal_before_the_first_tick_starts_none():
    with callbacks.StopOnSignal() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(callbacks.Stopped):
            stop.on_epoch_begin(0)
