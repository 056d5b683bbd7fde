"""What the claims' measures give, on planted curves, images and networks whose numbers are known."""

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

import tensorflow as tf
from PIL import Image
from scipy import stats

from experiments.papers.claims import REPRODUCED, MissingError
from experiments.papers.jobs import Job
from experiments.papers.lab import Lab
from experiments.papers.measures import closed_form, colour, curves, discriminators, judges, proofs, runs
from kgan import models

WHITE, BLACK = np.full((40, 28, 28, 1), 255, np.uint8), np.zeros((40, 28, 28, 1), np.uint8)


def _rows(d, g, **more):
    return [{"step": 50 * (n + 1), "epoch": (n + 1) / 2, "d_loss": d[n], "g_loss": g[n],
             **{name: values[n] for name, values in more.items()}} for n in range(len(d))]


def test_quarters_are_of_rows():
    rows = _rows([1, 1, 2, 2, 3, 3, 8, 10], [0] * 8)
    assert curves.quarters("d_loss")(rows) == {"d_loss, first quarter": 1.0, "d_loss, last quarter": 9.0}


def test_crests_on_planted_curves():
    wave = np.sin(np.arange(40))
    opposite = curves.crests(_rows(1 + wave, 2 - wave), 0)
    assert opposite["correlation"] == pytest.approx(-1) and opposite["opposite moves"] == 1.0
    alike = curves.crests(_rows(1 + wave, 2 + 3 * wave), 0)
    assert alike["correlation"] == pytest.approx(1) and alike["opposite moves"] == 0.0


def test_the_bound_holds_for_any_discriminator_and_is_reached():
    logits = np.random.default_rng(0).normal(size=(500, 2, 64)) * 5
    d = np.logaddexp(0, -logits[:, 0]).mean(axis=1) + np.logaddexp(0, logits[:, 1]).mean(axis=1)
    g = np.logaddexp(0, -logits[:, 1]).mean(axis=1)
    assert (np.exp(-d) + np.exp(-g)).max() <= 1
    assert math.exp(-0.0 - math.log(2)) + math.exp(-math.log(2)) == pytest.approx(1)  # D(x) = 1, D(G(z)) = 1/2


def test_drops_finds_the_largest_rise():
    rows = _rows([1, 1, 1, 1, 2, 2], [1, 1, 1, 1, 3, 3], train_fcd=[90, 10, 9, 8, 16, 15])
    assert curves.drops(rows) == {"rise of FCD": 1.0, "at epoch": 2.5, "of G's loss": 2.0, "of D's loss": 1.0}
    with pytest.raises(MissingError):
        curves.drops(rows[:2])


def test_falls_and_rises_are_shares_of_the_first_quarter():
    found = curves.falls_and_rises(_rows([2, 2, 1, 1], [1, 1, 1, 1.5]))
    assert found == {"D's fall": 0.5, "G's rise": 0.5}


def test_runs_of_unequal_length_are_not_compared():
    def seen(*images):
        return [SimpleNamespace(job=SimpleNamespace(name=f"run{at}"), drawn=count) for at, count in enumerate(images)]

    assert len(runs.alike(seen(100, 105, 110))) == 3
    with pytest.raises(MissingError, match="unequal lengths, run0 100, run1 120 images"):
        runs.alike(seen(100, 120))


def test_the_second_system_is_better_number_by_number():
    first = {"fcd": 4, "one_nn": 0.1, "swd": 19, "precision": 0.6, "coverage": 0.5, "recall": 0.5}
    second = {"fcd": 7, "one_nn": 0.2, "swd": 10, "precision": 0.5, "coverage": 0.4, "recall": 0.8}
    better = {one["metric"] for one in runs.metrics(first, second) if one["better"]}
    assert better == {"swd", "recall"}


def test_layers_printed_otherwise_are_noticed():
    from experiments.papers.zhao import CLAIMS as ZHAO
    from experiments.papers.zhao import TABLES

    assert ZHAO[0].judge(None)["verdict"] == REPRODUCED
    wrong = proofs.layer_counts({**TABLES, "generator": (1, *TABLES["generator"][1:])})(None)
    assert [one["printed"] == one["built"] for one in wrong.each] == [False, True]


