"""What a report is made of: curves, events, words, pictures, and the machines that guess."""

import base64
import configparser
import dataclasses
import fnmatch
import re
import shlex

import numpy as np
import pytest
from documents import ROOT, parsed
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

from kgan import models, recipe
from kgan.penalties import Batch
from kgan.reporting.report import curves, drawn, events, page, pictures, words
from kgan.reporting.report.curves import Frame
from kgan.reporting.report.events import Event
from kgan.reporting.report.subject import Subject
from kgan.runs import checkpoints
from kgan.runs.directory import Run

DATA = {"origin": "somewhere", "images": 640, "left_out": 0, "sha256": None}


@pytest.fixture
def subject(tmp_path):
    """A run of 100 steps of which nothing is on the disk; `changes` replace its facts, other flags its recipe's."""

    def build(rows=(), config=None, scores=None, model="dcgan", dataset="digits", named=None, **settings):
        made = models.recipe(model, dataset, named).override(**{"steps": 100} | settings)
        facts = {"data": DATA, "versions": {"kgan": "0.3.0"}, **(config or {})}
        return Subject("run", Run(tmp_path / "run"), made, facts, None, list(rows), scores and 100, scores)

    return build


# ---- Curves


def test_axes_are_where_they_should_be():
    frame = Frame(100, 0, 4, False)
    assert (frame.x(0), frame.x(50), frame.x(100)) == (48, 250, 452)
    assert (frame.y(0), frame.y(1), frame.y(4)) == (164, 127.5, 18)
    decades = Frame(100, 1, 100, True)
    assert (decades.y(1), decades.y(10), decades.y(100)) == pytest.approx((164, 91, 18))
    assert decades.ticks == [1, 2, 5, 10, 20, 50, 100]
    assert frame.ticks == [0, 1, 2, 3, 4]


def test_a_line_of_many_points_keeps_its_spikes():
    rows = [{"step": float(step), "d_loss": 1.0} for step in range(1, 10_001)]
    rows[5000]["d_loss"], rows[7000]["d_loss"] = 9.0, -3.0
    rows[100]["d_loss"] = float("nan")
    points = curves._points(rows, "d_loss")
    assert len(points) <= curves.POINTS
    assert points == sorted(points)
    assert {(5001.0, 9.0), (7001.0, -3.0)} <= {*points}
    assert curves._points(rows[:90], "d_loss") == [(row["step"], 1.0) for row in rows[:90]]


def test_runs_are_drawn_on_the_same_axes_and_events_are_numbered():
    short = [{"step": 10.0, "d_loss": 1.0, "g_loss": 1.0}, {"step": 50.0, "d_loss": 2.0, "g_loss": 0.0}]
    long = [{"step": 100.0, "d_loss": 3.81, "fcd": 5.0}]
    found = dict(curves.drawings([(short, [Event(10, "a"), Event(50, "b")]), (long, [])]))
    assert list(found) == ["loss", "validation FCD, on a log scale"]
    first, second = found["loss"]
    assert 'points="88.4,127.5 250.0,91.0"' in first.replace("127.4", "127.5").replace("91.1", "91.0")
    assert re.findall(r'<text class="event" x="([\d.]+)"[^>]*>(\d)<', first) == [("88.4", "1"), ("250.0", "2")]
    assert 'data-steps="100"' in first and 'data-steps="100"' in second
    assert "g_loss" in first and "g_loss" not in second
    assert [bool(drawing) for drawing in found["validation FCD, on a log scale"]] == [False, True]
    assert curves.drawings([([], [])]) == []


def test_shares_of_classes_are_stacked():
    rows = [{"step": 0.0, "share_0": 0.25, "share_1": 0.75}, {"step": 50.0}, {"step": 100.0, "share_0": 1.0,
                                                                             "share_1": 0.0}]
    ((title, (drawing,)),) = curves.drawings([(rows, [])])
    assert title.startswith("share of each class")
    assert re.findall(r'<polygon .*? points="([^"]+)"', drawing) == [
        "48.0,127.5 452.0,18.0 452.0,164.0 48.0,164.0", "48.0,18.0 452.0,18.0 452.0,18.0 48.0,127.5"]
    assert "<title>class 0: 100.0% at the end</title>" in drawing
    assert re.findall(r'<text class="class"[^>]*>(\d)<', drawing) == ["0"]  # class 1 has no room for its number


