"""The documents: the reference is that of the code, every printed command can be given, every answer works."""

import dataclasses
import functools
import importlib.util
import re
import shutil

import numpy as np
import pytest
from absl import flags
from documents import ROOT, blocks, lines, named, pages, parsed, run, text
from PIL import Image

from kgan import models, recipe
from kgan.__main__ import COMMANDS
from kgan.data import sources
from kgan.runs.directory import Run
from kgan.runtime import fields, machine
from kgan.runtime.errors import UserError
from kgan.scoring import judge

SHORT = ("--batch_size=8", "--tick=2", "--checkpoint_seconds=0")  # for every training
FAQ = re.findall(r"^## ([A-Z])\. .*?\n(.*?)(?=^## |\Z)", text(ROOT / "docs" / "faq.md"), re.DOTALL | re.MULTILINE)


def _make_reference():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "tools" / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_that_of_the_code(tmp_path):
    module = _make_reference()
    module.main(tmp_path)
    kept = {page.name: text(page) for page in (ROOT / "docs" / "reference").iterdir()}
    made = {page.name: text(page) for page in tmp_path.iterdir()}
    differ = sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))
    assert not differ, f"docs/reference/ is not the code's ({', '.join(differ)}): run `python tools/make_reference.py`."


def test_the_reference_notices_a_change(monkeypatch):
    module = _make_reference()
    before = module.recipes()
    field = module.Recipe.__dataclass_fields__["tick"]
    monkeypatch.setattr(field, "metadata", {**field.metadata, "help": "Another sentence."})
    assert "Another sentence." in module.recipes()
    assert "Another sentence." not in before
    assert str(ROOT) not in before


def test_the_train_step_is_quoted_as_it_stands():
    """The first two blocks; their own comments are left out."""
    source = [line.strip() for line in text(ROOT / "kgan" / "gan.py").splitlines()]
    quoted = "".join(code for _, code in blocks(text(ROOT / "docs" / "explain" / "train_step.md"), "python")[:2])
    lines_of_code = [line.partition("  #")[0].strip() for line in quoted.splitlines()]
    assert len(lines_of_code) == 9
    assert [line for line in lines_of_code if line not in source] == []


@pytest.mark.parametrize("page", pages(made=False), ids=lambda page: str(page.relative_to(ROOT)))
def test_printed_commands_have_flags_that_exist(page):
    for _, code in blocks(text(page), "sh"):
        for words in lines(code):
            command, arguments = named(words) or ("-", [])
            if command.startswith("-"):
                continue
            assert command in COMMANDS, words
            _check(command, arguments)


def _check(command, arguments):
    """Raises for flags that the command doesn't have, and for values that no recipe can have."""
    _, options = parsed(command, arguments)
    if command == "train":
        given = {name: value for name, value in vars(options).items() if name in recipe.fields() and value is not None}
        for field in dataclasses.fields(recipe.Recipe):
            if field.name in given:
                fields.check(field, given[field.name])
        assert given.get("dataset", "digits") in sources.names()
        assert given.get("recipe") in (None, *models.recipes(given.get("model", "dcgan")))


@pytest.mark.parametrize("arguments", [["--no_such_flag"], ["--steps=many"], ["--loss=none"], ["--model=biggan"],
                                       ["--dataset=emnist"], ["--model=gan", "--recipe=likely"]])
def test_a_printed_command_that_cannot_be_given_is_noticed(arguments):
    with pytest.raises((flags.Error, UserError, AssertionError)):
        _check("train", arguments)


def test_every_question_has_an_answer_that_is_run():
    assert "".join(letter for letter, _ in FAQ) == "ABCDEFGHIJKLMNO"
    for letter, section in FAQ:
        prose, _, _ = section.partition("```")
        assert 2 <= len(re.findall(r"[.:?](?=\s|$)", prose)) <= 8, letter
        code = blocks(section, "sh", "python")
        assert any(language == "python" or lines(found) for language, found in code), letter


