"""Which of a trained pair of networks' weights another pair begins with: the groups that fit, in their order.

A group (`models.groups`) fits one whose layers have the same classes, names and shapes; layers' automatic names, as
`conv2d_3`, say nothing. Of all ways to pair groups in order, the one that takes the most weights is chosen; of equal
ones, in G that which begins at z, in D that which begins at the logit. So between image sizes G keeps what stands
behind z, D what stands before the logit.

Layers that are told labels, embeddings and choices of clusters, don't decide. An embedding of as many labels is taken;
one of other labels begins anew, around the mean of those before: what these had in common is kept. Of G's first dense
layer the rows of z are taken, also where an embedding is appended to z in one of the two alone.
"""

import functools
import itertools
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from kgan import models
from kgan.layers import ClusterByLatent
from kgan.layers.progressive import Fade
from kgan.recipe import Recipe

UNDECIDED = (keras.layers.Embedding, ClusterByLatent, Fade)  # layers that don't decide whether a group fits
Key = tuple[Any, ...]


class Piece(NamedTuple):
    """What one array takes of another: all, its first rows, or the mean of its rows; places in `network.variables`."""

    ours: int
    theirs: int
    rows: int | None = None
    mean: bool = False


class Taken(NamedTuple):
    """What a network takes of another one."""

    pieces: tuple[Piece, ...]
    blocks: tuple[bool, ...]  # of each of its blocks, whether it is taken
    anew: tuple[str, ...]  # in words, what begins anew

    @property
    def first(self) -> int:
        """How many blocks are taken before the first that begins anew."""
        return (*self.blocks, False).index(False)

    def apply(self, theirs: Sequence[np.ndarray], network: keras.Model) -> None:
        """Puts the other network's arrays, in the order of its variables, into `network`."""
        for piece in self.pieces:
            variable, array = network.variables[piece.ours], theirs[piece.theirs]
            if piece.mean:
                variable.assign_add(np.broadcast_to(array.mean(axis=0), variable.shape))
            elif piece.rows is not None:
                variable.assign(np.concatenate([array[:piece.rows], np.array(variable)[piece.rows:]]))
            else:
                variable.assign(array)


class Plan(NamedTuple):
    """What both networks take."""

    generator: Taken
    discriminator: Taken

    @property
    def fits(self) -> bool:
        """Tells whether any block does."""
        return any(self.generator.blocks) or any(self.discriminator.blocks)

    def taken(self) -> str:
        """Returns what is taken, in words."""
        counts = (f"{sum(part.blocks)} of {len(part.blocks)} blocks of {name}" for name, part in self._parts())
        return ", ".join(counts)

    def begins_anew(self) -> str:
        """Returns what begins anew, in words; the optimizers always do."""
        return "; ".join([*(f"{name}'s {', '.join(part.anew)}" for name, part in self._parts() if part.anew),
                          "optimizers"])

    def _parts(self) -> tuple[tuple[str, Taken], ...]:
        return ("G", self.generator), ("D", self.discriminator)


@functools.lru_cache(maxsize=4)
def plan(theirs: Recipe, ours: Recipe) -> Plan:
    """Returns what the networks of the recipe `ours` take of those of `theirs`; they are built for it."""
    before, now = models.build(theirs), models.build(ours)
    return Plan(*(compare(*pair, ours.model, from_z=from_z)
                  for from_z, pair in zip((True, False), zip(before, now, strict=True), strict=True)))


