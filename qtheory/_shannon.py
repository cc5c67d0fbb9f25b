"""Limits of information theory: they bound every quantizer at every size."""

import math
import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory.errors import DomainError, ShapeError
from qtheory.sources import Source

Array = NDArray[np.float64]


def shannon_lower_bound(source: Source, K: float) -> float:
    """Return Shannon's lower bound on the distortion of any quantizer of a source with a density.

    Parameters
    ----------
    source : Source
        With a known finite differential entropy.
    K : float
        Number of codewords; or the perplexity of the codes, which gives the sharper bound; or the
        utilization times the number of codewords, which lies between them.

    Returns
    -------
    float
        ``d / (2 pi e) exp(2 h / d) K^(-2/d)``, summed over coordinates. It holds for every `K`, encoder
        and decoder, since ``I(X; codes) <= log K``.

    Raises
    ------
    DomainError
        If the source has no density, for which the bound is 0, its entropy is not known, or the bound is
        above float64's range; below it is rounded to 0.

    References
    ----------
    C. E. Shannon, Coding theorems for a discrete source with a fidelity criterion, 1959.
    T. Linder, R. Zamir, On the asymptotic tightness of the Shannon lower bound, 1994.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> round(shannon_lower_bound(Gaussian(8), 4096), 12)
    1.0
    """
    # integers have no upper end, and neither has their logarithm
    size = _check.integer("K", K) if isinstance(K, int) else _check.real("K", K, minimum=1.0)
    d = source.dim
    entropy = source.differential_entropy
    try:
        found = d * math.exp(2 * (entropy - math.log(size)) / d) / (2 * math.pi * math.e)
    except OverflowError:
        found = math.inf
    if found == math.inf:
        raise DomainError(
            f"Shannon's bound must lie within the range of float64, up to {sys.float_info.max:.2g}, and "
            f"does not for an entropy of {entropy:g} nats in {d} dimensions; take a smaller variance, or a "
            "larger K"
        )
    return found


def perplexity_lower_bound(source: Source, distortion: float) -> float:
    """Return the least perplexity that codes of a given distortion must have.

    Parameters
    ----------
    source : Source
        With a known finite differential entropy.
    distortion : float
        Expected squared error, summed over coordinates.

    Returns
    -------
    float
        ``(d exp(2 h / d) / (2 pi e distortion))^(d/2)``, at least 1. Divided by K it bounds utilization
        from below. No bound from above exists: full utilization may go with any distortion up to the
        variance.

    Raises
    ------
    DomainError
        If the distortion is not positive, or the entropy of the source is not known.

    References
    ----------
    C. E. Shannon, Coding theorems for a discrete source with a fidelity criterion, 1959.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> round(perplexity_lower_bound(Gaussian(8), 1.0), 6)
    4096.0
    """
    distortion = _check.real("distortion", distortion, above=0.0)
    return max(1.0, (shannon_lower_bound(source, 1.0) / distortion) ** (source.dim / 2))


class WaterFilling(NamedTuple):
    """Reverse water-filling of a Gaussian source.

    Attributes
    ----------
    level : float
        The water level theta.
    distortions : (d,) array
        ``min(theta, eigenvalue)`` along the principal axes, ascending eigenvalues.
    """

    level: float
    distortions: Array


def _spectrum(covariance: ArrayLike) -> Array:
    """Eigenvalues of a covariance matrix, or the variances of independent coordinates, ascending."""
    if np.ndim(covariance) == 1:
        return np.sort(_check.array("covariance", covariance, ndim=1))
    matrix = _check.array("covariance", covariance, ndim=2)
    if matrix.shape[0] != matrix.shape[1]:
        raise ShapeError(f"covariance must be square, got shape {matrix.shape}")
    if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0):
        raise DomainError("covariance must be symmetric; pass (C + C.T) / 2")
    return np.asarray(np.linalg.eigvalsh(matrix))


def reverse_water_filling(covariance: ArrayLike, rate: float) -> WaterFilling:
    """Return the optimal distribution of distortion over the principal axes of a Gaussian source.

    Parameters
    ----------
    covariance : (d, d) array, or (d,) array
        Covariance matrix, symmetric positive semidefinite; or the variances of independent coordinates.
    rate : float
        Bits a vector.

    Returns
    -------
    WaterFilling
        Water level and distortion of every axis.

    Raises
    ------
    ShapeError
        If the covariance is not square.
    DomainError
        If it is not symmetric positive semidefinite, or the rate is negative.

    References
    ----------
    A. N. Kolmogorov, On the Shannon theory of information transmission for continuous signals, 1956.

    Examples
    --------
    >>> level, distortions = reverse_water_filling([[4.0, 0.0], [0.0, 0.25]], 1.0)
    >>> level, distortions
    (1.0, array([0.25, 1.  ]))
    """
    rate = _check.real("rate", rate, minimum=0.0)
    spectrum = _spectrum(covariance)
    slack = 1e-12 * len(spectrum) * max(float(spectrum[-1]), 0.0)
    if spectrum[0] < -slack:
        raise DomainError(
            f"covariance must be positive semidefinite, its least eigenvalue is {spectrum[0]:g}"
        )
    spectrum = np.where(spectrum > slack, spectrum, 0.0)
    positive = spectrum[spectrum > 0][::-1]
    level, logs = 0.0, np.log(positive)
    for m in range(1, len(positive) + 1):
        # the m largest axes share the rate at one level; it must not exceed the smallest of them
        candidate = float(np.exp(np.mean(logs[:m]) - 2 * rate * math.log(2) / m))
        if candidate > positive[m - 1] * (1 + 1e-12):
            break
        level = candidate
    return WaterFilling(level, np.minimum(level, spectrum))


def gaussian_distortion_rate(covariance: ArrayLike, rate: float) -> float:
    """Return the distortion-rate function of a Gaussian source.

    Parameters
    ----------
    covariance : (d, d) array, or (d,) array
        Covariance matrix, symmetric positive semidefinite; singular ones are allowed. Or the variances of
        independent coordinates.
    rate : float
        Bits a vector.

    Returns
    -------
    float
        Least distortion, summed over coordinates, of codes with at most `rate` bits of information about
        the vector. Every quantizer with K codewords has at least the value at ``log2 K``; only blocks of
        many vectors coded together reach it.

    Raises
    ------
    DomainError
        If the covariance is not symmetric positive semidefinite, or the rate is negative.

    References
    ----------
    A. N. Kolmogorov, On the Shannon theory of information transmission for continuous signals, 1956.

    Examples
    --------
    >>> gaussian_distortion_rate([[4.0, 0.0], [0.0, 0.25]], 1.0)
    1.25
    """
    return float(reverse_water_filling(covariance, rate).distortions.sum())
