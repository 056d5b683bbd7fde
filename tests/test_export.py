import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from kgan import export, images, models

# Loads in a process that has TensorFlow alone.
CLIENT = """
import sys
import numpy as np
import tensorflow as tf
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
assert {name: spec.shape.as_list() for name, spec in serve.structured_input_signature[1].items()} == {"z": [None, 100]}
np.save(sys.argv[3], serve(z=tf.constant(np.load(sys.argv[2])))["images"].numpy())
assert "kgan" not in sys.modules
"""


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_saved_model_equals_the_live_generator_bit_for_bit(tmp_path, precision):
    generator, _ = models.build(models.recipe("dcgan").override(precision=precision))
    version = export.export(generator, tmp_path / "out")
    assert version == tmp_path / "out" / "1"
    z = np.random.default_rng(0).normal(size=(16, 100)).astype(np.float32)
    np.save(tmp_path / "z.npy", z)
    subprocess.run([sys.executable, "-c", CLIENT, str(version), str(tmp_path / "z.npy"), str(tmp_path / "images.npy")],
                   check=True, cwd=tmp_path, capture_output=True)
    served = np.load(tmp_path / "images.npy")
    assert served.dtype == np.uint8
    assert served.std() > 0
    np.testing.assert_array_equal(served, images.to_uint8(tf.function(generator)(z, training=False)))


def test_export_takes_the_next_version_and_leaves_nothing_else(tmp_path):
    generator, _ = models.build(models.recipe("dcgan"))
    (tmp_path / "7").mkdir()
    assert export.export(generator, tmp_path) == tmp_path / "8"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "8"]
    assert (tmp_path / "8" / "saved_model.pb").is_file()
