"""The command, as its users meet it."""

import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from kgan import train
from kgan.runs import checkpoints, setup
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


def _process(*arguments, **environment):
    return subprocess.Popen([sys.executable, "-m", "kgan.train", *arguments], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=os.environ | environment)


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--model=vae"],
     "kgan: model='vae' is unknown; known: dcgan, dcgan64, dcgan_5x5, dcgan_pooled, gan, gan_nn, pca."),
    (["--dataset=imagenet"], "kgan: dataset='imagenet' is unknown; known: mnist, fashion_mnist, cifar10, celeb_a, "
                             "mnist_small, digits; your own images: --data=PATH."),
    (["--data=absent.csv", "--dataset=mnist_small"],
     "kgan: data='absent.csv' is not there; give a folder of images, a zip of images or a CSV."),
    ([f"--data={__file__}"],
     f"kgan: data={__file__!r} is neither a folder, nor a zip, nor a .csv; unpack other archives first."),
    (["--data="], "kgan: data='' is no path; give a folder of images, a zip of images or a CSV."),
    (["runs/x"], "kgan: unexpected argument 'runs/x'; flags are written --name=value."),
    (["--workdir=/dev/null/x"],
     "kgan: workdir='/dev/null/x' can't be made: '/dev/null' is a file; choose another --workdir."),
])
def test_mistakes_end_in_one_sentence_within_seconds(arguments, sentence):
    started = time.monotonic()
    process = _process(*arguments)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, output, error.strip()) == (1, "", sentence)
    assert time.monotonic() - started < 5


def test_explicit_mnist_out_of_reach_fails_within_5_seconds(tmp_path):
    started = time.monotonic()
    # A proxy that nobody listens on: no machine can reach the server through it.
    process = _process("--dataset=mnist", f"--workdir={tmp_path / 'run'}", TFDS_DATA_DIR=str(tmp_path),
                       https_proxy="http://127.0.0.1:9")
    _, error = process.communicate(timeout=60)
    assert time.monotonic() - started < 5
    assert process.returncode == 1
    assert error.count("\n") == 1
    assert "--dataset=digits" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("flag", "value", "sentence"), [
    ("batch_size", 0, "batch_size=0 must be a number greater than 0"),
    ("epochs", 1e308, "epochs=1e+308 must be at most 1000000000"),
    ("epochs", -1.0, "epochs=-1.0 must be a number greater than 0"),
    ("precision", "float64", "precision='float64' is unknown"),
    ("loss", "wgan", "loss='wgan' is unknown"),
    ("dropout", 2.0, "dropout=2.0 must be in"),
    ("image_size", 32, "image_size=32, channels=1 is not a shape of dcgan; it has --image_size=28 --channels=1."),
    ("channels", 2, "channels=2 is unknown; allowed: 1, 3"),
    ("optimizer", "lion", "optimizer='lion' is unknown; allowed: adam, sgd"),
    ("latent_dim", 10**9, "latent_dim=1000000000 must be at most 65536"),
])
def test_impossible_flags_leave_nothing_behind(tmp_path, flag, value, sentence):
    with pytest.raises(SystemExit) as stop:
        command(train, dataset="digits", workdir=str(tmp_path / "run"), **{flag: value})
    assert sentence in stop.value.code
    assert not (tmp_path / "run").exists()


def test_directory_without_write_permission_is_refused_before_tensorflow(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anywhere, so permission is played
    with pytest.raises(SystemExit) as stop:
        command(train, dataset="digits", workdir=str(tmp_path / "run"))
    assert f"'{tmp_path}' can't be written; choose another --workdir" in stop.value.code
    assert "Loading TensorFlow" not in capsys.readouterr().err


def test_dry_run_refuses_what_training_would_refuse(tmp_path):
    with pytest.raises(SystemExit, match="loss='wgan' is unknown"):
        command(train, dry_run=True, dataset="digits", workdir=str(tmp_path / "run"), loss="wgan")


def test_second_ctrl_c_prints_the_command_that_goes_on(tmp_path, monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("kgan.runs.loop.train", interrupted)
    monkeypatch.setattr(sys, "argv", ["train.py", "--dataset=digits"])
    monkeypatch.setenv("TFDS_DATA_DIR", "/my data")
    assert command(train, dataset="digits", workdir=str(tmp_path / "run")) == 130
    assert f"'TFDS_DATA_DIR=/my data' {sys.executable} -m kgan.train --dataset=digits" in capsys.readouterr().out


def test_download_that_fails_falls_back_too(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sources, "COLAB_CSV", tmp_path / "absent.csv")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "absent"))
    monkeypatch.setattr(public, "_reachable", lambda url: True)

    def fail(*args, **kwargs):
        raise ConnectionError("reset by peer")

    monkeypatch.setattr("tensorflow_datasets.builder", fail)
    command(train, dry_run=True, workdir=str(tmp_path / "run"))
    assert "another set than mnist_train_small.csv), to be downloaded" in capsys.readouterr().out
    _, recipe, source = train.resolve({}, str(tmp_path / "run"))
    assert (recipe.dataset, source.name) == ("digits", "digits")
    assert "tfds could not provide mnist (reset by peer)" in capsys.readouterr().err


def test_tensorboard_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        command(train, tensorboard=True)
    assert "pip install 'kgan[tensorboard]'" in stop.value.code


def test_dry_run_prints_everything_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command(train, dry_run=True, dataset="digits", epochs=2.0, batch_size=32)
    output = capsys.readouterr().out
    for text in ("batch_size      32", "runs/dcgan_digits (new)", "1,797 images: scikit", "28×28×1, 1.4 MB",
                 "about 102 steps", "a tenth is held out", "840,705 parameters", "212,865 parameters"):
        assert text in output  # 2 · 0.9 · 1797 / 32 = 101.1 steps
    assert list(tmp_path.iterdir()) == []


