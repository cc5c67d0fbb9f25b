"""Codebooks, their Cartesian products, token indices, and grids on the interval [-1, 1]."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory.errors import DomainError, ShapeError


@dataclass(frozen=True, eq=False)
class Codebook:
    """A finite list of codewords.

    Parameters
    ----------
    vectors : (K, d) array
        The codewords; kept as a read-only float64 copy.

    Raises
    ------
    ShapeError, DomainError
        When `vectors` is not a finite, non-empty matrix.

    Notes
    -----
    Section 2.2 of the paper.

    Examples
    --------
    >>> book = Codebook([[0.0, 0.0], [1.0, 2.0]])
    >>> book.codebook_size, book.dim
    (2, 2)
    """

    vectors: NDArray[np.float64]

    def __init__(self, vectors: ArrayLike) -> None:
        copy = np.array(_check.array("vectors", vectors, ndim=2))
        copy.flags.writeable = False
        object.__setattr__(self, "vectors", copy)

    @property
    def codebook_size(self) -> int:
        """Number of codewords K."""
        return self.vectors.shape[0]

    @property
    def dim(self) -> int:
        """Dimension d of the codewords."""
        return self.vectors.shape[1]


def token_index(digits: ArrayLike, sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return the token of a tuple of block codes, the first block running fastest.

    Parameters
    ----------
    digits : (..., M) array of int
        Code r_m of each block, in ``[0, n_m)``.
    sizes : sequence of int
        Block sizes n_m.

    Returns
    -------
    (...) array of int64
        ``sum_m (prod_{k<m} n_k) r_m``, in ``[0, prod n_m)``.

    Raises
    ------
    ShapeError
        When the last axis is not as long as `sizes`.
    DomainError
        When a code is out of range, or tokens do not fit 64 bits.

    Notes
    -----
    Equations 5 and 9 of the paper with codes counted from 0. Counted from 1 as printed, they do not
    map onto {1, ..., K}: for n = (2, 2) they give {3, 4, 5, 6}.

    Examples
    --------
    >>> token_index([[0, 0], [1, 0], [0, 1], [1, 1]], (2, 2))
    array([0, 1, 2, 3])
    """
    radices = _radices(sizes)
    codes = np.asarray(digits)
    if codes.ndim == 0 or codes.shape[-1] != len(sizes):
        raise ShapeError(f"digits must end in an axis of length {len(sizes)}, got shape {codes.shape}")
    if not np.issubdtype(codes.dtype, np.integer) or (codes < 0).any() or (codes >= np.array(sizes)).any():
        raise DomainError(f"digits must be integers in [0, n_m) for n = {tuple(sizes)}")
    return codes.astype(np.int64) @ radices


def token_digits(tokens: ArrayLike, sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return the block codes of tokens; the inverse of `token_index`.

    Parameters
    ----------
    tokens : (...) array of int
        Tokens in ``[0, prod n_m)``.
    sizes : sequence of int
        Block sizes n_m.

    Returns
    -------
    (..., M) array of int64
        Code of each block.

    Raises
    ------
    DomainError
        When a token is out of range.

    Notes
    -----
    The inverse of `token_index`, equations 5 and 9 of the paper counted from 0.

    Examples
    --------
    >>> token_digits(5, (2, 3))
    array([1, 2])
    """
    radices = _radices(sizes)
    values = np.asarray(tokens)
    count = math.prod(sizes)
    if not np.issubdtype(values.dtype, np.integer) or (values < 0).any() or (values >= count).any():
        raise DomainError(f"tokens must be integers in [0, {count}) for n = {tuple(sizes)}")
    return values[..., None] // radices % np.array(sizes)


def _radices(sizes: Sequence[int]) -> NDArray[np.int64]:
    if not sizes:
        raise ShapeError("sizes must not be empty; give one block size a block")
    for m, size in enumerate(sizes):
        _check.integer(f"sizes[{m}]", size)
    if math.prod(sizes) > 2**63 - 1:
        raise DomainError(f"sizes must have a product below 2^63, got {tuple(sizes)}; keep one code a block")
    return np.array([math.prod(sizes[:m]) for m in range(len(sizes))], dtype=np.int64)


def product(*blocks: Codebook) -> Codebook:
    """Return the Cartesian product of codebooks, ordered by `token_index`.

    Parameters
    ----------
    *blocks : Codebook
        One codebook a block of coordinates.

    Returns
    -------
    Codebook
        All ``prod n_m`` concatenations.

    Notes
    -----
    The codebook of equation 5; with one-dimensional blocks, that of equation 9.

    Examples
    --------
    >>> product(Codebook([[0.0], [1.0]]), Codebook([[5.0], [7.0]])).vectors.tolist()
    [[0.0, 5.0], [1.0, 5.0], [0.0, 7.0], [1.0, 7.0]]
    """
    sizes = [block.codebook_size for block in blocks]
    digits = token_digits(np.arange(math.prod(sizes)), sizes)
    return Codebook(np.hstack([block.vectors[digits[:, m]] for m, block in enumerate(blocks)]))


def endpoint_grid(n: int) -> Codebook:
    """Return n equally spaced scalars from -1 to 1, the grid in the proof of Proposition 2.

    Parameters
    ----------
    n : int
        Number of scalars, at least 2.

    Returns
    -------
    Codebook
        ``-1 + 2 i / (n - 1)``; no point of [-1, 1] is further than 1 / (n - 1) from it.

    Raises
    ------
    DomainError
        When n is 1, where the formula divides by zero.

    Examples
    --------
    >>> endpoint_grid(3).vectors.ravel().tolist()
    [-1.0, 0.0, 1.0]
    """
    if _check.integer("n", n) == 1:
        raise DomainError("n must be at least 2 for a grid with both endpoints, got 1; use midpoint_grid(1)")
    return Codebook((-1 + 2 * np.arange(n) / (n - 1))[:, None])


def midpoint_grid(n: int) -> Codebook:
    """Return the midpoints of n equal cells of [-1, 1].

    Parameters
    ----------
    n : int
        Number of cells.

    Returns
    -------
    Codebook
        ``-1 + (2 i - 1) / n`` for i from 1; no point of [-1, 1] is further than 1 / n from it, and no
        grid of n points does better.

    Raises
    ------
    DomainError
        If the number of points or the dimension is no positive integer.

    Notes
    -----
    It takes the place of the grid with end points in the paper's Appendix B.

    Examples
    --------
    >>> midpoint_grid(2).vectors.ravel().tolist()
    [-0.5, 0.5]
    """
    return Codebook((-1 + (2 * np.arange(_check.integer("n", n)) + 1) / n)[:, None])
