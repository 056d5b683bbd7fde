"""The doctor without labels: conditions planted in real photographs' pieces, which come with scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from sklearn.datasets import load_sample_images

from kgan.data import cache, sources
from kgan.data.cache import Prepared, fingerprint
from kgan.metrics import baselines, sliced
from kgan.scoring import colour_judge, doctor
from kgan.scoring.benchmark import Benchmark
from kgan.scoring.table import CHANCE, METRICS

OTHER, LOW = "off-distribution: another kind of image", "low variety"
COUNT = 100


def _prepared(images):
    return Prepared(images, None, fingerprint(images), [])


@pytest.fixture(scope="module")
def photographs():
    """A benchmark on COUNT pieces, what its limits are scaled by, and as many pieces that it doesn't know."""
    pieces = np.stack([photograph[top:top + 32, left:left + 32] for photograph in load_sample_images().images
                       for top in range(0, 395, 24) for left in range(0, 608, 32)])
    pieces = np.random.default_rng(0).permutation(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sliced, "swd", lambda *_: 0.0)  # the doctor doesn't look at it
        benchmark = Benchmark("pieces", _prepared(pieces[2 * COUNT:]), _prepared(pieces[:COUNT]), [], subsets=2)
        yardsticks = {doctor.REAL: benchmark.floor(),
                      doctor.LINEAR: benchmark.measure(baselines.pca_gaussian(benchmark.train.images, COUNT))}
    return benchmark, yardsticks, pieces[COUNT:2 * COUNT]


@pytest.fixture
def verdicts(photographs, monkeypatch):
    """A function from images to verdicts."""
    monkeypatch.setattr(sliced, "swd", lambda *_: 0.0)
    benchmark, yardsticks, _ = photographs
    return lambda images: [one.verdict for one in doctor.diagnose(benchmark.measure(images), (), yardsticks)]


def test_real_images_have_no_verdict_and_are_not_called_healthy(photographs, verdicts):
    benchmark, _, unseen = photographs
    assert verdicts(unseen) == []
    numbers = benchmark.measure(unseen)
    told = f"{numbers['two_sample']:.0%} of cases whether one is generated (by chance 50%)."
    assert doctor.in_words([], numbers) == (
        "Verdict: nothing wrong was found in what can be measured without labels; missing classes can't be seen, and "
        f"the nearest other image tells in {told}")
    assert numbers["two_sample"] == pytest.approx(0.5, abs=6 * numbers["two_sample_spread"])
    assert (numbers["count"], numbers["treated"]) == (COUNT, [])


def _clouds(images):
    clouds = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=images.shape), (0, 6, 6, 0))
    return (images[np.arange(COUNT) % 3] + 40 * clouds / clouds.std()).clip(0, 255).astype(np.uint8)


def _with(images, pattern):
    return np.clip(images + pattern[None, :, :, None], 0, 255).round().astype(np.uint8)


def _digits(images):
    return cache.prepare(sources.locate("digits"), image_size=32, channels=3).images[:COUNT]


@pytest.mark.parametrize(("plant", "verdict"), [
    (lambda images: 255 - images, OTHER),
    (lambda images: np.roll(images, (16, 16), axis=(1, 2)), OTHER),
    (_digits, OTHER),
    (_clouds, (OTHER, LOW)),
    (lambda images: ndimage.gaussian_filter(images, (0, 1, 1, 0)), "off-distribution: blurred"),
    (lambda images: np.clip(images + np.random.default_rng(0).normal(0, 20, images.shape), 0, 255).astype(np.uint8),
     "off-distribution: noisy"),
    (lambda images: _with(images, 2 * (-1.0) ** np.add.outer(np.arange(32), np.arange(32))), "checkerboard"),
    (lambda images: _with(images, 12 * np.outer(np.arange(32) % 4 == 0, np.arange(32) % 4 == 0)), "checkerboard"),
    (lambda images: np.repeat(images[:1], COUNT, axis=0), "duplicates"),
    (lambda images: baselines.uniform_noise(images.shape), "off-distribution: noisy"),
], ids=["negatives", "halves exchanged", "digits", "clouds", "blurred", "noisy", "checkerboard",
        "grid of 4 pixels", "repeated", "noise"])
