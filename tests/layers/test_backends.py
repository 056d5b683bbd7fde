"""generator.keras under Keras' other backends, in a process that has no TensorFlow."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from kgan import kernels, models, sampling
from kgan.runs import generators
from kgan.runs.generators import open_generator
from kgan.serving import saved_model

DRAW = """
import sys

sys.modules["tensorflow"] = None  # as where it is not installed
import keras, numpy as np
import kgan.layers

given = np.load(sys.argv[2])
generator = keras.saving.load_model(sys.argv[1], compile=False)
floats = generator.predict([given[one] for one in ("z", "label") if one in given], verbose=0)
np.save(sys.argv[3], np.clip(np.round((floats + 1) * 127.5), 0, 255).astype(np.uint8))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("name", ["preset:digits", "pictures"])
def test_a_generator_file_draws_the_same_on_another_backend(backend, name, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    generator = kernels.plain(open_generator(name) if ":" in name else models.build_generator(
        models.recipe(name).override(classes=3)), dtype="float32")
    given = saved_model.samples(generator, 8)
    assert sampling.classes(generator)
    expected = given.pop("images")
    np.savez(tmp_path / "given.npz", **given)
    generators.write_keras(generator, tmp_path / "generator.keras")
    drawn = subprocess.run([sys.executable, "-c", DRAW, tmp_path / "generator.keras", tmp_path / "given.npz",
                            tmp_path / "drawn.npy"], env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True,
                           text=True)
    assert drawn.returncode == 0, drawn.stderr[-500:]
    assert np.abs(np.load(tmp_path / "drawn.npy").astype(int) - expected).max() <= 1
