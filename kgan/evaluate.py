"""Score generated images and tell what is wrong with them.

    python -m kgan.evaluate runs/mnist
    python -m kgan.evaluate runs/mnist --step=5000 --json
    python -m kgan.evaluate export/mnist --dataset=mnist --trust    # a SavedModel
    python -m kgan.evaluate images --dataset=mnist                  # a folder of images, or an .npy of uint8 images

Compares 10,000 images with the data set's test images, beside yardsticks. What it finds of a run against the run's own
data is kept in WORKDIR/scores, for the model card of exports. Exit status: 0 healthy, 3 not healthy,
1 for bad input.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from kgan import cli, trained
from kgan.data import sources
from kgan.runtime import machine
from kgan.runtime.errors import UserError
from kgan.scoring.table import strict, tables

DATASET = flags.DEFINE_string("dataset", None, "Compare with this data set; default: the run's own.")
DATA = flags.DEFINE_string("data", None, "Your own images, or your own copy of --dataset; default: the run's own.")
CROP = flags.DEFINE_integer("crop", None, "Side of the square cut out of the data set's pictures; default: the run's.")
COUNT = flags.DEFINE_integer("count", 10_000, "Images of each kind to compare.", lower_bound=10)
FID = flags.DEFINE_bool("fid", False, "Also true FID, on Inception's features (needs its weights, downloaded once).")
TRUST = flags.DEFINE_bool("trust", False, "Load a SavedModel, which is a program.")
JSON = flags.DEFINE_bool("json", False, "Print JSON.")

UNHEALTHY = 3  # exit status


def main(arguments: Sequence[str]) -> int | None:
    """Scores what the one argument names. Returns the exit status: None for healthy."""
    with cli.one_sentence():
        if len(arguments) != 1:
            raise UserError("give one thing to score, a run directory, a SavedModel, a folder of images or an .npy "
                            "array: python -m kgan.evaluate WORKDIR")
        path = Path(arguments[0]).expanduser()
        if not path.exists():
            raise UserError(f"{arguments[0]!r} is not there; give a run directory, a SavedModel, a folder of images or "
                            "an .npy array.")
        if DATASET.value is not None or DATA.value is not None:
            sources.locate(DATASET.value, DATA.value)  # says now what would fail after half a minute
        machine.import_tensorflow()
        from kgan.reporting.target import benchmark_for, open_subject, protocol
        from kgan.scoring import doctor

        subject = open_subject(path, trained.STEP.value, trust=TRUST.value)
        benchmark, notes = benchmark_for(subject, count=COUNT.value, dataset=DATASET.value, data=DATA.value,
                                         crop=CROP.value, fid=FID.value)
        numbers = benchmark.measure(subject.draw(benchmark.count))
        yardsticks = benchmark.yardsticks()
        findings = doctor.diagnose(numbers, doctor.read_log(subject.log, subject.step))
        said = protocol(subject, benchmark)
        content = strict({"protocol": said, "count": benchmark.count, "notes": notes, "numbers": numbers,
                          "yardsticks": yardsticks, "healthy": not findings,
                          "verdict": [finding._asdict() for finding in findings]})
        if subject.run is not None and (DATASET.value, DATA.value, CROP.value) == (None, None, None):
            try:
                subject.run.save_scores(subject.step, content)
            except OSError as error:  # someone else's run
                print(f"Note: the scores can't be kept in the run ({error.strerror}).", file=sys.stderr)
    if JSON.value:
        print(json.dumps(content, indent=1))
    else:
        print("\n".join([tables({"generated": numbers, **yardsticks}), "", said, *notes, "",
                         doctor.in_words(findings)]))
    return UNHEALTHY if findings else None


if __name__ == "__main__":
    cli.launch(main)
