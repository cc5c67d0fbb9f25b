"""Ball-arithmetic proofs about laws that are Lebesgue measure but for a few atoms near the ends.

In the units of `qtheory._edge`, the convolution of such a measure with exp(-t^2) at distance t from an
end is ``sum w exp(-(t - u)^2) + sqrt(pi) - (sqrt(pi) / 2) erfc(t - b)``: the atoms add what they carry,
and the missing half line leaves a deficit. A law of features must stay below sqrt(pi) everywhere, a law
of codewords above it. With both, the value of the game of `qtheory._game` is bracketed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from qtheory._edge import ATOMS, START
from qtheory.claims import _balls
from qtheory.claims._balls import Ball, ball


@dataclass(frozen=True)
class Profile:
    """Atoms near an end, and Lebesgue measure from some distance of it on.

    Attributes
    ----------
    atoms : sequence of (Fraction, Fraction)
        Distances from the end and masses.
    start : Fraction
        Distance at which Lebesgue measure begins.
    far : Fraction
        Distance from which on an estimate of the error function settles the matter.
    """

    atoms: Sequence[tuple[Fraction, Fraction]]
    start: Fraction
    far: Fraction

    @property
    def excess(self) -> Fraction:
        """What an end adds to the mass of Lebesgue measure."""
        return self._mass - self.start

    @property
    def _mass(self) -> Fraction:
        return sum((mass for _, mass in self.atoms), Fraction(0))

    @property
    def _last(self) -> tuple[Fraction, Fraction]:
        return max(self.atoms)

    def largest_share(self) -> Fraction:
        """Return an upper bound on what the atoms add, over the deficit, on [0, `far`].

        For t < 0 the convolution increases, so that t = 0 is enough. Intervals are halved until their
        bounds exclude 1.
        """
        return max(_balls.upper(share) for share in self._shares())

    def least_share(self) -> Fraction:
        """Return a lower bound on what the atoms add, over the deficit, on [0, `far`]."""
        return min(_balls.lower(share) for share in self._shares())

    def _shares(self) -> list[Ball]:
        found, pending = [], [(Fraction(0), self.far)]
        while pending:
            left, right = pending.pop()
            share = self._share((left + right) / 2, (right - left) / 2)
            if share < 1 or share > 1 or right - left < Fraction(1, 10**6):
                found.append(share)
            else:
                middle = (left + right) / 2
                pending += [(left, middle), (middle, right)]
        return found

    def _share(self, middle: Fraction, radius: Fraction) -> Ball:
        """Enclose the share on an interval by its value in the middle and its derivative."""
        from flint import arb

        reach = arb(0, ball(radius).upper())
        value, _ = self._with_slope(ball(middle))
        _, slope = self._with_slope(ball(middle) + reach)
        return value + slope * reach

    def _with_slope(self, t: Ball) -> tuple[Ball, Ball]:
        apart = [(t - ball(place), ball(mass)) for place, mass in self.atoms]
        parts = [(gap, mass * (-gap * gap).exp()) for gap, mass in apart]
        beyond = t - ball(self.start)
        deficit = _balls.pi().sqrt() / 2 * beyond.erfc()
        share = sum(part for _, part in parts) / deficit
        falls = sum(2 * gap * part for gap, part in parts)
        return share, (share * (-beyond * beyond).exp() - falls) / deficit

    def slack_beyond(self) -> Fraction:
        """Return a positive number if the share stays below 1 beyond `far`.

        With y = t - b, ``(sqrt(pi) / 2) erfc(y) >= exp(-y^2) / (y + sqrt(y^2 + 2))``, and all atoms
        together are at most W exp(-(t - u)^2), u the last of them. So it suffices that
        ``W (y + sqrt(y^2 + 2)) <= exp((b - u)(2 t - u - b))``. At `far` this holds with a slack, and there
        the right side grows faster, at ``2 (b - u)`` times itself, than the left, at most 2 W; and faster
        still beyond. The smaller of the two slacks is returned.
        """
        last, _ = self._last
        mass, y = ball(self._mass), ball(self.far - self.start)
        right = ball((self.start - last) * (2 * self.far - last - self.start)).exp()
        value = right - mass * (y + (y * y + 2).sqrt())
        slope = 2 * ball(self.start - last) * right - 2 * mass
        return min(_balls.lower(value), _balls.lower(slope))

    def surplus_beyond(self) -> Fraction:
        """Return a positive number if the share stays above 1 beyond `far`, for u >= b.

        The last atom alone does it: ``(sqrt(pi) / 2) erfc(y) <= exp(-y^2) / (y + sqrt(y^2 + 4 / pi))``,
        and the ratio ``w exp((u - b)(2 t - u - b)) (y + sqrt(y^2 + 4 / pi))`` grows with t.
        """
        last, mass = self._last
        if last < self.start:
            return Fraction(-1)
        y = ball(self.far - self.start)
        grown = ball((last - self.start) * (2 * self.far - last - self.start)).exp()
        return _balls.lower(ball(mass) * grown * (y + (y * y + 4 / _balls.pi()).sqrt()) - 1)

    def constant_at(self, bits: Fraction, width: Fraction) -> Fraction:
        """Return a lower bound on ``K^(2/d) sup E*_VQ / d`` at K = 2^(bits d), from x = `width`."""
        x = ball(width)
        nats = (2 * (x + ball(self.excess))).log() - _balls.pi().log() / 2 - ball(bits) * ball(2).log()
        return _balls.lower(nats / x**2 * ball(4) ** ball(bits))

    def nats_to_spare(self, bits: Fraction) -> Fraction:
        """Return a lower bound on the least of ``R + T x^2 - ln(2 (x + a)) + ln(pi) / 2``, T = 4^-bits / 4.

        The function of x is convex, so it is least where ``2 T x = 1 / (x + a)``. Where it is positive,
        ``(ln(2 (x + a)) - ln(pi) / 2 - R) / x^2 < T`` for every x.
        """
        a, target = ball(self.excess), ball(4) ** ball(-bits) / 4
        x = ((a * a + 2 / target).sqrt() - a) / 2
        spent = (2 * (x + a)).log() - _balls.pi().log() / 2
        return _balls.lower(ball(bits) * ball(2).log() + target * x * x - spent)


def _profile(atoms: Sequence[tuple[int, int]], start: int, far: int) -> Profile:
    """Distances in thousandths, masses in ten thousandths."""
    pairs = tuple((Fraction(place, 1000), Fraction(mass, 10_000)) for place, mass in atoms)
    return Profile(pairs, Fraction(start, 1000), Fraction(far))


EDGE = Profile(ATOMS, START, Fraction(6))
"""The law of features behind ``prop2.lower.edge``."""

FEATURES = _profile([(0, 15531), (1446, 12934), (2632, 10636), (3517, 6421)], 3786, 14)
"""A heavier law of features, for x >= 3.786."""

WORDS = _profile([(268, 18355), (1729, 12715), (2842, 9403), (3517, 1131)], 3388, 6)
"""A law of codewords that reaches every feature, for x >= 3.517."""
