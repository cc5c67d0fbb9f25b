"""Expected errors against simulation with a stated false-alarm rate, closed forms and known limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from qtheory._nearest import _chi_square, conditional_mean, nearest_of_gaussians
from qtheory.errors import DomainError, ShapeError
from qtheory.expected import (
    best_codebook_variance,
    fsq_distortion,
    lfq_distortion,
    matched_codebook_distortion,
    matched_product_distortion,
)
from qtheory.optimal import lloyd_max, optimal_scalar
from qtheory.results import stream
from qtheory.sources import Gaussian
from tests.qtheory.intervals import empirical_bernstein


@pytest.mark.parametrize(("d", "K", "spread"), [(4, 16, 1.0), (2, 6, 0.5), (8, 32, 1.3)])
def test_simulated_distance_to_the_nearest_codeword_has_the_expected_mean(d, K, spread):
    n = 200_000
    # every vector has its own codebook, so the draws are independent
    rng = stream(0, "expected", f"d={d}", f"K={K}")
    nearest = np.full(n, np.inf)
    z = rng.standard_normal((n, d))
    for _ in range(K):
        codeword = math.sqrt(spread) * rng.standard_normal((n, d))
        nearest = np.minimum(nearest, ((z - codeword) ** 2).sum(axis=1))
    # the distance to any one codeword is (1 + spread) chi-square: clipping at 1e-13 of it moves no mean
    bound = (1 + spread) * 2 * float(special.gammainccinv(d / 2, 1e-13))
    clipped = np.minimum(nearest, bound)
    width = empirical_bernstein(clipped, bound)
    expected = matched_codebook_distortion(d, K, 1.0, spread)
    assert abs(clipped.mean() - expected) <= width
    # negative control: half the codewords, at two widths missed with probability 1e-9 at most
    wrong = matched_codebook_distortion(d, K // 2, 1.0, spread)
    assert abs(wrong - expected) > 2 * width
    assert abs(clipped.mean() - wrong) > width


def test_one_codeword_costs_the_sum_of_the_variances():
    for d in (1, 3, 16):
        assert matched_codebook_distortion(d, 1, 2.0, 0.5) == pytest.approx(2.5 * d, rel=1e-12)


def test_two_codewords_on_a_line_by_direct_integration():
    from scipy import integrate
    from scipy.special import ndtr

    def integrand(t, z):
        inside = ndtr(z + t) - ndtr(z - t)
        return math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * 2 * t * (1 - inside) ** 2

    value, _ = integrate.dblquad(integrand, -9, 9, 0, 16, epsabs=1e-8)
    assert matched_codebook_distortion(1, 2) == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize(
    "case",
    [
        (1, 2**30, 1.0), (1, 4, 0.3), (2, 7, 3.0), (8, 8192, 1.0), (16, 65536, 0.74), (64, 2**30, 1),
        (8, 2**100, 0.5), (64, 2**900, 1.0), (64, 2**1000, 1.0),
    ],
)  # fmt: skip
def test_refining_the_quadrature_moves_nothing(case):
    d = case[0]
    assert nearest_of_gaussians(*case) == pytest.approx(
        nearest_of_gaussians(*case, refine=2), rel=1e-9 if d == 1 else 1e-13
    )


@pytest.mark.parametrize(("d", "shift", "x"), [(8, 201.0, 1e-5), (8, 300.0, 1.0), (64, 250.0, 0.01)])
def test_small_probabilities_far_from_the_mean_are_those_of_ball_arithmetic(d, shift, x):
    from flint import arb

    terms, weight = arb(0), (arb(-shift) / 2).exp()
    for j in range(400):
        terms += weight * (arb(x) / 2).gamma_lower(arb(d) / 2 + j, 1)
        weight = weight * shift / 2 / (j + 1)
    found = float(_chi_square(np.array([x]), d, np.array([shift]), rare=True)[0])
    assert found == pytest.approx(float(terms), rel=1e-12, abs=0)
    # negative control: scipy's own value is off, or 0
    assert special.chndtr(x, d, shift) != pytest.approx(float(terms), rel=1e-7, abs=0)


def test_conditional_mean_grows_with_the_norm_of_the_vector():
    values = conditional_mean(np.linspace(0.1, 6, 20), 4, 100, 1.0)
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize(
    ("d", "K", "slope"),
    [(8, 8192, 1.24670), (8, 4096, 1.47665), (8, 256, 2.94166), (16, 65536, 5.08157)],
)
def test_slopes_of_the_variance_lines(d, K, slope):
    assert matched_codebook_distortion(d, K) == pytest.approx(slope, abs=6e-6)


def test_slope_of_the_product_line():
    assert matched_product_distortion((4, 4), (64, 64)) == pytest.approx(1.93502, abs=6e-6)


@settings(deadline=None, max_examples=15)
@given(
    st.integers(1, 12), st.integers(1, 5000), st.sampled_from([0.01, 0.6, 2.0]), st.sampled_from([0.5, 1.0])
)
def test_random_codebooks_are_exactly_linear_in_the_variance(d, K, variance, ratio):
    unit = matched_codebook_distortion(d, K, 1.0, ratio)
    assert matched_codebook_distortion(d, K, variance, ratio * variance) == pytest.approx(
        variance * unit, rel=1e-11
    )


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 12), st.integers(1, 3000))
def test_more_codewords_never_cost_more(d, K):
    assert matched_codebook_distortion(d, K + 1) < matched_codebook_distortion(d, K)


@pytest.mark.parametrize("K", [2, 8, 64])
def test_random_levels_cost_more_than_the_best(K):
    assert matched_codebook_distortion(1, K) > lloyd_max(Gaussian(1), K).distortion


def test_optimal_scalar_quantizers_beat_matched_random_codebooks_at_the_papers_sizes():
    assert optimal_scalar(Gaussian(8), 4096).distortion < matched_product_distortion((4, 4), (64, 64))
    assert optimal_scalar(Gaussian(8), 256).distortion < matched_codebook_distortion(8, 256)


@pytest.mark.parametrize(
    ("d", "K", "factor", "distortion"),
    [(16, 65536, 0.741, 4.9587), (8, 256, 0.726, 2.86747), (8, 8192, 0.991, 1.246656)],
)
def test_best_spread_of_random_codewords(d, K, factor, distortion):
    best = best_codebook_variance(d, K)
    assert best.codebook_variance == pytest.approx(factor, abs=6e-4)
    assert best.distortion == pytest.approx(distortion, abs=6e-5)
    for shift in (0.97, 1.03):
        assert matched_codebook_distortion(d, K, 1.0, shift * best.codebook_variance) > best.distortion
    assert best_codebook_variance(d, K, 3.0).codebook_variance == pytest.approx(3 * best.codebook_variance)


def test_at_high_rate_the_best_spread_is_d_plus_two_over_d():
    assert best_codebook_variance(4, 2**40).codebook_variance == pytest.approx(1.5, abs=1e-3)


@pytest.mark.parametrize(
    ("d", "K", "spread", "least"), [(8, 8192, 1e-9, "8e-06"), (8, 2**100, 1e-4, "0.0008")]
)
def test_words_so_close_to_the_mean_that_the_quadrature_would_take_minutes_are_refused(d, K, spread, least):
    with pytest.raises(DomainError, match=f"at least {least} times variance.* here .*, and d .* here "):
        matched_codebook_distortion(d, K, 2.0, 2.0 * spread)


def test_the_interval_given_instead_holds_the_distortion_of_words_that_are_hardly_farther():
    d, K, spread = 8, 64, 1e-3
    found = matched_codebook_distortion(d, K, 1.0, spread)
    assert d - 2 * math.sqrt(2 * d * math.log(K) * spread) < found < d * (1 + spread)


def test_a_search_that_would_take_minutes_is_refused_with_what_it_would_find():
    with pytest.raises(DomainError, match=r"K must be larger for d=10000000.* about variance m\^2 / d"):
        best_codebook_variance(10**7, 2)
    # what the message says, where the search is short; m = 1 / sqrt(pi) for two words
    best = best_codebook_variance(20, 2)
    assert best.codebook_variance == pytest.approx(1 / (20 * math.pi), rel=0.05)
    assert best.distortion == pytest.approx(20 - 1 / math.pi, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: matched_codebook_distortion(8, 0), DomainError, "K must be at least 1"),
        (lambda: matched_codebook_distortion(8, 4, 0.0), DomainError, "variance must be greater"),
        (lambda: matched_codebook_distortion(8, 4, 1.0, -1.0), DomainError, "codebook_variance"),
        (lambda: matched_product_distortion((4, 4), (64,)), ShapeError, "block_sizes must have length 2"),
        (lambda: best_codebook_variance(8, 1), DomainError, "K must be at least 2"),
        (lambda: fsq_distortion(8, 1, 1.0), DomainError, "levels must be at least 3"),
        (lambda: fsq_distortion(8, (4, 4), 1.0), ShapeError, "levels must be one integer or 8"),
        (lambda: fsq_distortion(8, 4, 1.0, form="jax"), DomainError, "form must be one of official, paper"),
        (lambda: lfq_distortion(8, -1.0), DomainError, "variance must be at least 0"),
    ],
)
def test_arguments_outside_the_domain_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("function", [matched_codebook_distortion, best_codebook_variance])
@pytest.mark.parametrize(("d", "most"), [(1, 30), (2, 60), (40, 1000)])
def test_codebooks_whose_distances_float64_cannot_resolve_are_refused(function, d, most):
    with pytest.raises(DomainError, match=rf"K must be at most 2\^{most} for d={d}.*random_codebook_limit"):
        function(d, 2 ** (most + 1))
    assert matched_codebook_distortion(d, 2**most) > 0
