import json
import os
import signal
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.data.stream import stream
from kgan.runs import callbacks, devices
from kgan.runtime.errors import UserError

TWO = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 0}}


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


def test_workers_are_those_of_tf_config_the_chief_first(monkeypatch):
    assert devices.workers() == []
    cluster = {"worker": ["b:1", "c:1"], "chief": ["a:1"], "ps": ["d:1"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster}))
    assert devices.workers() == ["a:1", "b:1", "c:1"]


@pytest.mark.parametrize("text", ["{", "[1]", '{"cluster": 3}', '{"cluster": {"worker": 3}}'])
def test_a_damaged_tf_config_is_said(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match="TF_CONFIG=.* is not what TensorFlow reads"):
        devices.strategy("auto")


def test_auto_is_one_device_here():
    assert devices.strategy("auto") is devices.strategy("one") is tf.distribute.get_strategy()
    assert devices.is_chief(devices.strategy())
    assert devices.facts(devices.strategy()) == {}
    assert devices.sum_over(devices.strategy()) is None


@pytest.mark.parametrize(("name", "message"), [
    ("many", "strategy='many' is unknown; known: auto, one, mirrored, multiworker."),
    ("multiworker", "TF_CONFIG names no workers"),
    ("tpu", "strategy='tpu' is unknown"),
])
def test_a_strategy_that_can_not_be_had_is_said(name, message):
    with pytest.raises(UserError, match=message):
        devices.strategy(name)


def test_workers_can_not_begin_in_a_process_where_tensorflow_ran(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(TWO))
    tf.zeros(())
    with pytest.raises(UserError, match="start it in a fresh process"):
        devices.strategy("auto")


def test_one_device_gets_whole_batches():
    images = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1)
    (batch,) = devices.distributed(devices.strategy("one"), lambda part: stream(
        images, batch_size=4, seed=0, part=part)).take(1)
    assert batch["image"].shape == (4, 1, 1, 1)


def test_a_gpus_steps_at_once_have_the_same_bits(toy_gan, toy_images):
    def trained(size):
        keras.utils.set_random_seed(0)
        gan = toy_gan()
        for _ in range(2):  # ticks of 6 steps
            if size:
                devices.execute_at_once(gan, 6)
            gan.fit(stream(toy_images, batch_size=4, seed=0, start=int(gan.step)), steps_per_epoch=6, verbose=0)
        assert gan.steps_per_execution == (6 if size else 1)
        return gan.state()

    one, many = trained(False), trained(True)
    assert all((one[name] == many[name]).all() for name in one)
    gan = toy_gan()
    devices.execute_at_once(gan, 53)  # a prime above the largest number
    assert gan.steps_per_execution == 1


def test_workers_stop_together_at_the_end_of_a_tick():
    asked = []
    model = types.SimpleNamespace(step=0, stop_training=False)
    with callbacks.StopOnSignal(lambda _: 1e6, together=lambda mine: asked.append(mine) or sum(asked)) as stop:
        stop.set_model(model)
        stop.set_params({"steps": 10})
        stop.on_epoch_begin(0)
        stop.on_epoch_end(0)
        assert (asked, model.stop_training) == ([0], False)
        stop.on_epoch_begin(1)
        os.kill(os.getpid(), signal.SIGTERM)  # no tick is dropped, however long
        stop.on_epoch_end(1)
        assert (asked, model.stop_training, stop.received) == ([0, 1], True, signal.SIGTERM)
    with callbacks.StopOnSignal(together=lambda mine: 1) as other:
        other.set_model(model)
        other.set_params({"steps": 10})
        other.on_epoch_begin(0)
        other.on_epoch_end(0)
        assert other.received == signal.SIGTERM


def test_there_is_one_strategy_a_process_for_the_same_devices(monkeypatch):
    assert devices.strategy("mirrored") is devices.strategy("mirrored")
    made = []
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda: made.append("strategy") or made[-1:])
    for config in (TWO, TWO, TWO | {"task": {"type": "worker", "index": 1}}):
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
        devices.strategy("multiworker")
    assert made == ["strategy"] * 2


def test_replicas_divide_their_share_of_a_batch_and_workers_do_not_adapt(recipe, monkeypatch):
    two = types.SimpleNamespace(num_replicas_in_sync=2)
    devices.check(recipe.override(batch_size=16, accumulate=4), two)
    with pytest.raises(UserError, match="batch_size=12 can't be split evenly among 2 replicas with accumulate=4 parts "
                       "each; give --batch_size=8 or 16"):
        devices.check(recipe.override(batch_size=12, accumulate=4), two)
    adaptive = recipe.override(augment="colour", augment_target=0.5)
    devices.check(adaptive, two)
    monkeypatch.setattr(devices, "is_multiworker", lambda _: True)
    with pytest.raises(UserError, match="augment_target=0.5: how far D overfits is measured by one process"):
        devices.check(adaptive, two)
