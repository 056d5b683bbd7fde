"""GAN or diffusion: what its table says of planted parts."""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from experiments.studies import diffusion


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
