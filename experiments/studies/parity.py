"""Is a step the same on one device, on several, and on two processes? Every model that trains.

    python experiments/studies/parity.py --out=experiments/results/scaling/parity.md
    python experiments/studies/parity.py --models=dcgan --devices=2

One step of plain SGD in float32, dropout 0, on the same global batch. Replicas draw noise of their own; here each is
given its rows of one device's draws. Compared is the state after it: weights and batch norm's statistics. What
float32's rounding does by itself is seen on one device, where each image changes places with its neighbour.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cells

from kgan.runtime import files, machine, templates

BATCH = 16
WAYS = {"neighbours swapped": ("swapped", 1), "2 devices": ("mirrored", 2), "4 devices": ("mirrored", 4),
        "2 processes": ("multiworker", 2)}
LIMIT = 1e-6


def recipe_of(name):
    """Returns the recipe of NAME, or of NAME:FIELD=VALUE,…, as a step of SGD."""
    from kgan import models

    model, _, settings = name.partition(":")
    own = models.recipe(model)
    recipe = models.recipe(model, own.dataset if own.image_size > 32 else "digits")
    changes = {"schedule": "constant", "ema_decay": 0.5} | dict(one.split("=") for one in settings.split(",") if one)
    kinds = {field.name: type(getattr(recipe, field.name)) for field in dataclasses.fields(recipe)}
    changes = {key: value if kinds[key] in (str, type(None)) or not isinstance(value, str) else kinds[key](value)
               for key, value in changes.items()}
    if "penalty_weight" in changes:
        changes["penalty_weight"] = float(changes["penalty_weight"])
    return recipe.override(batch_size=BATCH, optimizer="sgd", beta_1=0.0, g_learning_rate=0.01, d_learning_rate=0.01,
                           dropout=0.0, precision="float32", clip=None, momentum_end=None, **changes)


def step(name, devices):
    """Returns the state before and after a step, and what it logged."""
    import keras
    import numpy as np

    from kgan.data.stream import stream
    from kgan.runs import devices as distribution
    from kgan.runs.build import build_gan

    keras.utils.set_random_seed(0)
    recipe = recipe_of(name)
    start = recipe.phases[-1].start - 1 if recipe.grow_images else 0  # in the middle of the last fade
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (64, *recipe.image_shape), dtype=np.uint8)
    labels = np.arange(64) % max(1, recipe.label_count)
    with devices.scope():
        gan = build_gan(recipe, [1] * recipe.label_count if recipe.clusters_per_class > 1 else None, step=start)
    before = gan.state()
    data = distribution.distributed(devices, lambda part: stream(
        images, batch_size=recipe.images_per_step, seed=0, labels=labels, part=part))
    history = gan.fit(data, steps_per_epoch=1, epochs=1, shuffle=False, verbose=0).history
    return before, gan.state(), {key: float(np.ravel(values)[0]) for key, values in history.items()}


def hand_in_rows():
    """Gives each replica its rows of what one device draws, and all the same keys."""
    import tensorflow as tf

    from kgan import latent
    from kgan.gan import GAN
    from kgan.layers import replicas

    def rows(draw):
        def drawn(shape, seed, *args, **kwargs):
            if replicas.count() == 1 or tf.distribute.in_cross_replica_context():
                return draw(shape, seed, *args, **kwargs)
            shape = tf.convert_to_tensor(shape)
            whole = draw(tf.concat([shape[:1] * replicas.count(), shape[1:]], 0), seed, *args, **kwargs)
            return whole[replicas.number()::replicas.count()]

        return drawn

    tf.random.stateless_normal = rows(tf.random.stateless_normal)
    tf.random.stateless_uniform = rows(tf.random.stateless_uniform)
    GAN.key = lambda self, step, draw: latent.key(self.seed, step, draw, 0)


def swap_neighbours():
    """Lets each image of a step, and what is drawn for it, change places with its neighbour's."""
    import tensorflow as tf

    from kgan.gan import GAN

    inside, own = [], GAN.train_step

    def swapped(values):
        return tf.reshape(tf.reverse(tf.reshape(values, (-1, 2, *values.shape[1:])), [1]), tf.shape(values))

    def rows(draw):
        return lambda *args, **kwargs: swapped(draw(*args, **kwargs)) if inside else draw(*args, **kwargs)

    def train_step(self, data):
        inside.append(True)
        means = own(self, {name: swapped(values) for name, values in data.items()})
        inside.clear()
        return means

    tf.random.stateless_normal, tf.random.stateless_uniform = map(rows, (tf.random.stateless_normal,
                                                                         tf.random.stateless_uniform))
    GAN.train_step = train_step


