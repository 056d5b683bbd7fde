import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from kgan import losses, models
from kgan.data import cache, sources
from kgan.metrics import baselines, kid, modes, sliced
from kgan.runs import log
from kgan.sampling import generate
from kgan.scoring import doctor
from kgan.scoring.benchmark import Benchmark, open_judges
from kgan.scoring.table import METRICS

SHARED = Path(__file__).parents[3] / "shared" / "data" / "tfds"
HEALTHY = {"contrast": 1.0, "duplicates": 0.0, "copies": 0.0, "memorisation": 1.0, "background": 0.002,
           "roughness": 1.0, "coverage": 0.95, "precision": 0.85, "recall": 0.8, "missing": [],
           "checkerboard_period": 2}
EVEN = {"step": 5.0, "d_loss": 1.3, "g_loss": 0.8, "D(x)": 0.55, "D(G(z))": 0.45}
SURE = EVEN | {"D(x)": 0.98, "D(G(z))": 0.01, "g_loss": 4.6}


def _verdicts(numbers, rows=(), yardsticks=None, loss="non_saturating"):
    return [finding.verdict for finding in doctor.diagnose(numbers, rows, yardsticks, loss)]


LIMITS = [(metric.key, limit) for metric in METRICS for limit in metric.limits]


@pytest.mark.parametrize(("key", "limit"), LIMITS, ids=[f"{limit.verdict} {key}" for key, limit in LIMITS])
def test_every_limit_tells_its_two_sides_apart(key, limit):
    step = 1e-6 if limit.past(1, 0) else -1e-6
    assert _verdicts(HEALTHY | {key: limit.limit + step}) == [limit.verdict]
    assert _verdicts(HEALTHY | {key: limit.limit - step}) == []


@pytest.mark.parametrize(("key", "baseline", "number", "verdict"), [
    ("precision", 0.42, 0.2, None), ("precision", 0.42, 0.1, "off-distribution: another kind of image"),  # half MNIST's
    ("recall", 0.43, 0.1, None), ("recall", 0.43, 0.05, "low variety"),
    ("recall", 0.84, 0.15, "low variety"), ("recall", 0.84, 0.18, None),
    ("checkerboard", 5.0, 9.9, None), ("checkerboard", 5.0, 10.1, "checkerboard"), ("checkerboard", -3.0, 5.9, None),
    ("roughness", 2.02, 2.0, None), ("roughness", 2.02, 1.7, "off-distribution: blurred"),
    ("roughness", 2.02, 2.4, "off-distribution: noisy"),
    ("duplicates", 0.03, 0.05, None), ("duplicates", 0.03, 0.07, "duplicates"),  # twice what real images give
    ("duplicates", 0.0, 0.02, "duplicates"), ("duplicates", 0.0, 0.005, None),  # MNIST's limit at least
    ("contrast", 0.5, 0.35, None),  # is relative to real images already
])
def test_limits_follow_what_real_images_give(key, baseline, number, verdict):
    real = HEALTHY | {key: baseline}
    found = _verdicts(real | {key: number}, yardsticks={"real train vs test": real})
    assert found == ([] if verdict is None else [verdict])
    assert _verdicts(real, yardsticks={"real train vs test": real}) == []


def test_a_grid_is_named_with_its_period_and_what_to_try():
    (finding,) = doctor.diagnose(HEALTHY | {"checkerboard": 9.8, "checkerboard_period": 4})
    assert finding.evidence == ("a grid that repeats every 4 pixels lies over the images: its share of their energy is "
                                "above that of real ones by 10 times what chance makes")
    assert "--model=pictures" in finding.advice
    assert _verdicts(HEALTHY | {"checkerboard": None, "checkerboard_period": None}) == []
    assert _verdicts(HEALTHY | {"checkerboard": 9.8, "recall": 0.1}) == ["low variety", "checkerboard"]


def test_class_matched_roughness_has_its_own_yardstick():
    numbers, real = HEALTHY | {"matched_roughness": 1.2}, HEALTHY | {"matched_roughness": 1.2}
    assert _verdicts(numbers) == ["off-distribution: noisy"]
    assert _verdicts(numbers, yardsticks={"real train vs test": real}) == []


@pytest.mark.parametrize(("fcd", "verdicts"), [(2.0, []), (6.9, []), (7.1, ["far from the data"])])
def test_images_nearer_to_a_linear_model_than_to_the_data_are_far(fcd, verdicts):
    yardsticks = {"real train vs test": {"fcd": 2.0}, "PCA-Gaussian": {"fcd": 12.0}}
    assert _verdicts(HEALTHY | {"fcd": fcd}, yardsticks=yardsticks) == verdicts
    assert _verdicts(HEALTHY | {"fcd": fcd}, yardsticks={"real train vs test": {"fcd": 2.0}}) == []


