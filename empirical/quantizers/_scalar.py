"""Optimal scalar levels of a sample, and how many levels each coordinate gets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qtheory.errors import DomainError

Floats = NDArray[np.float64]

# cells of the optimal partition may end only between bins; 512 of equal mass move the error by far
# less than sampling does, and the Lloyd iterations that follow are free of them
_BINS = 512
_LLOYD_ITERATIONS = 100


@dataclass(frozen=True)
class LevelTable:
    """Optimal partitions of a binned sample.

    Attributes
    ----------
    errors : (n,) array
        Mean squared error with 1, ..., n levels.
    starts : (n, bins + 1) array of int
        ``starts[l, j]``: first bin of the last of l + 1 cells that cover the first j bins.
    """

    errors: Floats
    starts: NDArray[np.int64]


def _cell_costs(bins: list[Floats], centre: float) -> Floats:
    """Return ``costs[i, j]``, the squared error of one cell over bins i, ..., j - 1 (infinite for i >= j)."""
    moments = np.array([[len(b), (b - centre).sum(), ((b - centre) ** 2).sum()] for b in bins])
    count, total, square = np.vstack([np.zeros(3), np.cumsum(moments, axis=0)]).T
    n = count[None, :] - count[:, None]
    costs = np.full(n.shape, np.inf)
    upper = np.triu(np.ones(n.shape, dtype=bool), 1)
    difference = (total[None, :] - total[:, None])[upper]
    costs[upper] = (square[None, :] - square[:, None])[upper] - difference**2 / n[upper]
    return np.maximum(costs, 0)


def level_tables(x: Floats, most: int) -> LevelTable:
    """Return the optimal errors of a sample with 1 to `most` levels, by dynamic programming.

    Parameters
    ----------
    x : (n,) array
        Sample of one coordinate.
    most : int
        Largest number of levels; fewer where the sample has fewer bins.
    """
    ordered = np.sort(x)
    bins = np.array_split(ordered, min(_BINS, len(ordered)))
    costs = _cell_costs(bins, float(ordered.mean()))
    best, errors, starts = costs[0], [costs[0, -1]], [np.zeros(len(bins) + 1, dtype=np.int64)]
    for _ in range(1, min(most, len(bins))):
        options = best[:, None] + costs
        starts.append(options.argmin(axis=0))
        best = options.min(axis=0)
        errors.append(best[-1])
    return LevelTable(np.array(errors) / len(x), np.array(starts))


def optimal_levels(x: Floats, table: LevelTable, n: int) -> Floats:
    """Return the `n` levels of a sample: the means of the optimal cells, then Lloyd's iterations."""
    ordered = np.sort(x)
    bins = np.array_split(ordered, table.starts.shape[1] - 1)
    edges = [len(bins)]
    for row in table.starts[:n][::-1]:
        edges.append(int(row[edges[-1]]))
    cells = [np.concatenate(bins[a:b]) for a, b in zip(edges[:0:-1], edges[-2::-1], strict=True)]
    levels = np.array([cell.mean() for cell in cells])
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    for _ in range(_LLOYD_ITERATIONS):
        cuts = np.searchsorted(ordered, (levels[1:] + levels[:-1]) / 2)
        ends = np.concatenate([[0], cuts, [len(ordered)]])
        filled = np.diff(ends) > 0
        moved = np.where(filled, np.diff(total[ends]) / np.maximum(np.diff(ends), 1), levels)
        if np.array_equal(moved, levels):
            break
        levels = moved
    return levels


def allocate_levels(errors: Sequence[Floats], codebook_size: int) -> list[int]:
    """Return the numbers of levels that minimise the total error with a product of at most K.

    Parameters
    ----------
    errors : sequence of (n_j,) array
        ``errors[j][n - 1]``: error of coordinate j with n levels, non-increasing.
    codebook_size : int
        Bound K on the product.

    Returns
    -------
    list of int
        Levels of each coordinate.

    Raises
    ------
    DomainError
        If a coordinate would take all the levels tabulated for it while more are allowed.

    Examples
    --------
    >>> allocate_levels([np.array([9.0, 3.0, 1.0, 0.5]), np.array([1.0, 0.3, 0.1, 0.05])], 4)
    [4, 1]
    """
    # value[P]: least error of the coordinates so far with a product of at most P
    value = np.zeros(codebook_size + 1)
    choices = []
    for table in errors:
        sizes = np.arange(1, len(table) + 1)
        products = np.arange(1, codebook_size + 1)
        rest = products[:, None] // sizes
        options = np.where(rest > 0, value[rest] + table, np.inf)
        choice = options.argmin(axis=1)
        choices.append(np.concatenate([[0], choice + 1]))
        value = np.concatenate([[np.inf], options[np.arange(codebook_size), choice]])
    left, sizes_chosen = codebook_size, []
    for choice in choices[::-1]:
        sizes_chosen.append(int(choice[left]))
        left //= sizes_chosen[-1]
    result = sizes_chosen[::-1]
    for j, (size, table) in enumerate(zip(result, errors, strict=True)):
        if size == len(table) < codebook_size:
            raise DomainError(
                f"errors[{j}] must reach beyond the {size} levels that coordinate {j} would take; "
                "give a larger sample"
            )
    return result
