"""The bound on v_n from three levels on: the shifted lattice that gives it, and laws that come near it."""

from fractions import Fraction
from itertools import accumulate, pairwise

from qtheory.bounds import BOUNDS
from qtheory.claims import _minimax
from qtheory.claims._claim import Evidence

BAD_LAWS = {
    3: (0, 0, 0, 16, 13, 16, 11, 12, 8, 9, 7, 5, 0, 0, 0, 0, 0, 0, 0, 0, 53),
    4: (9, 8, 9, 9, 7, 0, 0, 11, 15, 9, 10, 9, 8, 7, 6, 0, 0, 0, 0, 0, 36),
    5: (16, 9, 3, 4, 6, 9, 9, 14, 9, 0, 0, 12, 13, 11, 8, 7, 0, 0, 0, 0, 29),
}
"""Levels: masses at 0, 1/20, ..., 1 and at their mirror images, up to a factor; of a linear program."""


def mean_error(levels: int, x: Fraction) -> Fraction:
    """Return the mean squared error at x of `levels` points at distance h, over all shifts by 0 to h.

    Parameters
    ----------
    levels : int
        At least 2; h is ``2 / (levels - 1)``, and the points start from -1 - h/2 plus the shift.
    x : Fraction
        Feature in [-1, 1].

    Returns
    -------
    Fraction
        The integral over shifts, exact: between changes of the nearest point it is that of a quadratic.
    """
    h = Fraction(2, levels - 1)
    points = [-1 - h / 2 + j * h for j in range(levels)]
    changes = {x - point + side * h / 2 for point in points for side in (-1, 1)}
    cuts = sorted({Fraction(0), h, *(cut for cut in changes if 0 < cut < h)})
    total = Fraction(0)
    for left, right in pairwise(cuts):
        middle = (left + right) / 2
        nearest = min(points, key=lambda point: abs(x - point - middle))
        ends = sum((x - nearest - shift) ** 2 for shift in (left, right))
        total += (right - left) * (ends + 4 * (x - nearest - middle) ** 2) / 6
    return total / h


def exact_error(levels: int, halves: tuple[int, ...]) -> Fraction:
    """Return E* of a symmetric law on multiples of 1/20, by dynamic programming in fractions.

    Parameters
    ----------
    levels : int
        Number of levels.
    halves : tuple of int
        Masses at 0, 1/20, ..., 1, up to a factor.
    """
    masses = [*reversed(halves[1:]), *halves]
    last = len(halves) - 1
    places = [Fraction(k, last) for k in range(-last, last + 1)]
    moments = [
        [Fraction(0), *accumulate(mass * x**power for mass, x in zip(masses, places, strict=True))]
        for power in range(3)
    ]

    def cost(first: int, stop: int) -> Fraction:
        mass, mean, square = (sums[stop] - sums[first] for sums in moments)
        return square - mean**2 / mass if mass else Fraction(0)

    best = [cost(0, stop) for stop in range(len(places) + 1)]
    for _ in range(levels - 1):
        best = [min(best[cut] + cost(cut, stop) for cut in range(stop + 1)) for stop in range(len(best))]
    return best[-1] / sum(masses)


def lattice_is_uniform() -> Evidence:
    gap = max(
        abs(mean_error(n, Fraction(k, 15)) - _minimax.worst_error(n))
        for n in range(4, 13)
        for k in range(-15, 16)
    )
    return Evidence(
        "exact", gap, "==", 0,
        detail="largest gap of the n-point lattice's mean error over shifts to 1 / (3 (n - 1)^2), n = 4, "
        "..., 12, at 31 points of [-1, 1]",
    )  # fmt: skip


def bound_is_the_lattice() -> Evidence:
    ratios = [
        BOUNDS["prop2.upper.levels"](d=d, K=n**d) / d / float(mean_error(n, Fraction(1, 3)))
        for n in range(3, 13)
        for d in (1, 3)
    ]
    return Evidence(
        "numerical", max(abs(ratio - 1) for ratio in ratios), "<=", 1e-14,
        detail="largest relative gap of d v_n to d times that error, n = 3, ..., 12, d = 1 and 3",
    )  # fmt: skip


def bad_law(levels: int) -> Evidence:
    bounds = (Fraction(BOUNDS["prop2.upper.levels"](d=1, K=levels)), _minimax.worst_error(levels))
    return Evidence(
        "numerical", min(bounds), ">=", exact_error(levels, BAD_LAWS[levels]),
        detail=f"smaller of the two bounds on v_{levels}, and E* of a law of 41 atoms with {levels} levels, "
        "the latter in fractions",
    )  # fmt: skip