def test_missing_classes_are_named():
    (finding,) = doctor.diagnose(HEALTHY | {"missing": [3, 8]})
    assert finding.verdict == "missing modes"
    assert finding.evidence == "hardly any image of classes 3, 8 is drawn"
    (finding,) = doctor.diagnose(HEALTHY | {"missing": [3]})
    assert finding.evidence == "hardly any image of class 3 is drawn"


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


def test_log_tells_losses_that_both_networks_win():
    found_out = SURE | {"g_loss": 0.04}  # -log(1 - D(G(z))) as G's loss; -log D(G(z)) would be 3 or more
    assert _verdicts(HEALTHY, [found_out] * 5) == ["flipped labels"]
    assert _verdicts(HEALTHY, [{"D(x)": 0.04, "D(G(z))": 0.96}] * 5) == ["flipped labels"]
    for g_loss in (3.01, -0.04, -0.0):  # -log D(G(z)), and minimax
        assert _verdicts(HEALTHY, [SURE | {"g_loss": g_loss}] * 5) == ["discriminator saturated"]
    assert _verdicts(HEALTHY, [{"D(x)": 0.04, "D(G(z))": 0.94}] * 5) == []
    assert _verdicts(HEALTHY, [EVEN | {"g_loss": 0.04}] * 5) == []


@pytest.mark.parametrize(("name", "verdicts"), [
    ("minimax", ["discriminator saturated"]), ("non_saturating", ["discriminator saturated"]),
    ("least_squares", []), ("hinge", []), ("wasserstein", []), ("relativistic", [])])
def test_d_is_called_sure_only_where_a_sigmoid_is_a_probability(name, verdicts):
    real, fake = tf.fill((4, 1), 4.0), tf.fill((4, 1), -4.0)  # sigmoids of 0.982 and 0.018
    loss = losses.get(name)
    g_loss = float(tf.reduce_mean(loss.generator(real, fake)))
    row = {"D(x)": float(tf.sigmoid(4.0)), "D(G(z))": float(tf.sigmoid(-4.0)), "g_loss": g_loss}
    assert _verdicts(HEALTHY, [row], loss=name) == _verdicts(HEALTHY, [row], loss=loss) == verdicts
    flipped = row | {"D(x)": 0.02, "D(G(z))": 0.98}
    assert _verdicts(HEALTHY, [flipped], loss=name) == (["flipped labels"] if verdicts else [])
    assert _verdicts(HEALTHY, [row | {"g_loss": math.nan}], loss=name) == ["diverged"]
    assert _verdicts(HEALTHY, [row | {"D_gap": 0.9}], loss=name) == [*verdicts, "discriminator memorises"]


def test_of_an_unknown_loss_logits_are_not_judged():
    assert _verdicts(HEALTHY, [SURE] * 5, loss=None) == []
    ours = losses.non_saturating._replace(generator=lambda real, fake: -fake)
    assert _verdicts(HEALTHY, [SURE] * 5, loss=ours) == ["discriminator saturated"]
    assert _verdicts(HEALTHY, [SURE] * 5, loss=ours._replace(sigmoid=False)) == []


def test_advice_follows_the_loss():
    (minimax,), (other,) = (doctor.diagnose(HEALTHY, [SURE], None, name) for name in ("minimax", "non_saturating"))
    assert "--loss=non_saturating: minimax gives the generator no gradient" in minimax.advice
    assert "no gradient" not in other.advice
    assert "lower --d_learning_rate" in other.advice


def _penalised(r1, r2, count=5):
    return [EVEN | {"d_penalty": 0.1, "R1": r1, "R2": r2}] * count


