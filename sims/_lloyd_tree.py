"""Lloyd iterations in float64 by a tree: for many codewords in few dimensions, where no other way ends soon.

A search among K codewords takes log K steps in a tree, and K in faiss.
"""

import numpy as np
from numpy.typing import NDArray

from sims import assign

Array = NDArray[np.float64]

MANY = 16_384
"""Codewords from which a tree is taken in at most `sims.assign.SUPPORT_DIM` dimensions."""
_LANDMARKS = 4096


def centroids(x: Array, codes: NDArray[np.int64], counts: NDArray[np.int64]) -> Array:
    """Return the mean of the vectors of each codeword."""
    from scipy.sparse import csc_array

    n = len(x)
    members = csc_array((np.ones(n), codes, np.arange(n + 1)), shape=(len(counts), n))
    sums: Array = np.asarray(members @ x)
    return sums / counts[:, None]


def neighbours_together(x: Array, threads: int | None = None) -> Array:
    """Return the rows of `x` in an order that walks a tree's leaves: its branches then stay in the cache."""
    from scipy.spatial import cKDTree

    tree = cKDTree(x[:_LANDMARKS])
    rank = np.empty(tree.n, dtype=np.intp)
    rank[tree.indices] = np.arange(tree.n)
    _, nearest = tree.query(x, workers=threads or assign.available_threads())
    return np.asarray(x[np.argsort(rank[nearest], kind="stable")])


def lloyd(x: Array, start: Array, iterations: int, threads: int | None) -> Array:
    """Run Lloyd iterations from `start`, on all vectors; a codeword without any stays where it is.

    Examples
    --------
    >>> lloyd(np.array([[0.0], [1.0], [8.0]]), np.array([[0.0], [9.0], [99.0]]), 2, 1).ravel().tolist()
    [0.5, 8.0, 99.0]
    """
    codebook = start
    for _ in range(iterations):
        codes = assign.nearest(x, codebook, threads=threads)
        counts = np.bincount(codes, minlength=len(codebook))
        means = centroids(x, codes, np.maximum(counts, 1))
        codebook = np.where(counts[:, None] > 0, means, codebook)
    return codebook
