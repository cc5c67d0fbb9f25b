"""Optimal levels of N(0, 1), enclosed in ball arithmetic by the operator of Krawczyk."""

from fractions import Fraction
from itertools import pairwise

from qtheory.claims import _balls
from qtheory.claims._balls import Ball
from qtheory.errors import DomainError
from qtheory.optimal import lloyd_max
from qtheory.sources import Gaussian

_BITS = 200
_RADIUS = Fraction(1, 10**20)


def _borders(levels: list[Ball]) -> list[Ball]:
    return [(a + b) / 2 for a, b in pairwise(levels)]


def _density(x: Ball) -> Ball:
    return (-x * x / 2).exp() / (2 * _balls.pi()).sqrt()


def _masses(borders: list[Ball]) -> list[Ball]:
    root = _balls.ball(2).sqrt()
    above = [_balls.ball(1), *((x / root).erfc() / 2 for x in borders), _balls.ball(0)]
    return [a - b for a, b in pairwise(above)]


def _centroids(borders: list[Ball], masses: list[Ball]) -> list[Ball]:
    density = [_balls.ball(0), *(_density(x) for x in borders), _balls.ball(0)]
    return [(a - b) / mass for a, b, mass in zip(density[:-1], density[1:], masses, strict=True)]


def _jacobian(levels: list[Ball]) -> Ball:
    """Derivative of levels less the centroids of their cells, a tridiagonal matrix."""
    from flint import arb_mat

    borders = _borders(levels)
    masses = _masses(borders)
    centroids = _centroids(borders, masses)
    n = len(levels)
    result = [[_balls.ball(int(i == j)) for j in range(n)] for i in range(n)]
    for i, border in enumerate(borders):
        half = _density(border) / 2
        for cell, slope in (
            (i, half * (border - centroids[i]) / masses[i]),
            (i + 1, half * (centroids[i + 1] - border) / masses[i + 1]),
        ):
            result[cell][i] -= slope
            result[cell][i + 1] -= slope
    return arb_mat(result)


def _residual(levels: list[Ball]) -> Ball:
    from flint import arb_mat

    borders = _borders(levels)
    centroids = _centroids(borders, _masses(borders))
    return arb_mat([[level - centroid] for level, centroid in zip(levels, centroids, strict=True)])


def _middle(matrix: Ball) -> list[Ball]:
    return [matrix[i, 0].mid() for i in range(matrix.nrows())]


def _refined(n: int) -> list[Ball]:
    """Levels of the float64 solver after Newton steps in high precision: a guess, not yet an enclosure."""
    from flint import arb_mat

    levels = [_balls.ball(float(x)) for x in lloyd_max(Gaussian(1), n).levels]
    for _ in range(3):
        column = arb_mat([[x] for x in levels])
        levels = _middle(column - _jacobian(levels).solve(_residual(levels)))
    return levels


def gaussian_distortion(n: int) -> Ball:
    """Return a ball that contains the optimal error of n levels for N(0, 1).

    If the operator of Krawczyk maps a box into its interior, the box contains one solution of the
    conditions of Lloyd and Max. The density is log-concave, so that solution is the optimum.

    Parameters
    ----------
    n : int
        Number of levels, at least 2.

    Returns
    -------
    flint.arb
        Enclosure of the distortion, of radius about 1e-19.

    Raises
    ------
    DomainError
        If the box is not mapped into its interior.

    Examples
    --------
    >>> round(float(gaussian_distortion(4)), 12)
    0.117481847829
    """
    from flint import arb, arb_mat, ctx

    with ctx.workprec(_BITS):
        guess = _refined(n)
        spread = arb(0, float(_RADIUS))
        box = [x + spread for x in guess]
        inverse = _jacobian(guess).inv()
        identity = arb_mat([[arb(int(i == j)) for j in range(n)] for i in range(n)])
        offset = arb_mat([[spread] for _ in range(n)])
        image = inverse * _residual(guess)
        mapped = arb_mat([[x] for x in guess]) - image + (identity - inverse * _jacobian(box)) * offset
        if not all(box[i].contains_interior(mapped[i, 0]) for i in range(n)):
            raise DomainError(f"n={n}: the box around the levels is not mapped into itself; use a smaller n")
        borders = _borders(box)
        masses = _masses(borders)
        energy = sum(mass * c * c for mass, c in zip(masses, _centroids(borders, masses), strict=True))
        return 1 - energy
