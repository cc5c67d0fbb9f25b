"""Quantizers in numpy: nearest neighbour, product, and the fixed scalar rules FSQ, LFQ and BSQ.

They are the reference for the trainable ones. Some rules first map their input elsewhere (FSQ through a
tanh, BSQ onto the sphere); `project` is that map, and `distortion` measures the error after it, as the
paper does. Errors measured after different maps do not compare.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory._fixed_rules import BSQ, FSQ, LFQ
from qtheory.codebooks import Codebook, token_digits, token_index
from qtheory.errors import ShapeError

__all__ = ["BSQ", "FSQ", "LFQ", "NearestNeighbor", "Product", "Quantizer", "distortion", "quantize"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_PAIRS_AT_ONCE = 1 << 22


class Quantizer(Protocol):
    """What every quantizer offers; the functions of this module derive the rest."""

    @property
    def dim(self) -> int:
        """Dimension of the input."""

    @property
    def codebook_size(self) -> int:
        """Number of codewords."""

    def project(self, x: Floats) -> Floats:
        """Map inputs to the space in which they are rounded.

        Parameters
        ----------
        x : (n, d) array
            Inputs.

        Returns
        -------
        (n, d) array
            What is rounded; the inputs themselves for most quantizers.
        """

    def encode(self, x: ArrayLike) -> Codes:
        """Return a code in ``[0, codebook_size)`` for each row of `x`.

        Parameters
        ----------
        x : (n, d) array
            Inputs.

        Returns
        -------
        (n,) array of int64
            Codes.

        Raises
        ------
        ShapeError
            If the rows have not `dim` entries.
        DomainError
            If an entry is not finite.
        """

    def decode(self, codes: ArrayLike) -> Floats:
        """Return the codeword of each code.

        Parameters
        ----------
        codes : (n,) array of int
            Codes in ``[0, codebook_size)``.

        Returns
        -------
        (n, d) array
            Codewords.

        Raises
        ------
        DomainError
            If a code is no integer in the range.
        """


def quantize(quantizer: Quantizer, x: ArrayLike) -> Floats:
    """Return the codeword of each row of `x`.

    Parameters
    ----------
    quantizer : Quantizer
        Any quantizer.
    x : (n, d) array
        Inputs.

    Returns
    -------
    (n, d) array
        Codewords, in the space that `project` maps to.

    Notes
    -----
    Equation 2 of the paper.

    Examples
    --------
    >>> quantize(LFQ(2), [[0.3, -4.0]]).tolist()
    [[1.0, -1.0]]
    """
    return quantizer.decode(quantizer.encode(x))


def distortion(quantizer: Quantizer, x: ArrayLike, pmf: ArrayLike | None = None) -> float:
    """Return the mean squared error of a vector, in the space that `project` maps to.

    Parameters
    ----------
    quantizer : Quantizer
        Any quantizer.
    x : (n, d) array
        Inputs.
    pmf : (n,) array, optional
        Their probabilities; equal by default.

    Returns
    -------
    float
        Squared error, summed over d and averaged over the rows.

    Raises
    ------
    ShapeError
        If `x` or `pmf` has another shape.
    DomainError
        If an entry is not finite, or `pmf` does not sum to 1.

    Notes
    -----
    Definition 4 of the paper, averaged over vectors.

    Examples
    --------
    >>> distortion(NearestNeighbor(Codebook([[0.0]])), [[1.0], [3.0]])
    5.0
    """
    points = _check.rows("x", x, quantizer.dim)
    errors = ((quantizer.project(points) - quantize(quantizer, points)) ** 2).sum(axis=1)
    if pmf is None:
        return math.fsum(errors) / len(errors)
    weights = _check.pmf("pmf", pmf)
    if weights.shape != errors.shape:
        raise ShapeError(f"pmf must have one entry a row of x, {errors.shape}, got {weights.shape}")
    return math.fsum(weights * errors)


@dataclass(frozen=True)
class NearestNeighbor:
    """Rounding to the nearest codeword; of several nearest, the first.

    Parameters
    ----------
    codebook : Codebook
        The codewords.

    Notes
    -----
    Equations 1 and 2 of the paper.

    Examples
    --------
    >>> NearestNeighbor(Codebook([[0.0], [1.0]])).encode([[0.4], [0.5], [7.0]])
    array([0, 0, 1])
    """

    codebook: Codebook

    @property
    def dim(self) -> int:
        """Dimension of the input."""
        return self.codebook.dim

    @property
    def codebook_size(self) -> int:
        """Number of codewords."""
        return self.codebook.codebook_size

    def project(self, x: Floats) -> Floats:
        """Return `x`."""
        return x

    def encode(self, x: ArrayLike) -> Codes:
        """Return the index of the nearest codeword of each row."""
        points = _check.rows("x", x, self.dim)
        size = max(1, _PAIRS_AT_ONCE // (self.codebook_size * self.dim))
        chunks = [points[i : i + size] for i in range(0, len(points), size)]
        return np.concatenate([self._nearest(chunk) for chunk in chunks])

    def _nearest(self, points: Floats) -> Codes:
        # differences, not the expanded square: no cancellation near a codeword
        return ((points[:, None] - self.codebook.vectors) ** 2).sum(axis=2).argmin(axis=1).astype(np.int64)

    def decode(self, codes: ArrayLike) -> Floats:
        """Return the codewords."""
        return self.codebook.vectors[token_digits(codes, (self.codebook_size,))[..., 0]]


@dataclass(frozen=True)
class Product:
    """A quantizer for each block of consecutive coordinates.

    Parameters
    ----------
    blocks : sequence of Quantizer
        The quantizers; their dimensions add up. With scalar blocks this is scalar quantization.

    Notes
    -----
    Equations 3 to 6 of the paper.

    Examples
    --------
    >>> grid = NearestNeighbor(Codebook([[-0.5], [0.5]]))
    >>> Product((grid, grid)).encode([[0.9, -0.1]])
    array([1])
    """

    blocks: tuple[Quantizer, ...]

    @property
    def block_dims(self) -> tuple[int, ...]:
        """Dimension of each block."""
        return tuple(block.dim for block in self.blocks)

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """Number of codewords of each block."""
        return tuple(block.codebook_size for block in self.blocks)

    @property
    def dim(self) -> int:
        """Dimension of the input."""
        return sum(self.block_dims)

    @property
    def codebook_size(self) -> int:
        """Number of codewords of the whole quantizer."""
        return math.prod(self.block_sizes)

    def _split(self, x: Floats) -> list[Floats]:
        return np.split(x, np.cumsum(self.block_dims)[:-1], axis=1)

    def project(self, x: Floats) -> Floats:
        """Map each block as its quantizer does."""
        return np.hstack([b.project(part) for b, part in zip(self.blocks, self._split(x), strict=True)])

    def encode(self, x: ArrayLike) -> Codes:
        """Return the token of each row, the first block running fastest."""
        parts = self._split(_check.rows("x", x, self.dim))
        codes = [block.encode(part) for block, part in zip(self.blocks, parts, strict=True)]
        return token_index(np.stack(codes, axis=-1), self.block_sizes)

    def decode(self, codes: ArrayLike) -> Floats:
        """Return the concatenated codewords."""
        digits = token_digits(codes, self.block_sizes)
        return np.concatenate([b.decode(digits[..., m]) for m, b in enumerate(self.blocks)], axis=-1)
