"""The command, as its users meet it."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from kgan import models
from kgan.commands import train
from kgan.runs import checkpoints
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError
from kgan.scoring import judge


def _process(*arguments, **environment):
    return subprocess.Popen([sys.executable, "-m", "kgan.train", *arguments], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=os.environ | environment)


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--model=vae"],
     "kgan: model='vae' is unknown; known: " + ", ".join(models.names()) + "."),
    (["--dataset=imagenet"], "kgan: dataset='imagenet' is unknown; known: mnist, fashion_mnist, cifar10, celeb_a, "
                             "mnist_small, digits; your own images: --data=PATH."),
    (["--data=absent.csv", "--dataset=mnist_small"],
     "kgan: data='absent.csv' is not there; give a folder or a zip of images, Parquet, a CSV, an .npz, an .npy or an "
     "IDX file."),
    ([f"--data={__file__}"],
     f"kgan: data={__file__!r} is of no kind that kgan reads; give a folder or a zip of images, Parquet, a CSV, an "
     ".npz, an .npy or an IDX file."),
    (["--data="], "kgan: data='' is no path; give a folder or a zip of images, Parquet, a CSV, an .npz, an .npy "
                  "or an IDX file."),
    (["runs/x"], "kgan: unexpected argument 'runs/x'; flags are written --name=value."),
    (["--workdir=/dev/null/x"],
     "kgan: workdir='/dev/null/x' can't be made: '/dev/null' is a file; choose another --workdir."),
])
def test_mistakes_end_in_one_sentence_within_seconds(arguments, sentence):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = _process(*arguments)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, output, error.strip()) == (1, "", sentence)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)  # of the processor: others may share it
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5


def test_a_run_is_mirrored_and_brought_back_by_the_same_command(tmp_path, command, capsys, monkeypatch):
    monkeypatch.setattr(judge, "STEPS", 20)
    place, copy = tmp_path / "run", tmp_path / "copy"
    flags = {"dataset": "digits", "model": "dcgan", "workdir": str(place), "mirror": str(copy), "batch_size": 2,
             "watch_every": 1.0, "patience": 3}
    command(train, steps=2, **flags)
    place.rename(tmp_path / "lost")
    command(train, steps=3, **flags)
    assert "brought back from" in capsys.readouterr().err
    assert Run(place).last_step() == Run(copy).last_step() == 3
    with pytest.raises(UserError, match=r"^minutes=1 and steps=9: give one of the two\.$"):
        command(train, steps=9, minutes=1.0, **flags)


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
def test_impossible_flags_leave_nothing_behind(command, tmp_path, flag, value, sentence):
    with pytest.raises(UserError) as error:
        command(train, dataset="digits", workdir=str(tmp_path / "run"), **{flag: value})
    assert sentence in str(error.value)
    assert not (tmp_path / "run").exists()


def test_directory_without_write_permission_is_refused_before_tensorflow(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anywhere, so permission is played
    with pytest.raises(UserError) as error:
        command(train, dataset="digits", workdir=str(tmp_path / "run"))
    assert f"'{tmp_path}' can't be written; choose another --workdir" in str(error.value)
    assert "Loading TensorFlow" not in capsys.readouterr().err


def test_dry_run_refuses_what_training_would_refuse(command, tmp_path):
    with pytest.raises(UserError, match="loss='wgan' is unknown"):
        command(train, dry_run=True, dataset="digits", workdir=str(tmp_path / "run"), loss="wgan")
    with pytest.raises(UserError, match="image_size=32, channels=1 is not a shape of dcgan"):
        command(train, dry_run=True, dataset="digits", workdir=str(tmp_path / "run"), image_size=32)


@pytest.mark.parametrize("place", ["/my data", "/data", "", None, "it's; $HOME"])
def test_second_ctrl_c_prints_the_command_that_goes_on_in_a_shell(command, tmp_path, monkeypatch, capsys, place):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    python = tmp_path / "my python"
    python.write_text('#!/bin/sh\necho "$TFDS_DATA_DIR"; for argument in "$@"; do echo "$argument"; done\n')
    python.chmod(0o755)
    monkeypatch.setattr("kgan.runs.loop.train", interrupted)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "argv", ["train.py", "--dataset=digits", "--workdir=my run"])
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    if place is not None:
        monkeypatch.setenv("TFDS_DATA_DIR", place)
    assert command(train, dataset="digits", workdir=str(tmp_path / "run")) == 130
    said, line = capsys.readouterr().out.rstrip().split("\n  ")
    assert said == "\nStopped at once, at the last checkpoint. Go on with:"
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    answer = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == [place or "", "-m", "kgan.train", "--dataset=digits", "--workdir=my run"]


def test_tensorboard_that_is_not_installed(command, monkeypatch):
    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'kgan\[tensorboard\]'"):
        command(train, tensorboard=True)


def test_dry_run_prints_everything_and_writes_nothing(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command(train, dry_run=True, dataset="digits", epochs=2.0, batch_size=32)
    output = capsys.readouterr().out
    for text in ("batch_size      32", "runs/dcgan_digits (new)", "1,797 images: scikit", "28×28×1, 1.4 MB",
                 "about 102 steps", "a tenth is held out", "840,705 parameters", "212,865 parameters"):
        assert text in output  # 2 · 0.9 · 1797 / 32 = 101.1 steps
    assert list(tmp_path.iterdir()) == []


def test_default_data_out_of_reach_goes_on_with_digits_aloud(command, no_mnist, tmp_path, capsys):
    workdir = tmp_path / "run"
    command(train, workdir=str(workdir), steps=1, batch_size=2)
    assert "NOT training on mnist_small: going on with the embedded digits." in capsys.readouterr().err
    config = Run(workdir).config()
    assert config["recipe"]["dataset"] == "digits"
    assert config["data"]["origin"].endswith("(in place of mnist_small, which can't be had)")
    command(train, workdir=str(workdir), steps=2, batch_size=2)  # the same command goes on
    assert Run(workdir).recipe().steps == 2


def test_changed_recipe_is_refused_with_the_difference(command, tmp_path):
    workdir = str(tmp_path / "run")
    command(train, workdir=workdir, dataset="digits", steps=1, batch_size=2)
    before = Run(workdir).config_file.read_bytes()
    with pytest.raises(UserError, match="this run was started with batch_size=2 not 4;"):
        command(train, workdir=workdir, batch_size=4, steps=3)
    assert Run(workdir).config_file.read_bytes() == before


def test_keep_is_how_many_checkpoints_stay_beside_the_last_three(command, tmp_path):
    given = {"model": "gan_nn", "dataset": "digits", "batch_size": 2, "tick": 1, "checkpoint_seconds": 0.0}
    for keep, steps in ((0, 5), (2, 9)):
        command(train, workdir=str(tmp_path / str(keep)), steps=steps, keep=keep, **given)
    assert checkpoints.steps(tmp_path / "0" / "checkpoints") == [3, 4, 5]
    assert checkpoints.steps(tmp_path / "2" / "checkpoints") == [1, 6, 7, 8, 9]


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path):
    run = Run(tmp_path / "run")
    arguments = ("--dataset=digits", f"--workdir={run.path}", "--steps=80", "--tick=10", "--batch_size=2")
    process = _process(*arguments)
    while not run.log_file.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"{sys.executable} -m kgan.train {' '.join(arguments)}" in output
    stopped = int(run.log_file.read_text().splitlines()[-1].split(",")[0])
    assert stopped % 10 == 0
    assert stopped < 80
    process = _process(*arguments)
    output, error = process.communicate(timeout=120)
    assert process.returncode == 0
    assert f"Resuming at step {stopped} of 80." in error
    assert [row.split(",")[0] for row in run.log_file.read_text().splitlines()] == [
        "step", *map(str, range(10, 81, 10))]


def test_flags_of_training_have_no_effect_on_a_closed_form_and_say_so(command, tmp_path, capsys):
    workdir = str(tmp_path / "run")
    command(train, model="pca", dataset="digits", workdir=workdir, steps=50, batch_size=8)
    assert "Without effect on pca: steps, batch_size." in capsys.readouterr().err
    assert Run(workdir).recipe().steps is None


def test_dropout_without_effect_is_said(command, tmp_path, capsys):
    command(train, model="gan_nn", dataset="digits", dropout=0.5, workdir=str(tmp_path / "run"), dry_run=True)
    assert "Without effect on gan_nn: dropout." in capsys.readouterr().err


def test_dropout_of_a_run_without_it_is_still_a_difference(command, tmp_path):
    workdir = str(tmp_path / "run")
    command(train, dataset="digits", workdir=workdir, steps=1, batch_size=2, dropout=0.0)
    with pytest.raises(UserError, match=r"this run was started with dropout=0.0 not 0.3"):
        command(train, workdir=workdir, dropout=0.3)


def test_run_from_before_recipes_named_an_optimizer_goes_on(command, tmp_path):
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


def test_closed_form_dry_run(command, tmp_path, capsys):
    command(train, model="pca", dataset="digits", workdir=str(tmp_path / "run"), dry_run=True)
    output = capsys.readouterr().out
    assert "generator       79,384 parameters" in output
    assert "discriminator  " not in output


def test_own_pictures_may_move_but_not_change(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("L", (30, 30), 9).save(photos / "a.png")
    command(train, model="gan_nn", data="photos", steps=1, batch_size=2)
    photos.rename(tmp_path / "moved")
    command(train, model="gan_nn", data="moved", workdir="runs/gan_nn_photos", steps=2)
    Image.new("L", (30, 30), 8).save(tmp_path / "moved" / "a.png")
    with pytest.raises(UserError, match="started on other images"):
        command(train, workdir="runs/gan_nn_photos", model="gan_nn", steps=3)
