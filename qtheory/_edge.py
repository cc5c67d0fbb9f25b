"""A law heavier at the faces of the cube, and the lower bound it gives at every rate.

On [-1, 1], scaled by x = sqrt(s), put Lebesgue measure at distance `START` or more from both ends and
`ATOMS` near each end. Its convolution with exp(-t^2) is at most sqrt(pi) everywhere, as for Lebesgue
measure on the line, and its mass is 2 x + 2 `EXCESS`: the ends add mass at no cost.
"""

import math
from fractions import Fraction

ATOMS = ((Fraction(0), Fraction(191, 125)), (Fraction(4, 3), Fraction(249, 250)))
"""Distances from the end and masses."""

START = Fraction(16, 9)
"""Distance from the end at which Lebesgue measure begins."""

EXCESS = sum((mass for _, mass in ATOMS), -START)
"""What an end adds to the mass of Lebesgue measure."""


def edge_width(rate: float) -> float:
    """Return the x that maximises ``(ln(2 (x + a)) - ln(pi) / 2 - rate) / x^2`` over ``x >= START``.

    Parameters
    ----------
    rate : float
        Nats a dimension.

    Returns
    -------
    float
        The root of ``ln(2 (x + a)) - ln(pi) / 2 - rate = x / (2 (x + a))``, or `START` if larger.
    """
    a, low, high = float(EXCESS), float(START), math.exp(rate + 1)
    for _ in range(100):
        x = (low + high) / 2
        if math.log(2 * (x + a)) - math.log(math.pi) / 2 - rate < x / (2 * (x + a)):
            low = x
        else:
            high = x
    return high if low > START else float(START)


def edge_bound(d: int, K: int) -> float:
    """Return the lower bound on ``sup over P of E*_VQ`` for the product of d such laws."""
    rate = math.log(K) / d
    x = edge_width(rate)
    return d * (math.log(2 * (x + float(EXCESS))) - math.log(math.pi) / 2 - rate) / x**2
