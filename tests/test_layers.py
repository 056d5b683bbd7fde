import keras
import numpy as np
import pytest

from kgan.layers import Maxout, NormalToUniform


def test_maxout_takes_the_largest_of_each_units_pieces():
    """Two units of two pieces, by hand: unit 0 is max(x, -x) = |x|, unit 1 is max(2x, 1)."""
    layer = Maxout(2, pieces=2)
    layer.build((None, 1))
    layer.set_weights([np.array([[1.0, -1.0, 2.0, 0.0]]), np.array([0.0, 0.0, 0.0, 1.0])])
    np.testing.assert_allclose(layer(np.array([[-3.0], [0.25], [4.0]])), [[3, 1], [0.25, 1], [4, 8]])


@pytest.mark.parametrize("layer", [Maxout(3, pieces=5, kernel_initializer=keras.initializers.RandomUniform(-1, 1)),
                                   NormalToUniform()])
def test_layers_survive_a_keras_file(layer, tmp_path):
    z = keras.Input((4,))
    model = keras.Model(z, layer(z))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert loaded.layers[1].get_config() == layer.get_config()


def test_normal_to_uniform_against_scipys_normal_distribution():
    from scipy.stats import norm

    layer = NormalToUniform()
    layer.build((None, 2))
    layer.set_weights([np.array([-1.0, 3.0]), np.array([1.0, 4.0])])
    z = np.linspace(-4, 4, 18).reshape(9, 2).astype(np.float32)
    np.testing.assert_allclose(layer(z), [-1, 3] + np.array([2, 1]) * norm.cdf(z), atol=1e-6)
