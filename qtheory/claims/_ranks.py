"""Spearman's rank correlation with ties: exact permutation p-values and paired bootstrap intervals."""

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtheory import _check
from qtheory.errors import DomainError, ShapeError


def doubled_ranks(values: ArrayLike) -> NDArray[np.int64]:
    """Return twice the average ranks along the last axis, which are integers with ties too.

    Parameters
    ----------
    values : (..., n) array
        The values to rank, smallest first.

    Returns
    -------
    (..., n) array of int64
        The value at i has doubled rank 1 + #{j: x_j < x_i} + #{j: x_j <= x_i}.

    Examples
    --------
    >>> doubled_ranks([30, 10, 20, 10])
    array([8, 3, 6, 3])
    """
    x = np.asarray(values)
    mine, other = x[..., :, None], x[..., None, :]
    return 1 + (other < mine).sum(-1) + (other <= mine).sum(-1)


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = (_check.array(name, values, ndim=1) for name, values in (("x", x), ("y", y)))
    if first.size != second.size:
        raise ShapeError(f"x and y must have equal length, got {first.size} and {second.size}")
    for name, values in (("x", first), ("y", second)):
        if (values == values[0]).all():
            raise DomainError(f"{name} must hold two different values, got {values[0]:g} only")
    return first, second


def rank_correlations(x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Return Spearman's correlation along the last axis, for many samples at once.

    Parameters
    ----------
    x, y : (..., n) array
        Paired observations.

    Returns
    -------
    (...) array
        Pearson's correlations of the average ranks; NaN where x or y is constant.

    Examples
    --------
    >>> rank_correlations([[1, 2, 3]], [[10, 30, 20]])
    array([0.5])
    """
    # doubled ranks have mean n + 1, with ties too
    a, b = (doubled_ranks(values) - (np.shape(values)[-1] + 1) for values in (x, y))
    with np.errstate(invalid="ignore"):
        correlations: NDArray[np.float64] = (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    return correlations


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Return Spearman's rank correlation, ties sharing their average rank.

    Parameters
    ----------
    x, y : (n,) array
        Paired observations.

    Returns
    -------
    float
        Pearson's correlation of the average ranks.

    Raises
    ------
    ShapeError
        When the lengths differ.
    DomainError
        When x or y is constant, so that the correlation is not defined.

    Examples
    --------
    >>> spearman([1, 2, 3], [10, 30, 20])
    0.5
    """
    return float(rank_correlations(*_pair(x, y)))


def student_p_value(correlation: float, n: int) -> float:
    """Return the two-sided p-value of the usual t approximation with n - 2 degrees of freedom.

    Parameters
    ----------
    correlation : float
        Strictly between -1 and 1, where the approximation has a finite t.
    n : int
        Number of observations.

    Examples
    --------
    >>> round(student_p_value(-0.65, 13), 4)
    0.0162
    """
    from scipy.special import stdtr

    t = correlation * math.sqrt((n - 2) / (1 - correlation**2))
    return float(2 * stdtr(n - 2, -abs(t)))


def _null_counts(a: Sequence[int], b: Sequence[int]) -> tuple[int, int]:
    """Number of arrangements of b at every value of sum a_i b_pi(i), and bits of a slot.

    Position by position, the state is which values of b remain, and what is kept with it is the
    generating function of the partial sums, packed into one integer: the coefficient of x^s sits in
    slot s. A slot holds n!, so that slots never overflow into each other.
    """
    slot = math.factorial(len(a)).bit_length()
    remaining = Counter(b)
    states = {tuple(remaining.values()): 1}
    for weight in a:
        following: dict[tuple[int, ...], int] = {}
        for state, packed in states.items():
            for index, value in enumerate(remaining):
                if state[index]:
                    after = (*state[:index], state[index] - 1, *state[index + 1 :])
                    following[after] = following.get(after, 0) + (packed << slot * weight * value)
        states = following
    (packed,) = states.values()
    return packed, slot


def permutation_p_value(x: ArrayLike, y: ArrayLike) -> Fraction:
    """Return the exact two-sided permutation p-value of Spearman's correlation.

    Parameters
    ----------
    x, y : (n,) array
        Paired observations, with or without ties; n up to about 13.

    Returns
    -------
    Fraction
        Share of the n! permutations of y whose correlation with x is at least as far from zero as the
        observed one. Ranks are integers after doubling, so that no rounding decides a tie. With ties,
        arrangements stand for equally many permutations each, so that counting them gives the share.

    Raises
    ------
    ShapeError, DomainError
        As for `spearman`.

    Examples
    --------
    >>> permutation_p_value([1, 2, 3], [4, 5, 6])
    Fraction(1, 3)
    """
    ranked = (doubled_ranks(values).tolist() for values in _pair(x, y))
    a, b = sorted(ranked, key=lambda ranks: -len(set(ranks)))
    n, center = len(a), sum(a) * sum(b)
    observed = abs(n * sum(p * q for p, q in zip(a, b, strict=True)) - center)
    # b has the more ties, hence the fewer states
    low_a, low_b = min(a), min(b)  # offsets keep the sums, hence the packed integers, short
    packed, slot = _null_counts([p - low_a for p in a], [q - low_b for q in b])
    offset = low_b * sum(a) + low_a * sum(b) - n * low_a * low_b
    total = extreme = 0
    for index in range(packed.bit_length() // slot + 1):
        count = packed >> slot * index & (1 << slot) - 1
        total += count
        if abs(n * (index + offset) - center) >= observed:
            extreme += count
    return Fraction(extreme, total)


def bootstrap_difference(
    x: ArrayLike,
    z: ArrayLike,
    y: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 10_000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return a bootstrap interval of ``|rho(x, y)| - |rho(z, y)|``, resampling rows.

    Parameters
    ----------
    x, z, y : (n,) array
        The two rivals and what they are to predict, one entry a row.
    rng : numpy.random.Generator
        Source of the resamples.
    resamples : int
        Number of resamples of n rows. The few in which a column is constant are left out.
    level : float
        Share of the resampled differences inside the interval.

    Returns
    -------
    tuple of float
        Percentile interval (Efron and Tibshirani 1993, chapter 13).

    Examples
    --------
    >>> x = [1, 2, 3, 4, 5, 6]
    >>> bootstrap_difference(x, x, [2, 1, 3, 4, 6, 5], rng=np.random.default_rng(0), resamples=100)
    (0.0, 0.0)
    """
    for rival in (x, z):
        _pair(rival, y)
    columns = np.stack([np.asarray(values, dtype=np.float64) for values in (x, z, y)])
    rows = rng.integers(columns.shape[1], size=(_check.integer("resamples", resamples), columns.shape[1]))
    drawn = columns[:, rows]
    first, rival, target = drawn
    differences = np.abs(rank_correlations(first, target)) - np.abs(rank_correlations(rival, target))
    differences = differences[np.isfinite(differences)]
    tail = (1 - _check.real("level", level, above=0)) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return float(low), float(high)


def partial_spearman(x: ArrayLike, y: ArrayLike, given: ArrayLike) -> float:
    """Return the rank correlation of x and y with that of a third variable taken out.

    Parameters
    ----------
    x, y, given : (n,) array
        Observations, one entry a row.

    Returns
    -------
    float
        Partial correlation of first order, from the three rank correlations.

    Examples
    --------
    >>> round(partial_spearman([1, 2, 3, 4], [1, 2, 4, 3], [1, 3, 2, 4]), 3)
    0.873
    """
    xy, xz, yz = spearman(x, y), spearman(x, given), spearman(y, given)
    return (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))
