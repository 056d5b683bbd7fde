"""What kgan uses of other packages that they don't promise: each by name, that there is no more, that it still works.

Keras' and Pillow's next versions may change these; then this file fails, and not a user's run.
"""

import ast
import importlib
import inspect
import io
import pkgutil
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kgan
from kgan import kernels, saving
from kgan.layers import replicas
from kgan.runs import devices
from kgan.runtime import machine

ATTRIBUTES = {"_get_variable_index", "_momentums", "_velocities"}  # of Keras' optimizers, read
OVERRIDDEN = {("GAN", "_maybe_symbolic_build")}  # of keras.Model
OF_NAMED_TUPLES = {"_replace", "_asdict", "_fields", "_field_defaults"}  # which Python documents
MODULES = sorted(f"kgan.{one.name}" if not one.name.startswith("kgan") else one.name
                 for one in pkgutil.walk_packages(kgan.__path__, "kgan."))


def _trees():
    for name in MODULES:
        spec = importlib.util.find_spec(name)
        yield name, ast.parse(spec.loader.get_source(name))


def _private(name):
    return name.startswith("_") and not name.startswith("__")


def test_no_other_private_name_is_read_and_no_private_module_imported():
    read, own, imported = set(), set(), set()
    for _, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and _private(node.attr):
                (own if isinstance(node.ctx, ast.Store) else read).add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
                imported.update(f"{node.module}.{one.name}" for one in node.names)
            elif isinstance(node, ast.Import):
                imported.update(one.name for one in node.names)
    assert read - own - OF_NAMED_TUPLES == ATTRIBUTES
    foreign = [name for name in imported if not name.startswith("kgan")]
    assert [name for name in foreign if any(map(_private, name.split(".")))] == []
    assert [name for name in foreign if name.startswith(("keras.src", "tensorflow.python"))] == []


def test_no_other_private_method_is_overridden():
    found = set()
    for name in MODULES:
        if name == "kgan.__main__":
            continue
        try:
            module = importlib.import_module(name)
        except ImportError:  # of an extra that isn't installed
            continue
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == name:
                bases = [base for base in kind.__mro__ if not base.__module__.startswith("kgan") and base is not object]
                found |= {(kind.__name__, one) for one in vars(kind) if _private(one) and not one.startswith("_abc_")
                          and one not in ("_tf_api_names", "_is_protocol", *OF_NAMED_TUPLES)
                          and any(hasattr(b, one) for b in bases)}
    assert found == OVERRIDDEN


def test_adam_keeps_moments_by_the_index_of_a_variable():
    first, second = keras.Variable(np.ones((2, 3), "float32")), keras.Variable(np.ones(4, "float32"))
    adam, ours = (kind(0.1, epsilon=1e-7) for kind in (keras.optimizers.Adam, kernels.Adam))
    for one in (adam, ours):
        one.build([first, second])
        assert [one._get_variable_index(variable) for variable in (first, second)] == [0, 1]
        for moments in (one._momentums, one._velocities):
            assert [tuple(moment.shape) for moment in moments] == [(2, 3), (4,)]
            assert all(moment.value.handle.dtype == tf.resource for moment in moments)
    ends = []
    for one in (adam, ours):
        second.assign(np.ones(4))
        for _ in range(3):
            one.apply([tf.fill((2, 3), 0.5), tf.constant([1.0, -2.0, 0.0, 3.0])], [first, second])
        ends.append((second.numpy(), one._momentums[1].numpy(), one._velocities[1].numpy()))
    for keras_own, kgans in zip(*ends, strict=True):
        np.testing.assert_allclose(kgans, keras_own, rtol=1e-4)


def test_sgd_finds_its_momenta_by_the_same_index():
    variable = keras.Variable(np.ones(3, "float32"))
    sgd = keras.optimizers.SGD(0.1, momentum=0.5)
    sgd.build([variable])
    assert sgd.momentums[sgd._get_variable_index(variable)].shape == variable.shape


def test_fit_still_asks_for_a_symbolic_build():
    """Without the override Keras calls it under a strategy, and between workers it fails."""
    assert "_maybe_symbolic_build" in inspect.getsource(sys.modules[keras.Model.fit.__module__])
    assert callable(keras.Model._maybe_symbolic_build)


def test_seeds_of_replicas_keep_their_variable(monkeypatch):
    monkeypatch.setattr(replicas, "count", lambda: 2)
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5, seed=3)])
    plain, seeds = keras.random.SeedGenerator(3), network.layers[-1].seed_generator
    state = seeds.state
    for _ in range(2):  # networks may be in two GANs, one after the other
        replicas.prepare(network)
    assert seeds.state is state
    assert state.name == "seed_generator_state"  # by which `saving` finds it
    assert [variable is state for variable in network.non_trainable_variables] == [True]
    for _ in range(2):
        np.testing.assert_array_equal(seeds.next(), plain.next())


def test_several_steps_at_once_can_be_asked_for_after_compile(toy_gan, toy_images):
    from kgan.data.stream import stream

    gan = toy_gan()
    devices.execute_at_once(gan, 4)
    calls, inner = [], gan.train_function
    gan.train_function = lambda iterator: calls.append(int(gan.step)) or inner(iterator)
    gan.make_train_function = lambda force=False: gan.train_function
    gan.fit(stream(toy_images, batch_size=4, seed=0), steps_per_epoch=8, verbose=0)
    assert (gan.steps_per_execution, calls, int(gan.step)) == (4, [0, 4], 8)


def test_what_compile_was_given_is_told_by_its_names():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse", run_eagerly=True, steps_per_execution=3, jit_compile=False)
    kept = model.get_compile_config()
    assert {name: kept[name] for name in saving.KERAS_OWN} == {"run_eagerly": True, "steps_per_execution": 3,
                                                               "jit_compile": False}


def test_batch_norms_call_their_means_so():
    norm = keras.layers.BatchNormalization()
    norm.build((None, 3))
    assert norm.moving_mean.path.endswith("/moving_mean")


@pytest.mark.parametrize(("mode", "bits", "raw"), [("RGB", None, "RGB"), ("I;16", None, "I;16B"), ("P", 2, "P;2")])
def test_pillow_says_how_a_file_stores_its_pixels(mode, bits, raw):
    written, picture = io.BytesIO(), Image.new(mode, (4, 4))
    if bits is not None:
        picture.putpalette(range(3 * 2**bits))
        picture.putdata([place % 2**bits for place in range(16)])
    picture.save(written, "png", **({} if bits is None else {"bits": bits}))
    tile = Image.open(written).tile
    assert [args if isinstance(args, str) else args[0] for *_, args in tile] == [raw]


def test_packages_that_seem_absent_are_so_for_one_thread_alone(monkeypatch):
    """While TensorFlow is imported: another thread's import of scikit-learn goes on."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "colorsys"]:
        monkeypatch.delitem(sys.modules, name)
    absent, seen = machine._Absent({"colorsys"}), []
    monkeypatch.setattr(sys, "meta_path", [absent, *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match="No module named 'colorsys'"):
        importlib.import_module("colorsys")
    thread = threading.Thread(target=lambda: seen.append(importlib.import_module("colorsys").__name__))
    thread.start()
    thread.join()
    assert seen == ["colorsys"]
