"""Projection: pictures whose z is known are found again."""

import keras
import numpy as np
import pytest
from PIL import Image

from kgan import layers, sampling
from kgan.commands import project
from kgan.drawing import projection
from kgan.models import dcgan_fast
from kgan.runtime.errors import UserError


def _image(x, channels=1):
    x = keras.layers.Dense(36 * channels, "tanh", kernel_initializer=keras.initializers.RandomNormal(0, 0.3, seed=3))(x)
    return keras.layers.Reshape((6, 6, channels))(x)


@pytest.fixture
def generator():
    z = keras.Input((5,), name="z")
    return keras.Model(z, _image(z))


@pytest.fixture
def classes():
    """Three classes with four kinds each, chosen by z's first value."""
    z, label = keras.Input((5,), name="z"), keras.Input((), dtype="int32", name="label")
    kind = layers.ClusterByLatent(4, 3)
    told = keras.layers.Embedding(12, 8, keras.initializers.RandomNormal(0, 1, seed=1))(kind(z, label))
    model = keras.Model([z, label], _image(keras.layers.Concatenate()([z, told])))
    kind.set_weights([np.array([[0.1, 0.2, 0.3, 0.4], [0.25] * 4, [0.7, 0.1, 0.1, 0.1]], np.float32)])
    return model


def test_a_seeds_picture_is_found_again_from_other_seeds(generator):
    targets = sampling.generate(generator, [5, 6])
    found = projection.project(generator, targets, range(100, 150), 200)
    assert found.labels is None
    assert found.z.shape == (2, 5)
    assert (found.errors < 1).all()  # grey levels
    assert (found.nearest_errors > 10).all()
    assert sampling.draw_from(sampling.renderer(generator), found.z).tolist() == found.drawn.tolist()
    differences = found.nearest.astype(float) - targets
    np.testing.assert_allclose(found.nearest_errors, np.sqrt((differences**2).mean((1, 2, 3))), rtol=1e-5)
    everyone = sampling.generate(generator, range(100, 150))
    assert found.nearest_errors[0] == pytest.approx(
        min(np.sqrt(((image - targets[0].astype(float))**2).mean()) for image in everyone), rel=1e-5)


def test_the_objective_is_bora_and_others(monkeypatch):
    """Of a linear generator it is ridge regression, which has a closed form."""
    weights, bias = np.random.default_rng(0).normal(0, 0.3, (5, 36)).astype(np.float32), np.full(36, 0.1, np.float32)
    z = keras.Input((5,))
    dense = keras.layers.Dense(36)
    linear = keras.Model(z, keras.layers.Reshape((6, 6, 1))(dense(z)))
    dense.set_weights([weights, bias])
    target = np.random.default_rng(1).integers(0, 256, (1, 6, 6, 1), np.uint8)
    monkeypatch.setattr(projection, "PULL", 2.0)
    wanted = np.linalg.solve(weights @ weights.T + 2.0 * np.eye(5), weights @ (target.ravel() / 127.5 - 1 - bias))
    found = projection.project(linear, target, range(20), 300)
    np.testing.assert_allclose(found.z[0], wanted, atol=1e-3)


def test_the_class_and_the_kind_are_found_and_kept(classes):
    targets = sampling.generate(classes, [5, 6, 7], [2, 0, 1])
    found = projection.project(classes, targets, range(100, 300), 300)
    assert found.labels.tolist() == [2, 0, 1]
    assert (found.errors < 6).all()  # z's first value stays that of the start, which the picture depends on too
    assert (found.errors < found.nearest_errors / 3).all()
    kind, z = layers.ClusterByLatent.of(classes), np.asarray(sampling.latent.from_seeds([5, 6, 7], 5))
    assert np.array_equal(kind(found.z, found.labels), kind(z, np.array([2, 0, 1])))
    drawn = sampling.draw_from(sampling.renderer(classes), found.z, found.labels)
    assert drawn.tolist() == found.drawn.tolist()