def test_the_last_epoch_is_the_last_pass():
    assert curves.last_epoch(_rows([9, 9, 9, 1, 3], [0] * 5), "d_loss") == 2.0  # epochs 2 and 2.5 of 2.5


def test_an_epoch_is_seen_with_its_neighbours_and_the_end_is_a_fifth():
    rows = _rows(range(1, 41), [0] * 40)  # epochs 0.5 to 20, row n at n / 2
    assert curves.since_epoch(10, "d_loss")(rows) == {"epoch 10": 20.0, "end": 36.5, "last epoch": 20.0}


def test_the_spread_is_that_of_the_second_half():
    assert curves.spread(_rows([50, 0, 1, 3], [0] * 4)) == {"spread of d_loss": 0.5, "rows": 2, "steps a row": 50.0}


def test_the_first_look_at_samples_is_no_drop():
    rows = _rows([1] * 5, [1] * 5, train_fcd=[1, 100, 50, 40, 44])
    assert curves.drops(rows)["rise of FCD"] == pytest.approx(0.1)


def _result(name, *, drawn=100, whole=200, **numbers):
    return SimpleNamespace(name=f"{name}_0", job=SimpleNamespace(name=name), drawn=drawn, images=drawn, seed=0,
                           kept=None, numbers=numbers, share=lambda images=None, of=whole: (images or drawn) / (
                               of or whole))


def _lab(*results, **more):
    by_name = {one.job.name: one for one in results}
    return SimpleNamespace(shown=by_name.get, results=lambda name, generators=False: [by_name[name]],
                           cached=lambda name, measure: dict(measure()), **more)


def test_small_digits_are_means_of_their_pixels():
    image = np.zeros((2, 28, 28, 1), np.float32)
    image[1, 4:8, 24:28] = 1  # the second row's last
    image[1, 0, 0] = 1
    small = closed_form.shrunk(image)
    assert small.shape == (2, 49) and not small[0].any()
    assert {place: value for place, value in enumerate(small[1].tolist()) if value} == {0: 1 / 16, 13: 1.0}


def test_a_job_that_is_not_there_hides_no_other():
    def look(name):
        if name != "b":
            raise MissingError(f"{name} is not there")
        return 1

    assert runs.there("abc", look) == [1]
    with pytest.raises(MissingError, match="a is not there"):
        runs.there("ac", look)


def test_rows_beyond_the_length_that_counts_are_left_out():
    result = SimpleNamespace(rows=_rows([1, 2, 3, 4], [0] * 4), images=6400)  # 200 steps of 32
    assert [row["d_loss"] for row in runs.until(result, 3200)] == [1, 2]
    assert len(runs.until(result, None)) == 4


def test_settings_are_compared_by_the_worst_beside_the_best():
    found = runs.spread_of("a", "b")(_lab(_result("a", fcd=10), _result("b", fcd=25)))
    assert found.each == [{"a": 10, "b": 25, "worst / best": 2.5}] and found.shares == [0.5]


def test_a_change_stands_beside_what_is_unchanged():
    lab = _lab(_result("same", fcd=10), _result("without", fcd=15, drawn=105))
    found = runs.arms("same", "without", numbers=lambda n: {"fcd": n["fcd"]})(lab)
    assert found.each == [{"change": "without", "fcd": 15, "fcd unchanged": 10}] and found.shares == [0.5]


def test_the_first_of_two_systems_is_named_first():
    keys = ("fcd", "one_nn", "swd", "precision", "coverage", "recall")
    found = runs.metrics(dict.fromkeys(keys, 1), dict.fromkeys(keys, 2))
    assert {(one["first"], one["second"]) for one in found} == {(1, 2)}


def test_permuted_stands_beside_plain():
    fcds = {"plain_gan": 20, "permuted_gan": 22, "plain_dcgan": 10, "permuted_dcgan": 30}
    each = runs.permutation(_lab(*(_result(name, fcd=fcd) for name, fcd in fcds.items()))).each[0]
    assert (each["MLP: permuted / plain"], each["DCGAN: permuted / plain"]) == (1.1, 3.0)