# ---- Events


def test_events_of_growing_and_of_a_branch(subject):
    rows = [{"step": 8000.0, "D(x)": 0.6, "D(G(z))": 0.4}]
    grown = subject(rows, {"branch": {"run": "runs/before", "step": 70, "anew": True}}, model="progan",
                    dataset="cifar10", named="small", steps=9000, grow_images=12_800, batch_size=16)
    assert events.events(grown)[:3] == [
        Event(0, "4×4 trains alone; goes on from runs/before at step 70"), Event(800, "8×8 fades in"),
        Event(1600, "8×8 trains alone")]
    assert max(event.step for event in events.events(grown)) == 4800  # 32×32 alone, and none from after the log's end


def test_the_doctor_speaks_when_a_verdict_is_new(subject):
    rows = [{"step": float(step), "D(x)": 0.6 if step < 50 else 0.99, "D(G(z))": 0.4 if step < 50 else 0.001,
             "g_loss": 5.0} for step in range(10, 110, 10)]
    rows[7]["duplicates"] = 0.4
    found = events.events(subject(rows))
    assert [event.step for event in found] == [80, 90]  # the mean of five rows is past 0.95 at 90
    assert found[0].words.startswith("duplicates: 40.0% of the images")
    assert found[1].words.startswith("discriminator saturated: D(x) is 0.990")


# ---- Words


def test_what_differs_from_the_papers_recipe(subject):
    likely = subject(named="likely", dataset="mnist_small", steps=None, epochs=100, d_learning_rate=3e-4)
    assert words.differences(likely.recipe) == [
        ("recipe", "likely", "default"), ("epochs", "100", "20"), ("batch_size", "128", "64"),
        ("optimizer", "rmsprop", "adam"), ("g_learning_rate", "0.001", "0.0002"),
        ("d_learning_rate", "0.0003", "0.0002"),
        ("beta_1", "0", "0.5"), ("dropout", "0.4", "0.3")]
    own = dataclasses.replace(models.recipe("dcgan64"), dataset=None, data="photos", seed=7, tick=3)
    assert words.differences(own) == [("dataset", "photos", "cifar10")]
    told = dataclasses.replace(models.recipe("dcgan_fast", "digits"), classes=10)  # found in the data, not chosen
    assert words.differences(told) == []
    assert "Exactly the recipe of" in words.recipe(subject()._replace(recipe=models.recipe("dcgan")))


@pytest.mark.parametrize("changes", [
    {}, {"named": "likely", "dropout": 0.123456789}, {"flip": True, "steps": None, "images": 7000},
    {"model": "progan", "named": "small"}, {"model": "dcgan_fast", "conditional": False},
    {"model": "dcgan_fast", "precision": "mixed_bfloat16"}])
def test_the_command_gives_the_same_recipe(subject, changes):
    made = subject(**changes)
    _, train, *flags = shlex.split(words.command(made))
    _, options = parsed(train, flags)
    given = {name: value for name, value in vars(options).items() if name in recipe.fields() and value is not None}
    again = models.recipe(given["model"], given["dataset"], given.get("recipe")).override(**given)
    assert again == made.recipe


def test_layers_come_with_what_the_paper_leaves_open():
    page = words.layers("dcgan")
    assert page.startswith("<h3>dcgan: DCGAN for 28×28 digits.</h3>")
    assert "\n    z                    100*                | image in [-1, 1]" in page
    for lead in ("Source", "Not in the paper", "Differs from the paper", "Run"):
        assert f"<p><strong>{lead}</strong>" in page
    for model in models.names():
        assert page.count("<pre") == 1 and "<strong>Differs from" in words.layers(model)


def test_scores_become_bars_and_their_absence_a_command(subject):
    assert "<code>kgan evaluate " in words.yardsticks(subject())
    scores = {"protocol": "Protocol: a < b.", "notes": [], "verdict": [], "numbers": {"fcd": 5.0, "recall": None},
              "yardsticks": {"real train vs test": {"fcd": 0.5, "recall": 0.8}, "uniform noise": {"fcd": 20.0}}}
    page = words.yardsticks(subject(scores=scores))
    assert re.findall(r"--share:([\d.]+)", page) == ["0.2500", "0.0250", "1.0000", "0.0000", "1.0000", "0.0000"]
    assert re.findall(r"<caption>(\w+) <span.*?>(.*?)</span>", page) == [
        ("FCD", "lower is better"), ("recall", "higher is better")]
    assert "Protocol: a &lt; b." in page
    assert "<td>–</td>" in page


