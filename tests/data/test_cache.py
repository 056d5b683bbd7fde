import dataclasses
import json
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest
from PIL import Image

from kgan.data import cache, hashing, local
from kgan.data.source_types import BadPictureError, Item, Sample, Source
from kgan.runtime.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "cache"))


def _source(greys, labels=True, bad=(), key="content"):
    """One-coloured pictures; those numbered in `bad` can't be read. `reads` counts how often one was."""
    reads = []

    def read(number, grey):
        reads.append(number)
        if number in bad:
            raise BadPictureError("broken")
        return Sample(Image.new("L", (6, 6), grey), number % 3 if labels else None)

    def items():
        for number, grey in enumerate(greys):
            yield Item(f"p{number}", lambda number=number, grey=grey: read(number, grey))

    return Source("toy", "toy set", len(greys), lambda: key, items), reads


def _prepare(source, **changes):
    return cache.prepare(source, **({"image_size": 4, "channels": 1} | changes))


def test_prepared_pictures_keep_order_labels_and_hash(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 4)
    source, _ = _source(range(30))
    prepared = _prepare(source)
    assert prepared.images.shape == (30, 4, 4, 1)
    assert prepared.images.dtype == np.uint8
    np.testing.assert_array_equal(prepared.images[:, 0, 0, 0], np.arange(30))
    np.testing.assert_array_equal(prepared.labels, np.arange(30) % 3)
    assert prepared.sha256 == cache.fingerprint(prepared.images)


def test_second_time_nothing_is_read_again(capsys):
    source, reads = _source(range(5))
    first = _prepare(source)
    assert sorted(reads) == list(range(5))
    again = _prepare(source)
    assert len(reads) == 5
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.sha256 == again.sha256


@pytest.mark.parametrize("changes", [{"image_size": 5}, {"channels": 3}, {"crop": 2}])
def test_other_settings_are_prepared_apart(changes):
    source, reads = _source(range(5))
    _prepare(source)
    _prepare(source, **changes)
    assert len(reads) == 10
    _prepare(source)
    assert len(reads) == 10


def test_other_content_is_prepared_anew():
    _prepare(_source([1, 2])[0])
    assert _prepare(_source([3, 4], key="other")[0]).images[0, 0, 0, 0] == 3


def test_large_sets_are_mapped_and_small_ones_read(monkeypatch):
    source, _ = _source(range(5))
    assert not isinstance(_prepare(source).images, np.memmap)
    monkeypatch.setattr(cache, "LARGE", 10)
    mapped = _prepare(source).images
    assert isinstance(mapped, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 1


def test_labels_only_where_every_picture_has_one():
    assert _prepare(_source(range(3), labels=False)[0]).labels is None


def test_bad_pictures_stop_by_name_and_count_and_skip_bad_goes_on(capsys):
    source, reads = _source(range(6), bad=(1, 4))
    with pytest.raises(ValueError, match=r"2 of 6 pictures in toy set can't be used: p1 \(broken\); p4 \(broken\); "
                                         r"mend or remove them, or leave them out by --skip_bad\."):
        _prepare(source)
    prepared = _prepare(source, skip_bad=True)
    assert len(reads) == 6  # the second call found the first one's work
    np.testing.assert_array_equal(prepared.images[:, 0, 0, 0], [0, 2, 3, 5])
    np.testing.assert_array_equal(prepared.labels, [0, 2, 0, 2])
    assert prepared.bad == [["p1", "broken"], ["p4", "broken"]]
    assert "Left out: 2 of 6 pictures in toy set can't be used: p1 (broken); p4 (broken)." in capsys.readouterr().err
    with pytest.raises(ValueError, match="--skip_bad"):
        _prepare(source)


def test_many_bad_pictures_are_counted_and_listed_in_a_file():
    source, _ = _source(range(20), bad=range(15))
    with pytest.raises(ValueError, match=r"15 of 20 .*p9 \(broken\); and 5 more \(all of them in .*\)") as error:
        _prepare(source)
    listed = str(error.value).split("all of them in ")[1].split(")")[0]
    with open(listed, encoding="utf-8") as file:
        assert len(json.load(file)["bad"]) == 15


def test_nothing_usable_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"none of the 2 pictures in toy set can be used: p0 \(broken\)"):
        _prepare(_source(range(2), bad=(0, 1))[0], skip_bad=True)
    assert [path for path in (tmp_path / "cache" / "prepared").iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize("harm", ["train.bin", "train_labels.npy", "meta.json", "all", "text", "empty"])
def test_damaged_cache_is_prepared_again(tmp_path, harm):
    source, reads = _source(range(5))
    expected = _prepare(source)
    (directory,) = [path for path in (tmp_path / "cache" / "prepared").iterdir() if path.is_dir()]
    if harm == "all":
        for path in directory.iterdir():
            path.unlink()
    elif harm == "empty":
        (directory / "train_labels.npy").write_bytes(b"")
    elif harm == "text":
        (directory / "meta.json").write_text("{")
    else:
        (directory / harm).write_bytes((directory / harm).read_bytes()[:-1] if harm != "meta.json" else b"[]")
    np.testing.assert_array_equal(_prepare(source).images, expected.images)
    assert len(reads) == 10


def test_interrupted_preparation_leaves_no_directory_and_its_orphan_is_swept(tmp_path):
    source, _ = _source(range(5))

    def items():
        yield from list(source.items())[:2]
        raise KeyboardInterrupt

    place = tmp_path / "cache" / "prepared"
    with pytest.raises(KeyboardInterrupt):
        _prepare(dataclasses.replace(source, items=items))
    assert [path for path in place.iterdir() if path.suffix != ".lock"] == []
    name = next(place.iterdir()).name.removesuffix(".lock")
    (place / f".aside-{name}-killed").mkdir()
    _prepare(source)
    assert sorted(path.name for path in place.iterdir()) == [name, f"{name}.lock"]


def test_two_processes_prepare_once(tmp_path):
    for number in range(40):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("L", (40, 40), number).save(tmp_path / "photos" / f"{number:02}.png")
    code = ("import sys; from pathlib import Path; from kgan.data import cache, local; "
            "p = cache.prepare(local.open_path(Path(sys.argv[1])), image_size=8, channels=1); print(p.sha256)")
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "photos")], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    results = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert results[0][0] == results[1][0] != ""
    assert sum("Preparing" in error for _, error in results) == 1


