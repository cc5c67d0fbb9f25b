"""Definitions 1 to 3 of the paper, its Table 2, and the exact content of Finding 1."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from qtheory import _check
from qtheory.errors import DomainError

FLOAT_BITS = 32
"""Bits a scalar of the input, by Definition 1."""

VAR_SCALES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)
"""Side lengths of the token maps of VAR at 256 x 256 pixels and downsampling by 16."""

VAR_TOKEN_RATIO = Fraction(sum(side**2 for side in VAR_SCALES), VAR_SCALES[-1] ** 2)
"""The paper's alpha_2 = 680/256: tokens of all scales over tokens of the finest one."""

KINDS = ("VQ", "PQ", "SQ", "RQ", "VAR")


def input_bits(h: int, w: int, d: int) -> int:
    """Return the bits that store a latent, at 32 a scalar.

    Parameters
    ----------
    h, w, d : int
        Height, width and channels of the latent.

    Returns
    -------
    int
        Q_i of Definition 1. It is the size of the container, not an entropy of what it holds.

    Raises
    ------
    DomainError
        When a size is no positive integer.

    Examples
    --------
    >>> input_bits(16, 16, 32)
    262144
    """
    return _check.integer("h", h) * _check.integer("w", w) * _check.integer("d", d) * FLOAT_BITS


def messages(tokens: int, codebook_size: int) -> int:
    """Return how many different outputs there are: ``codebook_size ** tokens``, exactly.

    Parameters
    ----------
    tokens : int
        Number of tokens T.
    codebook_size : int
        Number of values K of a token.

    Returns
    -------
    int
        The exact count. Finding 1 of the paper is the identity
        ``messages(2 * T, K) == messages(T, K**2)``.

    Raises
    ------
    DomainError
        When an argument is no positive integer.

    Examples
    --------
    >>> messages(2 * 3, 5) == messages(3, 5**2)
    True
    """
    return _check.integer("codebook_size", codebook_size) ** _check.integer("tokens", tokens)


def output_bits(tokens: int | Fraction, codebook_size: int) -> float:
    """Return the bits of the tokens at fixed length, coded jointly.

    Parameters
    ----------
    tokens : int or Fraction
        Number of tokens, h times w for a plain quantizer.
    codebook_size : int
        Number of codewords K of the whole quantizer.

    Returns
    -------
    float
        Q_o of Definition 2 in bits, ``tokens * log2(K)``. The entropy of the tokens is at most this,
        with equality only for independent tokens that use all codewords equally often.

    Raises
    ------
    DomainError
        When the number of tokens is not positive, or `codebook_size` is no positive integer.

    Examples
    --------
    >>> output_bits(256, 4096)
    3072.0
    """
    size = _check.integer("codebook_size", codebook_size)
    count = Fraction(tokens)
    if count <= 0:
        raise DomainError(f"tokens must be positive, got {tokens}")
    bits = math.log2(size)
    return float(count * int(bits)) if size == 1 << int(bits) else float(count) * bits


@dataclass(frozen=True)
class Scheme:
    """A column of Table 2: what a quantizer spends at one position of the latent.

    Attributes
    ----------
    kind : str
        VQ, PQ, SQ, RQ or VAR.
    d : int
        Channels of the latent.
    codebook_size : int
        Number of codewords K of the whole quantizer.
    token_ratio : Fraction
        Tokens over positions: 1, except for RQ (alpha_1 + 1) and VAR (alpha_2).
    """

    kind: str
    d: int
    codebook_size: int
    token_ratio: Fraction

    def tokens(self, h: int, w: int) -> Fraction:
        """Return the number of tokens of an h x w latent.

        Parameters
        ----------
        h, w : int
            Positions of the latent, down and across.

        Returns
        -------
        Fraction
            Tokens of the whole latent.

        Raises
        ------
        DomainError
            When a size is no positive integer.
        """
        return _check.integer("h", h) * _check.integer("w", w) * self.token_ratio

    def output_bits(self, h: int, w: int) -> float:
        """Return Q_o of an h x w latent, in bits.

        Parameters
        ----------
        h, w : int
            Positions of the latent, down and across.

        Returns
        -------
        float
            Bits at fixed length.
        """
        return output_bits(self.tokens(h, w), self.codebook_size)

    @property
    def compression_ratio(self) -> float:
        """Q_r = Q_i / Q_o, which depends on neither h nor w; infinite for a single codeword."""
        bits = self.output_bits(1, 1)
        return input_bits(1, 1, self.d) / bits if bits else math.inf


