"""z, as a pure function of what it belongs to: a training step, or a sample's seed."""

import tensorflow as tf

_SAMPLING = -1  # the key word that stands where training has its step


def for_step(seed: int, step: tf.Tensor, draw: int, replica: tf.Tensor, shape: tuple[int, int]) -> tf.Tensor:
    """N(0, 1) noise, `shape` = (batch, latent_dim), float32, for one draw of one training step."""
    key = tf.constant([seed, 0], tf.int32)
    # Folding hashes the key so far and keeps the last word as it is: with the step last, no two steps share a key.
    for word in (replica, draw, step):
        key = tf.random.experimental.stateless_fold_in(key, tf.cast(word, tf.int32))
    return tf.random.stateless_normal(shape, key)


def from_seeds(seeds: tf.Tensor, latent_dim: int) -> tf.Tensor:
    """N(0, 1) noise, (n, latent_dim), float32; row i depends on seeds[i] alone. `seeds` are (n,) integers."""
    return _rows(tf.cast(seeds, tf.int64), latent_dim)


@tf.function(reduce_retracing=True)  # run eagerly, `map_fn` takes a millisecond per seed
def _rows(seeds: tf.Tensor, latent_dim: int) -> tf.Tensor:
    return tf.map_fn(
        lambda seed: tf.random.stateless_normal((latent_dim,), tf.stack([seed, _SAMPLING])),
        seeds,
        fn_output_signature=tf.TensorSpec((latent_dim,), tf.float32),
    )
