"""The command `report`: its page in a browser, and what it says where something is missing."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from kgan import models
from kgan.batch import Batch
from kgan.commands import report
from kgan.data import cache, sources
from kgan.images import to_float
from kgan.metrics import neighbours
from kgan.report import page, run_facts, samples
from kgan.runs import checkpoints, loop, scores
from kgan.runs.build import build_gan
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError
from kgan.sampling import generate

SCORES = {"protocol": "Protocol: none.", "notes": [], "verdict": [], "count": 9, "numbers": {"fcd": 5.0},
          "yardsticks": {"real train vs test": {"fcd": 0.5}}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A few steps of dcgan, and of networks that are told classes and kinds; PCA; all on digits."""
    place = tmp_path_factory.mktemp("runs")
    short = {"steps": 4, "batch_size": 2, "tick": 2, "sample_every": 2}
    plain = {"penalty": None, "penalty_weight": None, "penalty_sigma": None}  # compiles faster
    for name, model, changes in (("dcgan", "dcgan", short), ("told", "dcgan_fast", short | plain),
                                 ("pca", "pca", {"latent_dim": 60})):
        loop.train(Run(place / name), models.recipe(model, "digits").override(**changes), sources.locate("digits"))
    scores.save(Run(place / "dcgan"), 4, SCORES)
    return place


@pytest.fixture(scope="module")
def written(runs):
    """The page on three runs, and what was printed of it."""
    page.write([str(runs / name) for name in ("dcgan", "told", "pca")], runs / "three.html")
    return runs / "three.html"


def _sprites(text, number=0):
    """The pictures to guess, in their order, (n, 28, 28), and the answers."""
    _, *games = text.split('<div class="game"')
    answers = re.search(r'data-answers="([01]+)"', games[number])[1]
    data = base64.b64decode(re.search(r"base64,([^\"]+)", games[number])[1])
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    pictures = pixels.reshape(5, 28, 8, 28).swapaxes(1, 2).reshape(40, 28, 28)
    return pictures, np.array(list(answers)) == "1"


def test_the_forty_are_what_they_are_called(runs, written):
    pictures, real = _sprites(written.read_text())
    test = cache.prepare_test(sources.locate("digits"), image_size=28, channels=1).images[..., 0]
    made = generate(open_generator(runs / "dcgan"), range(64, 84))[..., 0]
    assert real.sum() == 20
    assert {bytes(one) for one in pictures[~real]} == {bytes(one) for one in made}
    assert {bytes(one) for one in pictures[real]} <= {bytes(one) for one in test}


@pytest.mark.parametrize(("number", "name"), [(0, "dcgan"), (1, "told")])
def test_d_is_this_runs_own(runs, written, number, name):
    found = samples.draw(*samples.load(run_facts.open_runs([str(runs / name)])[0]))
    assert isinstance(found.guess.discriminator, float)
    game = written.read_text().split('<div class="game"')[number + 1]
    assert f'data-machine="{found.guess.discriminator:.1%}"' in game
    if name == "dcgan":
        run = Run(runs / name)
        gan = build_gan(run.recipe())
        gan.load_state(checkpoints.load(run.checkpoints, 4, gan.shapes))
        logits = gan.discriminator(to_float(found.guess.pictures), training=False).numpy()[:, 0]
        assert found.guess.discriminator == pytest.approx(np.mean((logits > 0) != found.guess.real))


def test_neighbours_are_the_nearest_training_images(runs, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 2**18)  # parts of 668 images
    found = samples.draw(*samples.load(run_facts.open_runs([str(runs / "pca")])[0])).neighbours
    train = cache.prepare(sources.locate("digits"), image_size=28, channels=1).images.astype(float)
    for sample, near, distance in zip(found.samples, found.nearest, found.distances, strict=True):
        squares = ((train - sample) ** 2).mean(axis=(1, 2, 3))
        np.testing.assert_array_equal(near, train[squares.argmin()])
        assert distance == pytest.approx(np.sqrt(squares.min()))
    assert 10 < found.usual < 60


def test_every_section_says_something(written):
    text = written.read_text()
    for said in ("dcgan, told, pca", "Not scored yet. <code>kgan evaluate", "Protocol: none.", "The doctor’s words",
                 "DCGAN for 28×28 digits", "– (there is no discriminator)", "scikit-learn&#39;s 8×8 digits, enlarged",
                 "4 of 4 steps", "fitted in closed form", "kgan train --model=dcgan --dataset=digits"):
        assert said in text, said
    assert not re.search(r"\{\{|\{%|&amp;(lt|#)", text)  # nothing is left to fill, or escaped twice
    assert len(text) < 5e6


def test_the_command_says_where_it_is(command, runs, tmp_path, capsys):
    command(report, runs / "pca", out=str(tmp_path / "report.html"))
    assert re.search(r"report.html: 0\.\d MB. Open it in any browser", capsys.readouterr().out)
    once = (tmp_path / "report.html").read_bytes()
    command(report, runs / "pca", out=str(tmp_path / "report.html"))
    assert (tmp_path / "report.html").read_bytes() == once


def test_what_can_not_be_reported_on_is_a_sentence(command, runs, tmp_path):
    for arguments, out, said in (([], "a.html", "0 runs are named; give one to 6"),
                                 ([runs / "dcgan"] * 7, "a.html", "7 runs are named"),
                                 ([tmp_path], "a.html", "is not a run directory"),
                                 ([runs / "dcgan"], "a.pdf", "must end in .html"),
                                 (["preset:none"], "a.html", "is no preset")):
        with pytest.raises(UserError, match=re.escape(said)):
            command(report, *arguments, out=str(tmp_path / out))
    assert list(tmp_path.iterdir()) == []


