"""Parquet in Hugging Face's form: bytes of picture files, labels, names of classes, splits by the files' names."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from kgan.data import cache, local, parquet
from kgan.data.source_types import BadPictureError
from kgan.runtime.errors import UserError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _png(grey):
    file = io.BytesIO()
    Image.new("L", (4, 4), grey).save(file, "PNG")
    return file.getvalue()


def _features(**features):
    return {b"huggingface": json.dumps({"info": {"features": features}}).encode()}


CLASSES = _features(image={"_type": "Image"}, label={"_type": "ClassLabel", "names": ["cat", "dog"]})


@pytest.fixture
def write(tmp_path):
    """Writes a Parquet file of columns {name: (type, values)}."""

    def write(path, columns, metadata=CLASSES, **settings):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        fields = [pa.field(name, kind) for name, (kind, _) in columns.items()]
        table = pa.table([pa.array(values, kind) for kind, values in columns.values()],
                         pa.schema(fields, metadata=metadata))
        pq.write_table(table, file, **settings)
        return file

    return write


def _rows(greys, labels=None):
    images = (IMAGE, [{"bytes": _png(grey), "path": f"{grey}.png"} for grey in greys])
    return {"image": images} if labels is None else {"image": images, "label": (pa.int64(), labels)}


def _read(source):
    """{name: (grey of the first pixel, label)}, and {name: reason} for what is bad."""
    good, bad = {}, {}
    for item in source.items():
        try:
            sample = item.read()
            good[item.name] = (sample.picture.getpixel((0, 0)), sample.label)
        except BadPictureError as error:
            bad[item.name] = str(error)
    return good, bad


def test_a_folder_as_hugging_face_has_it_gives_splits_classes_and_their_names(write, tmp_path):
    write("set/data/train-00000-of-00002.parquet", _rows([10, 20], [1, 0]))
    write("set/data/train-00001-of-00002.parquet", _rows([30], [1]))
    write("set/data/test-00000-of-00001.parquet", _rows([40], [0]))
    write("set/data/validation-00000-of-00001.parquet", _rows([50], [0]))
    (tmp_path / "set" / "README.md").write_text("about")
    (tmp_path / "set" / "thumbnail.png").write_bytes(_png(0))
    source = local.open_path(tmp_path / "set")
    assert _read(source) == ({"data/train-00000-of-00002.parquet, row 0": (10, 1),
                              "data/train-00000-of-00002.parquet, row 1": (20, 0),
                              "data/train-00001-of-00002.parquet, row 0": (30, 1)}, {})
    assert (source.count, source.origin, source.held_out) == (3, "set, train split", False)
    assert source.label_names() == {0: "cat", 1: "dog"}
    assert source.notes == ("data/validation-00000-of-00001.parquet is left out",)
    assert source.test is not None
    assert _read(source.test) == ({"data/test-00000-of-00001.parquet, row 0": (40, 0)}, {})
    assert (source.test.count, source.test.held_out, source.test.notes) == (1, False, ())
    assert _read(local.open_path(tmp_path / "set", plain=True))[0].keys() >= {"data/test-00000-of-00001.parquet, row 0"}
    assert local.open_path(tmp_path / "set", plain=True).count == 5


@pytest.mark.parametrize(("files", "train", "test"), [
    (["train.parquet", "valid.parquet"], 0, 1),
    (["default/train/0000.parquet", "default/test/0000.parquet"], 0, 1),
    (["train-00000-of-00001-a1b2c3.parquet", "dev-00000-of-00001-d4e5f6.parquet"], 0, 1),
    (["one.parquet", "training.parquet"], None, None),  # no split's name: all are trained on
])
def test_splits_by_names_of_files_and_folders(write, tmp_path, files, train, test):
    for number, file in enumerate(files):
        write(f"set/{file}", _rows([number], [0]))
    source = local.open_path(tmp_path / "set")
    greys = [grey for grey, _ in _read(source)[0].values()]
    assert greys == ([0, 1] if train is None else [train])
    assert (source.test is None) == (test is None)
    assert source.held_out == (test is None)


def test_one_file_alone_is_read_and_its_tenth_held_out(write):
    file = write("train-00000-of-00005.parquet", _rows([7, 8], [0, 1]))
    source = local.open_path(file)
    assert list(_read(source)[0].values()) == [(7, 0), (8, 1)]
    assert (source.test, source.held_out, source.origin) == (None, True, "train-00000-of-00005.parquet")


def test_a_binary_column_and_labels_that_say_nothing_of_themselves(write):
    for kind in (pa.binary(), pa.large_binary()):
        file = write("a.parquet", {"jpg": (kind, [_png(9)]), "weight": (pa.int32(), [3]), "label": (pa.int32(), [4])},
                     metadata=None)
        source = local.open_path(file)
        assert list(_read(source)[0].values()) == [(9, 4)]
        assert source.label_names() == {}
    without = write("b.parquet", {"jpg": (pa.binary(), [_png(9)]), "weight": (pa.int32(), [3])},
                    metadata={b"huggingface": b"["})
    assert list(_read(local.open_path(without))[0].values()) == [(9, None)]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_texts_are_names_of_classes_over_all_files(write, tmp_path, kind):
    image = _rows([10, 20])["image"]
    write("train-00000-of-00002.parquet", {"image": image, "label": (kind, ["dog", "cat"])}, None)
    write("train-00001-of-00002.parquet", {"image": image, "label": (kind, ["owl", None])}, None)
    source = local.open_path(tmp_path)
    assert dict(source.label_names()) == {0: "cat", 1: "dog", 2: "owl"}
    assert [item.read().label for item in source.items()] == [1, 0, 2, None]


def test_a_column_called_label_that_is_none_is_said(write):
    columns = _rows([10, 20]) | {"label": (pa.float64(), [0.0, 1.0])}
    (note,) = local.open_path(write("a.parquet", columns, None)).notes
    assert note == "the column label is not read, as it holds double: classes are whole numbers or names"


def test_files_of_unlike_columns_are_refused_by_what_is_missing(write, tmp_path):
    write("train-00000-of-00002.parquet", _rows([10]), None)
    write("train-00001-of-00002.parquet", {"picture": _rows([10])["image"]}, None)
    with pytest.raises(UserError, match="^'train-00001-of-00002.parquet' has no column 'image', as 'train-00000-of-"):
        local.open_path(tmp_path)


def test_rows_without_a_label_among_others_are_said(write, tmp_path, caplog):
    source = local.open_path(write("a.parquet", _rows([10, 20, 30], [0, None, 1])))
    with caplog.at_level("WARNING"):
        cache.prepare(source, image_size=4, channels=1)
    assert "1 of 3 pictures have no label, so no class is told of any" in caplog.text


def test_of_several_columns_of_classes_the_finer_is_taken_and_said(write):
    both = _features(img={"_type": "Image"}, **{name: {"_type": "ClassLabel", "names": [name]}
                                                for name in ("coarse_label", "fine_label")})
    file = write("a.parquet", {"img": _rows([1])["image"], "coarse_label": (pa.int64(), [0]),
                               "fine_label": (pa.int64(), [0])}, metadata=both)
    source = local.open_path(file)
    assert source.label_names() == {0: "fine_label"}
    assert source.notes == ("the classes are those of the column fine_label, not of coarse_label",)


def test_broken_rows_are_named_and_the_others_stay(write):
    rows = [{"bytes": _png(5), "path": None}, {"bytes": b"no picture", "path": None}, {"bytes": None, "path": "a.png"},
            None, {"bytes": b"", "path": None}, {"bytes": _png(6), "path": None}]
    source = local.open_path(write("a.parquet", {"image": (IMAGE, rows), "label": (pa.int64(), [0, 1, 0, 1, 0, -1])}))
    assert _read(source) == ({"a.parquet, row 0": (5, 0), "a.parquet, row 5": (6, None)}, {
        "a.parquet, row 1": "not a picture, or of an unknown format", "a.parquet, row 2": "only a path, and no bytes",
        "a.parquet, row 3": "no picture in its row", "a.parquet, row 4": "empty file"})


@pytest.mark.parametrize(("columns", "sentence"), [
    ({"pixels": (pa.list_(pa.uint8()), [[1, 2]])}, "has no column of pictures, among pixels: list<"),
    ({"one": (IMAGE, [None]), "two": (pa.binary(), [b""])}, r"has several columns of pictures \(one, two\), among one"),
])
def test_without_one_column_of_pictures_it_is_refused(write, columns, sentence):
    file = write("a.parquet", columns, metadata=None)
    with pytest.raises(UserError, match=f"{sentence}.*; kgan reads one column whose rows are the bytes"):
        local.open_path(file)


def test_of_two_binary_columns_that_one_is_read_which_is_called_an_image(write):
    file = write("a.parquet", {"mask": (pa.binary(), [b""]), **_rows([3])})
    assert list(_read(local.open_path(file))[0].values()) == [(3, None)]


def test_damaged_files_are_sentences_before_and_while_they_are_read(write, tmp_path):
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(UserError, match=r"torn.parquet' can't be read \(.*\); get it anew\.$"):
        local.open_path(tmp_path / "torn.parquet")
    random = np.random.default_rng(0)
    noise = [{"bytes": random.bytes(2000), "path": None} for _ in range(20)]
    file = write("half.parquet", {"image": (IMAGE, noise)}, compression="snappy", use_dictionary=False)
    data = bytearray(file.read_bytes())
    data[4:3000] = bytes(2996)  # of the first pages
    file.write_bytes(data)
    source = local.open_path(file)
    assert source.count == 20
    with pytest.raises(UserError, match=r"half.parquet' can't be read \(.*\); get it anew\.$"):
        _read(source)


def test_splits_without_one_to_train_on_and_several_sets_are_refused(write, tmp_path):
    write("a/test-00000-of-00001.parquet", _rows([1]))
    write("b/big/train.parquet", _rows([1]))
    write("b/small/train.parquet", _rows([1]))
    with pytest.raises(UserError, match=r"holds the splits test, and none of them is train; give the path of the file"):
        local.open_path(tmp_path / "a")
    with pytest.raises(UserError, match=r"holds Parquet files of several sets \(big, small\); give the path of one"):
        local.open_path(tmp_path / "b")


def test_pictures_beside_a_table_of_other_things_are_read_as_before(write, tmp_path):
    write("photos/metadata.parquet", {"text": (pa.string(), ["a"])})
    (tmp_path / "photos" / "a.png").write_bytes(_png(11))
    source = local.open_path(tmp_path / "photos")
    assert _read(source) == ({"a.png": (11, None)}, {})
    assert source.origin == "folder photos (1 other files left alone)"


def test_without_pyarrow_it_is_a_sentence(write, monkeypatch):
    file = write("a.parquet", _rows([1]))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"^'a.parquet' is Parquet, which is read by pyarrow, .*; pip install pyarrow"):
        local.open_path(file)


def test_content_tells_files_and_columns_apart_and_a_few_rows_are_held_at_a_time(write, monkeypatch):
    file = write("a.parquet", _rows(range(40), [0] * 40), row_group_size=20)
    known = local.open_path(file).content()
    assert known == local.open_path(file).content()
    write("a.parquet", _rows([*range(39), 99], [0] * 40))
    assert local.open_path(file).content() != known
    monkeypatch.setattr(parquet, "ROWS", 7)
    assert len(_read(local.open_path(file))[0]) == 40
    items = local.open_path(file).items()
    assert next(items).read().picture.getpixel((0, 0)) == 0
    items.close()  # and the file with it


def test_it_is_prepared_with_classes_as_any_other_source(write, tmp_path):
    write("set/train.parquet", _rows(range(100, 120), [0, 1] * 10))
    write("set/test.parquet", _rows(range(5), [1] * 5))
    source = local.open_path(tmp_path / "set")
    train, test = (part(source, image_size=4, channels=1) for part in (cache.prepare, cache.prepare_test))
    assert train.images[:, 0, 0, 0].tolist() == [*range(100, 120)]
    assert (train.labels.tolist(), train.class_names) == ([0, 1] * 10, ("cat", "dog"))
    assert (test.images[:, 0, 0, 0].tolist(), test.labels.tolist()) == ([*range(5)], [1] * 5)
