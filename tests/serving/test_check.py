"""check.py, as it lies in exports: against the stand-in server, against ONNX Runtime, and its PNG decoder."""

import ast
import base64
import hashlib
import io
import json
import shutil
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from kgan import sampling
from kgan.runtime import files
from kgan.serving import check, export, saved_model

CHECK = Path(check.__file__)


def _generator(number, channels=1):
    keras.utils.set_random_seed(number)
    z, label = keras.Input((5,), name="z"), keras.Input((), dtype="int32", name="label")
    x = keras.layers.Dense(16 * channels, "tanh")(z) * keras.layers.Embedding(3, 16 * channels, "ones")(label)
    return keras.Model([z, label], keras.layers.Reshape((4, 4, channels))(x))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Version 1 of a model, and a SavedModel of another generator."""
    directory = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "verify", lambda generator, directory: "")
        export.export(_generator(1), directory / "model")
    saved_model.write(_generator(2), directory / "other")
    return directory


@pytest.fixture
def served(exported, tmp_path):
    """Starts the stand-in on the versions below a directory; returns its address."""
    uvicorn = pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    from kgan.serving import server

    running = []

    def serve(directory):
        versions = server.Versions(directory)
        versions.look()
        one = uvicorn.Server(uvicorn.Config(server.create_app(versions, "model"), port=0, log_level="error"))
        thread = threading.Thread(target=one.run)
        thread.start()
        running.append((one, thread))
        while not one.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{one.servers[0].sockets[0].getsockname()[1]}"

    yield serve
    for one, thread in running:
        one.should_exit = True
        thread.join()


def _check(directory, *arguments):
    return subprocess.run([sys.executable, "-I", directory / "check.py", *arguments], capture_output=True, text=True)


def test_it_needs_the_standard_library_alone():
    found = {name.split(".")[0] for node in ast.parse(CHECK.read_text(encoding="utf-8")).body
             for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else
                          [node.module] if isinstance(node, ast.ImportFrom) else [])}
    assert found
    assert found <= sys.stdlib_module_names


def test_every_export_has_it_and_its_manifest_too(exported):
    version = exported / "model" / "1"
    assert (version / "check.py").read_bytes() == CHECK.read_bytes()
    assert {"check.py", "golden.json"} < json.loads((version / "manifest.json").read_text()).keys()
    assert files.damage(version) is None
    content = json.loads((version / "golden.json").read_text())
    assert (content["model"], content["version"], content["format"]) == ("model", 1, "saved_model")
    assert {"kgan", "tensorflow", "keras"} <= content["versions"].keys()
    seeds, labels = [*range(10)], [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    assert content["inputs"] == {"seed": seeds, "label": labels}
    for picture, expected in zip(content["pictures"], sampling.generate(_generator(1), seeds, labels), strict=True):
        drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture["png"]))))
        assert np.abs(drawn[..., None] - expected.astype(int)).max() <= 1
        assert picture["sha256"] == hashlib.sha256(drawn.tobytes()).hexdigest()
        assert (picture["seed"], picture["label"]) == (seeds.pop(0), labels.pop(0))


def test_the_server_of_the_export_draws_it_and_one_of_another_does_not(exported, served, tmp_path):
    version = exported / "model" / "1"
    good = _check(version, served(exported / "model"))
    assert (good.returncode, good.stderr) == (0, "")
    lines = good.stdout.splitlines()
    assert lines[0] == "model, version 1: AVAILABLE"
    assert lines[1] == "seed 0, label 0: the same pixels"
    assert len(lines) == 12
    assert lines[-1] == "Yes: this server draws what was exported, within a grey level."
    shutil.copytree(exported / "other", tmp_path / "model" / "1")  # in its place
    swapped = _check(version, served(tmp_path / "model"))
    assert (swapped.returncode, swapped.stderr) == (1, "")
    assert "seed 0, label 0: " in swapped.stdout
    assert " grey levels apart\n" in swapped.stdout
    assert swapped.stdout.endswith(
        "No: this server draws something else than what was exported, in 10 of 10 pictures.\n")


def test_another_version_is_said_and_asked(exported, served, tmp_path):
    shutil.copytree(exported / "other", tmp_path / "model" / "2")
    result = _check(exported / "model" / "1", served(tmp_path / "model"))
    assert result.returncode == 1
    assert result.stdout.startswith("model, version 2: AVAILABLE\ngolden.json is of version 1, which is not available: "
                                    "another one is asked.\n")


def test_what_gives_no_answer_is_a_sentence_and_2(exported, served, tmp_path):
    version, address = exported / "model" / "1", served(exported / "model")
    (tmp_path / "plain").mkdir()
    shutil.copy(version / "check.py", tmp_path / "plain")
    for arguments, said in (
            (["http://127.0.0.1:9"], "http://127.0.0.1:9/v1/models/model can't be reached (Connection refused)"),
            (["127.0.0.1:8501"], "can't be reached (unknown url type: 127.0.0.1)"),
            (["localhost"], "is no address like http://host:8501"),
            ([address, "--model=else"], "/v1/models/else answers 404: {\"error\":\"no model 'else'; there is 'model'"),
            ([address + "/elsewhere"], "answers 404"),
            (["model.onnx"], "golden.json is of format saved_model; give a server, as http://host:8501"),
            ([], "the following arguments are required: target")):
        result = _check(version, *arguments)
        assert result.returncode == 2
        assert said in result.stderr
        assert "Traceback" not in result.stderr
    result = _check(tmp_path / "plain", address)
    assert (result.returncode, result.stdout) == (2, "")
    assert "golden.json" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("answers", "said"), [
    (["text"], "answers something else than versions: text"),
    ([{"model_version_status": [{"version": "1", "state": "LOADING"}]}], "has no version that is available"),
    ([None, {"outputs": [{"b64": "AAAA"}]}], "answers something else than pictures: {'outputs': [{'b64': 'AAAA'}]}"),
    ([None, {"outputs": [[0.5]]}], "answers something else than pictures"),
    ([None, []], "answers something else than pictures"),
])
def test_other_answers_are_a_sentence(exported, monkeypatch, answers, said):
    ready = {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}
    replies = iter([ready if answer is None else answer for answer in answers])
    monkeypatch.setattr(check, "ask", lambda url, body=None: next(replies))
    content = json.loads((exported / "model" / "1" / "golden.json").read_text())
    with pytest.raises(check.NoAnswerError) as raised:
        check.from_server("http://x", "model", content)
    assert said in str(raised.value)


def _png(pixels, kind):
    """Encodes pixels, (H, W, C), with one of PNG's filters in all rows."""
    height, width, channels = pixels.shape
    padded = np.zeros((height + 1, width + 1, channels), int)
    padded[1:, 1:] = pixels
    left, up, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    estimate = left + up - corner
    distances = np.abs(np.stack([left, up, corner]) - estimate)
    paeth = np.take_along_axis(np.stack([left, up, corner]), distances.argmin(0)[None], 0)[0]
    predicted = [0, left, up, (left + up) // 2, paeth][kind]
    rows = ((pixels.astype(int) - predicted) % 256).astype(np.uint8).reshape(height, -1)
    data = zlib.compress(b"".join(bytes([kind]) + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tEXt", b"a\0b"), (b"IDAT", data[:20]), (b"IDAT", data[20:]), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(content)) + name + content +
                                           struct.pack(">I", zlib.crc32(name + content)) for name, content in chunks)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", range(5))
def test_every_filter_of_png_is_undone(kind, channels):
    pixels = np.random.default_rng(kind).integers(0, 6, (7, 5, channels), np.uint8) * 51  # few levels: Paeth has ties
    png = _png(pixels, kind)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))).reshape(pixels.shape), pixels)
    assert check.decode(png) == (pixels.shape, pixels.tobytes())


