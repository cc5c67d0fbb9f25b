"""Intervals for means, with the rate of false alarms that tests state."""

import math

FALSE_ALARM = 1e-9


def empirical_bernstein(values, bound):
    """Half-width of a two-sided interval for the mean of values in [0, bound] (Maurer and Pontil 2009)."""
    n, log_term = len(values), math.log(4 / FALSE_ALARM)
    return math.sqrt(2 * values.var(ddof=1) * log_term / n) + 7 * bound * log_term / (3 * (n - 1))
