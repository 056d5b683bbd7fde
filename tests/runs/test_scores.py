import pytest

from kgan import models
from kgan.runs import scores
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError

FOUND = {"protocol": "", "notes": [], "numbers": {}, "yardsticks": {}, "verdict": []}


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.create(models.recipe("dcgan"))
    return run


def test_scores_are_kept_until_more_images_are_scored(run, capsys):
    scores.save(run, 5, {**FOUND, "count": 10_000})
    scores.save(run, 5, {**FOUND, "count": 100})
    assert "keeps its scores of 10,000 images" in capsys.readouterr().err
    assert scores.load(run, 5)["count"] == 10_000
    scores.save(run, 5, {**FOUND, "count": 10_000, "protocol": "again"})
    assert scores.load(run, 5)["protocol"] == "again"
    scores.save(run, 7, {**FOUND, "count": 10})
    run.trim(5)
    assert (scores.load(run, 5) is None, scores.load(run, 7)) == (False, None)


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, '{"count": 3}'])
def test_damaged_scores_are_a_sentence(run, content):
    run.scores_file(5).parent.mkdir()
    run.scores_file(5).write_text(content)
    with pytest.raises(UserError, match=r"step_000005.json' is damaged.*; remove it, or evaluate again"):
        scores.load(run, 5)
    scores.save(run, 5, {**FOUND, "count": 3})
    assert scores.load(run, 5)["count"] == 3
