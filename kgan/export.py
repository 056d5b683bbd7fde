"""Export a trained generator for servers, verified.

    python -m kgan.export runs/digits export/digits
    python -m kgan.export runs/digits export/digits_onnx --format=onnx

Writes the next free version, OUT/1 first, aside, and renames it when its signatures, called in a new process that has
TensorFlow alone, give the live generator's images (an ONNX model: when ONNX Runtime gives them); otherwise nothing
appears in OUT. Prints the signatures and how to serve them.
"""

import importlib.util
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from absl import flags

from kgan import cli, trained
from kgan.runs.directory import Run
from kgan.runtime import files
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    import keras

MAIN_FILE = {"saved_model": "saved_model.pb", "onnx": "model.onnx"}  # by format
FORMAT = flags.DEFINE_enum("format", "saved_model", list(MAIN_FILE), "saved_model or onnx.")


class Exported(NamedTuple):
    """What `export` made."""

    version: Path
    report: str  # signatures, and how they were verified


def main(arguments: Sequence[str]) -> None:
    """Exports the run directory named by the first argument to the directory named by the second."""
    with cli.one_sentence():
        if len(arguments) != 2:
            raise UserError("give a run directory and an output directory: python -m kgan.export WORKDIR OUT")
        run, out = Run(arguments[0]), Path(arguments[1]).expanduser()
        run.recipe()
        check(out, FORMAT.value)
        name = re.sub(r"[^\w.-]", "-", out.resolve().name, flags=re.ASCII)
        step = run.last_step() if trained.STEP.value is None else trained.STEP.value  # found once: the run may go on
        generator = cli.open_generator(run.path, step)
        step = run.logged_step() if step is None else step
        scores = run.scores(step)
        from kgan.serving import card

        version, report = export(generator, out, FORMAT.value,
                                 lambda report: card.model_card(run, step, name, FORMAT.value, report, scores))
    print(f"{version}: {run.recipe().model} at step {step:,}\n\n{report.strip()}")
    if scores is None:
        print(f"The model card has no scores: python -m kgan.evaluate {shlex.quote(str(run.path))} measures them.")
    if FORMAT.value == "saved_model":
        if not (version / "assets.extra").exists():
            print("It has no warm-up requests: pip install 'kgan[serving]' lets exports add them.")
        print(how_to_serve(out, name))


def check(out: Path, form: str) -> None:
    """Tells whether `export` could begin.

    Raises:
        UserError: `out` can't become a directory of versions of that format, or the format's extra is missing.
    """
    absent = [name for name in ("tf2onnx", "onnxruntime") if form == "onnx" and not importlib.util.find_spec(name)]
    if absent:
        raise UserError(f"--format=onnx needs {' and '.join(absent)}; pip install 'kgan[onnx]'.")
    obstacle = files.obstacle(out)
    if obstacle:
        raise UserError(f"{str(out)!r} can't hold exports: {obstacle}; choose another OUT.")
    if Run(out).exists():
        raise UserError(f"{str(out)!r} is a run directory; choose another OUT.")
    if any((out / file).exists() for file in MAIN_FILE.values()):
        raise UserError(f"{str(out)!r} is itself a version; give the directory above it as OUT.")
    for other in set(MAIN_FILE) - {form}:
        if any((version / MAIN_FILE[other]).exists() for version in _versions(out).values()):
            raise UserError(f"{str(out)!r} holds versions of format {other}; servers load the newest, so choose "
                            f"another OUT for {form}.")


def export(generator: "keras.Model", out: Path, form: str = "saved_model",
           describe: Callable[[str], str] | None = None) -> Exported:
    """Writes `generator` as the next version in `out`: aside, verified, then renamed.

    Args:
        generator: maps z, (n, latent_dim), and conditions, if it has any, to images, (n, H, W, C) in [-1, 1].
        out: directory of the versions.
        form: a key of MAIN_FILE.
        describe: makes the text of MODEL_CARD.md of the verification's report; None: no card.

    Raises:
        UserError: the export is not what the live generator is; nothing appears in `out`.
        OSError: `out` can't be made or written.
    """
    from kgan import images
    from kgan.serving import card, onnx, saved_model

    if form not in MAIN_FILE:
        raise UserError(f"form={form!r} is unknown; known: {', '.join(MAIN_FILE)}.")
    kind = {"saved_model": saved_model, "onnx": onnx}[form]
    out.mkdir(parents=True, exist_ok=True)
    with files.alone(out):
        files.sweep(out)  # of exports that were killed
        version = out / str(max(_versions(out), default=0) + 1)
        with files.committing(version) as aside:
            kind.write(generator, aside)
            report = kind.verify(generator, aside)
            if describe is not None:
                images.save_grid(saved_model.samples(generator, 64)["images"], aside / card.SAMPLES)
                (aside / "MODEL_CARD.md").write_text(describe(report), encoding="utf-8")
    return Exported(version, report)


def how_to_serve(out: Path, name: str) -> str:
    """Returns commands to paste: TensorFlow Serving in Docker, then requests to it."""
    mount = shlex.quote(f"{out.resolve()}:/models/{name}")
    decode = ('import base64, json, sys; '
              'sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)["outputs"][0]["b64"]))')
    url = f"http://localhost:8501/v1/models/{name}:predict"
    return f"""
To serve the newest version in {out}, also after later exports:

docker run --rm -p 8501:8501 -v {mount} -e MODEL_NAME={name} tensorflow/serving

curl -s -d '{{"signature_name": "sample", "inputs": {{"seed": [7]}}}}' {url}
curl -s -d '{{"signature_name": "sample_png", "inputs": {{"seed": [7]}}}}' {url} \\
  | python3 -c '{decode}' > seed7.png"""


def _versions(out: Path) -> dict[int, Path]:
    entries = out.iterdir() if out.is_dir() else ()
    return {int(entry.name): entry for entry in entries if re.fullmatch("[0-9]+", entry.name)}


if __name__ == "__main__":
    cli.launch(main)
