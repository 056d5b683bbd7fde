"""What one call of `loop.train` leaves in a run directory."""

import json

import keras
import numpy as np
import pytest
from contents import rows, same_in_keras_own_layers, saved
from PIL import Image

from kgan import models
from kgan.data import cache, sources
from kgan.layers import ClusterByLatent
from kgan.runs import build, checkpoints, generators, loop, resume
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError
from kgan.sampling import generate


def test_train_fills_the_run_directory(trained, recipe):
    table = rows(trained)
    assert list(table[0]) == ["step", "epoch", "d_loss", "g_loss", "D(x)", "D(G(z))", "d_loss_real", "d_loss_fake"]
    assert [int(row["step"]) for row in table] == [3, 6, 7]
    assert float(table[1]["epoch"]) == pytest.approx(12 / trained.config()["data"]["images"], abs=1e-4)
    assert all(0 < float(row[name]) < 1 for row in table for name in ("D(x)", "D(G(z))"))
    assert trained.sample_files() == [trained.sample_file(step) for step in (0, 3, 6, 7)]
    assert Image.open(trained.gif_file).n_frames == 4
    assert Image.open(trained.samples / "reals.png").size == (8 * 30 + 2, 8 * 30 + 2)
    config = json.loads(trained.config_file.read_text())
    assert config["data"]["origin"] == "scikit-learn's 8×8 digits, enlarged"
    assert config["data"]["images"] == 1797 - 174
    assert set(config["versions"]) == {"kgan", "python", "tensorflow", "keras", "numpy", "pillow", "scipy",
                                       "scikit-learn", "cpu", "threads"}
    assert trained.recipe() == recipe


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"model": "vae"}, "model='vae' is unknown; known: dcgan, "), ({"image_size": 32}, "is not a shape of dcgan")])
def test_impossible_recipe_leaves_nothing_behind(tmp_path, recipe, digits, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        loop.train(Run(tmp_path / "run"), recipe.override(**changes), digits)
    assert not (tmp_path / "run").exists()


def test_d_steps_and_bfloat16_train(tmp_path, recipe, digits):
    run = Run(tmp_path / "run")
    changes = {"d_steps": 2, "precision": "mixed_bfloat16", "loss": "minimax", "steps": 2}
    assert loop.train(run, recipe.override(**changes), digits).finished
    assert float(rows(run)[-1]["g_loss"]) < 0  # minimax: log(1 - D(G(z)))


def test_closed_form_model_is_fitted_once_by_the_same_call(tmp_path, digits, capsys):
    run, recipe = Run(tmp_path / "run"), models.recipe("pca", "digits")
    assert loop.train(run, recipe, digits).finished
    assert "Fitted to 1,623 images in" in capsys.readouterr().err
    assert run.sample_files() == [run.sample_file(1)]
    assert sorted(path.name for path in run.path.glob("[!.]*")) == ["config.json", "generator.keras", "samples"]
    assert run.recipe() == recipe
    before = run.generator_file.read_bytes()
    assert loop.train(run, recipe, digits).finished
    assert "is complete" in capsys.readouterr().err
    assert run.generator_file.read_bytes() == before
    with pytest.raises(UserError, match="started with latent_dim=100 not 50"):
        loop.train(run, recipe.override(latent_dim=50), digits)
    samples = generate(open_generator(run.path), range(200))
    real = cache.prepare(digits, image_size=28, channels=1).images
    assert np.abs(samples.mean(axis=0) - real.mean(axis=0)).mean() < 20  # of 255: the mean digit is in them


def test_own_pictures_train_and_what_was_left_out_is_in_the_config(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(8):
        Image.new("RGB", (40, 30), (30 * number, 0, 99)).save(photos / f"{number}.jpg")
    (photos / "broken.jpg").write_bytes(b"no picture")
    recipe = models.recipe("gan_nn").override(dataset=None, data=str(photos), image_size=6, channels=3, steps=2,
                                              batch_size=4, flip=True)
    run, source = Run(tmp_path / "run"), sources.locate(None, str(photos))
    with pytest.raises(UserError, match="1 of 9 pictures in folder photos can't be used: broken.jpg"):
        loop.train(run, recipe, source)
    assert not run.exists()
    assert loop.train(run, recipe.override(skip_bad=True), source).finished
    config = run.config()
    assert (config["data"]["origin"], config["data"]["images"], config["data"]["left_out"]) == ("folder photos", 8, 1)
    assert Image.open(run.sample_file(2)).mode == "RGB"


def test_expected_time_is_printed_once_after_the_first_tick(tmp_path, digits, capsys):
    recipe = models.recipe("gan_nn", "digits").override(steps=6, tick=2)
    loop.train(Run(tmp_path / "run"), recipe, digits)
    error = capsys.readouterr().err
    assert error.count("Expected on this machine: under a minute for 6 steps, at ") == 1


def test_sgd_is_plain_and_adam_is_radfords():
    sgd, adam = (build.build_gan(models.recipe(name, "digits")).g_optimizer for name in ("gan_nn", "dcgan"))
    assert (type(sgd), float(sgd.learning_rate), sgd.momentum) == (keras.optimizers.SGD, pytest.approx(0.1), 0.0)
    assert isinstance(adam, keras.optimizers.Adam)
    assert (float(adam.learning_rate), adam.beta_1) == (pytest.approx(2e-4), 0.5)


@pytest.mark.parametrize("model", [name for name in models.names() if models.recipe(name).adversarial])
def test_every_model_trains_resumes_and_reloads(tmp_path, digits, model):
    recipe = models.recipe(model, "digits").override(batch_size=2, steps=1)
    if recipe.grow_images:
        recipe = recipe.override(max_channels=8)
    run = Run(tmp_path / "run")
    assert loop.train(run, recipe, digits).finished
    assert loop.train(run, recipe.override(steps=2), digits).step == 2
    assert all(np.isfinite(float(value)) for value in rows(run)[-1].values())
    recipe = run.recipe()
    recipe = recipe.for_phase(recipe.phase_of(2))
    assert recipe.classes == (10 if recipe.conditional else None)  # as many as the data have
    z = np.random.default_rng(0).normal(size=(2, recipe.latent_dim)).astype(np.float32)
    z = z if recipe.classes is None else [z, np.array([3, 9])]
    gan = build.build_gan(recipe)
    resume.restore(run, gan)
    rebuilt = models.build_generator(recipe)
    generators.load_file(run.generator_file, rebuilt)
    np.testing.assert_array_equal(rebuilt(z, training=False), gan.sampler(z, training=False))
    same_in_keras_own_layers(run.generator_file, gan.sampler, z)


def test_flip_of_the_recipe_reaches_the_stream(tmp_path, digits):
    recipe = models.recipe("gan_nn", "digits").override(steps=1, batch_size=16)
    for name, flip in (("plain", False), ("flipped", True)):
        loop.train(Run(tmp_path / name), recipe.override(flip=flip), digits)
    plain, flipped = (rows(Run(tmp_path / name))[0] for name in ("plain", "flipped"))
    assert plain["D(x)"] != flipped["D(x)"]
    assert plain["D(G(z))"] == flipped["D(G(z))"]


def test_history_of_a_run_can_be_drawn_and_changes_nothing_else(tmp_path, digits):
    recipe = models.recipe("gan_nn", "digits").override(steps=10, tick=1, batch_size=2, sample_every=100)
    with_history, without = Run(tmp_path / "with"), Run(tmp_path / "without")
    loop.train(with_history, recipe, digits, checkpoint_seconds=0.0, history=4)
    loop.train(without, recipe, digits, checkpoint_seconds=0.0, history=0)
    assert checkpoints.steps(without.checkpoints) == [8, 9, 10]
    kept = checkpoints.steps(with_history.checkpoints)
    assert (kept[0], kept[-3:], len(kept)) == (1, [8, 9, 10], 7)
    first, last = (generate(open_generator(with_history.path, step), range(4)) for step in (1, 10))
    assert not np.array_equal(first, last)
    np.testing.assert_array_equal(last, generate(open_generator(without.path), range(4)))
    with pytest.raises(UserError, match=r"has no checkpoint of step 7; kept steps: 8, 9, 10"):
        open_generator(without.path, 7)


def test_clusters_are_drawn_as_often_as_trained_on_and_survive_reloading(tmp_path, digits):
    recipe = models.recipe("dcgan_fast", "digits").override(batch_size=2, steps=1, conditional=False, clusters=5)
    run = Run(tmp_path / "run")
    loop.train(run, recipe, digits)
    shares = np.array(run.config()["data"]["cluster_counts"]) / 1623
    for generator in (open_generator(run.path), keras.models.load_model(run.generator_file, compile=False)):
        np.testing.assert_allclose(ClusterByLatent.of(generator).shares, [shares], rtol=1e-6)
    assert loop.train(run, recipe.override(steps=2), digits).step == 2


def growing(**changes):
    """Phases of 4 steps: 4×4, 8×8 fading in, 8×8 alone."""
    return models.recipe("progan", "digits").override(image_size=8, max_channels=4, latent_dim=5, batch_size=4,
                                                      grow_images=16, tick=2, sample_every=100, **changes)


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("grown") / "run")
    assert loop.train(run, growing(), sources.locate("digits"), checkpoint_seconds=0).step == 12
    return run


def test_run_that_stops_in_fades_and_between_phases_ends_as_one_that_does_not(grown, tmp_path, digits):
    run = Run(tmp_path / "run")
    for steps in (4, 6):
        assert loop.train(run, growing(steps=steps), digits, checkpoint_seconds=0).step == steps
    run.write_config(run.config() | {"recipe": growing().to_dict()})
    assert loop.train(run, growing(), digits, checkpoint_seconds=0).step == 12
    found, expected = saved(run.checkpoints), saved(grown.checkpoints)
    for name in (name for name in expected if name[0] == 12):
        np.testing.assert_array_equal(found[name], expected[name])
    assert [row["step"] for row in rows(grown)] == ["2", "4", "6", "8", "10", "12"]
    assert rows(run) == rows(grown)
    assert run.sample_file(8).read_bytes() == grown.sample_file(8).read_bytes()


def test_checkpoints_of_a_run_that_grows_are_generators_of_their_resolution(grown):
    for step, size in ((4, 4), (6, 8), (12, 8)):
        assert open_generator(grown.path, step).output_shape[1] == size
    assert {Image.open(file).size for file in grown.sample_files()} == {(8 * 10 + 2, 8 * 10 + 2)}
    shown = np.asarray(Image.open(grown.sample_file(4)))[2:10, 2:10]
    drawn = generate(open_generator(grown.path, 4), [0])[0, ..., 0]
    np.testing.assert_array_equal(shown, drawn.repeat(2, 0).repeat(2, 1))


def test_minutes_of_a_run_that_grows_are_refused(tmp_path, digits):
    with pytest.raises(UserError, match="networks that grow are slower at each resolution; shorten --grow_images"):
        loop.train(Run(tmp_path / "run"), growing(), digits, minutes=1)
