import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from kgan.layers import replicas


@pytest.fixture(scope="module")
def seen():
    """What `two_devices.py` saw: logical devices can't be made any more in a process that has begun."""
    script = Path(__file__).with_name("two_devices.py")
    result = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.splitlines()[-1])


def test_replicas_never_draw_the_same(seen):
    assert seen["rows_drawn"] == {"z": 2 * 100 * 4, "dropout": 2 * 100 * 4, "colour": 2 * 100 * 4,
                                  "penalty": 2 * 100 * 4}
    assert seen["rows_different"] == seen["rows_drawn"]


def test_the_first_replica_draws_what_one_device_does(seen):
    assert seen["first_is_one"]


def test_batch_norm_takes_its_statistics_from_the_global_batch(seen):
    # of 0, 1, 2, 3: the mean 1.5 and variance 1.25; each half alone has a variance of 1
    assert seen["normalised"] == pytest.approx([-1.3411, -0.4470, 0.4470, 1.3411], abs=1e-3)


def test_the_global_batch_is_the_same_set(seen):
    assert seen["batches"] == [sorted(batch) for batch in seen["one_device_batches"]]


def test_penalties_are_means_over_the_global_batch(seen):
    assert seen["penalty_logged"] == pytest.approx(seen["penalty_by_hand"], rel=1e-5)


def test_what_is_wrong_on_several_is_refused(seen):
    assert "clips each replica's share" in seen["clip"]
    assert "loss scaling looks at the first replica" in seen["float16"]
    assert "batch_size=5 can't be split evenly among 2 replicas; give --batch_size=4 or 6." in seen["batch_size"]


def test_one_device_is_left_as_it_is():
    network = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)])
    replicas.prepare(network)
    assert not network.layers[0].synchronized
    assert type(network.layers[1].seed_generator) is keras.random.SeedGenerator
    replicas.check(keras.optimizers.Adam(clipvalue=1.0))
    assert replicas.reported(tf.constant(2.0)).shape == ()


def test_a_second_model_fits_in_the_same_process(seen):
    """Each MirroredStrategy numbers its collectives from the same number on: of two, the second dies of the shapes."""
    assert {"d_loss", "g_loss"} <= {*seen["another"]}
