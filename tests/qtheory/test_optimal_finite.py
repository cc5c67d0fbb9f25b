"""Optima of finite sources: partitions, dynamic programming and allocation against enumeration."""

import itertools
import math

import numpy as np
import pytest
from ckmeans import ckmeans_optimal
from hypothesis import given, settings
from hypothesis import strategies as st

from qtheory._allocation import allocate
from qtheory.errors import DomainError
from qtheory.optimal import (
    _TableCurve,
    optimal_distortion_1d,
    optimal_product,
    optimal_quantizer_1d,
    optimal_scalar,
    optimal_vector,
)
from qtheory.results import stream
from qtheory.sources import FiniteSource


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
