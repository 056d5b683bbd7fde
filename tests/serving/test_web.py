import base64
import io
import re

import keras
import numpy as np
import pytest
from PIL import Image

from kgan import images, kernels, latent, models, presets, sampling
from kgan.api import facade
from kgan.commands import export as export_command
from kgan.drawing import grids
from kgan.layers import ClusterByLatent, progressive
from kgan.runs.generators import open_generator
from kgan.runtime import files
from kgan.runtime.errors import UserError
from kgan.serving import compute, export, operations
from kgan.serving.web import page

SEEDS = [0, 7, 2**32 - 1, 2**32, 123456789012, 2**53 - 1, 2**63 - 1]


@pytest.fixture
def toy():
    """A generator with every layer that a page knows, in settings that kgan's own models don't have."""
    z, label = keras.Input((6,), name="z"), keras.Input((), dtype="int32", name="label")
    x = keras.layers.Concatenate()([z, keras.layers.Embedding(3, 2)(label)])
    x = keras.layers.Dropout(0.5)(keras.layers.Dense(2 * 3 * 5, activation="sigmoid")(x))
    x = keras.layers.BatchNormalization(scale=False)(keras.layers.Reshape((2, 3, 5))(x))
    x = keras.layers.Conv2DTranspose(7, (3, 2), strides=3, activation="relu")(x)  # valid: 6×9
    x = keras.layers.Conv2D(3, (4, 4), strides=2, padding="same", activation="leaky_relu")(x)  # 3×5
    x = keras.layers.UpSampling2D(2)(keras.layers.ReLU(negative_slope=0.1)(x))
    x = keras.layers.Conv2D(6, 3, use_bias=False, activation="selu")(x)  # valid: 4×8
    x = progressive.PixelNorm()(progressive.EqualizedConv2D(5, 3, padding="same")(x))
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.Cropping2D(((1, 0), (0, 2)))(keras.layers.DepthwiseConv2D((2, 1), activation="relu")(x))  # 2×6
    x = keras.layers.Dense(4 * 4 * 3, "tanh", name="last")(keras.layers.Flatten()(x))
    x, old = keras.layers.Reshape((4, 4, 3))(x), progressive.EqualizedDense((4, 4, 3), gain=0.7)(z)
    generator = keras.Model([z, label], progressive.Clip()(progressive.Fade()(old, x)))
    for number, weight in enumerate(generator.weights):  # batch norm's statistics too
        values = np.random.default_rng(number).normal(0, 0.3, weight.shape)
        weight.assign(values**2 + 0.05 if "variance" in weight.path else values)
    progressive.fades(generator)[0].alpha.assign(0.7)
    return generator


@pytest.fixture(scope="module")
def digits():
    return kernels.plain(open_generator("preset:digits"), dtype="float32")


@pytest.fixture(scope="module")
def page_of_digits(digits, tmp_path_factory):
    directory = tmp_path_factory.mktemp("digits")
    page.write(digits, directory, "digits")
    return directory / "index.html"


def _drawn(generator, z, *labels):
    return images.to_uint8(generator([z, *labels] if labels else z, training=False)).numpy()


def test_numpy_draws_what_keras_draws(toy):
    z, label = latent.from_seeds(range(5), 6).numpy(), np.array([0, 1, 2, 2, 0], np.int32)
    made = operations.operations(toy, ["z", "label"])
    assert {one.name for one in made} == compute.COMPUTE.keys() - {"kind", "uniform", "repeat", "add", "multiply"}
    expected = toy([z, label], training=False).numpy()
    np.testing.assert_allclose(compute.compute(made, z, label), expected, atol=1e-5)
    assert expected.std() > 0.1


