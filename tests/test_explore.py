import io
import os
import shutil
import socket
import urllib.request
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from kgan import explore, latent, models, sampling
from kgan.runtime.errors import UserError
from kgan.serving import explorer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ALONE = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def generator():
    keras.utils.set_random_seed(1)
    z = keras.Input((8,))
    return keras.Model(z, keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16, "tanh")(z)))


@pytest.fixture(scope="module")
def paint(generator):
    paint, directions, classes = explorer.painter(generator)
    assert (directions, classes) == (explorer.DIRECTIONS, 0)
    return paint


def _images(generator, z):
    return sampling.draw_from(sampling.renderer(generator), np.atleast_2d(z))


def _shrunk(picture):
    """The picture before it was enlarged: 128 times."""
    assert picture.size == (512, 512)
    return np.asarray(picture)[64::128, 64::128]


def test_the_picture_is_the_seeds_then_the_blend_then_moved(paint, generator):
    still = [0.0] * explorer.DIRECTIONS
    a, b = latent.from_seeds([3, 5], 8).numpy()
    for blend, z in ((0, a), (1, b), (0.25, latent.slerp(a, b, 0.25))):
        np.testing.assert_array_equal(_shrunk(paint(3, 5, blend, 0, *still)[0]), _images(generator, z)[0, ..., 0])
    moved = _shrunk(paint(3, 5, 0, 0, *still[1:], 2.0)[0])
    probes = latent.from_seeds(range(explorer.PROBED), 8).numpy()
    axis = latent.directions(probes, _images(generator, probes), explorer.DIRECTIONS)[-1]
    np.testing.assert_array_equal(moved, _images(generator, a + 2 * axis)[0, ..., 0])
    assert not np.array_equal(moved, _images(generator, a)[0, ..., 0])


def test_the_grid_shows_its_seeds(paint, generator):
    _, grid = paint(None, 1, 0, 7, *[0.0] * explorer.DIRECTIONS)  # None: a field that was emptied
    cells = np.asarray(grid.resize((26, 26), Image.Resampling.NEAREST))
    expected = sampling.generate(generator, range(7, 23))
    np.testing.assert_array_equal(cells[2:6, 8:12], expected[1, ..., 0])
    np.testing.assert_array_equal(cells[20:24, 20:24], expected[15, ..., 0])


def test_a_small_z_has_fewer_directions():
    z = keras.Input((2,))
    generator = keras.Model(z, keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16)(z)))
    paint, directions, classes = explorer.painter(generator)
    assert (directions, classes) == (2, 0)
    picture, _ = paint(0, 1, 0.5, 0, 1.0, -1.0)
    assert picture.size == (512, 512)


def test_classes_are_painted_by_their_number():
    generator = models.build_generator(models.recipe("dcgan_5x5", named="two_convolutions"))
    paint, directions, classes = explorer.painter(generator)
    assert classes == 10
    _, grid = paint(0, 1, 0.0, 4, 3, 0, *[0.0] * directions)
    cells = np.asarray(grid)
    expected = sampling.generate(generator, range(4, 20), [3] * 16)
    times = grid.width // 122  # four of 28 pixels, and five gaps of 2
    np.testing.assert_array_equal(cells[::times, ::times][2:30, 2:30], expected[0, ..., 0])


def test_classes_are_blended_with_the_seeds():
    z, label = keras.Input((2,), name="z"), keras.Input((), dtype="int32", name="label")
    levels = keras.layers.Embedding(3, 16)
    generator = keras.Model([z, label], keras.layers.Reshape((4, 4, 1))(levels(label) + 0 * keras.layers.Dense(16)(z)))
    levels.set_weights([np.array([[0], [100], [200]]).repeat(16, 1) / 127.5 - 1])
    paint, directions, classes = explorer.painter(generator)
    assert (directions, classes) == (2, 3)
    for blend, level in ((0, 100), (0.25, 125), (1, 200)):
        picture, grid = paint(5, 6, blend, 0, 1, 2, 0.0, 0.0)
        assert (_shrunk(picture) == level).all()
        assert set(np.unique(grid)) == {0, 100}  # gaps, and the seed's own class


def test_without_gradio_the_package_is_named(command, monkeypatch):
    monkeypatch.setattr(explore.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"exploring needs gradio; pip install 'kgan\[explore\]'"):
        command(explore, "runs/x")


def test_the_command_says_where_it_serves_what(command, generator, monkeypatch, capsys):
    monkeypatch.setattr(explore.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    monkeypatch.setattr(explore, "open_generator", lambda run, step: {("runs/x", 7): generator}[run, step])
    asked, blocks = [], SimpleNamespace(block_thread=lambda: asked.append("waits"))
    monkeypatch.setattr(explorer, "page", lambda paint, directions, classes, title: asked.append(title) or blocks)
    monkeypatch.setattr(explorer, "serve", lambda _, *how: asked.append(how) or (None, "http://here", None))
    command(explore, "runs/x", step=7, port=8000, browser=False)
    assert (asked, capsys.readouterr().out) == (["runs/x", (8000, False), "waits"],
                                                "http://here shows runs/x until Ctrl-C.\n")
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_port_that_is_taken_is_a_sentence(command, generator, monkeypatch):
    pytest.importorskip("gradio")
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    monkeypatch.setattr(explore, "open_generator", lambda run, step: generator)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"^port {port} is taken; choose another --port.$"):
            command(explore, "runs/x", port=port, browser=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, by Gradio
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_page_in_a_browser(paint, tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    pytest.importorskip("gradio")
    blocks = explorer.page(paint, explorer.DIRECTIONS, 0, "toy")
    _, url, _ = explorer.serve(blocks)
    asked, still = [], [0.0] * explorer.DIRECTIONS
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ALONE)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.on("request", lambda request: asked.append(request.url))
            page.goto(url)
            shows = _shows(page)
            assert shows(paint(0, 1, 0, 0, *still))
            page.get_by_label("Other seed").fill("9")
            page.get_by_label("number input for Blend").fill("0.5")
            assert shows(paint(0, 9, 0.5, 0, *still))
            page.get_by_label("range slider for Direction 1").fill("-3")
            page.get_by_label("First seed of the grid").fill("40")
            expected = paint(0, 9, 0.5, 40, -3.0, *still[1:])
            assert shows(expected)
            with page.expect_download() as download:
                page.get_by_label("Download").first.click()
            download.value.save_as(tmp_path / "saved.png")
            np.testing.assert_array_equal(Image.open(tmp_path / "saved.png").convert("L"), expected[0])
            page.get_by_text("Set directions to 0").click()
            assert shows(paint(0, 9, 0.5, 40, *still))
            browser.close()
    finally:
        blocks.close()
    assert [address for address in asked if not address.startswith((url, "data:", "blob:"))] == []


def _shows(page):
    """Returns a check: do the page's two pictures become these within some seconds?"""
    def shown():
        sources = [image.get_attribute("src") for image in page.query_selector_all("img")]
        try:
            return [np.asarray(Image.open(io.BytesIO(urllib.request.urlopen(source).read())).convert("L"))
                    for source in sources if source]
        except OSError:  # a file that is still being written
            return []

    def shows(pictures):
        for _ in range(100):
            found = shown()
            if len(found) == 2 and all(map(np.array_equal, found, pictures)):
                return True
            page.wait_for_timeout(100)
        return False

    return shows
