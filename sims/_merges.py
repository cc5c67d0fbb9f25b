"""Exact optima of finite sources that have two atoms more than codewords.

An optimal codebook holds the means of the cells of a partition of the atoms. With two cells fewer than
atoms, either three atoms share a cell or two pairs do, and all others stand alone at no cost: both cases
are enumerated, in time of the cube of the number of atoms, whatever the dimension.
"""

import math

import numpy as np
from numpy.typing import NDArray

from qtheory.sources import FiniteSource

Array = NDArray[np.float64]


def _best_two_pairs(cost: Array) -> float:
    """Return the least sum of the costs of two pairs without a common atom."""
    i, j = np.triu_indices(len(cost), 1)
    order = np.argsort(cost[i, j], kind="stable")
    i, j, sums = i[order], j[order], cost[i, j][order]
    best = math.inf
    for a in range(len(sums)):
        if 2 * sums[a] >= best:  # all that follow cost as much each
            break
        apart = (i[a + 1 :] != i[a]) & (i[a + 1 :] != j[a]) & (j[a + 1 :] != i[a]) & (j[a + 1 :] != j[a])
        if apart.any():
            best = min(best, float(sums[a] + sums[a + 1 + int(apart.argmax())]))
    return best


def _best_triple(weighted: Array, pmf: Array) -> float:
    """Return the least cost of a cell of three atoms, from p_i p_j ||a_i - a_j||^2."""
    best = math.inf
    for i in range(len(pmf) - 2):
        first = weighted[i, i + 1 :]
        total = first[:, None] + first + weighted[i + 1 :, i + 1 :]
        cost = total / (pmf[i] + pmf[i + 1 :, None] + pmf[i + 1 :])
        np.fill_diagonal(cost, math.inf)
        best = min(best, float(cost.min()))
    return best


def optimal_with_two_atoms_more(source: FiniteSource) -> float:
    """Return the exact distortion of the best codebook with two codewords fewer than atoms.

    Examples
    --------
    >>> optimal_with_two_atoms_more(FiniteSource([[0.0], [1.0], [5.0], [7.0]], [0.25] * 4))
    0.625
    """
    atoms, pmf = source.atoms, source.pmf
    apart = np.square(atoms[:, None] - atoms).sum(axis=2)
    weighted = pmf[:, None] * pmf * apart
    pairs = weighted / (pmf[:, None] + pmf)
    return min(_best_two_pairs(pairs), _best_triple(weighted, pmf))
