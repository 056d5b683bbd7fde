import gzip
import struct

import numpy as np
import pytest

from kgan.data import cache, sources

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (120, 8, 8)).astype(np.uint8)
LABELS = RANDOM.integers(0, 10, 120).astype(np.uint8)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "cache"))


def _idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def _prepare(path, part=cache.prepare):
    return part(sources.locate(data=str(path)), image_size=8, channels=1)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_find_labels_and_test_images_beside_them(tmp_path, suffix):
    for name, array in {"train-images-idx3": IMAGES, "train-labels-idx1": LABELS, "t10k-images-idx3": IMAGES[:20],
                        "t10k-labels-idx1": LABELS[:20]}.items():
        file = tmp_path / f"{name}-ubyte{suffix}"
        file.write_bytes(gzip.compress(_idx(array)) if suffix else _idx(array))
    train = _prepare(tmp_path / f"train-images-idx3-ubyte{suffix}")
    np.testing.assert_array_equal(train.images[..., 0], IMAGES)
    np.testing.assert_array_equal(train.labels, LABELS)
    test = _prepare(tmp_path / f"train-images-idx3-ubyte{suffix}", cache.prepare_test)
    np.testing.assert_array_equal(test.images[..., 0], IMAGES[:20])
    np.testing.assert_array_equal(test.labels, LABELS[:20])


def test_idx_file_alone_has_no_labels_and_holds_a_tenth_out(tmp_path):
    (tmp_path / "pictures.idx3-ubyte").write_bytes(_idx(IMAGES))
    train = _prepare(tmp_path / "pictures.idx3-ubyte")
    held_out = _prepare(tmp_path / "pictures.idx3-ubyte", cache.prepare_test)
    assert train.labels is None
    assert len(train.images) + len(held_out.images) == 120


def test_npz_of_keras_and_of_ones_own(tmp_path):
    np.savez(tmp_path / "keras.npz", x_train=IMAGES, y_train=LABELS[:, None], x_test=IMAGES[:9], y_test=LABELS[:9])
    train = _prepare(tmp_path / "keras.npz")
    np.testing.assert_array_equal(train.images[..., 0], IMAGES)
    np.testing.assert_array_equal(train.labels, LABELS)
    assert len(_prepare(tmp_path / "keras.npz", cache.prepare_test).images) == 9
    colour = np.repeat(IMAGES[..., None], 3, axis=3)
    np.savez_compressed(tmp_path / "own.npz", images=colour)
    own = cache.prepare(sources.locate(data=str(tmp_path / "own.npz")), image_size=8, channels=3)
    assert own.labels is None
    assert own.images.shape[1:] == (8, 8, 3)


@pytest.mark.parametrize(("content", "sentence"), [
    ({"x": IMAGES}, "holds x; kgan reads x_train"),
    ({"images": IMAGES / 255}, r"holds float64 of shape \[120, 8, 8, 1\]; give uint8 images"),
    ({"images": IMAGES, "labels": LABELS[:5]}, "has 120 images and 5 labels of type uint8; give a whole number"),
    ({"images": np.array([{}], object)}, "can't be read"),
])
def test_npz_of_other_content_is_one_sentence(tmp_path, content, sentence):
    np.savez(tmp_path / "bad.npz", **content)
    with pytest.raises(ValueError, match=sentence):
        sources.locate(data=str(tmp_path / "bad.npz"))


@pytest.mark.parametrize(("content", "sentence"), [
    (b"", "does not begin as an IDX file"),
    (b"\0\0\x0d\x03" + bytes(12), "does not begin as an IDX file"),  # floats
    (_idx(IMAGES)[:-1], "declares 7,680 values and holds 7,679"),
    (b"\0\0\x08\x03" + struct.pack(">3I", 2**31, 2**20, 1), "declares 2,251,799,813,685,248 values"),
])
def test_damaged_idx_is_one_sentence(tmp_path, content, sentence):
    (tmp_path / "x-idx3-ubyte").write_bytes(content)
    with pytest.raises(ValueError, match=rf"x-idx3-ubyte' can't be read \(it {sentence}"):
        sources.locate(data=str(tmp_path / "x-idx3-ubyte"))


def test_no_zip_and_no_gzip_are_sentences(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\3\4 no zip")
    (tmp_path / "a-idx3-ubyte.gz").write_bytes(b"no gzip")
    for name in ("a.npz", "a-idx3-ubyte.gz"):
        with pytest.raises(ValueError, match=f"{name}' can't be read"):
            sources.locate(data=str(tmp_path / name))
