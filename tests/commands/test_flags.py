"""What the commands share, each in a process of its own: absl's flags are global."""

import dataclasses
import os
import re
import subprocess
import sys

import pytest
import tensorflow as tf

from kgan import __main__, models
from kgan.commands import flags as cli
from kgan.commands import train
from kgan.data import sources
from kgan.recipe import Recipe
from kgan.runtime.errors import UserError

LAUNCH = ("from kgan.commands import flags as cli\nfrom kgan.runtime.errors import UserError\n"
          "def main(arguments, options): ")


def _python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def _launched(body, *arguments, flags="()"):
    return _python("-c", f"{LAUNCH}{body}\ncli.launch(main, {flags})", *arguments)


@pytest.mark.parametrize("error", ["UserError", "OSError"])
def test_what_the_user_can_mend_is_one_sentence(error):
    result = _launched(f"raise {error}('such a thing.')")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "kgan: such a thing.\n")


def test_bugs_keep_their_trace():
    result = _launched("raise ValueError('inner')")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("ValueError: inner\n")


def test_out_of_memory_is_one_sentence():
    name = tf.errors.ResourceExhaustedError.__name__
    result = _launched(f"raise type('{name}', (Exception,), {{}})('OOM when allocating tensor')")
    assert (result.returncode, result.stderr) == (
        1, "kgan: out of memory; choose a smaller --batch_size or --latent_dim.\n")


def test_ctrl_c_is_one_word_and_its_status():
    result = _launched("raise KeyboardInterrupt")
    assert (result.returncode, result.stderr) == (130, "\nInterrupted.\n")


@pytest.mark.parametrize("status", [None, 0, 1, 3])
def test_mains_status_is_the_processs(status):
    assert _launched(f"return {status}").returncode == (status or 0)


def test_only_a_flag_asks_for_help_not_an_argument():
    """absl ends with 1 after help, which `launch` turns into success."""
    for argument in ("help", "helpers", "?"):
        assert _launched("return 1", argument).returncode == 1
    assert _launched("return 1", "--out=help", flags="[cli.Flag('out', str, None, 'File.')]").returncode == 1
    assert _launched("print(arguments)", "--", "--help").stdout == "['--help']\n"
    for argument in ("--help", "-help", "-h", "--helpfull", "--helpshort"):
        result = _launched("return 1", argument)
        assert result.returncode == 0
        assert result.stdout


def test_arguments_and_flags_reach_main():
    flags = "[cli.STEP, cli.Flag('out', str, 'a.png', 'File.'), cli.Flag('rate', float, 0.5, 'Rate.', least=0.0)]"
    result = _launched("print(arguments, options)", "run", "--step=7", "--rate=2", "helpers", flags=flags)
    assert result.stdout == "['run', 'helpers'] namespace(step='7', out='a.png', rate=2.0)\n"
    assert result.stderr == ""


def test_messages_of_the_library_are_plain_lines_and_others_only_errors():
    result = _launched("import logging; from absl import logging as a; from kgan.runs import scores; "
                       "from kgan.runs.directory import Run; import pathlib, tempfile; "
                       "run = Run(tempfile.mkdtemp()); kept = {'protocol': '', 'notes': [], 'numbers': {}, "
                       "'yardsticks': {}, 'verdict': []}; scores.save(run, 1, kept | {'count': 5}); "
                       "scores.save(run, 1, kept | {'count': 4}); a.info('other'); a.error('an error')")
    assert (result.returncode, result.stderr) == (0, "Note: the run keeps its scores of 5 images.\nan error\n")


