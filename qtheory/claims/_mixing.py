"""Checks of the proof of Proposition 5: two clusters, separated or mixed by two codes, in fractions."""

from fractions import Fraction
from itertools import product

from qtheory.claims._claim import Evidence
from qtheory.claims._pieces import Piece, mean_squared_error

Widths = tuple[Fraction, Fraction]
"""Diameters of the two clusters."""

CLUSTERS = {
    "separating": ((0, 0), (1, 1)),
    "mixing": ((0, 1), (0, 1)),
}
"""Codes of the lower and upper half of each of two clusters."""


def _two_clusters(name: str) -> list[Piece]:
    """Mass 1/100 on [-51/100, -49/100] and 99/100 on [0, 1], each in two halves."""
    intervals = [
        (Fraction(1, 100), Fraction(-51, 100), Fraction(-49, 100)),
        (Fraction(99, 100), Fraction(0), Fraction(1)),
    ]
    law = []
    for (mass, start, stop), (low, high) in zip(intervals, CLUSTERS[name], strict=True):
        middle = (start + stop) / 2
        law += [Piece(mass / 2, start, middle, low), Piece(mass / 2, middle, stop, high)]
    return law


def mixing_may_win() -> Evidence:
    return Evidence(
        "exact", mean_squared_error(_two_clusters("mixing")), "<",
        mean_squared_error(_two_clusters("separating")),
        detail="errors of the mixing and the separating quantizer of two separated clusters",
    )  # fmt: skip


def _separated(mass: Fraction, widths: Widths) -> bool:
    """Return whether ``2 sqrt(p_1 p_2) |m_1 - m_2| > p_1 w_1 + p_2 w_2``, for means at distance 1."""
    return 4 * mass * (1 - mass) > (mass * widths[0] + (1 - mass) * widths[1]) ** 2


def _mixing_excess(mass: Fraction, widths: Widths) -> Fraction:
    """Error of mixing less that of separating, each cluster being two atoms at its ends."""

    def law(codes: tuple[tuple[int, int], ...]) -> list[Piece]:
        clusters = ((mass, Fraction(0), widths[0]), (1 - mass, Fraction(1), widths[1]))
        return [
            Piece(share / 2, centre + side * width / 2, centre + side * width / 2, code)
            for (share, centre, width), pair in zip(clusters, codes, strict=True)
            for side, code in zip((-1, 1), pair, strict=True)
        ]

    return mean_squared_error(law(CLUSTERS["mixing"])) - mean_squared_error(law(CLUSTERS["separating"]))


def _excesses(separated: bool) -> list[Fraction]:
    masses = [Fraction(1, k) for k in (50, 10, 4, 2)] + [Fraction(4, 5)]
    ends = [Fraction(k, 20) for k in (1, 8, 15, 20)]
    widths: list[Widths] = [(first, second) for first in ends for second in ends]
    return [
        _mixing_excess(mass, pair)
        for mass, pair in product(masses, widths)
        if _separated(mass, pair) == separated
    ]


def separation_suffices() -> Evidence:
    return Evidence(
        "exact", min(_excesses(separated=True)), ">", 0,
        detail="least excess of mixing where 2 sqrt(p_1 p_2) |m_1 - m_2| > p_1 w_1 + p_2 w_2, atoms at the "
        "ends of the clusters",
    )  # fmt: skip


def separation_is_sharp() -> Evidence:
    return Evidence(
        "exact", max(_excesses(separated=False)), "<=", 0,
        detail="largest excess of mixing elsewhere, for the same atoms",
    )  # fmt: skip
