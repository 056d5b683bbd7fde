"""A run directory from a stranger, opened by every command and the API: its text stays text, its paths stay shut."""

import contextlib
import json
import re
import shutil
import sys

import pytest
from PIL import Image

import kgan
from kgan import models
from kgan.commands import arithmetic, evaluate, explore, export, generate, leaderboard, project, replay, report
from kgan.commands import train as train_command
from kgan.commands import walk as walk_command
from kgan.data import sources
from kgan.runs import checks, loop, scores
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError

# Each would set the title of the page; nothing of it does harm.
MARKUP = "'\"><img src=x onerror=document.title=1></script><script>document.title=1</script>{{ 7*7 }}`"
ACTING = "\x1b[2J\x07\u202e\ud800"  # clears a screen, rings, turns the line around; and half of a pair
TEXT = MARKUP + ACTING
NAME = "a'\"><img src=x onerror=document.title=1>"  # of the directory
FINDING = {"verdict": TEXT, "evidence": TEXT, "advice": TEXT}
SCORES = {"protocol": TEXT, "notes": [TEXT], "count": 9, "numbers": {"fcd": 5.0}, "verdict": [FINDING],
          "yardsticks": {TEXT: {"fcd": 0.5}, "real train vs test": {"fcd": 0.25}}}
READ: list[str] = []  # paths that Python opens or lists, while a test asks for it
LISTENING: list[bool] = []


def _listen(event, arguments):
    if LISTENING and event in ("open", "os.listdir", "os.scandir") and arguments[0] is not None:
        READ.append(str(arguments[0]))


sys.addaudithook(_listen)


@contextlib.contextmanager
def _shut(*places):
    """Nothing at these places is opened or listed inside the block."""
    READ.clear()
    LISTENING.append(True)
    try:
        yield
    finally:
        LISTENING.clear()
    assert [path for path in READ for place in places if path.startswith(str(place))] == []


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """Two steps of dcgan on digits, with a checkpoint of each."""
    run = Run(tmp_path_factory.mktemp("honest") / "run")
    loop.train(run, models.recipe("dcgan", "digits").override(steps=2, batch_size=2, tick=1, sample_every=1),
               sources.locate("digits"), checkpoint_seconds=0)
    return run.path


@pytest.fixture
def secret(tmp_path):
    """A folder of the user's own: its pictures are white."""
    place = tmp_path / "secret"
    place.mkdir()
    for number in range(120):
        Image.new("L", (28, 28), 255 - number % 2).save(place / f"{number}.png")
    return place


@pytest.fixture
def stranger(honest, secret, tmp_path):
    """Copies the run, with text that would act wherever there is text, odd files, and links out of it."""

    def make(recipe=None, **data):
        run = Run(shutil.copytree(honest, tmp_path / NAME))
        config = json.loads(run.config_file.read_text())
        config["data"] |= {"origin": TEXT, "class_names": [TEXT]} | data
        config["versions"] = {TEXT: TEXT}
        config["recipe"] |= recipe or {}
        before = {"run": f"/home/alice/{TEXT}", "step": 1, "file": TEXT, "before": None}
        config["branch"] = {"run": r"C:\Users\alice\parent", "step": 2, "anew": True, "changed": {}, "before": before}
        run.config_file.write_text(json.dumps(config))
        scores.save(run, 2, SCORES)
        rows = run.log_file.read_text().splitlines()
        head = f'{rows[0]},share_0,share_1{MARKUP.replace(",", "")},{MARKUP}'
        run.log_file.write_text("\n".join([head, f"{rows[1]},0.5,1e308,-1e308", f"{rows[2]},nan,inf,0"]) + "\n")
        for name in (f"step_{NAME}.png", "step_000001 copy.png", "step_.png", "step_1e9.png"):
            (run.samples / name).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
        (run.samples / "step_000009.png").mkdir()
        (run.scores / "step_000002 (1).json").write_text("{")
        run.sample_file(0).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
        for link in (run.sample_file(1), run.reals_file):
            link.unlink()
            link.symlink_to(secret / "0.png")
        return run

    return make


def _tried(call):
    """Calls; returns the sentence of an error, or None."""
    try:
        call()
    except (UserError, OSError) as error:
        assert str(error) and not checks.UNPRINTED.search(str(error)), str(error)
        return str(error)


def _check_written(place):
    """Every page and card at `place` has text where the stranger's markup is, and tells no path."""
    found = [path for path in place.rglob("*") if path.suffix in (".html", ".md")]
    assert found
    for path in found:
        text = path.read_text(encoding="utf-8")
        prose = "".join(text.split("```")[::2]) if path.suffix == ".md" else text
        assert not re.search(r"(?<!\\)<(img src=x|script>document|/script><script>document)", prose), path
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text), path
        for known in ("alice", str(place.parent), "secret"):
            assert known not in text, (path, known)


