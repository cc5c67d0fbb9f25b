"""Scalar quantizers of samples: Lloyd-Max levels, and their allocation to coordinates."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qtheory.optimal import allocate

Array = NDArray[np.float64]

# from a companding start Lloyd's iterations have little left to gain
_ITERATIONS = 30
_SETTLED = 1e-6  # moves of levels below this part of the range end the iterations
_HISTOGRAM = 400
_PILOT = 64  # levels at which the constant of the high-rate law is read off
_MANY = 16  # levels from which that law is used
_EXACT_UP_TO = 16  # coordinates; states of the exact allocation grow exponentially with them


class Levels(NamedTuple):
    """Scalar quantizer of one coordinate: borders of the cells, and a value for each cell."""

    thresholds: Array
    values: Array


def reconstruct(x: Array, coordinates: Sequence[Levels]) -> Array:
    """Quantize each coordinate of the rows of `x` with its own levels."""
    columns = [
        levels.values[np.searchsorted(levels.thresholds, column)]
        for levels, column in zip(coordinates, x.T, strict=True)
    ]
    return np.column_stack(columns)


def _companding_start(ascending: Array, n: int) -> Array:
    """Levels spread like the cube root of a histogram's density, which is optimal at high rate."""
    edges = np.linspace(ascending[0], ascending[-1], _HISTOGRAM + 1)
    counts = np.diff(np.searchsorted(ascending, edges))
    weight = np.concatenate([[0.0], np.cumsum(np.cbrt(counts + 1e-9))])
    return np.interp((np.arange(n) + 0.5) / n * weight[-1], weight, edges)


@dataclass(eq=False)  # `allocate` may swap the sizes of equal curves
class SampleCurve:
    """In-sample distortion of one coordinate against its number of levels.

    Attributes
    ----------
    ascending : (n,) array
        The sample, sorted.
    limit : int
        Levels at most.
    """

    ascending: Array
    limit: int = 1 << 12
    _known: dict[int, tuple[float, Levels]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._mean = float(self.ascending.mean())
        centred = self.ascending - self._mean
        self._sums = np.concatenate([[0.0], np.cumsum(centred)])
        self._squares = float(np.square(centred).sum())

    def levels(self, n: int) -> Levels:
        """Return the fitted quantizer with `n` levels."""
        return self._fit(n)[1]

    def __call__(self, n: int) -> float:
        return self._fit(n)[0]

    def _fit(self, n: int) -> tuple[float, Levels]:
        if n not in self._known:
            self._known[n] = self._lloyd(n)
        return self._known[n]

    def _lloyd(self, n: int) -> tuple[float, Levels]:
        values = _companding_start(self.ascending, n)
        for _ in range(_ITERATIONS if n <= _MANY else _ITERATIONS // 3):
            thresholds = (values[:-1] + values[1:]) / 2
            borders = np.concatenate(
                [[0], np.searchsorted(self.ascending, thresholds), [self.ascending.size]]
            )
            counts, sums = np.diff(borders), np.diff(self._sums[borders])
            previous = values
            # a cell without a sample keeps its value
            values = np.where(counts > 0, self._mean + sums / np.maximum(counts, 1), values)
            values = np.sort(values)
            if np.abs(values - previous).max() <= _SETTLED * (self.ascending[-1] - self.ascending[0]):
                break
        # the centroids of the last cells, whose error is the variance less that between cells
        between = float(np.sum(sums[counts > 0] ** 2 / counts[counts > 0]))
        return (self._squares - between) / self.ascending.size, Levels(thresholds, values)


def _high_rate_sizes(curves: Sequence[SampleCurve], codebook_size: int) -> list[int] | None:
    """Sizes of product at most `codebook_size` for distortions that fall like ``c / n^2``.

    The best sizes are then proportional to ``sqrt(c)``; they are rounded down and raised in turn, the
    one furthest below its share first. None where a coordinate has too few levels for that law.
    """
    roots = np.sqrt([curve(_PILOT) * _PILOT**2 for curve in curves])
    logs = np.log(np.maximum(roots, 1e-300))
    shares = np.exp(logs + (math.log(codebook_size) - logs.sum()) / len(curves))
    sizes = [int(share) for share in shares]
    if min(sizes) < _MANY:
        return None
    while True:
        product = math.prod(sizes)
        fitting = [j for j, n in enumerate(sizes) if product // n * (n + 1) <= codebook_size]
        if not fitting:
            return sizes
        sizes[min(fitting, key=lambda j: sizes[j] / shares[j])] += 1


def _greedy_sizes(curves: Sequence[SampleCurve], codebook_size: int) -> list[int]:
    """Sizes of product at most `codebook_size`: one level more where it gains most a nat of rate."""
    sizes = [1] * len(curves)

    def gain(j: int) -> float:
        n = sizes[j]
        return (curves[j](n) - curves[j](n + 1)) / math.log((n + 1) / n)

    product = 1
    waiting = [(-gain(j), j) for j in range(len(curves))]
    heapq.heapify(waiting)
    while waiting:
        _, j = heapq.heappop(waiting)
        raised = product // sizes[j] * (sizes[j] + 1)
        if raised <= codebook_size:  # where it is not, it never will be
            product, sizes[j] = raised, sizes[j] + 1
            heapq.heappush(waiting, (-gain(j), j))
    return sizes


def _sizes(curves: Sequence[SampleCurve], codebook_size: int) -> Sequence[int]:
    high_rate = _high_rate_sizes(curves, codebook_size)
    if high_rate is not None:
        return high_rate
    if len(curves) > _EXACT_UP_TO:
        return _greedy_sizes(curves, codebook_size)
    return allocate(curves, codebook_size).levels


def fit(x: Array, codebook_size: int) -> tuple[tuple[Levels, ...], float]:
    """Fit levels to each coordinate, their numbers allocated under ``product <= codebook_size``.

    The allocation is exact, except where each coordinate has many levels: there one level more gains
    less than the scatter of the sample, and the high-rate law is the better guide; and except in more
    than 16 dimensions, where it is greedy (in 8 and 16 dimensions that costs up to 0.4 %).

    Returns
    -------
    tuple
        Levels of each coordinate, and the in-sample distortion.
    """
    curves = [SampleCurve(np.sort(column)) for column in x.T]
    sizes = _sizes(curves, codebook_size)
    levels = tuple(curve.levels(n) for curve, n in zip(curves, sizes, strict=True))
    return levels, sum(curve(n) for curve, n in zip(curves, sizes, strict=True))
