"""Checks of optimal scalar quantizers: uniqueness, enclosures, and where they fail."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np

from qtheory.claims import _balls
from qtheory.claims._claim import Evidence
from qtheory.claims._levels import optimal_distortion, optimal_levels
from qtheory.optimal import lloyd_max, optimal_distortion_1d, optimal_quantizer_1d
from qtheory.sources import Gaussian, Laplace, LogConcave, Mixture, Source, Uniform


def _stationary_from(start: list[float], source: Source) -> np.ndarray:
    """Where Lloyd's iteration ends from a start."""
    law, levels = source.marginal(0), np.array(start)
    for _ in range(400):
        borders = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
        levels = law.first_moment(borders[:-1], borders[1:]) / law.mass(borders[:-1], borders[1:])
    return levels


def one_stationary_quantizer() -> Evidence:
    starts = ([-9.0, -8.0, -7.0], [-0.1, 0.0, 0.1], [-5.0, 1.0, 6.0])
    found = lloyd_max(Gaussian(1), 3).levels
    gap = max(float(np.abs(_stationary_from(start, Gaussian(1)) - found).max()) for start in starts)
    return Evidence(
        "numerical",
        gap,
        "<=",
        1e-10,
        detail="largest gap of Lloyd's limits to Newton's levels, N(0, 1), n = 3",
    )


_SOME = (2, 3, 4, 5, 8, 16, 32, 64, 128, 256)
_MANY = (*range(2, 65), *range(72, 257, 8))
_ENCLOSED: tuple[tuple[str, Source], ...] = (("gaussian", Gaussian(1)), ("laplace", Laplace(1, 2.0)))


def _gap_to_enclosures(sizes: tuple[int, ...]) -> Fraction:
    return max(
        _balls.upper(abs(optimal_distortion(name, n) - _balls.ball(lloyd_max(source, n).distortion)))
        for name, source in _ENCLOSED
        for n in sizes
    )


def newton_is_enclosed() -> Evidence:
    return Evidence(
        "certified", _gap_to_enclosures(_SOME), "<=", 1e-14,
        detail="gap of float64 distortions to balls around the only solution, Gaussian and Laplace laws of "
        f"variance 1 and 2, n in {_SOME}",
    )  # fmt: skip


def newton_is_enclosed_at_many_sizes() -> Evidence:
    return Evidence(
        "certified", _gap_to_enclosures(_MANY), "<=", 1e-14,
        detail="the same for n = 2, ..., 64 and every eighth up to 256",
    )  # fmt: skip


def newton_levels_are_enclosed() -> Evidence:
    gap = max(
        _balls.upper(abs(ball - _balls.ball(float(level))))
        for name, source in _ENCLOSED
        for n in (2, 3, 4, 16, 63, 256)
        for ball, level in zip(optimal_levels(name, n), lloyd_max(source, n).levels, strict=True)
    )
    return Evidence(
        "certified", gap, "<=", 1e-11, detail="the same for the levels, n = 2, 3, 4, 16, 63 and 256"
    )


def given_densities_are_enclosed() -> Evidence:
    normal = LogConcave(lambda x: -(x**2) / 2)
    half = LogConcave(lambda x: -x, support=(0.0, math.inf))
    flat = LogConcave(lambda x: 0 * x, support=(-1.0, 1.0))
    gap = Fraction(0)
    for n in (2, 3, 16, 64, 256):
        # n levels of the exponential law are the positive ones of 2 n for the Laplace law
        for source, ball in (
            (normal, optimal_distortion("gaussian", n)),
            (half, optimal_distortion("laplace", 2 * n)),
            (flat, _balls.ball(Fraction(1, 3 * n * n))),
        ):
            gap = max(gap, _balls.upper(abs(ball - _balls.ball(lloyd_max(source, n).distortion))))
    return Evidence(
        "certified", gap, "<=", 1e-13,
        detail="normal, exponential and flat density given by their logarithm, n = 2, 3, 16, 64 and 256",
    )  # fmt: skip


def _row_sums(source: Source, n: int) -> np.ndarray:
    """Row sums of the derivative of Lloyd's map at the optimum."""
    found, law = lloyd_max(source, n), source.marginal(0)
    density = law.pdf(found.thresholds)
    sums = np.zeros(n)
    sums[1:] += density * (found.levels[1:] - found.thresholds) / found.masses[1:]
    sums[:-1] += density * (found.thresholds - found.levels[:-1]) / found.masses[:-1]
    return sums


def rows_of_the_uniform_law() -> Evidence:
    gap = max(
        float(np.abs(_row_sums(Uniform(1), n) - [0.5, *[1.0] * (n - 2), 0.5]).max()) for n in (2, 3, 4, 16)
    )
    return Evidence(
        "numerical",
        gap,
        "<=",
        1e-9,
        detail="largest gap of the row sums to (1/2, 1, ..., 1, 1/2), uniform law",
    )


def rows_of_the_laplace_law() -> Evidence:
    gap = max(float(np.abs(_row_sums(Laplace(1, 2.0), n) - 1).max()) for n in (2, 4, 16))
    return Evidence(
        "numerical", gap, "<=", 1e-9, detail="largest gap of a row sum to 1, Laplace law, n = 2, 4 and 16"
    )


def equal_cells_of_the_uniform_law() -> Evidence:
    broken = 0
    for n in range(1, 65):
        levels = [Fraction(2 * i + 1, n) - 1 for i in range(n)]
        ends = [Fraction(-1), *((a + b) / 2 for a, b in pairwise(levels)), Fraction(1)]
        broken += any(2 * level != a + b for level, (a, b) in zip(levels, pairwise(ends), strict=True))
        error = sum(
            ((b - level) ** 3 - (a - level) ** 3) / 6
            for level, (a, b) in zip(levels, pairwise(ends), strict=True)
        )
        broken += error != Fraction(1, 3 * n * n)
    return Evidence(
        "exact", broken, "==", 0,
        detail="n up to 64 whose n equal cells of [-1, 1] are not stationary or not of error 1 / (3 n^2)",
    )  # fmt: skip


def not_above_the_discrete_optimum() -> Evidence:
    # replacing X by its means on a fine grid loses exactly the variance inside the cells
    edges = np.linspace(-9, 9, 2001)
    law = Gaussian(1).marginal(0)
    mass = law.mass(edges[:-1], edges[1:])
    means = law.first_moment(edges[:-1], edges[1:]) / mass
    inside = float(np.sum(law.second_moment(edges[:-1], edges[1:]) - mass * means**2))
    best = optimal_distortion_1d(means, mass / mass.sum(), 5)
    return Evidence(
        "numerical", lloyd_max(Gaussian(1), 5).distortion, "<=", best + inside + 1e-12,
        detail="Lloyd-Max of N(0, 1), n = 5, against the optimum of cell means plus the variance inside",
    )  # fmt: skip


def three_modes_have_a_worse_stationary_quantizer() -> Evidence:
    modes = Mixture([Gaussian(1, 0.01, mean=m) for m in (-1.0, 0.0, 1.0)], [1 / 3] * 3)
    symmetric = _stationary_from([-1.0, 1.0], modes)
    grid = np.linspace(-2, 2, 2001)
    weights = modes.marginal(0).pdf(grid)
    best = optimal_quantizer_1d(grid, weights / weights.sum(), 2).distortion
    worse = modes.variance - float(np.mean(symmetric**2))
    return Evidence(
        "numerical",
        worse,
        ">",
        1.1 * best,
        detail="symmetric stationary quantizer and optimum, three modes, n = 2",
    )
