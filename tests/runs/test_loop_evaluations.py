"""Training that is scored on the way."""

import keras
import numpy as np
import pytest
from contents import restored, rows, saved

from kgan.runs import checkpoints, loop
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError
from kgan.scoring import judge


@pytest.fixture
def evaluated(tmp_path, digits, recipe, monkeypatch):
    """Trains with evaluations, by a judge that learns for a moment only."""
    monkeypatch.setattr(judge, "STEPS", 20)

    def train(name, *extras, **changes):
        run = Run(tmp_path / name)
        loop.train(run, recipe.override(**({"evaluate_every": 3} | changes)), digits, callbacks=extras,
                   checkpoint_seconds=0.0)
        return run

    return train


def test_evaluations_are_in_the_log_and_the_best_is_kept(evaluated, capsys):
    run = evaluated("run", steps=10)
    table = rows(run)
    assert list(table[0])[-4:] == ["D_gap", "modes", "class_kl", "fcd"]
    assert [int(row["step"]) for row in table if row["fcd"]] == [3, 6, 9]
    best = min((float(row["fcd"]), int(row["step"])) for row in table if row["fcd"])
    assert checkpoints.steps(run.best) == [best[1]]
    assert run.lowest("fcd") == best[0]
    held_out = 1797 - run.config()["data"]["images"]
    assert held_out > 300  # a tenth for the test, and a tenth of the rest for validation
    assert run.plot_file.stat().st_size > 1000
    err = capsys.readouterr().err
    assert err.count("Step 3: not trained yet: pixels vary") == 1
    assert err.count("not trained yet") == 1  # said once, not three times


def test_evaluating_more_often_changes_nothing_else(evaluated):
    often, seldom = evaluated("often", steps=6), evaluated("seldom", steps=6, evaluate_every=6)
    np.testing.assert_array_equal(restored(often), restored(seldom))


def test_resumed_run_evaluates_as_the_uninterrupted_one_and_keeps_the_best(evaluated):
    whole, parts = evaluated("whole", steps=9), evaluated("parts", steps=6)
    evaluated("parts", steps=9)
    assert rows(whole) == rows(parts)
    assert sorted(path.name for path in whole.best.iterdir()) == sorted(path.name for path in parts.best.iterdir())


def test_divergence_in_an_evaluated_tick_is_one_sentence_and_nothing_is_saved(evaluated, tmp_path):
    with pytest.raises(UserError, match=r"^training diverged in the tick that ends at step 3: \w+ is no finite number "
                                        r"any more; nothing was saved yet\. Start another --workdir"):
        evaluated("run", steps=6, g_learning_rate=1e30, d_learning_rate=1e30)
    run = Run(tmp_path / "run")
    assert (saved(run.best), saved(run.checkpoints), run.log_file.exists()) == ({}, {}, False)
    assert not run.generator_file.exists()


class _Harm(keras.callbacks.Callback):
    """Spoils what is seen by the evaluation alone: the moving average of the generator, in the tick to step 6."""

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) == 5:
            self.model.ema_generator.variables[0].assign(self.model.ema_generator.variables[0] * np.inf)


def test_divergence_later_keeps_the_last_good_checkpoint_and_the_best(evaluated, tmp_path):
    with pytest.raises(UserError, match=r"^training diverged in the tick that ends at step 6: a weight is no finite "
                                        r"number any more; step 3 is the last good checkpoint\. Start another "
                                        r"--workdir with lower rates\.$"):
        evaluated("run", _Harm(), steps=9)
    run = Run(tmp_path / "run")
    for directory in (run.best, run.checkpoints):
        assert checkpoints.newest(directory) == (3, {})
        assert all(np.isfinite(array).all() for array in saved(directory).values() if array.dtype.kind == "f")
    assert [row["step"] for row in rows(run)] == ["3"]
    assert run.sample_files()[-1] == run.sample_file(3)
