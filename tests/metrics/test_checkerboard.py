import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_sample_images

from kgan.metrics.checkerboard import Checkerboard, checkerboard, compared, shares

LIMIT = 6.0  # of `scoring.table`
DOWN, ACROSS = np.mgrid[:64, :64]
DOTS = 1.0 * ((DOWN % 4 == 0) & (ACROSS % 4 == 0))


@pytest.fixture(scope="module")
def photographs():
    """Two halves of the pieces of scikit-learn's two photographs, 64×64, mixed."""
    pieces = np.stack([photograph[top:top + 64, left:left + 64] for photograph in load_sample_images().images
                       for top in range(0, 364, 32) for left in range(0, 577, 32)])
    pieces = np.random.default_rng(0).permutation(pieces)
    return pieces[:200], pieces[200:400]


def _with(images, pattern):
    return np.clip(images + pattern[None, :images.shape[1], :images.shape[2], None], 0, 255).round().astype(np.uint8)


def test_hand_computed():
    """A 16×16 checkerboard of ±10 and columns of period 4 of ±20·cos: energies 10² and 20²/2, so a third and two."""
    board = 10 * (-1.0) ** (DOWN + ACROSS)[:16, :16]
    columns = 20 * np.cos(np.pi / 2 * ACROSS[:16, :16])
    image = (100 + board + columns).round().astype(np.uint8)[None, :, :, None]
    assert shares(image)[0] == pytest.approx(np.array([[1 / 3, 2 / 3], [0, 0]]), abs=1e-6)
    plain = np.full((1, 16, 16, 1), 7, np.uint8)
    assert not shares(plain).any()


def test_beside_a_period_are_as_many_frequencies():
    """White noise has an equal share in each: 32×32 without the mean, three of 32 rows and columns at period 2."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 32, 32, 1)).astype(np.uint8)
    own, beside = shares(noise).mean(axis=0)
    cells = [1 - (29 / 32)**2, 1 - (26 / 32)**2, 1 - (26 / 32)**2]
    assert own == pytest.approx(cells, rel=0.02)
    assert beside == pytest.approx(own, rel=0.02)
    halves = np.full((400, 32, 32, 1), 128, np.uint8)
    halves[:, :16] = np.linspace(0, 255, 400).astype(np.uint8)[:, None, None, None]
    assert checkerboard(noise, halves).checkerboard < 0  # whose unit is next to nothing


def test_the_unit_is_the_spread_between_halves():
    known = np.zeros((8, 2, 2))
    known[:, 0, 0], known[:, 0, 1] = [0.1, 0.3] * 4, [0.5, 0.7] * 4  # means 0.2 and 0.6, S = 0.1 and 0.1
    seen = np.full((8, 2, 2), 0.0)
    seen[:, 0] = 0.5, 0.7  # 0.3 and 0.1 above
    assert compared(seen, known) == (pytest.approx(0.3 / (2 * 0.1 / np.sqrt(8))), 2)
    seen[:, 1, 0] = 0.44  # beside it is nearly as much: 0.5 - 1.1·0.44 = 0.016
    assert compared(seen, known) == (pytest.approx(0.1 / (2 * 0.1 / np.sqrt(8))), 4)
    assert compared(seen[:2], known)[0] == pytest.approx(0.1 / (0.1 * np.sqrt(2 / 2 + 2 / 8)))


@pytest.mark.parametrize(("pattern", "period"), [
    (2 * (-1.0) ** (DOWN + ACROSS), 2), (3 * np.cos(np.pi / 2 * DOWN), 4), (6 * np.cos(np.pi / 4 * ACROSS), 8),
    (10 * DOTS, None)], ids=["checkerboard", "lines of 4", "lines of 8", "dots of 4"])
def test_faint_grids_are_seen_in_photographs(photographs, pattern, period):
    real, other = photographs
    found = checkerboard(_with(other, pattern), real)
    assert found.checkerboard > LIMIT
    assert period in (None, found.checkerboard_period)


@pytest.mark.parametrize("change", [
    lambda images: images, lambda images: ndimage.gaussian_filter(images, (0, 0.5, 0.5, 0)),
    lambda images: ndimage.gaussian_filter(images, (0, 2, 2, 0)),
    lambda images: _noisy(images, 5), lambda images: _noisy(images, 30), lambda images: _enlarged(images[:, :32, :32]),
    lambda images: images[:, :32].repeat(2, axis=1)[:, :64]], ids=[
        "as they are", "blurred by 0.5", "by 2", "noise of 5", "of 30", "enlarged", "rows twice"])
def test_what_is_no_grid_is_none(photographs, change):
    real, other = photographs
    assert checkerboard(change(other), real).checkerboard < LIMIT


def _noisy(images, sigma):
    return np.clip(images + np.random.default_rng(0).normal(0, sigma, images.shape), 0, 255).astype(np.uint8)


def _enlarged(images):
    return np.stack([np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.BICUBIC)) for image in images])


def test_enlarged_pictures_pass_among_themselves_and_a_grid_on_them_does_not(photographs):
    real, other = (_enlarged(some[:, :32, :32]) for some in photographs)
    assert checkerboard(other, real).checkerboard < LIMIT
    assert checkerboard(_with(other, (-1.0) ** (DOWN + ACROSS)), real).checkerboard > LIMIT


@pytest.mark.parametrize(("height", "width", "periods"), [
    (64, 48, 3), (31, 64, 2), (64, 15, 1), (33, 65, 3), (8, 8, 1), (7, 64, 0)])
def test_of_any_shape_the_periods_that_fit_are_looked_at(photographs, height, width, periods):
    real, other = (some[:, :height, :width] for some in photographs)
    assert shares(real).shape == (200, 2, periods)
    found = checkerboard(other, real)
    if not periods:
        assert found == Checkerboard(None, None)
        return
    assert found.checkerboard < LIMIT
    assert checkerboard(_with(other, 4 * (-1.0) ** (DOWN + ACROSS)), real)[1] == 2
    assert checkerboard(_with(other, 4 * (-1.0) ** (DOWN + ACROSS)), real)[0] > LIMIT


def test_transparent_pictures_are_seen_on_white(photographs):
    real, other = photographs
    grid = _with(np.zeros((200, 64, 64, 1), np.uint8), 200.0 * ((DOWN + ACROSS) % 2))
    hidden = np.concatenate([np.where(grid, 255 - other, other), np.zeros_like(grid)], axis=3)
    assert not shares(hidden).any()  # what is transparent is white, whatever its colour
    opaque = [np.concatenate([some, np.full_like(grid, 255)], axis=3) for some in (other, real)]
    assert checkerboard(*opaque) == checkerboard(other, real)
    faint = np.concatenate([other, 255 - grid // 20], axis=3)  # a grid of alpha alone
    assert checkerboard(faint, opaque[1])[1] == 2
    assert checkerboard(faint, opaque[1])[0] > LIMIT


def test_real_pictures_that_are_all_alike_give_no_unit():
    plain = np.full((5, 16, 16, 1), 9, np.uint8)
    assert checkerboard(plain, plain) == Checkerboard(None, None)
