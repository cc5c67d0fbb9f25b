"""Integer allocation of codebook sizes to blocks under a bound on their product."""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Curve(Protocol):
    """Distortion of one block as a function of its number of codewords."""

    @property
    def limit(self) -> int:
        """Number of codewords beyond which nothing is gained."""

    def __call__(self, n: int) -> float:
        """Distortion of `n` codewords, non-increasing in `n`.

        Parameters
        ----------
        n : int
            Number of codewords.

        Returns
        -------
        float
            Expected squared error, summed over the block's coordinates.
        """


class Allocation(NamedTuple):
    """Codebook sizes a block and the distortion they reach together.

    Attributes
    ----------
    levels : tuple of int
        Codebook sizes, one a block; their product is at most K.
    distortion : float
        Expected squared error, summed over coordinates.
    """

    levels: tuple[int, ...]
    distortion: float


def _greedy(curves: Sequence[Curve], K: int) -> list[int]:
    """Feasible sizes: raise the block with the steepest descent a nat while the product allows it."""
    sizes = [1] * len(curves)
    while True:
        product = math.prod(sizes)
        steps = [
            ((curve(n) - curve(n + 1)) / math.log((n + 1) / n), j)
            for j, (curve, n) in enumerate(zip(curves, sizes, strict=True))
            if n < curve.limit and product // n * (n + 1) <= K
        ]
        if not steps:
            return sizes
        sizes[max(steps)[1]] += 1


def _price(curves: Sequence[Curve], sizes: Sequence[int]) -> float:
    """Distortion a nat of rate: of the steepest step left, near the best Lagrange multiplier."""
    slopes = [
        (curve(n) - curve(n + 1)) / math.log((n + 1) / n)
        for curve, n in zip(curves, sizes, strict=True)
        if n < curve.limit
    ]
    return max(slopes, default=0.0)


def _reduced(curve: Curve, price: float, K: int) -> tuple[float, list[tuple[int, float]]]:
    """Least ``distortion + price log n`` of a block, and the excess over it of every size looked at.

    Sizes are looked at until the price alone exceeds the least value: larger ones cannot be the least.
    """
    limit = min(curve.limit, K)
    values: list[tuple[int, float]] = []
    least = math.inf
    n = 1
    while n <= limit and price * math.log(n) <= least:
        values.append((n, curve(n) + price * math.log(n)))
        least = min(least, values[-1][1])
        n += 1
    return least, [(n, value - least) for n, value in values]


def _candidates(
    curves: Sequence[Curve], K: int, price: float, target: float
) -> list[list[tuple[int, float]]]:
    """Sizes that an allocation of distortion at most `target` may use, with their excess.

    The sum of the least Lagrangians less ``price log K`` bounds every allocation from below. A size
    whose excess lifts that bound above `target` cannot occur in a better allocation.
    """
    reduced = {curve: _reduced(curve, price, K) for curve in set(curves)}
    bound = sum(reduced[curve][0] for curve in curves) - price * math.log(K)
    gap = max(target - bound, 0.0) + 1e-12 * (1 + abs(target))
    result: dict[Curve, list[tuple[int, float]]] = {}
    for curve, (least, excess) in reduced.items():
        kept = [(n, extra) for n, extra in excess if extra <= gap]
        n = len(excess) + 1
        while n <= min(curve.limit, K) and price * math.log(n) <= least + gap:
            extra = curve(n) + price * math.log(n) - least
            if extra <= gap:
                kept.append((n, extra))
            n += 1
        result[curve] = kept
    return [result[curve] for curve in curves]


def allocate(curves: Sequence[Curve], K: int) -> Allocation:
    """Return the sizes of product at most `K` that minimise the sum of the curves, exactly.

    Blocks with the same (equal and hashable) curve get their sizes in ascending order.

    Parameters
    ----------
    curves : sequence of Curve
        Distortion of each block against its number of codewords.
    K : int
        Bound on the product of the sizes.

    Returns
    -------
    Allocation
        Size of each block, and the sum of their distortions.

    References
    ----------
    Y. Shoham, A. Gersho, Efficient bit allocation for an arbitrary set of quantizers, 1988, for the
    Lagrangian bound.

    Examples
    --------
    >>> from qtheory.optimal import optimal_scalar
    >>> from qtheory.sources import Gaussian
    >>> optimal_scalar(Gaussian(2), 7).levels  # which calls it on two equal curves
    (2, 3)
    """
    if len(curves) == 1:  # curves do not increase
        n = min(K, curves[0].limit)
        return Allocation((n,), curves[0](n))
    sizes = _greedy(curves, K)
    target = sum(curve(n) for curve, n in zip(curves, sizes, strict=True))
    candidates = _candidates(curves, K, _price(curves, sizes), target)
    # states that no other beats in both product and distortion, ascending in product
    front: list[tuple[int, float, tuple[int, ...]]] = [(1, 0.0, ())]
    for curve, options in zip(curves, candidates, strict=True):
        states = sorted(
            (product * n, cost + curve(n), (*chosen, n))
            for product, cost, chosen in front
            for n, _ in options
            if product * n <= K
        )
        front = []
        for state in states:
            if not front or state[1] < front[-1][1]:
                front.append(state)
    _, distortion, chosen = front[-1]
    return Allocation(_ascending(curves, chosen), distortion)


def _ascending(curves: Sequence[Curve], sizes: Sequence[int]) -> tuple[int, ...]:
    result = list(sizes)
    for curve in set(curves):
        where = [j for j, other in enumerate(curves) if other == curve]
        for j, size in zip(where, sorted(sizes[j] for j in where), strict=True):
            result[j] = size
    return tuple(result)
