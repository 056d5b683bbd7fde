"""That pages show what the kept runs gave, and nothing else."""

import importlib.util
import json
import re
import shutil

import pytest
from documents import ROOT, text


@pytest.fixture(scope="module")
def made():
    path = ROOT / "tools" / "make_results.py"
    spec = importlib.util.spec_from_file_location("make_results", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_show_what_the_kept_runs_gave(made):
    differ = [str(page.relative_to(ROOT)) for page, wanted in made.pages().items() if text(page) != wanted]
    assert not differ, f"{', '.join(differ)}: run `python tools/make_results.py`."


def test_a_run_is_shown_as_its_files_have_it(made):
    """By hand: 25,050 of 50,000 steps, and the first number of scores.txt."""
    (run,) = (run for run in made.kept() if run.name == "long/chapagain_seed0")
    assert (run.recipe.model, run.step, run.share, run.version) == ("dcgan_pooled", 25_050, 0.501, "0.3.0")
    assert run.score[:4] == (2.96, 0.21, "carried judge 5e80cb78",
                         "10,000 test images of tfds mnist:3.0.1, test, at 28×28×1")
    assert run.command == ("kgan train --model=dcgan_pooled --dataset=mnist --images=1600000 --precision=float32")


def test_a_paper_is_shown_by_the_run_that_came_nearest_to_its_length(made):
    """By hand: 61.6 of Zhao's 100 epochs have the lower FCD, 100 of 100 are shown; of GAN(NN)'s seeds the first."""
    runs = [run for run in made.kept() if run.name.startswith("long/")]
    partly, whole = (next(run for run in runs if run.name == f"long/zhao_{name}_seed0") for name in ("ours", "likely"))
    assert (partly.share, whole.share) == (pytest.approx(0.616), 1.0)
    assert partly.score.fcd < whole.score.fcd
    assert made._shown("dcgan", runs) is whole
    assert made._shown("gan_nn", runs).recipe.seed == 0


def test_pictures_are_shown_by_the_carried_colour_judge(made):
    """By hand: the first numbers of the second table of its scores.txt."""
    (run,) = (run for run in made.kept() if run.name == "long/meher_seed0")
    assert run.score.colour == (25.20, 0.58)
    assert made._row("dcgan64", made.papers()["Generative Adversarial Networks"], run, made.PAGE).endswith(
        "| by the carried colour judge: 25.20 (0.58) |")
    (other,) = (run for run in made.kept() if run.name == "long/chapagain_seed0")
    assert other.score.colour is None


def test_older_runs_are_read(made):
    runs = {run.name: run for run in made.kept()}
    assert runs["gan_mnist"].recipe.model == "gan_maxout"
    assert (runs["gan_mnist"].step, runs["gan_mnist"].time) == (36_000, "1,979 s")
    assert runs["gan_mnist"].share == pytest.approx(60 / 200)
    assert runs["gan_mnist"].score.judge == runs["dcgan_mnist_float32"].score.judge == "judge 6ff0935c"
    assert runs["pca_mnist"].length == runs["preset:pca"].length == "fitted"
    assert runs["dcgan_digits"].score is None


def test_a_table_has_one_judge(made):
    page = text(made.PAGE)
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        assert len(re.findall(r"^By ", section, re.MULTILINE)) == len(set(re.findall(r"^By .*", section, re.MULTILINE)))
    judges = {run.score.judge for run in made.kept() if run.score is not None}
    assert len(judges) > 3


def test_a_new_run_and_a_hand_edit_are_noticed(made, tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    runs = made.kept()
    readme.write_text(text(ROOT / "README.md").replace("| 2.96 (0.21)", "| 1.96 (0.21)"), encoding="utf-8")
    assert "| 1.96 (0.21)" not in made.filled(readme, runs)
    assert "2.96 (0.21)" in made.filled(readme, runs)

    results = tmp_path / "results"
    shutil.copytree(made.RESULTS / "long" / "chapagain_seed0", results / "long" / "again")
    (results / "README.md").write_text("", encoding="utf-8")
    printed = results / "long" / "again" / "scores.txt"
    printed.write_text(re.sub(r"(generated +)2\.96", r"\g<1>1.50", text(printed)), encoding="utf-8")
    monkeypatch.setattr(made, "RESULTS", results)
    assert made._shown("dcgan_pooled", made.kept()).score.fcd == 1.5
    assert "No run is kept" in made.runs_page(made.kept()).partition("## gan_nn")[2].partition("## pca")[0]


def test_every_score_names_its_judge(made):
    with pytest.raises(AssertionError):
        made._protocol("Protocol: 10 images against 10 test images of x, at 28×28×1.")
    for file in made.RESULTS.rglob("config.json"):
        assert json.loads(text(file))["versions"]["kgan"]
