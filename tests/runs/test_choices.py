import numpy as np
import pytest
from PIL import Image

from kgan import models
from kgan.data import arrays, sources
from kgan.runs import choices, setup
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


def folder(path, count=12, size=(70, 70), mode="RGB", colours=True, others=()):
    """Makes pictures of noise, the first `others` of other sizes; returns the folder."""
    path.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        width, height = others[number] if number < len(others) else size
        channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
        pixels = random.integers(0, 200, (height, width, channels)).astype(np.uint8)
        if mode == "RGBA":
            pixels[..., 3] = 255 * (pixels[..., 3] > 100)
        if not colours:
            pixels[..., 1:3] = pixels[..., :1]
        Image.fromarray(pixels.squeeze()).save(path / f"{number:03}.png")
    return str(path)


def chosen(capsys):
    """The sentences that the user reads, by field."""
    lines = [line for line in capsys.readouterr().err.splitlines() if "Chosen: --" in line]
    return {line.partition("--")[2].partition("=")[0]: line.partition("Chosen: ")[2] for line in lines}


def test_a_folder_in_colour_gets_pictures_with_a_reason_for_each_choice(tmp_path, capsys):
    recipe = setup.resolve({"data": folder(tmp_path / "photos")}, str(tmp_path / "run")).recipe
    said = chosen(capsys)
    assert list(said) == ["model", "image_size", "channels", "images", "clusters", "augment", "batch_size",
                          "penalty_weight", "watch_every"]
    assert (recipe.model, recipe.image_shape) == ("pictures", (64, 64, 3))
    # 12 images carry one cluster of eight, which is none; 150,000 is the shortest length.
    # 4,688 steps of 32 images.
    assert (recipe.clusters, recipe.images, recipe.decay_images, recipe.ema_images) == (0, 150_000, 150_016, 50_005)
    assert said["model"] == "--model=pictures: the images are in colour, of 70 pixels."
    assert said["images"] == "--images=150000: 12,500 passes over 12 images."
    assert (recipe.augment, recipe.watch_every) == ("colour,translation,cutout", 625.07)  # 150,016 / 12 / 20


def test_a_length_of_one_step_has_looks_too(tmp_path):
    data = folder(tmp_path / "a", 120, mode="L", size=(28, 28))
    assert setup.resolve({"data": data, "steps": 1}, str(tmp_path / "r")).recipe.watch_every == 0.01


def test_grey_pictures_of_32_pixels_at_most_get_dcgan_fast(tmp_path, capsys):
    small = setup.resolve({"data": folder(tmp_path / "a", mode="L", size=(32, 28))}, str(tmp_path / "r")).recipe
    assert "grey, of 32 pixels; it cuts squares out, which --model=pictures does not." in capsys.readouterr().err
    assert (small.model, small.recipe, small.image_shape, small.dataset) == (
        "dcgan_fast", "own_pictures", (28, 28, 1), None)
    assert (small.penalty_weight, small.flip, small.loss) == (0.0049, False, "relativistic")  # 0.0002 · 28² / 32
    named = setup.resolve({"data": folder(tmp_path / "d", mode="L"), "model": "dcgan_fast"}, str(tmp_path / "u")).recipe
    assert (named.recipe, named.images) == ("own_pictures", 150_000)
    also = setup.resolve({"data": folder(tmp_path / "b", size=(20, 20), colours=False)}, str(tmp_path / "s")).recipe
    assert also.model == "dcgan_fast"  # RGB files without a colour
    large = setup.resolve({"data": folder(tmp_path / "c", mode="L", size=(33, 33))}, str(tmp_path / "t")).recipe
    assert (large.model, large.image_shape) == ("pictures", (32, 32, 1))
    for dataset, named in (("mnist", None), ("digits", None), ("kmnist", "own_pictures"), (None, "own_pictures")):
        made = choices.recipe("dcgan_fast", dataset)
        assert (made and made.value) == named
    assert choices.recipe("dcgan", "fashion_mnist") is None


@pytest.mark.parametrize(("size", "shape"), [
    ((47, 47), (32, 32, 3)), ((48, 48), (64, 64, 3)), ((200, 200), (64, 64, 3)),
    ((60, 90), (64, 42, 3)),  # 2:3: 64 · 2/3 = 42.7
    ((160, 90), (36, 64, 3)), ((66, 70), (64, 64, 3)), ((20, 400), (64, 8, 3))])
def test_size_and_ratio_are_the_pictures(tmp_path, size, shape):
    recipe = setup.resolve({"data": folder(tmp_path / "a", 4, size)}, str(tmp_path / "run")).recipe
    assert recipe.image_shape == shape


