"""Every number on sets of images whose worth is known, and what the doctor says of them.

    TFDS_DATA_DIR=… python experiments/studies/planted.py --out=experiments/results/planted
    python experiments/studies/planted.py --out=experiments/results/planted --data=PHOTOGRAPHS   # told no labels
    TFDS_DATA_DIR=… python experiments/studies/planted.py --out=experiments/results/planted --real=mnist --real=…

The first sets are made of MNIST's training images that the benchmark doesn't compare with: whole, damaged, repeated,
thinned out. With --data they are made of photographs, square and in class folders, whose labels the doctor isn't told;
with --real, real images of each data set are compared with real ones, --draws times, and each verdict is a false alarm.
"""

import argparse
from pathlib import Path

import numpy as np

from kgan.runtime import files, machine, templates

COUNTS = (20, 60, 200, 1000)  # images that the doctor looks at without labels
OTHER, LOW, MEMORISED = "off-distribution: another kind of image", "low variety", "memorised"
BLURRED, NOISY = "off-distribution: blurred", "off-distribution: noisy"
TRUE = {  # what may be said first of each set without labels
    "real images": (), "negatives": (OTHER,), "red and blue exchanged": (OTHER,), "upside down": (OTHER,),
    "halves exchanged": (OTHER,), "handwritten digits": (OTHER, BLURRED), "one class alone": (LOW,),
    "clouds of colour over 3 images": (OTHER, LOW, NOISY, "duplicates"), "blurred by 1 pixel": (BLURRED,),
    "copies of training images": (MEMORISED,)}


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


