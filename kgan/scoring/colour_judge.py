"""The colour judge: a small network that kgan carries, whose features see pictures of any kind, without labels.

    Colour judge                   32×32×3
    image in [-1, 1]               32×32×3
    Conv 3×3                       32×32       32
    Max pool 2, BatchNorm, ReLU    16×16
    Conv 3×3                       16×16       64
    Max pool 2, BatchNorm, ReLU    8×8
    Conv 3×3                       8×8         96
    Max pool 2, BatchNorm, ReLU    4×4
    Conv 3×3, BatchNorm, ReLU      4×4         96
    Flatten, Dropout 0.2
    Dense, BatchNorm, ReLU         (features)  128
    Dense (logits)                 10 classes
    Dense (logits)                 12 treatments

It was trained to tell CIFAR-10's classes and, as in Gidaris et al. 2018 (arXiv:1803.07728) for rotations, what was done
to a picture: turned over, negative, channels mixed, halves swapped, blurred and so on. A classifier of objects alone
may learn to overlook these. `tools/carried_judges.py` trains it.
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image
from scipy.special import softmax

from kgan.metrics import frechet, kid, treatments, two_sample
from kgan.scoring.judge import load_carried, outputs

if TYPE_CHECKING:
    import keras

SIZE = 32
FEATURES = 128
CLASSES = 10
SUBSET = 1000  # of KID-32
TREATMENTS = ("none", "upside down", "on its side", "negative", "channels mixed", "halves swapped", "blurred", "noisy",
              "grey", "tiles shuffled", "two pictures blended", "contrast lowered")
FILE = Path(__file__).parent / "colour_judge.npz"
SHA256 = "b776ce7568b9019b999419c73ca03d6e8290aebe514662a0b9e0049f5a81f6f5"  # of the weights
TRAINED_ON = "9683f4608254ec1518d8accb732c1786575af65d684a5a57a554c2e56b81bec3"  # SHA-256 of the list of its pictures


def build() -> "keras.Model":
    """Maps images, (batch, 32, 32, 3) in [-1, 1], to features, (batch, 128), and two logits."""
    import keras
    from keras import layers

    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = image
    for filters, pooled in ((32, True), (64, True), (96, True), (96, False)):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, dtype="float32")(x)
        if pooled:
            x = layers.MaxPooling2D(2, dtype="float32")(x)
        x = layers.BatchNormalization(momentum=0.9, dtype="float32")(x)
        x = layers.ReLU(dtype="float32")(x)
    x = layers.Dropout(0.2, dtype="float32")(layers.Flatten(dtype="float32")(x))
    x = layers.Dense(FEATURES, use_bias=False, dtype="float32")(x)
    x = layers.BatchNormalization(momentum=0.9, dtype="float32")(x)
    x = layers.ReLU(name="features", dtype="float32")(x)
    classes = layers.Dense(CLASSES, name="classes", dtype="float32")(x)
    treatments = layers.Dense(len(TREATMENTS), name="treatments", dtype="float32")(x)
    return keras.Model(image, [x, classes, treatments], name="colour_judge")


def fitted(images: np.ndarray) -> np.ndarray:
    """Resizes uint8 images, (n, H, W, 1 or 3), to (n, 32, 32, 3), bicubic and antialiased; grey is repeated.

    Images that are not square are squeezed: what stands at an edge counts as well.
    """
    from kgan.images import picture

    if images.shape[1:3] != (SIZE, SIZE):
        resized = [np.asarray(picture(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for image in images]
        images = np.stack(resized).reshape(-1, SIZE, SIZE, images.shape[-1])
    return np.broadcast_to(images, (*images.shape[:3], 3))


class Seen(NamedTuple):
    """What the colour judge sees in n pictures: features, (n, 128), and the treatments' probabilities, (n, 12)."""

    features: np.ndarray
    treatments: np.ndarray


def look(images: np.ndarray) -> Seen:
    """Looks at uint8 images, (n, H, W, 1 or 3), resized to 32×32 pixels.

    Raises:
        UserError: the weights are not those that were carried.
    """
    features, _, logits = outputs(_carried(), images, fitted)
    return Seen(features, softmax(logits, axis=1))


def distances(real: Seen, seen: Seen, subsets: int) -> dict[str, Any]:
    """Returns how far two sets of pictures are apart, and what was done to them; KID is averaged over `subsets`."""
    subsets = subsets if min(len(real.features), len(seen.features)) > SUBSET else 1  # they would all be the whole set
    distance = kid.kernel_distance(real.features, seen.features, subsets, SUBSET)
    told = two_sample.two_sample(real.features, seen.features)
    return {"fcd32": frechet.frechet(real.features, seen.features), "kid32": distance.mean,
            "kid32_spread": distance.spread, "two_sample": told.accuracy, "two_sample_spread": told.spread,
            **treatments.numbers(seen.treatments, real.treatments)}


@functools.cache
def _carried() -> "keras.Model":
    model = build()
    load_carried(model, "colour judge", FILE, SHA256)
    return model