def test_what_is_planted_is_named(photographs, verdicts, plant, verdict):
    assert set(verdicts(plant(photographs[2]))) & set(verdict if isinstance(verdict, tuple) else (verdict,))


def test_one_part_of_the_data_alone_is_low_variety_and_copies_are_memorised(photographs, verdicts):
    benchmark = photographs[0]
    seen = colour_judge.look(benchmark.train.images).features
    clusters = benchmark.clusters.means.predict(seen.astype(benchmark.clusters.means.cluster_centers_.dtype))
    most = np.argsort(-np.bincount(clusters))[:2]
    part = benchmark.train.images[np.isin(clusters, most)][:COUNT]
    assert {"memorised", LOW} <= set(verdicts(np.resize(part, (COUNT, 32, 32, 3))))
    assert verdicts(benchmark.train.images[:COUNT])[0] == "memorised"


@pytest.mark.parametrize(("untreated", "words", "advice"), [
    (0.7, "", "check the sign: black and white are exchanged"),
    (0.2, ", to a judge that knows photographs alone", "train longer; or check that the real pictures")])
def test_what_was_done_is_said_with_its_shares(untreated, words, advice):
    seen, real = np.zeros(12), np.zeros(12)
    negative = colour_judge.TREATMENTS.index("negative")
    seen[[0, negative]], real[[0, negative]] = (0.2, 0.6), (untreated, 0.02)
    numbers = {"treatments": seen.tolist(), "real_treatments": real.tolist(), "treated": [10, negative]}
    (finding,) = doctor.diagnose(numbers)
    assert finding.verdict == OTHER
    assert finding.evidence == f"60% of the images look like negatives, and 2% of the real ones{words}"
    assert finding.advice.startswith(advice)
    assert doctor.diagnose(numbers | {"treated": [10]}) == []  # blends: of what GANs draw, too


def _seen(done, **more):
    """Numbers of images to which this seems to be done, by name."""
    seen, real = np.zeros(12), np.full(12, 0.02)
    real[0] = 0.7
    for name, share in done.items():
        seen[colour_judge.TREATMENTS.index(name)] = share
    treated = [colour_judge.TREATMENTS.index(name) for name, share in done.items() if share > 0.12]
    return {"treatments": seen.tolist(), "real_treatments": real.tolist(), "treated": treated} | more


def test_two_treatments_that_stand_out_alike_are_both_named():
    (finding,) = doctor.diagnose(_seen({"negative": 0.2, "channels mixed": 0.12}))
    assert finding.evidence == ("32% of the images look like negatives (20%, and 2% of the real ones) or like pictures "
                                "of exchanged colours (12%, and 2% of the real ones)")
    assert finding.advice == ("check the sign: black and white are exchanged; or check the order of the colour "
                              "channels, RGB or BGR")
    (finding,) = doctor.diagnose(_seen({"negative": 0.6, "channels mixed": 0.07}))
    assert finding.evidence == "60% of the images look like negatives, and 2% of the real ones"


@pytest.mark.parametrize("name", ["grey", "channels mixed"])
def test_colours_are_not_missed_where_the_data_have_none(name):
    assert len(doctor.diagnose(_seen({name: 0.9}, colours=True))) == 1
    assert doctor.diagnose(_seen({name: 0.9}, colours=False)) == []
    assert len(doctor.diagnose(_seen({name: 0.9, "negative": 0.5}, colours=False))) == 1


def test_data_have_colours_where_any_test_image_has(photographs):
    grey = np.repeat(photographs[0].test.images[..., :1], 3, axis=3)
    train, one = _prepared(grey), grey.copy()
    one[-1, 0, 0, 2] ^= 1
    assert photographs[0].colours
    assert [Benchmark("", train, _prepared(images), []).colours for images in (grey, grey[..., :1], one)] == [
        False, False, True]


