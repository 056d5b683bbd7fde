import dataclasses
import io
import json
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorflow_datasets.datasets.celeb_a import celeb_a_dataset_builder as tfds_celeb_a

from kgan.data import cache, public, sources

SHARED = Path(__file__).parents[3] / "shared" / "data" / "tfds"  # optional: real MNIST, prepared
FACES = 12


def _face(number):
    """178×218, grey but for a red square of 108×108 in the middle, whose shade tells the pictures apart."""
    pixels = np.full((218, 178, 3), 128, np.uint8)
    pixels[55:163, 35:143] = (255 - 20 * number, 0, 0)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture
def celeb_a(tmp_path):
    """The five files as they are distributed, with 12 pictures: 8 to train on, 2 and 2 held out."""
    names = [f"{number + 1:06}.jpg" for number in range(FACES)]
    with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(f"img_align_celeba/{name}", _face(number))
    partition = [0] * 8 + [1] * 2 + [2] * 2
    tables = {
        "list_eval_partition.txt": [f"{name} {part}" for name, part in zip(names, partition, strict=True)],
        "list_attr_celeba.txt": [FACES, " ".join(tfds_celeb_a.ATTR_HEADINGS),
                                 *(f"{name} {' '.join(['1', '-1'] * 20)}" for name in names)],
        "list_landmarks_align_celeba.txt": [FACES, " ".join(tfds_celeb_a.LANDMARK_HEADINGS),
                                            *(f"{name} {' '.join('1' * 10)}" for name in names)],
        "identity_CelebA.txt": [f"{name} {number}" for number, name in enumerate(names)],
    }
    for file, lines in tables.items():
        (tmp_path / file).write_text("".join(f"{line}\n" for line in lines))
    return tmp_path