def work(names, strategy, count, folder):
    """Makes a step of each model on this strategy and leaves it in `folder`."""
    machine.import_tensorflow()
    import numpy as np

    from kgan.runs import devices as distribution

    if strategy == "mirrored":
        cells.logical_devices(count)
    devices = distribution.strategy("one" if strategy == "swapped" else strategy)
    hand_in_rows()
    if strategy == "swapped":
        swap_neighbours()
    for name in names:
        before, after, logged = step(name, devices)
        if distribution.is_chief(devices):
            moved = {f"before/{key}": value for key, value in before.items()}
            np.savez(Path(folder, file_of(name)), **after, **moved, logged=json.dumps(logged))


def file_of(name):
    """Returns the name of the file of a model's state."""
    return f"{name.replace(':', '_').replace(',', '_')}.npz"


def child(names, strategy, count, folder):
    """Runs `work` in a process, or in one for each worker."""
    Path(folder).mkdir()
    environments = cells.workers(count) if strategy == "multiworker" else [{}]
    command = [sys.executable, __file__, "--work", strategy, str(count), str(folder), *names]
    processes = [subprocess.Popen(command, env=os.environ | more) for more in environments]
    if failed := [process.wait() for process in processes if process.wait()]:
        raise SystemExit(f"{strategy} on {count}: exit status {failed[0]}.")


def compare(one, many):
    """Returns the largest difference after the step, over the largest weight of its network, and that of the logs.

    Biases begin at 0, and where batch norm follows they stay there but for rounding: of their own scale there is none.
    """
    import numpy as np

    from kgan import saving

    ours, theirs = np.load(one), np.load(many)
    names = [name for name in ours.files if saving.part(name) in ("generator", "discriminator", "ema_generator")]
    assert any((ours[name] != ours[f"before/{name}"]).any() for name in names), "nothing moved"
    assert all((theirs[f"before/{name}"] == ours[f"before/{name}"]).all() for name in names), "begun elsewhere"
    networks = {saving.part(name) for name in names}
    scale = {one: max(np.abs(ours[name]).max() for name in names if name.startswith(f"{one}/")) for one in networks}
    weights = max(np.abs(ours[name] - theirs[name]).max() / scale[saving.part(name)] for name in names)
    logs = [json.loads(str(file["logged"])) for file in (ours, theirs)]
    assert logs[0].keys() == logs[1].keys()
    return float(weights), max(abs(logs[0][key] - logs[1][key]) / max(abs(logs[0][key]), 1e-3) for key in logs[0])


def default_names():
    """Every model that trains, and what a step may have beside: penalties, classes, augmentation, other orders."""
    from kgan import models

    trained = [name for name in models.names() if models.recipe(name).adversarial]
    return [*trained, "dcgan:update=shared", "dcgan:update=simultaneous", "gan_nn:d_steps=2",
            "dcgan_fast:penalty=r1_r2,penalty_weight=0.5,augment=translation,penalty_share=0.25",
            "gan:penalty=wgan_gp_drift,penalty_weight=10,loss=wasserstein"]


def main():
    """Compares, prints and keeps the table; the exit status is 1 where a difference is above LIMIT and rounding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", help="names, joined by semicolons (default: all)")
    parser.add_argument("--ways", default=",".join(WAYS), help="joined by commas (default: all)")
    parser.add_argument("--out", help="Markdown file (default: the screen alone)")
    arguments = parser.parse_args()
    names, ways = arguments.models.split(";") if arguments.models else default_names(), arguments.ways.split(",")
    with tempfile.TemporaryDirectory() as place:
        child(names, "one", 1, Path(place, "one"))
        for way in ways:
            child(names, *WAYS[way], Path(place, way))
        models, above = {}, []
        for name in names:
            models[name] = [compare(Path(place, "one", file_of(name)), Path(place, way, file_of(name)))
                            for way in ways]
            rounding = models[name][0][0] if "neighbours swapped" in ways else 0.0
            if any(weights > max(LIMIT, 3 * rounding) for weights, _ in models[name]):
                above.append(name)
    machine.import_tensorflow()
    text = templates.markdown(
        Path(__file__).with_suffix(".jinja"), models=models, ways=ways, batch=BATCH, limit=LIMIT, above=above,
        worst=max(weights for differences in models.values() for weights, _ in differences),
        versions=machine.versions(), in_words=machine.in_words)
    print(text)
    if arguments.out:
        files.write_text(Path(arguments.out), text)
    return int(bool(above))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[5:], sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(main())
