import pytest
from PIL import Image

from kgan.data import public, sources
from kgan.data.source_types import UnavailableError
from kgan.recipe import Recipe
from kgan.runs import setup
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


def test_what_is_not_given_is_the_runs_own_else_the_recipes(tmp_path):
    new = setup.resolve({"dataset": "digits", "epochs": 3.0}, tmp_path / "run")
    assert (new.run.path, new.recipe.dataset, new.recipe.epochs, new.recipe.batch_size) == (
        tmp_path / "run", "digits", 3.0, 32)
    assert not new.run.exists()
    new.run.create(new.recipe.override(batch_size=8, seed=5))
    again = setup.resolve({"steps": 9}, tmp_path / "run")
    assert (again.recipe.batch_size, again.recipe.seed, again.recipe.steps, again.recipe.epochs) == (8, 5, 9, None)
    assert again.source.name == "digits"


@pytest.mark.parametrize(("given", "path"), [
    ({"dataset": "digits"}, "runs/dcgan_digits"), ({"dataset": "digits", "model": "gan"}, "runs/gan_digits")])
def test_default_directory_names_model_and_data(given, path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert str(setup.resolve(given).run.path) == path


def test_own_pictures_need_no_name_and_name_the_default_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.new("L", (30, 30), 9).save(tmp_path / "photos" / "a.png")
    run, recipe, source, _ = setup.resolve({"data": "photos", "model": "gan_nn"})
    assert (str(run.path), recipe.dataset, recipe.data) == ("runs/gan_nn_photos", None, "photos")
    assert (source.name, source.count) == (None, 1)


def test_mistakes_are_told_before_tensorflow(tmp_path, capsys):
    for given, sentence in (({"model": "vae"}, "model='vae' is unknown"), ({"dataset": "x"}, "dataset='x' is unknown")):
        with pytest.raises(UserError, match=sentence):
            setup.resolve(given, tmp_path / "run")
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UserError, match="holds files but no config.json"):
        setup.resolve({}, tmp_path)
    assert capsys.readouterr().err == ""


def test_download_that_fails_falls_back_too(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sources, "COLAB_CSV", tmp_path / "absent.csv")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "absent"))
    monkeypatch.setattr(public, "_reachable", lambda url: True)

    def fail(*args, **kwargs):
        raise ConnectionError("reset by peer")

    monkeypatch.setattr("tensorflow_datasets.builder", fail)
    dry = setup.resolve({}, tmp_path / "run", download=False)
    assert "another set than mnist_train_small.csv), to be downloaded" in setup.describe(dry)
    _, recipe, source, _ = setup.resolve({}, tmp_path / "run")
    assert (recipe.dataset, source.name) == ("digits", "digits")
    assert "tfds could not provide mnist (reset by peer)" in capsys.readouterr().err


def test_data_that_the_user_named_have_no_stand_in(no_mnist, tmp_path):
    with pytest.raises(UnavailableError):
        setup.resolve({"dataset": "mnist"}, tmp_path / "run")


def test_bfloat16_is_chosen_where_it_is_fast_for_new_runs_only(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(setup.machine, "prefers_bfloat16", lambda: True)
    asked = {"dataset": "digits"}
    run, recipe, *_ = setup.resolve(asked, tmp_path / "run")
    assert recipe.precision == "mixed_bfloat16"
    assert "--precision=float32 keeps float32" in capsys.readouterr().err
    assert setup.resolve({**asked, "precision": "float32"}, tmp_path / "run").recipe.precision == "float32"
    run.create(recipe.override(precision="float32"), data={}, versions={})
    assert setup.resolve(asked, tmp_path / "run").recipe.precision == "float32"  # the run goes on as it began
    assert setup.resolve({**asked, "model": "pca"}, tmp_path / "pca").recipe.precision == "float32"
    assert "bfloat16" not in capsys.readouterr().err


def test_describe_refuses_what_contradicts_the_run(tmp_path):
    new = setup.resolve({"dataset": "digits"}, tmp_path / "run")
    new.run.create(new.recipe)
    assert f"workdir         {tmp_path / 'run'} (goes on)" in setup.describe(new)
    with pytest.raises(UserError, match="this run was started with seed=0 not 1"):
        setup.describe(setup.resolve({"seed": 1}, tmp_path / "run"))


def test_every_field_can_be_given(tmp_path):
    """As `kgan.train` gives them: what a run holds comes back from its own flags."""
    new = setup.resolve({"dataset": "digits"}, tmp_path / "run").recipe
    given = {name: value for name, value in new.to_dict().items() if value is not None}
    assert setup.resolve(given, tmp_path / "other").recipe == new
    assert Recipe.from_dict(new.to_dict()) == new
    assert not Run(tmp_path / "other").exists()