def test_default_data_out_of_reach_goes_on_with_digits_aloud(no_mnist, tmp_path, capsys):
    workdir = tmp_path / "run"
    command(train, workdir=str(workdir), steps=1, batch_size=2)
    assert "NOT training on mnist_small: going on with the embedded digits." in capsys.readouterr().err
    config = Run(workdir).config()
    assert config["recipe"]["dataset"] == "digits"
    assert config["data"]["origin"].endswith("(in place of mnist_small, which can't be had)")
    command(train, workdir=str(workdir), steps=2, batch_size=2)  # the same command goes on
    assert Run(workdir).recipe().steps == 2


def test_changed_recipe_is_refused_with_the_difference(no_mnist, tmp_path):
    workdir = str(tmp_path / "run")
    command(train, workdir=workdir, dataset="digits", steps=1, batch_size=2)
    before = Run(workdir).config_file.read_bytes()
    with pytest.raises(SystemExit) as stop:
        command(train, workdir=workdir, batch_size=4, steps=3)
    assert "this run was started with batch_size=2 not 4;" in stop.value.code
    assert Run(workdir).config_file.read_bytes() == before


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path):
    run = Run(tmp_path / "run")
    command = ("--dataset=digits", f"--workdir={run.path}", "--steps=80", "--tick=10", "--batch_size=2")
    process = _process(*command)
    while not run.log_file.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"{sys.executable} -m kgan.train {' '.join(command)}" in output
    stopped = int(run.log_file.read_text().splitlines()[-1].split(",")[0])
    assert stopped % 10 == 0
    assert stopped < 80
    process = _process(*command)
    output, error = process.communicate(timeout=120)
    assert process.returncode == 0
    assert f"Resuming at step {stopped} of 80." in error
    assert [row.split(",")[0] for row in run.log_file.read_text().splitlines()] == [
        "step", *map(str, range(10, 81, 10))]


def test_flags_of_training_have_no_effect_on_a_closed_form_and_say_so(tmp_path, capsys):
    workdir = str(tmp_path / "run")
    command(train, model="pca", dataset="digits", workdir=workdir, steps=50, batch_size=8)
    assert "Without effect on pca: steps, batch_size." in capsys.readouterr().err
    assert Run(workdir).recipe().steps is None


def test_dropout_without_effect_is_said(tmp_path, capsys):
    command(train, model="gan_nn", dataset="digits", dropout=0.5, workdir=str(tmp_path / "run"), dry_run=True)
    assert "Without effect on gan_nn: dropout." in capsys.readouterr().err


def test_dropout_of_a_run_without_it_is_still_a_difference(tmp_path):
    workdir = str(tmp_path / "run")
    command(train, dataset="digits", workdir=workdir, steps=1, batch_size=2, dropout=0.0)
    with pytest.raises(SystemExit) as stop:
        command(train, workdir=workdir, dropout=0.3)
    assert "this run was started with dropout=0.0 not 0.3" in stop.value.code


def test_run_from_before_recipes_named_an_optimizer_goes_on(tmp_path):
    workdir = str(tmp_path / "run")
    command(train, dataset="digits", workdir=workdir, steps=1, batch_size=2)
    run = Run(workdir)
    config = run.config()
    for name in ("optimizer", "image_size", "channels", "crop", "flip", "skip_bad"):
        del config["recipe"][name]
    run.write_config(config)
    assert run.recipe().optimizer == "adam"
    command(train, workdir=workdir, steps=2)
    assert run.recipe().steps == 2


def test_closed_form_dry_run(tmp_path, capsys):
    command(train, model="pca", dataset="digits", workdir=str(tmp_path / "run"), dry_run=True)
    output = capsys.readouterr().out
    assert "generator       79,384 parameters" in output
    assert "discriminator" not in output


def test_own_pictures_need_no_name_and_name_the_default_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("L", (30, 30), 9).save(photos / "a.png")
    run, recipe, source = train.resolve({"data": "photos", "model": "gan_nn"}, None)
    assert (str(run.path), recipe.dataset, recipe.data) == ("runs/gan_nn_photos", None, "photos")
    assert (source.name, source.count) == (None, 1)
    command(train, model="gan_nn", data="photos", steps=1, batch_size=2)
    photos.rename(tmp_path / "moved")
    command(train, model="gan_nn", data="moved", workdir="runs/gan_nn_photos", steps=2)  # the place may change, not the content
    Image.new("L", (30, 30), 8).save(tmp_path / "moved" / "a.png")
    with pytest.raises(SystemExit) as stop:
        command(train, workdir="runs/gan_nn_photos", model="gan_nn", steps=3)
    assert "started on other images" in stop.value.code


def test_bfloat16_is_chosen_where_it_is_fast_for_new_runs_only(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train.machine, "prefers_bfloat16", lambda: True)
    asked = {"dataset": "digits"}
    run, recipe, _ = train.resolve(asked, tmp_path / "run")
    assert recipe.precision == "mixed_bfloat16"
    assert "--precision=float32 keeps float32" in capsys.readouterr().err
    assert train.resolve({**asked, "precision": "float32"}, tmp_path / "run")[1].precision == "float32"
    run.create(recipe.override(precision="float32"), data={}, versions={})
    assert train.resolve(asked, tmp_path / "run")[1].precision == "float32"  # the run goes on as it began
    assert train.resolve({**asked, "model": "pca"}, tmp_path / "pca")[1].precision == "float32"
    assert "bfloat16" not in capsys.readouterr().err
