"""Model files from strangers, with traps in them."""

import io
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from kgan import models
from kgan.data import sources
from kgan.evaluation.candidate import open_candidate
from kgan.runs import checkpoints, loop
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime import files
from kgan.runtime.errors import UserError


class _Canary:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A PCA run, whose generator.keras is what is loaded, and a dcgan run, whose checkpoint is."""
    place = tmp_path_factory.mktemp("honest")
    loop.train(Run(place / "pca"), models.recipe("pca", "digits").override(latent_dim=5), sources.locate("digits"))
    loop.train(Run(place / "dcgan"), models.recipe("dcgan", "digits").override(steps=1, batch_size=2),
               sources.locate("digits"))
    return place


def _rezip(file, changes):
    """Rewrites members of a zip: {name: bytes or function of bytes}; None removes."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, change in changes.items():
        members[name] = change(members[name]) if callable(change) else change
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            if data is not None:
                archive.writestr(name, data)


def _h5(edit):
    """Returns a change to model.weights.h5 by a function of the open file."""

    def change(data):
        file = io.BytesIO(data)
        with h5py.File(file, "r+") as weights:
            edit(weights)
        return file.getvalue()

    return change


def _first(weights):
    """The path of some array in it."""
    found = []
    weights.visititems(lambda name, node: found.append(name) if isinstance(node, h5py.Dataset) and node.ndim else None)
    return found[0]


