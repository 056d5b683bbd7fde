"""Pictures of a toy generator with four classes, every pixel of which can be worked out by hand."""

import keras
import numpy as np
import pytest
from PIL import Image

from kgan import latent, sampling
from kgan.drawing import grids
from kgan.layers import ClusterByLatent, progressive
from kgan.runtime.errors import UserError

LEVELS = np.array([[0, 10], [100, 30], [200, 50], [40, 250]])  # grey levels of a class' two pixels, where z is 0


@pytest.fixture
def build():
    """Builds a generator: pixels that the label gives, moved by `reach` grey levels for each unit of z's one value."""
    def build(reach):
        z, label = keras.Input((1,), name="z"), keras.Input((), dtype="int32", name="label")
        rows, moved = keras.layers.Embedding(4, 2), keras.layers.Dense(2, use_bias=False)
        image = keras.layers.Reshape((1, 2, 1))(rows(label) + moved(z))
        rows.set_weights([LEVELS / 127.5 - 1])
        moved.set_weights([np.full((1, 2), reach / 127.5)])
        return keras.Model([z, label], image)

    return build


def _cells(path, rows, columns):
    """The pictures in a grid of 1×2 pixels with gaps of 2: (rows, columns, 2)."""
    picture = np.asarray(Image.open(path))
    assert picture.shape == (3 * rows + 2, 4 * columns + 2)
    return picture[2::3, 2:].reshape(rows, columns, 4)[..., :2]


def test_half_way_between_two_classes_is_the_mean_of_their_pictures(build, tmp_path):
    grids.class_walk(build(0), [0, 1, 3], [5], 4).save(tmp_path / "walk.png")
    found = _cells(tmp_path / "walk.png", 3, 4)
    assert found[:, 0].tolist() == [[0, 10], [100, 30], [40, 250]]
    assert found[:, 2].tolist() == [[50, 20], [70, 140], [20, 130]]  # from 0 to 1, to 3, and back to 0
    assert found[0].tolist() == [[0, 10], [25, 15], [50, 20], [75, 25]]


def test_with_one_seed_only_the_class_changes_and_with_several_z_walks_too(build, tmp_path):
    generator = build(20)
    z = latent.from_seeds([5, 6, 7], 1).numpy()[:, 0]
    grids.class_walk(generator, [1, 2], [5], 2).save(tmp_path / "one.png")
    expected = np.array([[[100, 30], [150, 40]], [[200, 50], [150, 40]]]) + 20 * z[0]
    np.testing.assert_allclose(_cells(tmp_path / "one.png", 2, 2), expected.clip(0, 255), atol=0.5)
    grids.class_walk(generator, [1, 2], [5, 6, 7], 2).save(tmp_path / "three.png")  # the classes start over
    half = (z + np.roll(z, -1)) / 2  # of one value there is no arc
    expected = np.array([[[100, 30], [150, 40]], [[200, 50], [150, 40]], [[100, 30], [100, 30]]])
    expected = expected + 20 * np.stack([z, half], axis=1)[..., None]
    np.testing.assert_allclose(_cells(tmp_path / "three.png", 3, 2), expected.clip(0, 255), atol=0.5)


def test_seeds_start_over_where_there_are_more_classes(build, tmp_path):
    generator = build(20)
    grids.class_walk(generator, [0, 1, 2, 3], [5, 6], 1).save(tmp_path / "walk.png")
    expected = sampling.generate(generator, [5, 6, 5, 6], [0, 1, 2, 3])
    np.testing.assert_array_equal(_cells(tmp_path / "walk.png", 4, 1)[:, 0], expected[:, 0, :, 0])


