"""The commands `walk` and `arithmetic`, as their command lines are read."""

import importlib
import re

import keras
import numpy as np
import pytest
from documents import parsed
from PIL import Image

from kgan import images, latent, models, sampling
from kgan.commands import walk
from kgan.data import sources
from kgan.drawing import grids
from kgan.runs import loop
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("runs") / "pca")
    loop.train(run, models.recipe("pca", "digits").override(latent_dim=20), sources.locate("digits"))
    return run


@pytest.fixture
def launch(monkeypatch, tmp_path):
    """Runs a command with what its line says, in `tmp_path`, and in this process: TensorFlow starts slowly."""
    monkeypatch.chdir(tmp_path)
    return lambda name, *arguments: importlib.import_module(f"kgan.commands.{name}").main(
        *parsed(name, [str(argument) for argument in arguments]))


def _pictures(run, z):
    return sampling.draw_from(sampling.renderer(open_generator(run.path)), z)


def test_walk_draws_the_arcs(launch, run, tmp_path, capsys):
    launch("walk", run.path, "--seeds=1,5,9", "--frames=4")
    assert capsys.readouterr().out == "12 pictures along 3 arcs: walk.gif\n"
    expected = _pictures(run, latent.walk(latent.from_seeds([1, 5, 9], 20).numpy(), 4))
    with Image.open(tmp_path / "walk.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"], gif.info["duration"]) == (12, (252, 252), 0, 50)
        for frame in range(12):
            gif.seek(frame)
            np.testing.assert_array_equal(np.asarray(gif.convert("L"))[4::9, 4::9], expected[frame, ..., 0])


def test_arithmetic_draws_rows_means_and_result(launch, run, tmp_path, capsys):
    launch("arithmetic", run.path, "--a=1,2,3", "--b=4", "--c=5,6")
    assert capsys.readouterr().out == "mean(a) - mean(b) + mean(c): arithmetic.png\n"
    a, b, c = (latent.from_seeds(seeds, 20).numpy() for seeds in ([1, 2, 3], [4], [5, 6]))
    picture = np.asarray(Image.open(tmp_path / "arithmetic.png"))
    cells = picture[2:, 2:].reshape(3, 30, 8, 30)[:, :28, :, :28].swapaxes(1, 2)
    expected = _pictures(run, np.stack([a[2], a.mean(0), b[0], c[1], c.mean(0), a.mean(0) - b[0] + c.mean(0)]))
    for place, image in zip(((0, 2), (0, 3), (1, 0), (2, 1), (2, 3), (1, 6)), expected, strict=True):
        np.testing.assert_array_equal(cells[place], image[..., 0])
    for blank in ((1, 1), (1, 2), (2, 2), (0, 4), (1, 4), (2, 4)):
        assert cells[blank].max() == 0
    neighbours = [cells[row, column].astype(int) for row in range(3) for column in (5, 6, 7) if (row, column) != (1, 6)]
    assert len({image.tobytes() for image in neighbours}) == 8
    assert all(0 < np.abs(image - cells[1, 6]).mean() < 30 for image in neighbours)  # near, not the same


@pytest.mark.parametrize(("command", "arguments", "sentence"), [
    ("walk", [], "give one run directory, or preset:NAME: kgan walk WORKDIR"),
    ("walk", [".", "--seeds=3"], "seeds='3' is one seed; a walk needs two or more."),
    ("walk", [".", "--labels=3"], "labels='3' is one class; a walk between classes needs two or more."),
    ("walk", [".", "--labels=3,4", "--label=2"], "--label=2 is one class for all pictures, and --labels=3,4 are "
                                                 "classes to pass; give one of the two."),
    ("walk", [".", "--labels=0-"], "labels='0-' is not of the form"),
    ("walk", [".", "--out=walk.avi"], "out='walk.avi' must end in .gif or .webp or .mp4 or .png."),
    ("walk", [".", "--seeds=0-5", "--rows=2", "--columns=2"], "seeds='0-5' are too few for 4 walks; each needs two"),
    ("arithmetic", [".", "--a=1", "--b=2"], "--a, --b and --c must each name seeds, as --a=1,5,9."),
    ("arithmetic", [".", "--a=1", "--b=2", "--c=x"], "c='x' is not of the form 0-63 or 3,7,20-29."),
    ("explore", [], "give one run directory, or preset:NAME: kgan explore WORKDIR"),
    ("explore", ["."], "'.' is not a run directory"),
])
def test_mistakes_are_sentences(command, arguments, sentence, launch):
    with pytest.raises(UserError, match=f"^{re.escape(sentence)}"):
        launch(command, *arguments)


