"""What a report is made of: curves, events, words, pictures, and the machines that guess."""

import base64
import configparser
import dataclasses
import fnmatch
import shlex
from types import SimpleNamespace

import numpy as np
import pytest
from documents import ROOT, parsed
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

from kgan import models, recipe
from kgan.batch import Batch
from kgan.report import curves, events, page, pictures, samples, words
from kgan.report.curves import Frame
from kgan.report.events import Event
from kgan.report.run_facts import RunFacts
from kgan.runs import checkpoints
from kgan.runs.directory import Run
from kgan.scoring import doctor

DATA = {"origin": "somewhere", "images": 640, "left_out": 0, "sha256": None}


@pytest.fixture
def subject(tmp_path):
    """A run of 100 steps of which nothing is on the disk; `changes` replace its facts, other flags its recipe's."""

    def build(rows=(), config=None, scores=None, model="dcgan", dataset="digits", named=None, **settings):
        made = models.recipe(model, dataset, named).override(**{"steps": 100} | settings)
        facts = {"data": DATA, "versions": {"kgan": "0.3.0"}, **(config or {})}
        return RunFacts("run", Run(tmp_path / "run"), made, facts, None, list(rows), scores and 100, scores)

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
    assert first.lines[0].points.replace("127.4", "127.5").replace("91.1", "91.0") == "88.4,127.5 250.0,91.0"
    assert [(x, text) for x, _, text in first.marks] == [("88.4", "1"), ("250.0", "2")]
    assert first.steps == second.steps == "100"
    assert (first.keys, second.keys) == (["d_loss", "g_loss"], [])
    assert [bool(drawing) for drawing in found["validation FCD, on a log scale"]] == [False, True]
    assert curves.drawings([([], [])]) == []


def test_shares_of_classes_are_stacked():
    rows = [{"step": 0.0, "share_0": 0.25, "share_1": 0.75}, {"step": 50.0}, {"step": 100.0, "share_0": 1.0,
                                                                             "share_1": 0.0}]
    ((title, (drawing,)),) = curves.drawings([(rows, [])])
    assert title.startswith("share of each class")
    assert [share.points for share in drawing.shares] == [
        "48.0,127.5 452.0,18.0 452.0,164.0 48.0,164.0", "48.0,18.0 452.0,18.0 452.0,18.0 48.0,127.5"]
    assert drawing.shares[0].title == "class 0: 100.0% at the end"
    assert [text for *_, text in drawing.labels] == ["0"]  # class 1 has no room for its number


def test_a_strangers_log_is_drawn_as_far_as_it_can_be():
    rows = [{"step": 1.0, "d_loss": 1e308, "share_0": 1e308, "share_<b>": 1.0},
            {"step": 2.0, "d_loss": -1e308, "g_loss": 1.0, "share_0": 0.5, "share_9 ": 0.5}]
    found = dict(curves.drawings([(rows, [])]))
    assert [len(line.points.split()) for line in found["loss"][0].lines] == [1]
    (shares,) = found["share of each class, the first at the bottom"]
    assert [share.title for share in shares.shares] == ["class 0: 50.0% at the end"]


@pytest.mark.parametrize(("probability", "label"), [
    (True, "D's probability that an image is real"), (False, "sigmoid of D's logits")])
def test_the_sigmoid_is_a_probability_where_the_loss_makes_it_one(probability, label):
    assert [found for found, _ in curves.drawings([([{"step": 1.0, "D(x)": 0.5}], [])], probability)] == [label]


# ---- Events


