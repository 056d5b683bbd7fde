import pytest

from kgan import models
from kgan.runs.progress import Progress


def test_progress_leaves_the_first_step_out_of_its_rate():
    progress = Progress(models.recipe("dcgan").override(batch_size=8), start=10, total=20)
    assert progress.close() == 0.0
    progress.on_train_batch_end(0)  # compiles
    assert (progress.bar.initial, progress.bar.total) == (88, 160)
    clock = iter([4.0])
    progress.bar._time = lambda: next(clock, 4.0)
    progress.bar.start_t = 0.0
    for batch in range(1, 5):
        progress.on_train_batch_end(batch)
    assert progress.bar.n == 120
    assert progress.close() == pytest.approx(4 * 8 / 4.0)


def test_progress_counts_the_steps_that_a_gpu_makes_at_once():
    progress = Progress(models.recipe("dcgan").override(batch_size=8), start=0, total=20)
    for tick in range(2):
        progress.on_epoch_begin(tick)
        for batch in (4, 9):  # five steps an execution, of ten a tick
            progress.on_train_batch_end(batch)
    assert (progress.step, progress.bar.n) == (20, 160)