def photographs(unseen, labels, train, digits, count):
    """Yields (name, images) made of real images that the doctor doesn't know: the keys of TRUE, in order."""
    from scipy import ndimage

    random = np.random.default_rng(1)
    some = unseen[random.permutation(len(unseen))[:count]]
    size = some.shape[1]
    yield some
    yield 255 - some
    yield some[..., ::-1]
    yield some[:, ::-1]
    yield np.roll(some, (size // 2, size // 2), axis=(1, 2))
    yield digits[random.permutation(len(digits))[:count]]
    yield random.permutation(unseen[labels == labels.min()])[:count]
    clouds = ndimage.gaussian_filter(random.normal(size=some.shape), (0, size / 5, size / 5, 0))
    yield (some[np.arange(count) % 3] + 40 * clouds / clouds.std()).round().clip(0, 255).astype(np.uint8)
    yield ndimage.gaussian_filter(some, (0, 1, 1, 0))
    yield train[random.permutation(len(train))[:count]]


def halves(source, image_size, channels):
    """Returns training images, test images and images of neither, as `Prepared` without labels, and the latter's."""
    from kgan.data import cache

    train, test = (part(source, image_size=image_size, channels=channels) for part in (cache.prepare,
                                                                                       cache.prepare_test))
    order = np.random.default_rng(2).permutation(min(len(train.images), 20_000))
    half, other = np.sort(order[:len(order) // 2]), np.sort(order[len(order) // 2:])
    known = cache.Prepared(train.images[half], None, f"half of {train.sha256}", [])
    return known, test._replace(labels=None), train.images[other], (
        None if train.labels is None else train.labels[other])


def yardsticks(benchmark):
    """Returns what the doctor's limits are scaled by, and the seconds that it took."""
    from kgan.metrics import baselines
    from kgan.scoring import doctor

    return {doctor.REAL: benchmark.floor(),
            doctor.LINEAR: benchmark.measure(baselines.pca_gaussian(benchmark.train.images, benchmark.count))}


def unlabelled(data, out):
    """Plants in photographs without labels; keeps numbers, words and a sheet of pictures."""
    from kgan.data import cache, sources
    from kgan.images import save_grid
    from kgan.scoring import doctor, table
    from kgan.scoring.benchmark import Benchmark

    train, test, unseen, labels = halves(sources.locate(data=data), 32, 3)
    digits = cache.prepare(sources.locate("digits"), image_size=32, channels=3).images
    found, rows, sheet = {}, [], []
    for count in COUNTS:
        benchmark = Benchmark("photographs", train, test, [], count=count, subsets=10)
        scale = yardsticks(benchmark)
        for name, images in zip(TRUE, photographs(unseen, labels, train.images, digits, count), strict=True):
            numbers = benchmark.measure(images)
            said = doctor.diagnose(numbers, (), scale)
            first = said[0].verdict if said else doctor.conclusion(numbers)
            right = first in TRUE[name] if said else not TRUE[name]
            found[f"{name}, {count}"] = numbers | {"doctor": [one._asdict() for one in said]}
            rows.append((name, count, right, numbers, said, first))
            print(count, name, "as it is" if right else "NOT", *(f"{one.verdict}: {one.evidence}" for one in said),
                  sep=" | ", flush=True)
            if count == COUNTS[-1]:
                sheet.append(images[:16])
        found[f"yardsticks, {count}"] = scale
    save_grid(np.concatenate(sheet), out / "unlabelled.png", 16)
    shown = table.metrics("fcd32", "kid32", "two_sample", "precision32", "recall32", "cluster_kl", "sharpness", "grain",
                          "copies")
    files.write_json(out / "unlabelled.json", table.json_safe(found))
    files.write_text(out / "unlabelled.md", templates.markdown(
        Path(__file__).with_name("unlabelled.jinja"), data=Path(data).name, shown=shown, rows=rows, cell=table.cell,
        fewest=doctor.FEWEST, versions=machine.versions(), in_words=machine.in_words))


def false_alarms(real, counts, draws, file):
    """Compares real images with real ones of the same data set, told no labels; adds a row to `file` for each."""
    from kgan.data import sources
    from kgan.metrics import sliced
    from kgan.scoring import doctor
    from kgan.scoring.benchmark import Benchmark

    sliced.swd = lambda *_: 0.0  # the doctor doesn't look at it, and it takes most of the time
    for count in counts:
        for name in real:
            source = sources.locate(name) if name in sources.names() else sources.locate(data=name)
            grey = Path(name).stem in ("mnist", "letters")
            train, test, unseen, _ = halves(source, 28 if grey else 32, 1 if grey else 3)
            if count > min(len(test.images), len(unseen)):
                continue
            benchmark, random = Benchmark(name, train, test, [], count=count, subsets=1), np.random.default_rng(3)
            scale, alarms = yardsticks(benchmark), []
            for _ in range(draws):
                images = unseen[random.permutation(len(unseen))[:count]]
                alarms += [tuple(f"{one.verdict} ({one.evidence})" for one in doctor.diagnose(
                    benchmark.measure(images), (), scale))]
            said = sorted({one for verdicts in alarms for one in verdicts})
            row = f"| {Path(name).stem} | {count:,} | {draws} | {sum(map(bool, alarms))} | {'; '.join(said)} |"
            print(row, flush=True)
            with file.open("a", encoding="utf-8") as lines:
                print(row, file=lines)


def mnist(samples, out):
    """Measures, prints and keeps what the label judges say of planted MNIST."""
    from kgan.data import cache, sources
    from kgan.scoring import doctor
    from kgan.scoring.benchmark import Benchmark, open_judges
    from kgan.scoring.table import METRICS, cell, json_safe

    source = sources.locate("mnist")
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    judges = open_judges("mnist", train, test, 2)
    benchmark = Benchmark("mnist", train, test, judges, count=samples, subsets=10)
    labels = cache.class_numbers(train, test)[0]
    found = {}
    for name, images in [("test images", benchmark.real), *planted(benchmark, labels, benchmark.count)]:
        found[name] = benchmark.measure(images)
        said = doctor.diagnose(found[name])
        found[name]["doctor"] = "; ".join(finding.verdict for finding in said) or "healthy"
        print(name, round(found[name]["fcd"], 2), found[name]["doctor"], flush=True)
    shown = [metric for metric in METRICS if metric.key in found["test images"]]
    text = templates.markdown(
        Path(__file__).with_suffix(".jinja"), sets=found, shown=shown, count=benchmark.count, judges=judges, cell=cell,
        versions=machine.versions(), in_words=machine.in_words)
    files.write_text(out / "README.md", text)
    files.write_json(out / "planted.json", json_safe(found))
    print(text)


def main():
    """Measures, prints and keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--data", help="photographs in class folders, to plant in without labels")
    parser.add_argument("--real", action="append", default=[], help="a data set whose real images are compared")
    parser.add_argument("--counts", type=int, action="append", help="images of each; default: 60, 200 and 1,000")
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    machine.import_tensorflow()
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    if arguments.data:
        unlabelled(arguments.data, out)
    elif arguments.real:
        false_alarms(arguments.real, arguments.counts or COUNTS[1:], arguments.draws, out / "false_alarms.md")
    else:
        mnist(arguments.samples, out)


if __name__ == "__main__":
    main()
