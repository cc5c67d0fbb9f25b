"""Densities of codewords at high rate: the optimal one, and what others cost."""

import math

import numpy as np

from qtheory import _check
from qtheory._bound import log_ball_volume
from qtheory._high_rate import require_density
from qtheory._marginals import gauss_legendre
from qtheory._space_filling import zador_constant
from qtheory.errors import DomainError, ShapeError
from qtheory.sources import Gaussian, Source


def optimal_point_density(source: Source) -> Source:
    """Return the law of the codewords of optimal codebooks at high rate.

    Parameters
    ----------
    source : Gaussian
        With a density: its covariance must not be singular.

    Returns
    -------
    Gaussian
        The law with density proportional to ``f^(d/(d+2))``: covariance times ``(d + 2) / d``. It is not the
        law of the source.

    Raises
    ------
    DomainError
        If the source is not Gaussian or has no density.

    References
    ----------
    J. A. Bucklew, Two results on the asymptotic performance of quantizers, 1984.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> optimal_point_density(Gaussian(8)).variance
    1.25
    """
    if not isinstance(source, Gaussian):
        raise DomainError(
            f"source must be Gaussian, got {type(source).__name__}; "
            "for one coordinate use marginal(0).power_quantile(1/3, u)"
        )
    require_density(source)
    factor = (source.dim + 2) / source.dim
    return Gaussian(source.dim, covariance=factor * source.covariance, mean=source.mean)


def bennett(source: Source, points: Source, levels: int) -> float:
    """Return the high-rate value of levels on a line that follow any density (Bennett's integral).

    Parameters
    ----------
    source, points : Source
        One-dimensional: the source, and the density whose quantiles (i - 1/2) / n are the levels.
    levels : int
        Number of levels n.

    Returns
    -------
    float
        ``int f lambda^-2 / (12 n^2)``, least for lambda proportional to ``f^(1/3)``, where it is the value
        of Panter and Dite. It is the limit if n^2 times the squared distance to the nearest level is
        uniformly integrable, as for unimodal lambda (`theorem.bennett`).

    Raises
    ------
    ShapeError
        If one of them has more than one dimension.
    DomainError
        If the integral diverges: levels are too rare in the tails.

    References
    ----------
    W. R. Bennett, Spectra of quantized signals, 1948.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> round(12 * 100**2 * bennett(Gaussian(1), Gaussian(1, 3.0), 100) / Gaussian(1).density_norm, 9)
    1.0
    """
    n = _check.integer("levels", levels)
    if source.dim != 1 or points.dim != 1:
        raise ShapeError(f"source and points must have dimension 1, got {source.dim} and {points.dim}")
    law, spread = source.marginal(0), points.marginal(0)
    nodes, weights = gauss_legendre(law.panels[:-1], law.panels[1:])
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        density = law.pdf(nodes)
        parts = np.sum(weights * np.where(density > 0, density / spread.pdf(nodes) ** 2, 0.0), axis=1)
        total = float(parts.sum())
    # a bounded support may end abruptly; a tail must not
    ends = [part for part, tail in ((parts[0], density[0, 0]), (parts[-1], density[-1, -1])) if tail < 1e-30]
    if not np.isfinite(total) or any(part > 1e-9 * total for part in ends):
        raise DomainError(
            f"points must be dense enough in the tails of the source, {points!r} is not for {source!r}: "
            "n^2 E tends to infinity; spread the levels wider"
        )
    return total / (12 * n**2)


def optimal_perplexity_ratio(source: Source) -> float:
    """Return what perplexity over K of optimal codebooks is at most in the limit, and tends to on the line.

    Parameters
    ----------
    source : Source
        With known differential entropy and powers of its density, and a moment of order above 2.

    Returns
    -------
    float
        ``exp(-KL(f || f*))`` with ``f*`` proportional to ``f^(d/(d+2))``. It is below 1 unless the density is
        constant on its support: the codewords of an optimal codebook are not used equally often.

    Raises
    ------
    DomainError
        If the source has no density, or its entropy or a power of its density is not known.

    Notes
    -----
    A bound on the limit superior for every d (`theorem.perplexity`). That a cell near x has volume
    ``1 / (K f*(x))`` and mass ``f(x) / (K f*(x))``, which makes it the limit, is proved for d = 1 and bounded
    densities, and Gersho's heuristic for d >= 2.

    References
    ----------
    P. F. Panter, W. Dite 1951 (d = 1). A. Gersho, Asymptotically optimal block quantization, 1979.
    J. A. Bucklew, Two results on the asymptotic performance of quantizers, 1984 (density of the words).

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> [round(optimal_perplexity_ratio(Gaussian(d)), 3) for d in (1, 4, 8, 16)]
    [0.806, 0.866, 0.912, 0.948]
    """
    require_density(source)
    p = source.dim / (source.dim + 2)
    divergence = math.log(source.density_power_integral(p)) - (1 - p) * source.differential_entropy
    return math.exp(-divergence)


