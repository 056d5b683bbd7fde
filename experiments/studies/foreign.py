"""The doctor on two loops that are not kgan's, in the shape of keras.io's DCGAN and of TensorFlow's tutorial.

    python experiments/studies/foreign.py --cifar10=cifar10_20k.zip --out=experiments/results/doctor

Trains each for a short time, then looks at a generator that ignores its noise, the planted collapse. Writes README.md
with what was said, and a grid of each.

Sources of the networks and settings: keras.io/examples/generative/dcgan_overriding_train_step (64×64×3, images in
[0, 1], a sigmoid at the generator's end, batch size 32, Adam 1e-4, noisy labels, 1 for fakes), its networks at a
quarter of their width, for two CPU cores, the sigmoid at the discriminator's end in the loss;
tensorflow.org/tutorials/generative/dcgan (28×28×1, images in [-1, 1], batch size 256, Adam 1e-4).
"""

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

import kgan
from kgan import images as images_lib
from kgan.data import cache, sources
from kgan.runtime import files

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from contenders import keras_io_step, tutorial_step
from nets import NETS, keras_io

EPOCHS = 4


class OverriddenStep(keras.Model):
    """A GAN that `fit`s: D's step on fakes and reals in one batch, then G's. Nothing of kgan's is in it."""

    def __init__(self):
        super().__init__()
        self.generator, self.discriminator = keras_io(32, "sigmoid")
        self.d_mean, self.g_mean = keras.metrics.Mean(name="d_loss"), keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer):
        """Takes an optimizer for each network."""
        super().compile()
        self.step = keras_io_step(self.generator, self.discriminator, g_optimizer, d_optimizer, 128)

    @property
    def metrics(self):
        """The means that `fit` resets each epoch."""
        return [self.d_mean, self.g_mean]

    def train_step(self, real):
        """Steps D, then G."""
        losses = self.step(real)
        for mean, loss in zip(self.metrics, losses, strict=True):
            mean.update_state(loss)
        return {mean.name: mean.result() for mean in self.metrics}


class Words(list):
    """Prints and keeps what the doctor says."""

    def __call__(self, sentence):
        """Takes a sentence."""
        self.append(sentence.strip())
        print(sentence, flush=True)


def callback(pictures, labels, out):
    """keras.io's shape: `fit` with the doctor as a callback. Returns it, the generator, what it said, and how long."""
    words, images = Words(), pictures.astype(np.float32) / 255
    doctor = kgan.Doctor(images, labels, say=words)
    keras.utils.set_random_seed(0)
    model = OverriddenStep()
    model.compile(keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4))
    data = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images), seed=0).batch(32, drop_remainder=True)
    model.fit(data, epochs=EPOCHS, callbacks=[doctor], verbose=2)
    _grid(model.generator, doctor, out / "callback.png")
    return doctor, model.generator, words, f"{EPOCHS} epochs of {len(data)} steps of 32"


def loop(pictures, labels, out):
    """TensorFlow's tutorial's shape: a loop with one call of the doctor per epoch."""
    words, images = Words(), pictures.astype(np.float32) / 127.5 - 1
    doctor = kgan.Doctor(images, labels, say=words)
    keras.utils.set_random_seed(0)
    generator, discriminator = NETS["tutorial"].build()
    train_step = tutorial_step(generator, discriminator, keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4), 100)
    data = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images), seed=0).batch(256, drop_remainder=True)
    for epoch in range(EPOCHS):
        for batch in data:
            train_step(batch)
        doctor.look(generator, epoch=epoch + 1)
    _grid(generator, doctor, out / "loop.png")
    return doctor, generator, words, f"{EPOCHS} epochs of {len(data)} steps of 256"


def collapse(doctor, generator, out, name):
    """A generator that ignores its noise; returns what the doctor says of it."""
    one = tf.random.stateless_normal((1, generator.input_shape[-1]), (0, 0))

    def ignores(z):
        return tf.repeat(generator(one, training=False), len(z), axis=0)

    words = Words()
    doctor.say = words
    doctor.look(ignores)
    _grid(ignores, doctor, out / name, generator.input_shape[-1])
    return words


def _grid(generator, doctor, file, latent_dim=None):
    z = tf.random.stateless_normal((32, latent_dim or generator.input_shape[-1]), (1, 0))
    shown = np.asarray(generator(z)) if latent_dim else np.asarray(generator(z, training=False))
    low, high = doctor.range
    pixels = np.clip((shown - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    picture = images_lib.enlarged(images_lib.grid(pixels, columns=8), 600)
    picture = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=64) if picture.mode == "RGB" else picture
    picture.save(file, optimize=True)


def _lines(words):
    return "\n".join(f"> {sentence}  " for sentence in words)


def main():
    """Runs both, and writes README.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cifar10", required=True, help="zip of CIFAR-10's pictures in class folders")
    parser.add_argument("--out", default="experiments/results/doctor")
    parser.add_argument("--images", type=int, default=2400, help="of CIFAR-10; MNIST: 8,000")
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    colour = cache.prepare(sources.locate("cifar10", options.cifar10), image_size=64, channels=3)
    digits = cache.prepare(sources.locate("mnist"), image_size=28, channels=1)
    chosen = np.sort(np.random.default_rng(0).permutation(len(colour.images))[:options.images])
    text = ["# The doctor on loops that are not kgan's", "",
            "`python experiments/studies/foreign.py --cifar10=cifar10_20k.zip` wrote this. Both networks are those "
            "of public examples, keras.io's at a quarter of its width; the loops have nothing of kgan in them but the "
            "doctor. The runs are far too short for good pictures: what counts is whether the words fit what the grids "
            "show.", ""]
    for title, name, run, pictures, labels in (
            ("keras.io's DCGAN: `fit` with the doctor as a callback, CIFAR-10 at 64×64", "callback", callback,
             colour.images[chosen], colour.labels[chosen]),
            ("TensorFlow's tutorial: a loop with one call per epoch, MNIST", "loop", loop, digits.images[:8000],
             digits.labels[:8000])):
        doctor, generator, words, how = run(pictures, labels, out)
        planted = collapse(doctor, generator, out, f"{name}_collapsed.png")
        text += [f"## {title}", "", f"{how}.", "", _lines(words), "", f"![samples]({name}.png)", "",
                 "The same generator with its noise ignored:", "", _lines(planted), "",
                 f"![samples]({name}_collapsed.png)", ""]
        files.write_text(out / "README.md", "\n".join(text).rstrip() + "\n")


if __name__ == "__main__":
    main()
