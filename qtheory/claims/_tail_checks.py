"""Words and levels of densities with tails: what they need, and the density of optimal levels."""

import math
from fractions import Fraction

import numpy as np
from scipy.special import ndtr

from qtheory.claims._claim import Evidence
from qtheory.optimal import lloyd_max
from qtheory.sources import Gaussian


def words_without_a_moment_cost_all() -> Evidence:
    # g is 1 / 2 on [0, 1] and 1 / (2 x ln(x)^2) beyond e, so that it has mass 1 / (2 m) beyond e^m
    K, m = 8, 2**6
    return Evidence(
        "exact", 4**m * Fraction(1, 2 * m) ** K, ">", 10**21,
        detail="lower bound on E for X on [0, 1] from the event that all K = 8 words lie beyond e^64; for "
        "every K it grows with the exponent without end",
    )  # fmt: skip


def words_of_a_cauchy_law_reach_the_limit() -> Evidence:
    K = 4096
    x, weight = np.polynomial.hermite_e.hermegauss(40)
    density = 1 / (math.pi * (1 + x**2))
    radius = np.linspace(0, 60, 6001)[:, None] / (2 * K * density)
    mass = (np.arctan(x + radius) - np.arctan(x - radius)) / math.pi
    squared = (2 * radius * np.exp(K * np.log1p(-mass))).sum(axis=0) * radius[1]
    error = float(weight @ squared) / math.sqrt(2 * math.pi)
    integral = math.pi**2 * (1 + 2 + 3)  # of f g^-2: pi^2 E (1 + X^2)^2
    return Evidence(
        "numerical", K**2 * error / (2 / 2**2 * integral), "~=", 1, tolerance=2e-3,
        detail="K^2 E over the limit, X of N(0, 1), words of a Cauchy law, which has moments of orders below "
        "1 only, K = 4096, quadrature",
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