def test_a_walk_that_would_fill_the_memory_is_refused(launch, run):
    with pytest.raises(UserError, match="^frames=24, from each of 1000 stops, are more than 4,096 pictures; give"):
        launch("walk", run.path, "--seeds=0-999")
    with pytest.raises(UserError, match=r"^a row of 65 seeds is too long; give at most 64\.$"):
        launch("arithmetic", run.path, "--a=1", "--b=2", "--c=0-64")


def test_a_walk_between_classes_needs_classes(command, run, tmp_path):
    with pytest.raises(UserError, match=r"^this run's generator has no classes; leave the labels out\.$"):
        command(walk, run.path, labels="0,1", out=str(tmp_path / "walk.png"))


def _walk(count):
    return grids.Walk(np.zeros((count, 2, 2, 1), np.uint8), 6)


@pytest.mark.parametrize(("given", "seeds", "stops"), [(None, [0], 3), ("5", [5], 3), ("5,6,7,8", [5, 6, 7, 8], 4)])
def test_labels_walk_between_classes_with_seed_0_or_those_given(command, run, tmp_path, monkeypatch, capsys, given,
                                                                seeds, stops):
    asked = []
    monkeypatch.setattr(grids, "class_walk", lambda *how, **_: asked.append(how) or _walk(stops * 6))
    command(walk, run.path, labels="7,0-1", seeds=given, frames=6, out=str(tmp_path / "walk.png"))
    ((_, *how),) = asked
    assert how == [[7, 0, 1], seeds, 6]
    assert capsys.readouterr().out == f"{6 * stops} pictures along {stops} ways between classes: {tmp_path}/walk.png\n"


def test_without_labels_the_seeds_are_0_to_4_as_ever(command, run, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(grids, "walk", lambda *how, **drawn: asked.append((*how[1:], drawn)) or _walk(5 * 24))
    command(walk, run.path, label=2, out=str(tmp_path / "walk.png"))
    assert asked == [([0, 1, 2, 3, 4], 24, 2, {"truncation": 1.0, "rows": 1, "columns": 1})]


def test_a_grid_of_walks_deals_the_seeds_out(launch, run, tmp_path, capsys):
    launch("walk", run.path, "--rows=1", "--columns=2", "--seeds=1,5,9,3,4,8", "--frames=2", "--out=walks.webp")
    assert capsys.readouterr().out == "6 pictures along 3 arcs: walks.webp\n"
    for seeds, column in (([1, 5, 9], 0), ([3, 4, 8], 1)):
        expected = _pictures(run, latent.walk(latent.from_seeds(seeds, 20).numpy(), 2))
        with Image.open(tmp_path / "walks.webp") as webp:
            for frame in range(6):
                webp.seek(frame)
                times = webp.width // 62
                shown = np.asarray(webp.convert("L"))[::times, ::times]
                np.testing.assert_array_equal(shown[2:30, 2 + 30 * column:30 + 30 * column], expected[frame, ..., 0])


def test_seeds_of_a_grid_begin_at_0_and_must_go_round(launch, run, monkeypatch):
    asked = []
    monkeypatch.setattr(grids, "walk", lambda *how, **_: asked.append(how[1]) or _walk(5 * 24))
    launch("walk", run.path, "--rows=2", "--columns=3", "--out=walks.png")
    assert asked == [[*range(30)]]
    monkeypatch.undo()
    with pytest.raises(UserError, match="^9 seeds can't be dealt out to 2×2 walks; give as many for each, 8 for"):
        launch("walk", run.path, "--rows=2", "--columns=2", "--seeds=0-8")


def test_a_truncated_walk_is_drawn_from_a_scaled_z(launch, run, tmp_path):
    launch("walk", run.path, "--seeds=1,5", "--frames=2", "--truncation=0.5", "--out=walk.png")
    expected = _pictures(run, 0.5 * latent.walk(latent.from_seeds([1, 5], 20).numpy(), 2))
    shown = np.asarray(Image.open(tmp_path / "walk.png"))[2:, 2:].reshape(2, 30, 2, 30)[:, :28, :, :28].swapaxes(1, 2)
    np.testing.assert_array_equal(shown.reshape(4, 28, 28), expected[..., 0])


def test_small_pictures_are_enlarged_by_whole_factors():
    small = images.enlarged(Image.fromarray(np.array([[1, 2]], np.uint8)), 5)
    assert np.asarray(small).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
    assert images.enlarged(Image.new("L", (300, 300)), 256).size == (300, 300)


def test_a_seeds_z_draws_the_seeds_picture():
    keras.utils.set_random_seed(0)
    generator = models.build_generator(models.recipe("dcgan"))
    z = latent.from_seeds(range(70), 100).numpy()
    drawn = sampling.draw_from(sampling.renderer(generator), z)
    np.testing.assert_array_equal(drawn, sampling.generate(generator, range(70)))
