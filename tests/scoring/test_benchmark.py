import json

import numpy as np
import pytest
from scipy.stats import entropy

from kgan.data import arrays
from kgan.data.cache import Prepared, fingerprint
from kgan.metrics import baselines
from kgan.metrics.frechet import frechet
from kgan.metrics.two_sample import two_sample
from kgan.runtime.errors import UserError
from kgan.scoring import colour_judge, judge
from kgan.scoring.benchmark import (
    Benchmark,
    HeldOutComparison,
    TrainingComparison,
    open_benchmark,
    open_judges,
    unjudged,
)
from kgan.scoring.judge import Predictions


class _Judge:
    """Sees four quadrants' means, and the brightest quadrant as the class."""

    accuracy, sha256, name = 1.0, "0" * 64, "toy judge"

    def predict(self, images):
        features = images.reshape(len(images), 2, 8, 2, 8, -1).mean(axis=(2, 4, 5)).reshape(len(images), 4) / 255
        return Predictions(features, np.eye(4)[features.argmax(axis=1)])


def _seen(images):
    return _Judge().predict(images).features


def _images(seed, n, classes=4):
    random = np.random.default_rng(seed)
    images = random.integers(0, 60, (n, 16, 16, 1)).astype(np.uint8)
    labels = random.integers(0, classes, n)
    for image, label in zip(images, labels, strict=True):
        image[8 * (label // 2):8 * (label // 2) + 8, 8 * (label % 2):8 * (label % 2) + 8] += 150
    return Prepared(images, labels, fingerprint(images), [])


@pytest.fixture
def benchmark(monkeypatch, tmp_path):
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path))
    return Benchmark("toy set", _images(0, 500), _images(1, 200), [_Judge(), _Judge()])


def test_measure_gives_every_number_of_the_table(benchmark):
    fake = _images(2, 200).images
    found = benchmark.measure(fake)
    assert found["fcd"] == found["fcd2"] == frechet(_seen(benchmark.real), _seen(fake))
    assert found["modes"] == 4
    assert found["missing"] == []
    assert found["score"] == pytest.approx(np.exp(entropy(found["shares"])), rel=1e-6)
    assert found["class_kl"] == pytest.approx(entropy(found["shares"], benchmark.shares))
    assert found["one_nn"] < 0.05
    assert found["copies"] == found["duplicates"] == 0
    assert found["memorisation"] == pytest.approx(1, abs=0.05)
    assert found["background"] is None
    assert found["roughness"] == pytest.approx(1, abs=0.02)


def test_measure_sees_what_was_planted(benchmark):
    fake = _images(2, 200, classes=2).images
    fake[:20] = fake[20:40]
    fake[40:60] = benchmark.train.images[benchmark.train.labels < 2][:20]
    found = benchmark.measure(fake)
    assert found["modes"] == 2
    assert found["missing"] == [2, 3]
    assert found["duplicates"] == pytest.approx(0.2)
    assert found["copies"] == pytest.approx(0.1)


def test_test_images_score_like_nothing_else(benchmark):
    found = benchmark.measure(benchmark.real)
    assert found["fcd"] == pytest.approx(0, abs=1e-9)
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)
    assert found["one_nn"] == 0
    assert found["swd"] == 0
    assert found["memorisation"] == np.inf


def test_yardsticks_are_in_order_and_kept(benchmark, tmp_path, monkeypatch):
    found = benchmark.yardsticks()
    assert list(found) == ["real train vs test", "PCA-Gaussian", "mean image", "uniform noise"]
    floor, gaussian, mean, noise = found.values()
    assert floor["fcd"] < gaussian["fcd"] < noise["fcd"]
    assert floor["memorisation"] == pytest.approx(1, abs=0.05)
    assert floor["copies"] == 0
    assert mean["duplicates"] == 1
    (file,) = (tmp_path / "yardsticks").iterdir()
    assert json.loads(file.read_text()) == found
    monkeypatch.setattr(baselines, "pca_gaussian", None)  # would fail, were it called again
    assert benchmark.yardsticks() == found


class _Turned(_Judge):
    """Takes every class for the next one."""

    sha256 = "1" * 64

    def predict(self, images):
        features, probabilities = super().predict(images)
        return Predictions(features, np.roll(probabilities, 1, axis=1))


def test_agreement_is_each_judges_with_the_labels_that_were_asked():
    benchmark = Benchmark("toy set", _images(0, 500), _images(1, 200), [_Judge(), _Turned()])
    fake = _images(2, 200)
    asked = np.where(np.arange(200) < 50, (fake.labels + 1) % 4, fake.labels)  # a quarter shows another class
    found = benchmark.measure(fake.images, labels=asked)
    assert (found["agreement"], found["agreement2"]) == (0.75, 0.25)
    assert not {"agreement", "agreement2"} & benchmark.measure(fake.images).keys()
    with pytest.raises(ValueError, match=r"\(200,\) classes were seen, and \(3,\) asked"):
        benchmark.measure(fake.images, labels=asked[:3])
    alone = Benchmark("toy set", _images(0, 500), _images(1, 200), [_Judge()])
    assert "agreement2" not in alone.measure(fake.images, labels=asked)


