"""The comparison in equal time: what its page says of planted cells."""

import json
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from experiments.papers import fair_fight, fair_fight_report


def _cell(system, seed, fcd, seconds=60.0, **numbers):
    curve = [{"seconds": at * seconds, "images": int(1000 * at), "fcd": value} for at, value in ((0.5, 50), (1, fcd))]
    return {"system": system, "seed": seed, "curve": curve, "images": 1000, "seconds": seconds, "samples": 10,
            "parameters": [1_000_000, 500_000], "judge": "a judge", "versions": {"threads": "1"},
            "numbers": {"fcd": fcd, "precision": 0.5, "recall": 0.4, "roughness": 1.0} | numbers}


def test_the_time_to_a_goal_is_that_of_the_first_look_that_has_it():
    curve = [{"seconds": seconds, "images": 2 * seconds, "fcd": fcd} for seconds, fcd in ((5, 50), (8, 9), (13, 4))]
    assert fair_fight_report.reached(curve, "seconds") == 8
    assert fair_fight_report.reached(curve[:1], "images") == math.inf


def test_the_page_ranks_by_fcd_and_shows_the_worst_seed():
    text = fair_fight_report.page([_cell("gan", 0, 20.0), _cell("dcgan", 0, 5.0), _cell("dcgan", 1, 8.0, precision=0.3,
                                                                                roughness=1.3)])
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["dcgan", "gan"]
    assert "| 5.00, 8.00 | 0.300 | 0.400 | 1.300 | 60 | 1,000 |" in rows[0]
    assert rows[1].endswith("| not reached | not reached | – |")
    assert "Not run yet: pca" in text


@pytest.mark.parametrize(("seconds", "said"), [(61.0, False), (120.0, True)])
def test_the_page_says_where_time_is_unequal(seconds, said):
    text = fair_fight_report.page([_cell("gan", 0, 20.0), _cell("dcgan", 0, 5.0, seconds), _cell("pca", 0, 30.0, 1.0)])
    assert ("not equal yet" in text) == said


def test_the_page_says_how_many_samples_and_how_long_they_take():
    text = fair_fight_report.page([_cell("pixelcnn", 0, 20.0, count=1000) | {"sampling": 123.4}, _cell("gan", 0, 30.0)])
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert "| 1,000 | 1,000 | 20.00 |" in rows[0] and rows[0].endswith("| 123 |")  # images seen, samples
    assert "| 1,000 | 10 | 30.00 |" in rows[1]


def test_the_page_says_which_processor_had_which_system():
    one, other = _cell("gan", 0, 20.0), _cell("vae", 0, 30.0) | {"versions": {"cpu": "another"}}
    assert fair_fight_report.page([one]).endswith("Versions: threads 1.\n")
    text = fair_fight_report.page([one, other])
    assert "Seconds of different processors" in text
    assert text.endswith("* Versions of `gan`: threads 1.\n* Versions of `vae`: cpu another.\n")


def test_cells_with_less_time_are_run_again_and_what_is_fitted_is_not(tmp_path):
    file = tmp_path / "cell.json"
    assert not fair_fight.had(file, 60, 10)
    file.write_text(json.dumps(_cell("gan", 0, 20.0)), encoding="utf-8")
    assert fair_fight.had(file, 60, 10) and not fair_fight.had(file, 120, 10)
    file.write_text(json.dumps(_cell("pca", 0, 20.0, seconds=2.0)), encoding="utf-8")
    assert fair_fight.had(file, 120, 10)
    assert not fair_fight.had(file, 120, 20)  # numbers of unequal counts can't stand side by side


def test_the_figure_is_drawn(tmp_path):
    fair_fight_report.draw([_cell("gan", 0, 20.0), _cell("pca", 0, 30.0)], tmp_path / "fight.png")
    assert (tmp_path / "fight.png").stat().st_size > 1000


def test_settings_move_to_other_networks_and_labels_do_not():
    plain, moved, fast = (fair_fight.recipe_of(name, 3) for name in ("dcgan", "dcgan+fast", "dcgan_fast"))
    assert (moved.model, moved.seed, moved.batch_size) == (plain.model, 3, plain.batch_size)
    assert (moved.penalty, moved.g_learning_rate, moved.update) == (fast.penalty, fast.g_learning_rate, fast.update)
    assert (moved.dropout, moved.conditional, moved.clusters) == (0.0, False, plain.clusters)
    assert moved.penalty != plain.penalty


@pytest.mark.parametrize("flag", ["--systems=foo", "--minutes_each=-1", "--minutes_each=nan", f"--out={__file__}",
                                  f"--out={__file__}/a", "--seeds=0", "--jobs=0", "--samples=5"])
def test_an_impossible_flag_is_refused(flag, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fair_fight", flag])
    with pytest.raises(SystemExit):
        fair_fight.main()
    assert flag.partition("=")[2].removesuffix("/a") in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_a_cell_that_is_no_json_is_named(content, tmp_path, monkeypatch):
    from kgan.data import sources

    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "gan-0.json").write_text(content, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["fair_fight", f"--out={tmp_path}"])
    monkeypatch.setattr(sources, "locate", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        fair_fight.main()
    assert "gan-0.json" in str(stop.value)


def test_a_cell_that_fails_ends_the_command_in_a_sentence(monkeypatch, capfd):
    from experiments.studies import cells

    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setattr(sys, "argv", ["no_such_program.py"])
    with pytest.raises(SystemExit) as stop:
        cells.run(["gan-0"])
    assert str(stop.value).startswith("kgan: gan-0 ended with the error above")
    assert "no_such_program.py" in capfd.readouterr().err
