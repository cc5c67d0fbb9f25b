"""Fitted quantizers do what their names say, on samples whose optimum is known."""

import math

import faiss
import numpy as np
import pytest

from qtheory import limits, optimal
from qtheory.sources import Gaussian, Laplace, Uniform
from sims import _entropy_coded, _fitted, _scalar


def rng(seed=0):
    return np.random.default_rng(seed)


SOURCES = {"gaussian": Gaussian(1), "laplace": Laplace(1), "uniform": Uniform(1)}


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("name", SOURCES)
def test_sample_levels_reach_the_dynamic_programming_optimum(name, n):
    x = SOURCES[name].sample(20_000, rng=rng(n))[:, 0]
    exact = optimal.optimal_distortion_1d(x, np.full(len(x), 1 / len(x)), n)
    found = _scalar.SampleCurve(np.sort(x))
    assert exact * (1 - 1e-9) <= found(n) <= 1.03 * exact
    x_hat = _scalar.reconstruct(x[:, None], [found.levels(n)])[:, 0]
    assert np.mean((x - x_hat) ** 2) <= found(n) * (1 + 1e-9), "the last centroids' own cells do no worse"


def exact_error(law, levels):
    """Distortion of levels under a law, by its moments: no sampling noise."""
    borders = np.concatenate([[-np.inf], levels.thresholds, [np.inf]])
    a, b = borders[:-1], borders[1:]
    second, first, mass = law.second_moment(a, b), law.first_moment(a, b), law.mass(a, b)
    return float(np.sum(second - 2 * levels.values * first + levels.values**2 * mass))


@pytest.mark.parametrize(
    ("name", "n", "decibels"), [("laplace", 2**19, 0.06), ("gaussian", 2**17, 0.05), ("uniform", 2**17, 0.02)]
)
def test_sixty_four_levels_fitted_to_many_numbers_cost_what_the_best_do(name, n, decibels):
    source = SOURCES[name]
    curve = _scalar.SampleCurve(np.sort(source.sample(n, rng=rng(1))[:, 0]))
    best = optimal.lloyd_max(source, 64).distortion
    found = exact_error(source.marginal(0), curve.levels(64))
    assert best <= found < best * 10 ** (decibels / 10)
    # the control: levels fitted to few numbers cost more than that
    few = _scalar.SampleCurve(np.sort(source.sample(2_000, rng=rng(1))[:, 0])).levels(64)
    assert exact_error(source.marginal(0), few) > best * 10 ** (5 * decibels / 10)


@pytest.mark.parametrize(("name", "decibels"), [("laplace", 0.3), ("gaussian", 0.1)])
def test_sixty_four_levels_fitted_to_few_numbers_cost_on_average_what_is_stated(name, decibels):
    source = SOURCES[name]
    best, law = optimal.lloyd_max(source, 64).distortion, source.marginal(0)
    ratios = []
    for seed in range(60):
        numbers = np.sort(source.sample(32_768, rng=rng(seed))[:, 0])
        ratios.append(exact_error(law, _scalar.SampleCurve(numbers).levels(64)) / best)
    costs = 10 * np.log10(ratios)
    assert costs.std(ddof=1) / np.sqrt(len(costs)) < 0.025  # else the mean would not tell tenths
    assert round(costs.mean(), 1) == decibels


def test_no_level_is_left_in_a_gap_or_on_a_value_that_has_one():
    apart = np.sort(np.concatenate([rng(1).normal(-20, 1, 3_000), rng(2).normal(20, 0.2, 3_000)]))
    exact = optimal.optimal_distortion_1d(apart, np.full(len(apart), 1 / len(apart)), 16)
    assert _scalar.SampleCurve(apart)(16) < 1.08 * exact
    ties = np.sort(rng(3).poisson(30.0, 5_000).astype(float))
    distinct = np.unique(ties)
    assert _scalar.SampleCurve(ties)(len(distinct)) < 1e-20
    np.testing.assert_allclose(_scalar.SampleCurve(ties).levels(len(distinct)).values, distinct, rtol=1e-12)
    assert _scalar.SampleCurve(np.full(100, 7.0))(4) == 0


def test_levels_are_allocated_to_coordinates_by_their_variance():
    x = rng().standard_normal((20_000, 3)) * [10.0, 1.0, 0.01]
    fitted = _fitted.scalar(x, 64)
    assert fitted.codebook_size <= 64
    assert fitted.block_sizes[0] > fitted.block_sizes[1] >= fitted.block_sizes[2] == 1
    exact = optimal.optimal_scalar(Gaussian(3, covariance=np.diag([100.0, 1.0, 1e-4])), 64)
    assert fitted.block_sizes == exact.levels
    np.testing.assert_allclose(fitted.in_sample_distortion, exact.distortion, rtol=0.05)


