"""From a recipe to its GAN."""

from collections.abc import Sequence

import keras
import numpy as np
from absl import logging

from kgan import augment, losses, models, penalties
from kgan.gan import GAN
from kgan.layers import ClusterByLatent
from kgan.layers.progressive import Fade
from kgan.recipe import Recipe
from kgan.runs import optimizers
from kgan.runtime import machine


def build_gan(recipe: Recipe, cluster_counts: Sequence[int] | None = None,
              networks: tuple[keras.Model, keras.Model] | None = None, step: int = 0) -> GAN:
    """Returns the recipe's GAN, compiled; where networks grow, as it is after `step` steps.

    Args:
        recipe: of the GAN.
        cluster_counts: training images of each cluster, class after class, where the generator chooses among them.
        networks: generator and discriminator, in place of the recipe's own.
        step: that was the last one before the networks are as they are to be.

    Raises:
        UserError: the recipe names a model or a loss that there is not.
    """
    phase = recipe.phase_of(step)
    recipe = recipe.for_phase(phase)
    loss = losses.smoothed(losses.get(recipe.loss or ""), recipe.label_smoothing)
    if recipe.precision != "float32" and not machine.computes_bfloat16():
        logging.warning("This processor has no bfloat16 instructions: %s is computed in float32 and rounded; float32 "
                        "is faster.", recipe.precision)
    generator, discriminator = networks or models.build(recipe)
    models.freeze(recipe, generator, discriminator)
    set_shares(cluster_counts, generator)
    gan = GAN(generator, discriminator, update=recipe.update, augment=augment.get(recipe.augment),
              d_steps=recipe.d_steps, g_steps=recipe.g_steps, ema_decay=recipe.ema_decay_per_step,
              first_step=phase.start, fade_steps=(phase.steps or 0) if phase.fade else 0, seed=recipe.seed)
    cost = () if recipe.penalty is None else penalties.get(recipe.penalty, recipe.penalty_weight or 0.0,
                                                             recipe.penalty_sigma, recipe.penalty_share)
    gan.compile(
        loss=loss,
        g_optimizer=optimizers.build(recipe, recipe.g_learning_rate or 0.0, recipe.g_steps,
                                     wait=max(0, recipe.discriminator_warmup - phase.start)),
        d_optimizer=optimizers.build(recipe, recipe.d_learning_rate or 0.0, recipe.d_steps),
        penalties=cost,
        d_loss_weight=recipe.d_loss_weight,
        penalty_decay=optimizers.decay(recipe, recipe.floor if recipe.penalty_floor is None else recipe.penalty_floor),
    )
    gan.batch_check = None  # kgan's own stream is in the right range
    return gan


def set_shares(counts: Sequence[int] | None, generator: keras.Model, average: keras.Model | None = None) -> None:
    """Sets how often a generator, and its average, choose each cluster: as often as it is in the training images.

    Where the generator does so already, its average stays as it is, to the last bit.
    """
    clusters = ClusterByLatent.of(generator)
    if clusters is None or counts is None:
        return
    each = np.reshape(counts, clusters.shares.shape)
    shares = (each / np.maximum(each.sum(axis=1, keepdims=True), 1)).astype(np.float32)  # a class may be held out whole
    if not np.array_equal(clusters.shares, shares):
        clusters.shares.assign(shares)
        if average is not None:
            ClusterByLatent.of(average).shares.assign(shares)  # type: ignore[union-attr]


def grown(gan: GAN, recipe: Recipe, cluster_counts: Sequence[int] | None = None) -> GAN:
    """Returns the GAN of the phase that begins at the step of `gan`: it has learnt what its layers' namesakes have.

    New layers are as untrained ones of this recipe; the optimizers begin anew.
    """
    new = build_gan(recipe, cluster_counts, step=int(gan.step) + 1)
    for ours, theirs in ((new.generator, gan.generator), (new.discriminator, gan.discriminator),
                         (new.ema_generator, gan.ema_generator)):
        if ours is not None:
            copy_by_name(theirs, ours)
    return new


def copy_by_name(theirs: keras.Model, ours: keras.Model) -> None:
    """Copies the weights of layers that have the same name in both networks, frozen ones too, but no fade's α."""
    known = {layer.name: layer for layer in theirs.layers}
    for layer in ours.layers:
        if layer.weights and layer.name in known and not isinstance(layer, Fade):
            layer.set_weights(known[layer.name].get_weights())
