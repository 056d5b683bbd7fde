import json
import os
import subprocess
import sys

import pytest

from kgan.runtime import files


def test_replacing_swaps_whole_files_and_keeps_the_suffix(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("old")
    with files.replacing(path) as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".png")
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_keeps_the_old_file_when_the_block_raises(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _fill(directory, text="content"):
    (directory / "deep").mkdir()
    (directory / "a.txt").write_text(text)
    (directory / "deep" / "b.bin").write_bytes(b"\0" * 1000)


@pytest.fixture
def committed(tmp_path):
    with files.committing(tmp_path / "step-1") as temporary:
        _fill(temporary)
    return tmp_path / "step-1"


def test_committing_gives_a_whole_directory_or_none(tmp_path):
    place = tmp_path / "step-1"
    with pytest.raises(RuntimeError), files.committing(place) as temporary:
        _fill(temporary)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with files.committing(place) as temporary:
        _fill(temporary)
        assert not place.exists()
    assert files.damage(place) is None
    assert list(tmp_path.iterdir()) == [place]
    with files.committing(place) as temporary:
        _fill(temporary, "newer")
    assert (place / "a.txt").read_text() == "newer"
    assert files.damage(place) is None


@pytest.mark.parametrize(("harm", "named"), [
    (lambda place: (place / "a.txt").write_text("contenT"), "a.txt is not what was written"),
    (lambda place: (place / "a.txt").write_text("conten"), "a.txt is not what was written"),
    (lambda place: (place / "deep" / "b.bin").unlink(), "b.bin is missing"),
    (lambda place: (place / "new").touch(), "new is missing, or was added"),
    (lambda place: (place / files.MANIFEST).unlink(), "manifest.json is missing"),
    (lambda place: (place / files.MANIFEST).write_text("[1]"), "manifest.json can't be read"),
    (lambda place: (place / files.MANIFEST).write_text("{"), "manifest.json can't be read"),
    (lambda place: (place / files.MANIFEST).write_text("{}"), "is missing, or was added"),
    (lambda place: (place / files.MANIFEST).write_text("[" * 10**5), "manifest.json can't be read"),
    (lambda place: os.truncate(place / files.MANIFEST, 2**20 + 1), "manifest.json is too large"),
])
def test_damage_is_told_in_words(committed, harm, named):
    harm(committed)
    assert named in files.damage(committed)


def _replace(path, make):
    path.unlink()
    make(path)


def _names(name):
    """Adds a name to the manifest, with the facts of a.txt."""
    def harm(place):
        manifest = json.loads((place / files.MANIFEST).read_text())
        manifest[name.format(outside=place.parent / "outside")] = manifest["a.txt"]
        (place / files.MANIFEST).write_text(json.dumps(manifest))

    return harm


@pytest.mark.parametrize(("harm", "named"), [
    (_names("/dev/zero"), "is missing, or was added"),
    (_names("../outside"), "is missing, or was added"),
    (_names("deep/../../outside"), "is missing, or was added"),
    (_names("{outside}"), "is missing, or was added"),
    (lambda place: _replace(place / "a.txt", os.mkfifo), "a.txt is not what was written"),
    (lambda place: _replace(place / "a.txt", lambda path: path.symlink_to("/dev/zero")), "a.txt is not what was writ"),
    (lambda place: _replace(place / "a.txt", lambda path: path.symlink_to("../outside")), "a.txt is not what was wri"),
    (lambda place: _replace(place / files.MANIFEST, os.mkfifo), "manifest.json is missing"),
    (lambda place: _replace(place / files.MANIFEST, lambda path: path.symlink_to("/dev/zero")), "manifest.json is mis"),
    (lambda place: (place / "more").symlink_to("/dev/zero"), "more is missing, or was added"),
    (lambda place: os.mkfifo(place / "deep" / "more"), "deep/more is missing, or was added"),
])
def test_damage_opens_nothing_but_the_directorys_own_files(committed, harm, named):
    (committed.parent / "outside").write_text("content")  # the very bytes of a.txt
    harm(committed)
    code = ("import sys; from pathlib import Path; from kgan.runtime import files; opened = []\n"
            "sys.addaudithook(lambda event, values: opened.append(str(values[0])) if event == 'open' else None)\n"
            "reason = files.damage(Path(sys.argv[1])); print(reason, *opened, sep='\\n')")
    found = subprocess.run([sys.executable, "-c", code, str(committed)], capture_output=True, text=True, check=True,
                           timeout=20).stdout
    reason, *opened = found.splitlines()
    assert named in reason
    assert {*opened} <= {str(committed / files.MANIFEST)}


def test_sweep_removes_what_is_half_written_and_nothing_else(tmp_path):
    (tmp_path / f"{files.TEMPORARY}step-1-x").mkdir()
    (tmp_path / f"{files.TEMPORARY}step-1-x" / "state.npz").touch()
    (tmp_path / f"{files.TEMPORARY}other-y").touch()
    (tmp_path / "kept").touch()
    files.sweep(tmp_path, "step-1")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{files.TEMPORARY}other-y", "kept"]
    files.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_permissions_are_those_that_the_umask_leaves_and_it_is_never_touched(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("another thread's files would be open to all meanwhile"))
    (tmp_path / "usual").touch()
    with files.replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
    (tmp_path / "plain").mkdir()
    with files.committing(tmp_path / "d") as temporary:
        (temporary / "x").touch()
    for made, usual in (("a", "usual"), ("d", "plain")):
        assert (tmp_path / made).stat().st_mode == (tmp_path / usual).stat().st_mode


def test_where_the_system_has_it_the_disks_own_memory_is_flushed_too(tmp_path, monkeypatch):
    """As on macOS; and where a drive has no such call, fsync is what there is."""
    called = []
    monkeypatch.setattr(files.fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(files.fcntl, "fcntl", lambda handle, command: called.append(command))
    monkeypatch.setattr(os, "fsync", lambda handle: called.append("fsync"))
    files.fsync(tmp_path)
    assert called == [51]

    def fail(handle, command):
        raise OSError(45, "Operation not supported")

    monkeypatch.setattr(files.fcntl, "fcntl", fail)
    files.fsync(tmp_path)
    assert called == [51, "fsync"]


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._a.txt", "deep/.DS_Store"])
def test_what_file_managers_leave_is_no_damage_and_stays(committed, name):
    (committed / name).write_bytes(b"x")
    assert files.damage(committed) is None
    assert (committed / name).exists()