def test_many_levels_are_allocated_nearly_as_well_as_the_exact_optimum():
    variances = np.array([25.0, 4.0, 1.0, 0.25])
    x = rng(3).standard_normal((60_000, 4)) * np.sqrt(variances)
    fitted = _fitted.scalar(x, 2**24)
    exact = optimal.optimal_scalar(Gaussian(4, covariance=np.diag(variances)), 2**24)
    assert min(fitted.block_sizes) >= 16
    assert 0.99 * 2**24 < fitted.codebook_size <= 2**24
    fresh = rng(4).standard_normal((60_000, 4)) * np.sqrt(variances)
    distortion = np.square(fresh - fitted.reconstruct(fresh)).sum(1).mean()
    assert exact.distortion * 0.97 < distortion < 1.04 * exact.distortion


def test_the_allocation_for_many_dimensions_costs_little_where_the_exact_one_is_known():
    x = rng(5).standard_normal((20_000, 8)) * 2.0 ** np.arange(-4, 4)
    curves = [_scalar.SampleCurve(np.sort(column)) for column in x.T]
    for bits in (4, 12, 24):
        sizes = _scalar._greedy_sizes(curves, 2**bits)
        assert math.prod(sizes) <= 2**bits
        found = sum(curve(n) for curve, n in zip(curves, sizes, strict=True))
        exact = optimal.allocate(curves, 2**bits).distortion
        assert exact <= found * (1 + 1e-12)
        assert found < 1.02 * exact


def test_levels_are_allocated_in_more_dimensions_than_the_exact_search_can():
    fitted = _fitted.scalar(rng(8).standard_normal((5_000, 40)), 2**80)
    assert fitted.block_sizes == (4,) * 40


def test_codes_of_fresh_vectors_take_the_entropy_of_the_training_codes():
    x, fresh = (Laplace(2).sample(100_000, rng=rng(seed)) for seed in (6, 7))
    coded = _fitted.entropy_coded(x, 6.0)
    np.testing.assert_allclose(coded.code_lengths(fresh).mean(), 6.0, rtol=5e-3)
    # a code made for other vectors takes more bits: the control
    assert coded.code_lengths(1.5 * fresh).mean() > 6.3
    turned = _fitted.rotated(lambda y: _fitted.entropy_coded(y, 6.0), x, np.eye(2)[:, ::-1])
    np.testing.assert_allclose(turned.code_lengths(fresh), coded.code_lengths(fresh), rtol=1e-9)


@pytest.mark.parametrize("rate", [0.3, 1.0, 3.0])
def test_entropy_coding_keeps_its_rate_and_reaches_the_exact_distortion(rate):
    x = Laplace(1).sample(200_000, rng=rng())
    coded = _entropy_coded.fit(x, rate)
    assert abs(coded.rate - rate) < 1e-3
    exact = limits.entropy_coded_at_rate(Laplace(1), coded.rate).distortion
    np.testing.assert_allclose(coded.in_sample_distortion, exact, rtol=0.02)
    x_hat = coded.reconstruct(x)
    np.testing.assert_allclose(np.mean((x - x_hat) ** 2), coded.in_sample_distortion, rtol=1e-9)


@pytest.mark.parametrize("rate", [1.0, 6.0])
def test_the_code_of_all_cells_is_complete(rate):
    coordinate = _entropy_coded.fit(rng().standard_t(3, (5_000, 1)), rate).coordinates[0]
    last = coordinate.first + len(coordinate.counts) - 1
    reach = 2**16
    # as many cells on either side as have gamma codes of up to 31 bits
    cells = np.arange(coordinate.first - reach + 1, last + reach)
    lengths = coordinate.code_lengths(coordinate.centre + coordinate.step * cells)
    outside = (cells < coordinate.first) | (cells > last)
    escape = 2.0 ** -lengths[~outside]
    missing = 1 - np.sum(2.0**-lengths)
    # of the escape's probability, one part in 2^16 lies further out: nothing else is left over
    np.testing.assert_allclose(missing, (1 - escape.sum()) / reach, rtol=1e-6)
    assert missing > 0


@pytest.mark.parametrize("factor", [2.0, 1e6])
def test_no_vector_overloads_an_entropy_coded_quantizer(factor):
    x = Laplace(2).sample(5_000, rng=rng())
    coded = _entropy_coded.fit(x, 8.0)
    far = factor * np.abs(x).max(axis=0, keepdims=True)
    assert (np.abs(far - coded.reconstruct(far)) <= coded.coordinates[0].step / 2 * (1 + 1e-6)).all()
    # it takes more bits than the rarest of the training vectors: two more a coordinate for twice as far
    paid = coded.code_lengths(far) - coded.code_lengths(x).max()
    assert 0 < paid < 2 * (2 * np.log2(factor) + 20)


def test_fresh_vectors_of_heavy_tails_cost_what_unlimited_cells_cost():
    x, fresh = (Laplace(4).sample(20_000, rng=rng(seed)) for seed in (8, 9))
    coded = _entropy_coded.fit(x, 28.0)
    expected = 4 * limits.entropy_coded_uniform(Laplace(1), coded.coordinates[0].step).distortion
    distortion = np.square(fresh - coded.reconstruct(fresh)).sum(axis=1).mean()
    # of 80,000 errors the mean scatters by 0.3 %; cells with few training vectors cost 2 %
    np.testing.assert_allclose(distortion, expected, rtol=0.04)
    # the control: with cells that end where the training vectors do, the farthest of the others cost more
    inside = np.clip(fresh, x.min(axis=0), x.max(axis=0))
    assert np.square(fresh - coded.reconstruct(inside)).sum(axis=1).mean() > 1.1 * expected


