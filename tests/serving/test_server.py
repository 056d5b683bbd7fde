"""The server of `kgan serve`, in this process."""

import asyncio
import base64
import contextlib
import io
import json
import shutil
import socket
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

pytest.importorskip("uvicorn")
testclient = pytest.importorskip("fastapi.testclient")

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments" / "serving"))
import malformed

from kgan.commands import serve as serve_command
from kgan.runtime.errors import UserError
from kgan.serving import saved_model, server

PREDICT = "/v1/models/model:predict"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two SavedModels of a generator with a z of 5 numbers, whose pictures differ."""
    directory = tmp_path_factory.mktemp("saved")
    for number in (1, 2):
        keras.utils.set_random_seed(number)
        z = keras.Input((5,))
        image = keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16, "tanh")(z))
        saved_model.write(keras.Model(z, image), directory / str(number))
    return directory


@pytest.fixture(scope="module")
def versions(saved, tmp_path_factory):
    """A directory with version 1, served; the tests share it, the last one adds to it."""
    directory = tmp_path_factory.mktemp("served") / "model"
    shutil.copytree(saved / "1", directory / "1")
    versions = server.Versions(directory)
    versions.look()
    return versions


@pytest.fixture
def ask(versions):
    client = testclient.TestClient(server.create_app(versions, "model"), raise_server_exceptions=False)

    def ask(body, path=PREDICT):
        return client.post(path, content=body if isinstance(body, bytes) else json.dumps(body))

    return ask


def _images(directory, seeds):
    sample = tf.saved_model.load(str(directory)).signatures["sample"]
    return sample(seed=tf.constant(seeds, tf.int64))["images"].numpy()


def test_answers_have_tensorflow_servings_forms(ask, versions):
    expected = _images(versions.directory / "1", [3, 4]).tolist()
    for body in ({"inputs": {"seed": [3, 4]}}, {"inputs": [3, 4]}, {"instances": [3, 4]},
                 {"instances": [{"seed": 3}, {"seed": 4}]}):
        key = "outputs" if "inputs" in body else "predictions"
        answer = ask({"signature_name": "sample", **body})
        assert (answer.status_code, answer.json()) == (200, {key: expected})
        assert answer.headers["X-Model-Version"] == "1"
    files = ask({"signature_name": "sample_png", "instances": [3, 4]}).json()["predictions"]
    assert [np.asarray(Image.open(io.BytesIO(base64.b64decode(file["b64"]))))[..., None].tolist()
            for file in files] == expected
    assert np.shape(ask({"inputs": [[0] * 5, [0.5] * 5]}).json()["outputs"]) == (2, 4, 4, 1)  # whole numbers too
    assert ask({"inputs": [[0] * 5]}, "/v1/models/model/versions/1:predict").status_code == 200


def test_several_outputs_keep_their_names():
    tensors = {"a": tf.constant([1, 2]), "b_bytes": tf.constant([b"x", b"y"])}
    x, y = {"b64": "eA=="}, {"b64": "eQ=="}
    assert server.outputs_of(tensors, by_rows=False) == {"outputs": {"a": [1, 2], "b_bytes": [x, y]}}
    assert server.outputs_of(tensors, by_rows=True) == {"predictions": [{"a": 1, "b_bytes": x}, {"a": 2, "b_bytes": y}]}


@pytest.mark.parametrize("number", range(len(malformed.broken(5))))
def test_what_cannot_be_answered_is_refused_with_a_reason(ask, number):
    path, body, status = malformed.broken(5)[number]
    answer = ask(body, path)
    assert answer.status_code == status
    assert len(answer.json()["error"]) > 5


def test_names_that_no_json_can_say_back_are_refused(ask):
    """A lone surrogate is JSON, and no text in UTF-8."""
    answer = ask(b'{"signature_name": "sample", "inputs": {"\\ud800": [1]}}')
    assert answer.status_code == 400
    assert "the inputs are '\\ud800'; the signature takes seed" in answer.json()["error"]


def test_a_client_that_hangs_up_within_its_body_is_no_fault_of_the_servers(versions):
    app = server.create_app(versions, "model")
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": PREDICT, "headers": [(b"content-length", b"9")],
             "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": ""}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 400


def test_inputs_of_several_signature_inputs_must_agree():
    specs = {"seed": tf.TensorSpec([None], tf.int64), "label": tf.TensorSpec([None], tf.int32)}
    parsed = server.inputs_of({"instances": [{"seed": 5, "label": 1}, {"seed": 6, "label": 0}]}, specs)
    assert {name: tensor.numpy().tolist() for name, tensor in parsed.items()} == {"seed": [5, 6], "label": [1, 0]}
    assert parsed["label"].dtype == tf.int32
    for body, reason in (({"inputs": [1]}, "inputs must be an object with label, seed"),
                         ({"inputs": {"seed": [1, 2], "label": [1]}}, "differ in length"),
                         ({"inputs": {"seed": [1]}}, "the signature takes label, seed"),
                         ({"inputs": {"seed": [1], "label": [2**31]}}, "beyond int32")):
        with pytest.raises(server.RefusedError, match=reason):
            server.inputs_of(body, specs)


def test_before_the_first_version_it_says_so(tmp_path):
    client = testclient.TestClient(server.create_app(server.Versions(tmp_path), "model"))
    answer = client.post(PREDICT, content="{}")
    assert answer.status_code == 503
    assert "no version" in answer.json()["error"]


def test_a_newer_version_takes_over_and_a_broken_one_does_not(ask, versions, saved, monkeypatch, capsys):
    body = {"signature_name": "sample", "inputs": [7]}
    before = ask(body).json()
    (versions.directory / ".aside-2-abc").mkdir()  # being written
    (versions.directory / "3").mkdir()  # something else
    loaded = versions.current
    versions.look()
    assert versions.current is loaded
    assert ask(body).json() == before
    (versions.directory / "4").mkdir()
    (versions.directory / "4" / "saved_model.pb").write_bytes(b"broken")
    rounds = iter([None, None])
    monkeypatch.setattr(server.time, "sleep", lambda seconds: next(rounds))
    with pytest.raises(StopIteration):  # it would look for ever
        versions.keep_looking(1)
    assert "Can't load the newest version" in capsys.readouterr().err
    assert ask(body).json() == before
    shutil.copytree(saved / "2", versions.directory / "5")
    versions.look()
    answer = ask(body)
    assert answer.headers["X-Model-Version"] == "5"
    assert answer.json() == {"outputs": _images(saved / "2", [7]).tolist()} != before
    assert ask(body, "/v1/models/model/versions/1:predict").status_code == 404


@pytest.mark.parametrize(("made", "said"), [
    ("absent", "is no directory of versions; kgan export WORKDIR OUT makes OUT one."),
    ("1", "is no directory of versions"),
    ("run", "is a run; kgan export "),
    ("onnx", "holds model.onnx; serve takes SavedModels, what --format=saved_model writes.")])
def test_what_is_not_served_is_a_sentence(saved, tmp_path, made, said):
    (tmp_path / "onnx" / "1").mkdir(parents=True)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").touch()
    (tmp_path / "onnx" / "1" / "model.onnx").touch()
    directory = saved / "1" if made == "1" else tmp_path / made
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        server.serve(directory, 0, 1.0)


def test_a_taken_port_is_a_sentence(saved):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port={port} is taken by another program; give another --port"):
            server.serve(saved, port, 1.0)


def test_the_command_needs_a_directory_and_its_packages(command, monkeypatch, tmp_path):
    with pytest.raises(UserError, match="give one directory of exports: kgan serve EXPORT"):
        command(serve_command)
    with pytest.raises(UserError, match="is no directory of versions"):
        command(serve_command, tmp_path / "absent")
    monkeypatch.setattr(serve_command.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"kgan serve needs fastapi and uvicorn; pip install 'kgan\[serving\]'"):
        command(serve_command, tmp_path)


def test_a_label_that_is_no_class_is_refused(tmp_path):
    z, label = keras.Input((5,), name="z"), keras.Input((), dtype="int32", name="label")
    told = keras.layers.Multiply()([z, keras.layers.Embedding(3, 5)(label)])
    generator = keras.Model([z, label], keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16, "tanh")(told)))
    saved_model.write(generator, tmp_path / "model" / "1")
    versions = server.Versions(tmp_path / "model")
    versions.look()
    client = testclient.TestClient(server.create_app(versions, "model"), raise_server_exceptions=False)
    for label in (-1, 3):
        answer = client.post(PREDICT, json={"signature_name": "sample", "inputs": {"seed": [7], "label": [label]}})
        assert answer.status_code == 400
        assert "is not in [0, 3)" in answer.json()["error"]
    assert client.post(PREDICT, json={"signature_name": "sample", "inputs": {"seed": [7], "label": [2]}}).is_success
