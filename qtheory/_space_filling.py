"""Bounds on Zador's constant: the least normalised second moment of cells that fill space."""

import math
from functools import cache
from typing import NamedTuple

from qtheory import _check
from qtheory._bound import log_ball_volume

LIMIT = 1 / (2 * math.pi * math.e)
"""Limit of G_d as d grows."""

_LATTICES = {
    1: ("Z", 1 / 12),
    2: ("A2", 5 / (36 * math.sqrt(3))),
    3: ("BCC", 19 / (192 * 2 ** (1 / 3))),
    4: ("D4", 13 / (120 * math.sqrt(2))),
    5: ("D5*", 2641 / (23040 * 2**0.6)),
    6: ("E6*", 12619 * 3 ** (1 / 6) / 204120),
    7: ("E7*", 21361 * 2 ** (1 / 7) / 322560),
    8: ("E8", 929 / 12960),
    10: ("D10+", 4568341 / 64512000),
    12: ("glued D6", 0.070035),
    16: ("BW16", 0.068299),
    24: ("Leech", 0.065772),
}
"""Normalised second moments, decimals rounded up: Conway and Sloane 1999, chapter 21; D10+: Agrell and Allen
2023; 12: Agrell et al. 2024. Better lattices are known at least for d = 9, 11 and 13 to 15 (Agrell and Allen
2023)."""

_PRODUCTS_UP_TO = 64  # beyond, Zador's random codebooks beat every product of the table


class ZadorConstant(NamedTuple):
    """Bracket of Zador's constant G_d, per dimension.

    Attributes
    ----------
    lower : float
        Second moment of the ball, or the exact value for d = 1 and 2.
    upper : float
        The best of the lattices listed here, their products, and random codebooks. In some dimensions
        better lattices are known.
    source : str
        What attains `upper`.
    """

    lower: float
    upper: float
    source: str


def _sphere(d: int) -> float:
    return math.exp(-2 / d * log_ball_volume(d)) / (d + 2)


def _random(d: int) -> float:
    return math.gamma(1 + 2 / d) * math.exp(-2 / d * log_ball_volume(d)) / d


@cache
def _best_listed(d: int) -> tuple[float, str]:
    candidates = [(_random(d), "random")]
    if d in _LATTICES:
        name, moment = _LATTICES[d]
        candidates.append((moment, name))
    if d <= _PRODUCTS_UP_TO:
        for k, (name, moment) in _LATTICES.items():
            if k < d:
                rest, other = _best_listed(d - k)
                product = math.exp((k * math.log(moment) + (d - k) * math.log(rest)) / d)
                candidates.append((product, f"{name} x {other}"))
    return min(candidates)


def zador_constant(d: int) -> ZadorConstant:
    """Return what is known of the constant G_d in Zador's theorem.

    For the uniform law on the unit cube, ``K^(2/d) E*_VQ -> d G_d``.

    Parameters
    ----------
    d : int
        Dimension.

    Returns
    -------
    ZadorConstant
        ``lower <= G_d <= upper``, equal for d = 1 and 2.

    Raises
    ------
    DomainError
        If the dimension is no positive integer.

    References
    ----------
    L. Fejes Toth 1959 (d = 2). P. L. Zador 1963, 1982: the ball below, random codebooks above.
    J. H. Conway, N. J. A. Sloane, Sphere Packings, Lattices and Groups, 1999, chapter 21.
    E. Agrell, B. Allen, On the best lattice quantizers, 2023.
    E. Agrell, D. Pook-Kolb, B. Allen, Glued lattices are better quantizers than K12, 2024.

    Examples
    --------
    >>> zador_constant(8)
    ZadorConstant(lower=0.070..., upper=0.07168..., source='E8')
    >>> zador_constant(1).lower == zador_constant(1).upper == 1 / 12
    True
    """
    d = _check.integer("d", d)
    upper, source = _best_listed(d)
    return ZadorConstant(upper if d <= 2 else _sphere(d), upper, source)
