"""Optimal levels of densities on the line, by Newton's method."""

import math

import numpy as np
import pytest

from qtheory.errors import DomainError
from qtheory.optimal import (
    lloyd_max,
    optimal_distortion_1d,
    optimal_quantizer_1d,
    optimal_scalar,
)
from qtheory.results import stream
from qtheory.sources import Gaussian, Laplace, LogConcave, Mixture, Uniform

# N(0, 1): Max 1960 prints four digits, the rest from solving the conditions in other software
GAUSSIAN = {
    1: 1.0,
    2: 1 - 2 / math.pi,
    3: 0.19017403924790,
    4: 0.11748184782932,
    5: 0.07994112708827,
    8: 0.03454776078850,
    16: 0.00950100800819,
    64: 0.00064423966531,
    256: 0.00004118508287,
}


LOG_CONCAVE = {
    "gaussian": Gaussian(1),
    "shifted": Gaussian(1, 4.0, mean=-7.0),
    "laplace": Laplace(1),
    "uniform": Uniform(1),
    "logistic": LogConcave(lambda x: -x - 2 * np.log1p(np.exp(-x))),
    "exponential": LogConcave(lambda x: -x, support=(0, math.inf)),
    "quartic": LogConcave(lambda x: -(x**4)),
}


@pytest.mark.parametrize("n", GAUSSIAN)
def test_gaussian_levels_reach_published_distortions(n):
    assert lloyd_max(Gaussian(1), n).distortion == pytest.approx(GAUSSIAN[n], abs=1e-13)


def test_uniform_and_exponential_quantizers_have_closed_forms():
    for n in (2, 3, 64, 255):
        assert lloyd_max(Uniform(1), n).distortion == pytest.approx(1 / (3 * n**2), rel=1e-9)
    # Laplace with two levels: each half is exponential, with mean and deviation b
    assert lloyd_max(Laplace(1, 2.0), 2).distortion == pytest.approx(1.0, abs=1e-14)
    assert lloyd_max(Laplace(1, 2.0), 2).levels == pytest.approx([-1, 1], abs=1e-14)


@pytest.mark.parametrize("name", LOG_CONCAVE)
@pytest.mark.parametrize("n", [1, 2, 7, 31, 64])
def test_newton_satisfies_the_conditions_of_lloyd_and_max(name, n):
    source = LOG_CONCAVE[name]
    law = source.marginal(0)
    found = lloyd_max(source, n)
    borders = np.concatenate([[-np.inf], found.thresholds, [np.inf]])
    mass = law.mass(borders[:-1], borders[1:])
    first = law.first_moment(borders[:-1], borders[1:])
    second = law.second_moment(borders[:-1], borders[1:])
    scale = source.variance**0.5
    assert np.abs(first / mass - found.levels).max() <= 1e-12 * scale
    assert found.thresholds == pytest.approx((found.levels[1:] + found.levels[:-1]) / 2)
    direct = float(np.sum(second - 2 * found.levels * first + found.levels**2 * mass))
    assert found.distortion == pytest.approx(direct, abs=1e-12 * (1 + source.variance + source.mean[0] ** 2))


# not Laplace: its optima with even n are degenerate, and the iteration nears them like 1 / steps
@pytest.mark.parametrize("name", sorted(set(LOG_CONCAVE) - {"laplace"}))
@pytest.mark.parametrize("n", [2, 5, 8])
def test_lloyds_iteration_from_random_starts_ends_at_newtons_quantizer(name, n):
    source = LOG_CONCAVE[name]
    law = source.marginal(0)
    found = lloyd_max(source, n)
    rng = stream(0, "lloyd", name, f"n={n}")
    for _ in range(3):
        levels, moved = np.sort(source.sample(n, rng=rng)[:, 0]), math.inf
        while moved > 1e-13 * source.variance**0.5:
            borders, previous = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]]), levels
            levels = law.first_moment(borders[:-1], borders[1:]) / law.mass(borders[:-1], borders[1:])
            moved = float(np.abs(levels - previous).max())
        assert np.abs(levels - found.levels).max() <= 1e-10 * source.variance**0.5


def test_newton_agrees_with_dynamic_programming_on_a_fine_grid():
    # cell averages of N(0, 1) over width h: the optimum differs by at most the variance inside a cell
    edges = np.linspace(-9, 9, 4001)
    law = Gaussian(1).marginal(0)
    mass = law.mass(edges[:-1], edges[1:])
    mean = law.first_moment(edges[:-1], edges[1:]) / mass
    inside = float(np.sum(law.second_moment(edges[:-1], edges[1:]) - mass * mean**2))
    for n in (2, 3, 6, 11):
        coarse = optimal_distortion_1d(mean, mass / mass.sum(), n)
        exact = lloyd_max(Gaussian(1), n).distortion
        assert coarse <= exact + 1e-12
        assert exact <= coarse + inside + 1e-12


def test_two_modes_have_two_stationary_quantizers_and_newton_refuses_them():
    modes = Mixture([Gaussian(1, 0.01, mean=m) for m in (-1.0, 0.0, 1.0)], [1 / 3] * 3)
    with pytest.raises(DomainError, match="optimal_quantizer_1d"):
        lloyd_max(modes, 2)
    with pytest.raises(DomainError, match="log-concave"):
        optimal_scalar(modes, 4)
    # dynamic programming finds the asymmetric optimum, the symmetric stationary one is worse
    grid = np.linspace(-2, 2, 2001)
    weights = modes.marginal(0).pdf(grid)
    found = optimal_quantizer_1d(grid, weights / weights.sum(), 2)
    assert abs(found.levels.sum()) > 0.3
