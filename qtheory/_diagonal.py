"""Optimal product quantization of the uniform law on the diagonal of the cube, exactly."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

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
    ShapeError
        When there is no block.
    DomainError
        When K is 2^480 a block or more; or when the search would take more than 100000 trials, where the
        message says how good the best sizes so far are.

    Notes
    -----
    Block m sees the uniform law on a segment of length 2 sqrt(d_m), whose optimal error with n points
    is d_m / (3 n^2), so the optimum over codebooks is an optimum over integers. Branch and bound: for a
    price t of ln n, an allocation below a given cost has blocks whose reduced costs
    ``d_m / n^2 + t ln n - min`` add up to at most the gap to the dual value, which leaves few. Sizes
    descend with the dimensions, for swapping two that do not gains. Floats only discard, with room for
    rounding; candidates are compared as fractions.

    The law is the example of the paper's Proposition 3.

    Examples
    --------
    >>> diagonal_allocation(4096, (1,) * 8)
    ((4, 3, 3, 3, 3, 3, 2, 2), Fraction(161, 432))
    """
    budget, dims = _check.integer("K", K), _check.integers("block_dims", block_dims)
    most = 480 * len(dims)
    if budget >= 2**most:
        raise DomainError(
            f"K must be below 2^{most}, where errors underflow; use prop3.pq.lower.sharp instead"
        )
    order = sorted(range(len(dims)), key=lambda m: -dims[m])
    search = _Search(budget, [dims[m] for m in order])
    search.run()
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
        counts = Counter(self.dims)
        for _ in range(1100):  # bisection on a logarithmic scale, until the product fits and barely so
            self.price = math.sqrt(low) * math.sqrt(high)
            if not low < self.price < high:
                break
            bits = sum(count * math.log2(_cheapest(dim, self.price)) for dim, count in counts.items())
            fits = bits < self.budget.bit_length() + 1 and (
                math.prod(_cheapest(dim, self.price) ** count for dim, count in counts.items()) <= self.budget
            )
            low, high = (low, self.price) if fits else (self.price, high)
        self.best = self._filled([_cheapest(dim, high) for dim in self.dims], low)
        self.cost = self._cost(self.best)
        least = {dim: self._reduced(dim, _cheapest(dim, self.price)) for dim in counts}
        self.dual_rest = [*accumulate((least[dim] for dim in reversed(self.dims)), initial=0.0)][::-1]
        self.charge = self.price * math.log(self.budget)

    def _count(self) -> None:
        self.trials += 1
        if self.trials > _TRIALS:
            least = self.dual_rest[0] - self.charge
            sizes = ", ".join(f"{count} of {n}" for n, count in sorted(Counter(self.best).items()))
            raise DomainError(
                f"K must leave at most {_TRIALS} allocations to try; the best so far, {sizes}, has error "
                f"{float(self.cost / 3):.10g}, and no allocation has less than {least / 3:.10g}"
            )

    def _reduced(self, dim: int, n: int) -> float:
        return dim / n**2 + self.price * math.log(n)

    def _cost(self, sizes: list[int]) -> Fraction:
        pairs = Counter(zip(self.dims, sizes, strict=True))
        return sum((Fraction(count * dim, n * n) for (dim, n), count in pairs.items()), Fraction(0))

    def _filled(self, sizes: list[int], price: float) -> list[int]:
        """Spend what is left of the budget: on what a lower price buys, then block after block."""
        product = math.prod(sizes)
        for buy in (lambda dim, _: _cheapest(dim, price), lambda _, rest: self.budget // rest):
            for m, dim in enumerate(self.dims):
                rest = product // sizes[m]
                n = buy(dim, rest)
                if rest * n <= self.budget:
                    sizes[m], product = n, rest * n
        return sizes

    def _balanced(self) -> bool:
        """Whether blocks cost the same and their product is K: then means say that nothing is better."""
        blocks = len(self.dims)
        return (self.cost / blocks) ** blocks * self.budget**2 == math.prod(self.dims)

    def run(self) -> None:
        """Visit every allocation that may win, depth first; blocks may be too many for recursion."""
        stack = [] if self._balanced() else [self._extensions([], 0.0, self.budget)]
        while stack:
            longer = next(stack[-1], None)
            if longer is None:
                stack.pop()
            else:
                stack.append(self._extensions(*longer))

    def _extensions(
        self, sizes: list[int], spent: float, left: int
    ) -> Iterator[tuple[list[int], float, int]]:
        """Yield `sizes`, whose reduced costs are `spent`, with every size that may win for the next block."""
        m = len(sizes)
        most = min(left, sizes[-1]) if m else left
        if m == len(self.dims) - 1 or most == 1:
            whole = [*sizes, left] + [1] * (len(self.dims) - 1 - m)
            if (cost := self._cost(whole)) < self.cost:
                self.best, self.cost = whole, cost
            return
        middle = min(_cheapest(self.dims[m], self.price), most)
        room = 1 + 1e-12 + 1e-15 * len(self.dims)
        for step in (range(middle, most + 1), range(middle - 1, 0, -1)):
            for n in step:
                value = spent + self._reduced(self.dims[m], n)
                if value + self.dual_rest[m + 1] > (float(self.cost) + self.charge) * room:
                    break
                self._count()
                yield [*sizes, n], value, left // n
