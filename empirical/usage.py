"""Intervals for utilization and perplexity, which are functions of counts and not means of crops."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from qtheory import _check
from qtheory.entropy import perplexity, utilization
from qtheory.errors import DomainError

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def pseudo_values(value: float, left_out: Floats) -> Floats:
    """Return the jackknife's pseudo-values of a statistic, one a photograph.

    Parameters
    ----------
    value : float
        The statistic of all P photographs.
    left_out : (P,) array
        The statistic without each of them, P at least 2.

    Returns
    -------
    (P,) array
        ``P value - (P - 1) left_out``: to first order what each photograph contributes. Their mean is
        the statistic less the jackknife's estimate of its bias, and the standard error of that mean
        is the jackknife's.

    Raises
    ------
    DomainError
        If there are fewer than 2 photographs.

    Notes
    -----
    Tukey (1958); Efron and Stein (1981).

    Examples
    --------
    >>> pseudo_values(2.0, np.array([2.5, 2.0, 1.5])).tolist()  # of a mean: the values themselves
    [1.0, 2.0, 3.0]
    """
    n = _check.integer("number of photographs", len(left_out), minimum=2)
    return n * value - (n - 1) * left_out


def jackknife(statistic: Callable[[Counts], float], counts: Counts) -> tuple[float, Floats]:
    """Return a statistic of summed counts, and its pseudo-values.

    Parameters
    ----------
    statistic : callable
        Maps the counts summed over photographs, of shape ``counts.shape[1:]``, to a number.
    counts : (P, ...) array of int
        Counts of P photographs, at least 2.

    Returns
    -------
    value, pseudo_values : float, (P,) array
        See `pseudo_values`.

    Raises
    ------
    DomainError
        If there are fewer than 2 photographs.
    """
    _check.integer("number of photographs", len(counts), minimum=2)
    total = counts.sum(axis=0)
    left_out = np.array([statistic(total - part) for part in counts])
    value = statistic(total)
    return value, pseudo_values(value, left_out)


def jackknife_interval(value: float, pseudo: Floats, *, level: float = 0.95) -> tuple[float, float]:
    """Return an interval for a statistic from its pseudo-values.

    Parameters
    ----------
    value : float
        The statistic.
    pseudo : (P,) array
        Its pseudo-values, one a photograph.
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
        If the level is not between 0 and 1.

    Notes
    -----
    Resampling photographs instead would lose codes and shift utilization and perplexity downwards.
    """
    if not 0 < _check.real("level", level) < 1:
        raise DomainError(f"level must lie between 0 and 1, got {level:g}; 0.95 is usual")
    half = float(stats.norm.ppf((1 + level) / 2) * stats.sem(pseudo))
    return value - half, value + half


def mean_utilization(counts: Counts) -> float:
    """Return the mean utilization of the rows of counts (H, K)."""
    return float(np.mean([utilization(row) for row in counts]))


def mean_perplexity(counts: Counts) -> float:
    """Return the mean perplexity of the rows of counts (H, K)."""
    return float(np.mean([perplexity(row / row.sum()) for row in counts]))


def usage(counts: Counts) -> dict[str, tuple[float, Floats]]:
    """Return utilization and perplexity with their pseudo-values.

    Parameters
    ----------
    counts : (P, H, K) array of int
        How often each code of H quantizers occurs in each of P photographs.
    """
    return {
        "utilization": jackknife(mean_utilization, counts),
        "perplexity": jackknife(mean_perplexity, counts),
    }
