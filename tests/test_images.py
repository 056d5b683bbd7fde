import weakref

import numpy as np
import pytest
from PIL import Image

from kgan import images


def test_ranges_hand_computed():
    np.testing.assert_allclose(images.to_float(np.uint8([0, 51, 255])), [-1.0, -0.6, 1.0], atol=1e-6)
    assert images.to_uint8([-1.0, -0.6, 1.0, 5.0, -5.0, 0.999]).numpy().tolist() == [0, 51, 255, 255, 0, 255]


def test_uint8_survives_the_round_trip():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(images.to_uint8(images.to_float(every)), every)


def test_grid_places_images_row_by_row():
    tiles = np.stack([np.full((2, 2, 1), value, np.uint8) for value in (10, 20, 30)])
    picture = np.asarray(images.grid(tiles, columns=2, gap=1))
    assert picture.tolist() == [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 10, 10, 0, 20, 20, 0],
        [0, 10, 10, 0, 20, 20, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 30, 30, 0, 0, 0, 0],
        [0, 30, 30, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_save_grid_and_gif(tmp_path, channels, mode):
    frames = []
    for value in (0, 255):
        frames.append(tmp_path / f"{value}.png")
        images.save_grid(np.full((4, 8, 8, channels), value, np.uint8), frames[-1])
    assert Image.open(frames[0]).mode == mode
    images.save_gif(map(Image.open, frames), tmp_path / "all.gif")
    gif = Image.open(tmp_path / "all.gif")
    assert (gif.n_frames, gif.info.get("loop")) == (2, 0)


def _shades(values, side=8, mode="L"):
    return [Image.new(mode, (side, side), value) for value in values]


@pytest.mark.parametrize(("asked", "kept"), [(200, 200), (15, 20), (33, 30), (35, 40), (5, 20), (0, 20), (1234, 1230)])
def test_gif_times_are_whole_hundredths_that_browsers_play(tmp_path, asked, kept):
    images.save_gif(_shades([0, 100, 200]), tmp_path / "a.gif", milliseconds=asked, rest=994)
    gif = Image.open(tmp_path / "a.gif")
    found = []
    for number in range(gif.n_frames):
        gif.seek(number)
        found.append((gif.convert("L").getpixel((0, 0)), gif.info["duration"]))
    assert found == [(0, kept), (100, kept), (200, 990)]


def test_equal_pictures_of_a_gif_become_one_of_their_whole_time(tmp_path):
    images.save_gif(_shades([7] * 25), tmp_path / "a.gif")
    gif = Image.open(tmp_path / "a.gif")
    assert (gif.n_frames, gif.info["duration"]) == (1, 24 * 200 + 2000)
    with pytest.raises(ValueError, match="one picture or more"):
        images.save_gif([], tmp_path / "a.gif")


def test_gif_takes_pictures_one_at_a_time_and_reduces_wide_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "WIDEST", 10)
    alive, most = [], []

    def made():
        for value in range(0, 240, 10):
            frame = Image.new("RGB", (24, 32), (value, 255 - value, 0))
            alive.append(weakref.ref(frame))
            most.append(sum(one() is not None for one in alive))
            yield frame
            del frame

    images.save_gif(made(), tmp_path / "a.gif")
    assert max(most) <= 2
    gif = Image.open(tmp_path / "a.gif")
    assert (gif.size, gif.n_frames) == ((6, 8), 24)


def test_spread_keeps_the_first_and_the_last():
    assert images.spread(range(5), 9) == [0, 1, 2, 3, 4]
    assert images.spread(range(101), 5) == [0, 25, 50, 75, 100]
    assert len(images.spread(range(25_000))) == images.FRAMES
    assert images.spread([], 3) == []
