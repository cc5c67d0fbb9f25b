"""Exact optimal codebooks of a few atoms in R^d, over all partitions into cells."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qtheory import _check
from qtheory.errors import DomainError
from qtheory.sources import FiniteSource

Array = NDArray[np.float64]
Masks = NDArray[np.int64]

MAX_ATOMS = 14


@dataclass(frozen=True)
class FiniteOptimum:
    """An optimal codebook of a finite source.

    Attributes
    ----------
    distortion : float
        Expected squared error, summed over coordinates.
    codebook : (k, d) array
        The codewords, at most K of them.
    codes : (m,) array of int
        Codeword of every atom of the source.
    """

    distortion: float
    codebook: Array
    codes: NDArray[np.intp]


def merge_rows(atoms: Array, pmf: Array) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return distinct rows of positive mass, their masses, and the row each atom went to (-1: none)."""
    positive = pmf > 0
    distinct, which = np.unique(atoms[positive], axis=0, return_inverse=True)
    owner = np.full(len(atoms), -1, dtype=np.intp)
    owner[positive] = which.ravel()
    masses = np.bincount(which.ravel(), weights=pmf[positive]).astype(np.float64)
    return distinct, masses, owner


def _subsets(mask: int) -> Masks:
    result = np.zeros(1, dtype=np.int64)
    while mask:
        bit = mask & -mask
        result = np.concatenate([result, result | bit])
        mask ^= bit
    return result


def _cell(atoms: Array, pmf: Array, members: NDArray[np.bool_]) -> tuple[float, Array]:
    """Cost and centroid of one cell."""
    weights, points = pmf[members], atoms[members]
    centroid = points[0] + weights @ (points - points[0]) / weights.sum()
    return float(weights @ ((points - centroid) ** 2).sum(axis=1)), centroid


def _best_partitions(atoms: Array, pmf: Array, K: int) -> tuple[Array, Masks]:
    """Costs of covering every set of atoms by 1, ..., K cells, and the cell split off each time."""
    m = len(atoms)
    bits = (np.arange(2**m)[:, None] >> np.arange(m)) & 1 == 1
    cost = np.array([0.0] + [_cell(atoms, pmf, members)[0] for members in bits[1:]])
    costs = np.empty((K, 2**m))
    cells = np.empty((K, 2**m), dtype=np.int64)
    costs[0], cells[0] = cost, np.arange(2**m)
    if K > 1:
        costs[1:] = cost
        cells[1:] = np.arange(2**m)
        for k in range(1, K):
            for cell in range(1, 2**m):
                rest = _subsets((2**m - 1) ^ cell)
                whole = rest | cell
                value = cost[cell] + costs[k - 1, rest]
                better = value < costs[k, whole]
                costs[k, whole[better]] = value[better]
                cells[k, whole[better]] = cell
    return costs, cells


def _checked(source: FiniteSource) -> tuple[Array, Array, NDArray[np.intp]]:
    atoms, pmf, owner = merge_rows(source.atoms, source.pmf)
    if len(atoms) > MAX_ATOMS:
        raise DomainError(
            f"source must have at most {MAX_ATOMS} distinct atoms for the exact optimum over partitions, "
            f"got {len(atoms)}; take an upper bound from k-means and a lower one from limits"
        )
    return atoms, pmf, owner


def partition_curve(source: FiniteSource, K: int) -> list[float]:
    """Optimal distortions for 1, ..., min(K, number of atoms) codewords."""
    atoms, pmf, _ = _checked(source)
    costs, _ = _best_partitions(atoms, pmf, min(K, len(atoms)))
    return [float(value) for value in costs[:, -1]]


def optimal_vector(source: FiniteSource, K: int) -> FiniteOptimum:
    """Return an optimal codebook of at most `K` vectors for a finite source.

    Parameters
    ----------
    source : FiniteSource
        At most 14 distinct atoms, in any dimension.
    K : int
        Codebook size.

    Returns
    -------
    FiniteOptimum
        Distortion, codebook and codes.

    Raises
    ------
    DomainError
        If there are more atoms.

    Notes
    -----
    A codebook and its cells are optimal exactly when the cells are an optimal partition with their
    centroids. All partitions are searched by dynamic programming over subsets, O(K 3^m).

    ``E*_VQ`` of Section 4.4 of the paper, attained.

    Examples
    --------
    >>> square = FiniteSource([[0, 0], [0, 1], [5, 0], [5, 1]], [0.25] * 4)
    >>> optimal_vector(square, 2).distortion
    0.25
    """
    K = _check.integer("K", K)
    atoms, pmf, owner = _checked(source)
    _, cells = _best_partitions(atoms, pmf, min(K, len(atoms)))
    codes = np.zeros(len(atoms), dtype=np.intp)
    codebook: list[Array] = []
    distortion = 0.0
    left, layer = 2 ** len(atoms) - 1, len(cells) - 1
    while left:
        cell = int(cells[layer, left])
        members = (cell >> np.arange(len(atoms))) & 1 == 1
        cost, centroid = _cell(atoms, pmf, members)
        codes[members] = len(codebook)
        codebook.append(centroid)
        distortion += cost
        left, layer = left ^ cell, layer - 1
    return FiniteOptimum(
        distortion, np.array(codebook), _codes_of_all(source, np.array(codebook), codes, owner)
    )


def _codes_of_all(
    source: FiniteSource, codebook: Array, codes: NDArray[np.intp], owner: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Codes of the atoms as given; those without mass go to their nearest codeword."""
    distances = ((source.atoms[:, None, :] - codebook) ** 2).sum(axis=2)
    return np.where(owner >= 0, codes[owner], distances.argmin(axis=1))