def test_the_best_of_a_group_is_a_share_of_the_untrained(monkeypatch):
    monkeypatch.setattr(runs, "untrained_fcd", lambda lab, one: 100)
    found = runs.best_of({"one": ["a", "b"], "two": ["c"]})(
        _lab(_result("a", fcd=90), _result("b", fcd=30), _result("c", fcd=80, drawn=50)))
    assert [one["best"] for one in found.each] == [0.3, 0.8] and found.shares == [0.5, 0.25]


def test_grids_of_the_same_seeds_are_held_against_the_real_ones(tmp_path):
    random = np.random.default_rng(0)
    real, noise = random.integers(0, 60, (256, 256), np.uint8), random.integers(0, 256, (256, 256), np.uint8)
    samples = tmp_path / "run" / "samples"
    samples.mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text("{}")
    for name, pixels in (("step_000001", noise), ("step_000002", real), ("reals", real)):
        Image.fromarray(pixels).save(samples / f"{name}.png")
    each = runs.fixed_seeds(SimpleNamespace(runs=tmp_path)).each[0]
    assert each["SWD of the last grid"] == 0 and each["SWD of the first grid"] > 10
    with pytest.raises(MissingError, match="grids"):
        runs.fixed_seeds(SimpleNamespace(runs=tmp_path / "run"))


def test_only_sums_of_log_losses_are_held_against_the_bound(monkeypatch, tmp_path):
    monkeypatch.setattr(proofs, "RESULTS", tmp_path / "none")
    for name, loss in (("logs", "non_saturating"), ("other", "wasserstein")):
        (tmp_path / name).mkdir()
        recipe = models.recipe("gan_nn", "mnist").override(loss=loss)
        (tmp_path / name / "config.json").write_text(json.dumps({"recipe": recipe.to_dict()}))
        (tmp_path / name / "log.csv").write_text(f"step,epoch,d_loss,g_loss\n1,1,{math.log(2)},{math.log(4)}\n")
    assert proofs.bound(SimpleNamespace(runs=tmp_path)).each == [
        {"run": "logs", "rows": 1, "largest e^-d + e^-g": 0.75}]


def test_a_gradient_that_is_no_sum_is_noticed(monkeypatch):
    from kgan import losses

    assert proofs.gradient_is_a_sum(None).each[0]["largest difference"] < 1e-4
    true = losses.non_saturating
    monkeypatch.setattr(losses, "non_saturating", SimpleNamespace(
        real=true.real, fake=lambda real, fake: 2 * true.fake(real, fake), discriminator=true.discriminator))
    assert proofs.gradient_is_a_sum(None).each[0]["largest difference"] > 0.1


def test_initial_weights_are_n_0_002():
    each = proofs.initial_weights(None).each[0]
    assert abs(each["mean"]) < 1e-4 and each["largest deviation from 0.02"] < 1e-3 and each["adam"]


def test_the_exact_ratio_is_that_of_two_gaussians():
    found = proofs.ratio_numbers(steps=1)
    x = np.array(found["x"])
    assert found["exact"] == pytest.approx(stats.norm.logpdf(x, 0, 1) - stats.norm.logpdf(x, 1, 1.5))
    assert found["largest difference"] == pytest.approx(np.abs(np.array(found["logit"]) - found["exact"]).max())


def test_answers_near_half_are_counted(monkeypatch):
    gan = SimpleNamespace(generate=lambda seeds: BLACK, discriminator=lambda images, training: tf.reduce_mean(
        images, axis=(1, 2, 3))[:, None] + 1)  # white, 1: logit 2; black, -1: logit 0
    monkeypatch.setattr(discriminators, "restored", lambda result: gan)
    lab = _lab(_result("a"), benchmark=SimpleNamespace(real=WHITE, count=40))
    each = discriminators.half_everywhere("a")(lab).each[0]
    assert each["mean D, test images"] == pytest.approx(1 / (1 + math.exp(-2))) and each["mean D, fakes"] == 0.5
    assert (each["near half D, test images"], each["near half D, fakes"]) == (0.0, 1.0)


def test_a_fresh_discriminator_is_lost_where_both_are_the_same():
    images = np.repeat(WHITE, 4, axis=0)[:128]
    lab = SimpleNamespace(benchmark=SimpleNamespace(train=SimpleNamespace(images=images), real=WHITE, count=40))
    found = discriminators._fresh(lab, SimpleNamespace(samples=lambda count: np.repeat(WHITE, 5, axis=0)[:count]))
    assert found["right"] == 0.5 and found["loss on unseen images"] >= 2 * math.log(2) - 1e-6