def test_log_tells_slopes_that_explode_at_fakes():
    assert _verdicts(HEALTHY, _penalised(0.2, 10.0)) == ["fake-side gradients explode"]  # 50 times
    assert _verdicts(HEALTHY, _penalised(0.2, 2.01)) == ["fake-side gradients explode"]
    assert _verdicts(HEALTHY, _penalised(0.2, 1.99)) == []
    assert _verdicts(HEALTHY, _penalised(0.2, 0.2)) == []
    assert _verdicts(HEALTHY, _penalised(10.0, 0.2)) == []
    assert _verdicts(HEALTHY, _penalised(0.2, 0.2, 4) + _penalised(0.2, 9.0, 1)) == []  # of means: 0.2 and 1.96
    assert _verdicts(HEALTHY, _penalised(0.2, 0.2, 4) + _penalised(0.2, 10.0, 1)) == ["fake-side gradients explode"]
    (finding,) = doctor.diagnose(HEALTHY, _penalised(0.2, 10.0))
    assert finding.evidence == "the mean ‖∇D‖² is 10 at generated images (R2) and 0.2 at real ones (R1)"
    assert finding.advice == ("raise the weight γ of D's penalty threefold (the penalty is 7.7% of D's loss), or lower "
                              "the rates")


@pytest.mark.parametrize(("row", "weight", "advice"), [
    ({"D_gap": 0.7, "d_penalty": 0.026}, 0.1, "raise --penalty_weight from 0.1 to 0.3 (the penalty is 2.0% of D's "
     "loss), or train on more images, or with --augment=translation"),
    ({"D_gap": 0.7, "d_penalty": 0.0065}, 0.05, "raise --penalty_weight from 0.05 to 0.5 (the penalty is 0.5% of D's "
     "loss), or train on more"),
    ({"D_gap": 0.7, "d_penalty": 0.0065}, None, "raise the weight γ of D's penalty tenfold (the penalty is 0.5%"),
    ({"D_gap": 0.7, "d_penalty": 0.026, "d_loss": -2.0}, 2.0, "raise --penalty_weight from 2 to 6, or train on more"),
    (SURE | {"d_penalty": 0.026}, 1.0, "raise --penalty_weight from 1 to 3 (the penalty is 2.0% of D's loss), or lower "
     "--d_learning_rate"),
])
def test_of_a_discriminator_that_is_too_strong_the_penalty_is_raised(row, weight, advice):
    (finding,) = doctor.diagnose(HEALTHY, [EVEN | {"R1": 0.2} | row], None, "non_saturating", weight)
    assert finding.advice.startswith(advice)
    (without,) = doctor.diagnose(HEALTHY, [EVEN | {name: row[name] for name in row if name != "d_penalty"}], None,
                                 "non_saturating", weight)  # no R1 and R2: their weight can't be moved
    assert "raise" not in without.advice.split(",")[0]


def test_the_penalty_is_lowered_where_it_costs_much_and_samples_are_alike_or_blurred():
    alike, heavy = HEALTHY | {"recall": 0.1}, EVEN | {"R1": 0.2, "d_penalty": 0.26}  # a fifth of D's loss
    (finding,) = doctor.diagnose(alike, [heavy], weight=0.3)
    assert finding.verdict == "low variety"
    assert finding.advice.startswith("lower --penalty_weight from 0.3 to 0.1 (the penalty is 20.0% of D's loss), or")
    (finding,) = doctor.diagnose(HEALTHY | {"roughness": 0.5}, [heavy])
    assert finding.advice.startswith("lower the weight γ of D's penalty to a third (the penalty is 20.0% of D's")
    for rows in ([heavy | {"d_penalty": 0.12}], [EVEN], []):  # it costs little, or there is none
        (finding,) = doctor.diagnose(alike, rows, weight=0.3)
        assert finding.advice.startswith("train longer, or lower the discriminator's rate")
    memorising, variety = doctor.diagnose(alike, [heavy | {"D_gap": 0.7}], weight=0.3)  # never both ways
    assert memorising.advice.startswith("raise --penalty_weight from 0.3 to 0.9 (")
    assert variety.advice.startswith("train longer")
    said = doctor.warn(alike, heavy, {}, None, 0.3)
    assert "lower --penalty_weight from 0.3 to 0.1 " in said["low variety"]
    assert [one.verdict for one in doctor.diagnose({"count": 5}, [heavy | {"D_gap": 0.7}], weight=0.3)] == [
        "discriminator memorises"]


def test_slopes_of_one_kind_or_none_are_not_compared():
    assert _verdicts(HEALTHY, [EVEN | {"R2": 100.0}] * 5) == []
    assert _verdicts(HEALTHY, [EVEN | {"R1": 0.001}] * 5) == []
    assert _verdicts(HEALTHY, [{"step": 5.0}]) == []


