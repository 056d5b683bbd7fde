"""`kgan explore`: the web page of a run, written and opened."""

import webbrowser
from pathlib import Path

import keras
import numpy as np
import pytest

from kgan import sampling
from kgan.commands import explore
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError
from kgan.serving.web import page


@pytest.fixture
def opened(monkeypatch):
    """What is opened in the browser."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    return addresses


def _printed(capsys):
    (line,) = capsys.readouterr().out.splitlines()
    return Path(line)


def test_the_runs_page_is_written_among_the_temporary_files_and_opened(command, opened, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    command(explore, "preset:digits")
    file = _printed(capsys)
    assert file.is_relative_to(tmp_path)
    assert file.relative_to(tmp_path).parts[1:] == ("digits", "1", "index.html")
    assert opened == [file.as_uri()]
    _, (_, golden) = page.read(file.read_text(encoding="utf-8"))
    expected = sampling.generate(open_generator("preset:digits"), range(page.GOLDEN))
    assert np.abs(golden.astype(int) - expected).max() <= page.GREY_LEVELS
    assert "<title>digits" in file.read_text(encoding="utf-8")


def test_out_is_where_it_is_written_and_nobrowser_opens_none(command, opened, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for version in (1, 2):
        command(explore, "preset:pca", out="pages", browser=version == 2)
        assert _printed(capsys) == Path("pages", str(version), "index.html")
        assert Path("pages", str(version), "index.html").is_file()
    assert opened == [(tmp_path / "pages" / "2" / "index.html").as_uri()]


def test_a_step_that_is_not_there_is_a_sentence(command, opened, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UserError, match="step"):
        command(explore, "preset:pca", step=3)
    with pytest.raises(UserError, match=r"^'absent' is not a run directory"):
        command(explore, "absent")
    assert opened == []
    assert list(tmp_path.rglob("index.html")) == []


@pytest.mark.parametrize(("latent_dim", "count"), [(8, page.DIRECTIONS), (2, 2)])
def test_directions_are_as_many_as_z_has_at_most(latent_dim, count):
    z = keras.Input((latent_dim,))
    generator = keras.Model(z, keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16)(z)))
    found = page.axes(generator)
    assert found.shape == (count, latent_dim)
    np.testing.assert_allclose(found @ found.T, np.eye(count), atol=1e-5)
