import csv
import math
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import ndimage

from kgan import models
from kgan.data import cache, sources
from kgan.gan import generate
from kgan.metrics import baselines
from kgan.scoring import doctor
from kgan.scoring.benchmark import Benchmark, open_judges

SHARED = Path(__file__).parents[3] / "shared" / "data" / "tfds"
HEALTHY = {"contrast": 1.0, "duplicates": 0.0, "copies": 0.0, "memorisation": 1.0, "background": 0.002,
           "roughness": 1.0, "coverage": 0.95, "precision": 0.85, "missing": []}
EVEN = {"step": 5.0, "d_loss": 1.3, "g_loss": 0.8, "D(x)": 0.55, "D(G(z))": 0.45}
SURE = EVEN | {"D(x)": 0.98, "D(G(z))": 0.01}


def _verdicts(numbers, log=()):
    return [finding.verdict for finding in doctor.diagnose(numbers, log)]


@pytest.mark.parametrize("limit", doctor.LIMITS, ids=lambda limit: f"{limit.verdict} {limit.key}")
def test_every_limit_tells_its_two_sides_apart(limit):
    step = 1e-6 if limit.past(1, 0) else -1e-6
    assert _verdicts(HEALTHY | {limit.key: limit.limit + step}) == [limit.verdict]
    assert _verdicts(HEALTHY | {limit.key: limit.limit - step}) == []


def test_missing_classes_are_named():
    (finding,) = doctor.diagnose(HEALTHY | {"missing": [3, 8]})
    assert finding.verdict == "missing modes"
    assert "the classes 3, 8" in finding.evidence


def test_untrained_and_diverged_hide_what_follows_from_them():
    ill = HEALTHY | {"contrast": 0.1, "duplicates": 1.0, "missing": [1], "coverage": 0.0}
    assert _verdicts(ill) == ["not trained yet"]
    assert _verdicts(HEALTHY | {"missing": [1]}, [EVEN | {"g_loss": math.nan}]) == ["diverged"]
    assert _verdicts(ill | {"contrast": 1.0}) == ["missing modes", "duplicates",
                                                  "off-distribution: another kind of image"]


def test_missing_classes_come_last_where_the_judge_sees_nothing_real():
    ill = HEALTHY | {"missing": [1], "roughness": 3.0}
    assert _verdicts(ill) == ["missing modes", "off-distribution: noisy"]
    assert _verdicts(ill | {"matched_roughness": 1.0}) == ["missing modes"]  # a smooth or a rough class is no fault
    assert _verdicts(ill | {"precision": 0.4}) == ["off-distribution: noisy", "missing modes"]


def test_log_tells_saturation_and_divergence():
    assert _verdicts(HEALTHY, [EVEN] * 5) == []
    assert _verdicts(HEALTHY, [SURE] * 5) == ["discriminator saturated"]
    assert _verdicts(HEALTHY, [EVEN] * 3 + [SURE] * 2) == []  # the mean counts
    assert _verdicts(HEALTHY, [EVEN | {"D(x)": 0.98}] * 5) == []
    assert _verdicts(HEALTHY, [EVEN, EVEN | {"d_loss": math.inf}]) == ["diverged"]


def test_warnings_and_words_give_number_and_advice():
    (sentence,) = doctor.warn({"missing": [], "contrast": 0.125}, EVEN)
    assert sentence.startswith("not trained yet: pixels vary 0.12 times as much")
    assert doctor.warn({"missing": [], "contrast": 1.0}, EVEN) == []
    assert doctor.in_words([]) == "Verdict: healthy."
    words = doctor.in_words(doctor.diagnose(HEALTHY | {"duplicates": 0.5}))
    assert words.startswith("Verdict: not healthy.\n  duplicates: 50.0% of the images")
    assert "Advice: the generator ignores z" in words


def test_numbers_that_are_absent_are_not_judged():
    assert _verdicts({"contrast": 1.0, "background": None}) == []


def test_read_log_gives_the_last_rows_up_to_the_step(tmp_path):
    assert doctor.read_log(None) == doctor.read_log(tmp_path / "absent.csv") == []
    with (tmp_path / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "d_loss", "fcd"])
        writer.writerows([[step, step / 10, 7 if step == 4 else ""] for step in range(1, 9)])
    assert [row["step"] for row in doctor.read_log(tmp_path / "log.csv")] == [4, 5, 6, 7, 8]
    assert doctor.read_log(tmp_path / "log.csv", 4)[-1] == {"step": 4, "d_loss": 0.4, "fcd": 7}


