"""Lloyd iterations in float64 by a tree: for many codewords in few dimensions, where no other way ends soon.

A search among K codewords takes log K steps in a tree, and K in faiss.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sims import assign
from sims._rows import parts, row_sums

Array = NDArray[np.float64]
Nearest = Callable[[Array], NDArray[np.int64]]
"""Maps a codebook to the codes of the vectors that it knows."""

MANY = 16_384
"""Codewords from which a tree is taken in at most `sims.assign.SUPPORT_DIM` dimensions."""
_LANDMARKS = 4096
_SAFE = 0.2499  # of a squared distance between codewords: nearer than half of it, beyond all rounding


class Search:
    """`sims.assign.nearest` of the same vectors for one codebook after the other, in few dimensions.

    A vector nearer to its former codeword than half the distance from there to any other keeps it: most
    often two thirds are not searched again. The codes are the same.

    Parameters
    ----------
    x : (n, d) array
        Vectors, d at most `sims.assign.SUPPORT_DIM`.
    threads : int or None
        Threads of searches.

    Examples
    --------
    >>> search = Search(np.array([[0.0], [1.0], [8.0]]), 1)
    >>> search(np.array([[0.0], [9.0]])).tolist(), search(np.array([[0.0], [1.5]])).tolist()
    ([0, 0, 1], [0, 1, 1])
    """

    def __init__(self, x: Array, threads: int | None) -> None:
        self._x = x
        self._threads = threads
        self._codes: NDArray[np.int64] | None = None

    def _to_search(self, codebook: Array, codes: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the vectors that may have another nearest codeword than they had."""
        from scipy.spatial import cKDTree

        gaps = np.asarray(cKDTree(codebook).query(codebook, k=[2])[0])[:, 0]
        allowed = _SAFE * np.square(gaps)
        far = np.empty(len(codes), dtype=bool)
        for part in parts(*self._x.shape):
            error = self._x[part] - codebook.take(codes[part], axis=0)
            far[part] = row_sums(np.square(error, out=error)) >= allowed.take(codes[part])
        return np.flatnonzero(far)

    def __call__(self, codebook: Array) -> NDArray[np.int64]:
        """Return the code of each vector; another codebook must have as many codewords as the last."""
        if self._codes is None:
            self._codes = assign.nearest(self._x, codebook, threads=self._threads)
            return self._codes
        codes = self._codes.copy()
        rest = self._to_search(codebook, codes)
        if rest.size:
            codes[rest] = assign.nearest(self._x.take(rest, axis=0), codebook, threads=self._threads)
        self._codes = codes
        return codes


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


def lloyd(x: Array, start: Array, iterations: int, search: Nearest) -> Array:
    """Run Lloyd iterations from `start`, on all vectors; a codeword without any stays where it is.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [8.0]])
    >>> lloyd(x, np.array([[0.0], [9.0], [99.0]]), 2, Search(x, 1)).ravel().tolist()
    [0.5, 8.0, 99.0]
    """
    codebook = start
    for _ in range(iterations):
        codes = search(codebook)
        counts = np.bincount(codes, minlength=len(codebook))
        means = centroids(x, codes, np.maximum(counts, 1))
        codebook = np.where(counts[:, None] > 0, means, codebook)
    return codebook