def _external(weights):
    name = _first(weights)
    shape = weights[name].shape
    del weights[name]
    weights.create_dataset(name, shape, "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def _linked(weights):
    name = _first(weights)
    del weights[name]
    weights[name] = h5py.ExternalLink("/etc/hostname", "/x")


def _soft(weights):
    name = _first(weights)
    del weights[name]
    weights[name] = h5py.SoftLink("/nowhere")


def _huge(weights):
    name = _first(weights)
    del weights[name]
    weights.create_dataset(name, (10**6, 10**5), "f4", chunks=(1000, 1000))


def _lambda(canary):
    code = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {
        "name": "x", "function": {"class_name": "__lambda__", "config": {"code": code}}}}
    return json.dumps({"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}).encode()


KERAS_FILES = {
    "garbage": lambda file, _: file.write_bytes(b"garbage"),
    "empty": lambda file, _: file.write_bytes(b""),
    "cut": lambda file, _: file.write_bytes(file.read_bytes()[:-100]),
    "a pickle": lambda file, canary: file.write_bytes(pickle.dumps(_Canary(canary))),
    "no weights": lambda file, _: _rezip(file, {"model.weights.h5": None}),
    "weights that are a pickle": lambda file, canary: _rezip(file, {
        "model.weights.h5": pickle.dumps(_Canary(canary))}),
    "arrays in another file": lambda file, _: _rezip(file, {"model.weights.h5": _h5(_external)}),
    "a link to another file": lambda file, _: _rezip(file, {"model.weights.h5": _h5(_linked)}),
    "a link to nothing": lambda file, _: _rezip(file, {"model.weights.h5": _h5(_soft)}),
    "an array of 400 GB": lambda file, _: _rezip(file, {"model.weights.h5": _h5(_huge)}),
    "a group in itself": lambda file, _: _rezip(file, {
        "model.weights.h5": _h5(lambda weights: weights.__setitem__("again", weights["/"]))}),
    "an array missing": lambda file, _: _rezip(file, {"model.weights.h5": _h5(lambda w: w.__delitem__(_first(w)))}),
    "a bomb of zeros": lambda file, _: _rezip(file, {"bomb": bytes(200_000_000)}),
    "a hundredth flipped": lambda file, _: file.write_bytes(bytes(
        byte ^ (255 if number % 100 == 0 else 0) for number, byte in enumerate(file.read_bytes()))),
}


@pytest.fixture
def copied(honest, tmp_path):
    """Copies an honest run to spoil."""
    return lambda name: Run(shutil.copytree(honest / name, tmp_path / "stranger"))


@pytest.mark.parametrize("trap", KERAS_FILES)
def test_hostile_keras_files_are_refused_in_one_sentence(copied, tmp_path, trap):
    run, canary = copied("pca"), tmp_path / "canary"
    KERAS_FILES[trap](run.generator_file, canary)
    with pytest.raises(UserError, match=r"generator.keras' (can't be loaded \(.*\); bring it back|is of other "
                       r"networks: its layer dense has .* where this model's has .*; choose the model)") as error:
        open_generator(run.path)
    assert "\n" not in str(error.value)
    assert not canary.exists()


def test_code_in_a_keras_file_is_never_run(copied, tmp_path):
    run, canary = copied("pca"), tmp_path / "canary"
    expected = open_generator(run.path).get_weights()
    _rezip(run.generator_file, {"config.json": _lambda(canary)})
    for loaded, honest in zip(open_generator(run.path).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(loaded, honest)  # the weights are all that is taken
    assert not canary.exists()


def _resave(run, state):
    """Commits a stranger's state, with a manifest that is right."""
    with files.committing(run.checkpoints / "step-1") as temporary, open(temporary / checkpoints.STATE, "wb") as file:
        np.savez(file, **state)


def _garbage(run):
    """Commits what is no archive, with a manifest that is right."""
    with files.committing(run.checkpoints / "step-1") as temporary:
        (temporary / checkpoints.STATE).write_bytes(b"garbage")


def _state(run):
    with np.load(run.checkpoints / "step-1" / checkpoints.STATE) as archive:
        return dict(archive)


CHECKPOINTS = {
    "a pickled object": lambda run, canary: _resave(run, _state(run) | {
        "generator/000": np.array([_Canary(canary)], object)}),
    "another shape": lambda run, _: _resave(run, _state(run) | {"generator/000": np.zeros((3, 3), np.float32)}),
    "an array missing": lambda run, _: _resave(run, {
        name: array for name, array in _state(run).items() if name != "generator/000"}),
    "a hundred megabytes too many": lambda run, _: _resave(run, _state(run) | {
        "generator/000": np.zeros(25 * 10**6, np.float32)}),
    "no archive": lambda run, _: _garbage(run),
    "no manifest": lambda run, _: (run.checkpoints / "step-1" / "manifest.json").unlink(),
}


@pytest.mark.parametrize("trap", CHECKPOINTS)
def test_hostile_checkpoints_are_refused_in_one_sentence(copied, tmp_path, trap):
    run, canary = copied("dcgan"), tmp_path / "canary"
    CHECKPOINTS[trap](run, canary)
    with pytest.raises(UserError) as error:
        open_generator(run.path, 1)
    assert "\n" not in str(error.value)
    assert not canary.exists()


CONFIGS = {
    "nested": "[" * 100_000, "a list": "[]", "no recipe": '{"format": 2}', "numbers": '{"format": 2, "recipe": 3}',
    "another model": {"model": "../evil"}, "a huge latent": {"latent_dim": 10**12},
    "a huge image": {"image_size": 10**9},
    "text for a number": {"latent_dim": "100"}, "negative": {"latent_dim": -1},
    "a list of channels": {"channels": [1]},
}


@pytest.mark.parametrize("trap", CONFIGS)
def test_hostile_configs_are_refused_in_one_sentence(copied, trap):
    run, change = copied("pca"), CONFIGS[trap]
    if isinstance(change, str):
        run.config_file.write_text(change)
    else:
        config = json.loads(run.config_file.read_text())
        run.config_file.write_text(json.dumps(config | {"recipe": config["recipe"] | change}))
    with pytest.raises(UserError) as error:
        open_generator(run.path)
    assert "\n" not in str(error.value)


ARRAYS = {
    "pickled": lambda canary: pickle.dumps(_Canary(canary)),
    "object": lambda canary: _npy(np.array([_Canary(canary)], object)),
    "huge": lambda _: _header((10**10, 4, 4, 1)), "negative": lambda _: _header((-1, 4, 4, 1)),
    "torn": lambda _: _npy(np.zeros((2, 4, 4, 1), np.uint8)).replace(b"(2, 4, 4, 1)", b"(2, 4, 4, 1,"),
    "cut": lambda _: _npy(np.zeros((20, 4, 4, 1), np.uint8))[:-50],
    "header": lambda _: b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 200,
}


def _header(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(100)


def _npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("trap", ARRAYS)
def test_hostile_arrays_are_refused_in_one_sentence(tmp_path, trap):
    canary = tmp_path / "canary"
    (tmp_path / "images.npy").write_bytes(ARRAYS[trap](canary))
    with pytest.raises(UserError) as error:
        open_candidate(tmp_path / "images.npy")
    assert "\n" not in str(error.value)
    assert not canary.exists()


def test_honest_files_load(honest, tmp_path):
    for name in ("pca", "dcgan"):
        assert isinstance(open_generator(honest / name), keras.Model)
    np.save(tmp_path / "images.npy", np.zeros((2, 4, 4, 1), np.uint8))
    assert open_candidate(tmp_path / "images.npy").limit == 2
