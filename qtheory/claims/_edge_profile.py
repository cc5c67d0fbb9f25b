"""Ball-arithmetic proof that the law of `qtheory._edge` keeps below the constant of the line."""

from fractions import Fraction

from qtheory._edge import ATOMS, EXCESS, START
from qtheory.claims import _balls
from qtheory.claims._balls import Ball, ball

FAR = Fraction(6)
"""From this distance on, an estimate of the error function settles the matter."""


def largest_share() -> Fraction:
    """Return an upper bound on what the atoms add, over what the missing half line leaves, on [0, `FAR`].

    The convolution is ``sum w exp(-(t - u)^2) + (sqrt(pi) / 2) erfc(b - t)``, and sqrt(pi) less the last
    term is ``(sqrt(pi) / 2) erfc(t - b)``, so a share below 1 is the claim. For t < 0 the convolution
    increases, so that t = 0 is enough. Intervals are halved until their bounds decide.
    """
    largest = Fraction(0)
    pending = [(Fraction(0), FAR)]
    while pending:
        left, right = pending.pop()
        share = _share((left + right) / 2, (right - left) / 2)
        width = right - left
        if share < 1 or width < Fraction(1, 10**6):
            largest = max(largest, _balls.upper(share))
        else:
            middle = (left + right) / 2
            pending += [(left, middle), (middle, right)]
    return largest


def _share(middle: Fraction, radius: Fraction) -> Ball:
    from flint import arb

    t = arb(ball(middle), ball(radius).upper())
    atoms = sum(ball(mass) * (-((t - ball(place)) ** 2)).exp() for place, mass in ATOMS)
    return atoms / (_balls.pi().sqrt() / 2 * (t - ball(START)).erfc())


def far_slack() -> Fraction:
    """Return a positive number if the share stays below 1 beyond `FAR`.

    With y = t - b, ``(sqrt(pi) / 2) erfc(y) >= exp(-y^2) / (y + sqrt(y^2 + 2))``, and all atoms together
    are at most W exp(-(t - u)^2), u the last of them. So it suffices that
    ``W (y + sqrt(y^2 + 2)) <= exp((b - u)(2 t - u - b))``. At `FAR` this holds with a slack, and there the
    right side grows faster, at ``2 (b - u)`` times itself, than the left, at most 2 W; and faster still
    beyond. The smaller of the two slacks is returned.
    """
    last = max(place for place, _ in ATOMS)
    mass = ball(sum((mass for _, mass in ATOMS), Fraction(0)))
    y = ball(FAR - START)
    right = ball((START - last) * (2 * FAR - last - START)).exp()
    value = right - mass * (y + (y * y + 2).sqrt())
    slope = 2 * ball(START - last) * right - 2 * mass
    return min(_balls.lower(value), _balls.lower(slope))


def constant_at(bits: int, width: Fraction) -> Fraction:
    """Return a lower bound on ``K^(2/d) sup E*_VQ / d`` at K = 2^(bits d), from x = `width`."""
    x = ball(width)
    value = ((2 * (x + ball(EXCESS))).log() - _balls.pi().log() / 2 - bits * ball(2).log()) / x**2
    return _balls.lower(value * 4**bits)
