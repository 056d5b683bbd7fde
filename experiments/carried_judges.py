"""Trains MNIST's two judges, the ones that kgan carries, and prints their hashes for `kgan/scoring/judge.py`.

    TFDS_DATA_DIR=... python experiments/carried_judges.py --out=kgan/scoring

On another kind of CPU, or with other versions, the weights come out otherwise: that is why they are carried.
"""

import argparse
from pathlib import Path

import numpy as np

from kgan import cli
from kgan.data import cache, sources
from kgan.runtime import machine


def main() -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="directory to write judge1_mnist.npz and judge2_mnist.npz to")
    options = parser.parse_args()
    cli.log_to_screen()
    machine.import_tensorflow()
    from kgan.scoring import judge

    source = sources.locate("mnist")
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    for number in (0, 1):
        model = judge.build((28, 28, 1), 10, number)
        judge.train(model, train.images, train.labels, number)
        right = np.mean(judge.Judge(model, 0.0, "").predict(test.images).classes == test.labels)
        weights = {f"{place:02}": weight for place, weight in enumerate(model.get_weights())}
        np.savez_compressed(Path(options.out) / f"judge{number + 1}_mnist.npz", **weights)
        print(f"judge {number + 1}: {judge.digest(model)}, {right:.2%} of the test images right")
    print(", ".join(f"{name} {version}" for name, version in machine.versions().items()))


if __name__ == "__main__":
    main()
