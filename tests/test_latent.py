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
    key_like = latent.for_step(7, tf.constant(0), 0, tf.constant(0), (1, 8)).numpy()
    sampled = latent.from_seeds(tf.range(1000), 8).numpy()
    assert not (sampled == key_like).all(axis=1).any()
