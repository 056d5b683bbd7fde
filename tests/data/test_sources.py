import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances_argmin

from kgan.commands import train
from kgan.data import cache, sources


def test_digits_are_the_real_ones_enlarged_and_a_tenth_is_held_out():
    source = sources.locate("digits")
    train, test = (part(source, image_size=28, channels=1) for part in (cache.prepare, cache.prepare_test))
    original = load_digits()
    assert len(train.images) + len(test.images) == source.count == 1797
    assert 150 < len(test.images) < 210
    # Sampled at the old pixels' centres, every picture is nearest to its own original, whose greys are 0 to 16.
    shrunk = [np.asarray(Image.fromarray(image[..., 0]).resize((8, 8), Image.Resampling.NEAREST))
              for image in (*train.images, *test.images)]
    nearest = pairwise_distances_argmin(np.reshape(shrunk, (1797, 64)) / 255, original.data / 16)
    np.testing.assert_array_equal(np.sort(nearest), np.arange(1797))
    np.testing.assert_array_equal(np.concatenate([train.labels, test.labels]), original.target[nearest])


def test_unknown_name_lists_known():
    with pytest.raises(ValueError, match=r"dataset='imagenet' is unknown; known: mnist, fashion_mnist, cifar10, "
                                         r"celeb_a, mnist_small, digits; your own images: --data=PATH"):
        sources.locate("imagenet")


def test_help_names_every_data_set():
    (text,) = [flag.help for flag in train.FLAGS if flag.name == "dataset"]
    assert all(name in text for name in sources.names())


def test_neither_name_nor_path():
    with pytest.raises(ValueError, match="give one of the two"):
        sources.locate()
    with pytest.raises(ValueError, match="data='' is no path"):
        sources.locate("mnist", "")


def test_mnist_small_out_of_reach_says_what_to_do(no_mnist):
    with pytest.raises(sources.UnavailableError, match=r"absent.csv .*--data=PATH.*--dataset=digits"):
        sources.locate("mnist_small")


def _csv(path):
    path.write_text(",".join(["3", *["9"] * 784]) + "\n")
    return path


def test_own_copy_keeps_the_data_sets_name(tmp_path):
    path = _csv(tmp_path / "mnist_train_small.csv")
    for name in ("mnist_small", "cifar10", None):
        source = sources.locate(name, str(path))
        assert (source.name, source.origin) == (name, "CSV mnist_train_small.csv")


def test_csv_at_colabs_place_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "COLAB_CSV", _csv(tmp_path / "mnist_train_small.csv"))
    source = sources.locate("mnist_small")
    assert (source.name, source.origin, source.count) == ("mnist_small", "CSV mnist_train_small.csv", 1)
