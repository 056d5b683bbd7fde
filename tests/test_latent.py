import numpy as np
import tensorflow as tf

from kgan import latent


def test_from_seeds_rows_depend_on_their_own_seed():
    z = latent.from_seeds([5, 6, 5, 2**40], 16).numpy()
    np.testing.assert_array_equal(z[0], z[2])
    assert len({row.tobytes() for row in z}) == 3
    np.testing.assert_array_equal(latent.from_seeds([6], 16)[0], z[1])


def test_from_seeds_is_standard_normal():
    z = latent.from_seeds(tf.range(2000), 50).numpy().ravel()
    assert abs(z.mean()) < 4 / np.sqrt(z.size)  # four standard errors
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / z.size)


def test_sampling_and_training_never_share_noise():
    key = tf.random.experimental.stateless_fold_in(tf.constant([7, 0]), 5)
    assert int(key[1]) == 5  # the step stays readable in training's key, and no step is _SAMPLING
    assert latent._SAMPLING < 0


def test_no_two_steps_share_a_key(monkeypatch):
    keys = []
    monkeypatch.setattr(tf.random, "stateless_normal", lambda shape, key: keys.append(tuple(key.numpy())))
    for step in range(50):
        for draw in range(2):
            latent.normal(latent.key(3, tf.constant(step), draw, tf.constant(0)), (1, 1))
    assert [key[1] for key in keys] == [step for step in range(50) for _ in range(2)]
    assert len(set(keys)) == 100


def test_slerp_keeps_to_the_arc():
    a, b = np.array([3.0, 0.0]), np.array([0.0, 3.0])
    np.testing.assert_allclose(latent.slerp(a, b, 1 / 3), 3 * np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)]))
    np.testing.assert_allclose(latent.slerp(a, b, 0), a)
    np.testing.assert_allclose(latent.slerp(a, b, 1), b)
    a, b = latent.from_seeds([1, 2], 100).numpy()
    middle = latent.slerp(a, b, 0.5)
    assert np.linalg.norm(middle) > 0.95 * min(np.linalg.norm(a), np.linalg.norm(b))
    assert np.linalg.norm((a + b) / 2) < 0.8 * min(np.linalg.norm(a), np.linalg.norm(b))  # what the arc avoids
    np.testing.assert_allclose(np.dot(middle, a) / np.linalg.norm(a), np.dot(middle, b) / np.linalg.norm(b), rtol=0.1)


def test_slerp_is_straight_where_there_is_no_arc():
    a = np.array([1.0, 2.0])
    for b, expected in ((a, a), (3 * a, 2 * a), (-a, 0 * a), (0 * a, a / 2)):
        np.testing.assert_allclose(latent.slerp(a, b, 0.5), expected, atol=1e-12)


def test_walk_passes_every_stop_and_comes_back():
    stops = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    steps = latent.walk(stops, 2)
    half = np.sqrt(0.5)
    expected = [[1, 0], [half, half], [0, 1], [-half, half], [-1, 0], [0, 0]]  # from -1 to 1 there is no arc
    np.testing.assert_allclose(steps, expected, atol=1e-12)


def test_a_straight_walk_keeps_to_the_lines():
    stops = np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(latent.walk(stops, 4, latent.straight), [
        [1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1], [0.25, 0.75], [0.5, 0.5], [0.75, 0.25]])


def test_arithmetic_is_of_means():
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[10.0, 0.0]])
    c = np.array([[0.0, 5.0], [0.0, 7.0], [3.0, 0.0]])
    assert latent.arithmetic(a, b, c).tolist() == [2 - 10 + 1, 3 - 0 + 4]


def test_directions_are_what_moves_pixels_most():
    z = latent.from_seeds(range(4000), 5).numpy()
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    pixels = z @ axes.T @ np.diag([1.0, 50.0, 12.0, 25.0, 0.1])  # pixel i moves with axis i, by so much
    found = latent.directions(z, pixels.reshape(-1, 1, 5, 1) + 100, 3)
    assert found.shape == (3, 5)
    for direction, axis in zip(found, axes[[1, 3, 2]], strict=True):
        assert abs(direction @ axis) > 0.99
