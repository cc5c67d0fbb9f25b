"""Intervals for utilization and perplexity, which are functions of counts and not means of crops."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from qtheory import _check
from qtheory.entropy import perplexity, utilization
from qtheory.errors import DomainError, ShapeError

Codes = NDArray[np.int64]


def counts_by_group(codes: Codes, groups: Codes, codebook_size: int) -> Codes:
    """Return how often each code occurs in each group.

    Parameters
    ----------
    codes : (N, T) array of int
        Codes of N crops, T tokens each, in [0, K).
    groups : (N,) array of int
        Photograph of each crop.
    codebook_size : int
        K.

    Returns
    -------
    (P, K) array of int64
        Counts of the P photographs.

    Raises
    ------
    ShapeError
        If there is not one photograph a crop.
    DomainError
        If a code lies outside [0, K).

    Examples
    --------
    >>> counts_by_group(np.array([[0, 0], [2, 1]]), np.array([0, 1]), 3).tolist()
    [[2, 0, 0], [0, 1, 1]]
    """
    if codes.ndim != 2 or groups.shape != (len(codes),):
        raise ShapeError(f"groups must have one entry a crop, got shapes {groups.shape} and {codes.shape}")
    if codes.min() < 0 or codes.max() >= codebook_size:
        raise DomainError(f"codes must lie in [0, {codebook_size}), got {codes.min()} to {codes.max()}")
    _, numbered = np.unique(groups, return_inverse=True)
    flat = numbered[:, None] * codebook_size + codes
    total = (numbered.max() + 1) * codebook_size
    return np.bincount(flat.ravel(), minlength=total).reshape(-1, codebook_size)


def jackknife_interval(
    statistic: Callable[[Codes], float], counts: Codes, *, level: float = 0.95
) -> tuple[float, float]:
    """Return an interval for a statistic of summed counts, leaving out one photograph at a time.

    Parameters
    ----------
    statistic : callable
        Maps the counts summed over photographs, of shape ``counts.shape[1:]``, to a number.
    counts : (P, ...) array of int
        Counts of P photographs, at least 2.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    low, high : float, float
        The statistic less and plus the normal quantile times the jackknife's standard error. The
        bounds are not cut at the range of the statistic.

    Raises
    ------
    DomainError
        If there are fewer than 2 photographs, or the level is not between 0 and 1.

    Notes
    -----
    Efron and Stein (1981). Resampling photographs instead would lose codes and shift both statistics
    downwards.
    """
    n = _check.integer("number of photographs", len(counts), minimum=2)
    if not 0 < _check.real("level", level) < 1:
        raise DomainError(f"level must lie between 0 and 1, got {level:g}; 0.95 is usual")
    total = counts.sum(axis=0)
    left_out = np.array([statistic(total - part) for part in counts])
    error = np.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum())
    half = float(stats.norm.ppf((1 + level) / 2) * error)
    value = statistic(total)
    return value - half, value + half


def mean_utilization(counts: Codes) -> float:
    """Return the mean utilization of the rows of counts (H, K)."""
    return float(np.mean([utilization(row) for row in counts]))


def mean_perplexity(counts: Codes) -> float:
    """Return the mean perplexity of the rows of counts (H, K)."""
    return float(np.mean([perplexity(row / row.sum()) for row in counts]))


def usage_intervals(codes: Codes, groups: Codes, codebook_size: int, level: float) -> dict[str, float]:
    """Return the bounds of utilization and perplexity, as columns of the comparison.

    Parameters
    ----------
    codes : (H, N, T) array of int
        Codes of H quantizers.
    groups : (N,) array of int
        Photograph of each crop.
    codebook_size : int
        K of each quantizer.
    level : float
        Nominal coverage.
    """
    counts = np.stack([counts_by_group(half, groups, codebook_size) for half in codes], axis=1)
    bounds = {
        "utilization": jackknife_interval(mean_utilization, counts, level=level),
        "perplexity": jackknife_interval(mean_perplexity, counts, level=level),
    }
    return {
        f"{name}_{side}": value
        for name, both in bounds.items()
        for side, value in zip(("low", "high"), both, strict=True)
    }
