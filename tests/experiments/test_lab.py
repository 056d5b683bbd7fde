"""The laboratory: runs stop at the quick length or with the time, go on, and say how long they are."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from experiments.papers import networks, pages
from experiments.papers.claims import MissingError
from experiments.papers.jobs import Job, Result, lengths
from experiments.papers.lab import Lab
from kgan import models

TOY = Job("toy", "gan_nn", 1280, 320, fields={"tick": 5})  # 64 images a step: 20 steps, quick: 5


def test_a_quick_run_is_short_and_goes_on_to_its_whole_length(no_mnist, tmp_path, capsys):
    quick = Lab([TOY], tmp_path, quick=True)
    assert quick.stand_in == "digits"
    quick.train(None)
    result = quick.results("toy")[0]
    assert (result.images, result.share()) == (320, 0.25)
    assert quick.complete(TOY, 0) and lengths([result]) == "toy_0 at 25%"
    quick.train(None)  # nothing is left to do
    whole = Lab([TOY], tmp_path)
    assert not whole.complete(TOY, 0)
    whole.train(None)
    result = whole.results("toy")[0]
    assert (result.images, result.share(), [row["step"] for row in result.rows]) == (1280, 1.0, [5, 10, 15, 20])
    assert result.run.recipe().images == 1280
    assert whole.seconds["toy_0"]["images"] == 1280 and whole.seconds_of(result) > quick.seconds["toy_0"]["seconds"] > 0
    whole.seconds["toy_0"]["images"] = 640  # the other half was trained by another command
    assert whole.seconds_of(result) is None
    assert result.samples(3).shape == (3, 28, 28, 1)
    assert capsys.readouterr().out.count("toy_0: to") == 2


def test_used_up_time_leaves_runs_as_they_are_and_says_so(no_mnist, tmp_path):
    lab = Lab([TOY], tmp_path)
    lab.train(0.0)
    assert "used up" in lab.notes[0][1]
    with pytest.raises(MissingError, match="nothing of toy"):
        lab.results("toy")


def test_time_ends_a_run_at_a_tick(no_mnist, tmp_path):
    lab = Lab([TOY], tmp_path)
    lab.train_one(TOY, 0, 0.0)
    assert lab.results("toy")[0].images == 320


def test_cifar_is_needed_where_it_is_not_given(no_mnist, tmp_path):
    lab = Lab([Job("colour", "gan", 100, 10, "cifar10")], tmp_path)
    lab.train(None)
    with pytest.raises(MissingError, match="--cifar10=PATH") as missing:
        lab.results("colour")
    assert missing.value.never


def test_permuted_pixels_are_put_back(tmp_path):
    lab = Lab([], tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    permuted = images.reshape(3, -1)[:, lab.permutation].reshape(images.shape)
    assert not np.array_equal(permuted, images)
    assert np.array_equal(lab.put_back(permuted), images)


def test_samples_of_permuted_pixels_are_put_back(monkeypatch, no_mnist, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    monkeypatch.setattr("kgan.sampling.generate", lambda generator, seeds: images)
    lab = Lab([], tmp_path)
    for permuted, wanted in ((False, images), (True, lab.put_back(images))):
        result = Result(lab, Job("toy", "gan", 100, 10, permuted=permuted), 0)
        result.generator = None
        assert np.array_equal(result.samples(3), wanted)


def test_kept_logs_count_where_they_are_longer(monkeypatch, tmp_path):
    lab = Lab([Job("chapagain", "dcgan_pooled", 1_600_000, 1000), Job("meher", "dcgan64", 1_250_000, 1000)], tmp_path)
    monkeypatch.setattr(Lab, "stand_in", None)
    result, other = (Result(lab, job, 0) for job in lab.jobs.values())
    assert (result.images, result.share()) == (801_600, 0.501)  # 25,050 steps of 32
    assert lengths([result], drawn=False) == "chapagain_0 at 50% (kept)"
    assert lengths([other], drawn=False) == "meher_0 at 22% (kept)"  # 2,100 steps of 128
    monkeypatch.setattr(Lab, "stand_in", "digits")
    assert not Result(lab, lab.jobs["chapagain"], 0).exists


@pytest.mark.parametrize(("trained", "kept", "again"), [
    ((100, 50), (100, 50), False), ((200, 50), (100, 50), True), ((200, 0), (100, 50), False), ((100, 50), (), True)])
def test_a_figure_is_drawn_again_where_it_would_show_more(monkeypatch, tmp_path, trained, kept, again):
    """As long as before: no; one run longer: yes, but not where the other is gone."""
    lab = Lab([Job("a", "gan", 1000, 10), Job("b", "gan", 1000, 10)], tmp_path)
    (tmp_path / "cells").mkdir()
    for name, images in zip("ab", trained, strict=True):
        (tmp_path / "cells" / f"{name}_0.json").write_text(json.dumps({"images": images}), encoding="utf-8")
    earlier = {f"{name}_0": {"images": images} for name, images in zip("ab", kept, strict=False)}
    assert pages.redrawn(lab, ("a", "b"), earlier) == again
    assert not pages.redrawn(lab, (), earlier)


@pytest.mark.parametrize(("change", "network", "gone"), [
    ("without_d_norm", 1, "BatchNormalization"), ("without_dropout", 1, "Dropout"), ("relu_in_d", 1, "LeakyReLU"),
    ("without_g_norm", 0, "BatchNormalization")])
def test_changed_networks_lack_what_is_left_out(change, network, gone):
    built = models.build(models.recipe("dcgan_pooled" if change == "without_d_norm" else "dcgan", "mnist"))
    changed = getattr(networks, change)(*built)

    def kinds(model):
        return [type(layer).__name__.removeprefix("Fast") for layer in model.layers]

    assert any(gone in kind for kind in kinds(built[network]))
    assert not any(gone in kind for kind in kinds(changed[network]))
    assert changed[1](changed[0](np.zeros((2, 100), np.float32), training=True), training=True).shape == (2, 1)


def test_strides_in_place_of_pooling_keep_the_parameters():
    built = models.build(models.recipe("dcgan_pooled", "mnist"))
    changed = networks.strided(*built)
    assert changed[1].count_params() == built[1].count_params()
    assert not any("Pooling" in type(layer).__name__ for layer in changed[1].layers)


def test_commands_name_no_place_of_this_machine():
    told = pages.command([None, None], ["--quick", "--figures=/home/someone/figures", "--minutes=3"])
    assert told == "python -m experiments --quick --figures=figures --minutes=3"