def test_agreement_of_real_images_is_the_judges_accuracy_on_test_images(monkeypatch, tmp_path):
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path))
    test = _images(1, 20)
    test.labels[:2] = (test.labels[:2] + 1) % 4  # on training images the judge is always right
    benchmark = Benchmark("toy set", _images(0, 500), test, [_Judge(), _Turned()])
    floor, *others = benchmark.yardsticks().values()
    assert (floor["agreement"], floor["agreement2"]) == (0.9, 0.1)
    assert not any("agreement" in numbers for numbers in others)
    assert benchmark.yardsticks()["real train vs test"] == floor  # out of the cache


def test_without_a_judge_only_what_needs_none(monkeypatch, tmp_path):
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path))
    unlabelled = Benchmark("toy set", _images(0, 500), _images(1, 200), [])
    assert set(unlabelled.measure(_images(2, 200).images)) == {
        "swd", "memorisation", "copies", "duplicates", "background", "roughness", "matched_roughness", "contrast",
        "brightness", "brightness_spread", "colours", "colourless",
        "count", "fcd32", "kid32", "kid32_spread", "two_sample", "two_sample_spread", "precision32", "recall32",
        "density32", "coverage32", "cluster_kl", "missed", "treatments", "real_treatments", "treated", "sharpness",
        "grain", "checkerboard", "checkerboard_period"}


def test_the_colour_judge_measures_labelled_images_too(benchmark):
    fake = _images(2, 200).images
    found = benchmark.measure(fake)
    real, seen = (colour_judge.look(images).features for images in (benchmark.real, fake))
    assert found["fcd32"] == pytest.approx(frechet(real, seen))
    assert found["two_sample"] == two_sample(real, seen).accuracy
    assert benchmark.measure(benchmark.real)["fcd32"] == pytest.approx(0, abs=1e-6)


def test_benchmark_compares_the_largest_equal_number():
    assert Benchmark("toy set", _images(0, 500), _images(1, 200), [], count=50).real.shape[0] == 50
    assert Benchmark("toy set", _images(0, 500), _images(1, 200), []).count == 200


def test_fid_is_the_frechet_distance_of_what_inception_sees():
    fake = _images(2, 200).images
    benchmark = Benchmark("toy set", _images(0, 500), _images(1, 200), [], _seen)
    assert benchmark.measure(fake)["fid"] == frechet(_seen(benchmark.real), _seen(fake))


def test_validation_scores_held_out_training_images():
    train = _images(0, 500)
    validation = HeldOutComparison(train, np.arange(100, 200), _Judge(), train.labels)
    assert (validation.count, validation.columns) == (100, ("modes", "class_kl", "fcd"))
    found = validation.measure(train.images[100:200])
    assert found["fcd"] == pytest.approx(0, abs=1e-9)
    assert found["modes"] == 4
    blind = HeldOutComparison(train, np.arange(100, 200), None)
    assert blind.columns == ("swd", "fcd32")
    assert blind.measure(train.images[100:200])["swd"] == 0
    assert blind.measure(train.images[100:200]).keys() == {"count", "swd", "fcd32", "contrast"}
    assert blind.measure(train.images[100:200])["fcd32"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("train", "test", "why"), [
    (None, [0, 1], "these data have no labels"), ([0, 1] * 9, None, "the test images of these data have no labels"),
    ([3] * 9, [3], "all images of these data have the same label"),
    ([*range(9)], [1], "these data have fewer than 5 training images for each label")])
def test_why_no_judge_learns_the_classes(train, test, why):
    parts = [Prepared(np.zeros((9, 4, 4, 1), np.uint8), None if labels is None else np.array(labels), "", [])
             for labels in (train, test)]
    assert unjudged(*parts) == why
    assert open_judges(None, *parts) == []


def test_watch_looks_at_samples_beside_training_images():
    train = _images(0, 500)
    watch = TrainingComparison(train.images, _Judge(), 4)
    assert watch.columns == ("train_fcd", "duplicates", "share_0", "share_1", "share_2", "share_3")
    images = train.images[:400].copy()
    images[:20] = images[20:40]
    found = watch.measure(images)
    assert [found[name] for name in watch.columns[2:]] == found["shares"]
    assert found["train_fcd"] == frechet(_seen(train.images), _seen(images))
    assert (found["duplicates"], watch.real["duplicates"]) == (0.1, 0)
    assert found["contrast"] == pytest.approx(1, abs=0.02)
    assert (found["missing"], found["thin"]) == ([], [])
    assert watch.measure(_images(0, 400, classes=2).images)["missing"] == [2, 3]
    blind = TrainingComparison(train.images, None)
    assert blind.columns == ("train_swd", "train_fcd32", "duplicates")
    assert blind.measure(images).keys() == {"count", "train_swd", "train_fcd32", "duplicates", "contrast"}
    assert blind.measure(images)["count"] == 400
    assert TrainingComparison(train.images[:6], None).measure(images)["count"] == 6
    assert HeldOutComparison(train, np.arange(6), None).measure(images[:6])["count"] == 6
    assert blind.measure(train.images)["train_fcd32"] == pytest.approx(0, abs=1e-6)