def test_cache_that_cannot_be_written_says_so_and_how_to_move_it(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"the cache .*can't be written \(Not a directory\); make room, or point "
                                      "KGAN_CACHE_DIR at another place"):
        _prepare(_source(range(2))[0])


@pytest.mark.parametrize("fails", ["items", "read"])
def test_source_that_vanishes_is_named_and_not_the_cache(tmp_path, fails):
    def gone():
        raise OSError(116, "Stale file handle")

    def items():
        yield Item("p0", gone if fails == "read" else lambda: Sample(Image.new("L", (6, 6))))
        gone()

    with pytest.raises(UserError, match="^toy set can't be read to its end .Stale file handle.; bring it back"):
        _prepare(Source("toy", "toy set", 2, lambda: "content", items))
    assert [path.suffix for path in (tmp_path / "cache" / "prepared").iterdir()] == [".lock"]


def test_warm_cache_that_is_read_only_serves(tmp_path, monkeypatch):
    Image.new("L", (8, 8), 5).save(tmp_path / "a.png")
    source = local.open_path(tmp_path)
    expected = _prepare(source)

    def refuse(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(hashing.files_lib, "replacing", refuse)
    monkeypatch.setattr(cache, "FileLock", refuse)
    os.utime(tmp_path / "a.png", ns=(0, 0))  # so that its content must be hashed again
    np.testing.assert_array_equal(_prepare(local.open_path(tmp_path)).images, expected.images)


def test_conversions_are_counted(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.new("RGBA", (8, 8), (number, 0, 0, 200)).save(tmp_path / "photos" / f"{number}.png")
    _prepare(local.open_path(tmp_path / "photos"))
    error = capsys.readouterr().err
    assert "Converted: 3 × alpha over white" in error
    assert "Converted: 3 × colour to grey" in error


def test_prepared_directory_has_the_usual_permissions(tmp_path):
    _prepare(_source(range(2))[0])
    (directory,) = [path for path in (tmp_path / "cache" / "prepared").iterdir() if path.is_dir()]
    (tmp_path / "usual").mkdir()
    assert directory.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_tenth_is_held_out_by_content(tmp_path):
    source, _ = _source([number % 250 for number in range(500)])
    source = dataclasses.replace(source, held_out=True)
    train, test = _prepare(source), cache.prepare_test(source, image_size=4, channels=1)
    assert len(train.images) + len(test.images) == 500
    assert 30 <= len(test.images) <= 70
    greys = [set(part.images[:, 0, 0, 0].tolist()) for part in (train, test)]
    assert greys[0] & greys[1] == set()  # copies of a picture are on the same side
    more, _ = _source([number % 250 for number in range(600)], key="more")
    more = dataclasses.replace(more, held_out=True)
    assert set(cache.prepare_test(more, image_size=4, channels=1).images[:, 0, 0, 0].tolist()) == greys[1]


def test_few_pictures_are_all_trained_on():
    source = dataclasses.replace(_source(range(99))[0], held_out=True)
    assert len(_prepare(source).images) == 99
    with pytest.raises(UserError, match="toy set holds no test images: a tenth is held out of 100 pictures or more"):
        cache.prepare_test(source, image_size=4, channels=1)


def test_data_set_with_a_test_split_keeps_all_its_training_images():
    test = _source([7] * 120, key="test")[0]
    source = dataclasses.replace(_source([5] * 200)[0], test=test)
    assert len(_prepare(source).images) == 200
    assert cache.prepare_test(source, image_size=4, channels=1).images[:, 0, 0, 0].tolist() == [7] * 120


def _greys_by_side(count, held_out):
    """Grey values whose prepared pictures fall into the tenth, or don't."""
    return [grey for grey in range(256) if cache._held_out(bytes([grey] * 16)) == held_out][:count]


def _labelled(greys_and_labels, key):
    items = [Item(f"p{number}", lambda grey=grey, label=label: Sample(Image.new("L", (6, 6), grey), label))
             for number, (grey, label) in enumerate(greys_and_labels)]
    return Source(None, "own set", len(items), lambda: key, lambda: iter(items), held_out=True)


def test_the_tenth_leaves_each_class_a_picture_and_its_copies(tmp_path):
    first, second = _greys_by_side(2, True)
    kept = _greys_by_side(90, False)
    pictures = [*((grey, 0) for grey in kept), (second, 0), *[(first, 7), (second, 7), (first, 7), (first, 7)],
                *[(kept[0], 9)] * 6]
    source = _labelled(pictures, "few of class 7")
    train, test = _prepare(source), cache.prepare_test(source, image_size=4, channels=1)
    # Class 7 lies in the tenth as a whole: its first picture goes back with all three copies; `second` stays held out.
    assert np.count_nonzero(train.labels == 7) == 3
    assert set(train.images[train.labels == 7][:, 0, 0, 0].tolist()) == {first}
    left = zip(test.images[:, 0, 0, 0].tolist(), test.labels.tolist(), strict=True)
    assert sorted(left) == [(second, 0), (second, 7)]
    assert [len(part.images) for part in (train, test)] == [len(pictures) - 2, 2]
    assert train.sha256 == cache.fingerprint(train.images)
    assert train.class_names == test.class_names == ("0", "7", "9")


def test_a_cache_of_an_older_kgan_whose_tenth_took_a_class_is_made_again(tmp_path, monkeypatch):
    (held,) = _greys_by_side(1, True)
    pictures = [*((grey, 0) for grey in _greys_by_side(100, False)), *[(held, 1)] * 10]
    monkeypatch.setattr(cache, "_give_back", lambda *_: None)
    monkeypatch.setattr(cache, "_taken", lambda *_: set())
    old = _prepare(_labelled(pictures, "key"))
    monkeypatch.undo()
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "cache"))
    assert len(old.images) == 100
    assert len(_prepare(_labelled(pictures, "key")).images) == 110
    with pytest.raises(UserError, match="holds no test images"):
        cache.prepare_test(_labelled(pictures, "key"), image_size=4, channels=1)


