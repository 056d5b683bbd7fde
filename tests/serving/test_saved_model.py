"""What TensorFlow Serving asks of a SavedModel, and what users ask of its pictures."""

import io
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from kgan import images, kernels, latent, models
from kgan.runs.generators import open_generator
from kgan.runtime import machine
from kgan.runtime.errors import UserError
from kgan.sampling import generate
from kgan.serving import export, load_probe, saved_model

# Loads every SavedModel here in a process that has TensorFlow alone.
SERVER = """
import sys
from pathlib import Path
import numpy as np
import tensorflow as tf
for version in Path(".").glob("model_*"):
    model = tf.saved_model.load(str(version)).signatures
    np.savez(f"{version.name}.npz", z=model["serving_default"](z=tf.constant(np.load("z.npy")))["images"],
             seeds=model["sample"](seed=tf.range(64, dtype=tf.int64))["images"])
assert "kgan" not in sys.modules
"""


@pytest.fixture(scope="module")
def generator():
    """As `export` hands it over."""
    keras.utils.set_random_seed(0)
    return kernels.plain(models.build_generator(models.recipe("dcgan")), dtype="float32")


@pytest.fixture(scope="module")
def directory(generator, tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved") / "1"
    saved_model.write(generator, directory)
    return directory


@pytest.fixture(scope="module")
def signatures(directory):
    return tf.saved_model.load(str(directory)).signatures


@pytest.fixture
def conditional():
    """A generator whose pictures depend on a label too."""
    z, label = keras.Input((5,), name="z"), keras.Input((), dtype="int32", name="label")
    x = keras.layers.Dense(48, "tanh")(z) * keras.layers.Embedding(10, 48)(label)
    return keras.Model([z, label], keras.layers.Reshape((4, 4, 3))(x))


def test_saved_models_equal_the_live_generator_bit_for_bit(tmp_path):
    z = np.random.default_rng(0).normal(size=(16, 100)).astype(np.float32)
    np.save(tmp_path / "z.npy", z)
    expected = {}
    for precision in ("float32", "mixed_bfloat16"):
        generator, _ = models.build(models.recipe("dcgan").override(precision=precision))
        generator = kernels.plain(generator, dtype="float32")
        saved_model.write(generator, tmp_path / f"model_{precision}")
        expected[precision] = (images.to_uint8(tf.function(generator)(z, training=False)).numpy(),
                               generate(generator, range(64)))
    server = subprocess.run([sys.executable, "-c", SERVER], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert "gradient" not in server.stderr  # TensorFlow warns of custom gradients that a SavedModel lacks
    for precision, (of_z, of_seeds) in expected.items():
        served = np.load(tmp_path / f"model_{precision}.npz")
        assert served["z"].dtype == np.uint8
        assert served["z"].std() > 0
        np.testing.assert_array_equal(served["z"], of_z)
        np.testing.assert_array_equal(served["seeds"], of_seeds)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", models.names())
def test_every_model_and_precision(name, precision, tmp_path):
    recipe = models.recipe(name)
    if name == "pca":  # has no training, and one precision
        generator = models.fit_generator(np.random.default_rng(0).integers(0, 256, (200, 28, 28, 1), np.uint8), recipe)
    else:
        generator, _ = models.build(recipe.override(precision=precision))
    assert "all signatures give the live generator's images" in export.export(generator, tmp_path).report


def test_a_seeds_picture_does_not_depend_on_its_batch_mates(signatures, generator):
    sample = signatures["sample"]
    seeds = [3, 2**40, -5, 0]
    together, others = (sample(seed=tf.constant(batch, tf.int64))["images"].numpy()
                        for batch in (seeds, [3, 1, 2, 0]))
    np.testing.assert_array_equal(together[[0, 3]], others[[0, 3]])
    alone = sample(seed=tf.constant([-5], tf.int64))["images"].numpy()
    assert np.abs(together[2].astype(int) - alone[0]).max() <= 1
    assert len({image.tobytes() for image in together}) == 4
    seeds = tf.range(64, dtype=tf.int64)
    np.testing.assert_array_equal(sample(seed=seeds)["images"], generate(generator, range(64)))


def test_sample_png_is_the_same_pictures(signatures):
    seed = tf.constant([1, 2, 3], tf.int64)
    files = signatures["sample_png"](seed=seed)["image_bytes"].numpy()
    opened = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    np.testing.assert_array_equal(opened[..., None], signatures["sample"](seed=seed)["images"])


def _tensors(signature, side):
    return {name: (tensor.dtype, [dim.size for dim in tensor.tensor_shape.dim])
            for name, tensor in getattr(signature, side).items()}


def test_the_file_keeps_tensorflow_servings_rules(directory):

    (graph,) = SavedModel.FromString((directory / "saved_model.pb").read_bytes()).meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    found = {name: signature for name, signature in graph.signature_def.items() if not name.startswith("__")}
    float32, uint8, int64, string = (tf.as_dtype(name).as_datatype_enum
                                     for name in ("float32", "uint8", "int64", "string"))
    picture = [-1, 28, 28, 1]  # -1: any batch
    assert {name: (_tensors(signature, "inputs"), _tensors(signature, "outputs"))
            for name, signature in found.items()} == {
        "serving_default": ({"z": (float32, [-1, 100])}, {"images": (uint8, picture)}),
        "sample": ({"seed": (int64, [-1])}, {"images": (uint8, picture)}),
        "sample_png": ({"seed": (int64, [-1])}, {"image_bytes": (string, [-1])}),
    }
    for signature in found.values():
        assert signature.method_name == "tensorflow/serving/predict"
        for name, (dtype, _) in _tensors(signature, "outputs").items():
            assert (dtype == string) == name.endswith("_bytes")  # then REST sends {"b64": ...}
    assert not any(node.op.startswith("Py") for function in graph.graph_def.library.function
                   for node in function.node_def)  # nothing that only Python can run


def test_warm_up_requests_parse_and_run(directory, signatures):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    file = directory / "assets.extra" / "tf_serving_warmup_requests"
    seen = []
    for record in tf.data.TFRecordDataset(str(file)):
        log = apis.PredictionLog.FromString(record.numpy())
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        (outputs,) = signatures[request.model_spec.signature_name](**inputs).values()
        seen.append((request.model_spec.signature_name, outputs.shape[0]))
    assert sorted(seen) == [(name, size) for name in ("sample", "sample_png", "serving_default") for size in (1, 64)]


def test_without_the_extra_there_are_no_warm_up_requests(generator, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis.predict_pb2", None)
    saved_model.write(generator, tmp_path / "1")
    assert not (tmp_path / "1" / "assets.extra").exists()


def test_a_label_stands_beside_z_and_seed(conditional, tmp_path):
    saved_model.write(conditional, tmp_path / "1")
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    rows = [[cell.strip() for cell in line.split("  ") if cell] for line in load_probe.table(signatures)]
    assert rows == [["signature", "inputs", "outputs"],
                    ["sample", "seed int64 [None], label int32 [None]", "images uint8 [None, 4, 4, 3]"],
                    ["sample_png", "seed int64 [None], label int32 [None]", "image_bytes string [None]"],
                    ["serving_default", "z float32 [None, 5], label int32 [None]", "images uint8 [None, 4, 4, 3]"]]
    first, second = signatures["sample"](seed=tf.zeros(2, tf.int64), label=tf.constant([0, 1]))["images"].numpy()
    assert not np.array_equal(first, second)


def test_every_class_is_checked(conditional):
    shown = saved_model.samples(conditional, 12)
    assert shown["label"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    np.testing.assert_array_equal(shown["images"], generate(conditional, range(12), shown["label"], batch_size=12))


def test_a_label_may_come_first(tmp_path):
    z, label = keras.Input((5,), name="z"), keras.Input((), dtype="int32", name="label")
    x = keras.layers.Dense(48, "tanh")(z) * keras.layers.Embedding(10, 48)(label)
    swapped = keras.Model({"label": label, "z": z}, keras.layers.Reshape((4, 4, 3))(x))
    saved_model.write(swapped, tmp_path / "1")
    signature = tf.saved_model.load(str(tmp_path / "1")).signatures["sample"]
    assert signature.structured_input_signature[1] == {"seed": tf.TensorSpec([None], tf.int64, name="seed"),
                                                       "label": tf.TensorSpec([None], tf.int32, name="label")}
    shown = saved_model.samples(swapped, 12)
    assert shown["label"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    served = signature(seed=tf.constant(shown["seed"]), label=tf.constant(shown["label"]))["images"]
    np.testing.assert_array_equal(served, shown["images"])
    z, label = latent.from_seeds(range(12), 5), tf.constant(shown["label"])
    np.testing.assert_array_equal(shown["images"], images.to_uint8(swapped({"z": z, "label": label})))


@pytest.mark.parametrize(("name", "shape", "said"), [
    ("style", (2,), r"takes also style \(None, 2\); build"), ("label", (10,), r"takes also label \(None, 10\); build"),
    ("label", (), r"takes also label \(None,\); build")])  # a number, that nothing looks up as a class
def test_a_generator_that_takes_more_is_refused(name, shape, said):
    z, other = keras.Input((5,), name="z"), keras.Input(shape, name=name)
    x = keras.layers.Concatenate()([z, keras.layers.Reshape((-1,))(other)])
    with pytest.raises(UserError, match=said):
        saved_model.endpoints(keras.Model([z, other], x))


def test_the_latent_input_of_several_must_be_named():
    a, b = keras.Input((5,), name="noise"), keras.Input((5,), name="style")
    with pytest.raises(UserError, match="inputs are noise, style; name the latent one z"):
        saved_model.endpoints(keras.Model([a, b], a * b))


def test_a_missing_signature_is_noticed(directory, tmp_path):
    np.savez(tmp_path / "expected.npz", signatures=["another", "sample"], classes=0)
    with pytest.raises(SystemExit, match="signatures sample, sample_png, serving_default, not another, sample"):
        load_probe.main(str(directory), str(tmp_path / "expected.npz"), "0")


@pytest.fixture
def checks(monkeypatch):
    """The arguments and environments that `verify` gives to its process, which doesn't run."""
    seen = []
    monkeypatch.setattr(saved_model.subprocess, "run", lambda command, *, env, **_: seen.append((command, env)) or
                        subprocess.CompletedProcess(command, 0, "", ""))
    return seen


def test_the_check_allows_a_grey_level(generator, directory, checks):
    saved_model.verify(generator, directory)
    ((command, _),) = checks
    assert command[-1] == "1"
    shown = np.full((2, 4, 4, 1), 100, np.uint8)
    for difference, allowed, passes in ((0, 0, True), (1, 0, False), (1, 1, True), (2, 1, False)):
        served = {"images": tf.constant(shown + np.uint8(difference))}
        if passes:
            assert load_probe._difference("sample", served, shown, allowed) == difference
        else:
            with pytest.raises(SystemExit, match=f"by up to {difference} grey levels; allowed: {allowed}"):
                load_probe._difference("sample", served, shown, allowed)
    for wrong in (tf.constant(shown, tf.float32), tf.constant(shown[:1])):
        with pytest.raises(SystemExit, match="sample gives images"):
            load_probe._difference("sample", {"images": wrong}, shown, 1)


def test_the_check_runs_with_tensorflows_defaults_and_the_users_choices(generator, directory, checks, monkeypatch):
    monkeypatch.setattr(machine, "_set_here", {})
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    machine.choose_kernels()
    saved_model.verify(generator, directory)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # the user's choice
    saved_model.verify(generator, directory)
    assert [env.get("TF_ENABLE_ONEDNN_OPTS") for _, env in checks] == [None, "0"]


# Says the shapes of what each signature makes of no image, and whether two are the live generator's, to a grey level.
EMPTY = """
import sys
import numpy as np
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
for name in sorted(signatures):
    kinds = signatures[name].structured_input_signature[1].values()
    (made,) = signatures[name](**{one.name: tf.zeros([0, *one.shape[1:]], one.dtype) for one in kinds}).values()
    print(name, made.shape.as_list())
live = np.load(sys.argv[2])
served = signatures["sample"](seed=tf.constant([3, 7], tf.int64), label=tf.constant([3, 7]))["images"]
print(abs(served.numpy().astype(int) - live).max() <= 1)
"""


def test_an_empty_batch_of_a_preset_has_the_signed_shape(tmp_path):
    """In a process with TensorFlow's defaults: there oneDNN's last convolution gives no image 16 channels."""
    generator = kernels.plain(open_generator("preset:digits"), dtype="float32")
    saved_model.write(generator, tmp_path / "1")
    np.save(tmp_path / "live.npy", saved_model.samples(generator, 8)["images"][[3, 7]])
    defaults = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    printed = subprocess.run([sys.executable, "-c", EMPTY, tmp_path / "1", tmp_path / "live.npy"], env=defaults,
                             check=True, capture_output=True, text=True).stdout
    assert printed.splitlines() == ["sample [0, 28, 28, 1]", "sample_png [0]", "serving_default [0, 28, 28, 1]", "True"]


@pytest.mark.parametrize("wrong", [-1, -10, 10, -2**31, 2**31 - 1])
def test_a_label_that_is_no_class_is_an_error(conditional, tmp_path, wrong):
    saved_model.write(conditional, tmp_path / "1")
    sample = tf.saved_model.load(str(tmp_path / "1")).signatures["sample"]
    assert sample(seed=tf.constant([0]*2, tf.int64), label=tf.constant([0, 9]))["images"].shape == (2, 4, 4, 3)
    with pytest.raises(tf.errors.InvalidArgumentError):
        sample(seed=tf.zeros(2, tf.int64), label=tf.constant([0, wrong]))