def test_a_label_holds_the_class(classes):
    targets = sampling.generate(classes, [5], [2])
    found = projection.project(classes, targets, range(100, 200), 20, label=1)
    assert found.labels.tolist() == [1]
    with pytest.raises(UserError, match="label 3 is none of this run's 3 classes, 0 to 2"):
        projection.project(classes, targets, range(10), 1, label=3)


def test_pictures_are_prepared_as_training_images_are(generator, tmp_path):
    wide = np.zeros((60, 100, 3), np.uint8)
    wide[:, 20:80] = (255, 0, 0)  # the centred square
    Image.fromarray(wide).save(tmp_path / "wide.png")
    (prepared,) = projection.read([tmp_path / "wide.png"], generator)
    assert prepared.shape == (6, 6, 1)
    assert np.abs(prepared - 76.0).max() <= 7  # red's grey, by ITU-R 601: 0.299 * 255; bicubic looks beyond the edge
    z = keras.Input((5,))
    (coloured,) = projection.read([tmp_path / "wide.png"], keras.Model(z, _image(z, 3)), crop=30)
    assert (coloured == (255, 0, 0)).all()


@pytest.fixture
def opened(generator, monkeypatch, tmp_path):
    """The command with `generator` in place of a run's, and a picture that it draws."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(project, "open_generator", lambda run, step: generator)
    monkeypatch.setattr(project.Run, "recipe", lambda run: dcgan_fast.RECIPE)
    Image.fromarray(sampling.generate(generator, [5])[0, ..., 0]).save("five.png")


def test_the_command_shows_given_nearest_and_found(command, opened, capsys, tmp_path):
    command(project, "run", "five.png", "five.png", steps=100, seeds="10-29", z_out="z.npy")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert said[0].startswith("five.png: ")
    assert float(said[0].split()[1]) < 3 < float(said[0].split()[-1])
    assert said[2] == "Given, nearest, found: projection.png; z: z.npy"
    assert Image.open("projection.png").size == (14 * (2 * 8 + 2), 14 * (3 * 8 + 2))  # 252 × 364
    assert np.load("z.npy").shape == (2, 5)


@pytest.mark.parametrize(("arguments", "flags", "sentence"), [
    ((), {}, "give a run directory and pictures: kgan project WORKDIR PICTURE"),
    (("run",), {}, "give a run directory and pictures"),
    (("run", "absent.png"), {}, "'absent.png' is not there; give picture files"),
    (("run", "."), {}, "'.' is a folder; give picture files"),
    (("run", "text.png"), {}, r"'text.png' can't be used \(not a picture, or of an unknown format\)"),
    (("run", "five.png"), {"seeds": "a"}, "seeds='a' is not of the form"),
    (("run", "five.png"), {"out": "a.gif"}, "out='a.gif' must end in .png"),
    (("run", "five.png"), {"z_out": "z.png"}, "must end in .npy"),
    (("run", "five.png"), {"label": 0}, "has no classes; leave the labels out"),
    (("run", *["five.png"] * 65), {}, "65 pictures are more than 64; give fewer at a time"),
])
def test_mistakes_are_one_sentence(command, opened, arguments, flags, sentence, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UserError, match=sentence):
        command(project, *arguments, **flags)
    assert not (tmp_path / "projection.png").exists()


def test_reading_says_nothing_of_odd_metadata(generator, tmp_path, recwarn):
    """Pillow warns of a palette with transparency, with the path where it is installed."""
    picture = Image.new("P", (8, 8))
    picture.putpalette([value for grey in range(256) for value in (grey, grey, grey)])
    picture.save(tmp_path / "palette.png", transparency=bytes(range(256)))
    assert projection.read([tmp_path / "palette.png"], generator).shape == (1, 6, 6, 1)
    assert [str(one.message) for one in recwarn] == []
