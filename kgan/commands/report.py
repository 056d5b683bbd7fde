"""Report on runs: one page that opens anywhere, with samples, curves, scores, a game.

    kgan report runs/mnist
    kgan report runs/seed0 runs/seed1 preset:mnist --out=three.html

The page holds everything it shows: recipe and layers, the same seeds through training, the log as curves, yardsticks,
nearest training images, the doctor's words, and forty pictures to guess: real or fake? Several runs stand side by side.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from kgan.commands import flags
from kgan.runs.directory import Run
from kgan.runtime import machine
from kgan.runtime.errors import UserError

MOST = 6  # runs on a page
ARGUMENTS = "WORKDIR [WORKDIR ...]"
FLAGS = (flags.STEP, flags.Flag("out", str, "report.html", "File to write: .html."),)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Reports on the run directories or presets named by the arguments."""
    if not 1 <= len(arguments) <= MOST:
        raise UserError(f"{len(arguments)} runs are named; give one to {MOST} run directories or presets: "
                        "kgan report WORKDIR [WORKDIR ...]")
    out = flags.parse_out(options.out, ".html")
    for place in arguments:
        Run(place).recipe()  # says now what would fail after TensorFlow's start
    machine.import_tensorflow()
    from kgan.report import page

    size = page.write(arguments, out, options.step)
    print(f"{out}: {size / 1e6:.1f} MB. Open it in any browser.")