def test_events_of_growing_and_of_a_branch(subject):
    rows = [{"step": 8000.0, "D(x)": 0.6, "D(G(z))": 0.4}]
    grown = subject(rows, {"branch": {"run": "runs/before", "step": 70, "anew": True}}, model="progan",
                    dataset="cifar10", named="small", steps=9000, grow_images=12_800, batch_size=16)
    assert events.events(grown)[:3] == [
        Event(0, "4×4 trains alone; goes on from before at step 70"), Event(800, "8×8 fades in"),
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
    assert words.differences(models.recipe("dcgan")) == []


@pytest.mark.parametrize("changes", [
    {}, {"named": "likely", "dropout": 0.123456789}, {"flip": True, "steps": None, "images": 7000},
    {"model": "progan", "named": "small"}, {"model": "dcgan_fast", "conditional": False},
    {"model": "dcgan_fast", "precision": "mixed_bfloat16"}, {"d_learning_rate": 0.1 + 0.2, "epsilon": 1e-08}])
def test_the_command_gives_the_same_recipe(subject, changes):
    made = subject(**changes)
    _, train, *flags = shlex.split(words.command(made))
    _, options = parsed(train, flags)
    given = {name: value for name, value in vars(options).items() if name in recipe.fields() and value is not None}
    again = models.recipe(given["model"], given["dataset"], given.get("recipe")).override(**given)
    assert again == made.recipe


def test_no_command_gives_a_run_on_arrays_again(subject):
    made = subject()
    assert words.command(made._replace(recipe=made.recipe.override(dataset=None))) is None


def test_layers_come_with_what_the_paper_leaves_open():
    found = words.layers("dcgan")
    assert (found.name, found.title) == ("dcgan", "DCGAN for 28×28 digits.")
    (table,) = (block.text for block in found.blocks if block.drawn)
    assert "\n    z                    100*                | image in [-1, 1]" in table
    leads = [block.lead for block in found.blocks if block.lead]
    assert {"Source", "Not in the paper", "Differs from the paper", "Run"} <= {*leads}
    said = next(block for block in found.blocks if "`" in block.text and not block.drawn)
    assert said.lead + "`".join(said.parts) == said.text
    for model in models.names():
        assert any(block.lead.startswith("Differs from") for block in words.layers(model).blocks)


def test_scores_become_bars_and_their_absence_a_command(subject):
    assert words.yardsticks(subject()) is None
    scores = {"protocol": "Protocol: a < b.", "notes": [], "verdict": [], "numbers": {"fcd": 5.0, "recall": None},
              "yardsticks": {"real train vs test": {"fcd": 0.5, "recall": 0.8}, "uniform noise": {"fcd": 20.0}}}
    fcd, recall = words.yardsticks(subject(scores=scores)).bars
    assert (fcd.heading, fcd.best, recall.heading, recall.best) == (
        "FCD", "lower is better", "recall", "higher is better")
    assert fcd.rows == [("this run", "0.2500", "5.00"), ("real train vs test", "0.0250", "0.50"),
                        ("uniform noise", "1.0000", "20.00")]
    assert [share for _, share, _ in recall.rows] == ["0.0000", "1.0000", "0.0000"]
    assert recall.rows[0][2] == "–"
    assert words.yardsticks(subject(scores=scores)).notes == ["Protocol: a < b."]


@pytest.mark.parametrize(("rows", "scores", "at", "word", "found"), [
    ([{"step": 9.0, "D(x)": 0.6, "D(G(z))": 0.4}], None, "By the log alone, up to step 9", "nothing wrong", []),
    ([{"step": 9.0, "D(x)": 0.99, "D(G(z))": 0.0}], None, "By the log alone, up to step 9", "not healthy",
     ["discriminator saturated"]),
    ([], {"verdict": [], "numbers": {"fcd": 1.0}}, "At step 100", "healthy", []),
    ([], {"verdict": [], "numbers": {"swd": 20.0}}, "At step 100", doctor.UNLABELLED, []),
    ([], {"verdict": [{"verdict": "ill", "evidence": "1 < 2", "advice": "rest"}], "numbers": {"fcd": 1.0}},
     "At step 100", "not healthy", ["ill"])])
def test_the_doctors_words(subject, rows, scores, at, word, found):
    said = words.verdict(subject(rows, scores=scores))
    assert (said.at, said.word, [one.verdict for one in said.findings]) == (at, word, found)
    assert words.verdict(subject()) is None


def test_a_run_that_goes_on_says_so(subject):
    assert dict(words.protocol(subject([{"step": 9.0}])))["Length"].startswith("9 of 100 steps; not at its end")
    assert dict(words.protocol(subject([{"step": 100.0}])))["Length"] == "100 of 100 steps"


def test_a_report_tells_last_names_and_no_paths(subject, tmp_path):
    made = subject(config={"branch": {"run": r"C:\Users\alice\runs\before", "step": 5}})
    made = made._replace(recipe=made.recipe.override(dataset=None, data="/home/alice/private photos/"))
    said = [*words.settings(made.recipe), *words.differences(made.recipe), *words.protocol(made), words.command(made),
            made.place, *(event.words for event in events.events(made))]
    assert "alice" not in str(said) and str(tmp_path) not in str(said)
    assert ("data", "private photos") in said and ("Goes on from", "before") in said
    assert "'--data=private photos'" in words.command(made) and "--init_from=before@5" in words.command(made)


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
    assert len(found) == pictures.FRAMES
    assert list(found) == checkpoints.thinned(range(0, 5000, 100), pictures.FRAMES)
    assert (min(found), max(found)) == (0, 4900)


# ---- Machines that guess


@pytest.mark.parametrize(("loss", "threshold"), [("non_saturating", 0.0), ("least_squares", 0.5)])
def test_the_nearest_neighbour_guesses_as_scikit_learns(subject, monkeypatch, loss, threshold):
    random = np.random.default_rng(3)
    real, fake = (Batch(random.integers(low, low + 60, (samples.EACH + 50, 4, 4, 1)).astype(np.uint8))
                  for low in (0, 12))
    judged = []

    def logits(gan, batch, size, is_real):
        judged.append((size, is_real))
        return batch.images.mean(axis=(1, 2, 3)) / 100

    monkeypatch.setattr(samples.monitoring, "logits", logits)
    made = subject(loss=loss, penalty=None, penalty_weight=None, config={"versions": {"replicas": "2"}}, batch_size=32)
    data = SimpleNamespace(differences=lambda recorded: [])
    found = samples._guess(made, SimpleNamespace(step=100), data, real, fake, True)
    assert judged == [(16, True), (16, False)]  # in batches as a replica's, real ones and others
    known = np.concatenate([real.images[samples.EACH:], fake.images[samples.EACH:]]).reshape(100, -1)
    model = KNeighborsClassifier(1).fit(known.astype(float), np.arange(100) < 50)
    errors = model.predict(found.pictures.reshape(40, -1).astype(float)) != found.real
    assert found.neighbour == pytest.approx(errors.mean()) and 0 < found.neighbour < 0.6
    said = found.pictures.mean(axis=(1, 2, 3)) > 100 * threshold  # of a D that takes bright pictures for real ones
    assert found.threshold == threshold
    assert found.discriminator == pytest.approx((said != found.real).mean()) and found.discriminator >= 0.5
    assert found.real.sum() == 20 and 5 < found.real[:20].sum() < 15  # in no order that one could see
    assert sorted(map(bytes, found.pictures[found.real])) == sorted(map(bytes, real.images[:20]))


@pytest.mark.parametrize("loss", ["wasserstein", "relativistic"])
def test_without_a_threshold_no_error_is_told(subject, loss):
    real, fake = (Batch(np.full((samples.EACH + 50, 4, 4, 1), level, np.uint8)) for level in (9, 1))
    found = samples._guess(subject(loss=loss), object(), None, real, fake, True)
    assert found.discriminator == f"under the {loss} loss no logit is the border between real and fake"
    assert page._game(found, 1).machine == f"– ({found.discriminator})" and page._game(found, 1).threshold == ""


@pytest.mark.parametrize(("package", "place"), [
    ("kgan.report", page.TEMPLATE.parent), ("kgan.drawing", ROOT / "kgan" / "drawing"),
    ("kgan.runtime", ROOT / "kgan" / "runtime"),
    ("kgan.serving", ROOT / "kgan" / "serving"), ("kgan.serving", ROOT / "kgan" / "serving" / "cards"),
    ("kgan.serving.web", ROOT / "kgan" / "serving" / "web")])
def test_the_wheel_carries_what_pages_and_cards_are_made_of(package, place):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = [pattern.split("/")[-1] for pattern in config["options.package_data"][package].split(", ")]
    there = [path.name for path in place.iterdir() if path.suffix not in (".py", "")]
    assert [name for name in there if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)] == []
