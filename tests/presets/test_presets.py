"""The presets that the package carries, and how they are made."""

import hashlib
import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgan import images, models, presets, sampling
from kgan.data import sources
from kgan.evaluation import preset
from kgan.runs import checkpoints, log, loop, scores
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime import files
from kgan.runtime.errors import UserError
from kgan.serving import card

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_preset", ROOT / "tools" / "make_preset.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(monkeypatch, tmp_path):
    """The preset `pca` where it may be changed."""
    shutil.copytree(presets.DIRECTORY / "pca", tmp_path / "pca")
    monkeypatch.setattr(presets, "DIRECTORY", tmp_path)
    return tmp_path / "pca"


def _state(run, step):
    with np.load(run.checkpoints / f"step-{step}" / checkpoints.STATE) as state:
        return dict(state)


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_has_scores_a_card_and_float16_weights_and_draws_its_picture(name):
    run = Run(f"preset:{name}")
    recipe, step = run.recipe(), run.last_step()
    assert (run.preset, run.name) == (name, f"preset:{name}")
    assert {array.dtype for array in _state(run, step).values() if array.dtype.kind == "f"} == {np.dtype(np.float16)}
    found = scores.load(run, step)
    held_out = {"digits": 174, "cifar10": 2086, "pictures": 1927}
    assert found["count"] == held_out.get(name, 10_000)
    assert f"{recipe.model} at step {step:,} ({name}, " in found["protocol"]
    text = (run.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert models.description(run.recipe().model) in text, f"run `python tools/make_preset.py preset:{name}`"
    for said in (f"kgan sample {name} ", found["protocol"], "rounded to float16"):
        assert said in text
    generator = open_generator(f"preset:{name}")
    drawn = images.grid(sampling.generate(generator, range(64)), columns=card.columns(sampling.classes(generator)))
    kept = np.asarray(Image.open(run.path / card.SAMPLES), np.int16)
    assert np.abs(np.asarray(drawn) - kept).mean() < 0.5  # kernels of another machine move pixels by a grey level


def test_presets_are_small_and_name_no_place_on_anybodys_disk():
    everything = [path for path in presets.DIRECTORY.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in everything) <= 24 * 10**6
    assert {path.name for path in presets.DIRECTORY.iterdir() if path.is_dir()} - {"__pycache__"} == {*presets.names()}
    for name in presets.names():
        recipe = Run(f"preset:{name}").recipe()
        assert recipe.data is None or len(Path(recipe.data).parts) == 1
        texts = [path.read_text(encoding="utf-8") for path in everything if path.suffix in (".json", ".md", ".csv")]
        assert not any(place in text for text in texts for place in ("/home/", "/root/", "/tmp/", "/Users/", str(ROOT)))


@pytest.mark.parametrize("harm", ["a bit", "cut", "gone", "added", "another manifest"])
def test_a_damaged_preset_is_refused(copy, harm):
    assert presets.resolve("preset:pca") == copy
    weights = copy / "checkpoints" / "step-1" / "state.npz"
    content = bytearray(weights.read_bytes())
    if harm == "gone":
        weights.unlink()
    elif harm == "added":
        (copy / "more.txt").touch()
    else:
        content[5000] ^= 1
        weights.write_bytes(content[:-1] if harm == "cut" else content)
    if harm == "another manifest":  # that fits the changed weights
        manifest = json.loads((copy / files.MANIFEST).read_text())
        manifest["checkpoints/step-1/state.npz"]["sha256"] = hashlib.sha256(content).hexdigest()
        (copy / files.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"^the preset pca is damaged \(.*\); install kgan again\.$"):
        open_generator("preset:pca")


def test_an_unknown_name_is_answered_with_those_that_there_are(copy):
    names = ", ".join(presets.names())
    listed = re.escape("there are " + names.replace("pca", "pca (mnist, 28×28 in grey, by pca)"))  # pca alone is there
    with pytest.raises(UserError, match=rf"^'mnst' is no preset; {listed}"):
        Run("preset:mnst")
    with pytest.raises(UserError, match=rf"^give a preset's name, as `kgan sample mnist`; {listed}"):
        presets.resolve("preset:")
    (copy / "config.json").write_text("{")
    with pytest.raises(UserError, match=rf"there are {names}\."):
        presets.resolve("preset:../runs")


def test_other_places_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert presets.resolve("~/runs/a") == Path("/somewhere/runs/a")
    assert presets.resolve(tmp_path) == tmp_path
    assert Run(tmp_path / "pca").preset is None
    assert Run(presets.DIRECTORY / "pca").preset == "pca"


def test_nobody_trains_in_a_preset():
    recipe = models.recipe("pca", "digits")
    with pytest.raises(UserError, match="preset:pca stays as it is; --init_from=preset:pca starts a new run"):
        loop.train(Run("preset:pca"), recipe, sources.locate("digits"))
    assert presets.resolve("preset:pca")


@pytest.mark.parametrize("ema_decay", [None, 0.5])
def test_half_keeps_generator_and_discriminator_to_float16s_rounding(maker, tmp_path, ema_decay):
    run = Run(tmp_path / "run")
    recipe = models.recipe("dcgan", "digits").override(steps=4, batch_size=2, tick=2, dropout=0.3, ema_decay=ema_decay)
    loop.train(run, recipe, sources.locate("digits"), checkpoint_seconds=0)
    made = maker.half(run, 2, tmp_path / "half")
    assert made.recipe() == run.recipe()
    assert made.config()["data"] == run.config()["data"]
    assert [row["step"] for row in log.read(made.log_file)] == [2]
    for mine, theirs in zip(open_generator(made.path).variables, open_generator(run.path, 2).variables, strict=True):
        assert mine.dtype == "float32"
        np.testing.assert_allclose(mine, theirs, rtol=2**-11, atol=2**-25)  # half a unit in the last of 11 bits
    before, after = _state(run, 2), _state(made, 2)
    assert {name.split("/")[0] for name in after} == {
        "discriminator", "generator" if ema_decay is None else "ema_generator"}
    assert sum(name.startswith("discriminator") for name in after) == sum(
        name.startswith("discriminator") for name in before)
    assert any(array.dtype.kind in "iu" for array in after.values())  # dropout's seed
    for name, array in after.items():
        np.testing.assert_array_equal(array, before[name].astype(array.dtype))


def test_half_takes_a_closed_form_too(maker, tmp_path):
    run = Run(tmp_path / "run")
    loop.train(run, models.recipe("pca", "digits").override(latent_dim=5), sources.locate("digits"))
    made = maker.half(run, None, tmp_path / "half")
    assert made.last_step() == 1
    for mine, theirs in zip(open_generator(made.path).variables, open_generator(run.path).variables, strict=True):
        np.testing.assert_array_equal(mine, np.asarray(theirs).astype(np.float16))


def test_a_preset_is_said_in_one_line():
    said = preset.in_words(Run("preset:pca"))
    assert said.startswith("preset:pca is pca fitted to tfds mnist:3.0.1, train. FCD 3")
    assert "; real images have 0.21. Verdict: not healthy: missing modes; " in said
    assert said.endswith(f" Card: {presets.DIRECTORY / 'pca' / 'MODEL_CARD.md'}")
    assert "\n" not in said


def test_the_documentations_table_is_that_of_the_presets(maker):
    text = (ROOT / "docs" / "how-to" / "presets.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(maker.row(Run(f"preset:{name}")) for name in presets.names())


def test_an_export_of_a_preset_says_that_its_weights_were_rounded_and_how_they_score():
    run = Run("preset:mnist")
    text = card.model_card(run, run.last_step(), "digits", "saved_model", "", scores.load(run, run.last_step()))
    assert "| weights | their moving average, rounded to float16 |" in text
    assert re.search(r"^generated +0\.\d\d ", text, re.MULTILINE)