def test_other_pngs_are_refused():
    good = _png(np.zeros((7, 5, 1), np.uint8), 0)
    palette = io.BytesIO()
    Image.new("P", (2, 2)).save(palette, "PNG")
    for png, said in ((b"GIF89a", "no PNG"), (good[:40], ""), (palette.getvalue(), "neither 8-bit grey nor colour"),
                      (_png(np.zeros((7, 5, 1), np.uint8), 0).replace(struct.pack(">I", 7), struct.pack(">I", 8)),
                       "of another length")):
        with pytest.raises(check.NoAnswerError, match=f"a picture can't be read .*{said}"):
            check.decode(png)


def test_a_grey_level_is_allowed_and_two_are_not(exported, monkeypatch, capsys):
    content = json.loads((exported / "model" / "1" / "golden.json").read_text())
    pictures = [check.decode(base64.b64decode(one["png"])) for one in content["pictures"]]
    monkeypatch.setattr(check, "__file__", str(exported / "model" / "1" / "check.py"))
    monkeypatch.setattr(sys, "argv", ["check.py", "http://x"])
    for levels, status, said in ((1, 0, "seed 3, label 0: 1 grey level apart\n"),
                                 (2, 1, "seed 3, label 0: 2 grey levels apart\n")):
        pixels = bytearray(pictures[3].pixels)
        pixels[6] += levels if pixels[6] < 128 else -levels
        moved = [*pictures[:3], pictures[3]._replace(pixels=bytes(pixels)), *pictures[4:]]
        monkeypatch.setattr(check, "from_server", lambda *_, moved=moved: moved)
        assert check.main() == status
        assert said in capsys.readouterr().out
    monkeypatch.setattr(check, "from_server", lambda *_: [check.Picture((2, 2, 1), b"abcd"), *pictures[1:]])
    assert check.main() == 1
    assert "seed 0, label 0: (2, 2, 1), another shape\n" in capsys.readouterr().out
    monkeypatch.setattr(check, "from_server", lambda *_: pictures[1:])
    assert check.main() == 2
    assert "9 pictures came, not 10." in capsys.readouterr().err


