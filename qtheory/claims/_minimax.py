"""The worst law on [-1, 1] for two levels, and the argument that settles all dimensions and sizes."""

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np

from qtheory.claims import _balls
from qtheory.errors import DomainError
from qtheory.sources import FiniteSource

THREE_LEVELS = (
    (Fraction(3, 40), (-4, -2, 2)),
    (Fraction(1, 3), (-4, -1, 2)),
    (Fraction(3, 10), (-4, -1, 3)),
    (Fraction(1, 8), (-4, 0, 4)),
    (Fraction(1, 6), (-3, 0, 3)),
)
"""Probabilities of codebooks, in quarters; each codebook or its mirror image is drawn, fairly."""


@cache
def three_level_error() -> Fraction:
    """Return the largest mean squared error, over [-1, 1], of the random codebook `THREE_LEVELS`.

    Returns
    -------
    Fraction
        An upper bound on v_3: a random codebook does no worse on average on any law, so some codebook
        does no worse. Between midpoints the error is a convex quadratic, so its maximum lies at a
        midpoint or an endpoint.

    Raises
    ------
    DomainError
        If the probabilities do not sum to 1: the mean would be none.
    """
    if (total := sum(weight for weight, _ in THREE_LEVELS)) != 1:
        raise DomainError(f"probabilities of THREE_LEVELS must sum to 1, got {total}; correct the table")
    books = [
        (weight / 2, [Fraction(sign * word, 4) for word in book])
        for weight, book in THREE_LEVELS
        for sign in (1, -1)
    ]
    breaks = {Fraction(-1), Fraction(1)}
    for _, book in books:
        ordered = sorted(book)
        breaks.update((a + b) / 2 for a, b in pairwise(ordered))
    return max(
        sum((weight * min((x - word) ** 2 for word in book) for weight, book in books), Fraction(0))
        for x in breaks
    )


@cache
def worst_error(levels: int) -> Fraction:
    """Return the bound on v_n that the argument of `largest_constant` uses, rounded upwards for n = 2."""
    if levels == 2:
        return _balls.upper(1 / (2 * _balls.e()))
    if levels == 3:
        return three_level_error()
    return Fraction(1) if levels == 1 else Fraction(1, 3 * (levels - 1) ** 2)


@cache
def largest_constant() -> tuple[Fraction, Fraction]:
    """Return the largest ``K^(2/d) E / d`` that choosing levels leaves, at (d, K) = (2, 5) and elsewhere.

    Returns
    -------
    tuple of Fraction
        Upper bounds, in ball arithmetic: on the value at d = 2, K = 5, and on all other d and K >= 2^d.

    Notes
    -----
    For d <= 4 and K < 5^d, every choice of levels is tried. For d >= 5 and n = floor(K^(1/d)) <= 4, give
    n + 1 levels to j coordinates and n to the others, with j as large as K allows. Then
    K < n^(d-j-1) (n + 1)^(j+1), and with t = j/d the constant is below
    ``n^2 (1 + 1/n)^(2 t + 2/d) ((1 - t) v_n + t v_(n+1))``, log-concave in t and decreasing in d. For
    n >= 5 and any d, n levels each leave at most ``(n + 1)^2 / (3 (n - 1)^2)``.
    """
    small = {
        (d, K): _balls.upper(
            _balls.ball(K) ** _balls.ball(Fraction(2, d)) * _balls.ball(sum(map(worst_error, levels)) / d)
        )
        for d in range(1, 5)
        for K in range(2**d, 5**d)
        for _, levels in [_cheapest(d, K)]
    }
    equality = small.pop((2, 5))
    return equality, max(*small.values(), *_large_dimensions(), 6**2 * worst_error(5))


@cache
def _cheapest(d: int, K: int) -> tuple[float, tuple[int, ...]]:
    """Levels with a product of at most K, chosen in floats: any choice gives an upper bound."""
    if d == 1:
        return _rounded(K), (K,)
    options = ((_rounded(n), n, *_cheapest(d - 1, K // n)) for n in range(1, K + 1))
    return min((one + rest, (n, *levels)) for one, n, rest, levels in options)


@cache
def _rounded(levels: int) -> float:
    return float(worst_error(levels))


def _large_dimensions() -> Iterator[Fraction]:
    for n in (2, 3, 4):
        high, low = _balls.ball(worst_error(n)), _balls.ball(worst_error(n + 1))
        rate = 2 * _balls.ball(1 + Fraction(1, n)).log()
        # the ball holds the t at which the derivative of the log vanishes, or the end nearest to it
        t = (high / (high - low) - 1 / rate).max(_balls.ball(0)).min(_balls.ball(1))
        yield _balls.upper(
            n**2 * (rate * (t + _balls.ball(Fraction(1, 5)))).exp() * ((1 - t) * high + t * low)
        )


def worst_law(atoms: int) -> FiniteSource:
    """Return a discretisation of the worst law for two levels, from below.

    Parameters
    ----------
    atoms : int
        Number of cells of its density.

    Returns
    -------
    FiniteSource
        Mass (1 - tanh(1/2)) / 2 at each of -1 and 1, and the density ``k (1 + 4 k^2 x^2)^(-3/2)``,
        k = sqrt(e) / 2, on |x| <= a = (1 - 1/e) / 2, replaced by its conditional means. Its optimal errors
        are at most those of the law itself.
    """
    k = math.sqrt(math.e) / 2
    a = (1 - 1 / math.e) / 2
    edges = np.linspace(-a, a, atoms + 1)
    mass = k * edges / np.sqrt(1 + 4 * k**2 * edges**2)
    first = -1 / (4 * k * np.sqrt(1 + 4 * k**2 * edges**2))
    inner = np.diff(mass)
    points = np.concatenate([[-1.0], np.diff(first) / inner, [1.0]])
    outer = (1 - math.tanh(0.5)) / 2
    return FiniteSource(points[:, None], np.concatenate([[outer], inner, [outer]]))