@pytest.mark.parametrize("command", __main__.COMMANDS)
def test_help_lists_the_commands_flags_and_succeeds(command):
    module = __import__(f"kgan.commands.{command}", fromlist=["FLAGS"])
    result = _python("-m", "kgan", command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: kgan {command} ")
    assert max(map(len, result.stdout.splitlines())) <= 100
    for flag in module.FLAGS:
        assert len(re.findall(rf"\n  --(?:\[no\])?{flag.name}\b", result.stdout)) == 1
    assert "--verbosity" not in result.stdout  # absl's own


def test_the_train_module_is_the_train_command():
    both = [_python("-m", "kgan.train", "--help"), _python("-m", "kgan", "train", "--help")]
    assert both[0].returncode == 0 and both[0].stdout.startswith("usage: kgan train ")
    assert both[0].stdout == both[1].stdout


def test_a_flags_former_name_is_still_read(monkeypatch, tmp_path):
    """`--kinds` is what `--clusters` was called."""
    for name in ("clusters", "kinds"):
        result = _python("-m", "kgan", "train", "--model=dcgan_fast", "--dataset=digits", f"--{name}=7", "--dry_run",
                         f"--workdir={tmp_path}")
        assert re.search(r"\nclusters +7\b", result.stdout), result.stdout + result.stderr
    assert "--kinds" not in _python("-m", "kgan", "train", "--help").stdout


def test_helpfull_has_the_commands_flags_and_absls():
    text = _python("-m", "kgan", "walk", "--helpfull").stdout
    assert "--frames" in text
    assert "--verbosity" in text


def test_help_has_examples_first_then_flags_under_headings_with_choices_and_defaults():
    docstring = "Do a thing.\n\n    kgan do run\n\nMore" + 30 * " words" + ".\n"
    flags = [cli.Flag("name", str, None, "Its name."), cli.Flag("way", str, "up", "Where to.", ["up", "down"]),
             cli.Flag("quick", bool, False, "Hurry."),
             cli.Flag("count", int, 3, "How many, " + 20 * "at most " + "all.")]
    text = cli.help_text(docstring, flags, "RUN", {"First": ("way", "quick"), "Then": ("count",)})
    assert text == """usage: kgan do RUN [--FLAG=VALUE ...]

Do a thing.

    kgan do run

More words words words words words words words words words words words words words words words
words words words words words words words words words words words words words words words.

First:
  --way=TEXT                Where to. [up, down] (default: up)
  --[no]quick               Hurry. (default: off)

Then:
  --count=INTEGER           How many, at most at most at most at most at most at most at most at
                            most at most at most at most at most at most at most at most at most
                            at most at most at most at most all. (default: 3)

Other flags:
  --name=TEXT               Its name.

--helpfull adds the flags of absl."""


def test_every_flag_of_train_has_its_heading():
    names = [name for group in train.HEADINGS.values() for name in group]
    assert sorted(names) == sorted(flag.name for flag in train.FLAGS)


def test_step_is_a_flag_of_all_that_open_a_generator():
    for command in {*__main__.COMMANDS} - {"train", "leaderboard", "report", "replay", "serve"}:
        assert cli.STEP in __import__(f"kgan.commands.{command}", fromlist=["FLAGS"]).FLAGS


def test_help_of_train_lists_models_data_sets_and_losses():
    text = " ".join(_python("-m", "kgan.train", "--help").stdout.split())
    chosen = [field.metadata["choices"] for field in dataclasses.fields(Recipe) if field.name in ("loss", "optimizer")]
    for known in (models.names(), sources.names(), *chosen, ("float32", "mixed_bfloat16")):
        assert f" [{', '.join(known)}]" in text
    assert text.count("(default: dcgan)") == 1
    assert text.count("the model's recipe") == 1  # said once, and not for each flag
    for model in models.names():
        assert f"{model}: {', '.join(models.recipes(model))}" in text or not models.recipes(model)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("help",)])
