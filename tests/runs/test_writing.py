"""What fails in kgan's own writes is one sentence; what a user's callback raises comes out as it is."""

import keras
import pytest

from kgan.runs import loop, writing
from kgan.runs.directory import Run

FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize("error", [ConnectionError("tracker.example.org: connection refused"),
                                   FileNotFoundError(2, "No such file or directory", "mine.txt")])
def test_what_a_users_callback_raises_comes_out_as_it_is(tmp_path, recipe, digits, error):
    def fail(*_):
        raise error

    with pytest.raises(type(error)) as found:
        loop.train(Run(tmp_path / "run"), recipe, digits, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=fail)])
    assert found.value is error


@pytest.mark.parametrize("where", ["kgan.runs.log.append", "kgan.runs.generators.save", "kgan.runs.plots.save_plot",
                                   "kgan.images.save_gif", "kgan.images.save_grid", "kgan.runs.log.flush",
                                   "kgan.runs.checkpoints.save"])
def test_each_of_kgans_own_writes_is_said_in_a_sentence(tmp_path, recipe, digits, monkeypatch, where):
    def fail(*_, **__):
        raise FULL

    monkeypatch.setattr(where, fail)
    with pytest.raises(writing.NotWrittenError, match=r"^workdir=.* can't be written \(No space left on device\); "):
        loop.train(Run(tmp_path / "run"), recipe.override(steps=3), digits)


def test_the_log_is_on_the_disk_before_the_checkpoint_that_follows_it(tmp_path, recipe, digits, monkeypatch):
    from kgan.runs import checkpoints, log

    done, save, flush = [], checkpoints.save, log.flush
    monkeypatch.setattr(log, "flush", lambda file: (done.append(log.read(file)[-1]["step"]), flush(file)))
    monkeypatch.setattr(checkpoints, "save", lambda place, step, *rest, **more: (
        done.append(f"checkpoint {step}"), save(place, step, *rest, **more)))
    loop.train(Run(tmp_path / "run"), recipe, digits, checkpoint_seconds=0)
    assert done == [3, "checkpoint 3", 6, "checkpoint 6", 7, "checkpoint 7", 7, "checkpoint 7"]


def test_flush_syncs_the_file_and_its_name(tmp_path, monkeypatch):
    from kgan.runs import log
    from kgan.runtime import files

    synced = []
    monkeypatch.setattr(files, "fsync", synced.append)
    log.flush(tmp_path / "log.csv")
    assert synced == []
    (tmp_path / "log.csv").touch()
    log.flush(tmp_path / "log.csv")
    assert synced == [tmp_path / "log.csv", tmp_path]
