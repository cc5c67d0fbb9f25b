"""Ball-arithmetic certificates: a finite law on [-1, 1] and a slope that bound every codebook."""

from collections.abc import Sequence
from fractions import Fraction

from qtheory import _check
from qtheory.claims import _balls
from qtheory.claims._balls import Ball, ball
from qtheory.errors import DomainError

ROUNDS = 16
"""Times that an interval of [-1, 1] is halved where it may hold the maximum."""

Atoms = Sequence[tuple[Fraction, Fraction]]
"""Points of [-1, 1] and their masses."""

ONE_BIT: Atoms = (
    (Fraction(-1), Fraction(34037, 10**5)),
    (Fraction(0), Fraction(31926, 10**5)),
    (Fraction(1), Fraction(34037, 10**5)),
)
"""The best law at one bit a dimension, up to rounding."""

ONE_BIT_SLOPE = Fraction(2547, 1000)
"""Its slope."""


def largest_payoff(law: Atoms, slope: Fraction) -> Ball:
    """Return a ball whose upper end bounds ``sum p_i exp(-slope (x_i - y)^2)`` for every real y.

    Parameters
    ----------
    law : sequence of (Fraction, Fraction)
        Points of [-1, 1] and their masses, which sum to 1.
    slope : Fraction
        Positive; per squared unit.

    Returns
    -------
    arb
        On each interval the value in the middle and the derivative over the interval enclose the sum;
        those that may hold the maximum are halved again and again. Beyond [-1, 1] the sum only falls.

    Raises
    ------
    DomainError
        If the masses are no law on [-1, 1], or `slope` is not positive.
    """
    _require(law, slope)
    from flint import arb

    middles, radius, attained = [Fraction(0)], Fraction(1), Fraction(0)
    for _ in range(ROUNDS):
        reach = arb(0, ball(radius).upper())
        tops = {}
        for middle in middles:
            value, _ = _payoff(law, slope, ball(middle))
            _, derivative = _payoff(law, slope, ball(middle) + reach)
            attained = max(attained, _balls.lower(value))
            tops[middle] = _balls.upper(value + derivative * reach)
        radius /= 2
        middles = [m + side for m, top in tops.items() if top > attained for side in (-radius, radius)]
    return ball(max(attained, *tops.values()))


def _payoff(law: Atoms, slope: Fraction, y: Ball) -> tuple[Ball, Ball]:
    s = ball(slope)
    apart = [(ball(x) - y, ball(mass)) for x, mass in law]
    parts = [(gap, mass * (-s * gap * gap).exp()) for gap, mass in apart]
    return sum(part for _, part in parts), sum(2 * s * distance * part for distance, part in parts)


def _require(law: Atoms, slope: Fraction) -> None:
    total = sum((mass for _, mass in law), Fraction(0))
    if total != 1 or any(mass < 0 or abs(x) > 1 for x, mass in law):
        raise DomainError(
            f"law must have points in [-1, 1] and masses that sum to 1, got a sum of {total}; scale them"
        )
    _check.real("slope", float(slope), above=0.0)


def certified_distortion(law: Atoms, slope: Fraction, bits: Fraction) -> Fraction:
    """Return a proved lower bound on E*_VQ / d of the product of d such laws, K = 2^(bits d), for every d.

    Parameters
    ----------
    law : sequence of (Fraction, Fraction)
        Points of [-1, 1] and their masses.
    slope : Fraction
        Any positive number; some are better than others.
    bits : Fraction
        Rate a dimension.

    Returns
    -------
    Fraction
        ``(-ln c - bits ln 2) / slope`` with c from `largest_payoff`; it may be negative.

    Raises
    ------
    DomainError
        As `largest_payoff`.
    """
    nats = -largest_payoff(law, slope).log() - ball(bits) * ball(2).log()
    return _balls.lower(nats / ball(slope))
