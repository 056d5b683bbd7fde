"""What networks of other classes, clusters, sizes and channels take of trained ones."""

import keras
import numpy as np
import pytest
from keras import layers

from kgan import models
from kgan.report import run_facts, words
from kgan.runs import checkpoints, loop, setup, transfer
from kgan.runs.branch import Branch
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError
from kgan.serving import card


def _generator(widths, labels=0, channels=3):
    """z of 2 → dense, batch norm, then a convolution for each width, and one to the image."""
    z = keras.Input((2,))
    x, inputs = z, [z]
    if labels:
        label = keras.Input((), dtype="int32")
        inputs.append(label)
        x = layers.Concatenate()([z, layers.Embedding(labels, 3)(label)])
    x = layers.BatchNormalization()(layers.Reshape((1, 1, 4))(layers.Dense(4)(x)))
    for width in widths:
        x = layers.BatchNormalization()(layers.Conv2DTranspose(width, 2, strides=2)(x))
    return keras.Model(inputs, layers.Conv2D(channels, 1)(x))


def _discriminator(side, widths, channels=3):
    image = x = keras.Input((side, side, channels))
    for width in widths:
        x = layers.Conv2D(width, 2, strides=2)(x)
    return keras.Model(image, layers.Dense(1)(layers.Flatten()(x)))


def _numbered(network):
    """Sets each array to values of its own, from 1 on."""
    network.set_weights([100.0 * (place + 1) + np.arange(array.size).reshape(array.shape)
                         for place, array in enumerate(network.get_weights())])
    return network


def _moved(theirs, ours, from_z):
    before = ours.get_weights()
    taken = transfer.compare(theirs, ours, "dcgan", from_z=from_z)
    taken.apply([np.array(variable) for variable in theirs.variables], ours)
    return taken, before


def test_generator_takes_the_blocks_from_z_on():
    """Of equal ones, which widths 4, 4, 4 give, the first; the new block stands before the image."""
    theirs, ours = _numbered(_generator((4, 4))), _generator((4, 4, 4))
    taken, before = _moved(theirs, ours, True)
    assert taken.blocks == (True, True, True, False, True)
    assert taken.first == 3
    assert taken.anew == ("Conv2DTranspose 2×2×4×4 with BatchNormalization 4",)
    new, old = ours.get_weights(), theirs.get_weights()
    for place in range(18):  # a dense layer and two convolutions, of two arrays each, and their norms, of four
        np.testing.assert_array_equal(new[place], old[place])
    for place in range(18, 24):
        np.testing.assert_array_equal(new[place], before[place])
    np.testing.assert_array_equal(new[24], old[18])


def test_discriminator_takes_the_blocks_back_from_the_logit():
    theirs, ours = _numbered(_discriminator(4, (3, 3), 1)), _discriminator(8, (3, 3, 3), 1)
    taken, before = _moved(theirs, ours, False)
    # The first convolution of both sees an image; of the two that see 3 maps, the last is as before.
    assert taken.blocks == (True, False, True, True)
    new, old = ours.get_weights(), theirs.get_weights()
    for place, source in ((0, old[0]), (2, before[2]), (4, old[2]), (6, old[4])):
        np.testing.assert_array_equal(new[place], source)


def test_other_channels_leave_the_layer_at_the_image_new():
    taken, _ = _moved(_generator((4,), channels=1), _generator((4,)), True)
    assert (taken.blocks, taken.anew) == ((True, True, False), ("Conv2D 1×1×4×3",))
    taken, _ = _moved(_discriminator(4, (3, 2), channels=1), _discriminator(4, (3, 2)), False)
    assert (taken.blocks, taken.first, taken.anew) == ((False, True, True), 0, ("Conv2D 2×2×3×3",))


def test_other_labels_begin_around_the_mean_of_those_before():
    theirs, ours = _numbered(_generator((4,), labels=5)), _generator((4,), labels=3)
    taken, before = _moved(theirs, ours, True)
    embeddings = [next(layer for layer in network.layers if isinstance(layer, layers.Embedding)).get_weights()[0]
                  for network in (theirs, ours)]
    place = next(place for place, array in enumerate(ours.get_weights()) if array.shape == (3, 3))
    np.testing.assert_allclose(embeddings[1], before[place] + embeddings[0].mean(axis=0), rtol=1e-6)
    assert (all(taken.blocks), taken.anew) == (True, ("embedding of 3 labels",))
    same, _ = _moved(theirs, _generator((4,), labels=5), True)
    assert same.anew == ()


