"""Uniform scalar quantizers with unlimited cells and an ideal entropy code, fitted to samples.

Cell k of a coordinate is centred k steps from its mean, for every integer k, so that no vector overloads
the quantizer. A cell with training vectors decodes to their mean, any other to its middle.

The code takes ``-log2`` of a probability for each cell, and these sum to one over all integers. Each cell
between the first and the last with a training vector counts a little more than it had: half a vector
(Krichevsky and Trofimov, 1981), or less where many of them are empty, since one vector far away must not
make the others' codes long: half a vector for each cell that is not empty, shared by all. An escape counts
half a vector; one bit for the side follows it, and Elias's gamma code (1975) of the number j of cells
beyond the end, ``2 floor(log2 j) + 1`` bits.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qtheory.entropy import entropy

Array = NDArray[np.float64]

_HALF = 0.5  # vector


class Coordinate(NamedTuple):
    """Uniform quantizer of one coordinate, and what training vectors said of its cells.

    Attributes
    ----------
    centre, step : float
        Middle of cell 0, and width of all cells.
    first : int
        The lowest cell with a training vector.
    counts : array of int
        Training vectors in each cell from that one to the highest with any.
    values : array
        Where these decode to.
    """

    centre: float
    step: float
    first: int
    counts: NDArray[np.int64]
    values: Array

    def _place(self, column: Array) -> tuple[NDArray[np.int64], Array, Array]:
        """Return places in `counts`, the end where outside; numbers of cells; how many cells outside."""
        cells = np.rint((column - self.centre) / self.step)  # floats: an int64 may be too short
        last = self.first + len(self.counts) - 1
        inside = np.clip(cells, self.first, last)
        return (inside - self.first).astype(np.int64), cells, np.abs(cells - inside)

    def decoded(self, column: Array) -> Array:
        """Return the value that each number decodes to."""
        places, cells, beyond = self._place(column)
        return np.where(beyond > 0, self.centre + self.step * cells, self.values[places])

    def code_lengths(self, column: Array) -> Array:
        """Return the bits that each number takes."""
        places, _, beyond = self._place(column)
        more = _HALF * float(np.mean(self.counts > 0))
        total = np.log2(self.counts.sum() + more * len(self.counts) + _HALF)
        within = total - np.log2(self.counts + more)
        gamma = 2 * (np.frexp(beyond)[1] - 1) + 1
        return np.where(beyond > 0, total - np.log2(_HALF) + 1 + gamma, within[places])


class EntropyCoded(NamedTuple):
    """Uniform scalar quantizers of one step for all coordinates.

    Attributes
    ----------
    coordinates : tuple of Coordinate
        One a coordinate.
    rate : float
        Entropy of the training codes, bits a vector.
    in_sample_distortion : float
        Distortion on the training vectors.
    """

    coordinates: tuple[Coordinate, ...]
    rate: float
    in_sample_distortion: float

    def reconstruct(self, x: Array) -> Array:
        """Return what the rows of `x` decode to."""
        return np.column_stack([part.decoded(column) for part, column in self._columns(x)])

    def code_lengths(self, x: Array) -> Array:
        """Return the bits that each row of `x` takes."""
        return np.sum([part.code_lengths(column) for part, column in self._columns(x)], axis=0)

    def _columns(self, x: Array) -> Sequence[tuple[Coordinate, Array]]:
        return list(zip(self.coordinates, x.T, strict=True))


def _uniform(column: Array, step: float) -> tuple[Coordinate, float, float]:
    """Return a uniform quantizer centred on the mean, entropy of its codes, in-sample distortion."""
    centre = float(column.mean())
    cells = np.rint((column - centre) / step).astype(np.int64)
    first = int(cells.min())
    counts = np.bincount(cells - first)
    sums = np.bincount(cells - first, weights=column)
    middles = centre + step * (first + np.arange(len(counts)))
    values = np.where(counts > 0, sums / np.maximum(counts, 1), middles)
    error = float(np.mean((column - values[cells - first]) ** 2))
    return Coordinate(centre, step, first, counts, values), entropy(counts / counts.sum()), error


def fit(x: Array, rate: float) -> EntropyCoded:
    """Fit uniform quantizers whose codes have `rate` bits of entropy a vector, coordinate by coordinate.

    The step is the same in all coordinates, so that all have the same slope of distortion against rate.
    """
    low, high = -16.0, 8.0  # log2 of the step in deviations
    scale = float(np.sqrt(x.var(axis=0).max()))
    for _ in range(26):  # to a step within 4e-7, 3e-7 bits a coordinate
        middle = (low + high) / 2
        parts = [_uniform(column, scale * 2.0**middle) for column in x.T]
        if sum(part[1] for part in parts) > rate:
            low = middle
        else:
            high = middle
    coordinates, entropies, errors = zip(*parts, strict=True)
    return EntropyCoded(coordinates, float(sum(entropies)), float(sum(errors)))
