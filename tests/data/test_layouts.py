"""Folders and zips as people have them: classes, splits, numbered parts, dataset.json, pictures beside folders."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from kgan.data import cache, hashing, layouts, local
from kgan.runtime.errors import UserError


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(params=["folder", "zip"])
def opened(request, tmp_path):
    """Opens one-coloured pictures, {path: grey or bytes}, as a folder or as a zip."""

    def build(files):
        encoded = {path: _png(given) if isinstance(given, int) else given for path, given in files.items()}
        if request.param == "zip":
            with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
                for path, data in encoded.items():
                    archive.writestr(path, data)
            return local.open_path(tmp_path / "photos.zip")
        for path, data in encoded.items():
            file = tmp_path / "photos" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return local.open_path(tmp_path / "photos")

    return build


def _png(grey):
    file = io.BytesIO()
    Image.new("L", (4, 4), grey).save(file, "PNG")
    return file.getvalue()


def _labels(source):
    """Returns {path: the name of its class, or None}."""
    names = source.label_names()
    labels = {item.name: item.read().label for item in source.items()}
    return {path: None if label is None else names.get(label, label) for path, label in labels.items()}


def _greys(source, part=cache.prepare):
    return sorted(part(source, image_size=4, channels=1).images[:, 0, 0, 0].tolist())


def _split_tree(train, test, prefix=""):
    """Three pictures of each class and split."""
    return {f"{prefix}{split}/{name}/{number}.png": 10 * place + number
            for place, (split, name) in enumerate((split, name) for split in (train, test) for name in ("cat", "dog"))
            for number in range(3)}


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "TESTING"), ("train", "val"),
                                             ("train", "valid"), ("TRAIN", "Validation"), ("training_set", "test_set")])
@pytest.mark.parametrize("prefix", ["", "archive/", "archive/pets/"])
def test_split_folders_are_no_classes_and_test_is_not_trained_on(opened, train, test, prefix):
    source = opened(_split_tree(train, test, prefix))
    assert {path.removeprefix(prefix): name for path, name in _labels(source).items()} == {
        f"{train}/{name}/{number}.png": name for name in ("cat", "dog") for number in range(3)}
    assert (_greys(source), _greys(source, cache.prepare_test)) == ([0, 1, 2, 10, 11, 12], [20, 21, 22, 30, 31, 32])
    assert source.notes == (f"{train}/ is trained on (6 pictures), {test}/ is the test split (6 pictures)",)
    assert source.origin.endswith(", train split")
    assert source.test.origin.endswith(", test split")
    assert not source.held_out


@pytest.mark.parametrize(("train", "test", "aside"), [
    ("seg_train", "seg_test", "seg_pred"), ("train2017", "val2017", "unlabeled2017"),
    ("images_train", "images_test", "masks_train"), ("train_1", "test_1", "docs"), ("pets-train", "pets-val", "x"),
    ("train_pets", "validation_pets", "train_cows"), ("train", "dev", "extra"), ("Train Images", "Test Images", "x")])
def test_splits_of_a_named_set(opened, train, test, aside):
    source = opened(_split_tree(train, test) | {f"{aside}/cat/1.png": 99, f"{aside}/dog/1.png": 99})
    assert _labels(source) == {f"{train}/{name}/{number}.png": name for name in ("cat", "dog") for number in range(3)}
    assert (_greys(source), _greys(source, cache.prepare_test)) == ([0, 1, 2, 10, 11, 12], [20, 21, 22, 30, 31, 32])
    assert source.notes == (f"{train}/ is trained on (6 pictures), {test}/ is the test split (6 pictures), {aside}/ is "
                            "left out (2 pictures)",)


@pytest.mark.parametrize("names", ["trainA trainB testA testB", "A_train B_train A_test B_test"])
def test_splits_of_several_sets_are_classes(opened, names):
    names = names.split()
    source = opened({f"{name}/{number}.png": 10 * place + number for place, name in enumerate(names)
                     for number in range(5)})
    assert _labels(source) == {f"{name}/{number}.png": "AB"[place] for place, name in enumerate(names[:2])
                               for number in range(5)}
    train, test = (part(source, image_size=4, channels=1) for part in (cache.prepare, cache.prepare_test))
    assert (train.images.max(), test.images.min(), test.class_names) == (14, 20, ("A", "B"))
    assert test.labels.tolist() == [0] * 5 + [1] * 5
    assert source.notes == (f"{names[0]}/, {names[1]}/ are trained on (10 pictures), {names[2]}/, {names[3]}/ are the "
                            "test split (10 pictures)", "the classes are A, B, by the names of these folders")


@pytest.mark.parametrize("prefix", ["", "archive/"])
def test_splits_inside_classes(opened, prefix):
    files = {f"{name}/{split}/{number}.png": 10 * place + number
             for place, (split, name) in enumerate((split, name) for split in ("train", "test") for name in
                                                   ("cat", "dog")) for number in range(3)}
    source = opened({prefix + path: grey for path, grey in (files | {"cat/masks/1.png": 99, "dog/2.png": 98}).items()})
    assert _labels(source) == {f"{prefix}{name}/train/{number}.png": name for name in ("cat", "dog")
                               for number in range(3)}
    assert (_greys(source), _greys(source, cache.prepare_test)) == ([0, 1, 2, 10, 11, 12], [20, 21, 22, 30, 31, 32])
    assert source.notes[0] == (
        "cat/train/, dog/train/ are trained on (6 pictures), cat/test/, dog/test/ are the test split (6 pictures), "
        "cat/masks/ is left out (1 picture), dog/ is left out (1 picture)")


@pytest.mark.parametrize("aside", ["unlabeled", "other", "Extra"])
def test_train_alone_with_classes_below_it(opened, aside):
    source = opened({f"train/{name}/{number}.png": number for name in ("cat", "dog") for number in range(3)}
                    | {f"{aside}/{number}.png": 99 for number in range(9)})
    assert set(_labels(source).values()) == {"cat", "dog"}
    assert (source.test, source.held_out, _greys(source)) == (None, True, [0, 0, 1, 1, 2, 2])
    assert source.notes == (f"train/ is trained on (6 pictures), {aside}/ is left out (9 pictures)",)


@pytest.mark.parametrize("paths", [
    "train/steam/1.png train/electric/1.png bus/1.png", "train/1.png other/1.png", "trains/1.png tests/1.png",
    "bullet_train/1.png pregnancy_test/1.png", "toy_train/1.png toy_car/1.png", "old/train/1.png new/bus/1.png",
    "old/train/1.png old/bus/1.png new/train/1.png new/bus/1.png", "cat/train/1.png cat/test/1.png dog/1.png",
    "2x4/1.png 2x6/1.png", "cats/00000/1.png cats/00001/1.png dogs/00000/1.png", "plate100x100/1.png cat/1.png"])
def test_classes_that_only_look_like_splits_or_sizes(opened, paths):
    source = opened({path: number for number, path in enumerate(paths.split())})
    assert set(_labels(source).values()) == {item.name.split("/")[0] for item in source.items()}
    assert (source.test, source.notes) == (None, ())


@pytest.mark.parametrize("names", ["images1024x1024 thumbnails128x128", "images1024x1024 thumbnails128x128 in-the-wild",
                                   "256x256 512x512"])
@pytest.mark.parametrize("prefix", ["", "train/", "ffhq/"])
def test_a_set_in_several_sizes_is_refused(opened, names, prefix):
    names = names.split()
    files = {f"{prefix}{name}/{part}/{number}.png": number for name in names for part in ("00000", "01000")
             for number in range(2)} | ({"test/1.png": 1} if prefix == "train/" else {})
    with pytest.raises(UserError, match=f"the folders {', '.join(sorted(names))} seem to hold the same pictures in "
                                        "several sizes; give the path of one of them"):
        opened(files)


def test_flat_split_folders(opened):
    source = opened({"train/a.png": 1, "train/b.png": 2, "test/c.png": 3})
    assert set(_labels(source).values()) == {None}
    assert (_greys(source), _greys(source, cache.prepare_test)) == ([1, 2], [3])


def test_validation_beside_a_test_split_is_in_neither(opened):
    source = opened(_split_tree("train", "test") | {"val/cat/x.png": 99, "extra/y.png": 98, "cover.png": 97})
    assert {*_greys(source), *_greys(source, cache.prepare_test)}.isdisjoint({97, 98, 99})
    assert source.notes == ("train/ is trained on (6 pictures), test/ is the test split (6 pictures), extra/ is left "
                            "out (1 picture), val/ is left out (1 picture), and left out beside them: cover.png",)


def test_classes_of_both_splits_have_one_numbering_and_unknown_ones_are_left_out_of_the_test(opened, capsys):
    files = {f"train/{name}/{number}.png": 10 * place + number for place, name in enumerate(("cat", "horse"))
             for number in range(6)}
    source = opened(files | {"test/ant/1.png": 100, "test/horse/1.png": 101, "test/cat/2.png": 102})
    train, test = (part(source, image_size=4, channels=1) for part in (cache.prepare, cache.prepare_test))
    assert train.class_names == test.class_names == ("cat", "horse")
    names = {grey: train.class_names[label] for part in (train, test)
             for grey, label in zip(part.images[:, 0, 0, 0].tolist(), part.labels.tolist(), strict=True)}
    assert (names[0], names[10], names[101], names[102]) == ("cat", "horse", "horse", "cat")
    assert 100 not in names
    assert test.sha256 == cache.fingerprint(test.images)
    assert "1 of 3 test images are of classes that no training image has" in capsys.readouterr().err
    numbers = cache.class_numbers(train, test)
    assert np.unique(numbers[0]).tolist() == [0, 1]


def test_test_split_of_other_classes_alone_is_refused(opened):
    files = {f"train/{name}/{number}.png": number for name in "ab" for number in range(5)}
    with pytest.raises(UserError, match="holds no image of a class that the training images have"):
        cache.prepare_test(opened(files | {"test/c/1.png": 9, "test/d/1.png": 9}), image_size=4, channels=1)


def test_splits_without_train_are_refused(opened):
    with pytest.raises(UserError, match="the folders test, val are splits, and none of them is train"):
        opened({"test/a.png": 1, "val/b.png": 2})


@pytest.mark.parametrize("names", [("train", "bus"), ("test", "cat"), ("val", "dog"), ("trained", "tests")])
def test_a_class_may_have_a_split_s_name(opened, names):
    source = opened({f"{name}/{number}.png": number for name in names for number in range(2)})
    assert set(_labels(source).values()) == set(names)
    assert source.test is None
    assert source.held_out


@pytest.mark.parametrize("prefix", ["", "pack/"])
@pytest.mark.parametrize("numbers", [True, False])
def test_labels_are_those_of_dataset_json(opened, prefix, numbers):
    paths = [f"0000{number // 4}/img0000000{number}.png" for number in range(8)]
    labels = [number % 3 for number in range(8)]
    written = labels if numbers else np.eye(3)[labels].tolist()
    described = json.dumps({"labels": [*map(list, zip(paths, written, strict=True))]}).encode()
    source = opened({prefix + path: number for number, path in enumerate(paths)} | {f"{prefix}dataset.json": described})
    assert _labels(source) == {prefix + path: label for path, label in zip(paths, labels, strict=True)}
    assert source.notes == ("the classes are those of dataset.json, not the folders",)
    assert "other files" not in source.origin


def test_dataset_json_that_changes_is_another_content(tmp_path):
    described = tmp_path / "photos" / "dataset.json"
    contents = []
    for label in (0, 1):
        for number in range(2):
            (tmp_path / "photos" / "00000").mkdir(parents=True, exist_ok=True)
            (tmp_path / "photos" / "00000" / f"{number}.png").write_bytes(_png(number))
        described.write_text(json.dumps({"labels": [["00000/0.png", 0], ["00000/1.png", label]]}))
        contents.append(local.open_path(tmp_path / "photos").content())
    assert contents[0] != contents[1]


@pytest.mark.parametrize(("labels", "note"), [
    (None, "the folders 00000, 00001 are numbered parts of one set, not classes"),
    ([["00000/0.png", 3]], "dataset.json has no label for 1 picture (00001/1.png), so there are no classes"),
    ([["00000/0.png", [1, 1]], ["00001/1.png", [0, 1]]],
     "the folders 00000, 00001 are numbered parts of one set, not classes"),
])
def test_dataset_json_without_a_class_for_each_picture(opened, labels, note):
    source = opened({"00000/0.png": 1, "00001/1.png": 2, "dataset.json": json.dumps({"labels": labels}).encode()})
    assert set(_labels(source).values()) == {None}
    assert source.notes == (note,)


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe{}", b'{"labels": [["a.png", 1], ["a"]]}',
                                  b'{"labels": [["a.png", 1], 2]}', b'{"labels": [["a.png", "cat"]]}',
                                  b'{"labels": [["a.png", -1]]}', b"[" * 10**5])
def test_damaged_dataset_json_is_one_sentence(opened, text):
    with pytest.raises(UserError, match=r"^dataset\.json is damaged"):
        opened({"a.png": 1, "dataset.json": text})


@pytest.mark.parametrize("text", [
    b'{"title": "pets"}', b'{"labels": {"cat": 0}}', b'{"labels": ["cat", "dog"]}', b'{"labels": ["ab", "cd"]}',
    b'{"labels": 3}', b'{"labels": [["a"]]}', b'{"labels": [[1, 2]]}', b'{"labels": [{"id": 0}]}', b"[]"])
def test_dataset_json_of_another_kind_is_left_alone(opened, text):
    source = opened({"cat/a.png": 1, "dog/b.png": 2, "dataset.json": text})
    assert set(_labels(source).values()) == {"cat", "dog"}


@pytest.mark.parametrize(("names", "parts"), [
    (("00000", "00001", "00002"), True),  # StyleGAN's tools
    (("00000", "01000"), True), (("03000", "05000", "69000"), True),  # FFHQ, whole and not
    (("0", "1", "2"), False), (("0000", "0001"), False),  # too short without dataset.json
    (("10234", "20987"), False), (("n01440764", "n01443537"), False), (("00000", "1"), False),
])
def test_long_numbers_in_steps_are_parts_and_not_classes(opened, names, parts):
    source = opened({f"images/{name}/{number}.png": number for name in names for number in range(2)})
    assert (set(_labels(source).values()) == {None}) == parts
    assert any("are numbered parts of one set" in note for note in source.notes) == parts
    assert source.count == 2 * len(names)


def test_short_numbers_beside_a_dataset_json_are_parts(opened):
    source = opened({"00/a.png": 1, "01/b.png": 2, "dataset.json": b'{"labels": null}'})
    assert set(_labels(source).values()) == {None}


def test_folders_that_are_numbers_are_numbered_by_value(opened):
    source = opened({f"{number}/{copy}.png": 20 * number for number in range(12) for copy in range(5)})
    prepared = cache.prepare(source, image_size=4, channels=1)
    assert prepared.class_names == tuple(map(str, range(12)))
    np.testing.assert_array_equal(20 * prepared.labels, prepared.images[:, 0, 0, 0])


PETS = {f"{name}/{number}.png": number for name in ("cat", "dog") for number in range(3)}


@pytest.mark.parametrize(("files", "note"), [
    ({"stray.jpg": 99}, "1 picture beside the class folders is left out: stray.jpg"),
    ({"b.png": 98, "a.png": 99}, "2 pictures beside the class folders are left out: a.png, b.png"),
])
@pytest.mark.parametrize("prefix", ["", "x/"])
def test_stray_pictures_are_named_and_left_out_and_classes_stay(opened, files, note, prefix):
    pictures = {prefix + path: grey for path, grey in PETS.items()}
    source = opened(dict(sorted((pictures | files).items())))
    assert set(_labels(source).values()) == {"cat", "dog"}
    assert _greys(source) == [0, 0, 1, 1, 2, 2]
    assert source.notes == (note,)


def test_many_pictures_beside_folders_are_a_set_without_classes(opened):
    source = opened(PETS | {f"{number}.png": 50 for number in range(3)})
    assert set(_labels(source).values()) == {None}
    assert source.count == 9
    assert source.notes == ("3 pictures lie beside the folders cat, dog, so these are not taken for classes",)


def test_layouts_that_were_read_so_before_keep_their_place_in_the_cache(tmp_path):
    """The content, which the cache's name depends on, is the files' own hash; else it says how they are read."""
    for path, grey in PETS.items():
        (tmp_path / "photos" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / path).write_bytes(_png(grey))
    source = local.open_path(tmp_path / "photos")
    files = {path: str(tmp_path / "photos" / path) for path in sorted(PETS)}
    assert source.content() == hashing.content_hash(files)
    (tmp_path / "photos" / "stray.png").write_bytes(_png(1))
    assert local.open_path(tmp_path / "photos").content() == f"(pictures beside left out) {hashing.content_hash(files)}"


def test_plain_takes_every_picture(tmp_path):
    for path, grey in (_split_tree("train", "test") | {"stray.png": 9}).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(_png(grey))
    source = local.open_path(tmp_path, plain=True)
    assert (source.count, source.test, source.notes) == (13, None, ())


def test_unsafe_members_beside_splits_are_still_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path, grey in (_split_tree("train", "test") | {"../out.png": 1}).items():
            archive.writestr(path, _png(grey))
    with pytest.raises(UserError, match=r"\.\./out\.png \(unsafe name"):
        cache.prepare(local.open_path(tmp_path / "a.zip"), image_size=4, channels=1)


def test_notes_are_said_when_the_training_images_are_prepared(tmp_path, capsys):
    for path, grey in (PETS | {"stray.png": 9}).items():
        (tmp_path / "photos" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / path).write_bytes(_png(grey))
    cache.prepare(local.open_path(tmp_path / "photos"), image_size=4, channels=1)
    assert "Data: 1 picture beside the class folders is left out: stray.png." in capsys.readouterr().err


def test_long_lists_are_cut(opened):
    source = opened({f"{name}/{number}.png": 1 for name in "abcd" for number in range(9)}
                    | {f"{name}.png": 1 for name in "pqrs"})
    assert source.notes == ("4 pictures beside the class folders are left out: p.png, q.png, r.png, …",)
    assert layouts.NAMED == 3
