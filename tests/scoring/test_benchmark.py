import json

import numpy as np
import pytest
from scipy.stats import entropy

from kgan.data.cache import Prepared, fingerprint
from kgan.metrics import baselines
from kgan.metrics.frechet import frechet
from kgan.scoring.benchmark import YARDSTICKS, Benchmark, Validation
from kgan.scoring.judge import Seen


class _Judge:
    """Sees four quadrants' means, and the brightest quadrant as the class."""

    accuracy, sha256, name = 1.0, "0" * 64, "toy judge"

    def look(self, images):
        features = images.reshape(len(images), 2, 8, 2, 8, -1).mean(axis=(2, 4, 5)).reshape(len(images), 4) / 255
        return Seen(features, np.eye(4)[features.argmax(axis=1)])


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
    judge = _Judge()
    assert found["fcd"] == found["fcd2"] == frechet(judge.look(benchmark.real).features, judge.look(fake).features)
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
    assert tuple(found) == YARDSTICKS
    floor, gaussian, mean, noise = found.values()
    assert floor["fcd"] < gaussian["fcd"] < noise["fcd"]
    assert floor["memorisation"] == pytest.approx(1, abs=0.05)
    assert floor["copies"] == 0
    assert mean["duplicates"] == 1
    (file,) = (tmp_path / "yardsticks").iterdir()
    assert json.loads(file.read_text()) == found
    monkeypatch.setattr(baselines, "pca_gaussian", None)  # would fail, were it called again
    assert benchmark.yardsticks() == found


def test_without_a_judge_only_what_needs_none(monkeypatch, tmp_path):
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path))
    unlabelled = Benchmark("toy set", _images(0, 500), _images(1, 200), [])
    assert set(unlabelled.measure(_images(2, 200).images)) == {
        "swd", "memorisation", "copies", "duplicates", "background", "roughness", "matched_roughness", "contrast"}


def test_benchmark_compares_the_largest_equal_number():
    assert Benchmark("toy set", _images(0, 500), _images(1, 200), [], count=50).real.shape[0] == 50
    assert Benchmark("toy set", _images(0, 500), _images(1, 200), []).count == 200


def test_fid_is_the_frechet_distance_of_what_inception_sees():
    judge = _Judge()
    fake = _images(2, 200).images
    benchmark = Benchmark("toy set", _images(0, 500), _images(1, 200), [],
                                     lambda images: judge.look(images).features)
    assert benchmark.measure(fake)["fid"] == frechet(judge.look(benchmark.real).features, judge.look(fake).features)


def test_pca_gaussian_has_the_data_mean_and_covariance():
    random = np.random.default_rng(0)
    train = (128 + 8 * random.normal(size=(4000, 6)) @ random.normal(size=(6, 16))).clip(0, 255)
    train = train.astype(np.uint8).reshape(-1, 4, 4, 1)
    drawn = baselines.pca_gaussian(train, 4000)
    assert drawn.shape == train.shape
    np.testing.assert_allclose(drawn.mean(axis=0), train.mean(axis=0), atol=4)
    real, fake = (np.cov(images.reshape(-1, 16).T) for images in (train, drawn))
    np.testing.assert_allclose(fake, real, atol=0.1 * np.abs(real).max())


def test_mean_image_and_noise():
    train = np.array([[[[10]], [[21]]], [[[20]], [[21]]]], np.uint8)
    np.testing.assert_array_equal(baselines.mean_image(train, 3)[2, :, 0, 0], [15, 21])
    noise = baselines.uniform_noise((400, 5, 5, 1))
    assert (noise.min(), noise.max()) == (0, 255)
    assert noise.mean() == pytest.approx(127.5, abs=3)


def test_validation_scores_held_out_training_images():
    train = _images(0, 500)
    validation = Validation(train, np.arange(100, 200), _Judge())
    assert (validation.count, validation.columns) == (100, ("modes", "class_kl", "fcd"))
    found = validation.measure(train.images[100:200])
    assert found["fcd"] == pytest.approx(0, abs=1e-9)
    assert found["modes"] == 4
    blind = Validation(train, np.arange(100, 200), None)
    assert blind.columns == ("swd",)
    assert blind.measure(train.images[100:200])["swd"] == 0
