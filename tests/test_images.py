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