@pytest.mark.parametrize("classes", [None, 3])
def test_numpy_chooses_kinds_as_the_layer_does(classes):
    z = keras.Input((2,), name="z")
    labels = [] if classes is None else [keras.Input((), dtype="int32", name="label")]
    kind = ClusterByLatent(4, classes or 1)
    chosen = keras.layers.Embedding(4 * (classes or 1), 4, embeddings_initializer="normal")(kind(z, *labels))
    generator = keras.Model([z, *labels], keras.layers.Reshape((2, 2, 1))(chosen))
    shares = np.random.default_rng(0).dirichlet(np.full(4, 9), classes or 1)
    kind.set_weights([shares])
    given = [latent.from_seeds(range(50), 2).numpy(), *([] if classes is None else [np.arange(50) % 3])]
    made = operations.operations(generator, ["z", *(["label"] if classes else [])])
    drawn = compute.compute(made, *given)
    np.testing.assert_array_equal(drawn, generator(given, training=False))
    assert len(np.unique(drawn[:, 0, 0, 0])) > 3


@pytest.mark.parametrize(("layer", "said"), [
    (keras.layers.LayerNormalization(name="x"), "the layer x of class LayerNormalization (its class is not"),
    (keras.layers.Dense(16, "gelu", name="x"), "the layer x of class Dense (activation='gelu' is not"),
    (keras.layers.ReLU(max_value=6.0, name="x"), "the layer x of class ReLU (max_value=6.0 is not"),
])
def test_an_unknown_layer_is_a_sentence_and_leaves_nothing(layer, said, tmp_path):
    z = keras.Input((16,))
    generator = keras.Model(z, keras.layers.Reshape((4, 4, 1))(layer(z)))
    with pytest.raises(UserError, match=rf"^this format can't hold {re.escape(said)}.* --format=saved_model.$"):
        export.export(generator, tmp_path / "out", "web")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_an_input_that_is_no_label_is_a_sentence(tmp_path):
    z, other = keras.Input((16,), name="z"), keras.Input((16,), name="style")
    generator = keras.Model([z, other], keras.layers.Reshape((4, 8, 1))(keras.layers.Concatenate()([z, other])))
    with pytest.raises(UserError, match=r"gives a generator z and .* takes also style \(None, 16\); build"):
        page.write(generator, tmp_path)


def test_another_networks_page_fails_the_check(toy, tmp_path, monkeypatch):
    page.write(toy, tmp_path)
    assert "Verified: NumPy" in page.verify(toy, tmp_path)
    with monkeypatch.context() as patch, pytest.raises(UserError, match="differs from the live generator"):
        patch.setitem(compute.COMPUTE, "tanh", lambda x, shape: 0.98 * np.tanh(x))
        page.verify(toy, tmp_path)
    toy.get_layer("last").bias.assign_add(np.eye(1, 48)[0] * 0.1)  # one value of 48
    with pytest.raises(UserError, match=r"failed its check: .* differs from the live generator by up to \d+ grey"):
        page.verify(toy, tmp_path)


def _last(made):
    return next(one.settings for one in made if one.name == "dense" and one.settings["kernel"].shape[0] == 48)