def _shortened(command, arguments):
    """The rule: a training takes two steps more than there are, of 8 images, and an evaluation 40 images.

    Every printed step is the fourth.
    """
    arguments = [re.sub(r"(--step=|(?<=\w)@)\d+", r"\g<1>4", one) for one in arguments]
    if command == "evaluate":
        return [*arguments, "--count=40"]
    if command != "train":
        return arguments
    workdir = Run(parsed(command, arguments)[1].workdir)
    steps = 2 + max(workdir.last_step() or 0 if workdir.exists() else 0, 4)
    return [*(one for one in arguments if not one.startswith("--minutes")), *SHORT, f"--steps={steps}"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory as the FAQ assumes it: runs/digits at its fourth step, photos/, a picture, and a mounted Drive."""
    place = tmp_path_factory.mktemp("faq")
    (place / "photos").mkdir()
    (place / "drive" / "MyDrive").mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(30):
        Image.fromarray(random.integers(0, 256, (80, 70, 3), np.uint8)).save(place / "photos" / f"{number}.png")
    Image.fromarray(random.integers(0, 256, (28, 28), np.uint8)).save(place / "picture.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "STEPS", 20)
        patch.setattr(machine, "prefers_bfloat16", lambda: False)
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.chdir(place)
        run(["kgan", "train", "--model=dcgan_fast", "--dataset=digits", "--workdir=runs/digits"],
            lambda command, arguments: [*arguments, *SHORT, "--steps=4"], patch)
        yield place


@pytest.fixture(scope="module")
def answered(place):
    """Runs an answer, once, in a copy of `place` of its own; returns the copy."""

    @functools.cache
    def answer(letter):
        here, ran, names = shutil.copytree(place, place.parent / f"{place.name}_{letter}"), 0, {}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(here)
            for language, code in blocks(dict(FAQ)[letter], "sh", "python"):
                if language == "sh":
                    ran += sum(run(words, _shortened, patch) for words in lines(code))
                else:
                    code = re.sub(r"steps_per_epoch=\d+, epochs=\d+", "steps_per_epoch=1, epochs=1, verbose=0", code)
                    exec(code, names)
                    ran += 1
        assert ran
        return here

    return answer


@pytest.mark.parametrize("letter", [letter for letter, _ in FAQ])
def test_the_answer_works(letter, answered):
    assert answered(letter).is_dir()


def test_what_the_answers_made_is_what_they_say(answered):
    pictures = [path.relative_to(answered("A") / "pictures").as_posix()
                for path in (answered("A") / "pictures").rglob("*.png")]
    assert sorted(pictures) == sorted(f"{seed % 10}/seed{seed:04}.png" for seed in range(100))
    for letter in "BM":
        assert Run(answered(letter) / "runs" / "digits").last_step() == 6  # gone on with
    mended = Run(answered("C") / "runs" / "mended")
    assert (mended.last_step(), mended.config()["branch"]["step"]) == (6, 4)
    assert Image.open(answered("D") / "threes.png").width < Image.open(answered("D") / "rows.png").height
    for letter, path in (("E", "runs/photos/log.csv"), ("G", "export/digits_onnx/1/sample.onnx"),
                         ("H", "export/digits/1/saved_model.pb"), ("L", "drive/MyDrive/digits/config.json"),
                         ("M", "runs/digits/tensorboard"), ("N", "digits_keras/model.weights.h5")):
        assert (answered(letter) / path).exists(), path


def test_examples_do_not_ask_keras_to_shuffle_a_dataset():
    """Keras 3.15 warns of its own default, and a reader of an example would see that first."""
    files = [*pages(made=False), *(ROOT / "colab").glob("*.ipynb"), *(ROOT / "kgan").rglob("*.py")]
    call = re.compile(r"gan\.fit\((?:stream|batches|tf\.data|self\._batches).*?(?:```|\n\n|\Z|\]\n)", re.DOTALL)
    calls = [one for file in files for one in call.findall(text(file))]
    assert len(calls) > 7
    assert [one for one in calls if "shuffle=False" not in one] == []
