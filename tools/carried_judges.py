"""Trains the judges that kgan carries, and prints their hashes for `kgan/scoring/`.

    TFDS_DATA_DIR=... python tools/carried_judges.py --out=kgan/scoring                 # MNIST's two
    python tools/carried_judges.py --out=kgan/scoring --colour=CIFAR10.zip --results=DIRECTORY    # colour's

On another kind of CPU, or with other versions, the weights come out otherwise: that is why they are carried.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from kgan.data import cache, pictures, sources
from kgan.runtime import files, machine, screen

BATCH = 128
STEPS = 2400
PEAK_RATE = 3e-3
MIXTURES = [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]  # orders of the channels
SHARE_PLAIN = 0.4  # of the pictures are shown as they are
SHAPES = ((32, 3), (64, 3), (28, 1), (32, 1), (64, 1))  # size and channels at which kgan holds a tenth out


def main() -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="directory to write the weights to")
    parser.add_argument("--colour", help="CIFAR-10's pictures in class folders, or a zip of them: train the colour "
                                         "judge instead")
    parser.add_argument("--results", help="directory for the colour judge's facts and the list of its pictures")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    screen.log_to_screen()
    machine.import_tensorflow()
    if options.colour:
        colour(options.colour, Path(options.out), Path(options.results), options.steps)
    else:
        digits(Path(options.out))
    print(machine.in_words(machine.versions()))


def digits(out: Path) -> None:
    """Trains MNIST's two judges."""
    from kgan.scoring import judge

    source = sources.locate("mnist")
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    for number in (0, 1):
        model = judge.build((28, 28, 1), 10, number)
        judge.train(model, train.images, train.labels, number)
        right = np.mean(judge.Judge(model, 0.0, "").predict(test.images).classes == test.labels)
        _save(model, out / f"judge{number + 1}_mnist.npz")
        print(f"judge {number + 1}: {judge.digest(model)}, {right:.2%} of the test images right")


