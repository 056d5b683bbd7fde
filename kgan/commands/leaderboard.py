"""Rank trained runs: every seed's score, mean, spread and worst, beside yardsticks.

    kgan leaderboard runs/gan runs/dcgan_seed0 runs/dcgan_seed1 --out=leaderboard

Runs of one recipe that differ in their seed alone share a row. Two judges score all; how far they agree is printed.
With --out it writes OUT.md and OUT.json.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from kgan import presets
from kgan.commands import flags
from kgan.runs import generators
from kgan.runs.directory import Run
from kgan.runtime import files, machine
from kgan.runtime.errors import UserError
from kgan.scoring.table import COUNT, json_safe

ARGUMENTS = "WORKDIR [WORKDIR ...]"
FLAGS = (
    flags.Flag("data", str, None, "Your copy of the data set, where it has moved since the runs."),
    flags.Flag("count", int, COUNT, "Images of each kind to compare.", least=10),
    flags.Flag("out", str, None, "Also write the table to OUT.md and all numbers to OUT.json."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Scores the runs that the arguments name and prints the table of each data set."""
    if not arguments:
        raise UserError("give run directories: kgan leaderboard RUN [RUN ...]")
    paths = [presets.resolve(argument) for argument in arguments]
    for path in paths:  # says now what would fail after minutes
        Run(path).recipe()
        generators.check_saved(Run(path))
    out = None if options.out is None else flags.parse_out(options.out)
    machine.import_tensorflow()
    from kgan.evaluation import leaderboard

    boards = leaderboard.score(paths, options.data, options.count)
    table = "\n\n".join(map(leaderboard.markdown, boards))
    print(table)
    if out is not None:
        files.write_text(out.with_name(f"{out.name}.md"), table + "\n")
        files.write_json(out.with_name(f"{out.name}.json"), json_safe(
            [{**board._asdict(), "runs": [run._asdict() for run in board.runs]} for board in boards]))
