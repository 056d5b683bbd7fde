"""Tells whether a server, or a runtime on this machine, draws the pictures that were exported, within a grey level.

    python check.py http://host:8501 [--model=NAME]    # TensorFlow Serving, and what speaks its REST API
    python check.py model.onnx                         # ONNX Runtime; also sample.onnx
    python check.py model.tflite                       # LiteRT
    python check.py model.xml                          # OpenVINO, in float32

Compares with golden.json, which lies beside this file. Needs Python alone for a server; for a file the package of its
runtime. Prints a line for each picture and one of summary. Exit status: 0 the same pictures, 1 others, 2 there was no
answer to compare.
"""

import argparse
import base64
import hashlib
import http.client
import importlib
import json
import struct
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

GREY_LEVELS = 1  # that a picture may differ by, of 255: kernels of other machines round otherwise
SECONDS = 60  # to wait for an answer
CHANNELS = {0: 1, 2: 3, 6: 4}  # by PNG's colour type: grey, RGB, RGBA


class Picture(NamedTuple):
    """A decoded picture: 8 bits a value, rows from above."""

    shape: tuple[int, int, int]  # height, width, channels
    pixels: bytes


class NoAnswerError(Exception):
    """Why there is nothing to compare, in a sentence."""


def decode(png: bytes) -> Picture:
    """Decodes a PNG of 8-bit grey or RGB, not interlaced (ISO/IEC 15948).

    Raises:
        NoAnswerError: it is something else, or damaged.
    """
    try:
        chunks = list(_chunks(png))
        width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", dict(chunks)[b"IHDR"])
        if depth != 8 or interlace or colour not in CHANNELS:
            raise ValueError("neither 8-bit grey nor colour")
        data = zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))
        size = CHANNELS[colour]
        if len(data) != height * (width * size + 1):
            raise ValueError("of another length than it says")
        rows, above = [], bytearray(width * size)
        for start in range(0, len(data), width * size + 1):
            above = _unfiltered(data[start], data[start + 1:start + 1 + width * size], above, size)
            rows.append(bytes(above))
        return Picture((height, width, size), b"".join(rows))
    except (KeyError, IndexError, ValueError, struct.error, zlib.error) as error:
        raise NoAnswerError(f"a picture can't be read ({error})") from error


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields a PNG's chunks: kind and content."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    place = 8
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        yield kind, png[place + 8:place + 8 + length]
        place += length + 12


def _unfiltered(kind: int, row: bytes, above: bytearray, size: int) -> bytearray:
    """Undoes one of PNG's filters on a row, given the row above; `size` is a pixel's number of bytes."""
    out = bytearray(len(row))
    for place, value in enumerate(row):
        left, up = out[place - size] if place >= size else 0, above[place]
        corner = above[place - size] if place >= size else 0
        predicted = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        out[place] = (value + predicted) % 256
    return out


def _paeth(left: int, up: int, corner: int) -> int:
    """Returns the neighbour that is nearest to left + up - corner."""
    estimate = left + up - corner
    return min((left, up, corner), key=lambda neighbour: abs(estimate - neighbour))


def ask(url: str, body: Any = None) -> Any:
    """Returns a server's JSON answer, to a GET, or to a POST of `body`.

    Raises:
        NoAnswerError: it can't be reached, or answers an error, or no JSON.
    """
    try:
        request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read(1000).decode(errors="replace").strip()
        raise NoAnswerError(f"{url} answers {error.code}: {said or error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)  # often an OSError itself
        why = getattr(reason, "strerror", None) or reason
        raise NoAnswerError(f"{url} can't be reached ({why}); is the server running?") from error
    except ValueError as error:
        raise NoAnswerError(f"{url} answers no JSON, or is no address like http://host:8501 ({error}).") from error


def from_server(host: str, model: str, golden: dict[str, Any]) -> list[Picture]:
    """Returns what the server draws of the golden inputs: by the exported version where it has that one."""
    url, wanted = f"{host.rstrip('/')}/v1/models/{model}", str(golden["version"])
    status = ask(url)
    try:
        states = {str(one["version"]): one["state"] for one in status["model_version_status"]}
    except (KeyError, TypeError) as error:
        raise NoAnswerError(f"{url} answers something else than versions: {str(status)[:200]}") from error
    for version, state in states.items():
        print(f"{model}, version {version}: {state}")
    if "AVAILABLE" not in states.values():
        raise NoAnswerError(f"{url} has no version that is available.")
    if states.get(wanted) == "AVAILABLE":
        url += f"/versions/{wanted}"
    else:
        print(f"golden.json is of version {wanted}, which is not available: another one is asked.")
    reply = ask(f"{url}:predict", {"signature_name": "sample_png", "inputs": golden["inputs"]})
    try:
        return [decode(base64.b64decode(one["b64"])) for one in reply["outputs"]]
    except (KeyError, TypeError, ValueError, NoAnswerError) as error:
        raise NoAnswerError(f"{url}:predict answers something else than pictures: {str(reply)[:200]}") from error


def from_file(file: str, golden: dict[str, Any]) -> list[Picture]:
    """Returns what the runtime of a file's suffix draws of the golden inputs."""
    import_name, draw = RUNTIMES[Path(file).suffix]
    try:
        import numpy as np
        runtime = importlib.import_module(import_name)
    except ImportError as error:
        package = import_name.partition(".")[0].replace("_", "-")
        raise NoAnswerError(f"{file} is checked with {package}: pip install {package}.") from error
    kinds = {"seed": np.int64, "label": np.int32}
    inputs = {name: np.array(given, kinds.get(name, np.float32)) for name, given in golden["inputs"].items()}
    try:
        drawn = draw(runtime, file, inputs)
    except KeyError as error:
        raise NoAnswerError(f"{file} takes {error}, which golden.json has not: it is another export's.") from error
    except Exception as error:  # the runtime's, of many kinds; OpenVINO's says first in which of its files
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in said if not line.startswith(("Exception from", "Check "))), repr(error))
        raise NoAnswerError(f"{file} can't be run ({reason}).") from error
    return [Picture(image.shape, image.tobytes()) for image in drawn]