def test_copies_of_few_pictures_do_not_look_treated(photographs, verdicts):
    assert doctor.diagnose(_seen({"upside down": 0.3}, duplicates=0.3))[0].verdict == "duplicates"
    assert OTHER in [one.verdict for one in doctor.diagnose(_seen({"upside down": 0.5}, duplicates=0.3))]
    for start in range(0, 30, 3):
        found = verdicts(np.resize(photographs[2][start:start + 3], (COUNT, 32, 32, 3)))
        assert "duplicates" in found


@pytest.mark.parametrize(("change", "words"), [
    (lambda images: images / 3, "pixels vary 0.3"), (lambda images: images / 2, "pixels vary 0.5"),
    (lambda images: 185 + images * 0.32, "the images are brighter than the real ones, by ")])
def test_darker_and_brighter_images_are_named(photographs, change, words):
    benchmark, yardsticks, unseen = photographs
    numbers = benchmark.measure(change(unseen.astype(float)).clip(0, 255).astype(np.uint8))
    found = {one.verdict: one for one in doctor.diagnose(numbers, (), yardsticks)}
    assert words in found[OTHER].evidence
    assert found[OTHER].advice.startswith("check the range of the values")


@pytest.mark.parametrize(("key", "number", "spread", "found"), [
    ("brightness", 0.16, 0.0, 1), ("brightness", 0.14, 0.0, 0), ("brightness", -0.16, 0.0, 1),
    ("brightness", 0.16, 0.03, 0), ("brightness", 0.19, 0.03, 1),
    ("contrast", 0.59, 0.0, 1), ("contrast", 0.61, 0.0, 0), ("contrast", 1.51, 0.0, 1), ("contrast", 1.49, 0.0, 0),
    ("contrast", 0.59, 0.1, 0), ("contrast", 0.59, 0.05, 1), ("contrast", 1.51, 0.1, 0), ("contrast", None, 0.0, 0)])
def test_light_has_limits_that_keep_away_from_chance(key, number, spread, found):
    numbers = {"brightness": 0.0, "brightness_spread": 0.1, "contrast": 1.0, key: number}
    real = {"brightness": 0.0, "contrast": 1.0, "spreads": {key: spread}}
    assert len(doctor.diagnose(numbers, (), {doctor.REAL: real})) == found


def test_few_images_have_no_verdict_but_a_sentence(photographs):
    benchmark = photographs[0]
    few = Benchmark("few", benchmark.train, _prepared(benchmark.test.images[:20]), [], subsets=1)
    numbers = few.measure(baselines.uniform_noise((20, 32, 32, 3)))
    assert doctor.diagnose(numbers, (), {doctor.REAL: few.floor()}) == []
    assert doctor.in_words([], numbers) == "Verdict: none: 20 images are too few to tell; 30 are the fewest."
    assert [one.verdict for one in doctor.diagnose(numbers, [{"d_loss": np.nan}])] == ["diverged"]


def test_chance_is_the_spread_of_sets_of_real_images(photographs):
    yardsticks = photographs[1]
    spreads = yardsticks[doctor.REAL]["spreads"]
    limits = {metric.key for metric in METRICS if metric.limits and metric.stands_in}
    assert limits | {"cluster_kl", "contrast", "roughness", "memorisation"} <= spreads.keys()
    share = yardsticks[doctor.REAL]["precision32"]
    assert spreads["precision32"] == pytest.approx(np.sqrt(share * (1 - share) / COUNT), rel=0.7)
    assert all(0 <= spread < 1 for spread in spreads.values())


@pytest.mark.parametrize(("key", "baseline", "spread", "beyond"), [
    ("sharpness", 1.0, 0.05, 1.0 - CHANCE * 0.05), ("grain", 1.0, 0.05, 1.0 + CHANCE * 0.05),
    ("sharpness", 1.0, 0.001, 0.92), ("grain", 1.0, 0.001, 1.16), ("precision32", 0.43, 0.0, 0.15)])