def test_log_tells_a_discriminator_that_memorises():
    assert _verdicts(HEALTHY, [EVEN, EVEN | {"D_gap": 0.51}]) == ["discriminator memorises"]
    assert _verdicts(HEALTHY, [EVEN, EVEN | {"D_gap": 0.49}]) == []
    assert _verdicts(HEALTHY, [EVEN, EVEN | {"D_gap": -3.0}]) == []
    (finding,) = doctor.diagnose(HEALTHY, [EVEN | {"D_gap": 0.625}])
    assert "lies 62% of the way from that of training images to that of generated ones" in finding.evidence
    assert "more images, or with --augment=translation, or with --flip" in finding.advice
    both = [SURE | {"D_gap": 0.9, "R1": 1.0, "R2": 50.0}] * 5
    assert _verdicts(HEALTHY, both) == ["discriminator saturated", "fake-side gradients explode",
                                        "discriminator memorises"]
    assert _verdicts(HEALTHY, [row | {"g_loss": math.nan} for row in both]) == ["diverged"]


def _drawn(shares, real=None, count=10_000):
    """Numbers about classes with these shares."""
    real = np.full(len(shares), 1 / len(shares)) if real is None else np.asarray(real)
    return HEALTHY | modes.numbers(np.repeat(np.arange(len(shares)), np.round(np.multiply(shares, count)).astype(int)),
                                   real, real)


def test_classes_that_thin_out_are_named_with_their_shares():
    even = [0.1] * 10
    third = [1 / 9.3 * (0.3 if number == 8 else 1) for number in range(10)]  # class 8 has a third of its due
    assert _verdicts(_drawn(even)) == []
    (finding,) = doctor.diagnose(_drawn(third))
    assert finding.verdict == "a class thins out"
    assert finding.evidence == "class 8 has 3.2% of the generated images and 10.0% of the real ones"
    assert _verdicts(_drawn([0.06, *[0.94 / 9] * 9])) == []  # 60% of its due
    assert _verdicts(_drawn([0.03, 0.97], [0.04, 0.96])) == []  # rare among real images, too
    assert _verdicts(_drawn([0.005, *[0.995 / 9] * 9])) == ["missing modes"]
    assert _verdicts(_drawn([0.005, 0.03, *[0.965 / 8] * 8])) == ["missing modes", "a class thins out"]


def test_the_thinnest_of_many_classes_come_first_and_the_rest_are_counted():
    shares = [0.045, 0.03, 0.041, 0.044, 0.043, 0.042, 0.04, *[0.715 / 3] * 3]
    (finding,) = doctor.diagnose(_drawn(shares))
    assert [int(part.split()[0]) for part in finding.evidence.split("class ")[1:]] == [1, 6, 2, 5, 4]
    assert finding.evidence.endswith("of the real ones, and 2 more have less than half of their share")


def test_a_thin_class_comes_last():
    ill = _drawn([0.03, *[0.97 / 9] * 9]) | {"roughness": 3.0}
    assert _verdicts(ill) == ["off-distribution: noisy", "a class thins out"]
    assert _verdicts(ill | {"missing": [4]}) == ["missing modes", "off-distribution: noisy", "a class thins out"]
    assert _verdicts(ill | {"missing": [4], "precision": 0.4}) == ["off-distribution: noisy", "missing modes",
                                                                  "a class thins out"]
    assert _verdicts(ill | {"contrast": 0.1}) == ["not trained yet"]


def test_warnings_and_words_give_number_and_advice():
    found = doctor.warn({"missing": [], "contrast": 0.125}, EVEN, {})
    assert list(found) == ["not trained yet"]
    assert found["not trained yet"].startswith("not trained yet: pixels vary 0.12 times as much")
    assert doctor.warn({"missing": [], "contrast": 1.0}, EVEN, {}) == {}
    assert list(doctor.warn({}, SURE, {}, losses.minimax)) == ["discriminator saturated"]
    assert doctor.warn({}, SURE, {}, losses.wasserstein) == doctor.warn({}, SURE, {}) == {}
    assert list(doctor.warn({"duplicates": 0.05}, EVEN | {"D_gap": 0.7}, {})) == ["discriminator memorises",
                                                                                "duplicates"]
    assert doctor.warn({"duplicates": 0.05}, EVEN, {"duplicates": 0.03}) == {}  # less than twice what real images give
    assert doctor.in_words([], {"fcd": 1.0}) == "Verdict: healthy."
    words = doctor.in_words(doctor.diagnose(HEALTHY | {"duplicates": 0.5}), HEALTHY)
    assert words.startswith("Verdict: not healthy.\n  duplicates: 50.0% of the images")
    assert "Advice: the generator ignores z" in words


def test_numbers_that_are_absent_are_not_judged():
    assert _verdicts({"contrast": 1.0, "background": None}) == []


