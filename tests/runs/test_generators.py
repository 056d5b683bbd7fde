import re
import shutil

import numpy as np
import pytest
from contents import same_in_keras_own_layers

from kgan import models
from kgan.api import handles
from kgan.evaluation import candidate
from kgan.report import run_facts
from kgan.runs import build, generators, loop, resume
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError
from kgan.sampling import generate


def test_generator_file_holds_the_average_bit_for_bit(trained):
    z = np.random.default_rng(0).normal(size=(64, 100)).astype(np.float32)
    gan = build.build_gan(trained.recipe())
    resume.restore(trained, gan)
    same_in_keras_own_layers(trained.generator_file, gan.ema_generator, z)
    rebuilt = models.build_generator(trained.recipe())
    generators.load_file(trained.generator_file, rebuilt)
    expected = gan.ema_generator(z, training=False)
    np.testing.assert_array_equal(rebuilt(z, training=False), expected)
    assert not np.array_equal(gan.generator(z, training=False), expected)


def test_generator_of_an_earlier_checkpoint_is_that_of_its_time(tmp_path, recipe, digits):
    run = Run(tmp_path / "run")
    loop.train(run, recipe.override(steps=3), digits)
    early = generate(open_generator(run.path), range(4))
    loop.train(run, recipe.override(steps=6), digits)
    late = generate(open_generator(run.path), range(4))
    assert np.abs(early.astype(int) - late).max() > 0
    np.testing.assert_array_equal(generate(open_generator(run.path, 3), range(4)), early)
    np.testing.assert_array_equal(generate(open_generator(run.path, 6), range(4)), late)
    with pytest.raises(UserError, match=r"has no checkpoint of step 4; kept steps: 3, 6"):
        open_generator(run.path, 4)
    shutil.copytree(run.checkpoints / "step-3", run.best / "step-3")  # what is best is drawn by default
    np.testing.assert_array_equal(generate(open_generator(run.path), range(4)), early)
    np.testing.assert_array_equal(generate(open_generator(run.path, "last"), range(4)), late)
    for step, drawn in ((None, 3), ("last", 6), ("3", 3)):
        assert run_facts.open_runs([str(run.path)], step)[0].step == drawn
    assert candidate.open_candidate(run.path).step == handles.RunHandle(run).step == 3
    assert handles.RunHandle(run, "last").step == 6
    whole, last, early = (len(handles.RunHandle(run, step).log) for step in (None, "last", 3))
    assert whole == last > early


def test_best_checkpoint_opens_by_its_step(trained):
    shutil.copytree(trained.checkpoints / "step-7", trained.best / "step-5")
    best, last = (generate(open_generator(trained.path, step), range(4)) for step in (5, "last"))
    np.testing.assert_array_equal(best, last)


def test_damaged_checkpoint_of_a_step_is_one_sentence(trained):
    (trained.checkpoints / "step-7" / "state.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"step-7 is damaged: state.npz is not what was written; choose another --step"):
        open_generator(trained.path, 7)


def test_weights_that_are_no_numbers_are_refused_by_place(trained, tmp_path):
    generator = models.build_generator(trained.recipe())
    generator.layers[1].kernel.assign(np.full(generator.layers[1].kernel.shape, np.inf))
    generators.write_keras(generator, tmp_path / "bad.keras")
    with pytest.raises(UserError, match=r"bad.keras' holds a generator with a weight that is no finite number \(in "):
        generators.load_file(tmp_path / "bad.keras", models.build_generator(trained.recipe()))
    with pytest.raises(UserError, match=r"bad.keras' holds a generator with a weight that is no finite number"):
        handles.open_keras(tmp_path / "bad.keras")


def test_a_file_of_other_shapes_is_said_by_layer_and_shapes(trained, tmp_path, recwarn):
    file, recipe = tmp_path / "other.keras", trained.recipe()
    generators.write_keras(models.build_generator(recipe.override(latent_dim=recipe.latent_dim + 3)), file)
    with pytest.raises(UserError) as error:
        generators.load_file(file, models.build_generator(recipe))
    length = recipe.latent_dim
    assert re.fullmatch(rf".*other.keras' is of other networks: its layer dense has \({length + 3}, (\d+)\) where this "
                        rf"model's has \({length}, \1\); choose the model, and its sizes, that it is of\.",
                        str(error.value))
    assert [str(one.message) for one in recwarn if one.category is UserWarning] == []
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match="can't be loaded"):
        generators.load_file(file, models.build_generator(recipe))
