import sys
import weakref

import numpy as np
import pytest
from PIL import Image, ImageSequence

from kgan import images
from kgan.runtime.errors import UserError


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
    images.save_gif(lambda: map(Image.open, frames), tmp_path / "all.gif")
    gif = Image.open(tmp_path / "all.gif")
    assert (gif.n_frames, gif.info.get("loop")) == (2, 0)


def _shades(values, side=8, mode="L"):
    return [Image.new(mode, (side, side), value) for value in values]


@pytest.mark.parametrize(("asked", "kept"), [(200, 200), (15, 20), (33, 30), (35, 40), (5, 20), (0, 20), (1234, 1230)])
def test_gif_times_are_whole_hundredths_that_browsers_play(tmp_path, asked, kept):
    images.save_gif(lambda: _shades([0, 100, 200]), tmp_path / "a.gif", milliseconds=asked, rest=994)
    gif = Image.open(tmp_path / "a.gif")
    found = []
    for number in range(gif.n_frames):
        gif.seek(number)
        found.append((gif.convert("L").getpixel((0, 0)), gif.info["duration"]))
    assert found == [(0, kept), (100, kept), (200, 990)]


def test_equal_pictures_of_a_gif_become_one_of_their_whole_time(tmp_path):
    images.save_gif(lambda: _shades([7] * 25), tmp_path / "a.gif")
    gif = Image.open(tmp_path / "a.gif")
    assert (gif.n_frames, gif.info["duration"]) == (1, 24 * 200 + 2000)
    with pytest.raises(ValueError, match="one picture or more"):
        images.save_gif(list, tmp_path / "a.gif")


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

    images.save_gif(made, tmp_path / "a.gif")
    assert max(most) <= 2
    gif = Image.open(tmp_path / "a.gif")
    assert (gif.size, gif.n_frames) == ((6, 8), 24)


def _moving(path):
    """The frames of a moving picture, (n, H, W, 4)."""
    with Image.open(path) as opened:
        return np.stack([np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(opened)])


def _noise(count, side=24, channels=3):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)


def test_pixels_of_a_gif_that_stay_as_they_are_rest(tmp_path):
    """Each frame has thousands of colours, and the corner that changes would change a palette of its own."""
    frames = np.repeat(_noise(1, 60), 3, axis=0)
    frames[1, :20, :20] = [250, 0, 0]
    frames[2, :20, :20] = np.arange(20)[:, None, None] * 12
    images.save_gif(lambda: map(images.picture, frames), tmp_path / "a.gif")
    shown = _moving(tmp_path / "a.gif")
    for frame in shown[1:]:
        np.testing.assert_array_equal(frame[20:], shown[0, 20:])
        np.testing.assert_array_equal(frame[:, 20:], shown[0, :, 20:])
    assert np.abs(shown[1, :20, :20, :3].astype(int) - [250, 0, 0]).mean() < 20
    assert np.abs(shown[..., :3].astype(int) - frames).mean() < 20


def test_a_gif_of_grey_pictures_keeps_every_level_and_few_colours_stay_as_they_are(tmp_path):
    ramps = np.stack([np.arange(256, dtype=np.uint8).reshape(16, 16, 1), np.arange(255, -1, -1).reshape(16, 16, 1)])
    images.save_gif(lambda: map(images.picture, ramps.astype(np.uint8)), tmp_path / "grey.gif")
    np.testing.assert_array_equal(_moving(tmp_path / "grey.gif")[..., :1], ramps)
    few = np.array([[200, 40, 40], [40, 200, 40], [250, 250, 10]], np.uint8)[_noise(2, channels=1)[..., 0] % 3]
    images.save_gif(lambda: map(images.picture, few), tmp_path / "few.gif")
    assert np.abs(_moving(tmp_path / "few.gif")[..., :3].astype(int) - few).max() <= 3


def test_webp_keeps_every_pixel_and_its_alpha_and_gifs_lie_over_white(tmp_path):
    frames = _noise(3, channels=4)
    frames[..., 3] = np.array([0, 128, 255])[frames[..., 3] % 3]
    images.save_webp(map(images.picture, frames), tmp_path / "a.webp", 50)
    shown = _moving(tmp_path / "a.webp")
    np.testing.assert_array_equal(shown[..., 3], frames[..., 3])
    np.testing.assert_array_equal(shown[shown[..., 3] > 0], frames[shown[..., 3] > 0])
    with Image.open(tmp_path / "a.webp") as webp:
        webp.load()
        assert (webp.n_frames, webp.info["loop"], webp.info["duration"]) == (3, 0, 50)
    images.save_gif(lambda: map(images.picture, frames), tmp_path / "a.gif")
    over = _moving(tmp_path / "a.gif")
    assert over[..., 3].min() == 255
    assert over[frames[..., 3] == 0][:, :3].min() > 240


def test_mp4_has_even_sides_the_pictures_colours_and_white_behind_them(tmp_path):
    av = pytest.importorskip("av")
    frames = np.zeros((6, 33, 47, 4), np.uint8)
    for number, frame in enumerate(frames):
        frame[..., :] = [40 * number, 100, 200, 255]
        frame[:16, :16] = 0  # transparent
    images.save_mp4(map(images.picture, frames), tmp_path / "a.mp4", 50)
    with av.open(str(tmp_path / "a.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate, stream.width, stream.height) == ("h264", 20, 48, 34)
        shown = np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(stream)])
    assert shown.shape == (6, 34, 48, 3)
    assert shown[:, 4:12, 4:12].min() > 240
    np.testing.assert_allclose(shown[:, 20:34, 20:48].mean(axis=(1, 2)), frames[:, 20, 20, :3], atol=8)


def test_without_its_library_an_mp4_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"^an .mp4 is written by PyAV, .* pip install 'kgan\[video\]', or take .webp"):
        images.save_mp4([], tmp_path / "a.mp4", 50)
    assert [*tmp_path.iterdir()] == []


def test_spread_keeps_the_first_and_the_last():
    assert images.spread(range(5), 9) == [0, 1, 2, 3, 4]
    assert images.spread(range(101), 5) == [0, 25, 50, 75, 100]
    assert len(images.spread(range(25_000))) == images.FRAMES
    assert images.spread([], 3) == []