def test_last_rows_are_those_up_to_the_step(tmp_path):
    assert doctor.last_rows(log.read(tmp_path / "absent.csv")) == []
    for step in range(1, 9):
        log.append(tmp_path / "log.csv", {"step": step, "d_loss": step / 10, "fcd": 7 if step == 4 else ""})
    rows = log.read(tmp_path / "log.csv")
    assert [row["step"] for row in doctor.last_rows(rows)] == [4, 5, 6, 7, 8]
    assert doctor.last_rows(rows, 4)[-1] == {"step": 4, "d_loss": 0.4, "fcd": 7}


def test_last_rows_have_what_the_newest_look_found():
    rows = [{"step": step, "d_loss": 1.0} for step in range(1, 21)]
    assert all("D_gap" not in row for row in doctor.last_rows(rows))
    rows[3] |= {"train_fcd": 9.0, "D_gap": 0.3}
    rows[9] |= {"train_fcd": 8.0, "D_gap": 0.6}
    assert [row.get("D_gap") for row in doctor.last_rows(rows)] == [None] * 4 + [0.6]
    assert [row.get("D_gap") for row in doctor.last_rows(rows, 9)] == [None] * 4 + [0.3]
    assert doctor.last_rows(rows, 3) == rows[:3]
    assert "D_gap" not in rows[-1]
    for column in ("fcd", "swd", "train_fcd", "train_swd"):  # looked at since: it was no meaningful number any more
        later = [*rows[:14], rows[14] | {column: 7.0}, *rows[15:]]
        assert doctor.last_rows(later) == later[-5:]


@pytest.fixture(scope="module")
def mnist():
    """Returns a function from a count to a benchmark on real MNIST and real images that it was not given."""
    if not SHARED.is_dir():
        pytest.skip("needs MNIST as tfds prepares it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(SHARED))
        source = sources.locate("mnist")
        train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    judges = open_judges("mnist", train, test)

    def benchmark(count):
        others = slice(4 * count, 14 * count)  # in all of which each condition would look for copies
        rest = cache.Prepared(train.images[others], train.labels[others], train.sha256, [])
        return (Benchmark("MNIST", rest, test, judges, count=count), train.images[:4 * count],
                train.labels[:4 * count])

    return benchmark


def test_judge_of_mnist_is_good_enough(mnist):
    (judge,) = mnist(100)[0].judges
    assert judge.accuracy >= 0.992
    assert judge.name.startswith("carried judge ")


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
    "untrained gan_maxout": "not trained yet",
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
    yield np.repeat(some[1:2], count, axis=0)  # the first is an odd one, which the judge takes for no digit
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
    for model in ("dcgan", "gan_maxout"):
        keras.utils.set_random_seed(0)
        yield generate(models.build_generator(models.recipe(model, "mnist")), range(count))


@pytest.mark.parametrize("count", [1500, pytest.param(7500, marks=pytest.mark.slow)])
def test_doctor_gives_every_planted_condition_its_verdict(mnist, count, monkeypatch, capsys):
    monkeypatch.setattr(kid, "kernel_distance", lambda *_: kid.Kernel(0.0, 0.0))  # two numbers that are costly and that
    monkeypatch.setattr(sliced, "swd", lambda *_: 0.0)  # the doctor doesn't look at
    benchmark, real, labels = mnist(count)
    numbers = dict(zip(CONDITIONS, map(benchmark.measure, _planted(real, labels, benchmark)), strict=True))
    yardsticks = {doctor.REAL: numbers["fresh real images"], doctor.LINEAR: numbers["PCA-Gaussian"]}
    lines, wrong = [], []
    for condition, expected in CONDITIONS.items():
        for scale in (None, yardsticks):
            given = _verdicts(numbers[condition], yardsticks=scale)
            line = f"| {condition} | {expected or 'healthy'} | {'; '.join(given) or 'healthy'} |"
            if not (given[0].startswith(expected) if given and expected else not given and not expected):
                wrong.append(line)
        lines.append(line)
    with capsys.disabled():
        print("", f"| {count:,} images of MNIST | expected | the doctor says |", "|---|---|---|", *lines, sep="\n")
    assert wrong == []


def test_doctor_finds_the_held_out_digits_healthy():
    source = sources.locate("digits")
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    benchmark = Benchmark("digits", train, test, [])
    rest = np.arange(benchmark.count, len(train.images))
    assert _verdicts(benchmark.measure(train.images[:benchmark.count], rest)) == []
