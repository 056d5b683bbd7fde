"""Runs of some minutes: when their length is fixed, and that it is the same again where they go on or are replayed."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from contents import rows, saved
from PIL import Image

from kgan import models
from kgan.runs import callbacks, loop, replay, setup
from kgan.runs import clock as clock_lib
from kgan.runs.directory import Run
from kgan.runs.minutes import Fixing, Length
from kgan.runtime.errors import UserError

RECIPE = models.recipe("dcgan", "digits").override(
    batch_size=2, images=2_000, tick=3, schedule="cosine", decay_images=1_000, floor=0.01)


def test_schedules_keep_their_share_of_the_length():
    length = Length.begun(10.0, RECIPE, 1617)
    assert length.before == {"steps": 1000, "decay_images": 1000, "momentum_images": None}
    length = length.fixed(Fixing(0, 300)).fixed(Fixing(30, 250)).fixed(Fixing(125, 240))
    now = length.applied(RECIPE)
    assert (now.steps, now.images, now.decay_images) == (240, None, 240)  # half of 240 steps of 2 images
    assert [length.stretch(step) for step in (0, 29, 30, 124, 125, 239)] == [0.3, 0.3, 0.25, 0.25, 0.24, 0.24]
    assert [length.next_fixing(step) for step in (0, 29, 30, 125)] == [30, 30, 125, None]
    assert [length.due(step) for step in (125, 182, 183)] == [183, 183, None]  # half of 115 later
    assert length.fixed(Fixing(204, 209)).due(204) is None  # too little is left
    assert length.original(now) == RECIPE.override(steps=1000)


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """Returns what tells a clock of 10 minutes that a tick ended, at a step and a second, and what it fixed."""
    run = Run(tmp_path / "run")
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def made(fixed_at=((0, 1000),), start=0):
        length = Length.begun(10.0, RECIPE, 1617)
        for fixing in fixed_at:
            length = length.fixed(Fixing(*fixing))
        run.create(length.applied(RECIPE), data={}, versions={}, length=length.to_dict())
        told = []
        clock = clock_lib.Clock(run, length, start, 0.0, lambda rehearse: 20.0,
                                lambda length: told.append(tuple(length.fixed_at[-1])))
        clock.set_model(SimpleNamespace(step=start))
        clock.on_train_begin()

        def tick(step, second):
            clock.model.step, now[0] = step, second
            clock.on_epoch_end(0)
            return told.pop() if told else None
        return tick

    made.run = run
    return made


def test_the_length_is_fixed_after_a_tenth_and_after_half_of_what_is_left(clock):
    tick = clock()
    assert tick(10, 20.0) is None  # compiled, so the rate counts from here
    assert tick(50, 57.9) is None  # a tenth of 580 seconds, as 20 follow the last step
    assert tick(60, 70.0) == (60, 60 + 510)  # a step a second
    assert tick(300, 299.0) is None
    assert tick(315, 309.0) == (315, 315 + round(271 * 255 / 239))  # half of the steps, sooner than half of the time
    assert tick(420, 444.0) is None
    assert tick(421, 445.0) == (421, 421 + round(135 * 106 / 136))  # half of 271 seconds: it is slower now
    assert tick(526, 570.0) is None  # the end
    recipe = clock.run.recipe()
    assert (recipe.steps, recipe.decay_images) == (526, 526)
    assert Length.of(clock.run).fixed_at == ((0, 1000), (60, 570), (315, 604), (421, 526))


def test_a_length_that_was_far_too_short_is_mended_at_its_end(clock):
    tick = clock(fixed_at=((0, 6),))
    assert tick(6, 12.0) == (6, 6 + 284)  # half a step a second; 600 less 12 less 20
    tick = clock(fixed_at=((0, 6),))
    assert tick(6, 595.0) is None  # nothing is left


def test_a_run_that_goes_on_has_used_the_minutes_of_its_steps(clock):
    tick = clock(fixed_at=((0, 1000), (100, 500)), start=200)  # 200 of 500 steps: 240 of 600 seconds
    assert tick(205, 5.0) is None
    assert tick(300, 100.0) == (300, 300 + 240)  # half of the steps that were left; 340 seconds, and 20 at the end


def test_recorded_fixings_come_before_new_ones(clock):
    tick = clock(fixed_at=((0, 1000), (100, 500)), start=50)
    assert tick(60, 400.0) is None
    assert tick(100, 450.0) is None


def _interrupted(run, digits, step, **more):
    class Stop(callbacks.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if int(self.model.step) >= step:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(run, run.recipe() if run.exists() else RECIPE, digits, callbacks=[Stop()], **more)


def test_resumed_and_replayed_it_has_the_same_bits_and_lengths(tmp_path, digits, monkeypatch):
    monkeypatch.setattr(loop, "LONG_TICK", 1.0)
    monkeypatch.setattr(loop.Training, "steps_within", lambda training, seconds: 20)
    due = {6: 15, 9: 12}  # steps at which the length is fixed, whatever the clock says, and what it is then

    def on_epoch_end(self, epoch, logs=None):
        step = int(self.model.step)
        if step in due and step > self.length.fixed_at[-1].step:
            self.length = self.length.fixed(Fixing(step, due[step]))
            config = self.run.config() | {"recipe": self.length.applied(self.run.recipe()).to_dict(),
                                          "length": self.length.to_dict()}
            self.run.write_config(config)
            self.fixed(self.length)

    monkeypatch.setattr(clock_lib.Clock, "on_epoch_end", on_epoch_end)
    whole, parts = Run(tmp_path / "whole"), Run(tmp_path / "parts")
    assert loop.train(whole, RECIPE, digits, minutes=1.0, checkpoint_seconds=0.0) == (
        12, pytest.approx(0, abs=1e9), None, True)
    assert whole.config()["length"]["fixed_at"] == [[0, 20], [6, 15], [9, 12]]
    assert whole.recipe().steps == 12
    _interrupted(parts, digits, 3, minutes=1.0, checkpoint_seconds=0.0)  # a kill before the first fixing
    _interrupted(parts, digits, 9, checkpoint_seconds=np.inf)  # after both, of which no checkpoint knows
    assert (parts.last_step(), parts.config()["length"]["fixed_at"]) == (3, [[0, 20], [6, 15], [9, 12]])
    due.clear()
    assert loop.train(parts, parts.recipe(), digits, minutes=1.0, checkpoint_seconds=0.0).finished
    assert rows(parts) == rows(whole)
    found, expected = saved(parts.checkpoints), saved(whole.checkpoints)
    assert found and all(np.array_equal(found[name], expected[name]) for name in found)
    window = replay.Window(9, 12)  # of the third length
    assert replay.replay(whole, digits, replay.open_data(whole, digits), window).differences == []
    # The schedule counts: the last length from the beginning on would give other bits.
    whole.write_config({**whole.config(), "length": {**whole.config()["length"], "fixed_at": [[0, 20]]}})
    assert "differs" in replay.replay(whole, digits, replay.open_data(whole, digits), window).differences[-1]


def test_looks_of_few_images_follow_the_minutes_and_no_length_is_said(tmp_path, monkeypatch, capsys):
    """Of 40 pictures and 2 steps of 32: a look each 64 / 40 / 20 passes, and not one for the 150,000 images."""
    for number in range(40):
        Image.new("L", (28, 28), 6 * number).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(loop.Training, "steps_within", lambda training, seconds: 2)
    monkeypatch.setattr(clock_lib.Clock, "on_epoch_end", lambda *_: None)
    given = {"data": str(tmp_path), "model": "dcgan_fast", "batch_size": 32, "tick": 1}
    job = setup.resolve(given, str(tmp_path / "r"), minutes=1)
    said = capsys.readouterr().err
    assert "--images=" not in said and "--watch_every=" not in said
    loop.train(*job, minutes=1)
    assert Run(tmp_path / "r").recipe().watch_every == 0.08
    assert "Chosen: --watch_every=0.08: 20 looks" in capsys.readouterr().err


def test_minutes_beside_another_length_are_refused_and_a_longer_length_ends_them(tmp_path, digits, monkeypatch, capsys):
    with pytest.raises(UserError, match="^minutes=2 and steps=5: give one of the two.$"):
        setup.resolve({"dataset": "digits", "steps": 5}, str(tmp_path / "run"), minutes=2.0)
    monkeypatch.setattr(loop.Training, "steps_within", lambda training, seconds: 3)
    monkeypatch.setattr(clock_lib.Clock, "on_epoch_end", lambda *_: None)  # else it would be a minute
    monkeypatch.setattr(loop, "LONG_TICK", 1.0)
    run = Run(tmp_path / "run")
    loop.train(run, RECIPE, digits, minutes=1.0)
    given = {"schedule": "cosine", "decay_images": 1_000, "floor": 0.01, "model": "dcgan"}  # the same command again
    again = setup.resolve(given, str(run.path), minutes=1.0)
    assert again.recipe == run.recipe()
    assert "Without effect" not in capsys.readouterr().err
    loop.train(run, run.recipe().override(steps=5), digits)
    assert (run.config()["length"]["minutes"], run.last_step()) == (None, 5)
    assert len(run.config()["length"]["fixed_at"]) == 1
