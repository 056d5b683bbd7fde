"""Claims of the papers: every rule gives both verdicts, every row is there, and short trainings don't pretend."""

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from experiments.__main__ import PAPERS
from experiments.papers import drawing, figure_2, pages
from experiments.papers.claims import (
    CONTRADICTED,
    MIXED,
    REPRODUCED,
    UNDECIDED,
    UNTESTABLE,
    Claim,
    Evidence,
    MissingError,
    Rule,
    at_least,
    at_most,
    percent,
)

CLAIMS = {claim.id: claim for paper in PAPERS for claim in paper.claims}
WANTED = [f"{letter}{number}" for letter, count in (("A", 12), ("C", 13), ("L", 20), ("Z", 9), ("M", 6))
          for number in range(1, count + 1)]
ENDS = ("D(x), last quarter", "D(G(z)), last quarter")
ADAM = {"adam": True, "g rate": 2e-4, "d rate": 2e-4, "beta_1": 0.5}
# For each claim an observation that speaks for it, and one against: by hand, from what its rule says in words.
CASES = {
    "A1": ({"gan": 1.2, "dcgan": 1.0}, {"gan": 1.0, "dcgan": 1.1}),
    "A2": ({"better": True}, {"better": False}),
    "A3": ({"meher swd": 20, "cifar_gan swd": 30, "meher roughness": 1.1, "cifar_gan roughness": 1.4},
           {"meher swd": 30, "cifar_gan swd": 20, "meher roughness": 0.5, "cifar_gan roughness": 1.1}),
    "A4": ({"near half D, test images": 0.97, "near half D, fakes": 0.99},
           {"near half D, test images": 0.99, "near half D, fakes": 0.2}),
    "A5": ({"loss on unseen images": 1.38}, {"loss on unseen images": 0.7}),
    "A6": ({"trained": 10, "untrained": 100}, {"trained": 90, "untrained": 100}),
    "A7": ({"modes": 10, "duplicates": 0.0, "recall": 0.5}, {"modes": 10, "duplicates": 0.2, "recall": 0.5}),
    "A8": ({"best": 0.3}, {"best": 0.95}),
    "A9": ({"k_1": 20, "k_2": 20, "k_5": 30, "worst / best": 1.5},
           {"k_1": 20, "k_2": 20, "k_5": 21, "worst / best": 1.05}),
    "A10": ({"low": 0.02, "high": 0.1}, {"low": -0.1, "high": -0.02}),
    "A11": ({"plain_gan": 30, "plain_dcgan": 20, "MLP: permuted / plain": 1.1, "DCGAN: permuted / plain": 2.0},
            {"plain_gan": 30, "plain_dcgan": 20, "MLP: permuted / plain": 1.0, "DCGAN: permuted / plain": 1.0}),
    "A12": ({"slower by": 100}, {"slower by": 1.5}),
    "C1": ({"d_loss, last quarter": 0.01, "g_loss, last quarter": 8.0, "g_loss, first quarter": 2.0},
           {"d_loss, last quarter": 0.4, "g_loss, last quarter": 8.0, "g_loss, first quarter": 2.0}),
    "C2": (dict(zip(ENDS, (0.95, 0.05), strict=True)), dict(zip(ENDS, (0.55, 0.45), strict=True))),
    "C3": ({"correlation": -0.8, "opposite moves": 0.8}, {"correlation": 0.1, "opposite moves": 0.8}),
    "C4": ({"largest e^-d + e^-g": 1.99}, {"largest e^-d + e^-g": 0.999}),
    "C5": ({"share of 7": 0.1, "share of 8": 0.02}, {"share of 7": 0.1, "share of 8": 0.001}),
    "C6": ({"off by": 1.2}, {"off by": 7.0}),
    "C7": ({"roughness": 1.2, "roughness unchanged": 1.0, "fcd": 20, "fcd unchanged": 15},
           {"roughness": 1.0, "roughness unchanged": 1.0, "fcd": 10, "fcd unchanged": 15}),
    "C8": ({"worst / best": 3.0}, {"worst / best": 1.0}),
    "C9": ({"one_nn": 0.08, "real": 0.08}, {"one_nn": 0.4, "real": 0.08}),
    "C10": ({"fcd": 10, "real": 0.5}, {"fcd": 0.5, "real": 0.5}),
    "C13": ({"roughness": 0.7, "recall": 0.3}, {"roughness": 1.0, "recall": 0.8}),
    "L1": ({"background": 0.01, "ink in the centre": 0.95}, {"background": 0.1, "ink in the centre": 0.95}),
    "L2": ({"coverage": 0.05}, {"coverage": 0.5}),
    "L3": ({"one_nn": 0.3, "roughness": 1.3}, {"one_nn": 0.9, "roughness": 1.3}),
    "L4": ({"PCA": 32, "GAN(NN)": 15}, {"PCA": 15, "GAN(NN)": 32}),
    "L5": ({"one_nn": 0.1, "real": 0.08}, {"one_nn": 0.3, "real": 0.08}),
    "L6": ({"PCA": 32, "GAN(NN)": 15, "DCGAN": 5}, {"PCA": 32, "GAN(NN)": 15, "DCGAN": 16}),
    "L9": ({"spread of d_loss": 0.5}, {"spread of d_loss": 0.01}),
    "L10": ({"D's fall": 0.5}, {"D's fall": -0.1}),
    "L11": ({"d_loss_real, last quarter": 0.3, "d_loss_real, first quarter": 0.5},
            {"d_loss_real, last quarter": 0.6, "d_loss_real, first quarter": 0.5}),
    "L12": ({"G's rise": 0.1, "D's fall": 0.5}, {"G's rise": 0.9, "D's fall": 0.5}),
    "L13": ({"rise of FCD": 0.9, "of G's loss": 0.5, "of D's loss": -0.1},
            {"rise of FCD": 0.1, "of G's loss": 0.5, "of D's loss": -0.1}),
    "L14": (dict(zip(ENDS, (0.9, 0.1), strict=True)), dict(zip(ENDS, (0.51, 0.49), strict=True))),
    "L15": ({"largest difference": 0.05, "range of the exact": 3.0},
            {"largest difference": 2.0, "range of the exact": 3.0}),
    "L16": ({"MSE": 0.8, "adversarial": 1.0}, {"MSE": 1.1, "adversarial": 1.0}),
    "L17": ({"slower by": 50}, {"roughness": 1.1}),
    "L19": ({"score": 1.0, "real images": 9.85}, {"score": 9.9, "real images": 9.85}),
    "L20": ({"fcd": 0.7, "plain": 14.0}, {"fcd": 15.0, "plain": 14.0}),
    "Z1": ({"printed": [1, 2], "built": [1, 2]}, {"printed": [1, 2], "built": [1, 3]}),
    "Z2": ({"FCD": 7.0}, {"FCD": 50.0}),
    "Z3": ({"d_loss": 1.40}, {"d_loss": 1.1}),
    "Z4": ({"g_loss": 0.55}, {"g_loss": 1.2}),
    "Z5": ({"epoch 20": 1.0, "end": 0.8}, {"epoch 20": 1.0, "end": 1.2}),
    "Z6": ({"epoch 20": 1.0, "end": 1.2}, {"epoch 20": 1.0, "end": 0.8}),
    "Z7": ({"1, 5 and 7": 0.97, "smallest share": 0.0}, {"1, 5 and 7": 0.35, "smallest share": 0.05}),
    "Z8": ({"fcd": 30, "fcd unchanged": 15, "modes": 10, "modes unchanged": 10},
           {"fcd": 14, "fcd unchanged": 15, "modes": 10, "modes unchanged": 10}),
    "M1": ({"contrast": 1.0, "swd": 20, "linear swd": 40}, {"contrast": 0.1, "swd": 90, "linear swd": 40}),
    "M2": (dict(zip(ENDS, (0.51, 0.49), strict=True)), dict(zip(ENDS, (0.8, 0.2), strict=True))),
    "M3": ({"swd": 12, "real swd": 10}, {"swd": 50, "real swd": 10}),
    "M4": ({"SWD of the first grid": 300, "SWD of the last grid": 50},
           {"SWD of the first grid": 50, "SWD of the last grid": 90}),
    "M5": ({"largest difference": 1e-6}, {"largest difference": 0.5}),
    "M6": ({"mean": 0.0, "largest deviation from 0.02": 1e-4, **ADAM},
           {"mean": 0.0, "largest deviation from 0.02": 0.01, **ADAM}),
}


