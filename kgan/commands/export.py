"""Export a trained generator for servers, verified.

    kgan export runs/digits export/digits
    kgan export runs/digits export/digits_onnx --format=onnx
    kgan export runs/digits export/digits_lite --format=litert  # for phones; also: openvino
    kgan export preset:mnist export/mnist_page --format=web     # one HTML file that draws

Writes the next free version, OUT/1 first, and checks it before it appears there: it must draw the live generator's
images, and refuse bad requests. A SavedModel is called in a new process that has TensorFlow alone, an ONNX, LiteRT or
OpenVINO model by its runtime, and what a web page holds is computed by NumPy. Where the check fails, nothing appears in
OUT. Prints what was written and what to do with it.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from kgan.commands import flags
from kgan.runs.directory import Run
from kgan.runtime import files
from kgan.runtime.errors import UserError
from kgan.serving import export

ARGUMENTS = "WORKDIR|preset:NAME OUT"
FLAGS = (flags.STEP, flags.Flag("format", str, "saved_model", "What to write.", choices=tuple(export.MAIN_FILE)))


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Exports the run directory named by the first argument to the directory named by the second."""
    if len(arguments) != 2:
        raise UserError("give a run directory, or preset:NAME, and an output directory: kgan export WORKDIR OUT")
    run, out = Run(arguments[0]), files.expanded(arguments[1])
    made = export.export_run(run, out, options.format, options.step)
    print(f"{made.version}: {run.recipe().model} at step {made.step:,}\n\n{made.report.strip()}")
    if made.scores is None:
        print(f"The model card has no scores: {flags.quoted('kgan', 'evaluate', str(run.path))} measures them.")
    if options.format == "saved_model":
        if not (made.version / "assets.extra").exists():
            print("It has no warm-up requests: pip install 'kgan[serving]' lets exports add them.")
        print(export.how_to_serve(out, made.name, run.recipe().classes))
    if options.format == "web":
        print(f"Open {made.version / export.MAIN_FILE['web']} in a browser, from this disk or from any server of "
              "files, or send it: it needs nothing beside it.")