def test_the_report_shows_text_and_opens_no_link(command, stranger, secret, tmp_path, opened):
    run, out = stranger(), tmp_path / "out"
    out.mkdir()
    with _shut(secret):
        command(report, run.path, out=str(out / "report.html"))
    _check_written(out)
    shown = opened(out / "report.html")  # which complains of what the policy has to stop
    assert shown.title() == f"{NAME} – kgan report"
    assert shown.locator("h1").inner_text() == NAME
    text = shown.locator("body").inner_text()
    assert text.count(checks.clean(TEXT)) >= 6  # finding, yardstick, protocol, note, origin, versions
    assert shown.locator(".frames figure").count() == 1  # the link and the EPS are left out
    assert shown.locator(".reals").count() == 0


@pytest.mark.parametrize("form", [
    "web", pytest.param("saved_model", marks=pytest.mark.slow), pytest.param("onnx", marks=pytest.mark.slow)])
def test_an_export_shows_text(command, stranger, secret, tmp_path, request, form):
    run, out = stranger(), tmp_path / "out" / f"{NAME.replace(' ', '')}"
    with _shut(secret):
        command(export, run.path, out, format=form)
    _check_written(tmp_path / "out")
    card = (out / "1" / "MODEL_CARD.md").read_text()
    assert r"\<img src=x onerror=document.title=1\>" in card and "begun with those of parent at step 2" in card
    if form == "web":
        shown = request.getfixturevalue("opened")(out / "1" / "index.html")
        shown.wait_for_selector("#checked[data-levels]")
        assert shown.title().endswith(" – kgan")
        assert checks.clean(TEXT) in shown.locator("dl").inner_text()


def test_other_commands_draw_or_say_a_sentence(command, stranger, secret, tmp_path):
    run, picture = stranger(), tmp_path / "seven.png"
    Image.new("L", (28, 28), 7).save(picture)
    with _shut(secret):
        command(generate, run.path, out=str(tmp_path / "grid.png"), seeds="0-3")
        command(walk_command, run.path, out=str(tmp_path / "walk.gif"), seeds="0,1", frames=2)
        command(arithmetic, run.path, **{name: str(number) for number, name in enumerate("abc")},
                out=str(tmp_path / "sum.png"))
        command(project, run.path, picture, out=str(tmp_path / "found.png"), seeds="0-7", steps=1)
        command(replay, run.path)
        command(explore, run.path, out=str(tmp_path / "explored"), browser=False)
    assert (tmp_path / "found.png").is_file()
    _check_written(tmp_path / "explored")


@pytest.mark.slow
def test_scoring_a_stranger(command, stranger, secret, tmp_path, capsys):
    run = stranger()
    with _shut(secret):
        command(evaluate, run.path, count=20)
        (tmp_path / "out").mkdir()
        command(leaderboard, run.path, count=20, out=str(tmp_path / "out" / "board"))
    assert not checks.UNPRINTED.search(capsys.readouterr().out.replace("\n", ""))
    _check_written(tmp_path / "out")


def test_the_api_shows_text(stranger, secret):
    run = stranger()
    with _shut(secret):
        drawn = kgan.load(run.path)
        shown = [drawn._repr_html_(), kgan.load(run.path, step=1)._repr_html_()]
    assert drawn.verdict == f"{checks.clean(TEXT)}: {checks.clean(TEXT)}"
    assert drawn.scores == {"fcd": 5.0} and len(drawn.log) == 2
    for page in shown:
        assert page.count("<img ") == 2  # the newest grid, and the curves
        assert not re.search("<img src=x|<script", page)


def test_training_goes_on_in_a_strangers_run(command, stranger, capsys):
    run = stranger({"steps": 3})
    command(train_command, workdir=str(run.path), steps=3)
    assert Run(run.path).last_step() == 3
    assert not re.search(f"[{ACTING[0]}{ACTING[4]}{ACTING[5]}]", capsys.readouterr().err)  # a bar has a \r


@pytest.mark.parametrize(("sha256", "said", "opened_by"), [
    (None, "no hash says which the training images are", [train_command]),
    ("0" * 64, "other images are now where the training images were",
     [train_command, evaluate, leaderboard, replay, report])])
def test_a_folder_that_only_the_config_names(command, stranger, secret, tmp_path, capsys, sha256, said, opened_by):
    run, out = stranger({"dataset": None, "data": str(secret)}, sha256=sha256), tmp_path / "report.html"
    run.write_config(run.config() | {"branch": None})
    for module, arguments, given in (
            (report, [run.path], {"out": str(out)}), (evaluate, [run.path], {"count": 20}),
            (leaderboard, [run.path], {"count": 20}), (replay, [run.path], {}),
            (train_command, [], {"workdir": str(run.path), "steps": 9})):
        with contextlib.nullcontext() if module in opened_by else _shut(secret):
            sentence = _tried(lambda call=(module, *arguments), given=given: command(*call, **given))
        printed = capsys.readouterr()
        if module in opened_by:  # and it says which
            assert str(secret) in printed.err + printed.out, module.__name__
        if module is not report:
            assert sentence or "can't be judged" in printed.err, module.__name__
    text = out.read_text()
    assert text.count(f"Left out, as {said}.") == 2
    assert str(tmp_path) not in text
    assert text.count("secret") == 3  # the last name: among all settings, in what differs, in the command
    assert {path.name for path in run.checkpoints.iterdir()} == {"step-1", "step-2"}  # nothing was trained
