import keras
import numpy as np
import pytest

from kgan import images, kernels, latent, models
from kgan.runtime.errors import UserError
from kgan.serving import export, onnx

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def generator():
    keras.utils.set_random_seed(0)
    return models.build_generator(models.recipe("dcgan").override(precision="mixed_bfloat16"))


def test_the_file_draws_the_live_generators_images_in_float32(generator, tmp_path):
    version, report = export.export(generator, tmp_path, "onnx")
    assert report.startswith("model.onnx: z float32 [None, 100] → images uint8 [None, 28, 28, 1], ")
    assert "sample.onnx: seed int64 [None] → images uint8 [None, 28, 28, 1], " in report
    session = onnxruntime.InferenceSession(version / "model.onnx", providers=["CPUExecutionProvider"])
    assert [(one.name, one.type, one.shape[1:]) for one in (*session.get_inputs(), *session.get_outputs())] == [
        ("z", "tensor(float)", [100]), ("images", "tensor(uint8)", [28, 28, 1])]
    full = models.build_generator(models.recipe("dcgan"))
    full.set_weights(generator.get_weights())
    z = latent.from_seeds(range(5), 100).numpy()
    (drawn,) = session.run(["images"], {"z": z})
    expected = images.to_uint8(full(z, training=False)).numpy()
    assert drawn.std() > 0
    assert np.abs(drawn.astype(int) - expected).max() <= 1


def test_another_networks_file_fails_the_check(generator, tmp_path):
    generator = kernels.plain(generator, dtype="float32")
    onnx.write(generator, tmp_path)
    generator.layers[-1].bias.assign([0.1])
    with pytest.raises(UserError, match=r"the ONNX model failed its check: it differs .* by up to \d+ grey levels"):
        onnx.verify(generator, tmp_path)


def test_a_label_stands_beside_z(tmp_path):
    z, label = keras.Input((5,), name="z"), keras.Input((), dtype="int32", name="label")
    x = keras.layers.Dense(16, "tanh")(z) * keras.layers.Embedding(3, 16, "normal")(label)
    generator = keras.Model([z, label], keras.layers.Reshape((4, 4, 1))(x))
    version, report = export.export(generator, tmp_path, "onnx")
    assert report.startswith("model.onnx: z float32 [None, 5], label int32 [None] → images uint8 [None, 4, 4, 1], ")
    session = onnxruntime.InferenceSession(version / "model.onnx", providers=["CPUExecutionProvider"])
    assert {one.name: one.type for one in session.get_inputs()} == {"z": "tensor(float)", "label": "tensor(int32)"}
    z, labels = latent.from_seeds(range(6), 5).numpy(), np.array([0, 1, 2, 2, 1, 0], np.int32)
    (drawn,) = session.run(["images"], {"z": z, "label": labels})
    expected = images.to_uint8(generator([z, labels], training=False)).numpy()
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    (other,) = session.run(["images"], {"z": z, "label": (labels + 1) % 3})
    assert np.abs(other.astype(int) - drawn).max() > 10


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", models.names())
def test_every_model(name, precision, tmp_path):
    recipe = models.recipe(name)
    generator = (models.fit_generator(np.random.default_rng(0).integers(0, 256, (200, 28, 28, 1), np.uint8), recipe)
                 if name == "pca" else models.build(recipe.override(precision=precision))[0])
    assert "Verified" in export.export(generator, tmp_path, "onnx").report
