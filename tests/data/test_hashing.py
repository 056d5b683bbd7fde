import os

import pytest

from kgan.data import hashing


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "cache"))


def test_content_hash_is_of_names_and_contents_and_remembered(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    first = hashing.content_hash({"a": str(path)})
    assert hashing.content_hash({"b": str(path)}) != first
    copy = tmp_path / "copy"
    copy.write_bytes(b"one")
    assert hashing.content_hash({"a": str(copy)}) == first
    monkeypatch.setattr(hashing, "_file_digest", lambda *args: pytest.fail("read again"))
    assert hashing.content_hash({"a": str(path)}) == first
    monkeypatch.undo()
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "cache"))
    path.write_bytes(b"two")
    os.utime(path, ns=(0, 0))
    assert hashing.content_hash({"a": str(path)}) != first


def test_content_that_could_not_be_read_is_not_remembered(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"one")

    def fail(*args):
        raise OSError(5, "Input/output error")

    real = hashing._file_digest
    monkeypatch.setattr(hashing, "_file_digest", fail)
    failed = hashing.content_hash({"a": str(path)})
    monkeypatch.setattr(hashing, "_file_digest", real)
    assert hashing.content_hash({"a": str(path)}) != failed


def test_cache_directory_follows_the_environment(monkeypatch, tmp_path):
    assert hashing.cache_directory() == tmp_path / "cache"
    monkeypatch.delenv("KGAN_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert str(hashing.cache_directory()) == "/somewhere/kgan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert str(hashing.cache_directory()) == "/home/me/.cache/kgan"
