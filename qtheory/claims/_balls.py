"""Constants of high-dimensional geometry in ball arithmetic, and exact endpoints of balls."""

from fractions import Fraction
from typing import Any

Ball = Any
"""An ``arb`` of python-flint, which has no type annotations."""


def ball(value: int | float | Fraction) -> Ball:
    """Return the ball around `value`; exact for integers and floats."""
    from flint import arb

    number = Fraction(value)
    return arb(number.numerator) / number.denominator


def lower(x: Ball) -> Fraction:
    """Return a rational that is at most every number in the ball."""
    return _rational(x.lower())


def upper(x: Ball) -> Fraction:
    """Return a rational that is at least every number in the ball."""
    return _rational(x.upper())


def _rational(x: Ball) -> Fraction:
    mantissa, exponent = x.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def pi() -> Ball:
    """Return pi."""
    from flint import arb

    return arb.pi()


def e() -> Ball:
    """Return Euler's number."""
    from flint import arb

    return arb.const_e()


def unit_ball_volume(d: int) -> Ball:
    """Return the volume of the unit ball in d dimensions."""
    half = ball(Fraction(d, 2))
    return pi() ** half / (half + 1).gamma()


def sphere_constant(d: int) -> Ball:
    """Return the constant c of ``E*_VQ >= c d K^(-2/d)`` that comparing cells with balls gives."""
    return 4 * unit_ball_volume(d) ** ball(Fraction(-2, d)) / (d + 2)


def zador_constant(d: int) -> Ball:
    """Return the constant c of ``K^(2/d) sup E*_VQ -> at most c d`` that random codebooks give."""
    return 4 * ball(1 + Fraction(2, d)).gamma() * unit_ball_volume(d) ** ball(Fraction(-2, d)) / d


def stirling_constant(d: int) -> Ball:
    """Return an upper bound, decreasing in d >= 2, on `sphere_constant` and `zador_constant`.

    With z = d/2, Stirling's formula with remainder in (0, 1/(12 z)) gives
    ``4 V_d^(-2/d) / d <= (2 / (pi e)) exp(ln(2 pi z) / (2 z) + 1 / (12 z^2))``; the sphere constant is
    that times d / (d + 2), the Zador constant that times Gamma(1 + 2/d) <= 1.
    """
    z = ball(Fraction(d, 2))
    return 2 / (pi() * e()) * ((2 * pi() * z).log() / (2 * z) + 1 / (12 * z * z)).exp()
