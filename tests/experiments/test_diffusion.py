"""GAN or diffusion: what its table says of planted parts."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from experiments.studies import diffusion

SECONDS = {"mnist": 300.0, "cifar10": 521.0}
ALL = ["mnist-gan", "mnist-ddpm", *(f"mnist-ddpm-{steps}" for steps in diffusion.STEPS)]


def _cells(out, **seconds):
    (out / "cells").mkdir(parents=True)
    for name, trained in seconds.items():
        part = {"part": name.replace("_", "-"), "data": "mnist"} | ({} if trained is None else {"seconds": trained})
        (out / "cells" / f"{part['part']}.json").write_text(json.dumps(part), encoding="utf-8")


def test_parts_that_are_there_are_not_run_again(tmp_path):
    _cells(tmp_path, mnist_gan=301.0, mnist_ddpm=299.0, mnist_ddpm_10=None)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mnist-ddpm.weights.h5").touch()
    assert diffusion.missing(tmp_path, ALL, SECONDS) == [name for name in ALL[2:] if name != "mnist-ddpm-10"]
    assert diffusion.missing(tmp_path, ALL[:2], SECONDS) == []


def test_what_had_less_time_is_trained_again_and_draws_again(tmp_path):
    _cells(tmp_path, mnist_gan=100.0, mnist_ddpm=100.0, mnist_ddpm_10=None)
    assert diffusion.missing(tmp_path, ALL, SECONDS) == ALL
    assert diffusion.missing(tmp_path, ["mnist-ddpm"], SECONDS) == ["mnist-ddpm", "mnist-ddpm-10"]


def test_without_weights_what_draws_is_trained_first(tmp_path):
    _cells(tmp_path, mnist_gan=300.0, mnist_ddpm=300.0, mnist_ddpm_10=None)
    assert diffusion.missing(tmp_path, ["mnist-ddpm-50"], SECONDS) == ["mnist-ddpm", "mnist-ddpm-10", "mnist-ddpm-50"]
    assert diffusion.missing(tmp_path, ["mnist-gan", "mnist-ddpm", "mnist-ddpm-10"], SECONDS) == []


@pytest.mark.parametrize("flag", ["--mnist_seconds=nan", "--cifar10_seconds=-1", f"--out={__file__}", "--parts=foo"])
def test_an_impossible_flag_is_refused(flag, monkeypatch, capsys):
    from kgan.data import sources

    monkeypatch.setattr(sources, "locate", lambda name=None, data=None: None)
    monkeypatch.setattr(sys, "argv", ["diffusion", flag])
    with pytest.raises(SystemExit):
        diffusion.main()
    assert flag.partition("=")[2] in capsys.readouterr().err


def test_pictures_that_are_not_there_are_named_before_training(monkeypatch, tmp_path):
    from kgan.data import sources

    locate = sources.locate
    monkeypatch.setattr(sources, "locate", lambda name=None, data=None: None if name else locate(data=data))
    monkeypatch.setattr(sys, "argv", ["diffusion", f"--out={tmp_path}", "--cifar10=nowhere.zip"])
    with pytest.raises(SystemExit) as stop:
        diffusion.main()
    assert str(stop.value).startswith("kgan: ") and "nowhere.zip" in str(stop.value)


def test_some_samples_are_of_all_classes():
    assert diffusion.some(np.repeat(np.arange(10), 200), 500).tolist() == np.repeat(np.arange(10), 50).tolist()
    assert diffusion.some(np.arange(7), 7).tolist() == list(range(7))


def test_the_table_compares_seconds_of_drawing_and_says_how_many_samples(tmp_path, capsys):
    look = {"seconds": 10.0, "images": 100, "fcd": 9.0}
    (tmp_path / "cells").mkdir()
    for part, values in {
            "mnist-gan": {"curve": [look], "fcd": 2.0, "sampling": 5.0, "count": 2000},
            "mnist-ddpm": {"curve": [look], "fcd": 9.0, "sampling": 100.0, "count": 500, "steps": 10},
            "mnist-ddpm-10": {"curve": [], "fcd": 3.0, "sampling": 100.0, "count": 2000, "steps": 10},
            "mnist-ddpm-1000": {"curve": [], "sampling": 1e4, "count": 256, "steps": 1000}}.items():
        data, system, *_ = part.split("-")
        (tmp_path / "cells" / f"{part}.json").write_text(json.dumps({
            "part": part, "data": data, "system": system, "kid": 0.0012, "parameters": 1000, "seconds": 300.0,
            "versions": {"threads": "1"}, **values}), encoding="utf-8")
    diffusion.write(tmp_path)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| mnist")]
    assert rows == ["| mnist | `dcgan_fast` | 1 | 1,000 | 300 | 2,000 | 2.00 | 1.2 | 5.0 | 10,000 |",
                    "| mnist | DDPM | 10 | 1,000 | 300 | 2,000 | 3.00 | 1.2 | 100 | 500 |",
                    "| mnist | DDPM | 1000 | 1,000 | 300 | 256 | – | 1.2 | 10,000 | 5 |"]
    assert (tmp_path / "curves.png").stat().st_size > 1000
