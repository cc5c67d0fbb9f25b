"""Expected errors of random and fixed codebooks on Gaussian vectors, without simulation.

All values are exact up to float64: closed forms, or quadratures whose error is far below what any
simulation resolves.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from qtheory import _check
from qtheory._bound import shown
from qtheory._fixed_codebooks import (
    bsq_distortion,
    bsq_input_distortion,
    fsq_distortion,
    lfq_distortion,
    mean_sphere_l1,
)
from qtheory._nearest import most_shift, nearest_of_gaussians
from qtheory.errors import DomainError, ShapeError

__all__ = [
    "Spread",
    "best_codebook_variance",
    "bsq_distortion",
    "bsq_input_distortion",
    "fsq_distortion",
    "lfq_distortion",
    "matched_codebook_distortion",
    "matched_product_distortion",
    "mean_sphere_l1",
]


def matched_codebook_distortion(
    d: int, K: int, variance: float = 1.0, codebook_variance: float | None = None
) -> float:
    """Return the expected distortion of K random Gaussian codewords on a Gaussian source.

    Vectors follow N(0, variance I), codewords N(0, codebook_variance I), all independent; each vector
    goes to its nearest codeword. The expectation is over vectors and codebooks.

    Parameters
    ----------
    d : int
        Dimension.
    K : int
        Number of codewords.
    variance : float, optional
        Variance of the source, per coordinate.
    codebook_variance : float, optional
        Variance of the codewords, per coordinate; `variance` where it is not given, the codebook "matched"
        to the source of the paper's Section 4.3.

    Returns
    -------
    float
        Expected squared error, summed over coordinates, to a relative 1e-9; 1e-13 for d >= 2 and words whose
        variance is at least half that of the source.

    Raises
    ------
    DomainError
        If an argument is not positive, K is so large that float64 cannot resolve the distances, or
        `codebook_variance` so far below `variance` that the quadrature would take long.

    Notes
    -----
    Given ``|z|^2 = rho``, the squared distance to one codeword is a scaled non-central chi-square, so
    ``E = integral of E_rho (1 - F(t | rho))^K dt``. It is proportional to `variance` when the two
    variances keep their ratio: the straight lines of the paper's Figures 2 and 5(a).

    Examples
    --------
    >>> round(matched_codebook_distortion(8, 8192), 5)
    1.2467
    >>> round(matched_codebook_distortion(8, 4096, variance=2.0), 5)
    2.95329
    """
    d, K = _check.integer("d", d), _resolved(d, K)
    variance = _check.real("variance", variance, above=0.0)
    spread = 1.0
    if codebook_variance is not None:
        spread = _check.real("codebook_variance", codebook_variance, above=0.0) / variance
    least = min(d / most_shift(K), 1.0)
    if spread < least:
        nearest = d - 2 * math.sqrt(2 * d * math.log(K) * spread)
        raise DomainError(
            f"codebook_variance must be at least {least:.3g} times variance for d={d} and K={shown(K)}, "
            f"where the quadrature takes seconds, got {spread:.3g} times; below, the distortion is between d "
            f"variance - 2 sqrt(2 d ln(K) variance codebook_variance), here {variance * nearest:.6g}, and d "
            f"(variance + codebook_variance), here {variance * d * (1 + spread):.6g}"
        )
    return variance * _nearest(d, K, spread)


_nearest = cache(nearest_of_gaussians)

_BITS_A_DIMENSION, _BITS = 30, 1000


def _resolved(d: int, K: int, minimum: int = 1) -> int:
    """Return K where the distances to the nearest of K words are float64 numbers of full accuracy."""
    bits = _check.integer("K", K, minimum=minimum).bit_length() - 1
    most = min(_BITS_A_DIMENSION * d, _BITS)
    if bits > most:
        raise DomainError(
            f"K must be at most 2^{most} for d={d}, where float64 resolves distances, got about 2^{bits}; "
            "use limits.random_codebook_limit"
        )
    return int(K)


def matched_product_distortion(
    block_dims: Sequence[int],
    block_sizes: Sequence[int],
    variance: float = 1.0,
    codebook_variance: float | None = None,
) -> float:
    """Return the expected distortion of random Gaussian codewords drawn block by block.

    Parameters
    ----------
    block_dims, block_sizes : sequence of int
        Dimension and number of codewords of every block.
    variance, codebook_variance : float, optional
        As in `matched_codebook_distortion`.

    Returns
    -------
    float
        Sum over blocks of their expected squared errors.

    Raises
    ------
    ShapeError
        If the two sequences have different lengths.

    Notes
    -----
    Appendix K.1 and Figure 5(a) of the paper, with two blocks.

    Examples
    --------
    >>> round(matched_product_distortion((4, 4), (64, 64)), 5)  # the paper's Figure 5(a)
    1.93502
    """
    dims = _check.partition("block_dims", block_dims, total=sum(block_dims))
    if len(block_sizes) != len(dims):
        raise ShapeError(f"block_sizes must have length {len(dims)}, got {len(block_sizes)}")
    return sum(
        matched_codebook_distortion(d, K, variance, codebook_variance)
        for d, K in zip(dims, block_sizes, strict=True)
    )


class Spread(NamedTuple):
    """The best variance of random Gaussian codewords, and the distortion it reaches.

    Attributes
    ----------
    codebook_variance : float
        Variance of the codewords, per coordinate.
    distortion : float
        Expected squared error, summed over coordinates.
    """

    codebook_variance: float
    distortion: float


def best_codebook_variance(d: int, K: int, variance: float = 1.0) -> Spread:
    """Return the variance of random Gaussian codewords with the least expected distortion.

    Parameters
    ----------
    d, K : int
        Dimension and number of codewords.
    variance : float, optional
        Variance of the source, per coordinate.

    Returns
    -------
    Spread
        The variance, to about 1e-5 of it, and its expected distortion.

    Raises
    ------
    DomainError
        If `K` is 1, where the best codeword is the mean, of variance 0; or too large, as in
        `matched_codebook_distortion`; or so small for `d` that the search would take a minute or more.

    Notes
    -----
    Few codewords should shrink towards the mean; very many should spread to ``(d + 2) / d`` times the
    source's variance, the density ``f^(d/(d+2))``. They match the source only where these effects cancel.

    Appendix D of the paper takes the variance of the source instead.

    Examples
    --------
    >>> best = best_codebook_variance(16, 65536)
    >>> round(best.codebook_variance, 3), round(best.distortion, 4)
    (0.741, 4.9587)
    """
    from scipy.optimize import minimize_scalar

    d, K = _check.integer("d", d), _resolved(d, K, minimum=2)
    variance = _check.real("variance", variance, above=0.0)
    # two codewords in high dimension want 1 / (pi d), infinitely many want (d + 2) / d <= 3
    found = minimize_scalar(
        lambda spread: _tried(d, K, float(spread)),
        bounds=(0.1 / d, 4.0),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return Spread(variance * float(found.x), variance * float(found.fun))


def _tried(d: int, K: int, spread: float) -> float:
    """Distortion at one spread of the search, which comes to small ones where few words are best."""
    if d / spread > most_shift(K) / 2:
        raise DomainError(
            f"K must be larger for d={d}, or d smaller, got K={shown(K)}: the search would take a minute "
            "or more; with m the mean of the largest of K standard normal numbers, codebook_variance is "
            "about variance m^2 / d and the distortion about variance (d - m^2), or minimise "
            "matched_codebook_distortion near it"
        )
    return nearest_of_gaussians(d, K, spread)
