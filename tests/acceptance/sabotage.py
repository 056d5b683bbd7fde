"""Takes out one safeguard at a time and shows that the acceptance tests notice. Prints a Markdown table.

    python tests/acceptance/sabotage.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
APART = {".git", ".venv", "runs", "experiments"}  # what the copies need not
# What is taken out, the file, the text and what stands there instead, and the tests that must fail.
SABOTAGE = (
    ("the fsync", "kgan/runtime/files.py", "        os.fsync(handle)\n", "        pass\n",
     "test_commit.py::test_every_call"),
    ("the rename", "kgan/runtime/files.py", "        temporary.rename(directory)\n",
     "        shutil.copytree(temporary, directory)\n", "test_commit.py::test_every_call"),
    ("the hash", "kgan/runtime/files.py", " or _facts(path) != facts:", ":", "test_commit.py::test_damage"),
    ("the manifest's name check", "kgan/runtime/files.py", "        if found != {*manifest, MANIFEST}:\n",
     "        if False:\n", "../runtime/test_files.py::test_damage"),
    ("the lock", "kgan/runs/directory.py", "            lock.acquire(timeout=0)\n", "            pass\n",
     "test_commit.py::test_two_starters"),
    ("the dropout seeds", "kgan/saving.py",
     'enumerate(getattr(part, "variables", ()))}',
     'enumerate(getattr(part, "variables", ())) if "seed" not in variable.path}',
     "test_command.py::test_sigkill"),
    ("the data position", "kgan/runs/loop.py", "start=step - phase.start, skip", "start=0, skip",
     "test_command.py::test_sigkill"),
    ("the log's trimming", "kgan/runs/log.py", "for row in lines[1:] if int(row[0]) <= step)", "for row in lines[1:])",
     "test_command.py::test_sigkill"),
    ("rewriting generator.keras at the start", "kgan/runs/resume.py",
     "        generators.save(run, gan.sampler)  # a kill", "        pass  # a kill",
     "../runs/test_loop_resuming.py::test_killed_between"),
    ("the NaN guard", "kgan/runs/callbacks.py", "if lost or checkpoints.not_finite(arrays):", "if False:",
     "test_nan.py::test_nan"),
    ("the NaN guard before an evaluation", "kgan/runs/loop.py", "state, *monitors, self.patience,",
     "*monitors, state, self.patience,", "../runs/test_loop_evaluations.py::test_divergence"),
    ("the NaN check of a checkpoint", "kgan/runs/checkpoints.py", "if bad := not_finite(state):", "if bad := None:",
     "../runs/test_checkpoints.py::test_not_finite"),
    ("the zip path check", "kgan/data/local.py", "    if layouts.UNSAFE.search(member.filename):\n", "    if False:\n",
     "test_strangers.py::test_every_odd"),
    ("the escaping of pages", "kgan/runtime/templates.py", "autoescape=True", "autoescape=False",
     "test_strange_runs.py::test_the_report"),
    ("the stop at links out of a run", "kgan/runs/checks.py", " and file.resolve().is_relative_to(directory.resolve())",
     "", "../runs/test_run_checks.py::test_grids"),
    ("the hash of data that config.json names", "kgan/report/samples.py",
     "        check_recorded(subject.run, prepared, source)\n", "        pass\n",
     "test_strange_runs.py::test_a_folder"),
    ("writing exports aside", "kgan/serving/export.py", "with files.committing(version) as temporary:",
     "with __import__('contextlib').nullcontext(version) as temporary:", "test_export_kills.py::test_sigkill"),
    ("the lock on exports", "kgan/runtime/files.py", '    with FileLock(directory / ".lock"):\n',
     "    with contextlib.nullcontext():\n", "../serving/test_export.py::test_two_exports"),
    ("the check of exports", "kgan/serving/saved_model.py", "    if checked.returncode:\n", "    if False:\n",
     "../serving/test_export.py::test_a_failed_check"),
    ("the check of declared sizes", "kgan/runs/generators.py", "        check_declared(file,",
     "        (lambda *_: 0)(file,", "test_hostile_files.py::test_hostile_keras"),
    ("labels in the judge's key", "kgan/scoring/benchmark.py", "key=train.labelled_sha256 + test.labelled_sha256",
     "key=train.sha256 + test.sha256", "../scoring/test_benchmark.py::test_other_labels"),
)


def main() -> None:
    """Runs every sabotage in a copy of the tree; ends with status 1 when one goes unnoticed."""
    print("| taken out | tests that notice | result |\n|---|---|---|", flush=True)
    unnoticed = 0
    for what, file, text, instead, tests in SABOTAGE:
        with tempfile.TemporaryDirectory() as directory:
            copy = Path(directory) / "kgan"
            shutil.copytree(ROOT, copy, ignore=lambda place, names: set(names) & APART if Path(place) == ROOT else ())
            source = (copy / file).read_text(encoding="utf-8")
            assert source.count(text) == 1, f"{file}: {text!r}"
            (copy / file).write_text(source.replace(text, instead), encoding="utf-8")
            module, _, name = tests.partition("::")
            result = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
                                     f"tests/acceptance/{module}", "-k", name], cwd=copy, capture_output=True,
                                    text=True, env=os.environ | {"PYTHONPATH": str(copy)})
        unnoticed += result.returncode != 1
        print(f"| {what} | `{tests}*` | {'noticed' if result.returncode == 1 else 'UNNOTICED'} |", flush=True)
    sys.exit(1 if unnoticed else 0)


if __name__ == "__main__":
    main()