@pytest.fixture(scope="module")
def mnist():
    """Returns a function from a count to a benchmark on real MNIST and real images that it was not given."""
    if not SHARED.is_dir():
        pytest.skip("needs MNIST as tfds prepares it")
    before = os.environ.get("TFDS_DATA_DIR")
    os.environ["TFDS_DATA_DIR"] = str(SHARED)
    source = sources.locate("mnist")
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    judges = open_judges(train, test)
    if before is None:
        del os.environ["TFDS_DATA_DIR"]
    else:
        os.environ["TFDS_DATA_DIR"] = before

    def benchmark(count):
        rest = cache.Prepared(train.images[4 * count:], train.labels[4 * count:], train.sha256, [])
        return (Benchmark("MNIST", rest, test, judges, count=count), train.images[:4 * count],
                train.labels[:4 * count])

    return benchmark


def test_judge_of_mnist_is_good_enough(mnist):
    (judge,) = mnist(100)[0].judges
    assert judge.accuracy >= 0.992


# Each condition with its verdict; "" is healthy. Others may follow the one that is expected. Of what is neither noise
# nor blur alone, the kind of being off the distribution is left open.
CONDITIONS = {
    "fresh real images": "",
    "the test images themselves": "",
    "5% of the images twice": "duplicates",
    "20% of the images twice": "duplicates",
    "one image in many copies": "missing modes",
    "only 1, 5 and 7": "missing modes",
    "8 of 10 digits, without 3 and 8": "missing modes",
    "copies of training images": "memorised",
    "5% copies of training images": "memorised",
    "blurred, 0.7 pixels": "off-distribution: blurred",
    "blurred, 1 pixel": "off-distribution: blurred",
    "noisy, 10 grey levels": "off-distribution: noisy",
    "noisy, 25 grey levels": "off-distribution: noisy",
    "uniform noise": "off-distribution: noisy",
    "negatives": "off-distribution: another kind of image",
    "moved by 5 pixels": "off-distribution: another kind of image",
    "PCA-Gaussian": "off-distribution",
    "the mean image": "duplicates",
    "scikit-learn's digits against MNIST": "off-distribution",
    "untrained dcgan": "not trained yet",
    "untrained gan": "not trained yet",
}


def _planted(real, labels, benchmark):
    """Yields images of each condition, made of real ones that the benchmark doesn't hold."""
    random = np.random.default_rng(0)
    count = benchmark.count
    some = real[:count]
    yield some
    yield benchmark.real
    for share in (0.05, 0.2):
        twice = some.copy()
        twice[:int(share * count)] = twice[-int(share * count):]
        yield twice
    yield np.repeat(some[:1], count, axis=0)
    yield real[np.isin(labels, [1, 5, 7])][:count]
    yield real[~np.isin(labels, [3, 8])][:count]
    yield benchmark.train.images[:count]
    partly = some.copy()
    partly[::20] = benchmark.train.images[:len(partly[::20])]
    yield partly
    for sigma in (0.7, 1.0):
        yield ndimage.gaussian_filter(some, (0, sigma, sigma, 0))
    for sigma in (10, 25):
        yield np.clip(some + random.normal(0, sigma, some.shape), 0, 255).astype(np.uint8)
    yield baselines.uniform_noise(some.shape)
    yield 255 - some
    yield np.roll(some, 5, axis=2)
    yield baselines.pca_gaussian(benchmark.train.images, count)
    yield baselines.mean_image(benchmark.train.images, count)
    digits = cache.prepare(sources.locate("digits"), image_size=28, channels=1).images
    yield digits[:count]
    for model in ("dcgan", "gan"):
        keras.utils.set_random_seed(0)
        yield generate(models.build_generator(models.recipe(model, "mnist")), range(count))


@pytest.mark.parametrize("count", [1500, pytest.param(7500, marks=pytest.mark.slow)])
def test_doctor_gives_every_planted_condition_its_verdict(mnist, count, capsys):
    benchmark, real, labels = mnist(count)
    lines, wrong = [], []
    for (condition, expected), images in zip(CONDITIONS.items(), _planted(real, labels, benchmark), strict=True):
        given = _verdicts(benchmark.measure(images))
        lines.append(f"| {condition} | {expected or 'healthy'} | {'; '.join(given) or 'healthy'} |")
        if not (given[0].startswith(expected) if given and expected else not given and not expected):
            wrong.append(lines[-1])
    with capsys.disabled():
        print("", f"| {count:,} images of MNIST | expected | the doctor says |", "|---|---|---|", *lines, sep="\n")
    assert wrong == []


def test_doctor_finds_the_held_out_digits_healthy():
    source = sources.locate("digits")
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    benchmark = Benchmark("digits", train, test, [])
    assert _verdicts(benchmark.measure(train.images[:benchmark.count], train.images[benchmark.count:])) == []
