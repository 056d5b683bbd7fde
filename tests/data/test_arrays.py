import gzip
import struct

import numpy as np
import pytest

from kgan.data import arrays, cache, sources

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
    ({"mu": LABELS, "sigma": IMAGES}, "holds mu, sigma: statistics of features, as FID's programs keep them, and no"),
    ({"arr_0": IMAGES.astype(np.float32)}, r"holds float32 of shape \[120, 8, 8, 1\]; give uint8 images"),
    ({"images": IMAGES, "labels": np.ones((120, 14), int)}, "has 120 images and 1,680 labels of type int64"),
])
def test_npz_of_other_content_is_one_sentence(tmp_path, content, sentence):
    np.savez(tmp_path / "bad.npz", **content)
    with pytest.raises(ValueError, match=sentence):
        sources.locate(data=str(tmp_path / "bad.npz"))


@pytest.mark.parametrize(("content", "sentence"), [
    (b"", "does not begin as an IDX file"),
    (b"\0\0\x0a\x03" + bytes(12), "does not begin as an IDX file"),  # of no type
    (b"\0\0\x0c\x03" + struct.pack(">3I", 2, 2, 2) + bytes(31), "declares 8 values and holds 7"),
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


def _write(path, array, kind=b"\x08"):
    data = b"\0\0" + kind + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def test_emnist_is_found_by_its_own_names_and_turned_upright(tmp_path, capsys):
    upright = np.zeros((8, 8), np.uint8)
    upright[1:7, 2] = upright[6, 2:6] = 255  # an L
    as_stored = np.repeat(upright.T[None], 30, axis=0)
    for split, count in (("train", 30), ("test", 5)):
        _write(tmp_path / f"emnist-letters-{split}-images-idx3-ubyte.gz", as_stored[:count])
        _write(tmp_path / f"emnist-letters-{split}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8) % 3 + 1)
    path = tmp_path / "emnist-letters-train-images-idx3-ubyte.gz"
    train, test = _prepare(path), _prepare(path, cache.prepare_test)
    assert (len(train.images), len(test.images)) == (30, 5)
    for part in (train, test):
        np.testing.assert_array_equal(part.images[0, ..., 0], upright)
    assert train.class_names == ("1", "2", "3")  # as they are in the file; their numbers are 0, 1, 2
    assert cache.class_numbers(train, train)[0][:4].tolist() == [0, 1, 2, 0]
    assert "Data: EMNIST's pictures lie on their side in its files; they are turned upright." in capsys.readouterr().err
    other = path.rename(tmp_path / "letters-train-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(_prepare(other).images[0, ..., 0], upright.T)


def test_qmnist_s_labels_are_the_first_column(tmp_path):
    told = np.stack([LABELS, *[np.arange(120)] * 7], axis=1).astype(">i4")
    for split, count in (("train", 120), ("test", 20)):
        _write(tmp_path / f"qmnist-{split}-images-idx3-ubyte.gz", IMAGES[:count])
        _write(tmp_path / f"qmnist-{split}-labels-idx2-int.gz", told[:count], b"\x0c")
    path = tmp_path / "qmnist-train-images-idx3-ubyte.gz"
    np.testing.assert_array_equal(_prepare(path).labels, LABELS)
    np.testing.assert_array_equal(_prepare(path, cache.prepare_test).labels, LABELS[:20])


def test_test_images_alone_find_their_own_labels(tmp_path):
    _write(tmp_path / "t10k-images-idx3-ubyte", IMAGES[:20])
    _write(tmp_path / "t10k-labels-idx1-ubyte.gz", LABELS[:20])
    np.testing.assert_array_equal(_prepare(tmp_path / "t10k-images-idx3-ubyte").labels, LABELS[:20])


@pytest.mark.parametrize(("name", "kind", "stored", "called"), [
    ("x-idx3-int", b"\x0c", ">i4", "int32"), ("x-idx3-float", b"\x0d", ">f4", "float32"),
    ("x-idx3-ubyte", b"\x0e", ">f8", "float64"), ("x-idx3-short", b"\x0b", ">i2", "int16"),
])
def test_idx_images_of_other_types_are_refused_for_what_they_are(tmp_path, name, kind, stored, called):
    _write(tmp_path / name, IMAGES.astype(stored), kind)
    with pytest.raises(ValueError, match=rf"^{name} holds {called} of shape \[120, 8, 8, 1\]; give uint8 images"):
        sources.locate(data=str(tmp_path / name))


def test_kmnist_s_npz_files_find_each_other(tmp_path):
    for name, array in {"train-imgs": IMAGES, "train-labels": LABELS, "test-imgs": IMAGES[:9],
                        "test-labels": LABELS[:9]}.items():
        np.savez_compressed(tmp_path / f"k49-{name}.npz", array)
    path = tmp_path / "k49-train-imgs.npz"
    train, test = _prepare(path), _prepare(path, cache.prepare_test)
    np.testing.assert_array_equal(train.images[..., 0], IMAGES)
    np.testing.assert_array_equal(train.labels, LABELS)
    np.testing.assert_array_equal(test.labels, LABELS[:9])
    (tmp_path / "k49-test-labels.npz").unlink()
    assert len(_prepare(path).images) < 120  # then a tenth of the training images is held out


def test_medmnist_s_names(tmp_path):
    parts = {"train": 100, "val": 10, "test": 20}
    np.savez(tmp_path / "bloodmnist.npz", **{f"{part}_images": np.repeat(IMAGES[:count, ..., None], 3, axis=3)
                                             for part, count in parts.items()},
             **{f"{part}_labels": LABELS[:count, None] for part, count in parts.items()})
    source = sources.locate(data=str(tmp_path / "bloodmnist.npz"))
    train, test = (part(source, image_size=8, channels=3) for part in (cache.prepare, cache.prepare_test))
    assert (len(train.images), len(test.images)) == (100, 20)
    np.testing.assert_array_equal(train.labels, LABELS[:100])


@pytest.mark.parametrize("one_hot", [True, False])
def test_sample_batches_with_labels(tmp_path, one_hot):
    np.savez(tmp_path / "batch.npz", IMAGES, np.eye(10)[LABELS] if one_hot else LABELS)
    prepared = _prepare(tmp_path / "batch.npz")
    kept = {image.tobytes(): label for image, label in zip(IMAGES, LABELS, strict=True)}
    assert all(kept[image.tobytes()] == label for image, label in zip(prepared.images, prepared.labels, strict=True))
    np.testing.assert_array_equal(arrays.read_npz(tmp_path / "batch.npz"), IMAGES)


def test_npy_is_read_as_it_is_written(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES[..., None])
    train, held_out = _prepare(tmp_path / "x.npy"), _prepare(tmp_path / "x.npy", cache.prepare_test)
    assert train.labels is None
    assert {image.tobytes() for part in (train, held_out) for image in part.images} == {x.tobytes() for x in IMAGES}


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00\x06\x00{'a(\n"])
def test_npy_that_is_none_is_one_sentence(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.npy' can't be read") as raised:
        sources.locate(data=str(tmp_path / "x.npy"))
    assert "pickle" not in str(raised.value)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_python_objects_and_strange_files_get_no_advice_to_unpickle(tmp_path, suffix):
    if suffix == "npy":
        np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    else:
        np.savez(tmp_path / "x.npz", images=np.array([{}], object))
    with pytest.raises(ValueError, match=r"can't be read \(it isn't in NumPy's format, or holds Python objects and no "
                                         r"numbers\); get it anew\.$"):
        sources.locate(data=str(tmp_path / f"x.{suffix}"))


def test_arrays_in_memory_are_a_source_that_follows_pixels_and_labels():
    source = arrays.in_memory(IMAGES, LABELS, (IMAGES[:7], LABELS[:7]))
    train, test = (part(source, image_size=8, channels=1) for part in (cache.prepare, cache.prepare_test))
    np.testing.assert_array_equal(train.images[..., 0], IMAGES)
    np.testing.assert_array_equal(train.labels, LABELS)
    assert len(test.images) == 7
    assert source.origin == "arrays"
    others = [arrays.in_memory(IMAGES[::-1], LABELS), arrays.in_memory(IMAGES, LABELS[::-1]), arrays.in_memory(IMAGES)]
    assert len({one.content() for one in (source, *others)}) == 4
    assert arrays.in_memory(IMAGES.copy(), [*LABELS]).content() == source.content()
