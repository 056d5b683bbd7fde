"""Generators out of SavedModels: modules that hub_modules builds, and kgan's exports."""

import hashlib
import json
import re
import shutil

import hub_modules
import keras
import numpy as np
import pytest
import tensorflow as tf
from hub_modules import Module

from kgan import kernels, models
from kgan.runs import branch
from kgan.runs.imports import load
from kgan.runtime.errors import UserError
from kgan.serving import saved_model

SMALL = {"size": 8, "width": 8, "latent_dim": 16}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Returns the directory of a module, built once."""
    built = {}

    def directory(module):
        if module not in built:
            built[module] = hub_modules.write(tmp_path_factory.mktemp("hub") / "progan", module)
        return built[module]

    return directory


def _generator(loaded, **changes):
    recipe = models.recipe(loaded.model or "progan").override(**loaded.recipe, steps=1)
    return models.build_generator(recipe.override(**changes) if changes else recipe)


def _refused(directory, *, trust=True):
    with pytest.raises(UserError) as refusal:
        load.load_generator(directory, trust)
    sentence = str(refusal.value)
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("resource", [True, False], ids=["resource", "reference"])
@pytest.mark.parametrize("scheme", hub_modules.SCHEMES)
def test_a_module_becomes_a_generator_that_draws_the_same(made, scheme, resource):
    directory = made(Module(scheme, resource))
    loaded = load.load_generator(directory, trust=True)
    assert loaded.model == "progan"
    assert loaded.recipe == {"image_size": 16, "channels": 3, "latent_dim": 32, "max_channels": 16, "grow_images": 0}
    generator = _generator(loaded)
    assert load.load_into(loaded, generator) <= 1e-4
    z = 2 * np.random.default_rng(7).standard_normal((9, 32)).astype(np.float32)
    theirs = tf.saved_model.load(str(directory)).signatures["default"](latent_vector=z)["default"].numpy()
    np.testing.assert_allclose(generator(z, training=False) / 2 + 0.5, np.clip(theirs, 0, 1), rtol=0, atol=1e-5)
    assert np.ptp(theirs) > 0.5


def test_facts_are_for_config_json(made):
    directory = made(Module("TF-GAN"))
    facts = load.load_generator(directory, trust=True).facts
    data = (directory / "variables" / "variables.data-00000-of-00001").read_bytes()
    assert 0 < facts.pop("largest_difference") < 1e-5
    assert json.loads(json.dumps(facts)) == {
        "path": str(directory), "sha256": hashlib.sha256(data).hexdigest(), "scheme": "TF-GAN",
        "scope": "progressive_gan_generator/", "moving_averages": False,
        "assumptions": ["the first kernel is turned by 180°, as a convolution of a padded z needs",
                        "images are (x + 1) / 2 of the networks' outputs x", "z is normalised to a mean square of 1"]}


def test_what_a_code_may_do_otherwise_is_found_out(made):
    told = {}
    for name, module in {
            "own range": Module("TF-GAN", output="[0, 1]", **SMALL),
            "signed": Module("NVIDIA", output="[-1, 1]", **SMALL),
            "clipped": Module("TF-GAN", output="clipped", **SMALL),
            "unfused, grey": Module("NVIDIA", fused=False, channels=1, scope="Gs/", **SMALL),
            "unturned": Module("TF-GAN", turned="1/conv0", **SMALL)}.items():
        loaded = load.load_generator(made(module), trust=True)
        generator = _generator(loaded)
        assert load.load_into(loaded, generator) <= 1e-4
        assert -1 <= np.min(generator(loaded.inputs[0])) < -0.3
        told[name] = loaded.facts["assumptions"]
    first = "the first kernel is turned by 180°, as a convolution of a padded z needs"
    dense, normalised = "the first dense layer's outputs are channels first", "z is normalised to a mean square of 1"
    fused = "kernels of fused up-convolutions are turned by 180°, as transposed convolutions need"
    half = "images are (x + 1) / 2 of the networks' outputs x"
    assert told == {"own range": [first, "images are the networks' outputs, in [0, 1]", normalised],
                    "signed": [dense, fused, "images are the networks' outputs, in [-1, 1]", normalised],
                    "clipped": [first, half, normalised, "images are clipped"],
                    "unfused, grey": [dense, half, normalised],
                    "unturned": ["the first kernel is not turned", half, normalised]}


@pytest.mark.parametrize("averages", ["used", "beside"])
def test_of_averages_and_what_they_are_of_those_are_taken_that_draw_the_same(made, averages):
    loaded = load.load_generator(made(Module("TF-GAN", averages=averages, **SMALL)), trust=True)
    assert loaded.facts["moving_averages"] == (averages == "used")
    assert load.load_into(loaded, _generator(loaded)) <= 1e-4


@pytest.mark.parametrize(("changes", "reason"), [
    ({"turned": "8x8/Conv1"}, ""),
    pytest.param({"turned": "8x8/Conv0_up", "size": 16}, "", marks=pytest.mark.slow),
    pytest.param({"lod": 0.5}, "", marks=pytest.mark.slow),
    ({"normalised": False}, "; they agree where z has a mean square of 1, so the module does not normalise z, as kgan "
     "does"),
    ({"output": "tanh"}, "; they agree after tanh, with which the module ends, and kgan's progan does not")])
def test_a_module_that_draws_other_images_is_refused(made, changes, reason):
    directory = made(Module("NVIDIA", **SMALL | changes))
    start, number, end = re.split(r"differ by ([0-9.]+)", _refused(directory))
    assert start == f"{str(directory)!r} draws other images than kgan's progan with its weights: they "
    assert float(number) > 0.01
    assert end == f" in [0, 1], where 0.0001 is allowed{reason}."


def _changed(directory, copy, change):
    """Copies a module, with other variables and without a program: what is refused must be refused before it runs."""
    shutil.copytree(directory, copy)
    reader = tf.train.load_checkpoint(str(copy / "variables" / "variables"))
    variables = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    change(variables)
    shutil.rmtree(copy / "variables")
    (copy / "variables").mkdir()
    tf.raw_ops.SaveV2(prefix=str(copy / "variables" / "variables"), tensor_names=list(variables),
                      shape_and_slices=[""] * len(variables), tensors=list(variables.values()))
    (copy / "saved_model.pb").write_bytes(b"no program")
    return copy


BLOCK = "progressive_gan_generator/progressive_gan_block"


def _add_a_block(variables):
    for layer in ("conv0", "conv1"):
        variables[f"{BLOCK}_3/{layer}/conv2d/kernel"] = np.zeros((3, 3, 8, 8), np.float32)


@pytest.mark.parametrize(("change", "misfit"), [
    (lambda variables: variables.pop(f"{BLOCK}_2/conv1/bias"), "missing: progressive_gan_block_2/conv1/bias"),
    (lambda variables: variables.pop(f"{BLOCK}_1/conv0/conv2d/kernel"),
     "missing: progressive_gan_block_1/conv0/kernel."),
    (_add_a_block, "missing: progressive_gan_block_3/conv0/bias, progressive_gan_block_3/conv1/bias, "
     "progressive_gan_block_3/to_rgb/bias, progressive_gan_block_3/to_rgb/kernel"),
    (lambda variables: variables.update({f"{BLOCK}_2/conv2/conv2d/kernel": np.zeros((3, 3, 8, 8), np.float32)}),
     "left over: progressive_gan_block_2/conv2/kernel"),
    (lambda variables: variables.update({f"{BLOCK}_2/conv0/conv2d/kernel": np.zeros((5, 5, 8, 8), np.float32)}),
     "of another shape: progressive_gan_block_2/conv0/kernel (5, 5, 8, 8) not (3, 3, 8, 8)")],
    ids=["missing", "first missing", "half a block", "left over", "another shape"])
def test_variables_that_do_not_fit_are_listed_and_the_module_is_not_run(made, tmp_path, change, misfit):
    copy = _changed(made(Module("TF-GAN", **SMALL)), tmp_path / "changed", change)
    sentence = _refused(copy)
    assert sentence.startswith(f"{str(copy)!r} doesn't fit kgan's progan; {misfit}")


def test_a_whole_block_more_than_the_module_draws_is_refused(made, tmp_path):
    directory = made(Module("TF-GAN", **SMALL))
    larger = made(Module("TF-GAN", **SMALL | {"size": 16}))
    mixed = shutil.copytree(larger, tmp_path / "mixed")
    shutil.copy(directory / "saved_model.pb", mixed)
    assert _refused(mixed) == f"{str(mixed)!r} has variables for images of (16, 16, 3), and draws (8, 8, 3)."


def test_a_damaged_module_is_refused(made, tmp_path):
    copy = shutil.copytree(made(Module("TF-GAN", **SMALL)), tmp_path / "damaged")
    data = copy / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    assert "declares" in _refused(copy)
    (copy / "variables" / "variables.index").write_bytes(b"no index")
    assert "has no variables that can be read" in _refused(copy)
    whole = shutil.copytree(made(Module("TF-GAN", **SMALL)), tmp_path / "whole")
    (whole / "saved_model.pb").write_bytes(b"no program")
    assert "can't be loaded" in _refused(whole)


def test_what_is_no_module_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    for place in ("photos", "absent"):
        assert _refused(tmp_path / place) == (
            f"{str(tmp_path / place)!r} is no SavedModel: it holds no saved_model.pb; give the directory of an "
            "unpacked module, or of an export.")
    other = tf.Module()
    other.weight = tf.Variable(tf.ones((2, 3)))
    call = tf.function(lambda x: x @ other.weight, input_signature=[tf.TensorSpec((None, 2), name="x")])
    tf.saved_model.save(other, str(tmp_path / "other"), signatures=call)
    assert _refused(tmp_path / "other") == (
        f"{str(tmp_path / 'other')!r} is neither an export of kgan's, which takes z and gives images, nor a ProGAN "
        "module, whose variables are called as TF-GAN's or NVIDIA's code calls them: it has "
        "weight/.ATTRIBUTES/VARIABLE_VALUE.")


def test_without_trust_nothing_is_read(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no program")
    assert _refused(tmp_path, trust=False) == (
        f"{str(tmp_path)!r} is a SavedModel, a program that can do anything on this machine; give --trust if you know "
        "who made it.")


def test_a_module_is_not_put_into_other_networks(made):
    loaded = load.load_generator(made(Module("NVIDIA", **SMALL)), trust=True)
    generator = _generator(loaded, image_size=16)
    before = [np.array(one) for one in generator.variables]
    with pytest.raises(UserError, match=r"other networks than these: 8x8_to_rgb/kernel \(1, 1, 8, 3\) not absent, "):
        load.load_into(loaded, generator)
    for now, then in zip(generator.variables, before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_module_is_put_into_networks_that_compute_in_bfloat16(made):
    loaded = load.load_generator(made(Module("NVIDIA", **SMALL)), trust=True)
    generator = _generator(loaded, precision="mixed_bfloat16")
    assert load.load_into(loaded, generator) <= 1e-4
    assert generator.get_layer("8x8_conv_1").compute_dtype == "bfloat16"
    np.testing.assert_array_equal(generator.get_layer("8x8_conv_1").kernel, loaded.weights["8x8_conv_1/kernel"])


def _exported(generator, directory):
    saved_model.write(kernels.plain(generator, dtype="float32"), directory / "3")
    return directory


def _trained(generator):
    """Gives each variable other values than it begins with."""
    random = np.random.default_rng(0)
    for one in generator.variables:
        if one.dtype == "float32":
            one.assign(one + 0.1 * random.uniform(size=one.shape))
    return generator


@pytest.mark.parametrize("model", [pytest.param("dcgan", marks=pytest.mark.slow), "dcgan_fast"])
def test_an_export_becomes_a_generator_that_draws_the_same(tmp_path, model):
    recipe = models.recipe(model, "digits").override(**({"classes": 10} if model == "dcgan_fast" else {}))
    live = _trained(models.build_generator(recipe))
    loaded = load.load_generator(_exported(live, tmp_path / "digits"), trust=True)
    assert (loaded.model, loaded.facts["scheme"]) == (None, "kgan")
    assert loaded.recipe == {"image_size": 28, "channels": 1, "latent_dim": recipe.latent_dim,
                             "conditional": model == "dcgan_fast"}
    generator = models.build_generator(models.recipe(model, "digits").override(**loaded.recipe | (
        {"classes": 10} if recipe.classes else {})))
    assert load.load_into(loaded, generator) <= 1 / 255
    for new, old in zip(generator.variables, live.variables, strict=True):
        np.testing.assert_array_equal(new, old)


def test_an_export_is_not_put_into_other_networks(tmp_path):
    def network(activation, width=16):
        z = keras.Input((5,), name="z")
        return keras.Model(z, keras.layers.Reshape((4, -1, 1))(keras.layers.Dense(width, activation)(z)))

    loaded = load.load_generator(_exported(_trained(network("tanh")), tmp_path), trust=True)
    assert load.load_into(loaded, network("tanh")) <= 1 / 255
    with pytest.raises(UserError, match="with its weights they draw images that differ by 0"):
        load.load_into(loaded, network("sigmoid"))
    with pytest.raises(UserError, match=r"other networks than these: 000 \(5, 16\) not \(5, 20\), 001 \(16,\) not"):
        load.load_into(loaded, network("tanh", 20))


@pytest.mark.parametrize("place", ["2", "1"], ids=["a version more", "in the same place"])
def test_an_export_that_was_made_anew_is_read_anew(tmp_path, place):
    def network():
        z = keras.Input((5,), name="z")
        return _trained(keras.Model(z, keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16, "tanh")(z))))

    first, second, new = network(), network(), network()
    second.layers[1].bias.assign_add(np.full(16, 0.5))
    saved_model.write(first, tmp_path / "e" / "1")
    branch.parse(str(tmp_path / "e"), trust=True).load_into(new)
    np.testing.assert_array_equal(new.layers[1].bias, first.layers[1].bias)
    if place == "1":
        shutil.rmtree(tmp_path / "e" / "1")
    saved_model.write(second, tmp_path / "e" / place)
    branch.parse(str(tmp_path / "e"), trust=True).load_into(new)
    np.testing.assert_array_equal(new.layers[1].bias, second.layers[1].bias)