def test_a_vector_far_away_does_not_make_the_codes_of_the_others_long():
    x = rng(3).standard_normal((5_000, 1))
    with_outlier = np.vstack([x, [[10_000.0]]])
    step_of = _entropy_coded.fit(x, 5.0).coordinates[0].step
    part, entropy_, _ = _entropy_coded._uniform(with_outlier[:, 0], step_of)
    assert len(part.counts) > 10 * len(x)
    assert part.code_lengths(x[:, 0]).mean() < entropy_ + 0.05


FITS = {
    "vector": lambda x: _fitted.vector(x, 16, rng=rng(1)),
    "product": lambda x: _fitted.product(x, (1, 3), (4, 4), rng=rng(1)),
    "scalar": lambda x: _fitted.scalar(x, 16),
    "residual": lambda x: _fitted.residual(x, (4, 4), rng=rng(1)),
    "optimized": lambda x: _fitted.optimized_product(x, (2, 2), (4, 4), rng=rng(1)),
    "principal": lambda x: _fitted.rotated(lambda y: _fitted.scalar(y, 16), x, _fitted.principal_axes(x)),
}


@pytest.fixture(scope="module")
def correlated():
    covariance = 0.9 ** np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    return Gaussian(4, covariance=covariance).sample(4000, rng=rng(5))


@pytest.mark.parametrize("name", FITS)
def test_the_codewords_used_are_at_most_as_many_as_claimed_and_the_error_is_the_one_stated(name, correlated):
    fitted = FITS[name](correlated)
    x_hat = fitted.reconstruct(correlated)
    assert len(np.unique(x_hat.round(9), axis=0)) <= fitted.codebook_size <= 16
    distortion = np.square(correlated - x_hat).sum(1).mean()
    np.testing.assert_allclose(distortion, fitted.in_sample_distortion, rtol=1e-6)


def test_training_vectors_are_counted_for_each_codeword_of_the_largest_block(correlated):
    expected = {"vector": 250, "product": 1000, "residual": 1000, "optimized": 1000}
    found = {name: FITS[name](correlated).points_per_centroid for name in expected}
    assert found == expected
    scalar = FITS["scalar"](correlated)
    assert scalar.points_per_centroid == 4000 / max(scalar.block_sizes)
    assert _fitted.entropy_coded(correlated, 4.0).points_per_centroid is None


def test_the_warning_begins_where_that_of_faiss_does():
    assert faiss.ClusteringParameters().min_points_per_centroid == _fitted.FEW_POINTS
    few, enough, none = (_fitted.sampling(points)["warning"] for points in (38.9, 39.0, None))
    assert few == "fewer than 39 training vectors a codeword"
    assert enough == none == ""


def test_on_a_line_vector_quantizers_are_levels_and_as_many_as_asked_for():
    x = rng(4).uniform(-1, 1, (40 * 1024, 1))
    fitted = _fitted.vector(x, 1024, rng=rng(5))
    assert fitted.block_sizes == (1024,)
    assert len(np.unique(fitted.reconstruct(x))) == 1024
    best = 1 / (3 * 1024**2)
    # in sample below the optimum of the law, on fresh numbers above it
    fresh = np.linspace(-1, 1, 10**6)[:, None]
    assert (
        fitted.in_sample_distortion < best < np.square(fresh - fitted.reconstruct(fresh)).mean() < 1.1 * best
    )


def test_rotations_recover_what_product_codes_lose_on_correlated_vectors(correlated):
    plain = _fitted.product(correlated, (2, 2), (8, 8), rng=rng(2)).in_sample_distortion
    optimized = _fitted.optimized_product(correlated, (2, 2), (8, 8), rng=rng(2)).in_sample_distortion
    assert optimized < 0.9 * plain
    scalar = _fitted.scalar(correlated, 64).in_sample_distortion
    axes = _fitted.principal_axes(correlated)
    assert (
        _fitted.rotated(lambda y: _fitted.scalar(y, 64), correlated, axes).in_sample_distortion < 0.8 * scalar
    )


def test_principal_axes_are_orthonormal_and_ordered(correlated):
    axes = _fitted.principal_axes(correlated)
    np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-12)
    variances = (correlated @ axes).var(axis=0)
    assert (np.diff(variances) <= 0).all()


def test_missing_axes_are_reconstructed_by_the_mean():
    x = rng().normal([0.0, 0.0, 7.0], size=(500, 3))
    fitted = _fitted.rotated(lambda y: _fitted.scalar(y, 4), x, np.eye(3)[:, :2])
    np.testing.assert_allclose(fitted.reconstruct(x)[:, 2], x[:, 2].mean(), rtol=1e-12)


def test_the_standard_error_is_that_of_a_mean():
    x = rng().standard_normal((100, 2))
    errors = _fitted.errors(x, np.zeros_like(x))
    squared = np.square(x).sum(1)
    assert math.isclose(errors["standard_error"], squared.std(ddof=1) / 10)