@pytest.mark.parametrize(("form", "files"), [("onnx", ["model.onnx", "sample.onnx"]), ("litert", ["model.tflite"]),
                                            ("openvino", ["model.xml"])])
def test_a_file_is_checked_with_its_runtime(form, files, tmp_path):
    for package in export.NEEDED[form]:
        pytest.importorskip(package)
    version = export.export(_generator(1, 3), tmp_path / "model", form).version
    content = json.loads((version / "golden.json").read_text())
    assert np.shape(content["inputs"]["z"]) == (10, 5)
    for file in files:
        good = _check(version, version / file)
        assert good.returncode == 0, good.stderr
        assert good.stdout.endswith("Yes: this file draws what was exported, within a grey level.\n")
    with pytest.raises(check.NoAnswerError, match="which golden.json has not: it is another export's"):
        check.from_file(str(version / files[0]), content | {"inputs": {"other": [0]}})
    content["pictures"].reverse()
    (version / "golden.json").write_text(json.dumps(content))
    swapped = _check(version, version / files[0])
    assert swapped.returncode == 1
    assert swapped.stdout.endswith("in 10 of 10 pictures.\n")
    absent = f"absent{(version / files[0]).suffix}"
    broken = _check(version, tmp_path / absent)
    assert broken.returncode == 2
    assert f"{absent} can't be run (" in broken.stderr
    assert "Traceback" not in broken.stderr
    other = _check(version, "http://127.0.0.1:9")
    assert other.returncode == 2
    assert f"golden.json is of format {form}; give a {(version / files[0]).suffix} file" in other.stderr


@pytest.mark.parametrize(("file", "package"), [("model.onnx", "onnxruntime"), ("model.tflite", "ai-edge-litert"),
                                               ("model.xml", "openvino")])
def test_without_its_runtime_a_file_gets_a_sentence(file, package, monkeypatch):
    monkeypatch.setattr(check.importlib, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(check.NoAnswerError, match=f"^{file} is checked with {package}: pip install {package}.$"):
        check.from_file(file, {})


@pytest.mark.parametrize("damage", [
    lambda content: "", lambda content: "[]", lambda content: json.dumps(content | {"pictures": []}),
    lambda content: json.dumps({name: value for name, value in content.items() if name != "inputs"}),
    lambda content: json.dumps(content | {"pictures": [{**one, "png": "A"} for one in content["pictures"]]}),
    lambda content: json.dumps(content | {"pictures": [{**one, "png": "AAAA"} for one in content["pictures"]]}),
    lambda content: json.dumps(content | {"pictures": [{**one, "sha256": 64 * "0"} for one in content["pictures"]]}),
    lambda content: json.dumps(content | {"inputs": content["inputs"] | {"seed": ["x"]}})])
def test_damaged_golden_requests_are_no_answer(exported, served, damage, tmp_path):
    address = served(exported / "model")
    shutil.copytree(exported / "model" / "1", tmp_path / "1")
    golden = tmp_path / "1" / "golden.json"
    golden.write_text(damage(json.loads(golden.read_text())))
    result = _check(tmp_path / "1", address)
    assert result.returncode == 2
    assert result.stderr.strip() and "Traceback" not in result.stderr
    assert "Yes" not in result.stdout
