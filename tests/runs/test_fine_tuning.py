"""Networks that are trained on in part, from a run's checkpoint."""

import keras
import numpy as np
import pytest

from kgan import models
from kgan.data import sources
from kgan.runs import build, checkpoints, loop, setup
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


def state(run, step):
    with np.load(run.checkpoints / f"step-{step}" / checkpoints.STATE) as found:
        return dict(found)


def moved(before, after, part):
    return [name for name in before if name.startswith(f"{part}/") and not np.array_equal(before[name], after[name])]


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """Two steps of `dcgan`, with a moving average."""
    run = Run(tmp_path_factory.mktemp("parent") / "run")
    recipe = models.recipe("dcgan", "digits").override(steps=2, batch_size=2, tick=1, ema_decay=0.5)
    loop.train(run, recipe, sources.locate("digits"), checkpoint_seconds=0)
    return run


def tuned(parent, workdir, **given):
    job = setup.resolve({"steps": 3, "batch_size": 2, "tick": 1, "precision": "float32", **given}, str(workdir),
                        init_from=str(parent.path))
    loop.train(*job, checkpoint_seconds=0)
    return job.run


def test_last_blocks_move_and_all_else_of_the_generator_stays(parent, tmp_path, capsys):
    run = tuned(parent, tmp_path / "run", trainable_blocks=1, frozen_d_blocks=1)
    before, after, source = state(run, 0), state(run, 3), state(parent, 2)
    assert "at rates of 0.0001 (G) and 0.0001 (D): 0.5 of that run's" in capsys.readouterr().err
    for name in before:
        if name.startswith(("generator/", "discriminator/")):
            from_ = name.replace("generator/", "ema_generator/") if name.startswith("generator/") else name
            np.testing.assert_array_equal(before[name], source[from_])
    gan = build.build_gan(run.recipe())
    for part, count in (("generator", 2), ("discriminator", 4)):  # of a convolution; of one and a dense layer
        network = getattr(gan, part)
        trainable = [f"{part}/{number:03}" for number, variable in enumerate(network.variables)
                     if any(variable is one for one in network.trainable_variables)]
        weights = [name for name in moved(before, after, part) if before[name].dtype.kind == "f"]  # no dropout's seed
        assert weights == trainable == [name for name in before if name in trainable][-count:]
    assert run.config()["branch"]["anew"] is True


def test_generator_waits_while_the_discriminator_warms_up(parent, tmp_path):
    run = tuned(parent, tmp_path / "run", discriminator_warmup=2, steps=3)
    states = [state(run, step) for step in (0, 1, 2, 3)]
    weights = [number for number, one in enumerate(build.build_gan(run.recipe()).generator.variables)
               if one.trainable]
    still = [[f"generator/{number:03}" in moved(states[step], states[step + 1], "generator") for number in weights]
             for step in range(3)]
    assert [any(step) for step in still] == [False, False, True]
    assert all(moved(states[step], states[step + 1], "discriminator") for step in range(3))


def test_tuned_run_resumes_exactly_and_can_be_branched(parent, tmp_path):
    whole = tuned(parent, tmp_path / "whole", trainable_blocks=1)
    run = tuned(parent, tmp_path / "run", trainable_blocks=1, steps=1)
    loop.train(run, run.recipe().override(steps=3), sources.locate("digits"))
    expected = state(whole, 3)
    for name, array in state(run, 3).items():
        np.testing.assert_array_equal(array, expected[name])
    job = setup.resolve({"steps": 4}, str(tmp_path / "branch"), init_from=str(run.path))
    assert loop.train(*job).step == 4
    assert job.run.recipe().trainable_blocks == 1


@pytest.mark.parametrize("name", [name for name in models.names() if models.recipe(name).adversarial])
def test_blocks_of_every_model_hold_each_layer_once(name):
    recipe = models.recipe(name)
    recipe = recipe.for_phase(recipe.phases[-1])
    if recipe.image_size > 64:
        recipe = recipe.override(image_size=16, max_channels=4)
    if recipe.conditional:
        recipe = recipe.override(classes=10)
    for network in models.build(recipe):
        found = [layer for block in models.blocks(network, name) for layer in block]
        assert found == [layer for layer in network.layers if layer.weights]
        assert all(models.blocks(network, name))
        assert 2 <= len(models.blocks(network, name)) <= 8


def test_impossible_numbers_of_blocks_are_sentences(parent, tmp_path):
    with pytest.raises(UserError, match=r"trainable_blocks=9: the generator of dcgan has 3\."):
        tuned(parent, tmp_path / "run", trainable_blocks=9)
    with pytest.raises(UserError, match="frozen_d_blocks=3: the discriminator of dcgan has 3, and one must be trained"):
        tuned(parent, tmp_path / "run", frozen_d_blocks=3)
    assert not (tmp_path / "run").exists()
    job = setup.resolve({"trainable_blocks": 1}, str(tmp_path / "run"), init_from=str(parent.path))
    # A transposed convolution of 5×5 from 64 maps to 1.
    assert "generator       840,705 parameters, 1,601 of them trained" in setup.describe(job)
    assert "discriminator   212,865 parameters" in setup.describe(job)


