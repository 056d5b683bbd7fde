"""Score generated images and tell what is wrong with them.

    kgan evaluate runs/mnist
    kgan evaluate runs/mnist --step=5000 --json
    kgan evaluate preset:mnist
    kgan evaluate export/mnist --dataset=mnist --trust  # a SavedModel that takes no labels
    kgan evaluate images --dataset=mnist                # a folder of images, an .npy or an .npz

Array files hold uint8 images. Compares 10,000 images, or --count, with as many of the data set's test images, and shows
beside them yardsticks: images of known worth. Where a run is compared with its own data, the result is kept in
WORKDIR/scores, for the model card of exports. Exit status: 0 where nothing wrong was found (healthy, where the data
have labels), 3 where something was, 1 for bad input.
"""

import json
from collections.abc import Sequence
from types import SimpleNamespace

from kgan import presets
from kgan.commands import flags
from kgan.data import sources
from kgan.runtime import machine
from kgan.runtime.errors import UserError
from kgan.scoring.table import COUNT

UNHEALTHY = 3  # exit status
ARGUMENTS = "WORKDIR|preset:NAME|SAVED_MODEL|FOLDER|ARRAY.npy|ARRAY.npz"
FLAGS = (
    flags.STEP,
    flags.Flag("dataset", str, None, "Compare with this data set; default: the run's own. "
               f"[{', '.join(sources.names())}]"),
    flags.Flag("data", str, None, "Your own images, or your own copy of --dataset; default: the run's own."),
    flags.Flag("crop", int, None, "Side of the square cut out of the data set's pictures; default: the run's."),
    flags.Flag("count", int, COUNT, "Images of each kind to compare.", least=10),
    flags.Flag("skip_bad", bool, False, "Leave out pictures of a folder that can't be read, instead of stopping."),
    flags.Flag("fid", bool, False, "Also true FID, on Inception's features (needs its weights, downloaded once)."),
    flags.Flag("trust", bool, False, "Load a SavedModel, which is a program."),
    flags.Flag("json", bool, False, "Print JSON."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> int | None:
    """Scores what the one argument names. Returns the exit status: None where nothing is wrong."""
    if len(arguments) != 1:
        raise UserError("give one thing to score, a run directory, a SavedModel, a folder of images, an .npy or an "
                        ".npz: kgan evaluate WORKDIR")
    path = presets.resolve(arguments[0])
    if not path.exists():
        raise UserError(f"{arguments[0]!r} is not there; give a run directory, a SavedModel, a folder of images, an "
                        ".npy or an .npz.")
    if options.dataset is not None or options.data is not None:
        sources.locate(options.dataset, options.data)  # says now what would fail after half a minute
    machine.import_tensorflow()
    from kgan.evaluation import evaluate

    evaluated = evaluate.evaluate(path, step=options.step, trust=options.trust, skip_bad=options.skip_bad,
                                  count=options.count, dataset=options.dataset, data=options.data, crop=options.crop,
                                  fid=options.fid)
    print(json.dumps(evaluated.content, indent=1) if options.json else evaluated.text)
    return UNHEALTHY if evaluated.findings else None
