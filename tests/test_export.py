import subprocess
import sys

import numpy as np
import tensorflow as tf

from kgan import export, images, models

# Loads every version in a process that has TensorFlow alone.
CLIENT = """
import sys
from pathlib import Path
import numpy as np
import tensorflow as tf
for version in Path(sys.argv[1]).iterdir():
    serve = tf.saved_model.load(version).signatures["serving_default"]
    (_, inputs) = serve.structured_input_signature
    assert inputs == {"z": tf.TensorSpec([None, 100], tf.float32, name="z")}
    np.save(f"{version.name}.npy", serve(z=tf.constant(np.load("z.npy")))["images"].numpy())
assert "kgan" not in sys.modules
"""


def test_saved_model_equals_the_live_generator_bit_for_bit(tmp_path):
    z = np.random.default_rng(0).normal(size=(16, 100)).astype(np.float32)
    np.save(tmp_path / "z.npy", z)
    expected = {}
    for precision in ("float32", "mixed_bfloat16"):
        generator, _ = models.build(models.recipe("dcgan").override(precision=precision))
        version = export.export(generator, tmp_path / "out")
        expected[version.name] = images.to_uint8(tf.function(generator)(z, training=False)).numpy()
    assert list(expected) == ["1", "2"]
    client = subprocess.run([sys.executable, "-c", CLIENT, "out"], check=True, cwd=tmp_path, capture_output=True,
                            text=True)
    assert "gradient" not in client.stderr  # TensorFlow warns of custom gradients that a SavedModel lacks
    for version, pixels in expected.items():
        served = np.load(tmp_path / f"{version}.npy")
        assert served.dtype == np.uint8
        assert served.std() > 0
        np.testing.assert_array_equal(served, pixels)


def test_export_takes_the_next_version_and_leaves_nothing_else(tmp_path):
    generator, _ = models.build(models.recipe("dcgan"))
    (tmp_path / "7").mkdir()
    assert export.export(generator, tmp_path) == tmp_path / "8"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "8"]
    assert (tmp_path / "8" / "saved_model.pb").is_file()
