import keras
import numpy as np
import pytest

from kgan import models
from kgan.data.stream import stream
from kgan.runs import checkpoints, generators, resume
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.create(models.recipe("dcgan"))
    return run


def _save(run, gan):
    checkpoints.save(run.checkpoints, int(gan.step), gan.state())


def _variables(gan):
    parts = (gan.generator, gan.discriminator, gan.g_optimizer, gan.d_optimizer, gan.ema_generator)
    return [np.asarray(variable) for part in parts for variable in part.variables]


def test_save_and_restore_bring_every_variable_back(run, toy_gan, toy_images):
    data = stream(toy_images, batch_size=4, seed=0)
    gan = toy_gan(ema_decay=0.9)
    gan.fit(data, steps_per_epoch=3, verbose=0)
    _save(run, gan)
    saved = _variables(gan)
    seeds = [variable for variable in gan.discriminator.variables if "seed_generator_state" in variable.path]
    assert len(seeds) == 1  # the dropout's, which plain tracking forgets
    other = toy_gan(ema_decay=0.9)
    other.fit(data, steps_per_epoch=1, verbose=0)
    assert resume.restore(Run(run.path), other) == 3
    for old, new in zip(saved, _variables(other), strict=True):
        np.testing.assert_array_equal(old, new)


def test_restore_writes_the_generator_of_its_checkpoint(run, toy_gan, toy_batch):
    gan = toy_gan(ema_decay=0.9)
    gan.train_step(toy_batch)
    generators.save(run, gan.sampler)  # of step 1; a kill came between the checkpoint of step 2 and its generator
    gan.train_step(toy_batch)
    _save(run, gan)
    resume.restore(run, toy_gan(ema_decay=0.9))
    for found, weight in zip(keras.models.load_model(run.generator_file).weights, gan.sampler.weights, strict=True):
        np.testing.assert_array_equal(found, weight)


def test_newest_checkpoint_that_verifies_is_taken_and_the_damaged_named(run, toy_gan, toy_batch, capsys):
    gan = toy_gan()
    for _ in range(11):
        gan.train_step(toy_batch)
        _save(run, gan)
    state = run.checkpoints / "step-11" / "state.npz"
    state.write_bytes(state.read_bytes()[:-1])
    assert resume.restore(run, toy_gan()) == 10
    assert "The checkpoint of step 11 is damaged (state.npz is not what was written) and left out." \
        in capsys.readouterr().err
    assert checkpoints.steps(run.checkpoints) == [9, 10]
    for step in (9, 10):
        (run.checkpoints / f"step-{step}" / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"every checkpoint in .* is damaged; bring one back"):
        resume.restore(run, toy_gan())
    assert checkpoints.steps(run.checkpoints) == [9, 10]  # nobody's last hope is removed


def test_restore_without_a_checkpoint_is_step_0(run, toy_gan):
    assert resume.restore(run, toy_gan()) == 0
    assert not run.generator_file.exists()
