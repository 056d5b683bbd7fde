"""Gradients of a minibatch that are taken part after part, in the memory that a part needs."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kgan import latent
from kgan.batch import Batch

PART = 100  # and on: folded into a step's key for the second part of a minibatch and those behind it


def over_parts(count: int, gradients: Callable[..., tuple[Any, Any]], key: tf.Tensor,
               *batches: Batch) -> tuple[Any, Any]:
    """Returns the mean of gradients over the parts of a minibatch, and what is seen in all of them.

    Args:
        count: of parts, of one size.
        gradients: from a part's key and its batches to gradients of a mean loss, and tensors of a row per example.
        key: of the minibatch, and of its first part; it is folded for the others.
        batches: the minibatch.
    """
    if count == 1:
        return gradients(key, *batches)
    total, seen = None, []
    for number, parts in enumerate(zip(*(batch.split(count) for batch in batches), strict=True)):
        # A part waits for the one before, whose memory is free then; together they would need that of the whole.
        with tf.control_dependencies([tf.group(*filter(tf.is_tensor, tf.nest.flatten(total)))]):
            new, found = gradients(latent.fold(key, PART + number) if number else key, *parts)
            total = new if total is None else tf.nest.map_structure(_or_none(tf.add), total, new)
        seen.append(found)
    return (tf.nest.map_structure(_or_none(lambda sums: sums / count), total),
            tf.nest.map_structure(_or_none(lambda *parts: tf.concat(parts, 0)), *seen))


def _or_none(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function of tensors that lets None be: what has no gradient, or is not there."""
    return lambda *tensors: None if tensors[0] is None else function(*tensors)
