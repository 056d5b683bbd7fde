import contextlib
import gc
import io
import os
import shutil
import subprocess
import sys
import tempfile
from types import SimpleNamespace

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the same bits on every machine
WORKER = os.environ.get("PYTEST_XDIST_WORKER")  # as "gw0"
if WORKER and hasattr(os, "sched_setaffinity"):
    # A processor for each, with all that it starts: threads of several would only wait for one another.
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[int(WORKER.removeprefix("gw")) % len(processors)]})
if not (WORKER and "KGAN_CACHE_DIR" in os.environ):  # the first process's, so that all is prepared once for all
    _CACHE = tempfile.TemporaryDirectory()
    os.environ["KGAN_CACHE_DIR"] = _CACHE.name

from kgan.runtime import machine

for name in filter(None, os.environ.pop("KGAN_TESTS_SET", "").split(",")):
    del os.environ[name]  # the first process set it, and this worker of it shall not take it for the user's
machine.import_tensorflow()
if not WORKER:
    os.environ["KGAN_TESTS_SET"] = ",".join(machine._set_here)

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kgan import losses
from kgan.data import public, sources
from kgan.gan import GAN
from kgan.runtime import screen
from kgan.serving import load_probe, saved_model

MOST_WORKERS = 8  # each holds TensorFlow, and up to 2 GB
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ALONE = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]

screen.log_to_screen()  # as a command's launch does: capsys sees what the library says


@pytest.hookimpl(tryfirst=True)  # before xdist reads its options
def pytest_cmdline_main(config):
    """Gives the whole suite a worker for each processor; with files or other tests named, or -n, it is as asked."""
    option, whole = config.option, config.args_source is pytest.Config.ArgsSource.TESTPATHS
    asked = WORKER or option.usepdb or getattr(option, "numprocesses", 0) is not None  # 0: xdist is not there
    if whole and option.markexpr == "not slow" and not asked:
        option.numprocesses, option.dist = min(machine.threads(), MOST_WORKERS), "worksteal"


@pytest.fixture(autouse=True, scope="module")
def _little_to_collect():
    """Takes all that there is before a module out of garbage collection, or clear_session looks at it for each test."""
    keras.backend.clear_session()
    gc.freeze()


@pytest.fixture(autouse=True)
def _fresh_keras():
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _float32_on_every_machine(monkeypatch):
    monkeypatch.setattr(machine, "prefers_bfloat16", lambda: False)


@pytest.fixture(scope="session")
def command():
    """Calls a command's main: command(module, *arguments, **values of flags), all others at their defaults."""

    def call(module, *arguments, **given):
        defaults = {flag.name: flag.default for flag in module.FLAGS}
        assert given.keys() <= defaults.keys()
        return module.main([str(argument) for argument in arguments], SimpleNamespace(**defaults | given))

    return call


@pytest.fixture
def checked_here(monkeypatch):
    """Exports are checked by this process, where a test is about something else: TensorFlow starts slowly."""

    def run(arguments, **_):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            try:
                load_probe.main(*map(str, arguments[3:]))
            except SystemExit as stop:
                return subprocess.CompletedProcess(arguments, 1, said.getvalue(), str(stop))
        return subprocess.CompletedProcess(arguments, 0, said.getvalue(), "")

    monkeypatch.setattr(load_probe, "sys", SimpleNamespace(exit=sys.exit, modules={}))
    monkeypatch.setattr(saved_model, "subprocess", SimpleNamespace(run=run))


@pytest.fixture
def no_mnist(monkeypatch, tmp_path):
    """MNIST neither on the disk nor on the network."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "absent"))
    monkeypatch.setattr(public, "_reachable", lambda url: False)
    monkeypatch.setattr(sources, "COLAB_CSV", tmp_path / "absent.csv")


@pytest.fixture
def toy_gan():
    """Builds a compiled GAN on 4×4 images that steps in milliseconds, with every kind of state a real one has."""

    def build(loss=losses.non_saturating, rate=0.01, run_eagerly=False, **kwargs):
        z = keras.Input((3,))
        x = layers.Dense(16, use_bias=False)(z)
        x = layers.BatchNormalization()(x)
        generator = keras.Model(z, layers.Reshape((4, 4, 1))(layers.Activation("tanh", dtype="float32")(x)))
        image = keras.Input((4, 4, 1))
        x = layers.Conv2D(2, 3, use_bias=False)(image)
        x = layers.BatchNormalization()(x)
        x = layers.Dropout(0.5)(x)
        discriminator = keras.Model(image, layers.Dense(1, dtype="float32")(layers.Flatten()(x)))
        gan = GAN(generator, discriminator, **kwargs)
        gan.compile(loss=loss, g_optimizer=keras.optimizers.Adam(rate), d_optimizer=keras.optimizers.Adam(rate),
                    run_eagerly=run_eagerly)
        return gan

    return build


@pytest.fixture
def toy_images():
    return np.random.default_rng(1).integers(0, 256, (20, 4, 4, 1)).astype(np.uint8)


@pytest.fixture
def toy_batch(toy_images):
    return tf.constant(toy_images[:8] / 127.5 - 1, tf.float32)


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        yield opened
        opened.close()


@pytest.fixture
def opened(browser):
    """Opens a page from the disk; at the end, it has asked for nothing else and complained of nothing."""
    asked, said, opened = [], [], []

    def open_page(file, width=1280, **settings):
        context = browser.new_context(viewport={"width": width, "height": 800}, **settings)
        shown = context.new_page()
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("console", lambda message: said.append(message.text))
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.goto(file.as_uri())
        opened[:] = [context, file.as_uri()]
        return shown

    yield open_page
    context, address = opened
    context.close()
    assert [url for url in asked if not url.startswith(("blob:", "data:"))] == [address]
    assert said == []
