"""Intervals of means, for error bars."""

import numpy as np
import pandas as pd
from scipy import stats


def mean_and_halfwidth(values: pd.Series) -> tuple[float, float]:
    """Return the mean of independent trials and the half-width of its 95 % t interval."""
    n = len(values)
    return float(values.mean()), float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
