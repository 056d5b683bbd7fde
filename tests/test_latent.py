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
            latent.for_step(3, tf.constant(step), draw, tf.constant(0), (1, 1))
    assert [key[1] for key in keys] == [step for step in range(50) for _ in range(2)]
    assert len(set(keys)) == 100
