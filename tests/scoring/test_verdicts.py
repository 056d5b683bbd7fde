"""The doctor's verdicts on numbers that were measured of trained networks."""

import json
from pathlib import Path

from kgan.scoring import doctor

SCORES = Path(__file__).parents[2] / "experiments" / "results" / "scores"


def _verdicts(numbers, yardsticks=None):
    return [finding.verdict for finding in doctor.diagnose(numbers, (), yardsticks)]


def _board(name):
    (board,) = json.loads((SCORES / f"leaderboard_{name}.json").read_text(encoding="utf-8"))
    return board["yardsticks"], {run["recipe"]["model"]: run["numbers"] for run in board["runs"]}


def test_blobs_of_colour_are_not_healthy():
    """2,500 steps on CIFAR-10, whose judge is right on 69%: its real images have other numbers than MNIST's."""
    yardsticks, runs = _board("cifar10")
    assert _verdicts(runs["dcgan64"], yardsticks) == ["far from the data", "low variety"]
    assert _verdicts(runs["dcgan64"]) == ["low variety"]  # by MNIST's limits
    assert _verdicts(yardsticks["real train vs test"], yardsticks) == []


def test_the_papers_networks_on_mnist_keep_their_verdicts():
    yardsticks, runs = _board("mnist")
    assert {name: _verdicts(numbers, yardsticks) for name, numbers in runs.items()} == {
        "dcgan": [], "dcgan_pooled": [], "dcgan_5x5": ["low variety"],
        "gan": ["off-distribution: noisy"], "gan_nn": ["off-distribution: noisy"],
        "pca": ["off-distribution: noisy", "off-distribution: another kind of image", "far from the data",
                "low variety", "missing modes"]}
    assert _verdicts(yardsticks["real train vs test"], yardsticks) == []
