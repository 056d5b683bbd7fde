import io
import os
import stat
import zipfile

import numpy as np
import pytest
from PIL import Image

from kgan.data import local, pictures
from kgan.data.source_types import BadPictureError


def _png(grey):
    file = io.BytesIO()
    Image.new("L", (4, 4), grey).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    """Builds a folder of one-coloured pictures from {path: grey or bytes}."""

    def build(files, name="photos"):
        for path, content in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_png(content) if isinstance(content, int) else content)
        return tmp_path / name

    return build


@pytest.fixture
def archive(tmp_path):
    """Builds a zip from {member name or ZipInfo: grey or bytes}."""

    def build(members):
        with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
            for name, content in members.items():
                file.writestr(name, _png(content) if isinstance(content, int) else content)
        return tmp_path / "photos.zip"

    return build


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


FILES = {"cats/a.png": 10, "cats/deep/b.png": 20, "dogs/c.PNG": 30}


@pytest.mark.parametrize("prefix", ["", "around/", "around/twice/"])
def test_subfolders_are_classes_in_folders_and_zips(folder, archive, prefix):
    files = {prefix + path: grey for path, grey in FILES.items()}
    expected = {prefix + "cats/a.png": (10, 0), prefix + "cats/deep/b.png": (20, 0), prefix + "dogs/c.PNG": (30, 1)}
    for source in (local.open_path(folder(files)), local.open_path(archive(files))):
        assert _read(source) == (expected, {})
        assert source.count == 3
        assert list(_read(source)[0]) == sorted(expected)
    assert local.open_path(folder(files)).origin == "folder photos"
    assert local.open_path(archive(files)).origin == "zip photos.zip"


@pytest.mark.parametrize("files", [{"a.png": 1, "b.png": 2}, {"one/a.png": 1, "one/b.png": 2},
                                   {"a.png": 1, "cats/b.png": 2}])
def test_pictures_without_class_folders_have_no_labels(folder, files):
    assert {label for _, label in _read(local.open_path(folder(files)))[0].values()} == {None}


def test_hidden_files_are_no_pictures_and_others_are_counted(folder, archive):
    files = FILES | {".hidden.png": 0, "__MACOSX/cats/a.png": 0, "cats/.thumbs/x.png": 0, "notes.txt": b"x",
                     "cats/list.csv": b"1"}
    for source in (local.open_path(folder(files)), local.open_path(archive(files))):
        assert set(_read(source)[0]) == set(FILES)
        assert source.origin.endswith("(2 other files left alone)")


def test_bad_files_of_a_folder_are_named(folder, monkeypatch):
    path = folder(FILES | {"cats/empty.png": b"", "dogs/text.jpg": b"no picture"})
    os.mkfifo(path / "dogs" / "pipe.png")
    (path / "dogs" / "gone.png").symlink_to(path / "absent.png")
    (path / "dogs" / "link.png").symlink_to(path / "cats" / "a.png")
    monkeypatch.setattr(pictures, "MAX_BYTES", 2000)
    (path / "cats" / "large.png").write_bytes(b"x" * 2001)
    good, bad = _read(local.open_path(path))
    assert bad == {"cats/empty.png": "empty file", "cats/large.png": "2,001 bytes, more than 2,000",
                   "dogs/gone.png": "unreadable: No such file or directory", "dogs/pipe.png": "not a regular file",
                   "dogs/text.jpg": "not a picture, or of an unknown format"}
    assert good["dogs/link.png"] == (10, 1)


def test_unsafe_members_of_a_zip_are_named_and_nothing_is_unpacked(archive, tmp_path):
    link = zipfile.ZipInfo("dogs/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = archive(FILES | {"../out.png": 1, "/root.png": 2, "cats/../../up.png": 3, "..\\win.png": 4,
                            "C:/drive.png": 5, link: b"../../etc/passwd"})
    before = sorted(tmp_path.rglob("*"))
    good, bad = _read(local.open_path(path))
    assert good == {"cats/a.png": (10, 0), "cats/deep/b.png": (20, 0), "dogs/c.PNG": (30, 1)}
    assert {name for name, reason in bad.items() if reason == "unsafe name: it points out of the archive"} == {
        "../out.png", "/root.png", "cats/../../up.png", "../win.png", "C:/drive.png"}
    assert bad["dogs/link.png"] == "a link, not a picture"
    assert sorted(tmp_path.rglob("*")) == before


def test_damaged_encrypted_and_lying_members_are_named(archive):
    path = archive({"a.png": 1, "b.png": 2, "c.png": 3, "d.png": 4})
    data = bytearray(path.read_bytes())
    entries = [at for at in range(len(data)) if data[at:at + 4] == b"PK\x01\x02"]
    data[entries[1] + 8] |= 1  # b: encrypted
    data[entries[2] + 24:entries[2] + 28] = (2**31).to_bytes(4, "little")  # c: says that it is 2 GB
    body = data.index(b"IHDR", data.index(b"d.png"))
    data[body] ^= 255  # d: checksum
    path.write_bytes(data)
    good, bad = _read(local.open_path(path))
    assert set(good) == {"a.png"}
    assert bad["b.png"] == "encrypted"
    assert bad["c.png"] == "2,147,483,648 bytes, more than 100,000,000"
    assert bad["d.png"].startswith("damaged in the archive: Bad CRC-32")


def test_zip_that_is_cut_off_is_refused_in_one_sentence(archive):
    path = archive(FILES)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="is damaged or no zip of a known kind"):
        local.open_path(path)


def test_nothing_usable_says_what_is(folder, tmp_path):
    with pytest.raises(ValueError, match=r"there are no pictures in data='.*photos'; pictures end in .*\.jpg"):
        local.open_path(folder({"notes.txt": b"x"}))
    with pytest.raises(ValueError, match="is not there; give a folder or a zip of images, Parquet, a CSV, an .npz, an"):
        local.open_path(tmp_path / "absent")


