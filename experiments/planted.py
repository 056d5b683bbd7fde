"""Every number on sets of images whose worth is known, and what the doctor says of them.

    TFDS_DATA_DIR=… python experiments/planted.py --out=experiments/results/planted

The sets are made of MNIST's training images that the benchmark doesn't compare with: whole, damaged, repeated, thinned
out. KID-c is the mean of 10 subsets here.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from kgan.runtime import machine


def planted(benchmark, labels, count):
    """Yields (name, images): `count` each."""
    from scipy import ndimage

    from kgan.metrics import baselines

    random = np.random.default_rng(1)
    order = random.permutation(len(benchmark.train.images))
    real, labels = benchmark.train.images[order[:3 * count]], labels[order[:3 * count]]
    some = real[:count]
    yield "training images, as they are", some
    for share in (0.01, 0.05, 0.2):
        twice = some.copy()
        twice[:int(share * count)] = twice[-int(share * count):]
        yield f"{share:.0%} of them repeated", twice
    yield "ten images, one of each digit, repeated", np.repeat(
        np.stack([real[labels == digit][0] for digit in range(10)]), count // 10, axis=0)
    yield "one image, repeated", np.repeat(some[1:2], count, axis=0)
    yield "without the digit 8", real[labels != 8][:count]
    yield "1, 5 and 7 alone", real[np.isin(labels, [1, 5, 7])][:count]
    for sigma in (0.5, 1.0):
        yield f"blurred, σ {sigma} pixels", ndimage.gaussian_filter(some, (0, sigma, sigma, 0))
    for sigma in (10, 50):
        noisy = np.clip(some + random.normal(0, sigma, some.shape), 0, 255).astype(np.uint8)
        yield f"with noise, σ {sigma} grey levels", noisy
    for pixels in (1, 3):
        yield f"moved by {pixels} pixels", np.roll(some, pixels, axis=2)
    yield "negatives", 255 - some
    mixed = random.permutation(28 * 28)
    yield "pixels permuted, all alike", some.reshape(count, -1)[:, mixed].reshape(some.shape)
    yield "PCA-Gaussian", baselines.pca_gaussian(benchmark.train.images, count)
    yield "the mean image", baselines.mean_image(benchmark.train.images, count)
    yield "uniform noise", baselines.uniform_noise(some.shape)


def main():
    """Measures, prints and keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder")
    parser.add_argument("--samples", type=int, default=5000)
    arguments = parser.parse_args()
    machine.import_tensorflow()
    from kgan.data import cache, sources
    from kgan.scoring import doctor
    from kgan.scoring.benchmark import Benchmark, open_judges
    from kgan.scoring.table import METRICS, cell, json_safe

    source = sources.locate("mnist")
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    judges = open_judges("mnist", train, test, 2)
    benchmark = Benchmark("mnist", train, test, judges, count=arguments.samples, subsets=10)
    labels = cache.class_numbers(train, test)[0]
    found = {}
    for name, images in [("test images", benchmark.real), *planted(benchmark, labels, benchmark.count)]:
        found[name] = benchmark.measure(images)
        said = doctor.diagnose(found[name])
        found[name]["doctor"] = "; ".join(finding.verdict for finding in said) or "healthy"
        print(name, round(found[name]["fcd"], 2), found[name]["doctor"], flush=True)
    shown = [metric for metric in METRICS if metric.key in found["test images"]]
    lines = ["# Every number on planted sets", "",
             "`python experiments/planted.py --out=experiments/results/planted`: "
             f"{benchmark.count:,} images of each set against as many test images of MNIST, {judges[0].name} "
             f"({judges[0].accuracy:.2%} right on test images), FCD 2 by {judges[1].name}.", "",
             "| set | " + " | ".join(metric.heading for metric in shown) + " | FCD 2 | the doctor |",
             "|---|" + "---:|" * (len(shown) + 1) + "---|"]
    lines += [f"| {name} | " + " | ".join(cell(metric, numbers.get(metric.key)) for metric in shown)
              + f" | {numbers['fcd2']:.2f} | {numbers['doctor']} |" for name, numbers in found.items()]
    versions = ", ".join(f"{key} {value}" for key, value in machine.versions().items())
    text = "\n".join([*lines, "", f"Seed 1 for the sets, 0 for the benchmark. Versions: {versions}.", ""])
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "README.md").write_text(text, encoding="utf-8")
    (out / "planted.json").write_text(json.dumps(json_safe(found), indent=1, default=float) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