def test_generator_in_a_keras_file_begins_beside_a_new_discriminator(parent, tmp_path, capsys):
    given = {"model": "dcgan", "dataset": "digits", "steps": 1, "batch_size": 2, "tick": 1, "precision": "float32"}
    job = setup.resolve(given, str(tmp_path / "run"), init_from=str(parent.generator_file))
    assert (job.recipe.discriminator_warmup, job.recipe.g_learning_rate) == (200, 1e-4)
    loop.train(*job, checkpoint_seconds=0)
    assert "The generator is that of " in capsys.readouterr().err
    start, source = state(job.run, 0), state(parent, 2)
    for name in (name for name in start if name.startswith("generator/")):
        np.testing.assert_array_equal(start[name], source[f"ema_{name}"])
    assert not np.array_equal(start["discriminator/000"], source["discriminator/000"])
    facts = job.run.config()["branch"]
    assert (facts["file"], facts["run"]) == ("generator.keras", str(parent.generator_file))
    again = setup.resolve({"steps": 2}, str(job.run.path), init_from=str(parent.generator_file))
    assert loop.train(*again).step == 2


def test_savedmodel_begins_a_run_with_trust_alone(parent, checked_here, tmp_path):
    from pathlib import Path

    from kgan.serving.export import export_run

    out = Path(tmp_path / "export")
    export_run(parent, out)
    given = {"model": "dcgan", "dataset": "digits", "steps": 1, "batch_size": 2, "precision": "float32"}
    with pytest.raises(UserError, match="is a SavedModel, a program that can do anything on this machine"):
        loop.train(*setup.resolve(given, str(tmp_path / "run"), init_from=str(out)))
    job = setup.resolve(given, str(tmp_path / "run"), init_from=str(out), trust=True)
    assert loop.train(*job, checkpoint_seconds=0).step == 1
    np.testing.assert_allclose(state(job.run, 0)["generator/000"], state(parent, 2)["ema_generator/000"])


def test_mistaken_files_are_sentences_and_leave_nothing(parent, tmp_path):
    given = {"dataset": "digits", "steps": 1, "batch_size": 2}
    with pytest.raises(UserError, match=r"doesn't say of which model it is; give --model"):
        setup.resolve(given, str(tmp_path / "run"), init_from=str(parent.generator_file))
    with pytest.raises(UserError, match=r"init_from='absent.keras' is not there; give a run, a .keras file or"):
        setup.resolve(given, str(tmp_path / "run"), init_from="absent.keras")
    job = setup.resolve(given | {"model": "gan_nn"}, str(tmp_path / "run"), init_from=str(parent.generator_file))
    with pytest.raises(UserError, match="is of other networks: its layer dense_1 has no such array where this"):
        loop.train(*job)
    assert not job.run.exists()


def test_grown_networks_begin_where_they_ended_frozen_blocks_too(tmp_path):
    recipe = models.recipe("progan", "digits").override(image_size=8, max_channels=4, latent_dim=5, batch_size=4,
                                                        grow_images=4, tick=1)
    run = Run(tmp_path / "parent")
    loop.train(run, recipe, sources.locate("digits"), checkpoint_seconds=0)
    job = setup.resolve({"steps": 1, "trainable_blocks": 1, "frozen_d_blocks": 1}, str(tmp_path / "run"),
                        init_from=str(run.path))
    assert (job.recipe.image_size, job.recipe.grow_images) == (8, 0)
    loop.train(*job, checkpoint_seconds=0)
    before, start = state(run, 3), state(job.run, 0)
    for name in (name for name in start if name.startswith(("generator/", "discriminator/"))):
        np.testing.assert_array_equal(start[name], before[name.replace("generator/", "ema_generator/")])
    assert job.run.sample_file(0).read_bytes() == run.sample_file(3).read_bytes()


def test_a_keras_file_of_another_function_begins_no_run(parent, tmp_path):
    other = keras.saving.load_model(parent.generator_file)
    next(layer for layer in other.layers if isinstance(layer, keras.layers.BatchNormalization)).epsilon = 0.25
    other.save(tmp_path / "other.keras")
    given = {"model": "dcgan", "dataset": "digits", "steps": 1, "batch_size": 2, "tick": 1, "precision": "float32"}
    with pytest.raises(UserError, match=r"of another function: BatchNormalization's epsilon 0.25, not "):
        loop.train(*setup.resolve(given, str(tmp_path / "run"), init_from=str(tmp_path / "other.keras")))
    assert not Run(tmp_path / "run").exists()
