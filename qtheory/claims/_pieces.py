"""Laws that are uniform on intervals, quantized by giving each interval a code; exact in fractions."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Piece:
    """Mass spread uniformly over [start, stop], with a code.

    Attributes
    ----------
    mass, start, stop : Fraction
        The law.
    code : int
        The cell.
    """

    mass: Fraction
    start: Fraction
    stop: Fraction
    code: int

    @property
    def mean(self) -> Fraction:
        """Mean of the piece."""
        return (self.start + self.stop) / 2

    @property
    def second_moment(self) -> Fraction:
        """Mean of the square."""
        return (self.start**2 + self.start * self.stop + self.stop**2) / 3


def pieces(edges: Sequence[Fraction | int], codes: Sequence[int]) -> list[Piece]:
    """Return the uniform law between the first and last edge, cut at the others.

    Examples
    --------
    >>> mean_squared_error(pieces([0, 1], [0]))
    Fraction(1, 12)
    """
    cuts = [Fraction(edge) for edge in edges]
    whole = cuts[-1] - cuts[0]
    intervals = zip(cuts[:-1], cuts[1:], codes, strict=True)
    return [Piece((stop - start) / whole, start, stop, code) for start, stop, code in intervals]


def cell_means(law: Sequence[Piece]) -> dict[int, Fraction]:
    """Return the mean of each cell."""
    masses = {code: Fraction(0) for code in sorted({piece.code for piece in law})}
    firsts = dict(masses)
    for piece in law:
        masses[piece.code] += piece.mass
        firsts[piece.code] += piece.mass * piece.mean
    return {code: firsts[code] / masses[code] for code in masses}


def mean_squared_error(law: Sequence[Piece]) -> Fraction:
    """Return the error of decoding each cell to its mean."""
    means = cell_means(law)
    errors = [p.mass * (p.second_moment - 2 * p.mean * means[p.code] + means[p.code] ** 2) for p in law]
    return sum(errors, Fraction(0))
