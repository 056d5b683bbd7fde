"""The judge: a small classifier, trained on the data set's labels, whose features and probabilities the metrics use.

Two of them, of other seeds and widths, show whether a ranking depends on the judge:

    Judge                          28×28×1          first   second
    image in [-1, 1]               28×28×1
    Conv 3×3                       28×28            32      24
    Max pool 2, BatchNorm, ReLU    14×14
    Conv 3×3                       14×14            64      48
    Max pool 2, BatchNorm, ReLU    7×7
    Flatten, Dropout 0.25
    Dense, BatchNorm, ReLU         (features)       128     96
    Dropout 0.25
    Dense (logits)                 classes

Images of more than 32 pixels are averaged down first. Training: Adam under one cycle of the learning rate (Smith &
Topin 2018, arXiv:1708.07120), a fixed number of steps, batches drawn by the seed.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from absl import logging
from filelock import FileLock
from scipy.special import softmax

from kgan.runtime import files, screen
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    import keras

JUDGE = 1  # raised whenever the same images and seed would give another judge
BATCH = 128
STEPS = 2200
EPOCHS = 40  # at most, where images are few
PEAK_RATE = 4e-3
# SHA-256 of the weights of MNIST's judges, trained by `tools/carried_judges.py`.
CARRIED = ("5e80cb782a3036d9a1bdd134e2e40e11ca82f45c47f5b57683b782e1180b62ca",
           "c1b2c65f5dd79477e04320e4b44839274f75a6b6484ef2d61be205c0d957c5d1")
READS_MNIST = 0.98  # accuracy of a carried judge below which the data can't be MNIST
DIGITS = set(range(10))
PART = 500  # images that a judge is shown at a time
WIDTHS = ((32, 64, 128), (24, 48, 96))  # of the first judge and of the second


class Judge:
    """A trained classifier. `sha256` is that of its weights, `accuracy` a share of the test images.

    `seconds` is what its training took here; None for one that kgan carries.
    """

    def __init__(self, model: "keras.Model", accuracy: float, sha256: str, seconds: float | None = None) -> None:
        self.model = model
        self.accuracy = accuracy
        self.sha256 = sha256
        self.seconds = seconds

    @property
    def name(self) -> str:
        """Names the judge by its weights, and says where it comes from."""
        return f"{'carried' if self.seconds is None else 'home-made'} judge {self.sha256[:8]}"

    def predict(self, images: np.ndarray) -> "Predictions":
        """Returns the features, float32 (n, d), and probabilities, float32 (n, classes), of uint8 images."""
        features, logits = outputs(self.model, images)
        return Predictions(features, softmax(logits, axis=1))


def outputs(model: "keras.Model", images: np.ndarray,
            fit: Callable[[np.ndarray], np.ndarray] = lambda part: part) -> list[np.ndarray]:
    """Returns each output of a judge about uint8 images, (n, …); `fit` is done to them before, a part at a time."""
    parts = [model(_normalised(fit(images[start:start + PART])), training=False)
             for start in range(0, len(images), PART)]
    return [np.concatenate([np.asarray(values) for values in output]) for output in zip(*parts, strict=True)]


def load_carried(model: "keras.Model", name: str, file: Path, sha256: str) -> None:
    """Sets the weights that kgan carries. Raises UserError when the file's are not those of this SHA-256."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            model.set_weights([archive[f"{place:02}"] for place in range(len(model.get_weights()))])
        if digest(model) != sha256:
            raise ValueError("other weights")
    except Exception as error:  # zip and NumPy raise nearly anything on damaged files
        raise UserError(f"the carried {name} is not what was packaged; install kgan again.") from error


class Predictions(NamedTuple):
    """A judge's features and probabilities of n images."""

    features: np.ndarray
    probabilities: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        """The likeliest class of each image, (n,)."""
        return self.probabilities.argmax(axis=1)


def open_judge(directory: Path, images: np.ndarray, labels: np.ndarray, test_images: np.ndarray,
               test_labels: np.ndarray, *, key: str, number: int = 0) -> Judge:
    """Returns judge `number`, 0 or 1, from the cache in `directory`, or trains it on first use.

    Args:
        directory: where judges are kept.
        images: training images, uint8 (n, H, W, C).
        labels: their classes, (n,).
        test_images: those whose share it gets right is its accuracy.
        test_labels: their classes.
        key: hash of all these images and labels.
        number: which of the two.

    Raises:
        OSError: the cache can't be written.
    """
    settings = [JUDGE, BATCH, STEPS, EPOCHS, PEAK_RATE, WIDTHS[number], number, key]
    place = directory / f"judge{number + 1}-{hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]}"
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        judge = _load(place, images.shape[1:], number)
        if judge is None:
            model = build(images.shape[1:], int(labels.max()) + 1, number)
            began = time.monotonic()
            train(model, images, labels, number)
            judge = Judge(model, 0.0, digest(model), time.monotonic() - began)
            judge.accuracy = float(np.mean(judge.predict(test_images).classes == test_labels))
            files.sweep(directory, place.name)
            _save(judge, place)
            logging.info("Trained %s in %.0f s: %.2f%% of %s test images right.", judge.name, judge.seconds,
                         100 * judge.accuracy, f"{len(test_images):,}")
    return judge


