import numpy as np
import pytest
import tensorflow as tf

from kgan import augment, latent

IMAGES = tf.constant(np.random.default_rng(0).uniform(-1, 1, (64, 16, 16, 3)).astype(np.float32))


def _key(step=0):
    return latent.key(0, tf.constant(step), 0, tf.constant(0))


def test_translation_moves_by_whole_pixels_and_pads_with_zero():
    moved = augment.translation(IMAGES, _key()).numpy()
    shifts = set()
    for before, after in zip(IMAGES.numpy(), moved, strict=True):
        for y in range(-2, 3):  # an eighth of 16
            for x in range(-2, 3):
                expected = np.zeros_like(before)
                rows, columns = slice(max(0, -y), 16 - max(0, y)), slice(max(0, -x), 16 - max(0, x))
                expected[rows, columns] = before[max(0, y):16 + min(0, y), max(0, x):16 + min(0, x)]
                if np.array_equal(expected, after):
                    shifts.add((y, x))
                    break
            else:
                continue
            break
        else:
            pytest.fail("an image was not moved by whole pixels")
    assert len(shifts) > 12  # of 25


@pytest.mark.parametrize(("side", "hole"), [(28, 14), (64, 32), (16, 8), (6, 3), (5, 3), (4, 2)])
def test_cutout_clears_the_squares_that_the_sources_code_clears(side, hole):
    """Zhao et al.'s published code: size int(side/2 + ½) from a place drawn below side + (1 if size is even) on, less
    size // 2, and pixels outside the image stand for those at its edge."""
    cut = augment.cutout(tf.ones((3000, side, side, 1)), _key()).numpy()[..., 0]
    assert set(np.unique(cut)) == {0.0, 1.0}
    spans = [tuple(sorted({*np.clip(np.arange(place - hole // 2, place - hole // 2 + hole), 0, side - 1).tolist()}))
             for place in range(side + (hole % 2 == 0))]
    for axis in (1, 2):
        found = [tuple(np.flatnonzero(image).tolist()) for image in (cut == 0).any(axis=axis)]
        assert {*found} == {*spans}
        assert max(map(len, found)) == hole
    each = np.mean([len(span) for span in spans])  # expected size of either side: they are drawn independently
    assert (cut == 0).mean() == pytest.approx((each / side)**2, rel=0.05)


def test_colour_of_grey_keeps_its_order_and_is_affine():
    grey = tf.reduce_mean(IMAGES, axis=3, keepdims=True)
    changed = augment.colour(grey, _key()).numpy()
    for before, after in zip(grey.numpy(), changed, strict=True):
        slope, offset = np.polyfit(before.ravel(), after.ravel(), 1)
        np.testing.assert_allclose(after, slope * before + offset, atol=1e-5)
        assert 0.5 <= slope <= 1.5
        assert abs(after.mean() - before.mean()) <= 0.5 + 1e-5


@pytest.mark.parametrize("parts", ["colour", "translation", "cutout", "colour,translation,cutout"])
def test_draws_are_a_function_of_the_key_and_the_place_in_the_batch(parts):
    whole = augment.get(parts)(IMAGES, _key())
    np.testing.assert_array_equal(whole, augment.get(parts)(IMAGES, _key()))
    assert not np.array_equal(whole, augment.get(parts)(IMAGES, _key(1)))
    share = augment.get(parts)(IMAGES[:16], _key())  # as a penalty takes it
    np.testing.assert_allclose(share, whole[:16], atol=1e-6)


def test_gradients_reach_the_images():
    images = tf.Variable(IMAGES)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(augment.get("colour,translation,cutout")(images, _key()))
    gradient = tape.gradient(value, images).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient != 0).mean() > 0.3


def test_named_lists_the_parts():
    assert augment.get(None) is augment.none
    with pytest.raises(ValueError, match="augment='flip' is unknown; known: colour, translation, cutout, joined by"):
        augment.get("colour,flip")


PARTS = "colour,translation,cutout"


def _adaptive(probability, parts=PARTS):
    adaptive = augment.get(parts, 0.5)
    adaptive.probability.assign(probability)
    return adaptive


def test_adaptive_at_1_is_what_it_adapts_and_at_0_nothing_to_the_bit():
    np.testing.assert_array_equal(_adaptive(1.0)(IMAGES, _key()), augment.get(PARTS)(IMAGES, _key()))
    np.testing.assert_array_equal(_adaptive(0.0)(IMAGES, _key()), IMAGES)
    assert float(augment.get(PARTS, 0.5).probability) == 0


def test_each_part_is_applied_to_an_image_with_the_probability_and_by_itself():
    """Of 16,000 draws at 0.3: a standard deviation of √(0.3 · 0.7 / 16,000) = 0.0036; of both parts, 0.09: 0.0023."""
    images = tf.ones((16_000, 6, 6, 1)) * tf.range(1.0, 7.0)[:, None, None]  # rows differ: colour changes each image
    changed = {parts: (_adaptive(0.3, parts)(images, _key()).numpy() != images.numpy()).any((1, 2, 3))
               for parts in ("colour", "cutout")}
    assert changed["colour"].mean() == pytest.approx(0.3, abs=4 * 0.0036)
    assert changed["cutout"].mean() == pytest.approx(0.3, abs=4 * 0.0036)
    both = _adaptive(0.3, "colour,cutout")(images, _key()).numpy()
    cut = (both == 0).any((1, 2, 3))
    moved = (both != np.where(both == 0, both, images)).any((1, 2, 3))
    assert cut.mean() == pytest.approx(0.3, abs=4 * 0.0036)
    assert (cut & moved).mean() == pytest.approx(0.09, abs=4 * 0.0023)  # each part draws by itself


def test_probability_moves_by_a_share_of_half_a_million_images_and_stays_in_its_range():
    adaptive = augment.get("translation", 0.5)
    for overfitting, images, expected in ((0.6, 50_000, 0.1), (0.51, 100_000, 0.3), (0.5, 50_000, 0.2),
                                          (-np.inf, 50_000, 0.1), (-1.0, 100_000, 0.0), (1.0, 600_000, 1.0)):
        adaptive.move(overfitting, images)
        assert float(adaptive.probability) == pytest.approx(expected, abs=1e-6)


def test_a_pair_and_the_share_of_a_penalty_get_the_same_choice():
    adaptive = _adaptive(0.5)
    whole = adaptive(IMAGES, _key())
    np.testing.assert_array_equal(whole, adaptive(IMAGES, _key()))
    np.testing.assert_allclose(adaptive(IMAGES[:16], _key()), whole[:16], atol=1e-6)
