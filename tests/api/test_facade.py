"""`kgan.fit` and `kgan.load`, as a notebook calls them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from absl import logging
from PIL import Image

import kgan
from kgan import models
from kgan.api import facade
from kgan.api.handles import GeneratorHandle
from kgan.evaluation import evaluate as evaluation
from kgan.gan import GAN
from kgan.runs import scores
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError
from kgan.sampling import generate
from kgan.serving import saved_model

ROOT = Path(__file__).parents[2]
TINY = {"steps": 2, "batch_size": 2, "tick": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with checkpoints of steps 1 and 2."""
    workdir = tmp_path_factory.mktemp("api") / "run"
    kgan.fit("gan_nn", "digits", workdir=workdir, **TINY | {"steps": 1})
    return kgan.fit(workdir=workdir, steps=2)


@pytest.fixture(scope="module")
def told():
    """Draws by labels too."""
    recipe = models.recipe("dcgan_fast", "digits").override(classes=10, clusters=0)
    return GeneratorHandle("told", models.build_generator(recipe))


def test_import_is_quick_and_needs_no_tensorflow():
    code = ("import sys, time; began = time.process_time(); import kgan; kgan.models; kgan.fit; kgan.load; "
            "seconds = time.process_time() - began; "
            "print({'tensorflow', 'keras', 'IPython', 'matplotlib'} & set(sys.modules), seconds)")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, seconds = result.stdout.rsplit(maxsplit=1)
    assert found == "set()"
    assert float(seconds) < 1  # of the processor; 0.2 here


def test_names_that_there_are():
    assert set(kgan.__all__) <= set(dir(kgan))
    with pytest.raises(AttributeError, match="module 'kgan' has no attribute 'fitt'"):
        kgan.fitt  # noqa: B018


def test_the_five_lines_run_as_printed(monkeypatch, tmp_path):
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/how-to/notebook.md")]
    code, same = (re.search(r"```python\n(import kgan\n.*?)```", page, re.DOTALL)[1] for page in pages)
    assert code == same
    assert len(code.splitlines()) == 5
    monkeypatch.chdir(tmp_path)
    short, changes = re.subn(r'workdir="runs/digits"', 'workdir="runs/digits", steps=1, batch_size=2', code)
    assert changes == 1
    names = {}
    exec(short, names)
    assert names["run"].step == 1
    assert Image.open(tmp_path / "walk.gif").n_frames > 3


@pytest.mark.parametrize(("part", "left"), [("load_model", "gan"), ("Doctor(images", "findings")])
def test_the_other_code_of_the_docs_runs_as_printed(monkeypatch, tmp_path, part, left):
    text = (ROOT / "docs" / "how-to" / "notebook.md").read_text(encoding="utf-8")
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if part in code]
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert names[left]


def test_the_same_call_goes_on_and_callbacks_see_every_tick(tmp_path):
    seen = []
    tracker = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, logs["d_loss"])))
    fit = {"workdir": tmp_path / "run", "batch_size": np.int64(2), "tick": 1, "callbacks": [tracker], "penalty": None}
    assert kgan.fit("gan_nn", "digits", steps=2, **fit).step == 2
    again = kgan.fit("gan_nn", "digits", steps=3, **fit)
    assert (again.step, [row["step"] for row in again.log]) == (3, [1, 2, 3])
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert [float(f"{loss:.6g}") for _, loss in seen] == [row["d_loss"] for row in again.log]


def test_init_from_takes_a_run(run, tmp_path):
    branch = kgan.fit(workdir=tmp_path / "branch", init_from=run, steps=3)
    assert branch.recipe.model == "gan_nn"
    assert branch.run.config()["branch"]["step"] == 2