def colour(data: str, out: Path, results: Path, steps: int) -> None:
    """Trains the colour judge on the pictures that kgan holds out in no shape, and tests it on the others."""
    import keras
    import tensorflow as tf

    from kgan.images import to_float
    from kgan.scoring import colour_judge
    from kgan.scoring.judge import digest, outputs

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    images, labels, held_out, prefixes = read(data)
    train = np.flatnonzero(~held_out)
    model, random = colour_judge.build(), np.random.default_rng(0)
    optimizer = keras.optimizers.AdamW(PEAK_RATE, weight_decay=1e-2)
    optimizer.build(model.trainable_variables)
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits

    @tf.function(jit_compile=False)
    def step(batch: tf.Tensor, classes: tf.Tensor, treatments: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            _, class_logits, treatment_logits = model(batch, training=True)
            loss = tf.reduce_mean(cross_entropy(classes, class_logits) + cross_entropy(treatments, treatment_logits))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    began, order = time.monotonic(), np.zeros(0, np.int64)
    for number in range(steps):
        optimizer.learning_rate = PEAK_RATE * min(5 * (number + 1), 1.25 * (steps - number)) / steps
        if len(order) < BATCH:
            order = np.concatenate([order, random.permutation(train)])
        chosen, order = order[:BATCH], order[BATCH:]
        batch, treatments = treated(images[chosen], random)
        loss = step(to_float(batch), tf.constant(labels[chosen]), tf.constant(treatments))
        if number % 100 == 0:
            print(number, f"{float(loss):.3f}", f"{time.monotonic() - began:.0f} s", flush=True)
    seconds = time.monotonic() - began
    _save(model, out / colour_judge.FILE.name)
    unseen = images[held_out]
    treated_images, treatments = treated(unseen, np.random.default_rng(1))
    plain = outputs(model, unseen)
    listed = np.sort(prefixes[train]).tobytes()
    facts = {"weights_sha256": digest(model), "trained_on_sha256": hashlib.sha256(listed).hexdigest(),
             "trained_on": len(train), "held_out": int(held_out.sum()), "seed": 0, "steps": steps, "batch": BATCH,
             "peak_rate": PEAK_RATE, "seconds": round(seconds), "parameters": model.count_params(),
             "accuracy_classes": float(np.mean(plain[1].argmax(axis=1) == labels[held_out])),
             "accuracy_treatments": float(np.mean(outputs(model, treated_images)[2].argmax(axis=1) == treatments)),
             "data": f"{Path(data).name}, {len(images):,} pictures, sha256 of its content "
                     f"{sources.locate(data=data).content()}",
             "versions": machine.in_words(machine.versions())}
    files.write_json(results / "facts.json", facts)
    (results / "trained_on.bin").write_bytes(listed)
    print(json.dumps(facts, indent=1))


def read(data: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns pictures, uint8 (n, 32, 32, 3), and their classes, whether kgan holds each out in a shape, and prefixes.

    A prefix is the first 4 bytes of the SHA-256 of the pixels, big-endian.
    """
    images, labels, held_out, prefixes = [], [], [], []
    for item in sources.locate(data=data).items():
        sample = item.read()
        shapes = [pictures.fit(sample.picture, (size, size, channels)) for size, channels in SHAPES]
        images.append(shapes[0])
        labels.append(sample.label)
        held_out.append(any(cache._held_out(pixels.tobytes()) for pixels in shapes))
        prefixes.append(hashlib.sha256(shapes[0].tobytes()).digest()[:4])
    return (np.stack(images), np.array(labels, np.int64), np.array(held_out), np.frombuffer(b"".join(prefixes), ">u4"))


def treated(images: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Moves and mirrors pictures a little, treats a part of them, and returns which of TREATMENTS each got."""
    from kgan.scoring.colour_judge import TREATMENTS

    kinds = random.integers(1, len(TREATMENTS), len(images)) * (random.random(len(images)) >= SHARE_PLAIN)
    moved = []
    for image in np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect"):
        top, left = random.integers(0, 5, 2)
        cut = image[top:top + 32, left:left + 32]
        moved.append(cut[:, ::-1] if random.random() < 0.5 else cut)
    done = [TREAT[TREATMENTS[kind]](image, moved[(number + 1) % len(moved)], random)
            for number, (image, kind) in enumerate(zip(moved, kinds, strict=True))]
    return np.stack(done).round().clip(0, 255).astype(np.uint8), kinds


def _tiles(image: np.ndarray, order: np.ndarray) -> np.ndarray:
    tiles = [image[16 * (i // 2):16 * (i // 2) + 16, 16 * (i % 2):16 * (i % 2) + 16] for i in order]
    return np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])


def _mix(share: float, image: np.ndarray, other: np.ndarray) -> np.ndarray:
    return share * image + (1 - share) * other


TREAT = {  # functions of a picture, (32, 32, 3), another picture and a random generator
    "none": lambda image, other, random: image,
    "upside down": lambda image, other, random: image[::-1],
    "on its side": lambda image, other, random: np.rot90(image, random.choice([1, 3])),
    "negative": lambda image, other, random: 255 - image,
    "channels mixed": lambda image, other, random: image[..., MIXTURES[random.integers(5)]],
    "halves swapped": lambda image, other, random: np.roll(image, random.integers(8, 25, 2), axis=(0, 1)),
    "blurred": lambda image, other, random: ndimage.gaussian_filter(
        image.astype(np.float32), (*[random.uniform(0.5, 1.5)] * 2, 0)),
    "noisy": lambda image, other, random: image + random.normal(0, random.uniform(5, 50), image.shape),
    "grey": lambda image, other, random: np.repeat(image @ np.array([[0.299], [0.587], [0.114]]), 3, axis=-1),
    "tiles shuffled": lambda image, other, random: _tiles(image, random.permutation(4)),
    "two pictures blended": lambda image, other, random: _mix(random.uniform(0.3, 0.7), image, other),
    "contrast lowered": lambda image, other, random: image.mean(axis=(0, 1)) + random.uniform(0.3, 0.7) * (
        image - image.mean(axis=(0, 1))),
}


def _save(model, file: Path) -> None:
    np.savez_compressed(file, **{f"{place:02}": weight for place, weight in enumerate(model.get_weights())})


if __name__ == "__main__":
    main()
