import math

import numpy as np
import pytest
from PIL import Image

from kgan import models
from kgan.data import sources
from kgan.evaluation import leaderboard
from kgan.evaluation.leaderboard import Ranking, Scored
from kgan.runs import loop
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


def _pictures(folder, seed):
    """150 pictures of noise without labels, which nobody needs a judge for."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    for number in range(150):
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{number:03}.png")
    return folder


def _fitted(path, pictures):
    """PCA, fitted to them."""
    recipe = models.recipe("pca").override(dataset=None, data=str(pictures), image_size=8, latent_dim=5)
    loop.train(Run(path), recipe, sources.locate(data=str(pictures)))
    return path


def test_runs_on_the_same_pictures_share_a_board_wherever_these_lay(tmp_path):
    places = [_pictures(tmp_path / name, seed) for name, seed in (("here", 0), ("there", 0), ("others", 1))]
    paths = [_fitted(tmp_path / f"run{number}", place) for number, place in enumerate(places)]
    boards = leaderboard.score(paths, count=20)
    assert [[run.run for run in board.runs] for board in boards] == [["run0", "run1"], ["run2"]]
    (row,) = [line for line in leaderboard.markdown(boards[0]).splitlines() if line.startswith("| pca |")]
    assert row.split("|")[3].strip() == "2"  # one row: they differ in a path
    assert [run.recipe["data"] for board in boards for run in board.runs] == ["here", "there", "others"]


def _scored(name, model, seed, fcd, fcd2=0.0, **numbers):
    recipe = models.recipe(model, "digits").override(seed=seed).to_dict()
    return Scored(name, 7, recipe, {"fcd": fcd, "fcd2": fcd2, "modes": 10, "memorisation": 1.0} | numbers, "healthy")


def _table(board):
    return [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in leaderboard.markdown(board).splitlines() if line.startswith("|")]


YARDSTICK = {"mean image": {"fcd": 99.0, "modes": 1, "memorisation": None}}


def test_table_has_mean_spread_and_worst_of_seeds_best_first():
    runs = [_scored("a", "gan", 0, 4.0, modes=9), _scored("b", "dcgan", 0, 1.0), _scored("c", "gan", 1, 6.0)]
    head, _, *rows, yardstick = _table(Ranking("Protocol.", YARDSTICK, runs))
    assert head[:6] == ["system", "steps", "seeds", "FCD mean", "spread", "worst"]
    assert [row[:6] for row in rows] == [["dcgan", "7", "1", "1.00", "–", "1.00"],
                                         ["gan", "7", "2", "5.00", f"{math.sqrt(2):.2f}", "6.00"]]
    assert rows[1][head.index("modes")] == "9.5"
    assert yardstick[0] == "*mean image*"
    assert (yardstick[3], yardstick[head.index("memorisation")]) == ("99.00", "–")
    text = leaderboard.markdown(Ranking("Protocol.", YARDSTICK, runs))
    assert "Every run's FCD: b (seed 0) 1.00; a (seed 0) 4.00; c (seed 1) 6.00." in text
    assert text.endswith("\n\nProtocol.")
    assert "Spearman" not in text  # two systems have no ranking to speak of


def test_agreement_has_a_column_where_any_run_was_told_classes():
    runs = [_scored("a", "gan", 0, 4.0), _scored("b", "dcgan_5x5", 0, 1.0, agreement=0.97),
            _scored("c", "dcgan_5x5", 1, 2.0, agreement=0.99)]
    yardsticks = {"real train vs test": {"fcd": 0.25, "modes": 10, "memorisation": 1.0, "agreement": 0.9943},
                  **YARDSTICK}
    head, _, *rows = _table(Ranking("Protocol.", yardsticks, runs))
    column = head.index("agreement")
    assert {row[0]: row[column] for row in rows} == {
        "dcgan_5x5": "98.00%", "gan": "–", "*real train vs test*": "99.43%", "*mean image*": "–"}
    assert "agreement" not in _table(Ranking("Protocol.", yardsticks, runs[:1]))[0]


@pytest.mark.parametrize(("second", "agreement"), [((1, 2, 3), "1.000"), ((3, 2, 1), "-1.000"), ((1, 3, 2), "0.500")])
def test_agreement_of_the_judges_is_that_of_their_rankings(second, agreement):
    runs = [_scored(model, model, 0, fcd, fcd2) for model, fcd, fcd2 in zip(("gan", "dcgan", "pca"), (1, 20, 300),
                                                                            second, strict=True)]
    assert f"two judges' rankings: {agreement}." in leaderboard.markdown(Ranking("", YARDSTICK, runs))


def test_without_a_judge_swd_ranks():
    runs = [Scored("a", 1, models.recipe("pca", "digits").to_dict(), {"swd": 12.0}, "healthy")]
    (head, _, row, _) = _table(Ranking("", {"mean image": {"swd": 99.0}}, runs))
    assert (head[3], row[3]) == ("SWD mean", "12.00")


def test_a_path_without_a_run_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="is not there; give one of these: a run directory"):
        leaderboard.score([tmp_path / "absent"])


def test_without_a_label_judge_fcd_32_ranks_and_with_one_its_numbers_do():
    colour = {"fcd32": 12.0, "kid32": 0.25, "two_sample": 0.75, "precision32": 0.5, "cluster_kl": 0.125, "swd": 9.0}
    recipe = models.recipe("pca", "digits").to_dict()
    runs = [Scored("a", 1, recipe, colour, "x")]
    (head, _, row, _) = _table(Ranking("", {"mean image": colour | {"fcd32": 99.0}}, runs))
    assert head[3:6] == ["FCD-32 mean", "spread", "worst"]
    assert dict(zip(head, row, strict=True)) == dict(zip(head, [
        "pca", "1", "1", "12.00", "–", "12.00", "250.0", "75.0%", "0.500", "0.125", "x"], strict=True))
    scored = Scored("a", 1, recipe, colour | {"fcd": 1.0}, "x")
    (head, *_) = _table(Ranking("", {"mean image": {"fcd": 99.0}}, [scored]))
    assert head[3] == "FCD mean"
    assert "1-NN accuracy" in head
    assert not {"FCD-32", "KID-32 ×10³", "precision-32", "cluster KL"} & set(head)