def test_own_pictures_are_given_by_their_path(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(4):
        Image.new("L", (30, 30), 60 * number).save(tmp_path / "photos" / f"{number}.png")
    run = kgan.fit("gan_nn", tmp_path / "photos", workdir=tmp_path / "run", steps=1, batch_size=2)
    assert run.recipe.data == str(tmp_path / "photos")


@pytest.mark.parametrize(("model", "data", "given", "sentence"), [
    ("gan_nn", "digits", {"step": 3}, "fit has no setting 'step' (did you mean 'steps'?); it takes workdir, init_from, "
     "trust, minutes, callbacks, strategy, accept_labels, checkpoint_seconds, keep, patience, "
     "mirror, deterministic and the fields of a recipe"),
    ("gan_nn", "mnsit", {}, "data='mnsit' is neither there nor a data set (did you mean 'mnist'?); data sets: mnist, "),
    ("dcgn", "digits", {}, "model='dcgn' is unknown; known: dcgan, "),
    ("gan_nn", "digits", {"batch_size": 0}, "batch_size=0 must be a number greater than 0"),
    ("gan_nn", "digits", {"steps": "many"}, "steps='many' must be of type int"),
    ("gan_nn", "digits", {"workdir": "/dev/null/x"}, "workdir='/dev/null/x' can't be made"),
    ("gan_nn", "digits", {"init_from": "nowhere"}, "'nowhere' is not a run directory"),
])
def test_mistakes_are_value_errors_of_one_sentence(tmp_path, monkeypatch, model, data, given, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(sentence)) as error:
        kgan.fit(model, data, **{"workdir": "run"} | given)
    assert isinstance(error.value, UserError)
    assert list(tmp_path.iterdir()) == []


def test_another_recipe_than_the_runs_is_refused(run):
    with pytest.raises(UserError, match="this run was started with batch_size=2 not 4;"):
        kgan.fit(workdir=run.path, batch_size=4)


def test_what_is_logged_is_printed_and_the_programs_logging_is_as_before(run, capsys):
    before = logging.get_absl_logger().handlers, logging.get_verbosity()
    kgan.fit(workdir=run.path)
    assert "is complete at step 2; a larger --epochs, --steps or --images extends it." in capsys.readouterr().err
    assert (logging.get_absl_logger().handlers, logging.get_verbosity()) == before


def test_images_depend_on_their_seed_and_label_alone(told):
    images = told.images([0, 1, 12, 3])
    assert (images.shape, images.dtype) == ((4, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(told.images([12]), images[2:3])
    np.testing.assert_array_equal(told.images([12], labels=2), images[2:3])  # by default the seed modulo ten
    np.testing.assert_array_equal(told.images([0, 1, 12, 3], labels=[0, 1, 2, 3]), images)
    assert not np.array_equal(told.images([12], labels=3), images[2:3])


def test_a_sample_is_a_grid_with_a_column_for_each_class(told, run):
    grid = told.sample(20)
    assert grid.size == (2 * 302, 2 * 62)  # ten columns and two rows of 28 pixels with gaps of 2, doubled
    cell = np.asarray(grid)[4 + 60:4 + 60 + 56:2, 4 + 60 * 3:4 + 60 * 3 + 56:2]
    np.testing.assert_array_equal(cell, told.images([13])[0, :, :, 0])
    assert told.sample(6, labels=[7, 8]).size == (10 * 62, 10 * 92)
    assert run.sample(4).size == (10 * 62, 10 * 62)  # without classes: as square as can be


def test_walks(told, run, tmp_path):
    walk = told.walk(labels=[3, 5, 7], frames=2)
    assert walk.pixels.shape == (6, 28, 28, 1)
    np.testing.assert_array_equal(walk.pixels[::2], told.images([0, 0, 0], labels=[3, 5, 7]))
    walk = run.walk([1, 5, 9], frames=3)
    np.testing.assert_array_equal(walk.pixels[::3], run.images([1, 5, 9]))
    walk.save(tmp_path / "walk.gif")
    assert Image.open(tmp_path / "walk.gif").n_frames == 9
    walk.save(str(tmp_path / "walk.png"))
    assert Image.open(tmp_path / "walk.png").size == (92, 92)
    assert 'src="data:image/gif;base64,' in walk._repr_html_()
    walk.save(tmp_path / "walk.webp")
    assert Image.open(tmp_path / "walk.webp").n_frames == 9
    with pytest.raises(UserError, match=r"must end in .gif or .webp or .mp4 or .png"):
        walk.save("walk.avi")
    grid = run.walk([1, 5, 9, 2], frames=3, rows=2, columns=1)
    assert grid.pixels.shape == (6, 62, 32, 1)
    np.testing.assert_array_equal(grid.pixels[:, 2:30, 2:30], run.walk([1, 5], frames=3).pixels)
    with pytest.raises(UserError, match=r"^4 seeds can't be dealt out to 0×1 walks; give as many for each"):
        run.walk([1, 5, 9, 2], rows=0)


def test_truncated_pictures_are_alike_and_the_facade_draws_them_everywhere(run, told):
    truncated = told.images(range(8), labels=3, truncation=0.2)
    assert truncated.std(axis=0).mean() < 0.7 * told.images(range(8), labels=3).std(axis=0).mean()
    walk = told.walk([1, 5], 3, 1, truncation=0.2)
    np.testing.assert_array_equal(walk.pixels, told.images([1, 5], 3, truncation=0.2))
    cell = np.asarray(run.sample(1, truncation=0.2))[2 * 20:-2 * 20:20, 2 * 20:-2 * 20:20]
    np.testing.assert_array_equal(cell, run.images([0], truncation=0.2)[0, :, :, 0])
    with pytest.raises(UserError, match=r"^truncation=2 must be a number from 0"):
        run.sample(4, truncation=2)


@pytest.mark.parametrize(("draw", "sentence"), [
    (lambda run: run.sample(0), "count=0 must be from 1 to 1,000,000"),
    (lambda run: run.sample(64.0), "count=64.0 must be a whole number"),
    (lambda run: run.sample(True), "count=True must be a whole number"),
    (lambda run: run.sample("64"), "count='64' must be a whole number"),
    (lambda run: run.evaluate(100.0), "count=100.0 must be a whole number"),
    (lambda run: run.images([0, -1]), "seeds=[0, -1] must be whole numbers from 0 to 2⁶³ - 1"),
    (lambda run: run.images([0.5]), "seeds=[0.5] must be whole numbers"),
    (lambda run: run.images([2**63]), "seeds=[9223372036854775808] must be whole numbers from 0 to 2⁶³ - 1"),
    (lambda run: run.images([2**64]), "must be whole numbers from 0 to 2⁶³ - 1"),
    (lambda run: run.images([1, True]), "seeds=[1, True] must be whole numbers"),
    (lambda run: run.images(np.array([True])), "must be whole numbers"),
    (lambda run: run.images([[1]]), "must be whole numbers"),
    (lambda run: run.images([]), "seeds=[] holds none; give one or more"),
    (lambda run: run.images([1], labels=[]), "labels=[] holds none"),
    (lambda run: run.walk([1, 2], frames=0), "frames=0 must be 1 or more"),
    (lambda run: run.walk([1, 2], frames=2.5), "frames=2.5 must be a whole number"),
    (lambda run: run.walk([1, 2], frames=-3), "frames=-3 must be a whole number"),
    (lambda run: run.images([0], labels=3), "generator has no classes"),
    (lambda run: run.walk([4]), "seeds=[4] is one stop; a walk needs two or more"),
    (lambda run: run.save("generator.h5"), "must end in .keras; pictures: .sample().save('grid.png')"),
    (lambda run: run.export("out", "tflite"), "form"),
])
def test_what_cannot_be_drawn_is_said(run, draw, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        draw(run)


def test_a_run_shows_itself(run):
    shown = run._repr_html_()
    assert shown.count("data:image/png;base64,") == 2  # the last grid and the curves
    assert f"Next: run.evaluate(), or kgan evaluate {run.path}" in shown
    assert (run.verdict, run.scores) == (None, None)
    assert repr(run).startswith(f"<gan_nn on digits, step 2 ({run.path}); .sample(64)")


def test_evaluating_keeps_scores_and_a_verdict(run, tmp_path, monkeypatch):
    run, asked = kgan.load(shutil.copytree(run.path, tmp_path / "run")), []
    found = {"protocol": "", "notes": [], "numbers": {"fcd": 12.5}, "yardsticks": {}, "count": 10,
             "verdict": [{"verdict": "low variety", "evidence": "all alike", "advice": "train longer"}]}

    def evaluate(path, **how):
        asked.append((path, how))
        scores.save(run.run, 2, found)
        return evaluation.Evaluation(found, "a table <of> text", [])

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    shown = run.evaluate(count=50)
    assert asked == [(run.path, {"step": 2, "count": 50})]
    assert (repr(shown), "a table &lt;of&gt; text" in shown._repr_html_()) == ("a table <of> text", True)
    assert (run.scores, run.verdict) == ({"fcd": 12.5}, "low variety: all alike")
    assert "Verdict: low variety: all alike." in run._repr_html_()


def test_load_gives_the_same_pictures_from_everything(run, told, toy_gan, tmp_path):
    expected = told.images([0, 7])
    assert kgan.load(told) is told
    np.testing.assert_array_equal(kgan.load(run.path).images([0, 7]), run.images([0, 7]))
    told.save(tmp_path / "told.keras")
    np.testing.assert_array_equal(kgan.load(tmp_path / "told.keras").images([0, 7]), expected)
    gan = toy_gan(ema_decay=0.5)
    gan.save(tmp_path / "gan.keras")
    np.testing.assert_array_equal(kgan.load(str(tmp_path / "gan.keras")).images([0, 7]), gan.generate([0, 7]))
    first, last = kgan.load(run.path, step=1), kgan.load(run.path)
    assert (first.step, [row["step"] for row in first.log], last.step) == (1, [1], 2)


@pytest.mark.parametrize("name", ["run", "told"])
def test_load_draws_from_an_export_that_is_trusted(request, tmp_path, name):
    trained = request.getfixturevalue(name)
    saved_model.write(trained.generator, tmp_path / "export" / "3")
    with pytest.raises(UserError, match="is a SavedModel, a program that can do anything"):
        kgan.load(tmp_path / "export")
    loaded = kgan.load(tmp_path / "export", trust=True)
    labels = None if name == "run" else [3, 4]
    difference = loaded.images([5, 8], labels).astype(int) - trained.images([5, 8], labels)
    assert np.abs(difference).max() <= 1
    assert loaded.walk([5, 8], labels=None if name == "run" else 3, frames=2).pixels.shape == (4, 28, 28, 1)
    assert loaded.sample(4, labels).width > 200
    with pytest.raises(UserError, match=r"^truncation=0.5 needs to know which values of z may be scaled, and export"):
        loaded.images([5], labels, truncation=0.5)
    with pytest.raises(UserError, match="draws one walk at a time"):
        loaded.walk([5, 8], labels, rows=2)
    with pytest.raises(UserError, match="takes labels; give labels=" if name == "told" else "takes no labels"):
        loaded.images([0], None if name == "told" else 1)
    if name == "told":
        with pytest.raises(UserError, match=r"^labels=\[3, 10\] are refused by export .*: one is none of its classes"):
            loaded.images([0, 1], [3, 10])


def test_load_opens_presets_by_name():
    expected = generate(open_generator("preset:mnist"), [3], [7])
    for name in ("mnist", "preset:mnist"):
        np.testing.assert_array_equal(kgan.load(name).images([3], 7), expected)
    with pytest.raises(UserError, match=r"nor a preset \(did you mean 'mnist'\?\); presets: mnist, "):
        kgan.load("mnits")


def test_load_says_what_it_cannot_open(tmp_path, run):
    (tmp_path / "torn.keras").write_bytes(b"PK no zip")
    image = keras.Input((4, 4, 1))
    keras.Model(image, keras.layers.Flatten()(image)).save(tmp_path / "judge.keras")
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").touch()
    for name, sentence in (("torn.keras", "can't be loaded"), ("judge.keras", "holds no generator"),
                           ("onnx", "is an ONNX export"), ("", "is neither a run directory nor an export")):
        with pytest.raises(UserError, match=sentence):
            kgan.load(tmp_path / name)
    with pytest.raises(UserError, match="has no checkpoint of step 9; kept steps: 1, 2"):
        kgan.load(run.path, step=9)
    with pytest.raises(UserError, match="step=1 is for a run directory"):
        kgan.load(tmp_path / "torn.keras", step=1)


def test_a_keras_file_with_code_in_it_is_refused(tmp_path):
    z = keras.Input((3,))
    x = keras.layers.Lambda(lambda z: z * 2)(keras.layers.Dense(16)(z))
    keras.Model(z, keras.layers.Reshape((4, 4, 1))(x)).save(tmp_path / "lambda.keras")
    with pytest.raises(UserError, match=r"lambda.keras' can't be loaded"):
        kgan.load(tmp_path / "lambda.keras")


def test_gan_is_the_class_of_the_heart():
    assert kgan.GAN is GAN


def test_more_than_can_be_held_is_a_sentence_at_once():
    drawn = kgan.load("preset:digits")
    for call, said in ((lambda: drawn.sample(10**9), "count=1000000000 must be from 1 to 1,000,000"),
                       (lambda: drawn.images(range(10**9)), "seeds holds more than 1,000,000; give that many at most"),
                       (lambda: drawn.images(range(10**30)), "seeds holds more than 1,000,000"),
                       (lambda: drawn.images([1], range(10**9)), "labels holds more than 1,000,000"),
                       (lambda: drawn.walk([1, 2], frames=10**9), "frames=1000000000, from each of 2 stops, are more"),
                       (lambda: drawn.walk([1], labels=[1, 2], frames=10**9), "from each of 2 stops, are more than"),
                       (lambda: generate(drawn.generator, range(10**9)), "seeds holds more than 1,000,000")):
        with pytest.raises(ValueError, match=re.escape(said)):
            call()


def test_keep_and_checkpoint_seconds_are_those_of_the_command(tmp_path, monkeypatch):
    class Stop(Exception):  # noqa: N818
        pass

    def train(*job, **settings):
        seen.update(settings)
        raise Stop

    seen = {}
    monkeypatch.setattr("kgan.runs.loop.train", train)
    with pytest.raises(Stop):
        kgan.fit("gan_nn", "digits", workdir=tmp_path / "run", steps=2, keep=5, checkpoint_seconds=7.0)
    assert (seen["history"], seen["checkpoint_seconds"]) == (5, 7.0)


def test_a_setting_by_both_of_its_names_is_refused(tmp_path):
    with pytest.raises(UserError, match="kinds=7 and clusters=5 are one setting"):
        kgan.fit("dcgan_fast", "digits", workdir=tmp_path / "run", clusters=5, kinds=7)
    job = facade._given("dcgan_fast", "digits", {"clusters": 5, "kinds": None})
    assert job["clusters"] == 5
