"""The command that a report prints as "The same again" resolves to the recipe of the run, whatever this began with."""

import shlex

import numpy as np
import pytest
from documents import parsed

from kgan import recipe as recipe_lib
from kgan.report import words
from kgan.report.run_facts import open_runs
from kgan.runs import checkpoints, setup
from kgan.runs.branch import GeneratorFile
from kgan.runtime.errors import UserError

DATA = {"origin": "somewhere", "images": 640, "left_out": 0, "sha256": "0" * 64}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Makes a run as `kgan train` would, up to the first step; commands are typed where all runs lie."""
    monkeypatch.chdir(tmp_path)

    def make(name, init_from=None, step=20, **given):
        job = setup.resolve(given, str(tmp_path / "elsewhere" / name if init_from else name), init_from=init_from)
        branch = {} if job.branch is None else {"branch": job.branch.facts(job.recipe)}
        job.run.create(job.recipe, data=DATA, versions={"kgan": "0"}, **branch)
        checkpoints.save(job.run.checkpoints, step, {"x": np.zeros(1)})
        return job.run

    make("parent", model="dcgan", dataset="digits", batch_size=8, steps=20, dropout=0.25)
    growing = make("growing", model="progan", recipe="small", dataset="digits", grow_images=320, batch_size=16)
    checkpoints.save(growing.checkpoints, 45, {"x": np.zeros(1)})
    (tmp_path / "g.keras").touch()
    return make


def _again(run):
    _, train, *flags = shlex.split(words.command(open_runs([str(run.path)])[0]))
    _, options = parsed(train, flags)
    given = {name: value for name, value in vars(options).items()
             if name in recipe_lib.fields() and value is not None}
    return setup.resolve(given, options.workdir, init_from=options.init_from)


@pytest.mark.parametrize(("init_from", "given"), [
    (None, {"model": "dcgan", "dataset": "digits", "batch_size": 8}),
    (None, {"model": "dcgan_fast", "dataset": "digits", "conditional": False, "g_learning_rate": 0.1 + 0.2}),
    ("parent", {}), ("parent@20", {"batch_size": 32, "steps": 40}),  # 32 is what dcgan has for digits
    ("parent", {"dropout": 0.3, "loss": "hinge", "epochs": 3.5, "flip": True, "skip_bad": True}),
    ("parent", {"trainable_blocks": 1}), ("parent", {"trainable_blocks": 1, "g_learning_rate": 2e-4}),
    ("parent", {"discriminator_warmup": 3, "frozen_d_blocks": 1, "d_learning_rate": 2e-4, "batch_size": 32}),
    ("preset:digits", {"steps": 50}), ("preset:digits", {"g_learning_rate": 1e-4, "ema_images": 100}),
    ("preset:digits", {"trainable_blocks": 2, "dataset": "digits"}),
    ("growing@45", {"discriminator_warmup": 5}), ("growing@45", {"trainable_blocks": 1, "images": 999}),
    ("g.keras", {"model": "dcgan", "dataset": "digits"}),
    ("g.keras", {"model": "dcgan", "dataset": "digits", "discriminator_warmup": 0}),
    ("g.keras", {"model": "progan", "dataset": "digits", "recipe": "small", "g_learning_rate": 1e-3})])
def test_the_same_again(made, init_from, given):
    run = made("run", init_from, **given)
    again = _again(run)
    assert again.recipe == run.recipe()
    branch = run.config().get("branch")
    assert (None if again.branch is None else (again.branch.name, again.branch.step)) == (
        None if branch is None else (branch["run"], branch["step"]))


def test_the_same_again_after_the_run_was_made_longer(made):
    run = made("run", "parent", steps=40)
    run.write_config(run.config() | {"recipe": run.recipe().override(steps=900).to_dict()})
    assert _again(run).recipe.steps == 900


def test_what_a_savedmodel_brought_is_told_in_full(made, tmp_path):
    run = made("run", model="dcgan", dataset="digits", beta_1=0.25)
    file = GeneratorFile(tmp_path / "g.keras")
    facts = file.facts(run.recipe()) | {"run": "/home/alice/exported", "file": "exported"}
    run.write_config(run.config() | {"branch": facts})
    command = words.command(open_runs([str(run.path)])[0])
    _, options = parsed("train", shlex.split(command)[2:])
    assert options.init_from == "exported"
    assert {name: value for name, value in run.recipe().to_dict().items() if value is not None} == {
        name: getattr(options, name) for name, value in run.recipe().to_dict().items() if value is not None}


def test_a_record_that_makes_no_recipe_is_a_sentence(made):
    run = made("run", "parent")
    run.write_config(run.config() | {"branch": run.config()["branch"] | {"changed": {"loss": ["none such", "hinge"]}}})
    with pytest.raises(UserError, match="loss='none such' is unknown"):
        words.command(open_runs([str(run.path)])[0])
