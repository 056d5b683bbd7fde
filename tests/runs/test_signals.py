import os
import signal
import threading
import types

import pytest

from kgan.runs import signals


def _at(step, **kwargs):
    return types.SimpleNamespace(step=step, **kwargs)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_at_the_tick_end_or_drops_a_long_tick(number, capsys):
    model = _at(0, stop_training=False)
    for seconds_a_step, dropped in ((0.1, False), (3.0, True)):
        with signals.StopOnSignal() as stop:
            stop.set_model(model)
            stop.set_params({"steps": 10})
            model.step, model.stop_training = 20, False
            stop.on_epoch_begin(0)
            model.step, stop._began = 22, stop._began - 2 * seconds_a_step
            if dropped:
                with pytest.raises(signals.Stopped):
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
    with signals.StopOnSignal(lambda step: 30.0 if step == 10 else 0.0) as stop:
        stop.set_model(_at(0))
        stop.set_params({"steps": 10})
        stop.on_epoch_begin(0)
        with pytest.raises(signals.Stopped):
            os.kill(os.getpid(), signal.SIGTERM)


def test_signal_before_the_first_tick_starts_none():
    with signals.StopOnSignal() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(signals.Stopped):
            stop.on_epoch_begin(0)


def test_handlers_from_before_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with signals.StopOnSignal():
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] != before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_outside_the_main_thread_signals_are_left_alone():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with signals.StopOnSignal() as stop:
            seen.append((signal.getsignal(signal.SIGTERM), stop.received))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, None)]
    assert signal.getsignal(signal.SIGTERM) == before