def test_weights_keep_their_bits_until_the_page_is_large(toy, tmp_path, monkeypatch):
    page.write(toy, tmp_path)
    exact, _ = page.read((tmp_path / "index.html").read_text())
    kernel = toy.get_layer("last").kernel.numpy()
    np.testing.assert_array_equal(_last(exact)["kernel"], kernel.T)
    assert "float32\n" in page.verify(toy, tmp_path)
    monkeypatch.setattr(page, "LARGEST", 1)
    page.write(toy, tmp_path)
    rounded, _ = page.read((tmp_path / "index.html").read_text())
    np.testing.assert_array_equal(_last(rounded)["kernel"], kernel.T.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(_last(rounded)["bias"], toy.get_layer("last").bias.numpy())


MARKUP = "</script><img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>"


def test_what_a_page_says_of_a_model_is_text(opened, toy, tmp_path):
    page.write(toy, tmp_path, MARKUP, {f"About {MARKUP}": MARKUP})
    shown = opened(tmp_path / "index.html")
    shown.wait_for_selector("#checked[data-levels]")
    assert shown.title() == f"{MARKUP} – kgan"
    said = [shown.locator(place).all_inner_texts()[0] for place in ("h1", "dt:nth-of-type(2)", "dd:nth-of-type(2)")]
    assert said == [MARKUP, f"About {MARKUP}", MARKUP]


def test_the_policy_lets_nothing_run_but_the_pages_own_script(page_of_digits, browser, tmp_path):
    red = "<style>h1 { color: red }</style><p style='color: red'>x</p>"
    (tmp_path / "changed.html").write_text(page_of_digits.read_text().replace("</h1>", f"</h1>{MARKUP}{red}", 1))
    shown, said = browser.new_page(), []
    shown.on("console", lambda message: said.append(message.text))
    shown.goto((tmp_path / "changed.html").as_uri())
    shown.wait_for_selector("#checked[data-levels]")
    assert shown.title() == "digits – kgan"
    assert "rgb(255, 0, 0)" not in [shown.locator(place).evaluate("one => getComputedStyle(one).color")
                                    for place in ("h1", "header > p:nth-of-type(1)")]
    for kind in ("inline event handler", "inline script", "inline style"):
        assert any(kind in line and "Content Security Policy" in line for line in said), said
    shown.close()


def test_the_command_writes_a_page_with_its_card(command, tmp_path, capsys):
    command(export_command, "preset:pca", tmp_path / "digits & co", format="web")
    version = tmp_path / "digits & co" / "1"
    assert f"Open {version / 'index.html'} in a browser" in capsys.readouterr().out
    assert sorted(path.name for path in version.iterdir()) == ["MODEL_CARD.md", "index.html", "manifest.json",
                                                               "samples.png"]
    assert files.damage(version) is None
    assert "open `index.html`" in (version / "MODEL_CARD.md").read_text()
    text = (version / "index.html").read_text()
    for said in ("<h1>digits---co</h1>", "pca; weights: fitted in closed form, rounded to float16.", "CC BY-SA 3.0",
                 "60,000 images, 28×28×1", "FCD 31.95 (real images: 0.21)", "missing modes", "kgan 0.3.0",
                 "content=\"default-src 'none'; "):
        assert said in text
    with pytest.raises(UserError, match="is a web page; open it in a browser, or load its run"):
        facade.load(tmp_path / "digits & co")


# ---- In a browser


def _pixels(shown, canvas="document.getElementById('picture')"):
    """The picture on a canvas, (H, W, 3)."""
    url = shown.evaluate(f"{canvas}.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB"))


def _agree(drawn, expected):
    return np.abs(drawn.astype(int) - np.broadcast_to(expected, drawn.shape)).max() <= 1


def test_the_page_draws_seeds_classes_and_walks(opened, digits, page_of_digits, tmp_path):
    shown = opened(page_of_digits)
    for seed in SEEDS:
        np.testing.assert_allclose(shown.evaluate(f"[...noise({seed}n, 64)]"), latent.from_seeds([seed], 64)[0],
                                   atol=2e-6)
    seven = sampling.generate(digits, [7])[0]
    shown.get_by_label("Start: seed").fill("7")
    assert _agree(_pixels(shown), seven)
    assert shown.locator("#caption").inner_text() == "seed 7, class 7"
    shown.get_by_role("radiogroup", name="Start: class").get_by_label("0", exact=True).check()
    assert _agree(_pixels(shown), sampling.generate(digits, [7], [0])[0])
    shown.get_by_label("End: seed").fill("5")
    shown.get_by_label("Way from the start to the end").fill("0.5")
    walk = grids.class_walk(digits, [0, 5], [7, 5], frames=2).pixels
    assert _agree(_pixels(shown), walk[1])
    assert shown.locator("#caption").inner_text() == "50% of the way from seed 7, class 0 to seed 5, class 5"
    with shown.expect_download() as download:
        shown.get_by_role("button", name="Download PNG").click()
    assert download.value.suggested_filename == "digits_50_of_the_way_from_seed_7_class_0_to_seed_5_class_5.png"
    download.value.save_as(tmp_path / "saved.png")
    saved = np.asarray(Image.open(tmp_path / "saved.png").convert("RGB"))
    assert saved.shape == (28 * 18, 28 * 18, 3)
    np.testing.assert_array_equal(saved[9::18, 9::18], _pixels(shown))
    shown.get_by_text("Steps in latent space").click()
    shown.get_by_label("Direction 2").fill("-3")
    shown.get_by_label("Way from the start to the end").fill("0")
    moved = latent.from_seeds([7], 64).numpy() - 3 * page.axes(digits)[1]
    assert _agree(_pixels(shown), _drawn(digits, moved, np.array([0]))[0])


