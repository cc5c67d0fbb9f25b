"""Statistics of vectors that depend on each other within groups, with jackknife intervals."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def decibel(ratio: float) -> float:
    """Return a ratio of distortions in dB.

    Examples
    --------
    >>> decibel(100.0)
    20.0
    """
    return 10 * math.log10(ratio)


def jackknife(value: Callable[[Mask], float], groups: int) -> tuple[float, float]:
    """Return a statistic of groups and its standard error, leaving out one group at a time.

    Parameters
    ----------
    value : callable
        Maps a mask of the groups, True where kept, to the statistic.
    groups : int
        Number of independent groups, at least 2.

    Returns
    -------
    tuple of float
        Value over all groups, standard error.

    References
    ----------
    B. Efron, C. Stein, The jackknife estimate of variance, 1981.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 6.0])
    >>> value, error = jackknife(lambda kept: x[kept].mean(), 3)
    >>> value, round(error**2, 6), float(round(x.var(ddof=1) / 3, 6))  # of a mean, the usual standard error
    (3.0, 2.333333, 2.333333)
    """
    without = np.array([value(np.arange(groups) != group) for group in range(groups)])
    spread = float(np.square(without - without.mean()).sum())
    return float(value(np.ones(groups, dtype=bool))), math.sqrt((groups - 1) / groups * spread)


@dataclass(frozen=True, eq=False)
class Grouped:
    """Vectors in groups; groups are independent of each other.

    Attributes
    ----------
    x : (n, d) array
        The vectors.
    groups : (n,) array of int
        Group of each, from 0 without gaps.
    """

    x: Array
    groups: NDArray[np.int64]

    @cached_property
    def counts(self) -> Array:
        """Number of vectors of each group."""
        return np.bincount(self.groups).astype(np.float64)

    def sums(self, values: Array) -> Array:
        """Return the sum over each group of one value, or row of values, a vector."""
        columns = values.reshape(len(values), -1).T
        return np.stack([np.bincount(self.groups, weights=column) for column in columns], axis=1)

    def means(self, values: Array) -> Callable[[Mask], float]:
        """Return the mean of one value a vector as a function of the groups that are kept."""
        sums = self.sums(values)[:, 0]
        return lambda kept: float(sums[kept].sum() / self.counts[kept].sum())

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        centred = self.x - self.x.mean(axis=0)  # near the mean of any part, so that nothing cancels
        d = centred.shape[1]
        outer = np.einsum("ni,nj->nij", centred, centred).reshape(-1, d * d)
        return self.sums(centred), self.sums(outer)

    def covariance(self, kept: Mask) -> Array:
        """Return the covariance of the vectors of the groups that are kept."""
        first, second = (part[kept].sum(axis=0) / self.counts[kept].sum() for part in self._moments)
        return second.reshape(len(first), -1) - np.outer(first, first)
