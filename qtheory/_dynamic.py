"""Exact optimal quantizers of atoms on a line by dynamic programming."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory._lloyd_max import ScalarQuantizer, midpoints
from qtheory.errors import ShapeError

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


def merge_atoms(atoms: ArrayLike, pmf: ArrayLike) -> tuple[Array, Array]:
    """Return the distinct atoms of positive mass, ascending, and their masses."""
    points = _check.array("atoms", atoms, ndim=1)
    masses = _check.pmf("pmf", pmf)
    if len(points) != len(masses):
        raise ShapeError(f"pmf must have one entry an atom, {len(points)}, got {len(masses)}")
    distinct, which = np.unique(points[masses > 0], return_inverse=True)
    return distinct, np.bincount(which, weights=masses[masses > 0]).astype(np.float64)


class _Segments:
    """Costs of segments of ascending weighted points, each around its own mean."""

    def __init__(self, atoms: Array, pmf: Array) -> None:
        centred = atoms - pmf @ atoms
        self._sums = [
            np.concatenate([[0.0], np.cumsum(pmf * centred**power, dtype=np.float64)]) for power in range(3)
        ]

    def cost(self, start: Indices, stop: Indices) -> Array:
        """Cost of the points ``start <= i < stop``, for ``start < stop``."""
        mass, first, second = (total[stop] - total[start] for total in self._sums)
        # masses below the rounding of the sums cost nothing; around any mean they cost no more than rounding
        between = np.divide(first**2, mass, out=np.zeros_like(mass), where=mass > 0)
        return np.maximum(second - between, 0.0)


def _next_layer(segments: _Segments, previous: Array, cells: int) -> tuple[Array, Indices]:
    """Best cost of the first j points in `cells` cells, and where the last cell starts.

    The best start does not decrease with j (the costs satisfy the quadrangle inequality), so the middle
    j of a range halves the search for the rest. All ranges of one depth are searched together.
    """
    m = len(previous) - 1
    best = np.full(m + 1, np.inf)
    start = np.zeros(m + 1, dtype=np.intp)
    # ranges of j still to fill, first <= j < last, whose starts lie in low <= start <= high
    first, last = np.array([cells]), np.array([m + 1])
    low, high = np.array([cells - 1]), np.array([m - 1])
    while len(first):
        middle = (first + last) // 2
        top = np.minimum(high, middle - 1)
        width = top - low + 1
        offset = np.cumsum(width) - width
        candidate = np.arange(width.sum()) + np.repeat(low - offset, width)
        value = previous[candidate] + segments.cost(candidate, np.repeat(middle, width))
        best[middle] = np.minimum.reduceat(value, offset)
        leftmost = np.where(value == np.repeat(best[middle], width), candidate, m)
        start[middle] = np.minimum.reduceat(leftmost, offset)
        first, last = np.concatenate([first, middle + 1]), np.concatenate([middle, last])
        low, high = np.concatenate([low, start[middle]]), np.concatenate([start[middle], high])
        kept = first < last
        first, last, low, high = first[kept], last[kept], low[kept], high[kept]
    return best, start


def _borders(starts: list[Indices], cells: int, m: int) -> list[int]:
    borders = [m]
    for layer in reversed(starts[:cells]):
        borders.append(int(layer[borders[-1]]))
    return borders[::-1]


def _quantizer(atoms: Array, pmf: Array, borders: list[int]) -> ScalarQuantizer:
    """Return the quantizer of a partition; its distortion is summed anew around each centroid."""
    cells = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
    masses = np.bincount(cells, weights=pmf).astype(np.float64)
    origin = atoms[np.array(borders[:-1])]
    levels = origin + np.bincount(cells, weights=pmf * (atoms - origin[cells])) / masses
    distortion = float(np.sum(pmf * (atoms - levels[cells]) ** 2))
    return ScalarQuantizer(levels, midpoints(levels), masses, distortion)


class DistortionCurve:
    """Optimal quantizers of merged atoms with 1, 2, ... levels, each found when it is asked for.

    Curves of the same law up to a shift are equal.

    Parameters
    ----------
    atoms, pmf : (m,) array
        From `merge_atoms`.
    limit : int
        Most levels; the number of atoms, if that is less.
    """

    def __init__(self, atoms: Array, pmf: Array, limit: int) -> None:
        m = len(atoms)
        self.atoms, self.pmf, self.limit = atoms, pmf, min(limit, m)
        self._segments = _Segments(atoms, pmf)
        # best costs of the first j points in the cells reached so far, and starts of the last cell for each
        costs = self._segments.cost(np.zeros(m, dtype=np.intp), np.arange(1, m + 1))
        self._best, self._starts = np.concatenate([[0.0], costs]), [np.zeros(m + 1, dtype=np.intp)]
        self._known: dict[int, float] = {}
        self._law = ((atoms - atoms[0]).tobytes(), pmf.tobytes(), self.limit)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DistortionCurve) and self._law == other._law

    def __hash__(self) -> int:
        return hash(self._law)

    def quantizer(self, n: int) -> ScalarQuantizer:
        """Return an optimal quantizer with ``min(n, limit)`` levels."""
        n = min(n, self.limit)
        while len(self._starts) < n:
            self._best, start = _next_layer(self._segments, self._best, len(self._starts) + 1)
            self._starts.append(start)
        return _quantizer(self.atoms, self.pmf, _borders(self._starts, n, len(self.atoms)))

    def __call__(self, n: int) -> float:
        """Return its distortion."""
        if n not in self._known:
            self._known[n] = self.quantizer(n).distortion
        return self._known[n]


def optimal_quantizer_1d(atoms: ArrayLike, pmf: ArrayLike, K: int) -> ScalarQuantizer:
    """Return an optimal quantizer with at most `K` levels of a law on finitely many points.

    Parameters
    ----------
    atoms : (m,) array
        The points, in any order.
    pmf : (m,) array
        Their probabilities.
    K : int
        Number of levels allowed.

    Returns
    -------
    ScalarQuantizer
        With ``min(K, distinct atoms)`` levels. ``searchsorted(thresholds, x)`` gives the cell of x.

    Raises
    ------
    ShapeError
        If the numbers of atoms and probabilities differ.
    DomainError
        If the probabilities are none, or K is no positive integer.

    Notes
    -----
    Divide and conquer over prefixes: O(K m log m) time, O(K m) memory; exact up to the rounding of sums
    in float64, about 1e-15 of the squared range of the atoms.

    References
    ----------
    J. D. Bruce, Optimum quantization, 1965. X. Wu, Optimal quantization by matrix searching, 1991.

    Examples
    --------
    >>> optimal_quantizer_1d([0.0, 1.0, 10.0], [0.25, 0.25, 0.5], 2).levels
    array([ 0.5, 10. ])
    """
    K = _check.integer("K", K)
    return DistortionCurve(*merge_atoms(atoms, pmf), K).quantizer(K)


def optimal_distortion_1d(atoms: ArrayLike, pmf: ArrayLike, K: int) -> float:
    """Return the least expected squared error of `K` levels on a law on finitely many points.

    Parameters
    ----------
    atoms : (m,) array
        The points, in any order.
    pmf : (m,) array
        Their probabilities.
    K : int
        Number of levels allowed.

    Returns
    -------
    float
        The optimum over all codebooks of at most `K` numbers; see `optimal_quantizer_1d`.

    Raises
    ------
    ShapeError, DomainError
        As in `optimal_quantizer_1d`.

    References
    ----------
    J. D. Bruce, Optimum quantization, 1965. X. Wu, Optimal quantization by matrix searching, 1991.

    Examples
    --------
    >>> optimal_distortion_1d([0.0, 1.0, 10.0], [0.25, 0.25, 0.5], 2)
    0.125
    """
    return optimal_quantizer_1d(atoms, pmf, K).distortion