def test_limits_keep_away_from_what_chance_makes_of_real_images(key, baseline, spread, beyond):
    real = {"sharpness": 1.0, "grain": 1.0, "precision32": 0.9, key: baseline, "spreads": {key: spread}}
    step = 1e-6 if key == "grain" else -1e-6
    for number, found in ((beyond + step, 1), (beyond - step, 0)):
        assert len(doctor.diagnose({key: number}, (), {doctor.REAL: real})) == found


def test_the_label_judges_numbers_come_first():
    colour = {"precision32": 0.0, "coverage32": 0.0, "recall32": 0.0, "sharpness": 0.5, "cluster_kl": 2.0}
    assert doctor.diagnose(colour | {"fcd": 1.0, "precision": 0.84}) == []
    assert {one.verdict for one in doctor.diagnose(colour)} == {OTHER, LOW, "off-distribution: blurred"}
    assert doctor.conclusion({"fcd": 1.0}) == "healthy"
    old = doctor.conclusion({"swd": 20.0})  # of scores that 0.3.0 kept
    assert old == "nothing wrong was found in what can be measured without labels; missing classes can't be seen"


@pytest.mark.parametrize("key", ["copies", "duplicates"])
def test_a_chance_pair_among_few_images_is_no_verdict(key):
    for count, images, found in ((60, 2, 0), (60, 3, 1), (1000, 10, 0), (1000, 11, 1)):
        assert len(doctor.diagnose({key: images / count, "count": count})) == found


def test_far_is_of_fcd_32_where_there_are_no_labels():
    yardsticks = {doctor.REAL: {"fcd32": 2.0}, doctor.LINEAR: {"fcd32": 12.0}}
    assert doctor.diagnose({"fcd32": 6.9}, (), yardsticks) == []
    (finding,) = doctor.diagnose({"fcd32": 7.1}, (), yardsticks)
    assert (finding.verdict, finding.evidence) == (
        "far from the data", "FCD-32 is 51% of the way from real images (2.0) to a linear model (12.0)")


PICTURES = Path(__file__).parents[3] / "shared" / "data" / "cifar10_20k.zip"
PLANTED = {
    "real": ((), lambda images: images), "red and blue exchanged": ((OTHER,), lambda images: images[..., ::-1]),
    "upside down": ((OTHER,), lambda images: images[:, ::-1]), "negatives": ((OTHER,), lambda images: 255 - images),
    "halves exchanged": ((OTHER,), lambda images: np.roll(images, (16, 16), axis=(1, 2))),
}


@pytest.mark.slow
@pytest.mark.skipif(not PICTURES.is_file(), reason="needs CIFAR-10's pictures")
@pytest.mark.parametrize("count", [60, 200, 1000])
def test_what_is_planted_in_cifar_10_is_named(monkeypatch, count):
    monkeypatch.setattr(sliced, "swd", lambda *_: 0.0)
    source = sources.locate(data=str(PICTURES))
    train, test = (part(source, image_size=32, channels=3) for part in (cache.prepare, cache.prepare_test))
    order = np.random.default_rng(0).permutation(len(train.images))
    unseen, known = order[:count], order[5000:]
    benchmark = Benchmark("photographs", _prepared(train.images[known]), test._replace(labels=None), [], count=count,
                          subsets=5)
    yardsticks = {doctor.REAL: benchmark.floor()}
    wrong = []
    for name, (expected, plant) in PLANTED.items():
        found = doctor.diagnose(benchmark.measure(plant(train.images[unseen])), (), yardsticks)
        if tuple(one.verdict for one in found[:1]) != expected:
            wrong.append((name, found))
    planes = train.images[order[:5000]][train.labels[order[:5000]] == train.labels.min()]
    alone = doctor.diagnose(benchmark.measure(np.resize(planes, (count, 32, 32, 3))), (), yardsticks)
    assert LOW in [one.verdict for one in alone]
    assert wrong == []
