"""Optimal levels of the Gaussian and the Laplace law, enclosed in ball arithmetic by interval Newton."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise

from qtheory import _check
from qtheory.claims import _balls
from qtheory.claims._balls import Ball
from qtheory.errors import DomainError
from qtheory.optimal import lloyd_max
from qtheory.sources import Gaussian, Laplace, Source

_BITS = 200
_RADIUS = Fraction(1, 10**20)


@dataclass(frozen=True)
class _Law:
    """A symmetric law on the line with a log-concave density, and its closed forms for x >= 0 in balls."""

    source: Source
    variance: int
    density: Callable[[Ball], Ball]
    tail: Callable[[Ball], Ball]
    """Probability above x."""
    moment: Callable[[Ball], Ball]
    """Integral of t f(t) above x."""


def _normal_density(x: Ball) -> Ball:
    return (-x * x / 2).exp() / (2 * _balls.pi()).sqrt()


def _normal_tail(x: Ball) -> Ball:
    return (x / _balls.ball(2).sqrt()).erfc() / 2


def _laplace_density(x: Ball) -> Ball:
    return (-x).exp() / 2


def _laplace_moment(x: Ball) -> Ball:
    return (1 + x) * _laplace_density(x)


_LAWS = {
    # the mean of what lies above x is f(x) for the normal law
    "gaussian": _Law(Gaussian(1), 1, _normal_density, _normal_tail, _normal_density),
    # beyond 0, the tail of the Laplace law is its density
    "laplace": _Law(Laplace(1, 2.0), 2, _laplace_density, _laplace_density, _laplace_moment),
}


def _borders(positive: list[Ball], odd: bool) -> list[Ball]:
    """Lower ends of the cells of the positive levels; with an odd number of levels, one more is at 0."""
    first = positive[0] / 2 if odd else _balls.ball(0)
    return [first, *((a + b) / 2 for a, b in pairwise(positive))]


def _cells(law: _Law, borders: list[Ball]) -> tuple[list[Ball], list[Ball]]:
    """Mass and mean of each cell."""
    nothing = _balls.ball(0)
    masses = [a - b for a, b in pairwise([*map(law.tail, borders), nothing])]
    moments = [a - b for a, b in pairwise([*map(law.moment, borders), nothing])]
    return masses, [moment / mass for moment, mass in zip(moments, masses, strict=True)]


def _newton_step(law: _Law, positive: list[Ball], residual: list[Ball], odd: bool) -> list[Ball]:
    """Solve the tridiagonal system of the derivative of levels less their cells' means.

    Elimination in balls encloses the solutions for all matrices inside the balls: every operation does,
    and a pivot that contains 0 makes the balls infinite.
    """
    borders = _borders(positive, odd)
    masses, means = _cells(law, borders)
    # a mean moves with a border by density * distance / mass, the border by half of what its levels move
    half = [law.density(x) / 2 for x in borders]
    left = [h * (m - x) / p for h, x, m, p in zip(half, borders, means, masses, strict=True)]
    right = [
        h * (x - m) / p for h, x, m, p in zip(half[1:], borders[1:], means[:-1], masses[:-1], strict=True)
    ]
    diagonal = [1 - a - b for a, b in zip([left[0] if odd else 0, *left[1:]], [*right, 0], strict=True)]
    values = list(residual)
    for i, (below, above) in enumerate(zip(left[1:], right, strict=True)):
        factor = below / diagonal[i]
        diagonal[i + 1] -= factor * above
        values[i + 1] += factor * values[i]
    step = [values[-1] / diagonal[-1]]
    for i in range(len(right) - 1, -1, -1):
        step.append((values[i] + right[i] * step[-1]) / diagonal[i])
    return step[::-1]


def _residual(law: _Law, positive: list[Ball], odd: bool) -> list[Ball]:
    means = _cells(law, _borders(positive, odd))[1]
    return [level - mean for level, mean in zip(positive, means, strict=True)]


def _refined(law: _Law, n: int) -> list[Ball]:
    """Positive levels of the float64 solver after Newton steps in high precision: a guess, no enclosure."""
    positive = [_balls.ball(float(x)) for x in lloyd_max(law.source, n).levels[(n + 1) // 2 :]]
    for _ in range(2):
        step = _newton_step(law, positive, _residual(law, positive, n % 2 == 1), n % 2 == 1)
        positive = [(level - move).mid() for level, move in zip(positive, step, strict=True)]
    return positive


@cache
def _box(name: str, n: int) -> tuple[Ball, ...]:
    """Balls around the positive optimal levels."""
    from flint import arb

    law, odd = _LAWS[name], n % 2 == 1
    guess = _refined(law, n)
    spread = arb(0, float(_RADIUS))
    box = [x + spread for x in guess]
    step = _newton_step(law, box, _residual(law, guess, odd), odd)
    if not all(b.contains_interior(x - move) for b, x, move in zip(box, guess, step, strict=True)):
        raise DomainError(f"n={n}: the box around the levels is not mapped into itself; use a smaller n")
    return tuple(box)


def _checked(name: str, n: int) -> tuple[str, int]:
    return _check.one_of("name", name, _LAWS), _check.integer("n", n, minimum=2)


def optimal_levels(name: str, n: int) -> list[Ball]:
    """Return balls that contain the optimal levels.

    The conditions of Lloyd and Max are solved for symmetric levels, of which the positive ones are free.
    If the interval Newton operator maps a box into its interior, the box contains one solution. The
    density is log-concave, so no other levels satisfy the conditions (Kieffer 1983), and it is the optimum.

    Parameters
    ----------
    name : str
        ``gaussian``, N(0, 1), or ``laplace``, density exp(-|x|) / 2 of variance 2.
    n : int
        Number of levels, at least 2.

    Returns
    -------
    list of flint.arb
        The levels, ascending, of radius 1e-20.

    Raises
    ------
    DomainError
        If the box is not mapped into its interior, or there is no law of that name.

    Examples
    --------
    >>> [round(float(x), 6) for x in optimal_levels("gaussian", 3)]
    [-1.224006, 0.0, 1.224006]
    """
    from flint import ctx

    name, n = _checked(name, n)
    with ctx.workprec(_BITS):
        positive = list(_box(name, n))
        return [*(-x for x in reversed(positive)), *([_balls.ball(0)] if n % 2 else []), *positive]


def optimal_distortion(name: str, n: int) -> Ball:
    """Return a ball that contains the optimal error of n levels.

    Parameters
    ----------
    name, n
        As in `optimal_levels`.

    Returns
    -------
    flint.arb
        Enclosure of the distortion, of radius about 1e-19.

    Raises
    ------
    DomainError
        As in `optimal_levels`.

    Examples
    --------
    >>> round(float(optimal_distortion("gaussian", 4)), 12)
    0.117481847829
    >>> round(float(optimal_distortion("laplace", 2)), 12)
    1.0
    """
    from flint import ctx

    name, n = _checked(name, n)
    with ctx.workprec(_BITS):
        masses, means = _cells(_LAWS[name], _borders(list(_box(name, n)), n % 2 == 1))
        return _LAWS[name].variance - 2 * sum(mass * c * c for mass, c in zip(masses, means, strict=True))