@pytest.mark.parametrize(("theirs", "ours"), [(5, 0), (0, 5)])
def test_rows_of_z_stay_where_labels_come_or_go(theirs, ours):
    theirs, ours = _numbered(_generator((4,), labels=theirs)), _generator((4,), labels=ours)
    taken, before = _moved(theirs, ours, True)
    kernels = [next(layer for layer in network.layers if isinstance(layer, layers.Dense)).get_weights()[0]
               for network in (theirs, ours)]
    np.testing.assert_array_equal(kernels[1][:2], kernels[0][:2])
    if len(kernels[1]) == 5:
        place = next(place for place, array in enumerate(before) if array.shape == (5, 4))
        np.testing.assert_array_equal(kernels[1][2:], before[place][2:])
        assert taken.anew == ("rows 2 to 5 of Dense 5×4", "embedding of 5 labels")
    assert all(taken.blocks)


def _pictures(place, labels, side=28, channels=1, count=60):
    images = np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)
    np.savez(place, images=images, **({} if labels is None else {"labels": np.arange(count) % labels}))
    return str(place)


def _job(workdir, init_from, **given):
    return setup.resolve({"steps": 2, "batch_size": 4, "tick": 1, "precision": "float32", **given}, str(workdir),
                         init_from=init_from)


def _state(run, step):
    with np.load(run.checkpoints / f"step-{step}" / checkpoints.STATE) as found:
        return dict(found)


def test_preset_of_ten_classes_begins_a_run_of_three_which_resumes_exactly(tmp_path, capsys):
    data = _pictures(tmp_path / "three.npz", 3)
    job = _job(tmp_path / "whole", "preset:mnist", data=data)
    assert (job.recipe.classes, job.recipe.clusters) == (3, 7)  # of 60 images
    assert (job.recipe.g_learning_rate, job.recipe.discriminator_warmup) == (5e-4, 0)
    shown = setup.describe(job)
    assert "taken           4 of 4 blocks of G, 5 of 5 blocks of D\n" in shown
    anew = "G's embedding of 6 labels; D's embedding of 6 labels; optimizers"
    assert f"begins anew     {anew}\n" in shown
    loop.train(*job, checkpoint_seconds=0)
    said = capsys.readouterr().err
    assert "Taken: 4 of 4 blocks of G, 5 of 5 blocks of D." in said
    assert f"Begins anew: {anew}." in said
    whole, preset = job.run, Run("preset:mnist")
    assert whole.recipe().frozen_d_blocks == 1  # one in three
    start, kept, end = _state(whole, 0), _state(preset, 25_000), _state(whole, 2)
    same = [name for name in start if name.startswith("discriminator/") and np.array_equal(start[name], kept[name])]
    assert len(same) == 10  # all but the embedding
    assert [np.array_equal(start[name], end[name]) for name in same[:3]] == [True, True, False]  # the first is frozen
    assert any(not np.array_equal(start[name], end[name]) for name in start if name.startswith("generator/"))
    cut = _job(tmp_path / "cut", "preset:mnist", data=data, steps=1)
    loop.train(*cut, checkpoint_seconds=0)
    again = _job(tmp_path / "cut", "preset:mnist", data=data)
    assert again.branch is None
    loop.train(*again)
    for name, array in _state(again.run, 2).items():
        np.testing.assert_array_equal(array, end[name])
    branch = whole.config()["branch"]
    assert (branch["begins_anew"], branch["changed"]["classes"]) == (anew, [10, 3])
    assert f"preset:mnist at step 25,000 (4 of 4 blocks of G, 5 of 5 blocks of D; anew: {anew})" in card.weights(
        whole.recipe(), whole.config())


def test_a_kill_before_the_first_checkpoint_begins_with_the_same_bits(tmp_path):
    data = _pictures(tmp_path / "none.npz", None)
    for name in ("a", "b"):
        loop.train(*_job(tmp_path / name, "preset:mnist", data=data, steps=1), checkpoint_seconds=0)
    run = Run(tmp_path / "b")
    assert (run.recipe().classes, run.recipe().clusters) == (None, 7)
    checkpoints.remove(run.checkpoints, checkpoints.steps(run.checkpoints))
    loop.train(*_job(run.path, "preset:mnist", data=data, steps=1), checkpoint_seconds=0)
    expected = _state(Run(tmp_path / "a"), 1)
    for name, array in _state(run, 1).items():
        np.testing.assert_array_equal(array, expected[name])
    assert "frozen_d_blocks=1" in words.command(run_facts.open_runs([str(run.path)])[0])


