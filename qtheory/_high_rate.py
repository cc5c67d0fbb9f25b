"""High-rate limits: what optimal and mismatched codebooks of many codewords cost."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qtheory import _check
from qtheory._space_filling import zador_constant
from qtheory.errors import DomainError, ShapeError
from qtheory.sources import Source


def require_density(source: Source) -> None:
    if not source.has_density:
        raise DomainError(
            f"source must have a density on R^{source.dim}, this {type(source).__name__} has none: "
            "K^(2/d) E*_VQ tends to 0; use a source on the subspace that carries it"
        )


def zador(source: Source, K: int) -> float:
    """Return the high-rate value of the optimal vector quantizer (Zador's theorem).

    Parameters
    ----------
    source : Source
        With a density and a moment of order above 2.
    K : int
        Number of codewords.

    Returns
    -------
    float
        ``d G ||f||_{d/(d+2)} K^(-2/d)`` with the upper bound G on Zador's constant of the lattices listed,
        exact for d = 1 and 2. It is the limit of ``K^(2/d) E*_VQ``, divided by that power: a value, not a
        bound, at finite K. `zador_constant` brackets G.

    Raises
    ------
    DomainError
        If the source has no density (the limit is 0), or its density norm is not known.

    References
    ----------
    P. L. Zador, Asymptotic quantization error of continuous signals, 1982.
    J. A. Bucklew, G. L. Wise, Multidimensional asymptotic quantization theory, 1982.
    S. Graf, H. Luschgy, Foundations of Quantization for Probability Distributions, 2000.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> round(zador(Gaussian(1), 256) * 256**2, 4)
    2.7207
    """
    K = _check.integer("K", K)
    require_density(source)
    d = source.dim
    return d * zador_constant(d).upper * source.density_norm * math.exp(-2 / d * math.log(K))


def panter_dite(source: Source, levels: int) -> float:
    """Return the high-rate value of the optimal scalar quantizer on a line.

    Parameters
    ----------
    source : Source
        One-dimensional, with a density and a moment of order above 2.
    levels : int
        Number of levels n.

    Returns
    -------
    float
        ``||f||_{1/3} / (12 n^2)``. With a finite variance alone n^2 times the optimal error may grow without
        bound (`theorem.panter-dite`); the sources of this package have all moments.

    Raises
    ------
    ShapeError
        If the source has more than one dimension.
    DomainError
        If it has no density.

    References
    ----------
    P. F. Panter, W. Dite, Quantization distortion in pulse-count modulation, 1951.

    Examples
    --------
    >>> from qtheory.sources import Laplace
    >>> round(panter_dite(Laplace(1), 10), 12)
    0.045
    """
    if source.dim != 1:
        raise ShapeError(f"source must have dimension 1, got {source.dim}; use scalar_limit")
    return zador(source, levels)


def product_limit(blocks: Sequence[Source], K: int) -> float:
    """Return the high-rate value of the optimal product quantizer.

    Parameters
    ----------
    blocks : sequence of Source
        The marginal of every block, each with a density and a moment of order above 2.
    K : int
        Bound on the product of the block sizes.

    Returns
    -------
    float
        ``d prod_m (G_m ||f_m||)^(d_m / d) K^(-2/d)``, reached when all blocks have the same distortion per
        dimension. Whether the blocks depend on each other makes no difference.

    Raises
    ------
    ShapeError
        If there is no block.
    DomainError
        If a block has no density.

    References
    ----------
    P. L. Zador 1982, a block at a time. J. J. Y. Huang, P. M. Schultheiss, Block quantization of correlated
    Gaussian random variables, 1963, for the allocation.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> whole = zador(Gaussian(16), 65536)
    >>> round(product_limit([Gaussian(8), Gaussian(8)], 65536) / whole, 2)
    1.11
    """
    K = _check.integer("K", K)
    if not blocks:
        raise ShapeError("blocks must not be empty")
    d = sum(block.dim for block in blocks)
    total = 0.0
    for block in blocks:
        require_density(block)
        total += block.dim / d * math.log(zador_constant(block.dim).upper * block.density_norm)
    return d * math.exp(total - 2 / d * math.log(K))


def _scalar_norm(source: Source) -> float:
    """Geometric mean over coordinates of ``||f_j||_{1/3}``."""
    constant = np.flatnonzero(source.coordinate_variances == 0)
    if constant.size:
        raise DomainError(
            f"source must vary in every coordinate, coordinate {constant[0]} has variance 0: K^(2/d) E*_SQ "
            "tends to 0; leave it out"
        )
    norms = [source.marginal(j).power_integral(1 / 3) ** 3 for j in range(source.dim)]
    return math.exp(float(np.mean(np.log(norms))))


def scalar_limit(source: Source, K: int) -> float:
    """Return the high-rate value of the optimal scalar quantizer of a vector.

    Parameters
    ----------
    source : Source
        With known marginal densities and moments of order above 2.
    K : int
        Bound on the product of the numbers of levels.

    Returns
    -------
    float
        ``(d / 12) prod_j ||f_j||_{1/3}^(1/d) K^(-2/d)``.

    Raises
    ------
    DomainError
        If a marginal has no density known exactly.

    References
    ----------
    P. F. Panter, W. Dite 1951, a coordinate at a time. J. J. Y. Huang, P. M. Schultheiss 1963.

    Examples
    --------
    >>> from qtheory.sources import Uniform
    >>> round(scalar_limit(Uniform(3), 8), 12)
    0.25
    """
    K = _check.integer("K", K)
    return source.dim / 12 * _scalar_norm(source) * math.exp(-2 / source.dim * math.log(K))


class Gains(NamedTuple):
    """Factors of the high-rate ratio of scalar to vector distortion.

    Attributes
    ----------
    space_filling : float
        ``G_1 / G_d``, with the upper bound on G_d of `zador_constant`: a lower bound, exact for d = 1 and 2.
    shape : float
        What better points for the marginal densities gain, coordinates taken as independent.
    memory : float
        What the dependence of the coordinates gains.
    """

    space_filling: float
    shape: float
    memory: float


def gains(source: Source) -> Gains:
    """Return what vector quantization gains over scalar quantization at high rate.

    Parameters
    ----------
    source : Source
        With known marginals and density norm, and a moment of order above 2.

    Returns
    -------
    Gains
        Their product is the limit of ``E*_SQ / E*_VQ``.

    References
    ----------
    T. Lookabaugh, R. M. Gray, High-resolution quantization theory and the vector quantizer advantage, 1989.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> [round(factor, 3) for factor in gains(Gaussian(8))]
    [1.163, 1.703, 1.0]
    """
    require_density(source)
    d = source.dim
    p = d / (d + 2)
    independent = math.prod(source.marginal(j).power_integral(p) for j in range(d)) ** (1 / p)
    return Gains(
        space_filling=1 / 12 / zador_constant(d).upper,
        shape=_scalar_norm(source) / independent,
        memory=independent / source.density_norm,
    )