def test_a_walk_between_classes_may_be_a_gif(build, tmp_path):
    grids.class_walk(build(0), [0, 2], [5], 3).save(tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as gif:
        assert (gif.n_frames, gif.size) == (6, (256, 128))


@pytest.mark.parametrize("labels", [[0, 4], [4]])
def test_labels_beyond_the_classes_are_one_sentence(build, tmp_path, labels):
    for save in (lambda: grids.class_walk(build(0), labels, [5], 2).save(tmp_path / "walk.png"),
                 lambda: grids.save_samples(build(0), [5], tmp_path / "grid.png", labels)):
        with pytest.raises(UserError, match=r"^label 4 is none of this run's 4 classes, 0 to 3\.$"):
            save()
    assert list(tmp_path.iterdir()) == []


def test_samples_have_a_row_for_each_label(build, tmp_path):
    assert grids.save_samples(build(0), [6, 7, 8, 9], tmp_path / "grid.png", [3, 0]) == 8
    assert _cells(tmp_path / "grid.png", 2, 4).tolist() == [[[40, 250]] * 4, [[0, 10]] * 4]
    grids.save_samples(build(0), range(8), tmp_path / "all.npy")  # the seed modulo four
    assert np.load(tmp_path / "all.npy")[:, 0, :, 0].tolist() == LEVELS.tolist() * 2


@pytest.mark.parametrize(("names", "labels", "expected"), [
    (None, [1], ["1/seed0007.png", "1/seed0008.png"]),
    (["cat", "big/dog", "..a", "d"], [2, 1], ["a/seed0007.png", "a/seed0008.png", "big_dog/seed0007.png",
                                              "big_dog/seed0008.png"]),
    (["cat", "Cat", "a", "b"], [1], ["1/seed0007.png", "1/seed0008.png"]),  # one folder on some systems
    (["..", "dog", "a", "b"], [0], ["0/seed0007.png", "0/seed0008.png"]),
    (["cat", "dog"], [1], ["1/seed0007.png", "1/seed0008.png"]),  # of another run
    (["cat", "dog", "cow", "fox"], None, ["cat/seed0008.png", "fox/seed0007.png"]),  # the seed modulo four
])
def test_a_folder_has_a_folder_for_each_class(build, tmp_path, names, labels, expected):
    grids.save_samples(build(0), [7, 8], tmp_path / "pictures", labels, class_names=names)
    found = sorted(path.relative_to(tmp_path / "pictures").as_posix() for path in tmp_path.rglob("*.png"))
    assert found == expected
    first = 3 if labels is None else labels[0]
    assert np.asarray(Image.open(next((tmp_path / "pictures").rglob("*7.png")))).tolist() in [
        [LEVELS[label].tolist()] for label in labels or [first]]


def test_truncation_scales_z_but_for_the_value_that_chooses_a_cluster():
    z = keras.Input((3,), name="z")
    plain, chosen = keras.layers.Dense(2, use_bias=False), keras.layers.Embedding(2, 2)
    moved = keras.Model(z, keras.layers.Reshape((1, 2, 1))(plain(z)))
    cluster = keras.layers.Add()([plain(z), chosen(ClusterByLatent(2)(z))])
    clustered = keras.Model(z, keras.layers.Reshape((1, 2, 1))(cluster))
    assert sampling.latent_scale(moved, 0.5).tolist() == [0.5, 0.5, 0.5]
    assert sampling.latent_scale(clustered, 0.5).tolist() == [1.0, 0.5, 0.5]
    assert sampling.latent_scale(clustered, 1).tolist() == [1.0, 1.0, 1.0]
    plain.set_weights([np.array([[0.2, 0.0], [0.0, 0.3], [0.0, 0.0]])])
    chosen.set_weights([np.zeros((2, 2))])
    rows = latent.from_seeds([3, 4], 3).numpy()
    for generator, first in ((moved, 0.5), (clustered, 1.0)):
        drawn = sampling.generate(generator, [3, 4], truncation=0.5)[:, 0, :, 0]
        expected = np.round((np.clip(rows[:, :2] * [0.2 * first, 0.15], -1, 1) + 1) * 127.5)
        np.testing.assert_allclose(drawn, expected, atol=1)
        whole = sampling.generate(generator, [3, 4])
        np.testing.assert_array_equal(sampling.generate(generator, [3, 4], truncation=1), whole)


@pytest.mark.parametrize("truncation", [-0.1, 1.01, float("nan"), "0.5", True])
def test_a_truncation_out_of_range_is_one_sentence(build, truncation):
    with pytest.raises(UserError, match=r"^truncation=.* must be a number from 0, the most alike, to 1, as trained\.$"):
        grids.walk(build(0), [1, 2], 2, truncation=truncation)


def test_a_generator_that_normalises_z_refuses_truncation():
    z = keras.Input((4,), name="z")
    generator = keras.Model(z, keras.layers.Reshape((2, 2, 1))(progressive.PixelNorm()(z)))
    assert sampling.latent_scale(generator, 1.0).tolist() == [1.0] * 4
    with pytest.raises(UserError, match=r"^truncation=0.7 can change nothing here: .* \(PixelNorm\); leave"):
        sampling.generate(generator, [1], truncation=0.7)


def test_a_grid_of_class_walks_passes_the_classes_in_each(build, tmp_path):
    generator = build(20)
    both = grids.class_walk(generator, [0, 2], [5, 6], 3, rows=2, columns=1)
    assert both.pixels.shape == (6, 2 * 3 + 2, 2 + 4, 1)
    for row, seed in enumerate((5, 6)):
        alone = grids.class_walk(generator, [0, 2], [seed], 3)
        np.testing.assert_array_equal(both.pixels[:, 2 + 3 * row:3 + 3 * row, 2:4], alone.pixels)
    both.save(tmp_path / "walk.webp")
    with Image.open(tmp_path / "walk.webp") as webp:
        assert webp.n_frames == 6
    with pytest.raises(UserError, match=r"^out='walk.avi' must end in .gif or .webp or .mp4 or .png\.$"):
        both.save("walk.avi")


def test_arithmetic_stays_in_the_label(build, tmp_path):
    grids.save_arithmetic(build(0), [[1], [2], [3]], tmp_path / "strip.png", 3)
    cells = _cells(tmp_path / "strip.png", 3, 6)
    assert cells[:, [0, 1, 3, 4, 5]].reshape(-1, 2).tolist() == [[40, 250]] * 15


def test_half_way_between_two_kinds_is_the_mean_of_their_pictures(tmp_path):
    """Kinds 0 and 1 of two, chosen by the sign of z; z itself moves nothing."""
    z, rows = keras.Input((1,), name="z"), keras.layers.Embedding(2, 2)
    image = keras.layers.Reshape((1, 2, 1))(rows(ClusterByLatent(2)(z)))
    rows.set_weights([LEVELS[1:3] / 127.5 - 1])
    kinds = (latent.from_seeds([0, 1, 2, 3], 1).numpy()[:, 0] > 0).astype(int)
    seeds = [int(np.argmin(kinds)), int(np.argmax(kinds))]
    grids.walk(keras.Model(z, image), seeds, 4).save(tmp_path / "walk.png")
    found = _cells(tmp_path / "walk.png", 2, 4)
    assert found[0].tolist() == [[100, 30], [125, 35], [150, 40], [175, 45]]
    assert found[1].tolist() == [[200, 50], [175, 45], [150, 40], [125, 35]]