@pytest.fixture
def grey(tmp_path):
    """A run of two steps of `dcgan_fast`, of two classes."""
    run = Run(tmp_path / "grey")
    loop.train(*setup.resolve({"model": "dcgan_fast", "data": _pictures(tmp_path / "two.npz", 2), "steps": 2,
                               "batch_size": 4, "tick": 1, "precision": "float32", "clusters": 0}, str(run.path)))
    return run


def test_a_run_goes_on_as_it_was_with_as_many_classes_and_anew_with_others(grey, tmp_path):
    job = _job(tmp_path / "same", str(grey.path), data=_pictures(tmp_path / "again.npz", 2, count=40), steps=3)
    assert (job.branch.anew, job.recipe.classes, job.recipe.g_learning_rate) == (False, 2, 1e-3)
    for given, classes, clusters in (({"data": _pictures(tmp_path / "four.npz", 4)}, 4, 0),
                                     ({"data": _pictures(tmp_path / "none.npz", None)}, None, 0),
                                     ({"clusters": 6}, 2, 6), ({"conditional": False}, None, 0)):
        job = _job(tmp_path / "other", str(grey.path), **given)
        assert (job.branch.anew, job.branch.freezing) == (True, True)
        assert (job.recipe.classes, job.recipe.clusters, job.recipe.g_learning_rate) == (classes, clusters, 5e-4)
        # One in three of six: three strided convolutions, that of 3×3, the depthwise one, the dense layer.
        assert job.branch.settled(job.recipe).frozen_d_blocks == 2


def test_flags_win_over_what_training_from_a_preset_has_by_default(tmp_path):
    data = _pictures(tmp_path / "none.npz", None)
    job = _job(tmp_path / "run", "preset:mnist", data=data, frozen_d_blocks=0, d_learning_rate=0.25, clusters=3,
               discriminator_warmup=9)
    recipe = job.branch.settled(job.recipe)
    assert (recipe.frozen_d_blocks, recipe.d_learning_rate, recipe.g_learning_rate, recipe.clusters,
            recipe.discriminator_warmup) == (0, 0.25, 5e-4, 3, 9)
    with pytest.raises(UserError, match="The classes|these data have no classes to tell"):
        loop.train(*_job(tmp_path / "run", "preset:mnist", data=data, conditional=True))


def test_grown_networks_take_what_fits_of_another_size_and_freeze_nothing_new(tmp_path):
    recipe = models.recipe("progan", "digits").override(image_size=8, max_channels=4, latent_dim=5, batch_size=4,
                                                        grow_images=0, steps=1, tick=1)
    run = Run(tmp_path / "parent")
    loop.train(run, recipe, setup.sources.locate("digits"), checkpoint_seconds=0)
    job = _job(tmp_path / "run", str(run.path), image_size=16)
    plan = Branch(run, 1, anew=True).plan(job.recipe)
    assert (plan.generator.first, plan.discriminator.first) == (2, 0)  # what is next to the image is of a resolution
    assert job.branch.settled(job.recipe).frozen_d_blocks == 0
    loop.train(*job, checkpoint_seconds=0)
    start, parent = _state(job.run, 0), _state(run, 1)
    np.testing.assert_array_equal(start["generator/000"], parent["ema_generator/000"])
    with pytest.raises(UserError, match=r"^frozen_d_blocks=1 would leave untrained blocks as they are: of '.*parent' D "
                                        r"takes its first 0; give no more\.$"):
        loop.train(*_job(tmp_path / "b", str(run.path), image_size=16, frozen_d_blocks=1))


def test_blocks_that_begin_anew_are_trained(monkeypatch):
    """Of another ratio of sides the dense layer behind z would be another."""
    start, recipe = Branch(Run("preset:mnist"), 25_000, anew=True), models.recipe("dcgan_fast")

    def fits(*blocks):
        plan = transfer.Plan(transfer.Taken((), blocks, ()), transfer.Taken((), blocks, ()))
        monkeypatch.setattr(Branch, "plan", lambda *_: plan)

    fits(False, True, True)
    with pytest.raises(UserError, match=r"^trainable_blocks=2 would leave untrained .* of 'preset:mnist' G takes its "
                                        r"first 0 of 3; give 3 or more\.$"):
        start.check_keeps(recipe.override(trainable_blocks=2))
    start.check_keeps(recipe.override(trainable_blocks=3))
    fits(False, False)
    with pytest.raises(UserError, match=r"^no block of 'preset:mnist' fits networks of image_size=28 and channels=1; "):
        start.check_keeps(recipe)
