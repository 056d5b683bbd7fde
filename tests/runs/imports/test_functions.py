"""What config.json tells of a file's function, without its weights."""

import json
import zipfile

import keras
import pytest
from keras import layers

from kgan import models, saving
from kgan.runs.imports import functions
from kgan.runtime.errors import UserError


def _config(network):
    return json.loads(json.dumps(keras.saving.serialize_keras_object(network)))


def _network(slope=0.2, epsilon=1e-5, end="tanh", padding="same", first="leaky", strides=2):
    """A small generator; `first` says what comes first behind the dense layer, its activation or its norm."""
    z = keras.Input((3,))
    x = layers.Reshape((2, 2, 4))(layers.Dense(16)(z))
    parts = [layers.LeakyReLU(negative_slope=slope), layers.BatchNormalization(epsilon=epsilon)]
    for part in parts if first == "leaky" else parts[::-1]:
        x = part(x)
    x = layers.Conv2DTranspose(1, 4, strides=strides, padding=padding, activation=end)(x)
    return keras.Model(z, x)


@pytest.mark.parametrize(("changes", "said"), [
    ({"slope": 0.3}, ["activation's function leaky_relu(0.3), not leaky_relu(0.2)"]),
    ({"epsilon": 1e-3}, ["BatchNormalization's epsilon 0.001, not 1e-05"]),
    ({"end": "sigmoid"}, ["its images are sigmoid (0 to 1), not tanh (-1 to 1)"]),
    ({"end": None}, ["its images are linear, without bounds, not tanh (-1 to 1)", "1 times activation, not 2"]),
    ({"padding": "valid"}, ["Conv2DTranspose's padding valid, not same"]),
    ({"end": "sigmoid", "strides": 1}, ["its images are sigmoid (0 to 1), not tanh (-1 to 1)",
                                        "Conv2DTranspose's strides [1, 1], not [2, 2]"]),
    ({"first": "norm"}, ["activation after BatchNormalization, not after Dense",
                         "BatchNormalization after Dense, not after activation",
                         "Conv2DTranspose after activation, not after BatchNormalization"]),
])
def test_another_function_is_named(changes, said):
    assert sorted(functions.differences(_config(_network(**changes)), _config(_network()))) == sorted(said)


def test_the_same_function_said_otherwise_is_the_same():
    ours = keras.Sequential([keras.Input((3,)), layers.Dense(16, activation="relu"), layers.Reshape((2, 2, 4)),
                             layers.BatchNormalization(), layers.LeakyReLU(negative_slope=0.2),
                             layers.Conv2D(1, 2, activation="tanh")])
    z = keras.Input((3,), name="noise")
    x = layers.Reshape((2, 2, -1))(layers.ReLU(name="r")(layers.Dense(16, kernel_initializer="he_normal")(z)))
    x = layers.Dropout(0.3)(layers.BatchNormalization(momentum=0.8, name="other")(x))
    x = layers.Conv2D(1, 2)(layers.Activation("leaky_relu")(x))
    theirs = keras.Model(z, layers.Activation("tanh")(x))
    assert functions.differences(_config(theirs), _config(ours)) == []
    inner = keras.Sequential([keras.Input((3,)), *ours.layers[:2]])
    nested = keras.Model(z, keras.Sequential([keras.Input((2, 2, 4)), *ours.layers[2:]])(inner(z)))
    assert functions.differences(_config(nested), _config(ours)) == []


def test_tf_keras_files_are_read():
    """As tf-keras 2.21 writes it: `alpha` in float32's digits, axes in a list, inputs as lists, activations by name."""
    def layer(name, kind, source, **config):
        return {"class_name": kind, "module": "keras.layers", "config": {"name": name, "trainable": True, **config},
                "name": name, "inbound_nodes": [[[source, 0, 0, {}]]] if source else []}

    theirs = {"class_name": "Functional", "config": {"name": "model", "layers": [
        layer("i", "InputLayer", None, batch_input_shape=[None, 3]),
        layer("d", "Dense", "i", units=16, activation="linear", use_bias=True),
        layer("r", "Reshape", "d", target_shape=[2, 2, 4]),
        layer("l", "LeakyReLU", "r", alpha=0.20000000298023224),
        layer("b", "BatchNormalization", "l", axis=[3], epsilon=9.999999747378752e-06, momentum=0.99, scale=True),
        layer("c", "Conv2DTranspose", "b", filters=1, strides=[2, 2], padding="same", groups=1, activation="tanh",
              output_padding=None)]}}
    assert functions.differences(theirs, _config(_network())) == []
    theirs["config"]["layers"][3]["config"]["alpha"] = 0.30000001192092896
    assert functions.differences(theirs, _config(_network())) == [
        "activation's function leaky_relu(0.3), not leaky_relu(0.2)"]


@pytest.mark.parametrize("name", [name for name in models.names() if models.recipe(name).adversarial])
def test_files_of_every_model_are_of_that_model_and_precision_changes_nothing(name, tmp_path):
    recipe = models.recipe(name)
    recipe = recipe.for_phase(recipe.phases[-1])
    if recipe.image_size > 64:
        recipe = recipe.override(image_size=16, max_channels=4)
    if recipe.conditional:
        recipe = recipe.override(classes=10)
    saving.write(models.build_generator(recipe), tmp_path / "g.keras")
    generator, _ = models.build(recipe.override(precision="mixed_bfloat16"))  # in kgan's own kernels
    functions.check_same(tmp_path / "g.keras", generator)


def test_another_function_is_refused_in_a_sentence(tmp_path):
    _network(slope=0.3, end="sigmoid").save(tmp_path / "other.keras")
    with pytest.raises(UserError, match=r"other.keras' holds a generator of these shapes and of another function: its "
                                        r"images are sigmoid \(0 to 1\), not tanh \(-1 to 1\); activation's function "
                                        r"leaky_relu\(0.3\), not leaky_relu\(0.2\); choose the model that it is of\.$"):
        functions.check_same(tmp_path / "other.keras", _network())


@pytest.mark.parametrize("content", ["", "[]", '{"config": 1}', '{"config": {"layers": [1]}}', "[" * 100_000])
def test_a_config_that_is_none_is_a_sentence(content, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as archive:
        archive.writestr("config.json", content)
    with pytest.raises(UserError, match="bad.keras' can't be loaded"):
        functions.check_same(tmp_path / "bad.keras", _network())