def test_ink_in_the_centre_is_that_of_twenty_pixels():
    images = np.zeros((2, 28, 28, 1), np.uint8)
    images[:, 4:24, 4:24] = 100
    images[:, 0, :4] = 100  # four pixels of 404
    result = _result("li_pca", background=0.01)
    result.samples = lambda count: images
    each = closed_form.strokes(_lab(result, benchmark=SimpleNamespace(count=2))).each[0]
    assert each == {"background": 0.01, "ink in the centre": pytest.approx(400 / 404)}


def test_pcas_uniforms_have_the_ranges_that_they_are_named_for(monkeypatch):
    weights = [np.array([-5.0]), np.array([7.0]), np.full((1, 4), 0.5), np.zeros(4)]  # one component of four pixels
    generator = SimpleNamespace(get_weights=lambda: list(weights), set_weights=lambda new: held.update(low=new[0][0],
                                                                                                      high=new[1][0]))
    held = {}
    monkeypatch.setattr("kgan.sampling.generate", lambda generator, seeds: dict(held))
    result = _result("li_pca")
    result.generator = generator
    train = np.zeros((2, 2, 2, 1), np.uint8)
    train[1] = 255  # scores -2 and 2: σ = 2
    lab = _lab(result, measure=lambda drawn: drawn, benchmark=SimpleNamespace(
        train=SimpleNamespace(images=train), count=2))
    found = {name: (one["low"], one["high"]) for name, one in closed_form.uniforms(lab).items()}
    root = 2 * 3**0.5
    assert found == {"min to max": (-5, 7), "±√3 σ": pytest.approx((-root, root)), "-1 to 1": (-1, 1), "0 to 1": (0, 1)}
    assert held == {"low": -5, "high": 7}  # as they were


def test_bad_sets_stand_beside_real_images():
    random = np.random.default_rng(0)
    train = SimpleNamespace(images=random.integers(0, 256, (120, 28, 28, 1), np.uint8), labels=np.arange(120) % 10)
    lab = _lab(real={"score": 9.0}, benchmark=SimpleNamespace(train=train, count=60, real=train.images[:60]),
               measure=lambda images: {"score": len(np.unique(images, axis=0)), "fcd": 1, "copies": 0, "duplicates": 0})
    each = {one["set"]: one for one in judges.planted(lab).each}
    assert {one["real images"] for one in each.values()} == {9.0}
    assert (each["the mean image"]["score"], each["ten images, repeated"]["score"]) == (1, 10)
    assert each["copies of training images"]["score"] == 60


def test_numbers_in_colour_are_of_the_run_beside_pictures_held_out(tmp_path):
    import kgan
    from kgan.data.cache import prepare_test
    from kgan.data.sources import locate
    from kgan.metrics import noise, sliced
    from kgan.runs.directory import Run
    from kgan.sampling import generate

    random = np.random.default_rng(0)
    for number in range(120):
        file = tmp_path / "pictures" / str(number % 2) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(file)
    job = Job("toy", "gan", 8, 8, "cifar10", fields={"image_size": 16, "channels": 3, "batch_size": 4})
    lab = Lab([job], tmp_path / "runs", cifar10=str(tmp_path / "pictures"))
    lab.benchmark = SimpleNamespace(judges=[SimpleNamespace(sha256="0" * 64)])  # only names the cache
    lab.train(None)
    evidence = colour.colours("toy")(lab)
    each, held_out = evidence.each[0], prepare_test(locate(None, lab.cifar10), **Run(
        tmp_path / "runs" / "toy_0").recipe().image_settings).images
    drawn = generate(kgan.load(tmp_path / "runs" / "toy_0").generator, range(len(held_out)))
    assert evidence.shares == [1.0] and 0 < len(held_out) < 60
    assert each["swd"] == pytest.approx(sliced.swd(held_out, drawn), rel=1e-6)
    assert each["contrast"] == pytest.approx(noise.contrast(drawn, held_out), rel=1e-6)
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    with pytest.raises(MissingError, match="--cifar10=PATH"):
        colour.colours("toy")(Lab([job], tmp_path / "runs"))
