"""The contract of `kgan.serving.requests`, asked of every format on one generator; and what breaks it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import images, latent
from kgan.layers import ClusterByLatent, NormalToUniform, Uniform, progressive
from kgan.runtime.errors import UserError
from kgan.serving import export, litert, onnx, openvino, operations, requests, saved_model

FORMS = {"onnx": onnx, "litert": litert, "openvino": openvino}


@pytest.fixture(scope="module")
def toy():
    """A generator with every operation, and settings that kgan's own models don't have."""
    keras.utils.set_random_seed(0)
    z, label = keras.Input((6,), name="z"), keras.Input((), dtype="int32", name="label")
    told = keras.layers.Embedding(12, 2)(ClusterByLatent(4, 3)(z, label))
    both = keras.layers.Add()([NormalToUniform()(z), keras.layers.Multiply()([z, Uniform(0.7)(z)])])
    x = keras.layers.Concatenate()([both, told])
    x = keras.layers.Dropout(0.5)(keras.layers.Dense(2 * 3 * 5, activation="sigmoid")(x))
    x = keras.layers.BatchNormalization(scale=False)(keras.layers.Reshape((2, 3, 5))(x))
    x = keras.layers.Conv2DTranspose(7, (3, 2), strides=3, activation="relu")(x)  # valid: 6×9
    x = keras.layers.Conv2D(3, (4, 4), strides=2, padding="same", activation="leaky_relu")(x)  # 3×5
    x = keras.layers.Conv2DTranspose(4, 4, strides=2, padding="same")(x)  # 6×10
    x = keras.layers.UpSampling2D(2)(keras.layers.ReLU(negative_slope=0.1)(x))  # 12×20
    x = keras.layers.Conv2D(6, 3, use_bias=False, activation="selu")(x)  # valid: 10×18
    x = progressive.PixelNorm()(progressive.EqualizedConv2D(5, 3, padding="same")(x))
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.Cropping2D(((1, 0), (0, 2)))(keras.layers.DepthwiseConv2D((2, 1), activation="relu")(x))  # 8×16
    repeated = keras.layers.Reshape((8, 16, 2))(keras.layers.RepeatVector(128)(told))
    x = keras.layers.Concatenate()([x, repeated])
    x = keras.layers.Dense(4 * 4 * 3, "tanh", name="last")(keras.layers.Flatten()(x))
    x, old = keras.layers.Reshape((4, 4, 3))(x), progressive.EqualizedDense((4, 4, 3), gain=0.7)(z)
    generator = keras.Model([z, label], progressive.Clip()(progressive.Fade()(old, x)))
    for number, weight in enumerate(generator.weights):  # batch norm's statistics too
        values = np.random.default_rng(number).normal(0, 0.3, weight.shape)
        if "shares" in weight.path:
            values = np.random.default_rng(number).dirichlet(np.full(4, 9), 3)
        weight.assign(values**2 + 0.05 if "variance" in weight.path else values)
    progressive.fades(generator)[0].alpha.assign(0.7)
    return generator


@pytest.fixture(scope="module", params=FORMS)
def exported(request, toy, tmp_path_factory):
    for package in export.NEEDED[request.param]:
        pytest.importorskip(package)
    version, report = export.export(toy, tmp_path_factory.mktemp(request.param) / "toy", request.param)
    return request.param, version, report


def test_every_operation_stands_in_every_format(toy):
    made = {one.name for one in operations.operations(toy, ["z", "label"])}
    assert made == onnx.WRITE.keys() == litert.COMPUTE.keys()


@pytest.mark.parametrize(("rows", "labels"), [(3, 1), (1, 3), (0, 1), (1, 0)])
def test_a_saved_model_refuses_inputs_of_different_lengths(toy, rows, labels):
    """Keras would draw every row with the one label: where z chooses among clusters, it is stretched."""
    for name, (function, signature) in saved_model.endpoints(toy).items():
        serve = tf.function(function, input_signature=signature)
        first, label = (tf.zeros([count, *spec.shape[1:]], spec.dtype)
                        for count, spec in zip((rows, labels), signature, strict=True))
        assert serve(first[:1], label[:1]) if rows and labels else serve(first[:0], label[:0]), name
        with pytest.raises(tf.errors.InvalidArgumentError, match="differ in length"):
            serve(first, label)


def test_onnx_refuses_labels_for_no_row(toy):
    session = pytest.importorskip("onnxruntime").InferenceSession(onnx.model(toy).SerializeToString())
    none = {"z": np.zeros((0, 6), np.float32), "label": np.zeros(0, np.int32)}
    assert session.run(["images"], none)[0].shape == (0, 4, 4, 3)
    with pytest.raises(Exception, match="(?i)reshape"):
        session.run(["images"], none | {"label": np.array([99], np.int32)})


def test_every_format_keeps_the_contract(exported):
    form, version, report = exported
    said = "a label that is no class, and a z that is not finite or huge, are refused"
    assert ("are black" if form == "openvino" else said) in report
    assert "z float32 [None, 6], label int32 [None] → images uint8 [None, 4, 4, 3]" in report
    assert ("seed int64 [None]" in report) == (form != "openvino")
    assert (version / export.MAIN_FILE[form]).is_file()


def test_openvino_blackens_bad_rows_alone(toy, tmp_path):
    runtime = pytest.importorskip("openvino")
    openvino.write(toy, tmp_path)
    compiled = runtime.Core().compile_model(tmp_path / "model.xml", "CPU", openvino.SETTINGS)
    given = saved_model.samples(toy, 6)
    z, label = given["z"].copy(), given["label"].copy()
    z[1, 2], z[2, 0], label[4] = np.nan, 3e38, 3
    for _ in range(2):  # also when the same is asked again
        drawn = compiled({"z": z, "label": label})["images"]
        assert [bool(picture.any()) for picture in drawn] == [True, False, False, True, False, True]
        good = [0, 3, 5]
        assert np.abs(drawn[good].astype(int) - given["images"][good]).max() <= 1
    assert not compiled({"z": given["z"], "label": label[:1]})["images"].any()  # not one for each row
    again = compiled({name: given[name] for name in ("z", "label")})["images"]
    assert np.abs(again.astype(int) - given["images"]).max() <= 1


def test_another_networks_file_fails_the_check(exported, toy):
    form, version, _ = exported
    bias = toy.get_layer("last").bias
    kept = bias.numpy()
    bias.assign_add(np.full(48, 0.3))
    try:
        with pytest.raises(UserError, match=r"failed its check: it differs from the live generator by up to \d+ grey"):
            FORMS[form].verify(toy, version)
    finally:
        bias.assign(kept)


def _live(toy, seeds=False):
    def draw(given):
        z = latent.from_seeds(given["seed"], 6).numpy() if seeds else given["z"]
        if not (np.abs(z) <= 1e6).all() or not all(0 <= one < 3 for one in given["label"]):
            raise ValueError
        if len(given["label"]) != len(z):
            raise ValueError
        drawn = toy([z, given["label"]], training=False) if len(z) else np.zeros((0, 4, 4, 3))
        return images.to_uint8(drawn).numpy()
    return draw


@pytest.mark.parametrize("seeds", [False, True])
def test_a_form_that_breaks_the_contract_is_found(toy, seeds):
    good = _live(toy, seeds)
    assert requests.verify(toy, good, "x", seeds=seeds) <= 1

    def clipped(given):
        label = np.clip(given["label"], 0, 2)
        return good(given | {"label": label})

    def finite(given):
        return good(given | {"z": np.nan_to_num(given["z"])})

    def wide(given):
        drawn = good(given)
        return drawn if len(drawn) else np.zeros((0, 4, 4, 16), np.uint8)

    def wrapped(given):
        return good(given | {"seed": given["seed"] % 2**32})

    said = {clipped: "it draws a picture of label=-1", wide: "it gives [0, 4, 4, 16] of no row"}
    said |= {wrapped: "it differs from the live generator"} if seeds else {finite: "it draws a picture of z=nan"}
    for broken, why in said.items():
        with pytest.raises(UserError, match="^x failed its check: ") as caught:
            requests.verify(toy, broken, "x", seeds=seeds)
        assert why in str(caught.value)


def test_cuts_choose_the_layers_clusters():
    layer = ClusterByLatent(9, 4)
    layer(np.zeros((1, 3), np.float32), np.zeros(1, np.int32))
    shares = np.random.default_rng(0).dirichlet(np.full(9, 0.3), 4)  # some next to nothing
    shares[0, 0] = 0.0
    layer.set_weights([shares / shares.sum(axis=1, keepdims=True)])
    cuts = operations.cuts(layer)
    assert cuts.shape == (4, 8) and cuts.dtype == np.float32 and (np.diff(cuts, axis=1) >= 0).all()
    for label, its in enumerate(cuts):
        near = [one + way for one in its[abs(its) < 3] for way in (-1e-5, 1e-5)]
        values = np.concatenate([near, np.random.default_rng(1).normal(size=50_000)]).astype(np.float32)
        z = np.stack([values] * 3, axis=1)
        chosen = layer(z, np.full(len(z), label, np.int32)).numpy()
        np.testing.assert_array_equal(label * 9 + (z[:, :1] > its).sum(axis=1), chosen)
        assert len(np.unique(chosen)) > 4


@pytest.mark.parametrize("form", ["onnx", "litert"])
def test_a_thousand_seeds_are_kgans(form, tmp_path):
    for package in export.NEEDED[form]:
        pytest.importorskip(package)
    z = keras.Input((5,), name="z")
    generator = keras.Model(z, keras.layers.Reshape((1, 5, 1))(keras.layers.Activation("tanh")(z)))
    FORMS[form].write(generator, tmp_path)
    rng = np.random.default_rng(0)
    seeds = np.concatenate([np.arange(400), rng.integers(-2**63, 2**63 - 1, 599), [2**63 - 1]])
    expected = saved_model.samples(generator, seeds.tolist())["images"]
    if form == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(tmp_path / onnx.SEEDED, providers=["CPUExecutionProvider"])
        drawn = session.run(["images"], {"seed": seeds})[0]
    else:
        from ai_edge_litert.interpreter import Interpreter

        drawn = Interpreter(str(tmp_path / litert.FILE)).get_signature_runner("sample")(seed=seeds)["images"]
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    assert expected.std() > 50