def scheme(
    kind: str,
    *,
    d: int,
    codebook_size: int | None = None,
    blocks: int | None = None,
    block_size: int | None = None,
    residual_steps: int | None = None,
    token_ratio: Fraction = VAR_TOKEN_RATIO,
) -> Scheme:
    """Return a column of Table 2.

    Parameters
    ----------
    kind : str
        VQ, PQ, SQ, RQ or VAR.
    d : int
        Channels of the latent.
    codebook_size : int
        K, for VQ, RQ and VAR.
    blocks : int
        M, for PQ; SQ has d blocks.
    block_size : int
        Codewords a block: K_1 for PQ, K_2 for SQ.
    residual_steps : int
        alpha_1, for RQ: steps after the first, so that a position has alpha_1 + 1 tokens.
    token_ratio : Fraction
        alpha_2, for VAR.

    Returns
    -------
    Scheme
        Codebook size, tokens a position, and what follows from them.

    Raises
    ------
    DomainError
        When the kind is unknown or an argument it needs is missing.

    Examples
    --------
    >>> scheme("PQ", d=32, blocks=2, block_size=256).codebook_size
    65536
    """
    _check.one_of("kind", kind, KINDS)
    _check.integer("d", d)

    def needed(name: str, value: int | None, minimum: int = 1) -> int:
        if value is None:
            raise DomainError(f"{name} must be given for kind {kind!r}")
        return _check.integer(name, value, minimum=minimum)

    if kind == "PQ":
        return Scheme(kind, d, needed("block_size", block_size) ** needed("blocks", blocks), Fraction(1))
    if kind == "SQ":
        return Scheme(kind, d, needed("block_size", block_size) ** d, Fraction(1))
    size = needed("codebook_size", codebook_size)
    if kind == "RQ":
        return Scheme(kind, d, size, Fraction(needed("residual_steps", residual_steps, minimum=0) + 1))
    return Scheme(kind, d, size, Fraction(token_ratio) if kind == "VAR" else Fraction(1))


def compression_ratio(kind: str, *, d: int, **arguments: Any) -> float:
    """Return Q_r of Definition 3 for a column of Table 2.

    Parameters
    ----------
    kind : str
        VQ, PQ, SQ, RQ or VAR.
    d : int
        Channels of the latent.
    **arguments
        As for `scheme`.

    Returns
    -------
    float
        Input bits over output bits.

    Raises
    ------
    DomainError
        When the kind is unknown or an argument it needs is missing.

    Examples
    --------
    >>> compression_ratio("VQ", d=32, codebook_size=65536)
    64.0
    >>> compression_ratio("SQ", d=8, block_size=4)
    16.0
    """
    return scheme(kind, d=d, **arguments).compression_ratio


def elasticities(codebook_size: int) -> tuple[float, float]:
    """Return the relative change of Q_o = T log2 K for a relative change of T and of K.

    Parameters
    ----------
    codebook_size : int
        K, at least 2.

    Returns
    -------
    tuple of float
        d ln Q_o / d ln T, which is 1, and d ln Q_o / d ln K, which is 1 / ln K. A bit spent on tokens
        and a bit spent on the codebook change Q_o by the same bit.

    Raises
    ------
    DomainError
        When the codebook has fewer than two words.

    Notes
    -----
    For the comparison in Finding 1 of the paper.

    Examples
    --------
    >>> tokens, size = elasticities(4096)
    >>> round(tokens / size, 4)
    8.3178
    """
    return 1.0, 1.0 / math.log(_check.integer("codebook_size", codebook_size, minimum=2))
