"""Optimal product quantization of the uniform law on the diagonal of the cube, exactly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from qtheory import _check
from qtheory.errors import DomainError

_TRIALS = 100_000


def diagonal_allocation(K: int, block_dims: Sequence[int]) -> tuple[tuple[int, ...], Fraction]:
    """Return the best block sizes for the uniform law on the diagonal of [-1, 1]^d.

    Parameters
    ----------
    K : int
        Bound on the product of the block sizes.
    block_dims : sequence of int
        Dimensions d_m of the blocks.

    Returns
    -------
    tuple
        Block sizes n_m in the order of the blocks, and the error ``sum_m d_m / (3 n_m^2)``.

    Raises
    ------
    DomainError
        When K is 2^900, or 2^480 a block, or more; or when the search would take more than 100000 trials,
        where the message says how good the best sizes so far are.

    Notes
    -----
    Block m sees the uniform law on a segment of length 2 sqrt(d_m), whose optimal error with n points
    is d_m / (3 n^2), so the optimum over codebooks is an optimum over integers. Branch and bound: for a
    price t of ln n, an allocation below a given cost has blocks whose reduced costs
    ``d_m / n^2 + t ln n - min`` add up to at most the gap to the dual value, which leaves few. Floats
    only discard, with room for rounding; candidates are compared as fractions.

    The law is the example of the paper's Proposition 3.

    Examples
    --------
    >>> diagonal_allocation(4096, (1,) * 8)
    ((3, 3, 3, 3, 3, 2, 2, 4), Fraction(161, 432))
    """
    budget = _check.integer("K", K)
    most = min(900, 480 * len(block_dims))
    if budget >= 2**most:
        raise DomainError(
            f"K must be below 2^{most}, where errors underflow; use prop3.pq.lower.sharp instead"
        )
    dims = _check.partition("block_dims", block_dims, total=sum(block_dims))
    order = sorted(range(len(dims)), key=lambda m: -dims[m])
    search = _Search(budget, [dims[m] for m in order])
    search.visit([], 0.0)
    sizes = [0] * len(dims)
    for position, m in enumerate(order):
        sizes[m] = search.best[position]
    return tuple(sizes), search.cost / 3


def _cheapest(dim: int, price: float) -> int:
    """Return the n that minimises ``dim / n^2 + price * ln n``."""
    n = max(1, math.floor(math.sqrt(2 * dim / price)))
    return n if dim / n**2 + price * math.log(n) <= dim / (n + 1) ** 2 + price * math.log(n + 1) else n + 1


@dataclass
class _Search:
    budget: int
    dims: list[int]
    best: list[int] = field(init=False)
    cost: Fraction = field(init=False)
    trials: int = 0

    def __post_init__(self) -> None:
        low, high = 1e-300, 4.0 * max(self.dims)
        for _ in range(1100):  # bisection on a logarithmic scale, until the product fits and barely so
            self.price = math.sqrt(low) * math.sqrt(high)
            start = [_cheapest(dim, self.price) for dim in self.dims]
            if not low < self.price < high:
                break
            low, high = (low, self.price) if math.prod(start) <= self.budget else (self.price, high)
        self.best = self._filled([_cheapest(dim, high) for dim in self.dims])
        self.cost = self._cost(self.best)
        least = [self._reduced(dim, _cheapest(dim, self.price)) for dim in self.dims]
        self.dual_rest = [math.fsum(least[m:]) for m in range(len(least) + 1)]
        self.charge = self.price * math.log(self.budget)

    def _count(self) -> None:
        self.trials += 1
        if self.trials > _TRIALS:
            least = self.dual_rest[0] - self.charge
            raise DomainError(
                f"K must leave at most {_TRIALS} allocations to try; the best so far, {self.best}, has error "
                f"{float(self.cost / 3):.10g}, and no allocation has less than {least / 3:.10g}"
            )

    def _reduced(self, dim: int, n: int) -> float:
        return dim / n**2 + self.price * math.log(n)

    def _cost(self, sizes: list[int]) -> Fraction:
        return sum((Fraction(dim, n * n) for dim, n in zip(self.dims, sizes, strict=True)), Fraction(0))

    def _filled(self, sizes: list[int]) -> list[int]:
        """Spend what is left of the budget, block after block."""
        for m in range(len(sizes)):
            rest = math.prod(sizes[:m]) * math.prod(sizes[m + 1 :])
            sizes[m] = self.budget // rest
        return sizes

    def visit(self, sizes: list[int], spent: float) -> None:
        """Extend `sizes`, whose reduced costs are `spent`, by every block size that may still win."""
        m, left = len(sizes), self.budget // math.prod(sizes)
        if m == len(self.dims) - 1:
            whole = [*sizes, left]
            if (cost := self._cost(whole)) < self.cost:
                self.best, self.cost = whole, cost
            return
        # blocks of equal dimension are interchangeable: sizes descend among them
        most = min(left, sizes[-1]) if m and self.dims[m] == self.dims[m - 1] else left
        middle = min(_cheapest(self.dims[m], self.price), most)
        for step in (range(middle, most + 1), range(middle - 1, 0, -1)):
            for n in step:
                value = spent + self._reduced(self.dims[m], n)
                limit = (float(self.cost) + self.charge) * (1 + 1e-12)
                if value + self.dual_rest[m + 1] > limit:
                    break
                self._count()
                self.visit([*sizes, n], value)