def test_there_is_a_row_for_each_of_the_sixty_claims():
    assert [claim.id for paper in PAPERS for claim in paper.claims] == WANTED
    assert len(WANTED) == 60


def test_forty_claims_or_more_are_measured_and_the_others_say_why_not():
    measured = [claim.id for claim in CLAIMS.values() if claim.rule is not None]
    assert len(measured) >= 40
    assert sorted(measured) == sorted(CASES)
    assert all(claim.reason for claim in CLAIMS.values() if claim.rule is None)


def test_each_rule_gives_both_verdicts():
    for number, (speaks_for, against) in CASES.items():
        rule = CLAIMS[number].rule
        assert rule.verdict(Evidence([speaks_for, speaks_for], ""))[0] == REPRODUCED, number
        assert rule.verdict(Evidence([against], ""))[0] == CONTRADICTED, number
        assert rule.verdict(Evidence([speaks_for, against], ""))[0] == MIXED, number
        assert rule.words and rule.why, number


def test_no_rule_decides_on_less_than_it_needs():
    lengths = {number: CLAIMS[number].rule.needs for number in CASES if CLAIMS[number].rule.needs}
    assert len(lengths) > 25
    for number, needs in lengths.items():
        word, says, _ = CLAIMS[number].rule.verdict(Evidence([CASES[number][1]], "", [needs * 0.9]))
        assert word == UNDECIDED, number
        assert says.startswith(f"at {percent(needs * 0.9)} of the length"), number


