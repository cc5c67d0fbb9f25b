"""Exact optima against brute force, other libraries, published values and their symmetries."""

import itertools
import math

import numpy as np
import pytest
from ckmeans import ckmeans_optimal
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory._allocation import allocate
from qtheory.errors import DomainError, ShapeError
from qtheory.optimal import (
    _TableCurve,
    lloyd_max,
    optimal_distortion_1d,
    optimal_product,
    optimal_quantizer_1d,
    optimal_scalar,
    optimal_vector,
)
from qtheory.results import stream
from qtheory.sources import Diagonal, FiniteSource, Gaussian, Laplace, LogConcave, Mixture, Subspace, Uniform

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


@st.composite
def finite_sources(draw, dims=(1, 3), atoms=(1, 7)):
    m, d = draw(st.integers(*atoms)), draw(st.integers(*dims))
    coordinate = st.integers(-8, 8).map(lambda k: k / 4)
    points = draw(st.lists(st.lists(coordinate, min_size=d, max_size=d), min_size=m, max_size=m))
    weights = np.array(draw(st.lists(st.integers(1, 9), min_size=m, max_size=m)), dtype=float)
    return FiniteSource(points, weights / weights.sum())


def best_over_all_codes(source, K):
    """Least distortion over all assignments of atoms to K cells, by enumeration."""
    best = math.inf
    for codes in itertools.product(range(K), repeat=len(source.pmf)):
        total = 0.0
        for k in range(K):
            members = np.array(codes) == k
            if members.any():
                weights, points = source.pmf[members], source.atoms[members]
                centroid = weights @ points / weights.sum()
                total += float(weights @ ((points - centroid) ** 2).sum(axis=1))
        best = min(best, total)
    return best


@settings(deadline=None, max_examples=60)
@given(finite_sources(atoms=(1, 6)), st.integers(1, 3))
def test_partition_optimum_is_the_least_over_all_assignments(source, K):
    found = optimal_vector(source, K)
    assert found.distortion == pytest.approx(best_over_all_codes(source, K), abs=1e-12)
    error = ((source.atoms - found.codebook[found.codes]) ** 2).sum(axis=1)
    assert float(source.pmf @ error) == pytest.approx(found.distortion, abs=1e-12)
    assert len(found.codebook) <= K


@settings(deadline=None, max_examples=100)
@given(finite_sources(dims=(1, 1), atoms=(1, 9)), st.integers(1, 5))
def test_dynamic_programming_equals_the_optimum_over_partitions(source, K):
    by_line = optimal_distortion_1d(source.atoms[:, 0], source.pmf, K)
    assert by_line == pytest.approx(optimal_vector(source, K).distortion, abs=1e-13)


@pytest.mark.parametrize("K", [1, 2, 5, 17, 60])
def test_dynamic_programming_agrees_with_ckmeans_on_samples(K):
    x = stream(0, "optimal", "ckmeans").standard_normal(3000)
    reference = ckmeans_optimal(x, K, K)
    parts = reference.clusters if hasattr(reference, "clusters") else reference[0]
    expected = sum(float(((np.array(part) - np.mean(part)) ** 2).sum()) for part in parts) / len(x)
    assert optimal_distortion_1d(x, np.full(3000, 1 / 3000), K) == pytest.approx(expected, rel=1e-10)


@settings(deadline=None, max_examples=100)
@given(finite_sources(dims=(1, 1), atoms=(1, 20)), st.integers(1, 6), st.sampled_from([-3.0, 0.25, 8.0]))
def test_dynamic_programming_scales_shifts_and_forgets_order(source, K, c):
    x, p = source.atoms[:, 0], source.pmf
    value = optimal_distortion_1d(x, p, K)
    assert optimal_distortion_1d(c * x, p, K) == pytest.approx(c**2 * value, rel=1e-12, abs=1e-15)
    assert optimal_distortion_1d(x + c, p, K) == pytest.approx(value, rel=1e-12, abs=1e-13)
    assert optimal_distortion_1d(x[::-1], p[::-1], K) == pytest.approx(value, rel=1e-12, abs=1e-15)
    assert optimal_distortion_1d(x, p, K + 1) <= value + 1e-15
    assert optimal_distortion_1d(x, p, len(np.unique(x))) == 0


@settings(deadline=None, max_examples=60)
@given(finite_sources(dims=(1, 1), atoms=(2, 15)), st.integers(2, 5))
def test_optimal_levels_are_centroids_and_nearest(source, K):
    x, p = source.atoms[:, 0], source.pmf
    found = optimal_quantizer_1d(x, p, K)
    cells = np.searchsorted(found.thresholds, x)
    nearest = np.abs(x[:, None] - found.levels).min(axis=1) ** 2
    assert float(p @ nearest) == pytest.approx(found.distortion, abs=1e-14)
    assert float(p @ (x - found.levels[cells]) ** 2) == pytest.approx(found.distortion, abs=1e-14)
    assert found.masses.sum() == pytest.approx(1)


@settings(deadline=None, max_examples=60)
@given(finite_sources(dims=(2, 3)), st.integers(1, 8))
def test_vector_beats_product_beats_scalar(source, K):
    scalar = optimal_scalar(source, K)
    pair = (2,) if source.dim == 2 else (2, 1)
    product = optimal_product(source, pair, K)
    vector = optimal_product(source, (source.dim,), K)
    assert vector.distortion == pytest.approx(optimal_vector(source, K).distortion, abs=1e-14)
    assert vector.distortion <= product.distortion + 1e-13
    assert product.distortion <= scalar.distortion + 1e-13
    assert math.prod(scalar.levels) <= K