def carried_judge(name: str | None, test_images: np.ndarray, test_labels: np.ndarray, number: int = 0) -> Judge | None:
    """Returns judge `number` of MNIST that kgan carries, so that everybody's numbers come from the same weights.

    None where the data are not MNIST's: by their name, their shape, or because it reads too few of their digits.

    Args:
        name: of the data set; `mnist_small` is part of MNIST.
        test_images: uint8 (n, H, W, C).
        test_labels: their classes, (n,).
        number: 0 or 1.

    Raises:
        UserError: the file is not the one that was carried.
    """
    if name not in ("mnist", "mnist_small") or test_images.shape[1:] != (28, 28, 1) or set(test_labels) != DIGITS:
        return None
    model = build((28, 28, 1), 10, number)
    file = Path(__file__).with_name(f"judge{number + 1}_mnist.npz")
    load_carried(model, f"judge {number + 1}", file, CARRIED[number])
    judge = Judge(model, 0.0, CARRIED[number])
    judge.accuracy = float(np.mean(judge.predict(test_images).classes == test_labels))
    return judge if judge.accuracy >= READS_MNIST else None


def build(image_shape: tuple[int, int, int], classes: int, number: int = 0) -> "keras.Model":
    """Maps images, (batch, H, W, C) in [-1, 1], to features, (batch, d), and logits, (batch, classes).

    It computes in float32, whatever Keras' global policy is: a judge is kept for everybody.
    """
    import keras
    from keras import layers

    exact: Any = {"dtype": "float32"}

    keras.utils.set_random_seed(number)
    first, second, features = WIDTHS[number]
    image = keras.Input(image_shape, name="image", **exact)
    x = image
    if max(image_shape[:2]) > 32:
        x = layers.AveragePooling2D(math.ceil(max(image_shape[:2]) / 32), **exact)(x)
    for filters in (first, second):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, **exact)(x)
        x = layers.MaxPooling2D(2, **exact)(x)
        x = layers.BatchNormalization(momentum=0.9, **exact)(x)
        x = layers.ReLU(**exact)(x)
    x = layers.Dropout(0.25, **exact)(layers.Flatten(**exact)(x))
    x = layers.Dense(features, use_bias=False, **exact)(x)
    x = layers.BatchNormalization(momentum=0.9, **exact)(x)
    x = layers.ReLU(name="features", **exact)(x)
    logits = layers.Dense(classes, name="logits", **exact)(layers.Dropout(0.25, **exact)(x))
    return keras.Model(image, [x, logits], name="judge")


def train(model: "keras.Model", images: np.ndarray, labels: np.ndarray, seed: int) -> None:
    """Trains a judge; its weights are a function of images, labels, seed and the kind of CPU."""
    import keras
    import tensorflow as tf

    steps = min(STEPS, EPOCHS * len(images) // BATCH)
    random = np.random.default_rng(seed)
    order = np.concatenate([random.permutation(len(images)) for _ in range(math.ceil(steps * BATCH / len(images)))])
    optimizer = keras.optimizers.Adam(PEAK_RATE)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(batch: tf.Tensor, classes: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = model(batch, training=True)[1]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    for number in screen.bar(range(steps), desc="Training the judge", unit=" steps"):
        optimizer.learning_rate = PEAK_RATE * min(5 * (number + 1), 1.25 * (steps - number)) / steps
        chosen = order[number * BATCH:(number + 1) * BATCH]
        step(_normalised(images[chosen]), tf.constant(labels[chosen]))


def digest(model: "keras.Model") -> str:
    """Returns the SHA-256 of a model's weights, in hexadecimal."""
    sha256 = hashlib.sha256()
    for weight in model.get_weights():
        sha256.update(str(weight.shape).encode() + np.ascontiguousarray(weight).tobytes())
    return sha256.hexdigest()


def _normalised(images: np.ndarray) -> Any:
    from kgan.images import to_float

    return to_float(images)


def _save(judge: Judge, place: Path) -> None:
    with files.committing(place) as temporary:
        judge.model.save_weights(temporary / "judge.weights.h5")
        meta = {"classes": judge.model.output_shape[1][1], "accuracy": judge.accuracy, "sha256": judge.sha256,
                "seconds": judge.seconds}
        (temporary / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def _load(place: Path, image_shape: tuple[int, int, int], number: int) -> Judge | None:
    """Opens a kept judge; None where there is none, or its weights are not those that were trained."""
    try:
        meta = json.loads((place / "meta.json").read_text(encoding="utf-8"))
        model = build(image_shape, meta["classes"], number)
        model.load_weights(place / "judge.weights.h5")
        judge = Judge(model, meta["accuracy"], meta["sha256"], meta["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return judge if digest(model) == judge.sha256 else None
