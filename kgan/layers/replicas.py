"""What the replicas of a `tf.distribute` strategy share in a step, and what each has for itself.

Gradients are Keras' optimizers': they sum them over replicas, and losses are means over the global batch. This module
does the rest: batch norm's statistics are those of the global batch, and noise is each replica's own.
"""

import functools
import itertools
from typing import Any

import keras
import tensorflow as tf

from kgan.runtime.errors import UserError


def count() -> int:
    """Returns how many replicas take part in the step, or would in this scope; 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def number() -> Any:
    """Returns which replica this is in a step, from 0."""
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def prepare(*networks: keras.Model) -> None:
    """Makes networks right for several replicas: batch norm, and all layers that draw. Does nothing for one replica."""
    for layer in itertools.chain(*(network.layers for network in networks)) if count() > 1 else ():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
        if isinstance(seeds := getattr(layer, "seed_generator", None), keras.random.SeedGenerator):
            # Keras mirrors their state, so that all replicas would drop the same places. New seeds would be another
            # variable of the layer; these keep theirs.
            seeds.next = functools.partial(_next_of_replica, seeds)  # type: ignore[method-assign]


def _next_of_replica(seeds: keras.random.SeedGenerator, ordered: bool = True) -> tf.Tensor:
    """Returns the next seed, (2,), for each replica another; the first replica's is that of one device."""
    seed, replica = keras.random.SeedGenerator.next(seeds, ordered), number()
    return tf.where(replica > 0, tf.random.experimental.stateless_fold_in(seed, tf.cast(replica, seed.dtype)), seed)


def check(*optimizers: keras.Optimizer) -> None:
    """Raises UserError when an optimizer would be wrong on the replicas that there are, if they are several."""
    for optimizer in optimizers if count() > 1 else ():
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            raise UserError("float16's loss scaling looks at the first replica's gradients alone, so others may "
                            "overflow unseen; on several devices take float32 or mixed_bfloat16.")
        if clipped := [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(optimizer, name)]:
            raise UserError(f"{clipped[0]} clips each replica's share of a gradient, not their sum, which is another "
                            "method; on several devices take a recipe that doesn't clip.")


def mean(value: tf.Tensor) -> tf.Tensor:
    """Returns the mean of a value over the replicas, in a step."""
    return value if count() == 1 else tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)


def reported(value: tf.Tensor) -> tf.Tensor:
    """Returns a mean as `train_step` may return it."""
    # Between workers Keras reduces what a step returns along axis 0, which scalars don't have
    # (https://github.com/keras-team/keras/issues/20585).
    workers = isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)
    return tf.reshape(value, (1,)) if workers else value