def test_what_is_too_narrow_is_said_to_lose_its_ends(tmp_path, capsys):
    setup.resolve({"data": folder(tmp_path / "a", 4, (20, 400))}, str(tmp_path / "run"))
    assert ("--width=8: the images are 20.00 times as high as wide; fewer than 8 pixels are none, so their ends are "
            "cut off.") in capsys.readouterr().err


def test_pictures_of_several_ratios_are_cut_square(tmp_path, capsys):
    data = folder(tmp_path / "a", 8, (60, 90), others=[(90, 60)] * 4)
    assert setup.resolve({"data": data}, str(tmp_path / "run")).recipe.image_shape == (64, 64, 3)
    assert "they are of several ratios, so squares are cut out" in chosen(capsys)["image_size"]


def test_transparent_pictures_keep_alpha(tmp_path, capsys):
    recipe = setup.resolve({"data": folder(tmp_path / "a", mode="RGBA")}, str(tmp_path / "run")).recipe
    assert recipe.channels == 4
    assert chosen(capsys)["channels"] == "--channels=4: most images have transparent pixels."


def test_what_is_set_is_not_chosen(tmp_path, capsys):
    data = folder(tmp_path / "a", 4, (60, 90))
    recipe = setup.resolve({"data": data, "image_size": 128, "channels": 1, "steps": 7, "clusters": 2, "augment": None,
                            "model": "pictures"}, str(tmp_path / "run")).recipe
    assert (recipe.image_shape, recipe.steps, recipe.images, recipe.clusters) == ((128, 86, 1), 7, None, 2)
    assert list(chosen(capsys)) == ["width", "batch_size", "penalty_weight", "watch_every"]
    assert recipe.penalty_weight == 0.0688  # 0.0002 · 128 · 86 / 32


def test_schedule_and_average_follow_the_length(tmp_path):
    """Of 1,000 arrays 300 passes are 300,000 images, a fifth of the model's own length."""
    images = np.random.default_rng(0).integers(0, 256, (1000, 40, 40, 3)).astype(np.uint8)
    recipe = setup.resolve({}, str(tmp_path / "run"), arrays=arrays.in_memory(images)).recipe
    assert (recipe.model, recipe.images, recipe.decay_images, recipe.ema_images) == ("pictures", 300_000, 300_000,
                                                                                     100_000)
    short = setup.resolve({"steps": 50, "batch_size": 64, "model": "pictures", "ema_images": 7},
                          str(tmp_path / "short"), arrays=arrays.in_memory(images)).recipe
    assert (recipe.penalty_weight, short.penalty_weight) == (0.0064, 0.0032)
    assert (short.images, short.steps, short.decay_images, short.ema_images) == (None, 50, 3_200, 7)


def test_another_model_or_a_named_data_set_chooses_nothing(tmp_path, capsys):
    data = folder(tmp_path / "a")
    assert setup.resolve({"data": data, "model": "dcgan"}, str(tmp_path / "b")).recipe.image_shape == (28, 28, 1)
    assert setup.resolve({"dataset": "digits"}, str(tmp_path / "c")).recipe.model == "dcgan"
    assert chosen(capsys) == {}


def test_a_run_of_the_default_before_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = folder(tmp_path / "photos")
    before = setup.resolve({"data": data, "model": "dcgan", "steps": 2, "batch_size": 2})
    before.run.create(before.recipe, data={"sha256": None}, versions={})
    assert setup.resolve({"data": data}).run.path == Run("runs/dcgan_photos").path
    assert setup.resolve({"data": data, "model": "pictures"}).run.path == Run("runs/pictures_photos").path


def test_pictures_that_cannot_be_read_are_left_to_training(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"no picture")
    assert choices.look(sources.locate(None, str(tmp_path / "a"))) is None


def test_the_longer_side_is_the_size(tmp_path):
    with pytest.raises(UserError, match="image_size is the longer side"):
        setup.resolve({"data": folder(tmp_path / "a"), "height": 100, "width": 40}, str(tmp_path / "run"))
    with pytest.raises(UserError, match="height=20: dcgan_fast has no networks that make pictures that are not square"):
        setup.describe(setup.resolve({"dataset": "digits", "model": "dcgan_fast", "height": 20}, str(tmp_path / "r")))


def test_a_presets_networks_go_on_at_their_size_for_a_third(tmp_path, capsys):
    recipe = models.recipe("pictures")
    seen = choices.Look(longer=40, ratio=1.0, mixed=False, coloured=True, transparent=False)
    tuned, made = choices.chosen(recipe, seen, 1000, {}, tuned=True)
    assert (tuned.image_size, tuned.images, tuned.decay_images) == (64, 100_000, 100_000)
    assert "image_size" not in [one.field for one in made]