@pytest.mark.parametrize(("asked", "said"), [
    ("draw(network, noise(7, 64), 10)", "label 10 is no class: they are 0 to 9."),
    ("draw(network, noise(7, 64), -1)", "label -1 is no class"),
    ("draw(network, noise(7, 64), undefined)", "label undefined is no class"),
    ("draw(network, noise(7, 64).fill(NaN, 3, 4), 1)", "z holds a value beyond"),
    ("noise(2 ** 53, 64)", "seed 9007199254740992 is no integer of 64 bits, or a number past"),
    ("noise(2n ** 63n, 64)", "seed 9223372036854775808 is no integer of 64 bits"),
    ("noise(0.5, 64)", "seed 0.5 is no integer")])
def test_the_page_refuses_what_the_contract_refuses(opened, page_of_digits, asked, said):
    shown = opened(page_of_digits)
    assert said in shown.evaluate(f"(() => {{ try {{ {asked}; }} catch (error) {{ return error.message; }} }})()")


def test_the_slider_truncates(opened, digits, page_of_digits):
    shown = opened(page_of_digits)
    shown.get_by_label("Truncation").fill("0.5")
    shown.get_by_label("Start: seed").fill("7")
    assert _agree(_pixels(shown), sampling.generate(digits, [7], truncation=0.5)[0])
    assert not _agree(_pixels(shown), sampling.generate(digits, [7])[0])
    assert shown.locator("#caption").inner_text() == "seed 7, class 7, truncated to 0.5"
    assert shown.locator("#truncated output").inner_text() == "0.5"
    shown.wait_for_selector("#checked[data-levels]")  # of pictures that are not truncated
    assert int(shown.locator("#checked").get_attribute("data-levels")) <= 1
    assert _agree(_pixels(shown, "cells[63].canvas"), sampling.generate(digits, [63], truncation=0.5)[0])


def test_the_slider_leaves_the_value_that_chooses_a_cluster(opened, tmp_path):
    z = keras.Input((4,), name="z")
    chosen = keras.layers.Embedding(5, 4, embeddings_initializer="normal")(ClusterByLatent(5)(z))
    joined = keras.layers.Dense(16, "tanh")(keras.layers.Concatenate()([z, chosen]))
    generator = keras.Model(z, keras.layers.Reshape((4, 4, 1))(joined))
    page.write(generator, tmp_path)
    shown = opened(tmp_path / "index.html")
    shown.get_by_label("Truncation").fill("0.3")
    for seed in range(5):
        shown.get_by_label("Start: seed").fill(str(seed))
        assert _agree(_pixels(shown), sampling.generate(generator, [seed], truncation=0.3)[0])
    assert sampling.latent_scale(generator, 0.3).tolist() == [1.0, *[np.float32(0.3)] * 3]


def test_a_page_of_a_generator_that_normalises_z_has_no_truncation(opened, tmp_path):
    z = keras.Input((4,), name="z")
    normalised = progressive.PixelNorm()(z)
    page.write(keras.Model(z, keras.layers.Reshape((2, 2, 1))(normalised)), tmp_path)
    shown = opened(tmp_path / "index.html")
    shown.wait_for_selector("#checked[data-levels]")
    assert not shown.locator("#truncated").is_visible()


