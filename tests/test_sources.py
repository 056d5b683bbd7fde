import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances_argmin

from kgan.data import sources

SHARED = Path(__file__).parents[2] / "shared" / "data" / "tfds"  # optional: real MNIST, prepared


@pytest.fixture
def csv(tmp_path):
    """Two MNIST rows: label 3 with pixels 0, 1, 2 …, label 7 all white."""
    path = tmp_path / "mnist_train_small.csv"
    rows = [[3, *(i % 256 for i in range(784))], [7, *[255] * 784]]
    path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    return path


def test_digits_are_the_real_ones_enlarged():
    source = sources.locate("digits")
    images, labels = source.load()
    original = load_digits()
    assert images.shape == (source.count, 28, 28, 1) == (1797, 28, 28, 1)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(labels, original.target)
    # Sampled at the old pixels' centres, every picture is nearest to its own original, whose greys are 0 to 16.
    shrunk = [np.asarray(Image.fromarray(image[..., 0]).resize((8, 8), Image.Resampling.NEAREST)) for image in images]
    nearest = pairwise_distances_argmin(np.reshape(shrunk, (1797, 64)) / 255, original.data / 16)
    np.testing.assert_array_equal(nearest, np.arange(1797))


def test_unknown_name_lists_known():
    with pytest.raises(ValueError, match=r"dataset='imagenet' is unknown; known: mnist, mnist_small, digits"):
        sources.locate("imagenet")


def test_mnist_out_of_reach_says_what_to_do(no_mnist):
    with pytest.raises(sources.UnavailableError, match=r"not prepared in .*TFDS_DATA_DIR.*--dataset=digits"):
        sources.locate("mnist")
    with pytest.raises(sources.UnavailableError, match=r"absent.csv .*--data=PATH.*--dataset=digits"):
        sources.locate("mnist_small")


def test_reachable_gives_up_in_time(monkeypatch):
    monkeypatch.setattr(sources, "NETWORK_SECONDS", 0.2)
    monkeypatch.setattr(sources.urllib.request, "urlopen", lambda *args, **kwargs: time.sleep(5) or io.BytesIO())
    started = time.monotonic()
    assert not sources._reachable("https://example.invalid")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://no-port:x", "not a proxy"])
def test_reachable_survives_broken_proxies(monkeypatch, recwarn, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    assert not sources._reachable("https://example.invalid")
    assert list(recwarn) == []


def test_broken_tfds_is_not_taken_for_a_failed_download(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sources, "_reachable", lambda url: True)
    monkeypatch.delattr("tensorflow_datasets.load")
    with pytest.raises(ValueError, match="tensorflow-datasets is installed but broken") as error:
        sources.locate("mnist").load()
    assert not isinstance(error.value, sources.UnavailableError)


def test_csv_is_read_exactly_and_named(csv):
    source = sources.locate("mnist_small", str(csv))
    images, labels = source.load()
    assert source.origin == "CSV mnist_train_small.csv"
    np.testing.assert_array_equal(labels, [3, 7])
    np.testing.assert_array_equal(images[0].ravel(), np.arange(784) % 256)
    assert images.shape == (2, 28, 28, 1)
    assert images[1].min() == 255


def test_csv_at_colabs_place_is_found(csv, monkeypatch):
    monkeypatch.setattr(sources, "COLAB_CSV", csv)
    assert sources.locate("mnist_small").origin == "CSV mnist_train_small.csv"


@pytest.mark.parametrize(("content", "sentence"), [
    ("", "is not an MNIST CSV"),
    ("label,pixel\n", "is not an MNIST CSV"),
    ("1,2,3\n", "has 3 columns; an MNIST CSV has 785"),
    (",".join(["1", *["256"] * 784]), "out of range"),
    (",".join(["10", *["0"] * 784]), "out of range"),
])
def test_damaged_csv_is_refused_in_one_sentence(csv, content, sentence):
    csv.write_text(content)
    with pytest.raises(ValueError, match=sentence):
        sources.locate("mnist_small", str(csv)).load()


def test_data_that_is_not_there_or_not_taken():
    with pytest.raises(ValueError, match="data='absent.csv' is not a file"):
        sources.locate("mnist_small", "absent.csv")
    with pytest.raises(ValueError, match="data='x.csv' goes with dataset=mnist_small"):
        sources.locate("digits", "x.csv")


def test_fingerprint_tells_pixels_and_shapes_apart():
    images = np.zeros((2, 2, 2, 1), np.uint8)
    other = images.copy()
    other[1, 1, 1, 0] = 1
    prints = {sources.fingerprint(array) for array in (images, other, images.reshape(1, 2, 4, 1))}
    assert len(prints) == 3
    assert sources.fingerprint(images.copy()) in prints


@pytest.mark.skipif(not SHARED.is_dir(), reason="no prepared MNIST beside the checkout")
def test_real_mnist_and_its_first_20000(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(SHARED))
    monkeypatch.setattr(sources, "COLAB_CSV", tmp_path / "absent.csv")
    mnist, small = sources.locate("mnist"), sources.locate("mnist_small")
    images, labels = small.load()
    assert (mnist.origin, mnist.count, mnist.ready) == ("tfds mnist:3.0.1, train", 60_000, True)
    assert "first 20,000" in small.origin
    assert "another set" in small.origin
    assert images.shape == (20_000, 28, 28, 1)
    np.testing.assert_array_equal(images, mnist.load()[0][:20_000])
    assert labels[:10].tolist() == [4, 1, 0, 7, 8, 1, 2, 7, 1, 6]  # in tfds' order, as its catalogue shows them
    assert 0.12 < images.mean() / 255 < 0.14  # MNIST's published mean is 0.1307
    assert set(labels.tolist()) == set(range(10))
