"""What is asked for is what is done: branches, other recipes on a run that exists, fields without effect."""

import shutil

import numpy as np
import pytest

import kgan
from kgan import models
from kgan.data import sources
from kgan.runs import branch, loop, resume, setup
from kgan.runs.directory import Run
from kgan.runs.training_data import prepare
from kgan.runtime.errors import UserError


def _checkpoint(run, step):
    (run.checkpoints / f"step-{step}").mkdir(parents=True)


@pytest.fixture
def growing(tmp_path):
    run = Run(tmp_path / "growing")
    run.create(models.recipe("progan", "digits").override(image_size=8, grow_images=160, batch_size=16, max_channels=8))
    _checkpoint(run, 25)
    return run


@pytest.mark.parametrize("changes", [{"batch_size": 32}, {"batch_size": 8}, {"d_steps": 2}, {"grow_images": 320}])
def test_a_growing_branch_keeps_its_phases(growing, tmp_path, changes):
    job = setup.resolve(changes, str(tmp_path / "b"), init_from=f"{growing.path}@25")
    (name, value), = changes.items()
    with pytest.raises(UserError, match=rf"^a branch keeps networks and optimizers and phases: .*{name}=.* not "
                       rf"{value}"):
        resume.check_branch(job.run, job.recipe, prepare(job.source, job.recipe), job.branch)
    setup.resolve({"g_learning_rate": 1e-4}, str(tmp_path / "c"), init_from=f"{growing.path}@25")[3].check_keeps(
        growing.recipe().override(g_learning_rate=1e-4))


def test_a_branch_anew_from_the_middle_of_a_fade_says_that_pictures_jump(growing, tmp_path, capsys):
    _checkpoint(growing, 15)
    _checkpoint(growing, 20)
    for step, jumps in ((15, True), (20, False), (25, False)):
        setup.resolve({"trainable_blocks": 1, "steps": 2}, str(tmp_path / "b"), init_from=f"{growing.path}@{step}")
        told = capsys.readouterr().err
        assert ("is in the middle of a fade, which ends at 20:" in told) == jumps


def test_a_branch_with_nothing_to_train_is_refused(finished, tmp_path):
    job = setup.resolve({}, str(tmp_path / "b"), init_from=str(finished.path))
    with pytest.raises(UserError, match=r"this run would begin at step 7 of .*, and its length is 7 steps: there is "
                       "nothing to train; give a larger --steps"):
        loop.train(*job)
    assert not job.run.exists()


def test_the_same_command_goes_on_when_the_trunk_went_on_or_is_gone(finished, tmp_path, capsys):
    trunk = Run(shutil.copytree(finished.path, tmp_path / "trunk"))
    run = setup.resolve({"steps": 8}, str(tmp_path / "b"), init_from=str(trunk.path)).run
    run.create(trunk.recipe().override(steps=8), branch={"run": str(trunk.path), "step": 7, "before": None})
    for text in (str(trunk.path), f"{trunk.path}@7", str(tmp_path / "elsewhere" / "trunk")):
        assert setup.resolve({"steps": 8}, str(run.path), init_from=text).branch is None
    shutil.rmtree(trunk.path)
    assert setup.resolve({"steps": 8}, str(run.path), init_from=str(trunk.path)).branch is None
    assert "Note" not in capsys.readouterr().err
    setup.resolve({"steps": 8}, str(run.path), init_from=f"{trunk.path}@5")
    assert "goes on from itself; it began with" in capsys.readouterr().err
    with pytest.raises(UserError, match="is a run already, from '.*trunk'@7; leave --init_from out"):
        setup.resolve({"steps": 8}, str(run.path), init_from=str(finished.path))


@pytest.mark.parametrize("name", ["exp@2024", "exp:1"])
def test_a_run_may_have_any_name(finished, tmp_path, name):
    path = shutil.copytree(finished.path, tmp_path / name)
    for text in (str(path), f"{path}@7"):
        assert (branch.parse(text).run.path, branch.parse(text).step) == (path, 7)
    with pytest.raises(UserError, match="has no checkpoint of step 3"):
        branch.parse(f"{path}@3")


@pytest.mark.parametrize("name", ["e", "e@2024", "C:e"])
def test_an_export_may_have_any_name(tmp_path, name):
    (tmp_path / name / "1").mkdir(parents=True)
    (tmp_path / name / "1" / "saved_model.pb").touch()
    assert isinstance(branch.parse(str(tmp_path / name)), branch.GeneratorFile)


@pytest.mark.parametrize("given", [{"model": "pca"}, {"model": "dcgan64"}, {"model": "dcgan_fast", "clusters": 3}])
def test_another_model_on_a_run_that_exists_is_the_sentence_about_the_run(finished, given):
    with pytest.raises(UserError, match=rf"this run was started with model=dcgan not {given['model']}; go on without "
                       r"these flags .* or choose another --workdir\.$"):
        setup.resolve(given, str(finished.path))
    with pytest.raises(UserError, match=r"with seed=0 not 5; .* start a new run from this one: --init_from=.*=NEW\.$"):
        setup.resolve({"seed": 5}, str(finished.path))


@pytest.mark.parametrize("init_from", ["preset:mnist", "file"])
def test_a_closed_form_begins_with_no_networks(finished, tmp_path, init_from):
    text = str(finished.generator_file) if init_from == "file" else init_from
    with pytest.raises(UserError, match="pca is fitted in closed form|a branch keeps networks: .*model=dcgan_fast"):
        loop.train(*setup.resolve({"model": "pca", "dataset": "digits"}, str(tmp_path / "b"), init_from=text))


