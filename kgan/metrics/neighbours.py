"""Nearest neighbours between large sets, a part at a time: never more than BLOCK distances, or twice as many pixels."""

import math
from collections.abc import Iterator

import numpy as np

BLOCK = 2**24  # numbers in a block of distances: 128 MB of float64
COPY = 1e-12  # of ‖x‖² + ‖y‖²: squared distances below it are rounding's


def nearest(queries: np.ndarray, references: np.ndarray, *, itself: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Finds each query's nearest reference by Euclidean distance.

    Args:
        queries: (n, ...) numbers; the rest is flattened.
        references: (m, ...) numbers.
        itself: the two are the same set, and nobody is their own neighbour.

    Returns:
        Distances, float64 (n,), exact (0 for a copy), and the neighbours' indices, (n,).
    """
    best, indices = np.full(len(queries), np.inf, np.float32), np.zeros(len(queries), np.int64)
    for some in parts(references, 2 * BLOCK):  # as floats all at once they may not fit into memory
        known = _flat(references[some], np.float32)
        for others in parts(queries, 2 * BLOCK):
            for rows, squared in _blocks(_flat(queries[others], np.float32), known):
                here = np.arange(others.start + rows.start, others.start + rows.start + len(squared))
                if itself:
                    own = (some.start <= here) & (here < some.start + len(known))
                    squared[own, here[own] - some.start] = np.inf
                nearer = squared.min(axis=1) < best[here]
                indices[here[nearer]] = some.start + squared[nearer].argmin(axis=1)
                best[here[nearer]] = squared[nearer].min(axis=1)
    distances = np.empty(len(queries))
    for rows in parts(queries):  # x·x + y·y - 2 x·y cancels for copies; x - y does not
        differences = _flat(queries[rows], np.float32).astype(np.float64) - _flat(references[indices[rows]], np.float32)
        distances[rows] = np.linalg.norm(differences, axis=1)
    return distances, indices


def parts(images: np.ndarray, numbers: int = 2**22) -> Iterator[slice]:
    """Yields rows of images, or of vectors, that hold so many numbers at most, or one row."""
    each = max(1, numbers // max(1, math.prod(images.shape[1:])))
    for start in range(0, len(images), each):
        yield slice(start, min(start + each, len(images)))


def kth_distances(features: np.ndarray, *ks: int) -> np.ndarray:
    """Returns each point's distances to its k-th nearest neighbours in the same set, float64 (len(ks), n)."""
    features = _flat(features, np.float64)
    kth = np.empty((len(ks), len(features)))
    for rows, squared in _blocks(features, features):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.start + len(squared))] = 0.0
        squared.partition(ks, axis=1)  # the 0-th is the point itself
        kth[:, rows] = squared[:, ks].T
    return np.sqrt(kth)


def distances(queries: np.ndarray, references: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields rows of `queries` with their Euclidean distances to all references, float64 (rows, m)."""
    for rows, squared in _blocks(_flat(queries, np.float64), _flat(references, np.float64)):
        yield rows, np.sqrt(squared, out=squared)


def _flat(array: np.ndarray, dtype: type) -> np.ndarray:
    return np.asarray(array, dtype).reshape(len(array), -1)


def _blocks(queries: np.ndarray, references: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields rows with their squared distances, as ‖x‖² + ‖y‖² - 2 x·y, never below 0; of float64, 0 for copies."""
    squares = np.einsum("nd,nd->n", references, references)
    size = max(1, BLOCK // len(references))
    for start in range(0, len(queries), size):
        rows = slice(start, start + size)
        some = queries[rows].copy()  # or NumPy sees A @ A.T and takes another routine, with other last bits
        block = some @ references.T
        block *= -2.0
        block += squares
        lengths = np.einsum("nd,nd->n", some, some)[:, None]
        block += lengths
        np.maximum(block, 0.0, out=block)
        if block.dtype == np.float64:  # what rounding leaves of copies; float32 may have no more digits
            block[block < COPY * (lengths + squares)] = 0.0
        yield rows, block
