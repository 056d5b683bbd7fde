import itertools
import time

import numpy as np
import pytest

from kgan.runs import checkpoints

SHAPES = {"g/000": (3, 2), "step": ()}


def _state(number):
    return {"g/000": np.full((3, 2), number, np.float32), "step": np.int64(number)}


def test_newest_is_loaded_as_it_was_saved_and_only_a_few_are_kept(tmp_path):
    for step in (5, 10, 100, 15):  # order is by step alone
        checkpoints.save(tmp_path, step, _state(step))
    assert checkpoints.steps(tmp_path) == [10, 15, 100]
    assert checkpoints.newest(tmp_path) == (100, {})
    loaded = checkpoints.load(tmp_path, 100, SHAPES)
    for name, array in _state(100).items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


def test_none_is_none(tmp_path):
    assert checkpoints.newest(tmp_path / "absent") == (None, {})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_is_never_saved(tmp_path, value):
    checkpoints.save(tmp_path, 1, _state(1))
    with pytest.raises(ValueError, match="g/000 is not finite"):
        checkpoints.save(tmp_path, 2, _state(2) | {"g/000": np.array([0, value])})
    assert checkpoints.steps(tmp_path) == [1]


def test_damaged_are_named_and_the_one_before_is_found(tmp_path):
    for step in (1, 2, 3):
        checkpoints.save(tmp_path, step, _state(step))
    (tmp_path / "step-3" / "state.npz").write_bytes(b"")
    (tmp_path / "step-2" / "manifest.json").unlink()
    assert checkpoints.newest(tmp_path) == (1, {3: "state.npz is not what was written", 2: "manifest.json is missing"})
    with pytest.raises(ValueError, match="step-3 is damaged: state.npz is not what was written"):
        checkpoints.load(tmp_path, 3, SHAPES)


@pytest.mark.parametrize(("shapes", "said"), [
    ({"g/000": (2, 3)}, "of other networks: g/000 is missing or of another shape"),
    ({"g/001": (3, 2)}, "of other networks: g/001 is missing or of another shape"),
])
def test_other_networks_are_refused(tmp_path, shapes, said):
    checkpoints.save(tmp_path, 1, _state(1))
    with pytest.raises(ValueError, match=said):
        checkpoints.load(tmp_path, 1, shapes)


def test_declared_sizes_are_checked_before_anything_is_allocated(tmp_path):
    checkpoints.save(tmp_path, 1, {"g/000": np.zeros(10**6, np.float32), "step": np.int64(1)})
    with pytest.raises(ValueError, match=r"it declares 4,000,128 bytes for g/000, which has \(3, 2\)"):
        checkpoints.load(tmp_path, 1, SHAPES)


def test_whole_checkpoint_of_the_same_step_is_never_taken_away(tmp_path):
    checkpoints.save(tmp_path, 1, _state(1))
    before = (tmp_path / "step-1").stat().st_ino
    checkpoints.save(tmp_path, 1, _state(1))
    assert (tmp_path / "step-1").stat().st_ino == before
    (tmp_path / "step-1" / "state.npz").write_bytes(b"")
    checkpoints.save(tmp_path, 1, _state(1))
    assert checkpoints.newest(tmp_path) == (1, {})


@pytest.mark.parametrize("count", [0, 1, 2, 4, 8, 20])
def test_thinned_history_of_a_long_run_is_even_on_a_log_scale(count):
    """After each of 3,000 saves, as `save` does: no gap is much wider than if all were as wide."""
    older = []
    for step in range(100, 300_001, 100):
        older = checkpoints.thinned([*older, step], count)
        assert len(older) == min(count, step // 100)
        assert older[:1] == [100][:count]  # the first stays
        gaps = [late / early for early, late in itertools.pairwise(older)]
        assert max(gaps, default=0) <= 4 * (step / 100)**(1 / max(count - 1, 1))
        assert older[-1:] == [step][:count] or count == 1  # and the last, until a newer one comes


@pytest.mark.parametrize(("older", "count", "kept"), [
    ([3, 1, 2], 3, [1, 2, 3]), ([], 3, []), ([1, 2, 4, 8, 9, 16], 5, [1, 2, 4, 8, 16]), ([5, 6], 1, [5]), ([5], 0, []),
    ([0, 1, 2], 2, [0, 2]),
])
def test_thinned_lets_the_most_crowded_go(older, count, kept):
    assert checkpoints.thinned(older, count) == kept


def test_history_is_kept_beside_the_newest(tmp_path):
    for step in range(1, 41):
        checkpoints.save(tmp_path, step, _state(step), history=4)
    kept = checkpoints.steps(tmp_path)
    assert (kept[0], kept[-3:], len(kept)) == (1, [38, 39, 40], 7)
    assert float(checkpoints.load(tmp_path, kept[1], SHAPES)["step"]) == kept[1]
    checkpoints.save(tmp_path, 41, _state(41), newest=1)
    assert checkpoints.steps(tmp_path) == [41]


def _thinned_by_definition(older, count):
    """Looks at all gaps for each step that goes: quadratic, and what `thinned` must agree with."""
    kept = sorted(older)
    while len(kept) > max(count, 0):
        gaps = [kept[i + 1] / max(kept[i - 1], 1) for i in range(1, len(kept) - 1)]
        kept.pop(1 + gaps.index(min(gaps)) if gaps else len(kept) - 1)
    return kept


def test_thinned_is_what_its_definition_gives():
    random = np.random.default_rng(0)
    for size in range(200):
        older = sorted(set(np.cumsum(random.integers(0, 4, size % 60)).tolist()))
        for count in (-1, 0, 1, 2, 3, 7, 30, 100):
            assert checkpoints.thinned(older, count) == _thinned_by_definition(older, count)


def test_thinned_takes_25000_steps_in_a_moment():
    """One grid a step, over a long run: 150 s before."""
    began = time.process_time()
    assert len(checkpoints.thinned(range(25_000), 40)) == 40
    assert time.process_time() - began < 5


def test_what_is_no_checkpoint_is_left_alone(tmp_path):
    checkpoints.save(tmp_path, 5, _state(5))
    others = ["step-5 copy", "step-5 (1)", "step-07", "step-٣", "step-", ".DS_Store"]
    for name in others:
        (tmp_path / name).mkdir()
    assert checkpoints.steps(tmp_path) == [5]
    checkpoints.save(tmp_path, 6, _state(6), newest=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "step-6"])