def test_labels_that_are_identifiers_do_not_change_the_tenth():
    greys = [grey % 250 for grey in range(500)]
    plain = dataclasses.replace(_source(greys, labels=False)[0], held_out=True)
    numbered = _labelled([(grey, number) for number, grey in enumerate(greys)], "identifiers")
    assert _prepare(plain).sha256 == _prepare(numbered).sha256


@pytest.mark.parametrize("side", [True, False])
@pytest.mark.parametrize("labelled", [True, False])
def test_equal_pictures_are_all_trained_on(side, labelled):
    (grey,) = _greys_by_side(1, side)
    source = _labelled([(grey, 3 if labelled else None)] * 150, f"equal {side} {labelled}")
    assert len(_prepare(source).images) == 150
    with pytest.raises(UserError, match="own set holds no test images: a picture's pixels decide whether it is held "
                                        "out, and those of its 150 pictures, hardly any different, decide for none"):
        cache.prepare_test(source, image_size=4, channels=1)


@pytest.mark.parametrize("count", [1, 2, 9, 50])
def test_small_sets_are_prepared_whole(count):
    source = _labelled([(grey, grey) for grey in range(count)], f"small {count}")
    assert len(_prepare(source).images) == count
    with pytest.raises(UserError, match="a tenth is held out of 100 pictures or more"):
        cache.prepare_test(source, image_size=4, channels=1)


def test_names_of_classes_are_kept_and_asked_for_where_an_older_kgan_kept_none(tmp_path):
    source = dataclasses.replace(_source(range(9))[0], label_names=lambda: {0: "cat", 2: "horse", 5: "none"})
    assert _prepare(source).class_names == ("cat", "1", "horse")
    renamed = dataclasses.replace(source, label_names=lambda: {0: "other"})
    assert _prepare(renamed).class_names == ("cat", "1", "horse")
    (meta,) = (tmp_path / "cache" / "prepared").glob("*/meta.json")
    older = json.loads(meta.read_text())
    assert older.pop("class_names") == ["cat", "1", "horse"]
    meta.write_text(json.dumps(older))
    assert _prepare(renamed).class_names == ("other", "1", "2")


def test_images_without_labels_have_no_classes():
    assert _prepare(_source(range(9), labels=False)[0]).class_names is None


def test_nothing_prepared_is_open_when_its_directory_is_renamed(monkeypatch):
    """Windows renames no directory in which a file is open."""
    mapped, real = [], np.memmap

    def memmap(*arguments, **settings):
        found = real(*arguments, **settings)
        mapped.append(weakref.ref(found._mmap))
        return found

    def rename(path, target):
        assert [one for one in mapped if one() is not None] == []
        return os.rename(path, target)

    monkeypatch.setattr(np, "memmap", memmap)
    monkeypatch.setattr("pathlib.Path.rename", rename)
    _prepare(_source(range(5))[0])
    assert mapped
