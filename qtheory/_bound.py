"""The model of a bound: a formula that refuses to speak outside its hypotheses."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qtheory import _check
from qtheory.errors import DomainError


@dataclass(frozen=True)
class Hypothesis:
    """A condition on the arguments of a bound.

    Attributes
    ----------
    text : str
        The condition, for people.
    violation : callable
        Takes the arguments as keywords and returns what is wrong with them, or an empty string.
    """

    text: str
    violation: Callable[..., str]


@dataclass(frozen=True)
class Bound:
    """A proved, or a printed, bound on an optimal quantization error.

    Attributes
    ----------
    id : str
        Its key in ``BOUNDS``.
    claim : str
        The claim of the ledger that judges it; a refuted claim's bound returns what the paper prints.
    side : str
        ``lower`` or ``upper``: the side of the quantity on which the value lies.
    quantity : str
        What is bounded. A bound on a supremum over laws says nothing about a single law when it is a
        lower one.
    formula : str
        The value, as a formula.
    needs : tuple of str
        Keywords that the formula uses.
    hypotheses : tuple of Hypothesis
        Checked at each call.
    value : callable
        The formula as a function of the keywords it needs.
    exact : bool
        Whether the value equals the quantity.
    law : str
        The laws it speaks of: on the ``cube``, on its ``diagonal``, or on a ``subspace``. It decides whose
        Shannon bound is the zero of decibels.
    """

    id: str
    claim: str
    side: str
    quantity: str
    formula: str
    needs: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    value: Callable[..., float]
    exact: bool = False
    law: str = "cube"

    def __post_init__(self) -> None:
        _check.one_of("side", self.side, ("lower", "upper"))
        _check.one_of("law", self.law, ("cube", "diagonal", "subspace"))

    def __call__(
        self,
        *,
        d: int | None = None,
        K: int | None = None,
        support_dim: int | None = None,
        block_dims: Sequence[int] | None = None,
    ) -> float:
        """Return the value of the bound.

        Parameters
        ----------
        d : int
            Dimension.
        K : int
            Number of codewords.
        support_dim : int
            Dimension of the supporting subspace.
        block_dims : sequence of int
            Dimensions of the blocks; they sum to d, which may then be left out.

        Returns
        -------
        float
            A squared error summed over the d coordinates.

        Raises
        ------
        DomainError
            When a keyword that the formula needs is missing, a hypothesis is violated, or float64 cannot
            hold the value. Keywords that the formula does not use are ignored.
        """
        if "block_dims" in self.needs and block_dims is not None:
            block_dims = _check.partition("block_dims", block_dims, total=sum(block_dims) if d is None else d)
            d = sum(block_dims)
        given = {"d": d, "K": K, "support_dim": support_dim, "block_dims": block_dims}
        arguments = {name: given[name] for name in self.needs}
        missing = [name for name, value in arguments.items() if value is None]
        if missing:
            raise DomainError(f"{', '.join(missing)} must be given: {self.id} is {self.formula}")
        for name in arguments.keys() - {"block_dims"}:
            arguments[name] = _check.integer(name, arguments[name])  # Python's, which have no upper end
        for hypothesis in self.hypotheses:
            violation = hypothesis.violation(**arguments)
            if violation:
                raise DomainError(f"{violation}: {self.id} says nothing there")
        return in_range(f"{self.id}, {self.formula},", lambda: self.value(**arguments))


def in_range(name: str, value: Callable[[], float], larger: str = "or a smaller K") -> float:
    """Return a positive value, unless it leaves float64's range: rounded to 0, an upper bound is false.

    What is below the range has a way out that makes it `larger`; what is above, a smaller variance.
    """
    try:
        found = float(value())
    except OverflowError:  # of a part of the formula
        found = math.nan
    if not sys.float_info.min <= found <= sys.float_info.max:
        remedy = "or a smaller variance" if found > sys.float_info.max else larger
        raise DomainError(
            f"{name} must lie within the range of float64, {sys.float_info.min:.2g} to "
            f"{sys.float_info.max:.2g}, and does not there; take the logarithm of the formula, {remedy}"
        )
    return found


def power(K: int, k: float) -> float:
    """Return ``K ** (-2 / k)``, also for K beyond the range of floats."""
    return float(K) ** (-2 / k) if K < 2**1000 else math.exp(-2 / k * math.log(K))


def shown(K: int) -> str:
    """Return a size for people: powers and logarithms of two where digits would fill lines."""
    if K < 10**12:
        return str(K)
    exact = K & (K - 1) == 0
    return f"2^{K.bit_length() - 1}" if exact else f"2^{math.log2(K):.6f}"


def log_ball_volume(d: int) -> float:
    """Return the logarithm of the volume of the unit ball in d dimensions."""
    return d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)


def root(K: int, d: int) -> int:
    """Return ``floor(K ** (1 / d))`` exactly."""
    if d == 1 or K == 1:
        return K
    n = 1 << -(-K.bit_length() // d)  # above the root
    while True:  # Newton's method on integers descends to the floor
        better = ((d - 1) * n + K // n ** (d - 1)) // d
        if better >= n:
            return n
        n = better
