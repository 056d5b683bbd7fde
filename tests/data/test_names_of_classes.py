"""Classes by their names: said and kept when training starts, taken by --labels and labels=."""

import numpy as np
import pytest
from PIL import Image

import kgan
from kgan import models
from kgan.api.handles import GeneratorHandle
from kgan.commands import arithmetic, flags, generate, report, train, walk
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError

NAMES = ("cat", "dog", "horse")


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """A folder of three classes, and twelve pictures of each."""
    folder = tmp_path_factory.mktemp("data") / "pets"
    for place, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            Image.new("L", (28, 28), 80 * place + number).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def run(pets, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "pets"
    return kgan.fit("dcgan_fast", pets, workdir=workdir, steps=1, batch_size=2, clusters=0)


def test_they_are_said_and_kept(run, pets, tmp_path, capsys):
    assert run.run.config()["data"]["class_names"] == list(NAMES)
    assert run.class_names == list(NAMES)
    kgan.fit("gan_nn", pets, workdir=tmp_path / "untold", steps=1, batch_size=2)
    assert "3 classes: cat, dog, horse; the networks are told none." in capsys.readouterr().err
    assert Run(tmp_path / "untold").config()["data"]["class_names"] == list(NAMES)
    assert Run(tmp_path / "untold").class_names is None


def test_generate_draws_by_name_what_it_draws_by_number(command, run, tmp_path):
    for number, labels in enumerate(("0,2", "cat,horse", " cat , 2")):
        command(generate, run.path, labels=labels, seeds="0-3", out=str(tmp_path / f"{number}.npy"))
    one, *others = (np.load(tmp_path / f"{number}.npy") for number in range(3))
    assert len(one) == 8
    for other in others:
        np.testing.assert_array_equal(one, other)
    with pytest.raises(UserError, match=r"label 'cow' is none of the 3 classes: cat, dog, horse; give their names, or "
                                        r"their numbers from 0 to 2\."):
        command(generate, run.path, labels="cow")


def test_walk_and_arithmetic_take_names(command, run, tmp_path):
    for number, given in enumerate(({"label": "dog"}, {"label": 1}, {"labels": "cat,dog"}, {"labels": "0-1"})):
        command(walk, run.path, frames=2, out=str(tmp_path / f"walk{number}.png"), **given)
    walks = [np.asarray(Image.open(tmp_path / f"walk{number}.png")) for number in range(4)]
    np.testing.assert_array_equal(walks[0], walks[1])
    np.testing.assert_array_equal(walks[2], walks[3])
    with pytest.raises(UserError, match="label='cat,dog' is more than one class; give one"):
        command(walk, run.path, label="cat,dog", out=str(tmp_path / "walk.png"))
    command(arithmetic, run.path, a="1", b="2", c="3", label="horse", out=str(tmp_path / "sum.png"))
    assert (tmp_path / "sum.png").exists()


def test_programs_take_names_too(run):
    np.testing.assert_array_equal(run.images([5, 6], "dog"), run.images([5, 6], 1))
    np.testing.assert_array_equal(run.images([5, 6], ["horse", "cat"]), run.images([5, 6], [2, 0]))
    by_name, by_number = (run.walk(labels=labels, frames=2).pixels for labels in (["cat", "dog"], [0, 1]))
    np.testing.assert_array_equal(by_name, by_number)
    assert run.sample(6, ["cat", "dog"]).tobytes() == run.sample(6, [0, 1]).tobytes()
    with pytest.raises(UserError, match="label 'cow' is none of the 3 classes"):
        run.images([0], "cow")


def test_a_generator_without_classes_or_names_says_so():
    plain = GeneratorHandle("plain", models.build_generator(models.recipe("dcgan", "digits")))
    with pytest.raises(UserError, match="this run's generator has no classes; leave the labels out"):
        plain.images([0], "cat")
    recipe = models.recipe("dcgan_fast", "digits").override(classes=4, clusters=0)
    with pytest.raises(UserError, match="no name for each class is kept here; give numbers"):
        GeneratorHandle("unnamed", models.build_generator(recipe)).images([0], "cat")


def test_numbers_are_numbers_of_classes_also_where_names_are_numbers():
    letters = [str(number) for number in range(1, 27)]  # EMNIST's
    assert flags.parse_labels("1", lambda: letters) == [1]
    assert flags.parse_labels("0-2,25", lambda: letters) == [0, 1, 2, 25]
    recipe = models.recipe("dcgan_fast", "digits").override(classes=26, clusters=0)
    drawn = GeneratorHandle("letters", models.build_generator(recipe), letters)
    np.testing.assert_array_equal(drawn.images([3], "1"), drawn.images([3], 0))  # a string is a name


def test_names_with_commas_and_dashes():
    names = ["red, white", "cat-dog", "a"]
    assert flags.parse_labels("red, white", lambda: names) == [0]
    assert flags.parse_labels("cat-dog,a,1", lambda: names) == [1, 2, 1]


def test_names_are_not_read_where_numbers_are_given():
    def names():
        raise AssertionError

    assert flags.parse_labels("3,5-6", names) == [3, 5, 6]
    with pytest.raises(UserError, match=r"labels='0-' is not of the form"):
        flags.parse_labels("0-", names)


def test_conditional_that_is_typed_stops_without_classes(command, tmp_path):
    for number in range(20):
        Image.new("L", (28, 28), number).save(tmp_path / f"{number}.png")
    given = {"model": "dcgan_fast", "data": str(tmp_path), "steps": 1, "batch_size": 2, "clusters": 0}
    with pytest.raises(UserError, match="--conditional: these data have no classes to tell"):
        command(train, workdir=str(tmp_path / "a"), conditional=True, **given)
    command(train, workdir=str(tmp_path / "b"), **given)  # the recipe's own wish is only a wish
    assert Run(tmp_path / "b").recipe().classes is None


@pytest.mark.parametrize("count", [1, 50])
def test_a_small_set_trains_to_its_end_without_a_refusal_or_advice_that_is_refused(command, tmp_path, capsys, count):
    (tmp_path / "photos").mkdir()
    for number in range(count):
        Image.new("L", (28, 28), number).save(tmp_path / "photos" / f"{number}.png")
    given = {"model": "gan_nn", "data": str(tmp_path / "photos"), "steps": 2, "batch_size": 64, "tick": 1}
    command(train, workdir=str(tmp_path / "run"), watch_every=1.0, **given)
    said = capsys.readouterr().out
    # Of fifty halves are compared; one can't be.
    assert ("kgan evaluate" in said) == (count == 50)
    assert (f"With so few images it can't be scored; look at what it draws: kgan report {tmp_path}/run" in said) == (
        count == 1)
    command(report, tmp_path / "run", out=str(tmp_path / "page.html"))  # which is done, then
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert ("There is only one real picture, so there is none to guess" in page) == (count == 1)
    assert ('class="game"' in page) == (count > 1)
    with pytest.raises(UserError, match="--evaluate_every scores by a judge, which test images prove: folder photos "
                                        "holds no test images: a tenth is held out of 100 .* --watch_every"):
        command(train, workdir=str(tmp_path / "scored"), evaluate_every=1, **given)
    assert not (tmp_path / "scored").exists()  # nothing stands in the way of training without


def test_a_run_with_fewer_test_images_than_scores_need_is_not_told_to_score_it(command, tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (23, 28, 28), np.uint8)
    np.savez(tmp_path / "x.npz", x_train=images[:20], x_test=images[20:])
    command(train, model="gan_nn", data=str(tmp_path / "x.npz"), workdir=str(tmp_path / "run"), steps=1, batch_size=2)
    said = capsys.readouterr().out
    assert f"With so few images it can't be scored; look at what it draws: kgan report {tmp_path}/run" in said
    assert "kgan evaluate" not in said


def test_a_run_with_test_images_is_told_how_to_score_it(command, tmp_path, capsys):
    command(train, model="gan_nn", dataset="digits", workdir=str(tmp_path / "run"), steps=1, batch_size=2)
    assert f"Score it with: kgan evaluate {tmp_path}/run" in capsys.readouterr().out


def test_an_older_run_that_was_told_numbered_folders_in_another_order_is_not_gone_on_with(tmp_path):
    for name in range(11):
        (tmp_path / "data" / str(name)).mkdir(parents=True)
        for number in range(5):
            Image.new("L", (28, 28), 20 * name + number).save(tmp_path / "data" / str(name) / f"{number}.png")
    given = {"model": "dcgan_fast", "data": tmp_path / "data", "workdir": tmp_path / "run", "batch_size": 2,
             "clusters": 0}
    run = kgan.fit(steps=1, **given).run
    config = run.config()
    assert config["data"].pop("class_names") == [str(name) for name in range(11)]
    del config["data"]["labels_sha256"]  # which older runs don't have, either
    run.write_config(config)
    with pytest.raises(UserError, match="this run's networks were told other classes or clusters of these images than"):
        kgan.fit(steps=2, **given)