def _shades(source, crop=None, size=8):
    """The middle pixel's red of every prepared face."""
    prepared = cache.prepare(source, image_size=size, channels=3, crop=crop)
    return prepared.images[:, size // 2, size // 2, 0].astype(int)


def _expected(count):
    return 255 - 20 * np.arange(count)


def test_own_celeb_a_archive_in_its_real_layout(celeb_a):
    source = sources.locate("celeb_a", str(celeb_a / "img_align_celeba.zip"))
    assert source.origin == "zip img_align_celeba.zip, train split of list_eval_partition.txt"
    assert source.count == 8
    np.testing.assert_allclose(_shades(source), _expected(8), atol=4)
    assert sources.locate("celeb_a", str(celeb_a)).content() == source.content()


def test_own_celeb_a_without_its_partition_is_all_of_it(celeb_a):
    (celeb_a / "list_eval_partition.txt").unlink()
    source = sources.locate("celeb_a", str(celeb_a / "img_align_celeba.zip"))
    assert (source.count, source.origin) == (FACES, "zip img_align_celeba.zip")


def test_own_celeb_a_folder_and_kaggles_partition(celeb_a):
    with zipfile.ZipFile(celeb_a / "img_align_celeba.zip") as archive:
        archive.extractall(celeb_a)
    (celeb_a / "img_align_celeba.zip").unlink()
    lines = (celeb_a / "list_eval_partition.txt").read_text().split("\n")
    (celeb_a / "list_eval_partition.txt").unlink()
    (celeb_a / "list_eval_partition.csv").write_text(
        "image_id,partition\n" + "".join(line.replace(" ", ",") + "\n" for line in lines if line))
    for path in (celeb_a, celeb_a / "img_align_celeba"):
        source = sources.locate("celeb_a", str(path))
        assert source.origin == "folder img_align_celeba, train split of list_eval_partition.csv"
        np.testing.assert_allclose(_shades(source), _expected(8), atol=4)


def test_own_celeb_a_nested_as_on_kaggle_never_takes_the_test_split(celeb_a):
    with zipfile.ZipFile(celeb_a / "img_align_celeba.zip") as archive:
        archive.extractall(celeb_a / "img_align_celeba")
    (celeb_a / "img_align_celeba.zip").unlink()
    for path in (celeb_a, celeb_a / "img_align_celeba", celeb_a / "img_align_celeba" / "img_align_celeba"):
        assert sources.locate("celeb_a", str(path)).count == 8


def test_partition_that_is_none_is_refused(celeb_a):
    (celeb_a / "list_eval_partition.txt").write_bytes(b"\xff\xfe0\x000")
    with pytest.raises(ValueError, match=r"list_eval_partition.txt' names no picture to train on"):
        sources.locate("celeb_a", str(celeb_a))
    (celeb_a / "list_eval_partition.txt").write_text("other.jpg 0\n")
    with pytest.raises(ValueError, match=r"none of the 12 pictures in .* is listed as one to train on"):
        sources.locate("celeb_a", str(celeb_a))


def test_crop_of_108_is_the_face_alone(celeb_a):
    """The red square fills the 108×108 crop; the widest square (178) keeps the grey around it."""
    source = sources.locate("celeb_a", str(celeb_a))
    face = cache.prepare(source, image_size=64, channels=3, crop=108).images[0].astype(int)
    wide = cache.prepare(source, image_size=64, channels=3).images[0].astype(int)
    assert np.abs(face[2:-2, 2:-2] - (255, 0, 0)).max() < 8
    edges = np.array([face[0].mean(axis=0)[0], face[-1].mean(axis=0)[0],
                      face[:, 0].mean(axis=0)[0], face[:, -1].mean(axis=0)[0]])
    assert edges.min() > 190  # JPEG smears the border, but there is no row or column of grey
    assert np.ptp(edges) < 8  # on none of the four sides more than on the others
    assert np.abs(wide[[0, 0, -1, -1], [0, -1, 0, -1]] - 128).max() < 8


def test_celeb_a_through_tfds_with_a_patched_checksum_table(celeb_a, tmp_path, monkeypatch):
    from tensorflow_datasets.core.download import checksums

    data_dir = tmp_path / "tfds"
    manual = data_dir / "downloads" / "manual"
    manual.mkdir(parents=True)
    for file in public.CELEB_A_FILES:
        (celeb_a / file).rename(manual / file)
    builder = tfds_celeb_a.Builder
    infos = {url: dataclasses.replace(checksums.compute_url_info(manual / info.filename), filename=info.filename)
             for url, info in builder.url_infos.items()}
    monkeypatch.setattr(builder, "url_infos", infos)
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    monkeypatch.setattr(public, "_reachable", lambda url: False)
    source = sources.locate("celeb_a")
    assert not source.ready
    np.testing.assert_allclose(sorted(_shades(source)), sorted(_expected(8)), atol=4)
    again = sources.locate("celeb_a")
    assert (again.ready, again.count, again.origin) == (True, 8, "tfds celeb_a:2.1.0, train")
    np.testing.assert_array_equal(_shades(again, crop=108) > 0, [True] * 8)


def test_celeb_a_out_of_reach_names_the_files_and_their_place(no_mnist, tmp_path):
    with pytest.raises(sources.UnavailableError) as error:
        sources.locate("celeb_a")
    for file in public.CELEB_A_FILES:
        assert file in str(error.value)
    assert str(tmp_path / "absent" / "downloads" / "manual") in str(error.value)
    assert "--dataset=celeb_a --data=PATH/img_align_celeba.zip" in str(error.value)


def test_refused_checksum_of_celeb_a_becomes_one_sentence(celeb_a, tmp_path, monkeypatch):
    """Files of the right names that are not the real ones: tfds says no, and so do we, with the remedy."""
    manual = tmp_path / "tfds" / "downloads" / "manual"
    manual.mkdir(parents=True)
    for file in public.CELEB_A_FILES:
        (celeb_a / file).rename(manual / file)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    with pytest.raises(sources.UnavailableError, match=r"tfds could not provide celeb_a .*img_align_celeba\.zip"):
        sources.locate("celeb_a").fetch()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_out_of_reach_says_what_to_do(no_mnist, name):
    with pytest.raises(sources.UnavailableError,
                       match=rf"{name} is not prepared in .*TFDS_DATA_DIR.*--dataset={name} --data=PATH.*digits"):
        sources.locate(name)


def test_damaged_dataset_info_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    info = tmp_path / "mnist" / "3.0.1" / "dataset_info.json"
    info.parent.mkdir(parents=True)
    info.write_text(json.dumps({"splits": []}))
    with pytest.raises(ValueError, match=r"3\.0\.1 is damaged: its dataset_info.json names no train split"):
        sources.locate("mnist")


def test_reachable_gives_up_in_time(monkeypatch):
    monkeypatch.setattr(public, "NETWORK_SECONDS", 0.2)
    monkeypatch.setattr(public.urllib.request, "urlopen", lambda *args, **kwargs: time.sleep(5) or io.BytesIO())
    started = time.monotonic()
    assert not public._reachable("https://example.invalid")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://no-port:x", "not a proxy"])
def test_reachable_survives_broken_proxies(monkeypatch, recwarn, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    assert not public._reachable("https://example.invalid")
    assert list(recwarn) == []


def test_broken_tfds_is_not_taken_for_a_failed_download(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(public, "_reachable", lambda url: True)
    monkeypatch.delattr("tensorflow_datasets.builder")
    with pytest.raises(ValueError, match="tensorflow-datasets is installed but broken") as error:
        sources.locate("mnist").fetch()
    assert not isinstance(error.value, sources.UnavailableError)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no prepared MNIST beside the checkout")
def test_real_mnist_is_what_tfds_decodes(monkeypatch, tmp_path):
    import tensorflow_datasets as tfds

    monkeypatch.setenv("TFDS_DATA_DIR", str(SHARED))
    monkeypatch.setattr(sources, "COLAB_CSV", tmp_path / "absent.csv")
    mnist, small = sources.locate("mnist"), sources.locate("mnist_small")
    assert (mnist.origin, mnist.count, mnist.ready) == ("tfds mnist:3.0.1, train", 60_000, True)
    assert small.origin.startswith("first 20,000 of tfds mnist")
    assert "another set" in small.origin
    prepared = cache.prepare(small, image_size=28, channels=1)
    expected = tfds.as_numpy(tfds.load("mnist", split="train[:20000]", data_dir=SHARED, batch_size=-1))
    np.testing.assert_array_equal(prepared.images, expected["image"])
    np.testing.assert_array_equal(prepared.labels, expected["label"])


@pytest.fixture
def prepared_by_tfds(tmp_path, monkeypatch):
    """Writes a small cifar10 with tfds' own writers in a file format."""
    tfds = pytest.importorskip("tensorflow_datasets")
    names = ["airplane", "automobile", "bird"]
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)

    class Cifar10(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("3.0.2")

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({
                "image": tfds.features.Image(shape=(32, 32, 3)), "label": tfds.features.ClassLabel(names=names)}))

        def _split_generators(self, manager):
            return {"train": self._generate_examples(range(9)), "test": self._generate_examples(range(9, 12))}

        def _generate_examples(self, numbers):
            for number in numbers:
                yield number, {"image": images[number], "label": number % 3}

    def write(file_format):
        monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
        builder = Cifar10(data_dir=str(tmp_path / "tfds"), file_format=file_format)
        builder.download_and_prepare()
        return images

    return write


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_both_of_tfds_formats_are_read_with_the_names_of_the_classes(prepared_by_tfds, file_format):
    if file_format == "array_record":
        pytest.importorskip("array_record")
    images = prepared_by_tfds(file_format)
    source = sources.locate("cifar10")
    assert source.ready
    train, test = (part(source, image_size=32, channels=3) for part in (cache.prepare, cache.prepare_test))
    label = {image.tobytes(): number % 3 for number, image in enumerate(images)}
    found = [(image.tobytes(), number) for part in (train, test)
             for image, number in zip(part.images, part.labels, strict=True)]
    assert dict(found) == label
    assert [len(train.images), len(test.images)] == [9, 3]
    assert train.class_names == ("airplane", "automobile", "bird")


def test_array_record_without_its_package_is_one_sentence(prepared_by_tfds, monkeypatch):
    pytest.importorskip("array_record")
    prepared_by_tfds("array_record")
    source = sources.locate("cifar10")
    source.fetch()
    monkeypatch.setitem(sys.modules, "array_record", None)
    with pytest.raises(ValueError, match="holds array_record files, which need a package .*: pip install array_record"):
        next(source.items())
