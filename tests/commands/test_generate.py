"""The commands `generate` and `export`, of one run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgan import latent, models, sampling
from kgan.commands import export, generate
from kgan.data import sources
from kgan.drawing import grids
from kgan.evaluation import candidate
from kgan.runs import loop
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("runs") / "run")
    recipe = models.recipe("dcgan", "digits").override(steps=2, batch_size=2, ema_decay=0.5)
    loop.train(run, recipe, sources.locate("digits"))
    return run


def test_seeds_0_63_draw_the_last_training_grid(command, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command(generate, run.path)
    assert capsys.readouterr().out == "64 images: grid.png\n"
    np.testing.assert_array_equal(np.asarray(Image.open("grid.png")), np.asarray(Image.open(run.sample_files()[-1])))


def test_a_preset_is_drawn_and_described(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command(generate, "preset:mnist", labels="3,4", seeds="0-1")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("preset:mnist is dcgan_fast at step 25,000, trained on tfds mnist:3.0.1, train. FCD 0.")
    assert "; real images have 0.21. Verdict: healthy. Card: " in first
    assert second == "4 images: grid.png"
    assert Image.open("grid.png").size[0] > 56


def test_a_truncated_grid_is_drawn_and_classes_have_folders(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command(generate, "preset:mnist", labels="3,4", seeds="0-1", truncation=0.5, out="pictures/")
    assert sorted(str(path) for path in Path("pictures").rglob("*.png")) == [
        f"pictures/{label}/seed000{seed}.png" for label in (3, 4) for seed in (0, 1)]
    generator = open_generator("preset:mnist")
    z = latent.from_seeds([0, 1], latent.dimension(generator)).numpy() * np.append(1, np.full(63, 0.5))
    drawn = sampling.draw_from(sampling.renderer(generator), z, np.array([3, 3], np.int32))
    for seed in (0, 1):
        np.testing.assert_array_equal(np.asarray(Image.open(f"pictures/3/seed000{seed}.png")), drawn[seed, ..., 0])


def test_npy_holds_the_images_of_the_seeds(run, tmp_path):
    generator = open_generator(run.path)
    grids.save_samples(generator, [9, 2], tmp_path / "two.npy")
    grids.save_samples(generator, range(10), tmp_path / "ten.npy")
    two, ten = (np.load(tmp_path / name, allow_pickle=False) for name in ("two.npy", "ten.npy"))
    assert (two.shape, two.dtype) == ((2, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(two, ten[[9, 2]])


def test_step_draws_that_checkpoint(command, run, tmp_path):
    longer = Run(shutil.copytree(run.path, tmp_path / "longer"))
    loop.train(longer, longer.recipe().override(steps=4), sources.locate("digits"))
    for step, name in ((2, "early"), (None, "late")):
        command(generate, longer.path, step=step, seeds="0-3", out=str(tmp_path / f"{name}.npy"))
    command(generate, run.path, seeds="0-3", out=str(tmp_path / "then.npy"))
    early, late, then = (np.load(tmp_path / f"{name}.npy") for name in ("early", "late", "then"))
    np.testing.assert_array_equal(early, then)
    assert not np.array_equal(early, late)


@pytest.mark.parametrize(("out", "sentence"), [
    ("grid.gif", "must end in .png or .npy"),
    ("absent/grid.png", "lies in a directory that isn't there"),
])
def test_out_errors_are_sentences(command, run, out, sentence):
    with pytest.raises(UserError, match=sentence):
        command(generate, run.path, out=out)


def test_export_main_writes_version_1_with_its_card_and_says_how_to_serve_it(command, run, checked_here, tmp_path,
                                                                              capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command(export, run.path, "out/my digits", step=2)
    said = capsys.readouterr().out
    for line in ("out/my digits/1: dcgan at step 2", "serving_default  z float32 [None, 100]  images uint8 [None, 28,",
                 "the live generator's images, bit for bit; bad requests are refused.",
                 "The model card has no scores: kgan evaluate ",
                 f"-v '{tmp_path}/out/my digits:/models/my-digits' -e MODEL_NAME=my-digits tensorflow/serving:2.20.0"):
        assert line in said
    version = tmp_path / "out" / "my digits" / "1"
    assert (version / "saved_model.pb").is_file()
    assert "# my-digits\n" in (version / "MODEL_CARD.md").read_text()
    np.testing.assert_array_equal(np.asarray(Image.open(version / "samples.png")),
                                  np.asarray(Image.open(run.sample_files()[-1])))


@pytest.mark.parametrize("module", [generate, export])
def test_step_0_is_no_checkpoint(command, run, tmp_path, module):
    with pytest.raises(UserError, match="has no checkpoint of step 0; kept steps: 2"):
        command(module, *[run.path, tmp_path / "out"][:1 if module is generate else 2], step=0)


def test_export_main_writes_onnx(command, run, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    command(export, run.path, tmp_path / "out", format="onnx")
    assert "Verified with ONNX Runtime" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out" / "1").iterdir()) == [
        "MODEL_CARD.md", "check.py", "golden.json", "manifest.json", "model.onnx", "sample.onnx", "samples.png"]
    with pytest.raises(UserError, match="is an ONNX export; score its run"):
        candidate.open_candidate(tmp_path / "out")


@pytest.mark.parametrize("module", [generate, export])
def test_mistakes_are_sentences(command, module, tmp_path):
    with pytest.raises(UserError, match=r"^give (one|a) run directory"):
        command(module)
    arguments = [tmp_path, tmp_path / "out"][:1 if module is generate else 2]
    with pytest.raises(UserError, match="^'.*' is not a run directory"):
        command(module, *arguments)
    Run(tmp_path).create(models.recipe("dcgan"))
    with pytest.raises(UserError, match=r"has no generator.keras yet"):
        command(module, *arguments)