def gaussian_point_density(d: int, K: int, variance: float, point_variance: float) -> float:
    """Return the high-rate value of codewords spread like a Gaussian, their cells as good as can be.

    Parameters
    ----------
    d, K : int
        Dimension and number of codewords.
    variance, point_variance : float
        Variance per coordinate of the source N(0, variance I) and of the density of codewords.

    Returns
    -------
    float
        ``d G int f lambda^(-2/d) K^(-2/d)`` with the upper bound G on Zador's constant of `zador_constant`.
        The integral is ``2 pi t^2 (1 - 2 s^2 / (d t^2))^(-d/2)``, least at ``t^2 = s^2 (d + 2) / d``, where
        the value is Zador's.

    Raises
    ------
    DomainError
        If ``point_variance <= 2 variance / d``: the limit is infinite, the rate is lost. In one and two
        dimensions this includes codewords that match the source.

    References
    ----------
    J. A. Bucklew, Two results on the asymptotic performance of quantizers, 1984.
    S. Na, D. L. Neuhoff, Bennett's integral for vector quantizers, 1995.

    Examples
    --------
    >>> from qtheory.limits import zador
    >>> from qtheory.sources import Gaussian
    >>> round(gaussian_point_density(8, 4096, 1.0, 1.25) / zador(Gaussian(8), 4096), 12)
    1.0
    """
    d = _check.integer("d", d)
    return d * zador_constant(d).upper * _mismatch_integral(d, K, variance, point_variance)


def random_codebook_limit(d: int, K: int, variance: float, codebook_variance: float) -> float:
    """Return the high-rate value of K independent Gaussian codewords.

    Parameters
    ----------
    d, K : int
        Dimension and number of codewords.
    variance, codebook_variance : float
        Variance per coordinate of the source N(0, variance I) and of the codewords.

    Returns
    -------
    float
        ``Gamma(1 + 2/d) V_d^(-2/d) int f lambda^(-2/d) K^(-2/d)``; `expected.matched_codebook_distortion` is
        the exact value it approaches.

    Raises
    ------
    DomainError
        If ``codebook_variance <= 2 variance / d``: the limit is infinite.

    References
    ----------
    P. L. Zador 1982. P. Cohort, Limit theorems for random normalized distortion, 2004.

    Examples
    --------
    >>> from qtheory.expected import matched_codebook_distortion
    >>> round(matched_codebook_distortion(8, 2**40) / random_codebook_limit(8, 2**40, 1.0, 1.0), 2)
    1.0
    """
    d = _check.integer("d", d)
    ball = math.gamma(1 + 2 / d) * math.exp(-2 / d * log_ball_volume(d))
    return ball * _mismatch_integral(d, K, variance, codebook_variance)


def _mismatch_integral(d: int, K: int, variance: float, points: float) -> float:
    """``K^(-2/d) int f lambda^(-2/d)`` for centred isotropic Gaussian f and lambda."""
    K = _check.integer("K", K)
    variance = _check.real("variance", variance, above=0.0)
    points = _check.real("point variance", points, above=0.0)
    loss = 1 - 2 * variance / (d * points)
    if loss <= 0:
        raise DomainError(
            f"point variance must exceed 2 variance / d = {2 * variance / d:g}, got {points:g}: "
            "K^(2/d) E tends to infinity; use expected.matched_codebook_distortion at finite K"
        )
    return 2 * math.pi * points * math.exp(-d / 2 * math.log(loss) - 2 / d * math.log(K))
