"""What a notebook shows while a run trains. IPython is played: kgan doesn't need it."""

import logging as standard_logging
import sys
import types

import keras
import pytest
from absl import logging

import kgan
from kgan import models
from kgan.api import live
from kgan.runs.directory import Run


@pytest.fixture
def shown(monkeypatch):
    """A kernel that keeps what is displayed, under each display's number."""
    displays = []

    class Handle:
        def __init__(self, content):
            self.contents = [content]

        def update(self, content):
            self.contents.append(content)

    def display(content, display_id):
        assert display_id is True
        displays.append(Handle(content))
        return displays[-1]

    ipython, module = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=None)
    module.HTML, module.display = str, display
    ipython.version_info = (9, 0, 0)  # Matplotlib asks, when it is imported after this
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return displays


def test_a_plain_program_and_a_console_are_no_notebooks(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not live.in_notebook()
    console = types.ModuleType("IPython")
    console.version_info = (9, 0, 0)
    console.get_ipython = lambda: types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", console)
    assert not live.in_notebook()


def test_a_notebook_has_one_display_that_follows_the_run(shown, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(live, "SECONDS", 0.0)
    before = logging.get_absl_logger().handlers
    run = kgan.fit("gan_nn", "digits", workdir=tmp_path / "run", steps=3, batch_size=2, tick=1)
    (display,) = shown
    assert any("gan_nn on digits: step 1 of 3" in content and "<progress" in content for content in display.contents)
    assert any("step 2 of 3, " in content and " images/s, 0:" in content for content in display.contents)
    last = display.contents[-1]
    assert "<b>gan_nn on digits: step 3</b>" in last
    assert "<progress" not in last
    assert last.count("data:image/png;base64,") == 2
    assert "Starting at step 0 of 3." in last
    assert "d_loss" not in capsys.readouterr().err  # no second bar
    assert logging.get_absl_logger().handlers == before
    assert run.step == 3


def test_what_the_doctor_sees_in_the_log_and_every_warning_stay_in_sight(shown, tmp_path):
    run = Run(tmp_path / "run")
    run.create(models.recipe("dcgan"), versions={},
               data={"origin": "some pictures", "images": 100, "left_out": 0, "sha256": "abc"})
    rows = "".join(f"{number},0.1,9,0.99,0.01\n" for number in range(1, 6))
    run.log_file.write_text(f"step,d_loss,g_loss,D(x),D(G(z))\n{rows}")
    display = live.Live("Training")
    display.run = run
    display._report(5, 0.0)
    said = [("WARNING", "Step 3: missing modes: <3>."), *(("INFO", f"line {number}.") for number in range(20))]
    for level, text in said:
        display.handle(standard_logging.makeLogRecord(
            {"levelno": standard_logging.getLevelName(level), "msg": text, "pathname": live.__file__}))
    display.handle(standard_logging.makeLogRecord({"levelno": 30, "msg": "of another library", "pathname": "/x.py"}))
    found = display.html()
    assert "missing modes: &lt;3&gt;." in found
    assert "discriminator saturated: D(x) is 0.990 and D(G(z)) 0.010" in found
    assert "line 19." in found
    assert "line 3." not in found
    assert "another library" not in found


def test_the_stop_button_gives_the_run_back_and_ctrl_c_ends_a_program(shown, tmp_path, monkeypatch):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            import signal

            signal.raise_signal(signal.SIGINT)

    fit = {"workdir": tmp_path / "run", "batch_size": 2, "tick": 1, "callbacks": [Stop()]}
    assert kgan.fit("gan_nn", "digits", steps=5, **fit).step in (1, 2)
    monkeypatch.delitem(sys.modules, "IPython")
    with pytest.raises(KeyboardInterrupt):
        kgan.fit("gan_nn", "digits", steps=5, **fit)
    assert Run(tmp_path / "run").last_step() in (2, 3, 4)