def compare(theirs: keras.Model, ours: keras.Model, model: str, *, from_z: bool) -> Taken:
    """Returns what one network takes of another of the same model; `from_z`: they are generators."""
    before, now = models.groups(theirs), models.groups(ours)
    dense = _first_dense(now) if from_z else None
    keys, known = ([_key(group, _first_dense(groups) if from_z else None) for group in groups]
                   for groups in (now, before))
    weights = [sum(layer.count_params() for layer in group) for group in now]
    if from_z:
        pairs = _pairs(known, keys, weights)
    else:  # from the logit on
        pairs = [(len(before) - 1 - i, len(now) - 1 - j)
                 for i, j in _pairs(known[::-1], keys[::-1], weights[::-1])][::-1]
    places = {id(variable): place for network in (theirs, ours) for place, variable in enumerate(network.variables)}
    pieces, anew = list[Piece](), list[str]()
    for i, j in pairs:
        for source, layer in zip(_plain(before[i]), _plain(now[j]), strict=True):
            for old, new in zip(source.weights, layer.weights, strict=True):
                rows = None if old.shape == new.shape else min(old.shape[0], new.shape[0])
                pieces.append(Piece(places[id(new)], places[id(old)], rows))
                if layer is dense and old.shape[0] < new.shape[0]:
                    anew.append(f"rows {old.shape[0]} to {new.shape[0]} of {_words(layer)}")
    taken = {j for _, j in pairs}
    group_of = {id(layer): number for number, group in enumerate(now) for layer in group}
    blocks = tuple(all(group_of[id(layer)] in taken for layer in block) for block in models.blocks(ours, model))
    anew += [" with ".join(map(_words, _plain(group))) for number, group in enumerate(now) if number not in taken]
    for old, new in itertools.zip_longest(_embeddings(theirs), _embeddings(ours)):
        if new is None or (old is not None and old.shape == new.shape):
            pieces += [] if new is None else [Piece(places[id(new)], places[id(old)])]
            continue
        anew.append(f"embedding of {new.shape[0]:,} labels")
        if old is not None and old.shape[1] == new.shape[1] and new.trainable:
            pieces.append(Piece(places[id(new)], places[id(old)], mean=True))
    return Taken(tuple(pieces), blocks, tuple(anew))


def _embeddings(network: keras.Model) -> list[Any]:
    """Returns the table of each embedding of labels, (labels, width)."""
    return [layer.weights[0] for layer in network.layers if isinstance(layer, keras.layers.Embedding)]


def _plain(group: Sequence[keras.layers.Layer]) -> list[keras.layers.Layer]:
    """Returns a group's layers but for those that are told labels, or fade."""
    return [layer for layer in group if not isinstance(layer, UNDECIDED)]


def _first_dense(groups: Sequence[Sequence[keras.layers.Layer]]) -> keras.layers.Layer | None:
    """Returns the dense layer of the first group, which begins with z's rows; None where it has none."""
    return next((layer for layer in _plain(groups[0]) if isinstance(layer, keras.layers.Dense)), None)


def _key(group: Sequence[keras.layers.Layer], first: keras.layers.Layer | None) -> Key:
    """Returns what two groups that fit have in common; of the dense layer `first` the rows may be as many as it has."""
    return tuple((type(layer).__name__, _own_name(layer), *(
        tuple(weight.shape)[layer is first and number == 0:] for number, weight in enumerate(layer.weights)))
        for layer in _plain(group))


def _own_name(layer: keras.layers.Layer) -> str:
    """Returns the name that a model's file gives a layer; nothing where it is Keras' automatic one."""
    automatic = rf"{type(layer).__name__.lower()}\d*"  # conv2d_transpose_3
    return "" if re.fullmatch(automatic, layer.name.replace("_", "")) else layer.name


def _words(layer: keras.layers.Layer) -> str:
    return f"{type(layer).__name__} {'×'.join(map(str, layer.weights[0].shape))}"


def _pairs(theirs: Sequence[Key], ours: Sequence[Key], weights: Sequence[int]) -> list[tuple[int, int]]:
    """Returns the places of equal keys, in their order, that have the most weights together, the earliest first.

    The longest common subsequence, by dynamic programming from the end.
    """
    best = np.zeros((len(theirs) + 1, len(ours) + 1), np.int64)
    for i in reversed(range(len(theirs))):
        for j in reversed(range(len(ours))):
            both = weights[j] + best[i + 1, j + 1] if theirs[i] == ours[j] else -1
            best[i, j] = max(both, best[i + 1, j], best[i, j + 1])
    pairs, i, j = list[tuple[int, int]](), 0, 0
    while i < len(theirs) and j < len(ours):
        if theirs[i] == ours[j] and best[i, j] == weights[j] + best[i + 1, j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1, j] >= best[i, j + 1]:
            i += 1
        else:
            j += 1
    return pairs