@settings(deadline=None, max_examples=60)
@given(finite_sources(dims=(2, 3)), st.integers(1, 8), st.sampled_from([-2.0, 0.5]))
def test_every_class_scales_with_the_variance(source, K, c):
    scaled = FiniteSource(c * source.atoms, source.pmf)
    for optimum in (optimal_vector, optimal_scalar):
        expected = c**2 * optimum(source, K).distortion
        assert optimum(scaled, K).distortion == pytest.approx(expected, abs=1e-13)


def test_three_blocks_can_beat_two():
    # X = (0, Y, Y, 0): the middle block sees Y once, two halves each have to code it
    y = (np.arange(8) - 3.5) / 4
    source = FiniteSource(np.stack([0 * y, y, y, 0 * y], axis=1), np.full(8, 1 / 8))
    assert optimal_product(source, (1, 2, 1), 8).distortion == 0
    assert optimal_product(source, (2, 2), 8).distortion > 0.05


def test_too_many_atoms_for_partitions_are_refused():
    source = FiniteSource(np.arange(30.0).reshape(15, 2), np.full(15, 1 / 15))
    with pytest.raises(DomainError, match="at most 14 distinct atoms"):
        optimal_vector(source, 2)
    assert optimal_scalar(source, 225).distortion == 0


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=6), min_size=2, max_size=4),
    st.integers(1, 40),
)
def test_allocation_is_the_least_over_all_integer_sizes(tables, K):
    curves = [_TableCurve(tuple(sorted((v / 8 for v in table), reverse=True))) for table in tables]
    sizes = itertools.product(*(range(1, curve.limit + 1) for curve in curves))
    costs = [
        sum(curve(n) for curve, n in zip(curves, choice, strict=True))
        for choice in sizes
        if math.prod(choice) <= K
    ]
    found = allocate(curves, K)
    assert found.distortion == min(costs)
    assert math.prod(found.levels) <= K
    assert sum(curve(n) for curve, n in zip(curves, found.levels, strict=True)) == found.distortion


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


@pytest.mark.parametrize(
    ("d", "K", "levels", "distortion"),
    [
        (8, 4096, (2, 2, 3, 3, 3, 3, 3, 4), 1.79511),
        (8, 256, (2,) * 8, 2.90704),
        (8, 8192, (3,) * 8, 1.52139),
        (16, 65536, (2,) * 16, 5.81408),
    ],
)
def test_optimal_scalar_quantizers_of_gaussian_vectors(d, K, levels, distortion):
    found = optimal_scalar(Gaussian(d), K)
    assert found.levels == levels
    assert found.distortion == pytest.approx(distortion, abs=5e-6)
    assert optimal_scalar(Gaussian(d, 2.5), K).distortion == pytest.approx(2.5 * found.distortion, rel=1e-12)


def test_allocation_of_densities_is_the_least_over_all_integer_levels():
    source = Diagonal([Gaussian(1, 4.0), Laplace(1, 1.0), Uniform(1, 0.4)])
    curves = [[lloyd_max(Diagonal([s]), n).distortion for n in range(1, 61)]
              for s in (Gaussian(1, 4.0), Laplace(1, 1.0), Uniform(1, 0.4))]  # fmt: skip
    for K in (7, 24, 60):
        best = min(
            sum(curve[n - 1] for curve, n in zip(curves, choice, strict=True))
            for choice in itertools.product(range(1, K + 1), repeat=3)
            if math.prod(choice) <= K
        )
        assert optimal_scalar(source, K).distortion == pytest.approx(best, rel=1e-14)


@pytest.mark.parametrize(("d", "n"), [(2, 3), (3, 4), (5, 2)])
def test_the_diagonal_of_the_cube_costs_scalar_quantizers_d_over_three_n_squared(d, n):
    assert optimal_scalar(Subspace.diagonal(d), n**d).distortion == pytest.approx(d / (3 * n**2), rel=1e-12)


def test_sign_bits_are_the_optimum_at_one_bit_for_laplace():
    assert optimal_scalar(Laplace(3, 2.0), 8).distortion == pytest.approx(3.0, abs=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lloyd_max(Gaussian(2), 4), ShapeError, "optimal_scalar"),
        (lambda: lloyd_max(Gaussian(1), 0), DomainError, "levels must be at least 1"),
        (lambda: lloyd_max(FiniteSource([[0.0], [1.0]], [0.5, 0.5]), 2), DomainError, "optimal_quantizer_1d"),
        (lambda: optimal_distortion_1d([0.0, 1.0], [1.0], 2), ShapeError, "one entry an atom"),
        (lambda: optimal_distortion_1d([0.0, 1.0], [0.5, 0.5], 0), DomainError, "K must be at least 1"),
        (lambda: optimal_product(FiniteSource([[0.0]], [1.0]), (2,), 2), ShapeError, "block_dims must sum"),
        (lambda: optimal_scalar(Subspace(Uniform(2), np.eye(3)[:, :2]), 4), DomainError, "no density known"),
    ],
)
def test_what_has_no_optimum_here_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