def test_the_grid_by_keyboard(opened, digits, page_of_digits):
    shown = opened(page_of_digits)
    shown.wait_for_selector("#checked[data-levels]")
    assert int(shown.locator("#checked").get_attribute("data-levels")) <= 1
    assert "This browser has just drawn ten of them" in shown.locator("#checked").inner_text()
    assert _agree(_pixels(shown, "cells[63].canvas"), sampling.generate(digits, [63])[0])
    shown.get_by_label("First").focus()
    for _ in range(4):  # two buttons, the classes, then the grid
        shown.keyboard.press("Tab")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowDown"):
        shown.keyboard.press(key)
    focused = shown.evaluate("({ says: document.activeElement.ariaLabel, line: getComputedStyle("
                             "document.activeElement).outlineStyle })")
    assert focused == {"says": "seed 9, class 9", "line": "solid"}
    shown.keyboard.press("Enter")
    assert _agree(_pixels(shown), sampling.generate(digits, [9])[0])
    shown.get_by_role("radio", name="the end").focus()
    shown.keyboard.press("Space")
    shown.locator("#shown").select_option("a row each")
    shown.wait_for_selector("#grid[data-done]")
    assert shown.locator("#grid button").count() == 80
    shown.get_by_role("button", name="seed 2, class 6").click()
    assert shown.locator("#caption").inner_text() == "seed 2, class 6"
    assert shown.get_by_label("Way from the start to the end").input_value() == "1"
    shown.get_by_role("button", name="Play").focus()
    shown.keyboard.press("Space")
    for _ in range(100):
        if 0 < float(shown.get_by_label("Way from the start to the end").input_value()) < 0.9:
            break
        shown.wait_for_timeout(50)
    shown.get_by_role("button", name="Pause").click(timeout=5000)  # it did not end by itself
    assert "of the way from seed 9, class 9 to seed 2, class 6" in shown.locator("#caption").inner_text()


def test_every_operation_in_the_browser_and_a_small_screen(opened, toy, tmp_path):
    page.write(toy, tmp_path)
    shown = opened(tmp_path / "index.html", width=360, has_touch=True, is_mobile=True)
    shown.wait_for_selector("#checked[data-levels]")
    assert int(shown.locator("#checked").get_attribute("data-levels")) <= 1
    assert shown.evaluate("document.documentElement.scrollWidth") == 360
    small = shown.evaluate("""[...document.querySelectorAll("button, input, select, summary")].map(one =>
        one.getBoundingClientRect()).filter(({ width, height }) => width && (width < 44 || height < 44))""")
    assert small == []


# Of progan the small recipe: its default, of 128×128 pixels, takes minutes.
NAMES = [*(f"preset:{name}" for name in presets.names()), *(name for name in models.names() if name != "progan"),
         "progan/small", "dcgan_5x5/two_convolutions", "gan_maxout/experiment"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_model(opened, name, tmp_path):
    if name.startswith("preset:"):
        generator = open_generator(name)
    else:
        name, _, named = name.partition("/")
        recipe = models.recipe(name, named=named or None)
        generator = models.build_generator(recipe.override(classes=10) if recipe.conditional else recipe)
        for weight in generator.non_trainable_variables:  # statistics as after training: far from 0 and 1
            if "moving" in weight.path:
                weight.assign(np.random.default_rng(0).uniform(0.01, 0.2, weight.shape))
    generator = kernels.plain(generator, dtype="float32")
    page.write(generator, tmp_path)
    shown = opened(tmp_path / "index.html")
    drawn = shown.evaluate("Array.from({ length: 64 }, (_, seed) => [...draw(network, noise(seed, latentDim), "
                           "labelOf({ seed, label: null }))])")
    expected = sampling.generate(generator, range(64))
    assert expected.std() > 0
    assert _agree(np.array(drawn).reshape(expected.shape), expected)
