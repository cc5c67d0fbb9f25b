"""Scalar quantizers whose codebook is fixed in advance: FSQ, LFQ and BSQ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory.codebooks import token_digits, token_index
from qtheory.errors import DomainError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class FSQ:
    """Finite scalar quantization: bound each coordinate by a tanh, then round to an integer.

    Parameters
    ----------
    levels : sequence of int
        Nominal levels of each coordinate.
    form : str
        ``official``: ``h tanh(z + s) - o`` with ``h = (L - 1)(1 - 0.001) / 2``, o = 1/2 for even L and 0
        for odd L, and s = atanh(o / h), so that 0 maps to 0; L levels.
        ``paper``: ``floor(L / 2) tanh(z)``; its integers are ``-floor(L/2) ... floor(L/2)``, which are
        L levels for odd L but L + 1 for even L.

    Raises
    ------
    DomainError
        For fewer than 2 levels, or fewer than 3 in the official form, where the shift is undefined.

    Notes
    -----
    Mentzer et al. (2024); the paper form is that of Appendix K.2. The authors' implementation shifts by
    tan instead of atanh, and so maps 0 close to 0 only.

    Examples
    --------
    >>> FSQ([4] * 8).codebook_size, FSQ([4] * 8, form="paper").codebook_size
    (65536, 390625)
    """

    levels: tuple[int, ...]
    form: str = "official"

    def __init__(self, levels: Sequence[int], form: str = "official") -> None:
        _check.one_of("form", form, ("official", "paper"))
        checked, fewest = _check.integers("levels", levels), 3 if form == "official" else 2
        if min(checked) < fewest:
            raise DomainError(
                f"levels must be at least {fewest} in the {form} form, got {checked}; take more levels, or "
                "form='paper' for 2"
            )
        object.__setattr__(self, "levels", checked)
        object.__setattr__(self, "form", form)

    @property
    def dim(self) -> int:
        """Dimension of the input."""
        return len(self.levels)

    @cached_property
    def block_sizes(self) -> tuple[int, ...]:
        """Integers that each coordinate can take, counted."""
        return self.levels if self.form == "official" else tuple(2 * (n // 2) + 1 for n in self.levels)

    @property
    def codebook_size(self) -> int:
        """Number of codewords, from the counted levels."""
        return math.prod(self.block_sizes)

    @cached_property
    def _lowest(self) -> Codes:
        return -(np.array(self.levels) // 2)

    def project(self, x: Floats) -> Floats:
        """Return the bounded coordinates that are rounded to integers."""
        levels = np.array(self.levels)
        if self.form == "paper":
            return levels // 2 * np.tanh(x)
        half = (levels - 1) * (1 - 1e-3) / 2
        offset = np.where(levels % 2 == 0, 0.5, 0.0)
        return half * np.tanh(x + np.arctanh(offset / half)) - offset

    def encode(self, x: ArrayLike) -> Codes:
        """Return the token of each row, the first coordinate running fastest."""
        integers = self.round(self.project(_check.rows("x", x, self.dim))).astype(np.int64)
        return token_index(integers - self._lowest, self.block_sizes)

    def round(self, projected: Floats) -> Floats:
        """Return the codewords of projected vectors: what `decode` makes of their tokens.

        Parameters
        ----------
        projected : (n, d) array
            Vectors in the space that `project` maps to.

        Returns
        -------
        (n, d) array
            Their codewords.
        """
        return np.round(projected)

    def decode(self, codes: ArrayLike) -> Floats:
        """Return the integers, as floats."""
        return (token_digits(codes, self.block_sizes) + self._lowest).astype(np.float64)


@dataclass(frozen=True)
class LFQ:
    """Lookup-free quantization: the sign of each coordinate, times a scale.

    Parameters
    ----------
    dim : int
        Dimension of the input.
    scale : float
        Size of the codeword's coordinates. The paper's is 1; ``sigma * sqrt(2 / pi)`` is optimal for a
        Gaussian of standard deviation sigma.

    Notes
    -----
    Yu et al. (2024). Zero counts as negative.

    Examples
    --------
    >>> LFQ(3).encode([[1.0, -1.0, 1.0]])
    array([5])
    """

    dim: int
    scale: float = 1.0

    def __post_init__(self) -> None:
        _check.integer("dim", self.dim)
        _check.real("scale", self.scale, above=0)

    @property
    def codebook_size(self) -> int:
        """``2 ** dim``."""
        return 1 << self.dim

    def project(self, x: Floats) -> Floats:
        """Return `x`."""
        return x

    def encode(self, x: ArrayLike) -> Codes:
        """Return the token whose bit i is the sign of coordinate i."""
        return token_index((_check.rows("x", x, self.dim) > 0).astype(np.int64), (2,) * self.dim)

    def round(self, projected: Floats) -> Floats:
        """Return the codewords of projected vectors: what `decode` makes of their tokens.

        Parameters
        ----------
        projected : (n, d) array
            Vectors in the space that `project` maps to.

        Returns
        -------
        (n, d) array
            Their codewords.
        """
        return self.scale * (2 * (projected > 0).astype(np.float64) - 1)

    def decode(self, codes: ArrayLike) -> Floats:
        """Return the vectors of signs, times the scale."""
        signs = 2 * token_digits(codes, (2,) * self.dim) - 1
        return self.scale * signs.astype(np.float64)


@dataclass(frozen=True)
class BSQ:
    """Binary spherical quantization: normalise to length 1, then take signs over sqrt(d).

    Parameters
    ----------
    dim : int
        Dimension of the input.

    Notes
    -----
    Zhao et al. (2025). Zero counts as negative.

    Section 2.4 of the paper.

    Examples
    --------
    >>> rule = BSQ(4)
    >>> rule.decode(rule.encode([[1.0, 2.0, -3.0, 4.0]])).tolist()
    [[0.5, 0.5, -0.5, 0.5]]
    """

    dim: int

    @property
    def _signs(self) -> LFQ:
        return LFQ(self.dim, 1 / math.sqrt(self.dim))

    @property
    def codebook_size(self) -> int:
        """``2 ** dim``."""
        return self._signs.codebook_size

    def project(self, x: Floats) -> Floats:
        """Return `x` scaled to length 1, row by row."""
        lengths = np.asarray(np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float64)
        if not lengths.all():
            raise DomainError("x must have no zero row, since BSQ divides by its length; drop such rows")
        return x / lengths

    def encode(self, x: ArrayLike) -> Codes:
        """Return the token whose bit i is the sign of coordinate i."""
        return self._signs.encode(x)

    def round(self, projected: Floats) -> Floats:
        """Return the codewords of projected vectors: what `decode` makes of their tokens.

        Parameters
        ----------
        projected : (n, d) array
            Vectors in the space that `project` maps to.

        Returns
        -------
        (n, d) array
            Their codewords.
        """
        return self._signs.round(projected)

    def decode(self, codes: ArrayLike) -> Floats:
        """Return the unit vectors."""
        return self._signs.decode(codes)
