"""Nearest neighbours between large sets, a block of distances at a time: never more than BLOCK numbers."""

from collections.abc import Iterator

import numpy as np

BLOCK = 2**24  # numbers in a block of distances: 128 MB of float64


def nearest(queries: np.ndarray, references: np.ndarray, *, itself: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Finds each query's nearest reference by Euclidean distance.

    Args:
        queries: (n, ...) numbers; the rest is flattened.
        references: (m, ...) numbers.
        itself: the two are the same set, and nobody is their own neighbour.

    Returns:
        Distances, float64 (n,), exact (0 for a copy), and the neighbours' indices, (n,).
    """
    queries, references = _flat(queries, np.float32), _flat(references, np.float32)
    indices = np.empty(len(queries), np.int64)
    for rows, squared in _blocks(queries, references):
        if itself:
            squared[np.arange(len(squared)), np.arange(rows.start, rows.start + len(squared))] = np.inf
        indices[rows] = squared.argmin(axis=1)
    distances = np.empty(len(queries))
    for start in range(0, len(queries), 1024):  # x·x + y·y - 2 x·y cancels for copies; x - y does not
        rows = slice(start, start + 1024)
        distances[rows] = np.linalg.norm(queries[rows].astype(np.float64) - references[indices[rows]], axis=1)
    return distances, indices


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
    """Yields rows with their squared distances, as ‖x‖² + ‖y‖² - 2 x·y, never below 0."""
    squares = np.einsum("nd,nd->n", references, references)
    size = max(1, BLOCK // len(references))
    for start in range(0, len(queries), size):
        rows = slice(start, start + size)
        some = queries[rows].copy()  # or NumPy sees A @ A.T and takes another routine, with other last bits
        block = some @ references.T
        block *= -2.0
        block += squares
        block += np.einsum("nd,nd->n", some, some)[:, None]
        yield rows, np.maximum(block, 0.0, out=block)
