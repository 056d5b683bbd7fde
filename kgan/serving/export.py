"""Exports: the next version of a generator, written under a temporary name, verified, then renamed."""

import importlib
import importlib.util
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kgan.runs import generators, scores
from kgan.runs.directory import Run
from kgan.runtime import files
from kgan.runtime.errors import UserError, reason

if TYPE_CHECKING:
    import keras

IMAGE = "tensorflow/serving:2.20.0"  # of TensorFlow Serving: the newest when this was written
MAIN_FILE = {"saved_model": "saved_model.pb", "onnx": "model.onnx", "litert": "model.tflite", "openvino": "model.xml",
             "web": "index.html"}  # by format
NEEDED = {"onnx": ("onnx", "onnxruntime"), "litert": ("ai_edge_litert",), "openvino": ("onnx", "openvino")}


class Exported(NamedTuple):
    """What `export` made."""

    version: Path
    report: str  # signatures, and how they were verified


class ExportedRun(NamedTuple):
    """What `export_run` made, and of what."""

    version: Path
    report: str
    name: str  # of the model, for servers
    step: int
    scores: dict[str, Any] | None  # that stand on the card


def export_run(run: Run, out: Path, form: str = "saved_model", step: int | str | None = None) -> ExportedRun:
    """Exports a run's generator, as of the checkpoint of `Run.drawn_step`, with its card.

    Raises:
        UserError: there is no such run or checkpoint, or as `check` and `export`.
        OSError: `out` can't be made or written.
    """
    run.recipe()
    check(out, form)
    name = _name(out)
    step = run.drawn_step(step)  # found once: the run may go on
    generator = generators.open_generator(run.path, step)
    step = run.logged_step() if step is None else step
    kept = scores.load(run, step)
    from kgan.serving import card
    from kgan.serving.web import about

    version, report = export(generator, out, form,
                             lambda report: card.model_card(run, step, name, form, report, kept),
                             about.facts(run, step, kept) if form == "web" else None)
    return ExportedRun(version, report, name, step, kept)


def check(out: Path, form: str) -> None:
    """Raises UserError if `export` could not start: bad `out`, another format there, missing packages."""
    if form not in MAIN_FILE:
        raise UserError(f"format={form!r} is unknown; known: {', '.join(MAIN_FILE)}.")
    if absent := [name for name in NEEDED.get(form, ()) if not importlib.util.find_spec(name)]:
        raise UserError(f"--format={form} needs {' and '.join(absent)}; pip install 'kgan[{form}]'.")
    for name in NEEDED.get(form, ()):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UserError(f"--format={form} needs {name}, which is installed and can't be imported "
                            f"({reason(error)}); pip install --force-reinstall 'kgan[{form}]'.") from error
    if why := files.why_not_writable(out):
        raise UserError(f"{str(out)!r} can't hold exports: {why}; choose another OUT.")
    if Run(out).exists():
        raise UserError(f"{str(out)!r} is a run directory; choose another OUT.")
    if any((out / file).exists() for file in MAIN_FILE.values()):
        raise UserError(f"{str(out)!r} is itself a version; give the directory above it as OUT.")
    for other in set(MAIN_FILE) - {form}:
        if any((version / MAIN_FILE[other]).exists() for version in files.versions(out).values()):
            raise UserError(f"{str(out)!r} holds versions of format {other}; servers load the newest, so choose "
                            f"another OUT for {form}.")


def export(generator: "keras.Model", out: Path, form: str = "saved_model",
           describe: Callable[[str], str] | None = None, facts: Mapping[str, str] | None = None) -> Exported:
    """Writes `generator` in float32, in Keras' own layers, as the next version in `out`, with its golden requests.

    Args:
        generator: maps z, (n, latent_dim), and conditions, if it has any, to images, (n, H, W, C) in [-1, 1].
        out: directory of the versions.
        form: a key of MAIN_FILE.
        describe: makes the text of MODEL_CARD.md of the verification's report; None: no card.
        facts: what the page of form "web" says of the model, by heading.

    Raises:
        UserError: the export is not what the live generator is, or the generator draws NaN or infinity; nothing
            appears in `out`.
        OSError: `out` can't be made or written.
    """
    from kgan import images, kernels, sampling
    from kgan.serving import card, golden_requests, saved_model

    if form not in MAIN_FILE:
        raise UserError(f"form={form!r} is unknown; known: {', '.join(MAIN_FILE)}.")
    kind: Any = importlib.import_module("kgan.serving.web.page" if form == "web" else f"kgan.serving.{form}")
    generators.check_finite(generator, "what is to be exported")
    said = {"name": _name(out), "about": facts} if form == "web" else {}
    generator = kernels.plain(generator, dtype="float32")  # the same graph, whatever machine writes it
    out.mkdir(parents=True, exist_ok=True)
    with files.locked(out):
        files.sweep(out)  # of exports that were killed
        version = out / str(max(files.versions(out), default=0) + 1)
        with files.committing(version) as temporary:
            kind.write(generator, temporary, **said)
            report = kind.verify(generator, temporary)
            if form != "web":  # whose page holds its golden pictures, and checks itself
                golden_requests.write(generator, temporary, form, _name(out), int(version.name))
            if describe is not None:
                images.save_grid(saved_model.samples(generator, 64)["images"], temporary / card.SAMPLES,
                                 card.columns(sampling.classes(generator)))
                (temporary / "MODEL_CARD.md").write_text(describe(report), encoding="utf-8")
    return Exported(version, report)


def how_to_serve(out: Path, name: str, classes: int | None = None) -> str:
    """Returns commands to paste: TensorFlow Serving in Docker, requests, with a label if it has classes, the check."""
    mount = shlex.quote(f"{out.resolve()}:/models/{name}")
    decode = ('import base64, json, sys; '
              'sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)["outputs"][0]["b64"]))')
    inputs = '{"seed": [7]}' if classes is None else '{"seed": [7], "label": [1]}'
    check = shlex.quote(str(out / str(max(files.versions(out), default=1)) / "check.py"))
    url = f"http://localhost:8501/v1/models/{name}:predict"
    return f"""
To serve the newest version in {out}, also after later exports:

docker run --rm -p 8501:8501 -v {mount} -e MODEL_NAME={name} {IMAGE}

curl -s -d '{{"signature_name": "sample", "inputs": {inputs}}}' {url}
curl -s -d '{{"signature_name": "sample_png", "inputs": {inputs}}}' {url} \\
  | python3 -c '{decode}' > seed7.png

python3 {check} http://localhost:8501  # does it draw what was exported?"""


def _name(out: Path) -> str:
    """Returns what servers call the model whose versions `out` holds."""
    return re.sub(r"[^\w.-]", "-", out.resolve().name, flags=re.ASCII)

