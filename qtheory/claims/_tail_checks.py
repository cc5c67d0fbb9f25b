"""Laws that the hypotheses of theorems of high rate exclude, and the density of optimal levels."""

import math
from fractions import Fraction

import numpy as np
from scipy.special import ndtr

from qtheory.claims._claim import Evidence
from qtheory.optimal import lloyd_max
from qtheory.sources import Gaussian

_MASSES = sum(4.0**-k / k**2 for k in range(1, 60))
"""Of the spikes below before they are scaled by C to 1/2; so C is between 3/2 and 2."""


def rare_spikes_lose_the_rate() -> Evidence:
    # half of the mass is uniform on [0, 1]; spike k on [2^k, 2^k + 2^-k] has mass C 4^-k / k^2, half in all.
    # A word is nearer than 2^k / 4 to one spike at most, so n words leave sum_{k > n} C / (16 k^2) or more
    n, scale = 1000, 0.5 / _MASSES
    least = n**2 * scale / 16 / (n + 1)
    integral = 0.5 ** (1 / 3) + sum((scale * 4.0 ** (-2 * k) / k**2) ** (1 / 3) for k in range(1, 60))
    return Evidence(
        "numerical", least / (integral**3 / 12), ">", 100,
        detail="lower bound on n^2 e_n over ||f||_{1/3} / 12, n = 1000, for a law with E X^2 finite but no "
        "higher moment",
    )  # fmt: skip


def _cost(first: int, last: int) -> Fraction:
    """Variance, unnormalised, of spikes at 2^k of mass 4^-k / k^2, k = first, ..., last."""
    masses = {k: Fraction(1, 4**k * k**2) for k in range(first, last + 1)}
    mean = sum(mass * 2**k for k, mass in masses.items()) / sum(masses.values())
    return sum((mass * (2**k - mean) ** 2 for k, mass in masses.items()), Fraction(0))


def rare_spikes_by_dynamic_programming() -> Evidence:
    count, words = 16, 8
    best = [_cost(1, last) for last in range(1, count + 1)]
    ratios = []
    for n in range(1, words + 1):
        if n > 1:
            best = [
                min([best[last - 1], *(best[cut - 1] + _cost(cut + 1, last) for cut in range(1, last))])
                for last in range(1, count + 1)
            ]
        ratios.append(best[-1] / sum(Fraction(1, 16 * k**2) for k in range(n + 1, count + 1)))
    return Evidence(
        "exact", min(ratios), ">=", 1,
        detail="least ratio of the optimal error of 16 such spikes, as points, to the bound, n = 1, ..., 8",
    )  # fmt: skip


def _error_of_unserved_spikes(n: int) -> Fraction:
    """Lower bound on the error of words none of which lies on a spike k > m, 2^(m - 1) <= n < 2^m.

    Spike k on [1/k, 1/k + 8^-k] has mass 2^-k, and 2^-k / 2 under the density g of the words, the other half
    of which is uniform on [2, 3]: the integral of f g^-2 is the sum of 4 / 32^k, that is 4 / 31.
    """
    m = n.bit_length()
    return Fraction(1, 2 ** (m + 1)) * (Fraction(1, m * (m + 1)) - Fraction(1, 8 ** (m + 1))) ** 2


def quantiles_of_spikes_lose_the_rate() -> Evidence:
    n = 2**30  # g has mass 2^-m / 2 < 1 / (2 n) on the spikes beyond m, so no quantile (i - 1/2) / n
    return Evidence(
        "exact", n**2 * _error_of_unserved_spikes(n), ">", 1000 * Fraction(4, 31 * 12),
        detail="lower bound on n^2 E for spikes at 1/k, n = 2^30, and 1000 times the integral over 12",
    )  # fmt: skip


def random_words_on_spikes_lose_the_rate() -> Evidence:
    n = 2**30  # with probability 1 - n 2^-m / 2 > 1/2 at least, no word lies on a spike beyond m
    return Evidence(
        "exact", n**2 * _error_of_unserved_spikes(n) / 2, ">", 1000 * Fraction(1, 2) * Fraction(4, 31),
        detail="lower bound on K^2 E of random words, spikes at 1/k, K = 2^30, and 1000 times the formula",
    )  # fmt: skip


def distances_below_one_over_density() -> Evidence:
    n, points = 2000, Gaussian(1, 3.0).marginal(0)
    levels = points.power_quantile(1.0, (np.arange(n) + 0.5) / n)
    x = np.linspace(-12, 12, 100_001)
    distance = np.abs(x[:, None] - levels[np.clip(np.searchsorted(levels, x)[:, None] - [0, 1], 0, n - 1)])
    return Evidence(
        "numerical", float((n * distance.min(axis=1) * points.pdf(x)).max()), "<=", 1,
        detail="largest n |x - q| g(x) on [-12, 12], q nearest of 2000 levels at quantiles of g = N(0, 3)",
    )  # fmt: skip


def _distance_of_levels(variance: float) -> float:
    """Kolmogorov's distance of the best 256 levels for N(0, 1) to N(0, variance)."""
    n = 256
    quantiles = ndtr(lloyd_max(Gaussian(1), n).levels / math.sqrt(variance))
    return max(float(np.abs(quantiles - (np.arange(n) + shift) / n).max()) for shift in (0, 1))


def best_levels_follow_the_best_density() -> Evidence:
    return Evidence(
        "numerical", _distance_of_levels(3.0), "<", 0.01,
        detail="Kolmogorov's distance of 256 optimal levels of N(0, 1) to N(0, 3)",
    )  # fmt: skip


def best_levels_do_not_follow_the_source() -> Evidence:
    return Evidence(
        "numerical", _distance_of_levels(1.0), ">", 0.1,
        detail="Kolmogorov's distance of 256 optimal levels of N(0, 1) to N(0, 1)",
    )  # fmt: skip