def from_onnx(runtime: Any, file: str, inputs: dict[str, Any]) -> Any:
    """Returns what ONNX Runtime draws: of z by model.onnx, of seeds by sample.onnx."""
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(["images"], {one.name: inputs[one.name] for one in session.get_inputs()})[0]


def from_litert(runtime: Any, file: str, inputs: dict[str, Any]) -> Any:
    """Returns what LiteRT draws of seeds."""
    runner = runtime.Interpreter(file).get_signature_runner("sample")
    return runner(**{name: inputs[name] for name in runner.get_input_details()})["images"]


def from_openvino(runtime: Any, file: str, inputs: dict[str, Any]) -> Any:
    """Returns what OpenVINO draws of z, in float32."""
    model = runtime.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return model({one.any_name: inputs[one.any_name] for one in model.inputs})["images"]


RUNTIMES = {".onnx": ("onnxruntime", from_onnx), ".tflite": ("ai_edge_litert.interpreter", from_litert),
            ".xml": ("openvino", from_openvino)}
FORMATS = {".onnx": "onnx", ".tflite": "litert", ".xml": "openvino"}


def difference(drawn: Picture, expected: dict[str, Any]) -> int | None:
    """Returns by how many grey levels a picture differs from golden.json's at most; None where their shapes do.

    Raises:
        NoAnswerError: golden.json's own picture is damaged.
    """
    exported = decode(base64.b64decode(expected["png"]))
    if hashlib.sha256(exported.pixels).hexdigest() != expected["sha256"]:
        raise NoAnswerError("golden.json is damaged: a picture is not that of its SHA-256.")
    if drawn.shape != exported.shape:
        return None
    return max(abs(a - b) for a, b in zip(drawn.pixels, exported.pixels, strict=True))


def main() -> int:
    """Checks what the command line names; returns the exit status."""
    try:
        return compare(json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8")))
    except OSError as error:
        print(f"golden.json must lie beside this file: {error}", file=sys.stderr)
    except NoAnswerError as error:
        print(error, file=sys.stderr)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        print(f"golden.json is damaged ({type(error).__name__}: {error}); export again.", file=sys.stderr)
    return 2


def compare(golden: dict[str, Any]) -> int:
    """Compares what the command line names with golden.json; returns the exit status.

    Raises:
        NoAnswerError: there is no answer to compare, or nothing to compare it with.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target", help="http://host:8501, or the file")
    parser.add_argument("--model", default=golden["model"], help="the server's name of it (default: %(default)s)")
    given = parser.parse_args()
    form = FORMATS.get(Path(given.target).suffix, "saved_model")
    who = "this server" if form == "saved_model" else "this file"
    if golden["format"] != form:
        wanted = [f"a {suffix} file" for suffix, name in FORMATS.items() if name == golden["format"]]
        parser.error(f"golden.json is of format {golden['format']}; give {(*wanted, 'a server, as http://host:8501')[0]}")
    if not golden["pictures"]:
        raise NoAnswerError("golden.json is damaged: it holds no pictures.")
    drawn = (from_server(given.target, given.model, golden) if form == "saved_model" else
             from_file(given.target, golden))
    if len(drawn) != len(golden["pictures"]):
        raise NoAnswerError(f"{len(drawn)} pictures came, not {len(golden['pictures'])}.")
    wrong = 0
    for picture, expected in zip(drawn, golden["pictures"], strict=True):
        levels = difference(picture, expected)
        wrong += levels is None or levels > GREY_LEVELS
        name = f"seed {expected['seed']}" + (f", label {expected['label']}" if "label" in expected else "")
        print(f"{name}: " + (f"{picture.shape}, another shape" if levels is None else "the same pixels" if not levels
                             else f"{levels} grey level{'s' * (levels > 1)} apart"))
    print(f"Yes: {who} draws what was exported, within a grey level." if not wrong else
          f"No: {who} draws something else than what was exported, in {wrong} of {len(drawn)} pictures.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
