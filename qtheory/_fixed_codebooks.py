"""Expected errors of the fixed codebooks of LFQ, BSQ and FSQ on Gaussian vectors."""

import math
from collections.abc import Sequence

from qtheory import _check
from qtheory._fixed_rules import FSQ
from qtheory._fsq import bounded_error
from qtheory.errors import ShapeError

_FEW = 100
"""Dimension up to which logarithms of gamma functions are as good as the series for many dimensions."""


def lfq_distortion(d: int, variance: float) -> float:
    """Return the expected distortion of sign codes {-1, +1}^d (LFQ) on N(0, variance I).

    Parameters
    ----------
    d : int
        Dimension.
    variance : float
        Variance of the source, per coordinate.

    Returns
    -------
    float
        ``d (s^2 - 2 s sqrt(2 / pi) + 1)`` with ``s^2 = variance``; least, ``d (1 - 2 / pi)``, at 2 / pi.

    Raises
    ------
    DomainError
        If the dimension is no positive integer or the variance is negative.

    Notes
    -----
    Appendix K.2 and Figure 5(c) of the paper.

    Examples
    --------
    >>> round(lfq_distortion(8, 2 / math.pi), 5)
    2.90704
    """
    d = _check.integer("d", d)
    variance = _check.real("variance", variance, minimum=0.0)
    return d * (variance - 2 * math.sqrt(2 * variance / math.pi) + 1)


def mean_sphere_l1(d: int) -> float:
    """Return ``E |u|_1 / sqrt(d)`` for u uniform on the unit sphere: the cosine of u and its signs.

    Parameters
    ----------
    d : int
        Dimension.

    Returns
    -------
    float
        Between 0 and 1; ``sqrt(d) Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2))``.

    Raises
    ------
    DomainError
        If the dimension is no positive integer.

    Notes
    -----
    What the words of BSQ, Section 2.4 of the paper, have in common with their vectors.

    Examples
    --------
    >>> round(mean_sphere_l1(8), 4)
    0.8231
    """
    d = _check.integer("d", d)
    if d <= _FEW:
        return min(1.0, math.sqrt(d / math.pi) * math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)))
    # the logarithms grow, and what they lose in the difference; this series ends below 1e-13 of its value
    y = 2 / d
    ratio = 1 - y / 8 * (1 - y / 16 * (1 + 5 * y / 8 * (1 - 21 * y / 160 * (1 + 19 * y / 8))))
    return math.sqrt(2 / math.pi) / ratio


def bsq_distortion(d: int, radius: float = 1.0) -> float:
    """Return the expected distortion of sign codes (BSQ) measured on the unit sphere.

    Vectors are normalised to the sphere, so every isotropic source, of whatever variance, gives the
    uniform law there and the same distortion exactly.

    Parameters
    ----------
    d : int
        Dimension.
    radius : float, optional
        Norm of the codewords ``radius * sign(u) / sqrt(d)``; BSQ has 1.

    Returns
    -------
    float
        ``1 - 2 radius c + radius^2`` with ``c = mean_sphere_l1(d)``; the best radius is c.

    Raises
    ------
    DomainError
        If the dimension is no positive integer or the radius is negative.

    Notes
    -----
    Appendix K.2 and Figure 5(d) of the paper.

    Examples
    --------
    >>> round(bsq_distortion(8), 6), round(bsq_distortion(8, radius=mean_sphere_l1(8)), 6)
    (0.353707, 0.32243)
    """
    radius = _check.real("radius", radius, minimum=0.0)
    return (1 - radius) ** 2 + 2 * radius * (1 - mean_sphere_l1(d))


def bsq_input_distortion(d: int, variance: float) -> float:
    """Return the expected distortion of the codewords of BSQ against N(0, variance I) itself.

    Parameters
    ----------
    d : int
        Dimension.
    variance : float
        Variance of the source, per coordinate.

    Returns
    -------
    float
        ``d s^2 - 2 s sqrt(2 d / pi) + 1`` with ``s^2 = variance``.

    Raises
    ------
    DomainError
        If the dimension is no positive integer or the variance is negative.

    Notes
    -----
    Appendix K.2 of the paper measures the normalised vectors instead: `bsq_distortion`.

    Examples
    --------
    >>> round(bsq_input_distortion(8, 0.01), 2), round(bsq_input_distortion(8, 2.0), 1)
    (0.63, 10.6)
    """
    d = _check.integer("d", d)
    variance = _check.real("variance", variance, minimum=0.0)
    return d * variance - 2 * math.sqrt(2 * d * variance / math.pi) + 1


def fsq_distortion(d: int, levels: int | Sequence[int], variance: float, form: str = "official") -> float:
    """Return the expected distortion of FSQ on N(0, variance I), in its bounded space.

    Parameters
    ----------
    d : int
        Dimension.
    levels : int or sequence of int
        Levels a dimension.
    variance : float
        Variance of the source, per coordinate.
    form : {"official", "paper"}
        Which bounding map, see `qtheory.quantizers.FSQ`.

    Returns
    -------
    float
        Expected squared distance of the bounded value to its rounding, summed over coordinates, by
        quadrature. It is not comparable with errors against z: the bounded value saturates.

    Raises
    ------
    ShapeError
        If the number of levels given is neither 1 nor d.

    Notes
    -----
    Appendix K.2 and Figure 5(b) of the paper.

    Examples
    --------
    >>> round(fsq_distortion(8, 4, 1.0, form="paper"), 4)
    0.6601
    """
    d = _check.integer("d", d)
    variance = _check.real("variance", variance, above=0.0)
    per_dimension = (levels,) * d if isinstance(levels, int) else tuple(levels)
    if len(per_dimension) != d:
        raise ShapeError(f"levels must be one integer or {d} of them, got {len(per_dimension)}")
    rule = FSQ(per_dimension, form=form)
    return math.fsum(bounded_error(level, variance, form) for level in rule.levels)
