import collections
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import logging
from PIL import Image
from tensorflow.core.framework.types_pb2 import DT_BFLOAT16
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from kgan import models
from kgan.runs.directory import Run
from kgan.runtime import files, machine
from kgan.runtime.errors import UserError
from kgan.serving import export, saved_model


@pytest.fixture
def generator():
    z = keras.Input((3,))
    return keras.Model(z, keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16, "tanh")(z)))


@pytest.fixture
def unverified(monkeypatch):
    """Saves the second process where a test is about something else."""
    monkeypatch.setattr(saved_model, "verify", lambda generator, directory: "verified\n")


def test_export_takes_the_next_version_and_leaves_nothing_else(generator, unverified, tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "latest").mkdir()  # not a version
    (tmp_path / ".aside-8-killed").mkdir()
    exported = export.export(generator, tmp_path)
    assert exported == (tmp_path / "8", "verified\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "7", "8", "latest"]
    assert files.damage(tmp_path / "8") is None
    assert export.export(generator, tmp_path).version.name == "9"


def _nodes(version):
    (graph,) = SavedModel.FromString((version / "saved_model.pb").read_bytes()).meta_graphs
    return [node for function in graph.graph_def.library.function for node in function.node_def]


def test_every_machine_exports_the_same_graph_in_float32(unverified, monkeypatch, tmp_path):
    found = []
    for precision in ("float32", "mixed_bfloat16"):
        for computes in (False, True):
            monkeypatch.setattr(machine, "computes_bfloat16", lambda computes=computes: computes)
            generator = models.build_generator(models.recipe("dcgan").override(precision=precision))
            nodes = _nodes(export.export(generator, tmp_path).version)
            found.append(collections.Counter(node.op for node in nodes))
            assert not any(attribute.type == DT_BFLOAT16 for node in nodes for attribute in node.attr.values())
    assert all(ops == found[0] for ops in found)
    assert "Conv2DBackpropInput" in found[0]
    assert "DepthToSpace" not in found[0]  # of kgan's own kernels, which suit some machines alone


def test_export_is_the_generator_whatever_it_is_made_of(checked_here, tmp_path):
    """Another input, an operator that is no layer, a model inside, dropout: what the papers' generators have not."""
    z, label = keras.Input((5,), name="z"), keras.Input((), dtype="int32", name="label")
    inner = keras.Sequential([keras.Input((5,)), keras.layers.Dense(48, "tanh"), keras.layers.Dropout(0.5)])
    x = inner(z) * keras.layers.Embedding(10, 48)(label)
    generator = keras.Model([z, label], keras.layers.Reshape((4, 4, 3))(x))
    assert "all signatures give the live generator's images" in export.export(generator, tmp_path).report


def test_the_cards_picture_has_a_column_for_each_class(unverified, tmp_path):
    z, label = keras.Input((3,), name="z"), keras.Input((), dtype="int32", name="label")
    levels = keras.layers.Embedding(5, 16)
    generator = keras.Model([z, label], keras.layers.Reshape((4, 4, 1))(levels(label) + 0 * keras.layers.Dense(16)(z)))
    levels.set_weights([np.array([[0], [50], [100], [150], [200]]).repeat(16, 1) / 127.5 - 1])
    version = export.export(generator, tmp_path, describe=str).version
    picture = np.asarray(Image.open(version / "samples.png"))
    assert picture.shape == (13 * 6 + 2, 5 * 6 + 2)  # 64 pictures
    assert picture[2::6, 2::6].tolist() == [[0, 50, 100, 150, 200]] * 12 + [[0, 50, 100, 150, 0]]


def test_requests_name_a_label_where_there_are_classes(tmp_path):
    plain, told = export.how_to_serve(tmp_path, "x"), export.how_to_serve(tmp_path, "x", 10)
    assert plain.count('"inputs": {"seed": [7]}}') == told.count('"inputs": {"seed": [7], "label": [1]}}') == 2
    assert '"label"' not in plain


def test_export_leaves_kgans_messages_on(generator, unverified, tmp_path):
    export.export(generator, tmp_path)
    assert logging.get_verbosity() == logging.INFO


def test_a_failed_check_leaves_nothing(generator, monkeypatch, tmp_path):
    def spoilt(generator, directory, write=saved_model.write):
        generator.layers[-2].bias.assign_add(np.eye(1, 16)[0])  # one pixel
        write(generator, directory)
        generator.layers[-2].bias.assign_sub(np.eye(1, 16)[0])

    monkeypatch.setattr(saved_model, "write", spoilt)
    with pytest.raises(UserError, match=r"failed its check: \w+ differs from the live generator by up to \d+ grey "
                                        r"levels; allowed: 1. Nothing was exported"):
        export.export(generator, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_a_version_that_cannot_be_loaded_leaves_nothing(generator, checked_here, monkeypatch, tmp_path):
    def torn(generator, directory, write=saved_model.write):
        write(generator, directory)
        (directory / "variables" / "variables.index").unlink()

    monkeypatch.setattr(saved_model, "write", torn)
    with pytest.raises(UserError, match="failed its check: it can't be loaded .*variables"):
        export.export(generator, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_a_failing_disk_is_a_sentence(generator, monkeypatch, tmp_path):
    def full(self, path, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, f"{path}/variables; No space left on device")

    monkeypatch.setattr(type(keras.export.ExportArchive()), "write_out", full)
    with pytest.raises(OSError, match=r"out' can't be written \(No space left on device\)"):
        export.export(generator, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_two_exports_at_once_get_a_version_each(unverified, tmp_path):
    """By another process and by this one."""
    code = ("import sys; from pathlib import Path; from kgan import models; "
            "from kgan.serving import export, saved_model; saved_model.verify = lambda *_: ''; "
            "generator = models.build_generator(models.recipe('pca')); print('ready', flush=True); "
            "print([export.export(generator, Path(sys.argv[1])).version.name for _ in range(3)])")
    generator = models.build_generator(models.recipe("pca"))
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "out"], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "ready\n"
        names = [export.export(generator, tmp_path / "out").version.name for _ in range(3)]
        names += json.loads(other.communicate()[0].replace("'", '"'))
    assert sorted(names) == ["1", "2", "3", "4", "5", "6"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".lock", *sorted(names)]


def test_out_is_checked_first(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"can't hold exports: '.*file' is a file; choose another OUT"):
        export.check(tmp_path / "file", "saved_model")
    Run(tmp_path / "run").create(models.recipe("dcgan"))
    with pytest.raises(UserError, match="is a run directory; choose another OUT"):
        export.check(tmp_path / "run", "saved_model")
    (tmp_path / "out" / "3").mkdir(parents=True)
    (tmp_path / "out" / "3" / "saved_model.pb").touch()
    export.check(tmp_path / "out", "saved_model")
    with pytest.raises(UserError, match="holds versions of format saved_model; servers load the newest"):
        export.check(tmp_path / "out", "onnx")
    with pytest.raises(UserError, match="3' is itself a version; give the directory above it"):
        export.check(tmp_path / "out" / "3", "saved_model")
    with pytest.raises(UserError, match="form='tflite' is unknown; known: saved_model, onnx, litert, openvino, web"):
        export.export(None, tmp_path / "out", "tflite")


def test_a_missing_extra_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs onnx and onnxruntime; pip install 'kgan\[onnx\]'"):
        export.check(tmp_path, "onnx")
    with pytest.raises(UserError, match=r"needs ai_edge_litert; pip install 'kgan\[litert\]'"):
        export.check(tmp_path, "litert")


def test_an_extra_that_can_not_be_imported_is_a_sentence_and_leaves_nothing(monkeypatch, tmp_path):
    def broken(name):
        raise ImportError("libfoo.so.1: cannot open shared object file")

    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(export.importlib, "import_module", broken)
    with pytest.raises(UserError, match=r"needs onnx, which is installed and can't be imported \(libfoo.*reinstall"):
        export.check(tmp_path / "out", "openvino")
    assert not [*tmp_path.iterdir()]


def test_serving_commands_quote_what_shells_read(tmp_path):
    said = export.how_to_serve(tmp_path / "my models" / "a", "a")
    assert f"-v '{tmp_path}/my models/a:/models/a' -e MODEL_NAME=a tensorflow/serving:2.20.0" in said
    (line,) = [line for line in said.splitlines() if '"sample"' in line]
    assert line.endswith(" http://localhost:8501/v1/models/a:predict")
    body = line.split("'")[1]
    assert json.loads(body) == {"signature_name": "sample", "inputs": {"seed": [7]}}


@pytest.mark.parametrize("form", ["saved_model", "onnx", "web"])
def test_a_generator_that_draws_no_numbers_is_not_exported(generator, form, tmp_path):
    """Finite weights that give infinity, and a weight that is NaN: as uint8 both would be pixels like others."""
    kernel = generator.layers[1].kernel
    generator.layers[1].activation = keras.activations.linear
    kernel.assign(np.full(kernel.shape, 3e38))
    with pytest.raises(UserError, match="draws values that are no finite numbers"):
        export.export(generator, tmp_path / "out", form)
    kernel.assign(np.zeros(kernel.shape))
    generator.layers[1].bias.assign(np.eye(1, 16)[0] * np.nan)
    with pytest.raises(UserError, match=r"to be exported holds a generator with a weight .* \(in dense\w*/bias\)"):
        export.export(generator, tmp_path / "out", form)
    assert not any(path.name.isdecimal() for path in tmp_path.glob("out/*"))
