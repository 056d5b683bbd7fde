"""Run by test_replicas: two logical devices, and what a step does on them, as JSON."""

import json
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
from kgan.runtime import machine

machine.import_tensorflow()

import keras
import numpy as np
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from kgan import augment, latent, losses, models, penalties
from kgan.data.stream import stream
from kgan.gan import GAN
from kgan.layers import replicas
from kgan.runs import devices as distribution
from kgan.runtime.errors import UserError

STEPS, ROWS = 100, 4
devices = distribution.strategy("mirrored")
assert devices.num_replicas_in_sync == 2
seen = {}


def networks():
    z, image = keras.Input((3,)), keras.Input((2, 2, 1))
    return (keras.Model(z, keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(z))),
            keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(image))))


def said(function, *arguments):
    try:
        with devices.scope():
            function(*arguments)
    except UserError as error:
        return str(error)


with devices.scope():
    gan = GAN(*networks())
    gan.compile(loss=losses.non_saturating, g_optimizer=keras.optimizers.SGD(0.0),
                d_optimizer=keras.optimizers.SGD(0.0), penalties=penalties.get("r1", 2.0))
    plain = keras.Sequential([keras.Input((256,)), keras.layers.Dropout(0.5, seed=1)])
    dropping = keras.models.clone_model(plain)
    replicas.prepare(dropping)
    norm = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization(epsilon=1e-6)])
    replicas.prepare(norm)


@tf.function
def draws(step):
    def drawn(step):
        key = gan.key(step, 0)
        noise = tf.random.stateless_normal((ROWS, 8), latent.fold(key, 1))
        faint = augment.colour(tf.random.stateless_uniform((ROWS, 2, 2, 3), (1, 2)), latent.fold(key, 11))
        return {"z": latent.normal(key, (ROWS, 3)), "dropout": dropping(tf.ones((ROWS, 256)), training=True),
                "colour": tf.reshape(faint, (ROWS, -1)), "penalty": noise}

    return devices.run(drawn, args=(step,))


rows = {}
for step in range(STEPS):
    for name, values in draws(tf.constant(step)).items():
        for replica, one in enumerate(devices.experimental_local_results(values)):
            rows.setdefault(name, {}).setdefault(replica, []).append(one.numpy())
rows = {name: {replica: np.concatenate(found) for replica, found in each.items()} for name, each in rows.items()}
seen["rows_drawn"] = {name: sum(map(len, each.values())) for name, each in rows.items()}
seen["rows_different"] = {name: len(np.unique(np.concatenate(list(each.values())), axis=0))
                          for name, each in rows.items()}
alone = keras.Sequential([keras.Input((256,)), keras.layers.Dropout(0.5, seed=1)])
masks = np.concatenate([alone(tf.ones((ROWS, 256)), training=True).numpy() for _ in range(STEPS)])
zs = np.concatenate([latent.normal(gan.key(step, 0), (ROWS, 3)).numpy() for step in range(STEPS)])
seen["first_is_one"] = bool((rows["dropout"][0] == masks).all() and (rows["z"][0] == zs).all())

values = iter(devices.distribute_datasets_from_function(
    lambda context: tf.data.Dataset.from_tensor_slices([[[0.0], [2.0]], [[1.0], [3.0]]])))
ends = tf.function(lambda batch: devices.run(lambda x: norm(x, training=True), args=(batch,)))(next(values))
seen["normalised"] = sorted(float(v) for one in devices.experimental_local_results(ends) for v in np.ravel(one))

numbered = np.arange(60, dtype=np.uint8).reshape(15, 2, 2, 1)


def batches(part):
    return stream(numbered, batch_size=6, seed=0, part=part)


def ids(images):
    return np.rint((images.numpy()[:, 0, 0, 0] + 1) * 127.5 / 4).astype(int).tolist()


halves = iter(distribution.distributed(devices, batches))
seen["batches"] = [sorted(number for half in devices.experimental_local_results(next(halves)["image"])
                          for number in ids(half)) for _ in range(7)]
seen["one_device_batches"] = [ids(batch["image"]) for batch in batches((0, 1, 1)).take(7)]

history = gan.fit(distribution.distributed(devices, batches), steps_per_epoch=2, epochs=1, verbose=0).history
kernel = gan.discriminator.trainable_variables[0].numpy()  # D is linear: its slope is its kernel
seen["penalty_logged"], seen["penalty_by_hand"] = float(history["d_penalty"][0]), float((kernel**2).sum())

seen["clip"] = said(lambda: gan.compile(loss=losses.minimax, g_optimizer=keras.optimizers.SGD(0.1, clipvalue=1.0),
                                        d_optimizer=keras.optimizers.SGD(0.1)))
seen["float16"] = said(lambda: gan.compile(
    loss=losses.minimax, g_optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    d_optimizer=keras.optimizers.SGD(0.1)))


def another_fit():
    """Another model in the same process, as in a notebook: its gradients have other shapes."""
    z, image = keras.Input((5,)), keras.Input((2, 2, 1))
    again = distribution.strategy("mirrored")
    with again.scope():
        hidden = keras.layers.Dense(7)(z)
        other = GAN(keras.Model(z, keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(hidden))),
                    keras.Model(image, keras.layers.Dense(1)(keras.layers.Dense(3)(keras.layers.Flatten()(image)))))
        other.compile(loss=losses.hinge, g_optimizer=keras.optimizers.SGD(0.1), d_optimizer=keras.optimizers.SGD(0.1))
    return other.fit(distribution.distributed(again, batches), steps_per_epoch=2, epochs=1, verbose=0).history


seen["another"] = sorted(another_fit())
seen["batch_size"] = said(distribution.check, models.recipe("dcgan", "digits").override(batch_size=5), devices)
print(json.dumps(seen))