def test_kgan_alone_names_its_commands(arguments):
    result = _python("-m", "kgan", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.findall(r"^  (\w+) +[A-Z].{20,84}$", result.stdout, re.MULTILINE) == [*__main__.COMMANDS]


@pytest.mark.parametrize(("arguments", "sentence"), [
    (("-m", "kgan", "paint"), "kgan: there is no command 'paint'; the commands are train, generate, evaluate, "),
    (("-m", "kgan", "smaple"), "kgan: there is no command 'smaple' (did you mean sample?); the commands are train, "),
    (("-m", "kgan", "train", "--modle=dcgan"), "kgan: there is no flag --modle; did you mean --model? "),
    (("-m", "kgan", "train", "--colour=red"), "kgan: there is no flag --colour"),
    (("-m", "kgan", "train", "--keep=-1"), "kgan: flag --keep=-1: -1 is not an integer in the range [0, 1000]"),
    (("-m", "kgan", "generate", "mnist"), "kgan: 'mnist' is not a run directory: there is no such directory; the "),
    (("-m", "kgan", "generate"), "kgan: give one run directory, or preset:NAME: kgan generate WORKDIR"),
    (("-m", "kgan", "sample"), "kgan: give a preset's name, as `kgan sample mnist`; there are mnist (mnist, 28×28 in "),
    (("-m", "kgan", "sample", "moon"), "kgan: 'moon' is no preset; there are mnist (mnist, 28×28 in grey, by "),
    (("-m", "kgan.train", "helpers"), "kgan: unexpected argument 'helpers'; flags are written --name=value."),
    (("-m", "kgan.train", "help"), "kgan: unexpected argument 'help'; flags are written --name=value."),
    (("-m", "kgan", "generate", "help"), "kgan: 'help' is not a run directory"),
])
def test_mistakes_are_one_sentence(arguments, sentence):
    result = _python(*arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith(sentence)


def test_help_ends_quietly_where_its_reader_has_enough():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "kgan", "train", "--help"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_numbers_that_are_none_are_refused():
    result = _python("-m", "kgan", "train", "--minutes=nan")
    assert result.stderr == "kgan: flag --minutes=nan: must be a number; --help says what a flag takes.\n"


@pytest.mark.parametrize(("arguments", "becomes"), [
    (["mnist", "--seeds=0-9"], ["preset:mnist", "--seeds=0-9"]), (["preset:mnist"], ["preset:mnist"]),
    (["--labels=1", "mnist"], ["preset:", "--labels=1", "mnist"]), ([], ["preset:"])])
def test_sample_is_short_for_generate_with_a_preset(arguments, becomes, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "argv", ["kgan", "sample", *arguments])
    monkeypatch.setattr(cli, "launch", lambda main, *_: seen.extend([main.__module__, *sys.argv[1:]]))
    __main__.main()
    assert seen == ["kgan.commands.generate", *becomes]


def test_importing_commands_defines_no_flag_so_that_any_can_be_imported_together():
    modules = ", ".join(f"kgan.commands.{command}" for command in __main__.COMMANDS)
    result = _python("-c", f"from absl import app, flags, logging; before = set(flags.FLAGS); import {modules}; "
                           "print(set(flags.FLAGS) - before)")
    assert (result.returncode, result.stdout, result.stderr) == (0, "set()\n", "")


@pytest.mark.parametrize(("value", "seeds"), [("0-3", [0, 1, 2, 3]), ("7", [7]), ("3,7,20-22", [3, 7, 20, 21, 22]),
                                              ("5-5, 1", [5, 1])])
def test_parse_seeds(value, seeds):
    assert cli.parse_seeds(value) == seeds


@pytest.mark.parametrize("value", ["", "a", "3-", "-3", "5-2", "1;2", "1--2", "0.5"])
def test_parse_seeds_refuses_other_forms(value):
    with pytest.raises(UserError, match=r"seeds=.* is not of the form 0-63 or 3,7,20-29"):
        cli.parse_seeds(value)


@pytest.mark.parametrize("value", ["0-1000000", "0-999999,5", str(2**63), f"{2**63 - 2}-{2**63}", "1-" + "9" * 400])
def test_parse_seeds_refuses_too_many(value):
    with pytest.raises(UserError, match="names more than 1,000,000"):
        cli.parse_seeds(value)


def test_parse_out_refuses_other_suffixes_and_absent_directories(tmp_path):
    assert cli.parse_out(str(tmp_path / "grid.png"), ".png", ".npy") == tmp_path / "grid.png"
    assert cli.parse_out(str(tmp_path / "any")) == tmp_path / "any"
    with pytest.raises(UserError, match="must end in .png or .npy"):
        cli.parse_out("grid.gif", ".png", ".npy")
    with pytest.raises(UserError, match="lies in a directory that isn't there"):
        cli.parse_out(str(tmp_path / "absent" / "grid.png"), ".png")


def test_commands_are_quoted_for_the_systems_shell(monkeypatch):
    words = ("kgan", "evaluate", r"C:\my runs\it's")
    assert cli.quoted(*words) == r"""kgan evaluate 'C:\my runs\it'"'"'s'"""
    monkeypatch.setattr(cli.os, "name", "nt")
    assert cli.quoted(*words) == r'''kgan evaluate "C:\my runs\it's"'''


def test_the_command_to_go_on_with_is_one_for_cmd_on_windows(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", r"D:\my data")
    monkeypatch.setattr(sys, "executable", "python")
    monkeypatch.setattr(sys, "argv", ["train", "--workdir=a b"])
    assert train._this_command() == r"TFDS_DATA_DIR='D:\my data' python -m kgan.train '--workdir=a b'"
    monkeypatch.setattr(train.os, "name", "nt")
    assert train._this_command() == r'''set "TFDS_DATA_DIR=D:\my data" && python -m kgan.train "--workdir=a b"'''