def test_every_look_finds_a_class_at_a_third_of_its_due(benchmark):
    train, many = _images(0, 500), _images(3, 2000)
    even = np.concatenate([np.flatnonzero(many.labels == number)[:300] for number in range(4)])
    third = even[:980]  # of class 3, 80 of 980 images, where real images have about 245
    for look, labels in ((benchmark, benchmark.real_labels),
                         (TrainingComparison(train.images, _Judge(), 4), train.labels),
                         (HeldOutComparison(train, np.arange(200), _Judge(), train.labels), train.labels[:200])):
        assert look.measure(many.images[even])["thin"] == []
        found = look.measure(many.images[third])
        assert (found["thin"], found["missing"]) == ([3], [])
        assert found["shares"] == pytest.approx([300 / 980] * 3 + [80 / 980])
        assert found["real_shares"] == pytest.approx(np.bincount(labels) / len(labels))


@pytest.fixture
def short(monkeypatch, tmp_path):
    """An empty cache, and judges that hardly learn."""
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(judge, "STEPS", 2)


def test_other_labels_of_the_same_pictures_have_their_own_judge_and_yardsticks(short, tmp_path):
    train, test = _images(0, 100), _images(1, 40)
    for relabel, classes in ((lambda label: label, 4), (lambda label: 3 - label, 4), (lambda label: label // 2, 2)):
        parts = [part._replace(labels=relabel(part.labels)) for part in (train, test)]
        judges = open_judges("own", *parts)
        assert judges[0].model.output_shape[1] == (None, classes)
        benchmark = Benchmark("toy set", *parts, judges, count=10)
        assert len(benchmark.yardsticks()["uniform noise"]["shares"]) == classes
    assert len([path for path in (tmp_path / "judges").iterdir() if path.is_dir()]) == 3


def test_yardsticks_follow_the_labels_whatever_the_judge(short, tmp_path):
    train, test = _images(0, 100), _images(1, 40)
    for part in (train, train._replace(labels=3 - train.labels)):
        Benchmark("toy set", part, test, [_Judge()], count=10).yardsticks()
    assert len(list((tmp_path / "yardsticks").iterdir())) == 2


def test_labels_that_are_identifiers_give_no_judge(short, tmp_path):
    train, test = _images(0, 100), _images(1, 40)
    train = train._replace(labels=np.arange(2**31 - 100, 2**31))
    assert open_judges("own", train, test) == []
    assert not (tmp_path / "judges").exists()
    assert "modes" not in Benchmark("toy set", train, test, []).measure(test.images)


def test_sparse_labels_are_classes(short):
    parts = [part._replace(labels=np.array([3, 70, 1000000, 70])[part.labels])
             for part in (_images(0, 100), _images(1, 40))]
    judges = open_judges("own", *parts, count=2)
    assert [one.model.output_shape[1] for one in judges] == [(None, 3), (None, 3)]
    found = Benchmark("toy set", *parts, judges).measure(parts[1].images)
    assert len(found["shares"]) == 3
    assert set(found["missing"]) <= {0, 1, 2}


class _Counted(np.ndarray):
    """Images at rest that count the bytes of what is taken out of them at once."""

    taken = 0

    def __getitem__(self, index):
        part = super().__getitem__(index)
        _Counted.taken = max(_Counted.taken, part.nbytes)
        return np.asarray(part)


def test_yardsticks_take_large_sets_a_part_at_a_time(short):
    images = np.random.default_rng(0).integers(0, 256, (10_000, 16, 16, 1)).astype(np.uint8).view(_Counted)
    benchmark = Benchmark("toy set", Prepared(images, None, "large", []), _images(1, 40), [])
    assert benchmark.yardsticks()["real train vs test"]["copies"] == 0
    assert benchmark.measure(np.asarray(images)[:40])["copies"] == 1
    assert 0 < _Counted.taken < images.nbytes / 2


def test_of_few_images_half_are_compared_with_the_others():
    """Copies are sought among all images; of real ones among the other half, so that they are none themselves."""
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
    source = arrays.in_memory(images)
    benchmark = open_benchmark(source, image_size=16, channels=3)
    assert (benchmark.count, len(benchmark.train.images), benchmark.judges) == (20, 20, [])
    assert benchmark.origin == "half of the training images of arrays"
    assert benchmark.measure(images[:20])["copies"] == 1.0
    assert benchmark.floor()["copies"] == 0.0
    with pytest.raises(UserError, match="has 11 images, of which none can be held out; 12 are the fewest"):
        open_benchmark(arrays.in_memory(images[:11]), image_size=16, channels=3)
