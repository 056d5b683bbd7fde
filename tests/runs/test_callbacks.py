import io
import itertools
import os
import signal
import threading
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from contents import rows
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from kgan import models
from kgan.runs import callbacks, checkpoints, clock, loop, monitoring, patience
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
    kinds = {kind for module in (callbacks, clock, monitoring, patience) for kind in vars(module).values()
             if isinstance(kind, type) and issubclass(kind, keras.callbacks.Callback)}
    assert len(kinds) == 12
    assert not any(getattr(kind, "async_safe", False) for kind in kinds)


def test_grids_and_looks_of_a_pass_count_images_where_large_resolutions_have_smaller_batches(run, monkeypatch):
    """256 × 256 takes batches of 14 for the recipe's 16: a pass over 1,600 images is 115 steps there, not 100."""
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


def test_signal_weighs_what_the_tick_end_takes():
    with callbacks.StopOnSignal(lambda step: 30.0 if step == 10 else 0.0) as stop:
        stop.set_model(_at(0))
        stop.set_params({"steps": 10})
        stop.on_epoch_begin(0)
        with pytest.raises(callbacks.Stopped):
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_while_the_step_is_compiled_waits_for_the_ticks_end(capsys):
    with callbacks.StopOnSignal(lambda step: 1e6) as stop:
        model = _at(0)
        model.step = tf.Variable(0, dtype=tf.int64)
        stop.set_model(model)
        stop.set_params({"steps": 10})
        stop.on_epoch_begin(0)

        @tf.function
        def step():
            os.kill(os.getpid(), signal.SIGTERM)
            return model.step + 1

        assert int(step()) == 1
        assert "at the end of this tick" in capsys.readouterr().err
        assert stop.received == signal.SIGTERM


def test_signal_before_the_first_tick_starts_none():
    with callbacks.StopOnSignal() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(callbacks.Stopped):
            stop.on_epoch_begin(0)


def test_handlers_from_before_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with callbacks.StopOnSignal():
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] != before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_outside_the_main_thread_signals_are_left_alone():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with callbacks.StopOnSignal() as stop:
            seen.append((signal.getsignal(signal.SIGTERM), stop.received))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, None)]
    assert signal.getsignal(signal.SIGTERM) == before


def test_progress_leaves_the_first_step_out_of_its_rate():
    progress = callbacks.Progress(models.recipe("dcgan").override(batch_size=8), start=10, total=20)
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


def test_a_forecast_comes_before_the_first_tick_ends_and_is_mended_once(capsys):
    recipe = models.recipe("dcgan", "digits").override(batch_size=2, steps=1000, tick=100)
    progress = callbacks.Progress(recipe, 0, 1000)
    progress.set_model(types.SimpleNamespace(means=[]))
    progress.on_epoch_begin(0)
    progress.on_train_batch_end(0)
    now = [0.0]
    progress.bar._time, progress.bar.start_t = lambda: now[0], 0.0
    said = lambda: capsys.readouterr().err  # noqa: E731
    for batch, now[0] in ((10, 2.0), (19, 3.8)):  # 19 steps in 3.8 s
        assert "Expected" not in said()
        progress.on_train_batch_end(batch)
    assert "Expected on this machine: 3 min for 1,000 steps, at 10 images/s." in said()  # 200 s
    progress.on_train_batch_end(99)
    now[0] = 60.0  # with a look
    progress.on_epoch_end(0, {})
    assert "With looks, grids and checkpoints, now expected: 10 min in all." in said()
    progress.on_epoch_end(0, {})
    assert "expected" not in said()
    progress.set_total(500)
    assert (progress.total, progress.bar.total) == (500, 1000)  # images


def test_progress_counts_the_steps_that_a_gpu_makes_at_once():
    progress = callbacks.Progress(models.recipe("dcgan").override(batch_size=8), start=0, total=20)
    for tick in range(2):
        progress.on_epoch_begin(tick)
        for batch in (4, 9):  # five steps an execution, of ten a tick
            progress.on_train_batch_end(batch)
    assert (progress.step, progress.bar.n) == (20, 160)


def test_a_board_has_the_log_the_grids_and_the_recipe(tmp_path, digits):
    run = Run(tmp_path / "run")
    recipe = models.recipe("gan_nn", "digits").override(steps=5, tick=2, batch_size=2, sample_every=2)
    loop.train(run, recipe, digits, callbacks=[callbacks.TensorBoard(run, recipe)])
    board = EventAccumulator(str(run.path / "tensorboard"), {"tensors": 0}).Reload()
    losses = [(event.step, tf.make_ndarray(event.tensor_proto)) for event in board.Tensors("d_loss")]
    np.testing.assert_allclose(losses, [(int(row["step"]), float(row["d_loss"])) for row in rows(run)], rtol=1e-5)
    grids = {event.step: event.tensor_proto.string_val[2] for event in board.Tensors("samples")}
    assert list(grids) == [2, 4, 5]
    for step, shown in grids.items():
        np.testing.assert_array_equal(Image.open(io.BytesIO(shown)), Image.open(run.sample_file(step)))
    kept = plugin_data_pb2.HParamsPluginData()
    kept.ParseFromString(board.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    found = kept.session_start_info.hparams
    assert (found["model"].string_value, found["batch_size"].number_value) == ("gan_nn", 2)
    assert "penalty" not in found
