from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import special

from kgan.layers import ClusterByLatent, Maxout, NormalToUniform, Uniform, one_hot, prior, with_label
from kgan.runs import generators
from kgan.serving.operations import operations


def test_maxout_takes_the_largest_of_each_units_pieces():
    """Two units of two pieces, by hand: unit 0 is max(x, -x) = |x|, unit 1 is max(2x, 1)."""
    layer = Maxout(2, pieces=2)
    layer.build((None, 1))
    layer.set_weights([np.array([[1.0, -1.0, 2.0, 0.0]]), np.array([0.0, 0.0, 0.0, 1.0])])
    np.testing.assert_allclose(layer(np.array([[-3.0], [0.25], [4.0]])), [[3, 1], [0.25, 1], [4, 8]])


@pytest.mark.parametrize("layer", [Maxout(3, pieces=5, kernel_initializer=keras.initializers.RandomUniform(-1, 1)),
                                   NormalToUniform(), Uniform(3**0.5), ClusterByLatent(3, 1)])
def test_layers_survive_a_keras_file(layer, tmp_path):
    z = keras.Input((4,))
    model = keras.Model(z, layer(z))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert loaded.layers[1].get_config() == layer.get_config()


def test_a_file_of_before_that_names_the_layer_kind_is_read():
    """kgan at fcff4c3 wrote it, and what its network gave."""
    loaded = keras.models.load_model(Path(__file__).with_name("kind.keras"))
    layer = ClusterByLatent.of(loaded)
    np.testing.assert_allclose(layer.shares, [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])
    z = np.array([[-2, 0, 0], [0, 0, 0], [2, 0, 0], [0.3, 0, 0]], np.float32)
    np.testing.assert_allclose(np.reshape(loaded([z, np.array([0, 1, 1, 0])]), (4, 3)), [
        [0.00156844, -0.01909148, 0.03387747], [0.01444576, -0.00148562, 0.04660339],
        [0.01995536, 0.01881380, 0.03716682], [-0.00625417, 0.02808795, 0.00783539]], atol=1e-7)


def test_weights_of_a_file_of_before_are_put_into_todays_layer(tmp_path):
    file = Path(__file__).with_name("kind.keras")
    old = keras.models.load_model(file)
    z, label = keras.Input((3,), name="z"), keras.Input((), dtype="int32", name="label")
    x = keras.layers.Embedding(8, 3)(ClusterByLatent(4, 2)(z, label))
    new = keras.Model([z, label], keras.layers.Reshape((1, 1, 3))(keras.layers.Activation("tanh")(x)))
    generators.load_file(file, new)
    for ours, theirs in zip(new.get_weights(), old.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # A page holds such a network too.
    (operation,) = (operation for operation in operations(old, ["z", "label"]) if operation.name == "kind")
    np.testing.assert_allclose(special.ndtr(operation.settings["cuts"]), [[0.1, 0.3, 0.6], [0.4, 0.7, 0.9]], rtol=1e-6)


def test_normal_to_uniform_against_scipys_normal_distribution():
    from scipy.stats import norm

    layer = NormalToUniform()
    layer.build((None, 2))
    layer.set_weights([np.array([-1.0, 3.0]), np.array([1.0, 4.0])])
    z = np.linspace(-4, 4, 18).reshape(9, 2).astype(np.float32)
    np.testing.assert_allclose(layer(z), [-1, 3] + np.array([2, 1]) * norm.cdf(z), atol=1e-6)


@pytest.mark.parametrize(("name", "low", "high"), [("uniform", -1, 1), ("uniform_unit_variance", -(3**0.5), 3**0.5)])
def test_priors_are_uniform_against_scipys_normal_distribution(name, low, high):
    from scipy.stats import norm

    z = np.linspace(-4, 4, 18).reshape(9, 2).astype(np.float32)
    np.testing.assert_allclose(prior(z, name), low + (high - low) * norm.cdf(z), atol=1e-6)
    drawn = np.asarray(prior(np.random.default_rng(0).normal(size=(100_000, 1)).astype(np.float32), name))
    assert drawn.std() == pytest.approx((high - low) / 12**0.5, rel=0.01)


def test_normal_prior_is_z_itself():
    z = np.ones((1, 2), np.float32)
    assert prior(z, "normal") is z


def test_labels_are_appended_to_rows_and_to_maps():
    label = keras.Input((), dtype="int32")
    rows, maps = keras.Input((2,)), keras.Input((2, 3, 1))
    row = one_hot(label, 3)
    model = keras.Model([rows, maps, label], [with_label(rows, row), with_label(maps, row)])
    two, three = model([np.full((2, 2), 7.0), np.full((2, 2, 3, 1), 8.0), np.array([2, 0])])
    np.testing.assert_array_equal(two, [[7, 7, 0, 0, 1], [7, 7, 1, 0, 0]])
    assert three.shape == (2, 2, 3, 4)
    np.testing.assert_array_equal(three[0], np.broadcast_to([8, 0, 0, 1], (2, 3, 4)))
    np.testing.assert_array_equal(three[1], np.broadcast_to([8, 1, 0, 0], (2, 3, 4)))


def _clusters(*shares):
    layer = ClusterByLatent(len(shares[0]), len(shares))
    layer.build((None, 3))
    layer.shares.assign(shares)
    return layer


def test_kind_cuts_the_line_by_its_shares_against_scipys_normal_distribution():
    """Shares of 1/4, 1/2 and 1/4: the ends are at ±0.6745; of 1/2, 0 and 1/2 in another class: at 0."""
    z = np.array([[-5, 9], [-0.68, 9], [-0.67, 9], [-0.01, 9], [0.01, 9], [0.67, 9], [0.68, 9], [5, 9]], np.float32)
    np.testing.assert_array_equal(_clusters([0.25, 0.5, 0.25])(z), [0, 0, 1, 1, 1, 1, 2, 2])
    two = _clusters([0.25, 0.5, 0.25], [0.5, 0.0, 0.5])
    np.testing.assert_array_equal(two(z, np.zeros(8, np.int32)), [0, 0, 1, 1, 1, 1, 2, 2])
    np.testing.assert_array_equal(two(z, np.ones(8, np.int32)), [3, 3, 3, 3, 5, 5, 5, 5])


def test_z_that_is_given_a_cluster_has_it_and_stays_normal():
    from scipy.stats import kstest

    shares = np.array([[0.001, 0.3, 0.05, 0.649], [0.25, 0.25, 0.5, 0.0]])
    layer = _clusters(*shares)
    random = np.random.default_rng(0)
    wanted = random.choice(8, 50_000, p=np.array([[0.8], [0.2]] * shares).ravel())
    z = random.normal(size=(50_000, 3)).astype(np.float32)
    given, labels = map(np.asarray, layer.z_for(wanted, z))
    np.testing.assert_array_equal(labels, wanted // 4)
    np.testing.assert_array_equal(layer(given, labels), wanted)
    np.testing.assert_array_equal(given[:, 1:], z[:, 1:])
    for number in (0, 1):
        assert kstest(given[labels == number, 0], "norm").statistic < 0.02  # 0.01 of each interval's ends is left out


def test_the_cluster_of_extreme_values_is_the_first_or_the_last():
    layer = _clusters([0.5, 0.5])
    z = np.array([[-40.0], [-40.0], [40.0], [40.0]], np.float32)
    given = np.asarray(layer.z_for(np.array([0, 1, 0, 1]), z)[0])
    assert np.isfinite(given).all()
    np.testing.assert_array_equal(layer(given), [0, 1, 0, 1])