def test_a_branch_of_a_run_whose_name_ends_like_a_step_goes_on_when_that_is_gone(finished, tmp_path):
    run = Run(tmp_path / "b")
    run.create(finished.recipe(), branch={"run": "exp@2024", "step": 4, "before": None})
    branch.check_began_from(run, "exp@2024")
    branch.check_began_from(run, "exp@2024@4")
    with pytest.raises(UserError, match="is a run already, from 'exp@2024'@4"):
        branch.check_began_from(run, "exp")


def test_a_branch_has_no_named_recipe_and_a_new_run_no_frozen_blocks(finished, tmp_path):
    with pytest.raises(UserError, match="recipe='likely': a branch has the settings of .*; give the fields"):
        setup.resolve({"recipe": "likely"}, str(tmp_path / "b"), init_from=str(finished.path))
    with pytest.raises(UserError, match="trainable_blocks=1 would leave untrained blocks as they are; give --init"):
        setup.resolve({"dataset": "digits", "trainable_blocks": 1}, str(tmp_path / "b"))


@pytest.mark.parametrize(("given", "words"), [
    ({"optimizer": "rmsprop", "epsilon": 1e-8}, "epsilon, rmsprop has none"),
    ({"optimizer": "sgd", "beta_1": 0.0, "beta_2": 0.5, "epsilon": 1e-8}, "beta_2, sgd has none"),
    ({"penalty_sigma": 0.1}, "penalty_sigma, there is no penalty"),
    ({"penalty_share": 0.5}, "penalty_share, there is no penalty"),
    ({"decay_images": 5}, "decay_images, schedule is constant"), ({"floor": 0.5}, "floor, schedule is constant"),
    ({"penalty_floor": 0.5, "penalty": "r1", "penalty_weight": 1.0}, "penalty_floor, schedule is constant"),
    ({"momentum_images": 5}, "momentum_images, there is no momentum_end")])
def test_fields_without_effect_are_named_and_left_out(tmp_path, capsys, given, words):
    job = setup.resolve({"dataset": "digits", **given}, str(tmp_path / "run"))
    assert f"Without effect: {words}." in capsys.readouterr().err
    name = words.partition(",")[0]
    assert getattr(job.recipe, name) == getattr(models.recipe("dcgan", "digits"), name)


def test_fields_with_effect_are_not(tmp_path, capsys):
    given = {"schedule": "cosine", "decay_images": 5, "floor": 0.5, "penalty": "r1", "penalty_weight": 1.0,
             "penalty_sigma": 0.1, "penalty_share": 0.5, "penalty_floor": 0.2, "beta_2": 0.9, "epsilon": 1e-6}
    job = setup.resolve({"dataset": "digits", "model": "dcgan_stable", **given}, str(tmp_path / "run"))
    assert "Without effect" not in capsys.readouterr().err
    assert {name: getattr(job.recipe, name) for name in given} == given


def test_a_growing_run_keeps_its_momentum():
    with pytest.raises(UserError, match="the momentum stays constant while networks grow"):
        models.recipe("progan").override(grow_images=100, optimizer="sgd", momentum_end=0.9, momentum_images=5)


def test_minutes_and_strategy_say_where_they_have_no_effect(finished, tmp_path, capsys):
    loop.train(finished, finished.recipe(), sources.locate("digits"), minutes=1.0)
    assert "Without effect on a run that exists: minutes." in capsys.readouterr().err
    loop.train(*setup.resolve({"model": "pca", "dataset": "digits"}, str(tmp_path / "pca")), minutes=1.0)
    assert "Without effect on pca, which is fitted in one step: minutes." in capsys.readouterr().err


def test_init_from_what_was_loaded_is_of_its_step(tmp_path, finished, monkeypatch):
    seen = []
    monkeypatch.setattr(setup, "parse", lambda text, trust: seen.append(text) or branch.parse(text, trust))
    step = finished.last_step()
    with pytest.raises(UserError, match="nothing to train"):
        kgan.fit(workdir=tmp_path / "b", init_from=kgan.load(finished.path, step=step))
    with pytest.raises(UserError, match="no block of 'preset:digits' fits|image_size=16, channels=1 is not a shape"):
        np.savez(tmp_path / "two.npz", images=np.zeros((9, 28, 28), np.uint8), labels=np.arange(9) % 2)
        kgan.fit(data=tmp_path / "two.npz", workdir=tmp_path / "c", init_from=kgan.load("digits"), image_size=16)
    assert seen == [f"{finished.path}@{step}", "preset:digits"]
    with pytest.raises(UserError, match=r"is neither a path nor a run or preset that was loaded; give the path of the "
                       r"\.keras file"):
        kgan.fit(workdir=tmp_path / "d", init_from=kgan.load(finished.generator_file))


def test_few_images_have_fewer_clusters_unless_they_are_asked_for(tmp_path, capsys):
    for count, kinds in ((15, 0), (80, 10), (128, 16)):
        np.savez(tmp_path / "set.npz", images=np.zeros((count, 64, 64, 3), np.uint8))
        job = setup.resolve({"model": "dcgan_stable", "data": str(tmp_path / "set.npz")}, str(tmp_path / f"run{count}"))
        assert job.recipe.clusters == kinds
        told = f"{count} images: clusters={kinds} in place of the recipe's 16." in capsys.readouterr().err
        assert told == (kinds != 16)
    np.savez(tmp_path / "set.npz", images=np.zeros((120, 28, 28), np.uint8))
    asked = {"model": "dcgan_fast", "data": str(tmp_path / "set.npz"), "clusters": 100}
    job = setup.resolve(asked, str(tmp_path / "asked"))
    assert job.recipe.clusters == 100
