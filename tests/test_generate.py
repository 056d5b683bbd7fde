import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from PIL import Image

from kgan import export, generate, models, trained
from kgan.data import sources
from kgan.reporting import target
from kgan.runs import loop
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError

flags.FLAGS.mark_as_parsed()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("runs") / "run")
    recipe = models.recipe("dcgan", "digits").override(steps=2, batch_size=2, ema_decay=0.5)
    loop.train(run, recipe, sources.locate("digits"))
    return run


def test_seeds_0_63_draw_the_last_training_grid(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generate.main([str(run.path)])
    np.testing.assert_array_equal(np.asarray(Image.open("grid.png")), np.asarray(Image.open(run.sample_files()[-1])))


def test_npy_holds_the_images_of_the_seeds(run, tmp_path):
    generator = models.build_generator(run.recipe())
    run.load_generator(generator)
    generate.write(generator, [9, 2], tmp_path / "two.npy")
    generate.write(generator, range(10), tmp_path / "ten.npy")
    two, ten = (np.load(tmp_path / name, allow_pickle=False) for name in ("two.npy", "ten.npy"))
    assert (two.shape, two.dtype) == ((2, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(two, ten[[9, 2]])


@pytest.mark.parametrize(("out", "sentence"), [
    ("grid.gif", "must end in .png or .npy"),
    ("absent/grid.png", "lies in a directory that isn't there"),
])
def test_out_errors_are_sentences(run, out, sentence):
    with flagsaver.flagsaver(out=out), pytest.raises(SystemExit, match=sentence):
        generate.main([str(run.path)])


def test_export_main_writes_version_1_with_its_card_and_says_how_to_serve_it(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with flagsaver.flagsaver(step=2):
        export.main([str(run.path), "out/my digits"])
    said = capsys.readouterr().out
    for line in ("out/my digits/1: dcgan at step 2", "serving_default  z float32 [None, 100]  images uint8 [None, 28,",
                 "the live generator's images, bit for bit.", "The model card has no scores: python",
                 f"-v '{tmp_path}/out/my digits:/models/my-digits' -e MODEL_NAME=my-digits tensorflow/serving"):
        assert line in said
    version = tmp_path / "out" / "my digits" / "1"
    assert (version / "saved_model.pb").is_file()
    assert "# my-digits\n" in (version / "MODEL_CARD.md").read_text()
    np.testing.assert_array_equal(np.asarray(Image.open(version / "samples.png")),
                                  np.asarray(Image.open(run.sample_files()[-1])))


def test_step_0_is_no_checkpoint(run, tmp_path):
    with flagsaver.flagsaver(step=0), pytest.raises(SystemExit, match="has no checkpoint of step 0: there are 2"):
        export.main([str(run.path), str(tmp_path / "out")])


def test_export_main_writes_onnx(run, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    with flagsaver.flagsaver(format="onnx"):
        export.main([str(run.path), str(tmp_path / "out")])
    assert "Verified with ONNX Runtime" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out" / "1").iterdir()) == [
        "MODEL_CARD.md", "manifest.json", "model.onnx", "samples.png"]
    with pytest.raises(UserError, match="is an ONNX export; score its run"):
        target.open_subject(tmp_path / "out")


@pytest.mark.parametrize(("text", "expected"), [
    ("0-3", [0, 1, 2, 3]),
    ("7", [7]),
    ("3,7,20-22", [3, 7, 20, 21, 22]),
    ("5-5, 1", [5, 1]),
])
def test_parse_seeds(text, expected):
    assert trained.parse_seeds(text) == expected


@pytest.mark.parametrize("text", ["", "a", "3-", "-3", "5-2", "1;2", "1--2", "0.5"])
def test_parse_seeds_refuses_other_forms(text):
    with pytest.raises(ValueError, match=r"seeds=.* is not of the form 0-63 or 3,7,20-29"):
        trained.parse_seeds(text)


def test_parse_seeds_refuses_too_many():
    with pytest.raises(ValueError, match="names more than 1,000,000"):
        trained.parse_seeds("0-1000000")


@pytest.mark.parametrize("command", [generate.main, export.main])
def test_mistakes_are_sentences(command, tmp_path):
    with pytest.raises(SystemExit, match=r"kgan: give (one|a) run directory"):
        command([])
    arguments = [str(tmp_path), str(tmp_path / "out")][:1 if command is generate.main else 2]
    with pytest.raises(SystemExit, match="is not a run directory"):
        command(arguments)
    Run(tmp_path).create(models.recipe("dcgan"))
    with pytest.raises(SystemExit, match=r"has no generator.keras yet"):
        command(arguments)
