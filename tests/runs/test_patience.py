"""When it is enough."""

from types import SimpleNamespace

import pytest
from PIL import Image

from kgan.runs import log, loop, setup
from kgan.runs.directory import Run
from kgan.runs.patience import Patience
from kgan.runtime.errors import UserError
from kgan.scoring import judge


def _run(tmp_path, column, values):
    run = Run(tmp_path)
    for step, value in enumerate(values, 1):
        log.append(run.log_file, {"step": step, "d_loss": 1, column: "" if value is None else value})
    return run


@pytest.mark.parametrize(("column", "values", "said"), [
    ("fcd32", [], None),
    ("fcd32", [5, 4, None, 6], None), ("fcd32", [5, 4, 6, None, 7], "2 looks found no lower fcd32 than 4, of step 2."),
    ("fcd32", [5, 4, 6, 7, 3], None), ("fcd32", [3, 4, 3, 5], None),
    ("D_gap", [0.1, 0.3, 0.2, 0.4], None), ("D_gap", [0.1, 0.6, 0.4, 0.7], None),
    ("D_gap", [0.1, 0.6, 0.7], "in 2 looks D_gap was above 0.5, as of step 1.")])
def test_looks_without_a_better_one_are_counted(tmp_path, column, values, said):
    enough = Patience(_run(tmp_path, column, values), 2, column, start=100).enough
    assert enough == (said and f"Enough now: {said}")


def test_rows_after_the_checkpoint_do_not_count_and_training_ends(tmp_path):
    patience = Patience(_run(tmp_path, "fcd", [5, 6, 7, 8]), 2, "fcd", start=2)
    patience.set_model(SimpleNamespace(step=3, stop_training=False))
    patience.on_epoch_end(0, {"d_loss": 1.0})
    assert not patience.model.stop_training
    patience.on_epoch_end(0, {"fcd": 5.0000001})  # in the log, as good as the best
    patience.on_epoch_end(0, {"fcd": 7.0})
    assert not patience.model.stop_training
    patience.on_epoch_end(0, {"fcd": 6.0})
    assert patience.model.stop_training


def test_a_run_ends_when_it_is_enough_stays_so_and_goes_on_without(tmp_path, digits, recipe, monkeypatch, capsys):
    monkeypatch.setattr(judge, "STEPS", 20)
    run = Run(tmp_path / "run")
    numbers = iter([3.0, 2.0, 4.0, 5.0, 1.0])
    from kgan.scoring.benchmark import HeldOutComparison

    measure = HeldOutComparison.measure
    monkeypatch.setattr(HeldOutComparison, "measure",
                        lambda self, images: {**measure(self, images), "fcd": next(numbers)})
    recipe = recipe.override(steps=400, tick=3)
    assert loop.train(run, recipe, digits, patience=2, checkpoint_seconds=0.0).finished
    err = capsys.readouterr().err
    assert "--patience counts evaluations: --evaluate_every=18 chosen." in err  # 400 steps by 20, in whole ticks
    assert "Enough now: 2 looks found no lower fcd than 2, of step 36." in err
    assert (run.last_step(), run.recipe().evaluate_every) == (72, 18)
    assert run.gif_file.exists() and run.plot_file.exists() and run.sample_file(72).exists()
    assert (run.drawn_step(), run.drawn_step("last"), run.drawn_step("54")) == (36, 72, 54)
    assert "step 36, the best so far; --step=last draws from step 72" in capsys.readouterr().err
    assert loop.train(run, run.recipe(), digits, patience=2) == (72, 0.0, None, True)
    assert "A larger --patience, or none, goes on." in capsys.readouterr().err
    with pytest.raises(UserError, match="^step='best' is neither the step of a checkpoint nor last.$"):
        run.drawn_step("best")


def test_a_run_without_looks_says_so(finished, digits):
    with pytest.raises(UserError, match="^--patience counts looks, and this run has none"):
        loop.train(finished, finished.recipe().override(steps=20), digits, patience=3)


def test_without_unseen_images_it_is_refused_before_there_is_a_directory(tmp_path):
    (tmp_path / "few").mkdir()
    for number in range(2):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(tmp_path / "few" / f"{number}.png")
    job = setup.resolve({"data": str(tmp_path / "few"), "steps": 4}, str(tmp_path / "run"))
    with pytest.raises(UserError, match="--patience counts looks at unseen images, and there are none"):
        loop.train(*job, patience=3)
    assert not (tmp_path / "run").exists()
