"""Exact optima: scalar quantizers of densities and atoms, codebooks of finite sources, allocation.

Every value here is the optimum over all codebooks of its class, up to float64 rounding. Training
algorithms such as k-means give upper bounds only and live elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from qtheory import _check
from qtheory._allocation import Allocation, Curve, allocate
from qtheory._dynamic import DistortionCurve, merge_atoms, optimal_distortion_1d, optimal_quantizer_1d
from qtheory._lloyd_max import ScalarQuantizer, lloyd_max, solve
from qtheory._marginals import Marginal
from qtheory._partitions import FiniteOptimum, optimal_vector, partition_curve
from qtheory.errors import DomainError
from qtheory.sources import FiniteSource, Source

__all__ = [
    "Allocation",
    "Curve",
    "FiniteOptimum",
    "ScalarQuantizer",
    "allocate",
    "lloyd_max",
    "optimal_distortion_1d",
    "optimal_product",
    "optimal_quantizer_1d",
    "optimal_scalar",
    "optimal_vector",
]


@dataclass(frozen=True)
class _DensityCurve:
    """Lloyd-Max distortions of a log-concave density; equal laws share equal curves."""

    law: Marginal
    known: dict[int, float] = field(default_factory=dict, compare=False)
    limit: int = field(default=2**62, compare=False)

    def __call__(self, n: int) -> float:
        if n not in self.known:
            self.known[n] = solve(self.law, n).distortion
        return self.known[n]


@dataclass(frozen=True)
class _TableCurve:
    """Distortions of a finite block for 1, 2, ... codewords, constant beyond the table."""

    values: tuple[float, ...]

    @property
    def limit(self) -> int:
        return len(self.values)

    def __call__(self, n: int) -> float:
        return self.values[min(n, self.limit) - 1]


def _coordinate_curve(source: Source, j: int, K: int) -> Curve:
    if isinstance(source, FiniteSource):
        return DistortionCurve(*merge_atoms(source.atoms[:, j], source.pmf), K)
    law = source.marginal(j)
    if law.variance == 0:
        return _TableCurve((0.0,))
    if not law.log_concave:
        raise DomainError(
            f"coordinate {j} must have a log-concave density, {type(source).__name__} is not known to have "
            "one; use a FiniteSource of atoms or of a sample"
        )
    return _DensityCurve(law)


def optimal_scalar(source: Source, K: int) -> Allocation:
    """Return the optimal scalar quantizer of a source: levels a dimension and distortion.

    The error of a product of scalar codebooks is the sum of the errors of the coordinates, whatever
    their dependence. Each coordinate has its own exact curve, and the numbers of levels are chosen
    among all integers whose product is at most `K`, not among powers of two.

    Parameters
    ----------
    source : Source
        With log-concave marginals, or finite.
    K : int
        Bound on the number of codewords.

    Returns
    -------
    Allocation
        ``levels`` (one a coordinate, product at most `K`) and ``distortion`` (summed over coordinates).

    Raises
    ------
    DomainError
        If a marginal is neither finite nor known to be log-concave.

    Notes
    -----
    ``E*_SQ`` of Section 4.4 of the paper, attained.

    Examples
    --------
    >>> from qtheory.sources import Gaussian
    >>> levels, distortion = optimal_scalar(Gaussian(8), 4096)
    >>> levels, round(distortion, 5)
    ((2, 2, 3, 3, 3, 3, 3, 4), 1.79511)
    """
    K = _check.integer("K", K)
    return allocate([_coordinate_curve(source, j, K) for j in range(source.dim)], K)


def optimal_product(source: FiniteSource, block_dims: Sequence[int], K: int) -> Allocation:
    """Return the optimal product quantizer of a finite source over all block sizes.

    Parameters
    ----------
    source : FiniteSource
        Its projection on every block of more than one coordinate has at most 14 distinct atoms.
    block_dims : sequence of int
        Dimensions of consecutive blocks, summing to d.
    K : int
        Bound on the product of the block sizes.

    Returns
    -------
    Allocation
        ``levels`` (codebook size of every block) and ``distortion``.

    Raises
    ------
    DomainError
        If a block has too many atoms.

    Notes
    -----
    ``E*_PQ`` of Section 4.4 of the paper, attained, for one partition into blocks.

    Examples
    --------
    >>> bits = FiniteSource([[-1, -1], [1, 1]], [0.5, 0.5])
    >>> optimal_product(bits, (2,), 2).distortion, optimal_product(bits, (1, 1), 2).distortion
    (0.0, 1.0)
    """
    K = _check.integer("K", K)
    dims = _check.partition("block_dims", block_dims, total=source.dim)
    curves: list[Curve] = []
    start = 0
    for dim in dims:
        block = FiniteSource(source.atoms[:, start : start + dim], source.pmf)
        curves.append(
            _coordinate_curve(block, 0, K) if dim == 1 else _TableCurve(tuple(partition_curve(block, K)))
        )
        start += dim
    return allocate(curves, K)