def test_content_follows_what_the_pictures_hold(folder):
    path = folder(FILES)
    first = local.open_path(path).content()
    assert local.open_path(path).content() == first
    (path / "notes.txt").write_bytes(b"left alone")
    assert local.open_path(path).content() == first
    (path / "cats" / "a.png").write_bytes(_png(11))
    assert local.open_path(path).content() != first


def _rows(*rows):
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


@pytest.mark.parametrize("header", [b"", b"label,p0,p1\n", b'"label","p0"\n', b"\xef\xbb\xbf"])
def test_csv_is_read_exactly(tmp_path, header):
    path = tmp_path / "small.csv"
    path.write_bytes(header + _rows([3, *range(16)], [7, *[255] * 16]) + b"\n")
    source = local.open_path(path)
    samples = [item.read() for item in source.items()]
    assert (source.origin, source.count) == ("CSV small.csv", 2)
    assert [sample.label for sample in samples] == [3, 7]
    np.testing.assert_array_equal(samples[0].picture, np.arange(16).reshape(4, 4))
    np.testing.assert_array_equal(samples[1].picture, np.full((4, 4), 255))


def test_csv_without_labels(tmp_path):
    path = tmp_path / "test.csv"
    path.write_bytes(_rows(range(16)))
    sample = next(local.open_path(path).items()).read()
    assert sample.label is None
    np.testing.assert_array_equal(sample.picture, np.arange(16).reshape(4, 4))


def test_bad_rows_of_a_csv_are_named_by_line(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes(_rows([1, *[0] * 16], [1, *[256] * 16], [1, 2, 3], ["x", *[0] * 16], [-1, *[0] * 16],
                           [2, *[9] * 16], [2**40, *[0] * 16], [10**30, *[0] * 16]))
    good, bad = _read(local.open_path(path))
    assert good == {"line 1": (0, 1), "line 6": (9, 2)}
    assert bad == {"line 2": "a grey value outside 0 to 255", "line 3": "3 columns, not 17",
                   "line 4": "not whole numbers", "line 5": "a negative or huge label",
                   "line 7": "a negative or huge label", "line 8": "not whole numbers"}


@pytest.mark.parametrize("content", [b"", b"label,pixel\n", b"1,2,3\n", b"1\n"])
def test_csv_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="columns; an MNIST-style CSV has a label and a square number"):
        local.open_path(path)


def test_folder_that_cannot_be_listed_is_named(folder, monkeypatch):
    path = folder(FILES)
    real = os.scandir

    def scandir(place):  # root may list anything, so permission is played
        if str(place).endswith("dogs"):
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match=r"dogs' can't be listed \(Permission denied\); make it readable"):
        local.open_path(path)


def test_linked_folders_are_followed_and_loops_end(folder, tmp_path):
    path = folder({"dogs/c.png": 30})
    elsewhere = folder({"a.png": 10}, name="elsewhere")
    (path / "cats").symlink_to(elsewhere)
    (path / "dogs" / "up").symlink_to(path)
    assert _read(local.open_path(path))[0] == {"cats/a.png": (10, 0), "dogs/c.png": (30, 1)}


def test_zip_from_windows_has_classes_and_a_nameless_member_does_no_harm(archive):
    path = archive({"cats\\a.png": 10, "dogs\\b.png": 20, "x.png": 30})
    path.write_bytes(path.read_bytes().replace(b"x.png", b"\0.png"))
    assert _read(local.open_path(path))[0] == {"cats/a.png": (10, 0), "dogs/b.png": (20, 1)}


def test_trouble_of_the_machine_is_not_taken_for_a_bad_picture(folder, monkeypatch):
    source = local.open_path(folder(FILES))

    def fail(*args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pathlib.Path.read_bytes", fail)
    with pytest.raises(ValueError, match=r"can't be read now \(Input/output error\); try again") as error:
        next(source.items()).read()
    assert not isinstance(error.value, BadPictureError)
    monkeypatch.setattr(pictures.Image, "open", lambda *args, **kwargs: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(MemoryError):
        pictures.decode(b"x")


def test_csv_with_one_endless_value_takes_no_memory(tmp_path):
    import tracemalloc

    path = tmp_path / "long.csv"
    path.write_bytes(b"1" * 1_000_000 + b",0" * 784)
    tracemalloc.start()
    _, bad = _read(local.open_path(path))
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert bad == {"line 1": "not whole numbers"}


@pytest.mark.parametrize(("name", "sentence"), [
    ("x-r05.tfrecords", r"is a TFRecord file, which kgan can't read; write its images as pictures"),
    ("mnist-train.tfrecord-00000-of-00001", "is a TFRecord file, which kgan can't read"),
    ("photos.tar.gz", "is of no kind that kgan reads; unpack the archive, and give a folder or a zip of images"),
    ("photos.7z", "unpack the archive, and give"),
    ("train.parquet", r"train\.parquet' can't be read \(Parquet magic bytes not found in footer.*; get it anew\."),
    ("train.h5", r"train\.h5' is of no kind that kgan reads; give a folder"),
])
def test_files_of_other_kinds_are_refused_for_what_they_are(tmp_path, name, sentence):
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(ValueError, match=sentence):
        local.open_path(tmp_path / name)


def test_a_folder_of_tfrecords_says_so(tmp_path):
    (tmp_path / "x-r02.tfrecords").write_bytes(b"x")
    with pytest.raises(ValueError, match="there are no pictures in .*, but TFRecords, which kgan can't read; pictures"):
        local.open_path(tmp_path)