@pytest.mark.parametrize(("rows", "scores", "said"), [
    ([], None, "Nothing to judge by yet"),
    ([{"step": 9.0, "D(x)": 0.6, "D(G(z))": 0.4}], None, "By the log alone, up to step 9: <strong>nothing wrong"),
    ([{"step": 9.0, "D(x)": 0.99, "D(G(z))": 0.0}], None, "<strong>discriminator saturated</strong>"),
    ([], {"verdict": [], "numbers": {"fcd": 1.0}}, "At step 100: <strong>healthy"),
    ([], {"verdict": [], "numbers": {"swd": 20.0}}, "At step 100: <strong>nothing wrong was found in what can be "),
    ([], {"verdict": [{"verdict": "ill", "evidence": "1 < 2", "advice": "rest"}]}, "<strong>ill</strong>: 1 &lt; 2.")])
def test_the_doctors_words(subject, rows, scores, said):
    assert said in words.verdict(subject(rows, scores=scores))


def test_a_run_that_goes_on_says_so(subject):
    assert "9 of 100 steps; not at its end" in words.protocol(subject([{"step": 9.0}]))
    assert "100 of 100 steps</dd>" in words.protocol(subject([{"step": 100.0}]))


# ---- Pictures


def test_pictures_lose_nothing_until_they_are_many(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    whole, small = (pictures.encoded([noise] * 3, largest)[0] for largest in (10**6, 10**4))
    (tmp_path / "whole.webp").write_bytes(_bytes(whole))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "whole.webp")), np.asarray(noise))
    assert len(small) < len(whole) / 2


def _bytes(url):
    assert url.startswith("data:image/webp;base64,")
    return base64.b64decode(url.partition(",")[2])


def test_of_many_grids_some_are_shown(subject):
    run = subject()
    run.run.samples.mkdir(parents=True)
    for step in range(0, 5000, 100):
        Image.new("L", (20, 20)).save(run.run.sample_file(step))
    found = pictures.frames(run)
    assert len(found.sources) == pictures.FRAMES
    assert list(found.sources) == checkpoints.thinned(range(0, 5000, 100), pictures.FRAMES)
    assert (min(found.sources), max(found.sources)) == (0, 4900)


# ---- Machines that guess


def test_the_nearest_neighbour_guesses_as_scikit_learns(subject, monkeypatch):
    random = np.random.default_rng(3)
    real, fake = (Batch(random.integers(low, low + 60, (drawn.EACH + 50, 4, 4, 1)).astype(np.uint8))
                  for low in (0, 12))
    monkeypatch.setattr(drawn, "_logits", lambda subject, data, batch: batch.images.mean(axis=(1, 2, 3)) - 36.0)
    found = drawn._guess(subject(), None, real, fake, True)
    known = np.concatenate([real.images[drawn.EACH:], fake.images[drawn.EACH:]]).reshape(100, -1)
    model = KNeighborsClassifier(1).fit(known.astype(float), np.arange(100) < 50)
    errors = model.predict(found.pictures.reshape(40, -1).astype(float)) != found.real
    assert found.neighbour == pytest.approx(errors.mean()) and 0 < found.neighbour < 0.6
    said = found.pictures.mean(axis=(1, 2, 3)) > 36  # of a D that takes bright pictures for real ones
    assert found.discriminator == pytest.approx((said != found.real).mean()) and found.discriminator > 0.5
    assert found.real.sum() == 20 and 5 < found.real[:20].sum() < 15  # in no order that one could see
    assert sorted(map(bytes, found.pictures[found.real])) == sorted(map(bytes, real.images[:20]))


def test_the_wheel_carries_what_the_page_is_made_of():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = config["options.package_data"]["kgan.reporting.report"].split(", ")
    there = [path.name for path in page.TEMPLATE.parent.iterdir() if path.suffix not in (".py", "")]
    assert {*re.findall(r"\[\[(\w+\.\w+)\]\]", page.TEMPLATE.read_text()), "page.html"} == {*there, "base.css"}
    assert [name for name in there if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)] == []
