"""Laws with rare spikes, in fractions: they lose the rate though the integrals of high rate are finite."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from qtheory.claims._claim import Evidence


class Spike(NamedTuple):
    """Uniform mass on an interval."""

    start: Fraction
    length: Fraction
    mass: Fraction

    @property
    def end(self) -> Fraction:
        """Right end of the interval."""
        return self.start + self.length


def _error(levels: Sequence[Fraction], spikes: Sequence[Spike]) -> Fraction:
    """Exact error of spikes at sorted levels, each point at its nearest."""
    borders = [(a + b) / 2 for a, b in pairwise(levels)]
    total = Fraction(0)
    for spike in spikes:
        first, last = bisect_right(borders, spike.start), bisect_left(borders, spike.end)
        cuts = [spike.start, *borders[first:last], spike.end]
        thirds = sum(
            (b - q) ** 3 - (a - q) ** 3
            for q, (a, b) in zip(levels[first : last + 1], pairwise(cuts), strict=True)
        )
        total += spike.mass / spike.length * thirds / 3
    return total


# --- spikes far out: a finite variance is not enough for Zador's theorem -----------------------------------


@cache
def _far_spikes(count: int) -> tuple[Spike, ...]:
    """Spikes of a law whose other half is uniform on [0, 1], up to `count`, with masses rounded down.

    Spike k on [2^k, 2^k + 2^-k] has mass C 4^-k / k^2, half in all; those beyond `count` have less than
    C 4^-count.
    """
    masses = [Fraction(1, 4**k * k**2) for k in range(1, count + 1)]
    scale = Fraction(1, 2) / (sum(masses) + Fraction(1, 4**count))
    return tuple(
        Spike(Fraction(2**k), Fraction(1, 2**k), scale * mass) for k, mass in enumerate(masses, start=1)
    )


def far_spikes_share_no_word() -> Evidence:
    gap = min(
        (after.start - after.start / 4) - (before.end + before.start / 4)
        for before, after in pairwise(_far_spikes(64))
    )
    return Evidence(
        "exact", gap, ">=", 0,
        detail="least gap between the points nearer than 2^k / 4 to spike k and those for k + 1, k < 64; the "
        "word 3 is at just that distance of two",
    )  # fmt: skip


def far_spikes_lose_the_rate() -> Evidence:
    # n words are near n of the spikes at most, and the later ones cost less to leave
    n, spikes = 64, _far_spikes(512)
    least = n**2 * sum(spike.mass * (spike.start / 4) ** 2 for spike in spikes[n:])
    integral = 0.5 ** (1 / 3) + sum(
        float(spike.mass / spike.length) ** (1 / 3) * float(spike.length) for spike in spikes
    )
    return Evidence(
        "numerical", float(least) / (integral**3 / 12), ">", 20,
        detail="lower bound on n^2 e_n over ||f||_{1/3} / 12, n = 64, for a law with E X^2 finite but no "
        "higher moment",
    )  # fmt: skip


def _cost(first: int, last: int) -> Fraction:
    """Variance, unnormalised, of spikes at 2^k of mass 4^-k / k^2, k = first, ..., last."""
    masses = {k: Fraction(1, 4**k * k**2) for k in range(first, last + 1)}
    mean = sum(mass * 2**k for k, mass in masses.items()) / sum(masses.values())
    return sum((mass * (2**k - mean) ** 2 for k, mass in masses.items()), Fraction(0))


def far_spikes_by_dynamic_programming() -> Evidence:
    count, words = 16, 8
    best = [_cost(1, last) for last in range(1, count + 1)]
    ratios = []
    for n in range(1, words + 1):
        if n > 1:
            best = [
                min([best[last - 1], *(best[cut - 1] + _cost(cut + 1, last) for cut in range(1, last))])
                for last in range(1, count + 1)
            ]
        ratios.append(best[-1] / sum(Fraction(1, 16 * k**2) for k in range(n + 1, count + 1)))
    return Evidence(
        "exact", min(ratios), ">=", 1,
        detail="least ratio of the optimal error of 16 such spikes, as points, to the bound, n = 1, ..., 8",
    )  # fmt: skip


# --- spikes at 1/k: a finite integral is not enough for levels or words of another density ------------------

COUNT = 24
"""Spikes at 1/k that are built."""

SIZES = tuple(2**bits for bits in range(6, 13))


@cache
def _spikes() -> tuple[Spike, ...]:
    """Spikes of the law f from left to right: on [1/k, 1/k + 8^-k], of mass 2^-k.

    The density g of levels and words has half of that mass there, and half in all uniform on [2, 3].
    """
    return tuple(Spike(Fraction(1, k), Fraction(1, 8**k), Fraction(1, 2**k)) for k in range(COUNT, 0, -1))


@cache
def _integral() -> Fraction:
    """Integral of f g^-2 over the spikes."""
    densities = ((spike.mass / spike.length, spike.length) for spike in _spikes())
    return sum((f / (f / 2) ** 2 * length for f, length in densities), Fraction(0))


def spikes_do_not_overlap() -> Evidence:
    gap = min(after.start - before.end for before, after in pairwise(_spikes()))
    return Evidence("exact", gap, ">", 0, detail=f"least gap between spikes at 1/k, k = 1, ..., {COUNT}")


def integral_of_spikes() -> Evidence:
    return Evidence(
        "exact", abs(_integral() - Fraction(4, 31)), "<", Fraction(1, 32**COUNT),
        detail=f"gap of the sum over {COUNT} spikes of the integral of f g^-2 to 4/31",
    )  # fmt: skip


def _quantiles(n: int) -> Iterator[Fraction]:
    """Quantiles (i - 1/2) / n of g that lie on spikes; the others, on [2, 3], are nearest to no spike."""
    spikes = iter(_spikes())
    spike, below = next(spikes), Fraction(1, 2 ** (COUNT + 1))
    for i in range(1, n // 2 + 1):
        u = Fraction(2 * i - 1, 2 * n)
        while u > below + spike.mass / 2:
            below += spike.mass / 2
            spike = next(spikes)
        yield spike.start + spike.length * (u - below) / (spike.mass / 2)


@cache
def _at_quantiles(n: int) -> Fraction:
    """n^2 times the error of the spikes built, at n quantiles of g, over the formula: a lower bound."""
    return n**2 * _error(list(_quantiles(n)), _spikes()) / (_integral() / 12)


def quantiles_of_spikes_lose_the_rate() -> Evidence:
    return Evidence(
        "exact", _at_quantiles(SIZES[-1]), ">", 20,
        detail="error of n = 2^12 levels at quantiles of g, over the formula, for spikes at 1/k",
    )  # fmt: skip


def quantiles_of_spikes_get_worse() -> Evidence:
    growth = min(_at_quantiles(b) / _at_quantiles(a) for a, b in pairwise(SIZES))
    return Evidence(
        "exact", growth, ">", 1, detail="least growth of that ratio when n doubles, from 2^6 to 2^12"
    )


def _empty(k: int, n: int) -> int:
    """2^64 times the probability that none of n words lies on a spike beyond k, rounded down."""
    return ((2 ** (k + 1) - 1) ** n << 64) >> (k + 1) * n


def random_words_on_spikes_lose_the_rate() -> Evidence:
    # if spike k is the first with a word, no word is left of 1/k, and the spikes left of it pay for that
    n, error = SIZES[-1], Fraction(0)
    for k in range(1, COUNT):
        first = Fraction(max(0, _empty(k, n) - _empty(k - 1, n) - 1), 2**64)
        error += first * _error([Fraction(1, k)], _spikes()[: COUNT - k])
    limit = Fraction(2, 2**2) * _integral()  # Gamma(3) V_1^-2
    return Evidence(
        "exact", n**2 * error / limit, ">", 20,
        detail="lower bound on K^2 E of random words over the formula, spikes at 1/k, K = 2^12",
    )  # fmt: skip