RULE = Rule("x is 2 or more; against: 1 or less", lambda n: at_least(n["x"], 2, 1), "by hand", 0.5)


VERDICTS = [  # shares, values, verdict, what it says
    ([1.0, 1.0], [3, 2], REPRODUCED, "reproduced (2 for)"),
    ([1.0, 0.7], [0, 1], CONTRADICTED, "at 70% of the length: contradicted (2 against)"),
    ([1.0, 1.0], [3, 0], MIXED, "mixed (1 for, 1 against)"),
    ([1.0], [1.5], MIXED, "mixed (1 between)"),
    ([1.0, 0.02], [3, 0], REPRODUCED, "reproduced (1 for, 1 too short, set aside)"),
    ([0.4, 0.02], [3, 0], UNDECIDED, "at 40% of the length: too short, which takes 50%"),
    ([None, None], [0, 0], CONTRADICTED, "contradicted (2 against)"),
]


def test_a_verdict_says_how_long_and_how_many():
    for shares, values, word, says in VERDICTS:
        assert RULE.verdict(Evidence([{"x": value} for value in values], "", shares))[:2] == (word, says)


def test_what_is_learned_early_counts_and_what_is_not_yet_does_not():
    rule = Rule("x is 2 or more", lambda n: n["x"] >= 2, "by hand", 0.5, early=True)
    assert rule.verdict(Evidence([{"x": 3}], "", [0.1]))[:2] == (REPRODUCED, "at 10% of the length: reproduced")
    assert rule.verdict(Evidence([{"x": 0}], "", [0.1]))[0] == UNDECIDED
    assert rule.verdict(Evidence([{"x": 0}], "", [0.6]))[0] == CONTRADICTED


TURNED = [  # values, shares, seeds, whether another seed could turn the verdict: RULE's thresholds are 1 and 2
    ([2.1], [1.0], [0], True),  # 1.89 lies between
    ([2.3], [1.0], [0], False),  # 2.07 doesn't
    ([0.95], [1.0], [0], True),
    ([2], [1.0], [0], False),  # a count
    ([2.1], [1.0], [0, 1, 2], False),  # three seeds
    ([2.1], [None], [], False),  # nothing was trained
    ([2.1, 0.5], [1.0, 1.0], [0, 1], False),  # mixed either way
    ([2.1, 0.5], [1.0, 0.2], [0, 1], True),  # the second is set aside
    ([2.1, 2.5, 2.1, 2.5], [1.0, 1.0, 0.2, 0.2], [0, 1], True),  # of two settings: the second seed is set aside
    ([2.1], [0.2], [0], False),  # undecided
]