def _changed(runs, tmp_path, change):
    run = Run(shutil.copytree(runs / "dcgan", tmp_path / "changed"))
    change(run)
    page.write([str(run.path)], tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


def test_a_run_that_has_just_begun(runs, tmp_path):
    def empty(run):
        for path in run.path.iterdir():
            if path != run.config_file:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    text = _changed(runs, tmp_path, empty)
    for said in ("No sample grids are kept yet", "There is no log", "Nothing to judge by yet", "has no checkpoint yet"):
        assert said in text
    assert '<div class="game"' not in text


@pytest.mark.parametrize(("facts", "place", "said", "on_screen"), [
    ({"sha256": "0" * 64}, None, "other images are now where the training images were", "8×8 digits, enlarged has "),
    ({"sha256": None}, None, "no hash says which the training images are", ""),
    ({}, "/home/alice/gone", "the training images are not at hand", "data='/home/alice/gone' is not there")])
def test_without_its_data_the_rest_is_there(runs, tmp_path, capsys, facts, place, said, on_screen):
    def move(run):
        config = json.loads(run.config_file.read_text())
        config["data"] |= facts
        config["recipe"]["data"] = place
        run.config_file.write_text(json.dumps(config))

    text = _changed(runs, tmp_path, move)
    assert text.count(f"<p>Left out, as {said}.</p>") == 2
    assert text.count('alt="Samples at step') == 3
    assert "alice" not in text and on_screen in capsys.readouterr().err


def test_too_few_images_to_hold_any_out(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(samples.monitoring, "unseen", lambda recipe, data: None)
    monkeypatch.setattr(samples, "_trained_on", lambda data: Batch(data.prepared.images[:30]))
    page.write([str(runs / "dcgan")], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "15 training pictures (too few are held out), which D has seen, and 15 samples" in text
    assert 'data-rows="4"' in text


def test_a_run_that_goes_on_meanwhile(runs, tmp_path):
    run = Run(shutil.copytree(runs / "dcgan", tmp_path / "run"))
    (found,) = run_facts.open_runs([str(run.path)])
    loaded = samples.load(found._replace(step=3))  # as if that had been the newest, and were gone by now
    assert loaded[0].step == 4
    shutil.rmtree(run.checkpoints)  # whatever takes its time reads no checkpoint any more
    run.generator_file.unlink()
    assert isinstance(samples.draw(*loaded).guess.discriminator, float)


def test_two_runs_of_one_name_are_numbered(runs, tmp_path):
    for parent in ("a", "b"):
        shutil.copytree(runs / "pca", tmp_path / parent / "pca")
    found = run_facts.open_runs([str(tmp_path / "a" / "pca"), str(runs / "dcgan"), str(tmp_path / "b" / "pca")])
    assert [one.name for one in found] == ["pca (1)", "dcgan", "pca (2)"]
    assert [one.place for one in found] == ["pca", "dcgan", "pca"]


# ---- In a browser


def test_the_slider_leads_through_training(opened, written):
    shown = opened(written)
    slider = shown.get_by_label("dcgan: step of the samples")
    grids = shown.locator('.frames').first.locator("figure:visible")
    assert grids.inner_text() == "step 4"
    slider.focus()
    shown.keyboard.press("ArrowLeft")
    assert grids.inner_text() == "step 2"
    assert slider.get_attribute("aria-valuetext") == "step 2"
    now = shown.locator('.panels [data-run="0"] .now').first
    assert (now.get_attribute("visibility"), float(now.get_attribute("x1"))) == ("visible", 250)
    assert shown.evaluate("[...document.images].every(one => one.naturalWidth > 0)")


def test_the_game_by_keys(opened, written):
    _, real = _sprites(written.read_text())
    shown = opened(written)
    game = shown.locator(".game").first
    game.get_by_role("button", name="Begin").focus()
    shown.keyboard.press("Enter")
    for number, answer in enumerate(real):
        assert game.locator(".count").inner_text() == f"{number + 1} of 40"
        wrong = number < 10
        shown.keyboard.press("ArrowLeft" if answer != wrong else "f")
    rows = game.locator("tbody tr").all_inner_texts()
    assert rows[0].split() == ["you", "25.0%"]
    assert [row.split()[0] for row in rows] == ["you", "D", "1-NN"]
    assert all(re.search(r"\d+\.\d%$", row) for row in rows)
    assert game.locator(".gallery .wrong").count() == 10
    game.get_by_role("button", name="Again").click()
    game.get_by_role("button", name="Fake").click()
    assert game.locator(".count").inner_text() == "2 of 40"


def test_a_small_screen_and_print(opened, written):
    shown = opened(written, width=360, has_touch=True, is_mobile=True)
    assert shown.evaluate("document.documentElement.scrollWidth") == 360
    small = shown.evaluate("""[...document.querySelectorAll("button, input, summary")].map(one =>
        one.getBoundingClientRect()).filter(({ width, height }) => width && (width < 44 || height < 44))""")
    assert small == []
    shown.emulate_media(media="print")
    assert shown.locator("#guess").is_hidden()
    assert shown.locator(".frames").first.locator("figure:visible").all_inner_texts() == ["step 0", "step 2", "step 4"]
