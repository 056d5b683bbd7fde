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


def test_committing_gives_a_whole_directory_or_none(tmp_path):
    place = tmp_path / "step-1"
    with pytest.raises(RuntimeError), files.committing(place) as aside:
        _fill(aside)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with files.committing(place) as aside:
        _fill(aside)
        assert not place.exists()
    assert files.damage(place) is None
    assert list(tmp_path.iterdir()) == [place]
    with files.committing(place) as aside:
        _fill(aside, "newer")
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
])
def test_damage_is_told_in_words(tmp_path, harm, named):
    place = tmp_path / "step-1"
    with files.committing(place) as aside:
        _fill(aside)
    harm(place)
    assert named in files.damage(place)


def test_sweep_removes_what_is_half_written_and_nothing_else(tmp_path):
    (tmp_path / f"{files.TEMPORARY}step-1-x").mkdir()
    (tmp_path / f"{files.TEMPORARY}step-1-x" / "state.npz").touch()
    (tmp_path / f"{files.TEMPORARY}other-y").touch()
    (tmp_path / "kept").touch()
    files.sweep(tmp_path, "step-1")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{files.TEMPORARY}other-y", "kept"]
    files.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