@pytest.mark.parametrize(("values", "shares", "seeds", "turned"), TURNED)
def test_a_verdict_that_one_seed_could_turn_is_marked(values, shares, seeds, turned):
    evidence = Evidence([{"x": value} for value in values], "", shares, seeds)
    assert RULE.turned_by_a_seed(evidence) == turned
    row = Claim("X1", "a claim", "1", lambda lab: evidence, RULE).judge(None)
    assert row["seeds that count"] == [
        seed for number, seed in enumerate(seeds) if shares[number * len(shares) // len(seeds)] > 0.5]
    assert pages.seeds(row).endswith("†") == turned


def test_networks_that_draw_noise_tell_nothing():
    even = {"k_1": 90.0, "k_2": 91.0, "k_5": 92.0, "worst / best": 92 / 90}
    alike = {"plain_gan": 90.0, "plain_dcgan": 20.0, "MLP: permuted / plain": 1.0, "DCGAN: permuted / plain": 2.0}
    assert CLAIMS["A9"].rule.holds(even) is None and CLAIMS["A11"].rule.holds(alike) is None
    assert CLAIMS["A9"].rule.holds({**even, "k_1": 45.0}) is False


def test_bounds_include_their_ends():
    assert [at_least(value, 2, 1) for value in (2, 1.5, 1)] == [True, None, False]
    assert [at_most(value, 1, 2) for value in (1, 1.5, 2)] == [True, None, False]


@pytest.mark.parametrize(("never", "word"), [(True, UNTESTABLE), (False, UNDECIDED)])
def test_what_is_missing_is_no_verdict(never, word):
    def measure(lab):
        raise MissingError("there is no such run", never)

    row = Claim("X1", "a claim", "1", measure, RULE).judge(None)
    assert (row["verdict"], row["says"]) == (word, "there is no such run")


def test_what_was_measured_of_longer_runs_counts_where_these_are_gone():
    def row(measure, kept=None, words="above 1"):
        rule = Rule(words, lambda n: n["value"] > 1, "ours", 0.5)
        return Claim("X1", "a claim", "1", measure, rule).judge(None, kept)

    def run(value, share):
        return lambda lab: Evidence([{"value": value}], "a run", [share], [0])

    def gone(lab):
        raise MissingError("not measured")

    kept = row(run(2, 0.9))
    for measure in (run(0, 0.6), gone):
        found = row(measure, row(gone, kept))
        assert (found["verdict"], found["shares"], found["source"]) == (
            REPRODUCED, [0.9], "a run (earlier page)")
    assert row(run(0, 0.9), kept)["verdict"] == CONTRADICTED
    assert row(gone, kept, "above 1, today")["verdict"] == UNDECIDED  # another rule may need other numbers


def test_of_each_run_the_longer_observation_counts():
    def row(values, shares, kept=None):
        evidence = Evidence(
            [{"run": f"run_{seed}", "x": value} for seed, value in values.items()],
            "; ".join(f"run_{seed} at {percent(share)}" for seed, share in zip(values, shares, strict=True)), shares,
            list(values))
        return Claim("X1", "a claim", "1", lambda lab: evidence, RULE).judge(None, kept)

    found = row({0: 3, 2: 3}, [1.0, 0.6], row({0: 0, 1: 3, 2: 0}, [0.5, 0.7, 0.9]))
    assert [one["x"] for one in found["observations"]] == [3, 0, 3]
    assert (found["shares"], found["seeds"]) == ([1.0, 0.9, 0.7], [0, 2, 1])
    assert found["source"] == "run_0 at 100%; run_2 at 90% (earlier page); run_1 at 70% (earlier page)"
    assert found["says"] == "at 70% of the length: mixed (2 for, 1 against)"


def test_what_stands_in_is_named_where_it_was_trained_on():
    def row(data):
        return Claim("X1", "a claim", "1", lambda lab: Evidence([{"x": 3}], "a run", data=data), RULE).judge(
            SimpleNamespace(stand_in="digits"))

    assert [row(data)["says"] for data in (True, False)] == ["on digits, reproduced", "reproduced"]


def test_zhaos_pair_means_059_to_everything():
    from experiments.papers.zhao import PAIR

    fooled, real = PAIR.values()
    assert fooled == pytest.approx(0.589, abs=1e-3) and real == pytest.approx(0.593, abs=1e-3)
    assert -math.log(real) - math.log(1 - fooled) == pytest.approx(1.41)


def test_samples_that_are_drawn_are_found_again():
    images = np.zeros((25, 28, 28, 1), np.uint8)
    images[:, 10:18, 10:18] = 255
    cut = figure_2.drawn(images)
    assert cut.shape == (25, 47, 47, 1)
    assert cut.mean() / 255 == pytest.approx(64 / 784, rel=0.1)
    assert figure_2.drawn(255 - images).mean() / 255 == pytest.approx(1 - 64 / 784, rel=0.1)  # nothing black about them
    with pytest.raises(ValueError, match="rows"):
        figure_2.boxes(np.full((360, 360), 255, np.uint8))


def test_noise_in_drawn_samples_is_measured():
    random = np.random.default_rng(0)
    real = np.zeros((50, 28, 28, 1), np.uint8)
    real[:, 8:20, 8:20] = 200
    noisy = real.copy()
    noisy[random.random(real.shape) < 0.05] = 255
    found = {name: figure_2.noise_of(figure_2.drawn(one[:25]), figure_2.drawn(real)) for name, one in
             (("real", real), ("noisy", noisy))}
    assert found["real"]["roughness"].mean() == pytest.approx(1) and found["real"]["background"].max() == 0
    assert found["noisy"]["roughness"].mean() > 1.3 and found["noisy"]["background"].mean() > 0.05
    middle, low, high = figure_2.difference(found["noisy"]["roughness"], found["real"]["roughness"])
    assert 0 < low < middle < high


def test_intervals_cover_the_mean():
    values = np.random.default_rng(0).normal(3, 1, 25)
    middle, low, high = figure_2.interval(values)
    assert middle == pytest.approx(values.mean()) and low < middle < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 5, rel=0.15)


def _content(quick):
    rows = [claim.judge(None) if claim.rule is None else {
        **Claim(claim.id, claim.sentence, claim.line, lambda lab, claim=claim: Evidence(
            [CASES[claim.id][0]], "a run", [0.9], [0]), claim.rule).judge(None)} for claim in PAPERS[3].claims]
    return {"paper": "a paper", "quick": quick, "data": "digits", "samples": 100, "judge": "a judge", "claims": rows,
            "runs": [], "notes": [], "versions": {"threads": "2"}, "command": "python -m experiments.papers.zhao"}


@pytest.mark.parametrize("quick", [True, False])
def test_pages_label_what_is_quick_and_what_stands_in(quick):
    content = _content(quick)
    for text in (pages.readme(PAPERS[3], content, {"losses": "Losses."}),
                 pages.summary([PAPERS[3]], [content], quick, 60)):
        assert ("**Quick**" in text) == quick
        assert "digits in place of MNIST" in text
        assert all(f"| {number} |" in text for number in WANTED if number.startswith("Z"))
        assert "at 90% of the length" in text


@pytest.mark.parametrize("quick", [True, False])
def test_figures_label_what_is_quick(quick, tmp_path):
    figure, _ = drawing.panels(1)
    drawing.save(SimpleNamespace(quick=quick), figure, tmp_path / "figure.png")
    assert [text.get_text() for text in figure.texts] == ["Quick: a shortened schedule."] * quick


def test_verdicts_are_counted():
    rows = [{"verdict": word} for word in (REPRODUCED, MIXED, REPRODUCED, UNTESTABLE)]
    assert pages.tally(rows) == "2 reproduced, 1 mixed, 1 not testable here"


def test_an_impossible_flag_is_refused(capsys):
    for arguments in (["--minutes=-1"], ["--minutes=nan"], ["--samples=5"], ["--figures=nowhere"],
                      [f"--out={__file__}"], [f"--runs={__file__}"]):
        with pytest.raises(SystemExit):
            pages.main(PAPERS, arguments)
        assert arguments[0].partition("=")[2] in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_page_that_is_no_json_is_named(content, tmp_path, monkeypatch):
    (tmp_path / "zhao").mkdir()
    (tmp_path / "zhao" / "results.json").write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        pages.main([PAPERS[3]], ["--minutes=0", f"--out={tmp_path}", f"--runs={tmp_path}"])
    assert str(stop.value).startswith("kgan: ") and "results.json" in str(stop.value)


def test_a_row_of_an_earlier_version_is_measured_anew():
    claim = Claim("X1", "a claim", "1", lambda lab: Evidence([{"x": 3}], "a run", [1.0], [0]), RULE)
    assert claim.judge(None, {"rule": RULE.words, "observations": [{"x": 0}]})["verdict"] == REPRODUCED


def test_what_holds_no_pictures_is_refused_before_training(capsys):
    with pytest.raises(SystemExit) as stop:
        pages.main(PAPERS, [f"--cifar10={__file__}"])
    assert str(stop.value).startswith("kgan: ") and "test_claims.py" in str(stop.value)


def test_papers_scripts_are_short():
    for paper in PAPERS:
        lines = (Path(pages.__file__).parent / f"{paper.name}.py").read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 86, paper.name


def test_slow_and_blurred_are_read_from_cells_of_equal_seeds(tmp_path, monkeypatch):
    import json

    from experiments.papers.measures import yardsticks

    monkeypatch.setattr(yardsticks, "RESULTS", tmp_path)
    with pytest.raises(MissingError, match="pixelcnn or vae or dcgan_5x5"):
        yardsticks.slow_and_blurred(None)
    folder = tmp_path / "fair_fight" / "cells"
    folder.mkdir(parents=True)
    for system, seed, sampling in (("pixelcnn", 0, 100.0), ("vae", 0, 1.0), ("dcgan_5x5", 0, 20.0), ("vae", 1, 1.0)):
        (folder / f"{system}-{seed}.json").write_text(json.dumps({
            "seed": seed, "sampling": sampling, "sampling_by_passes": 10 * sampling, "seconds": 300.0,
            "numbers": {"roughness": 0.7, "recall": 0.3, "fcd": 20.0, "count": 1000}}), encoding="utf-8")
    found = yardsticks.slow_and_blurred(None)
    slow, blurred = found.each
    assert (slow["slower by"], slow["features kept, slower by"], slow["DCGAN, s"]) == (50, 5, 20)
    assert (blurred["roughness"], found.seeds, yardsticks.simplified(None).seeds) == (0.7, [0, 0], [0, 1])
    assert CLAIMS["L17"].rule.verdict(found)[0] == REPRODUCED
    assert [CLAIMS["L17"].rule.holds(one) for one in ({"slower by": 5.0}, {"roughness": 0.95})] == [None, None]
    assert CLAIMS["C13"].rule.verdict(yardsticks.simplified(None))[0] == REPRODUCED


def test_one_image_at_a_time_is_timed_without_compilation(monkeypatch):
    """By hand: a median of 1, 2 and 9 ms; the first call, of 5 s, is not counted."""
    import functools
    import time

    from experiments.papers import pixelcnn
    from experiments.papers.measures import yardsticks

    monkeypatch.setattr(yardsticks, "REPEATS", 3)
    with monkeypatch.context() as patched:
        clock, spent = [0.0], iter((5.0, 0.009, 0.001, 0.002))
        patched.setattr(time, "process_time", lambda: clock[0])
        assert yardsticks.milliseconds(lambda _: clock.__setitem__(0, clock[0] + next(spent)), None) == pytest.approx(2)
    monkeypatch.setattr(pixelcnn, "PixelCNN", functools.partial(pixelcnn.PixelCNN, filters=4, depth=1))
    each = yardsticks.in_parallel(None).each
    assert [one["network"] for one in each] == ["gan", "dcgan_alvarez"]
    assert all(one["slower by"] == one["PixelCNN, ms"] / one["ms"] for one in each)
    assert [CLAIMS["A12"].rule.holds({"slower by": times}) for times in (10, 5, 1.9)] == [True, None, False]


def test_celebas_work_is_that_of_its_epochs_and_channels():
    found = CLAIMS["C6"].measure(None).each
    assert [one["epochs"] for one in found] == [3, 100]
    three, hundred = (one["CelebA / MNIST"] for one in found)
    assert hundred / three == pytest.approx(100 / 3)
    assert [one["off by"] for one in found] == pytest.approx([11 / 4 / three, hundred * 4 / 11])
    assert 600 / 1600 < three < 1.1 * 600 / 1600  # two channels more, in the first layer and in the last
