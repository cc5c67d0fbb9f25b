"""Limits against exact optima, closed forms and each other, and where they must not be used."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qtheory.entropy import perplexity
from qtheory.errors import DomainError, ShapeError
from qtheory.expected import matched_codebook_distortion
from qtheory.limits import (
    bennett,
    entropy_coded_at_rate,
    entropy_coded_uniform,
    gains,
    gaussian_distortion_rate,
    gaussian_point_density,
    optimal_perplexity_ratio,
    optimal_point_density,
    panter_dite,
    perplexity_lower_bound,
    product_limit,
    random_codebook_limit,
    reverse_water_filling,
    scalar_limit,
    shannon_lower_bound,
    zador,
    zador_constant,
)
from qtheory.optimal import lloyd_max, optimal_scalar
from qtheory.results import stream
from qtheory.sources import Diagonal, FiniteSource, Gaussian, Laplace, LogConcave, Mixture, Subspace, Uniform

LINE = {
    "gaussian": Gaussian(1, 2.0, mean=1.0),
    "laplace": Laplace(1),
    "uniform": Uniform(1),
    "logistic": LogConcave(lambda x: -x - 2 * np.log1p(np.exp(-x))),
}
CORRELATED = Gaussian(3, covariance=[[2.0, 0.8, 0.1], [0.8, 1.0, 0.3], [0.1, 0.3, 0.5]])


@st.composite
def covariances(draw, max_dim=5):
    d = draw(st.integers(1, max_dim))
    factor = draw(arrays(np.float64, (d, d), elements=st.integers(-8, 8).map(lambda k: k / 4)))
    return factor @ factor.T + draw(st.sampled_from([0.0, 0.01])) * np.eye(d)


# Shannon ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINE)
@pytest.mark.parametrize("n", [1, 2, 3, 8, 64])
def test_no_scalar_quantizer_beats_shannon_at_its_size_or_its_perplexity(name, n):
    found = lloyd_max(LINE[name], n)
    used = perplexity(found.masses)
    assert shannon_lower_bound(LINE[name], n) <= shannon_lower_bound(LINE[name], used) <= found.distortion
    assert perplexity_lower_bound(LINE[name], found.distortion) <= used + 1e-9


@pytest.mark.parametrize("source", [Gaussian(8), Uniform(3), Laplace(2), CORRELATED], ids=str)
def test_no_scalar_quantizer_of_vectors_beats_shannon(source):
    for K in (16, 256, 4096):
        assert shannon_lower_bound(source, K) < optimal_scalar(source, K).distortion


def test_shannon_is_tight_at_one_codeword_for_gaussian_vectors_only():
    assert shannon_lower_bound(Gaussian(5, 3.0), 1) == pytest.approx(15, rel=1e-13)
    assert shannon_lower_bound(Uniform(5), 1) < Uniform(5).variance * 5


def test_shannon_scales_like_the_square():
    assert shannon_lower_bound(Laplace(3, 9.0), 50) == pytest.approx(9 * shannon_lower_bound(Laplace(3), 50))


@given(covariances(), st.floats(0, 12))
def test_water_filling_spends_the_rate_at_one_level(covariance, rate):
    level, distortions = reverse_water_filling(covariance, rate)
    spectrum = np.linalg.eigvalsh(covariance)
    flooded = distortions < level * (1 - 1e-9)
    assert distortions[flooded] == pytest.approx(np.maximum(spectrum[flooded], 0), abs=1e-9)
    positive = distortions > 0
    if positive.any():
        spent = 0.5 * np.log2(np.maximum(spectrum[positive] / distortions[positive], 1)).sum()
        assert spent == pytest.approx(rate, abs=1e-6)


@given(covariances(), st.floats(0, 8), st.floats(0, 8))
def test_distortion_rate_is_convex_and_decreasing_from_the_variance(covariance, first, second):
    at = [gaussian_distortion_rate(covariance, rate) for rate in (first, second, (first + second) / 2)]
    assert at[2] <= (at[0] + at[1]) / 2 + 1e-9
    assert (at[0] - at[1]) * (first - second) <= 1e-9
    assert gaussian_distortion_rate(covariance, 0.0) == pytest.approx(float(np.trace(covariance)), abs=1e-9)


def test_water_filling_meets_shannons_bound_once_every_axis_is_coded():
    spectrum = np.linalg.eigvalsh(CORRELATED.covariance)
    enough = 0.5 * np.log2(spectrum / spectrum.min()).sum()
    for rate in (0.0, enough / 2, enough + 0.1, 12.0):
        above = gaussian_distortion_rate(CORRELATED.covariance, rate)
        below = shannon_lower_bound(CORRELATED, 2**rate)
        assert above >= below * (1 - 1e-12)
        assert (above == pytest.approx(below, rel=1e-10)) == (rate > enough)


def test_distortion_rate_of_a_singular_covariance_is_that_of_its_subspace():
    covariance = np.outer([1.0, 2.0], [1.0, 2.0])
    assert gaussian_distortion_rate(covariance, 3.0) == pytest.approx(5 / 64, rel=1e-12)


@pytest.mark.parametrize("K", [2, 16, 300])
def test_scalar_quantizers_stay_above_the_distortion_rate_function(K):
    assert optimal_scalar(CORRELATED, K).distortion > gaussian_distortion_rate(
        CORRELATED.covariance, math.log2(K)
    )


# High rate -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINE)
def test_optimal_levels_approach_panter_and_dite(name):
    ratios = [lloyd_max(LINE[name], n).distortion / panter_dite(LINE[name], n) for n in (32, 64, 128, 256)]
    gaps = np.abs(1 - np.array(ratios))
    assert gaps[-1] < 0.01
    # first-order convergence: the gap halves with every doubling of n (the uniform law has no gap)
    assert ((gaps[1:] < 0.6 * gaps[:-1]) | (gaps[1:] < 1e-9)).all()


def test_zador_is_the_value_of_the_uniform_grid_on_a_line():
    assert zador(Uniform(1), 7) == pytest.approx(lloyd_max(Uniform(1), 7).distortion, rel=1e-12)


def test_zador_of_a_correlated_gaussian_is_two_pi_e_times_shannon_up_to_the_dimension():
    d = 3
    expected = 2 * math.pi * np.linalg.det(CORRELATED.covariance) ** (1 / d) * ((d + 2) / d) ** ((d + 2) / 2)
    assert zador(CORRELATED, 1000) == pytest.approx(d * zador_constant(d).upper * expected / 100, rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 8, 24, 64, 200, 1000])
def test_zadors_constant_lies_in_its_bracket_above_the_limit(d):
    bracket = zador_constant(d)
    assert 1 / (2 * math.pi * math.e) < bracket.lower <= bracket.upper <= 1 / 12
    if d > 2:
        assert bracket.lower < bracket.upper
    assert zador_constant(d + 1).lower < bracket.lower


def test_products_of_known_lattices_bound_dimensions_between_them():
    nine = zador_constant(9)
    assert nine.source == "E8 x Z"
    assert nine.upper == pytest.approx(((929 / 12960) ** 8 / 12) ** (1 / 9), rel=1e-12)
    assert zador_constant(20).source == "random"


def test_where_one_sixteenth_is_decided():
    assert zador_constant(46).lower > 1 / 16 > zador_constant(47).lower
    assert zador_constant(64).upper > 1 / 16 > zador_constant(65).upper
    assert zador_constant(65).upper == pytest.approx(0.0624769, abs=5e-8)


def nearest_even_sum(x):
    """Nearest points of D_n: integers of even sum."""
    rounded = np.round(x)
    odd = rounded.sum(axis=1) % 2 != 0
    worst = np.abs(x - rounded).argmax(axis=1)
    rows = np.flatnonzero(odd)
    gap = x[rows, worst[rows]] - rounded[rows, worst[rows]]
    rounded[rows, worst[rows]] += np.where(gap >= 0, 1.0, -1.0)
    return rounded


def squared_error(x, *candidates):
    return np.min([((x - c) ** 2).sum(axis=1) for c in candidates], axis=0)


@pytest.mark.parametrize(
    ("d", "volume", "largest"), [(2, math.sqrt(3) / 2, 0.5), (3, 4.0, 1.25), (4, 2.0, 1.0), (8, 1.0, 1.0)]
)
def test_second_moments_of_lattices_by_sampling_their_cells(d, volume, largest):
    # all but the hexagonal lattice contain 2 Z^d; that one contains a rectangle of sides 1 and sqrt(3)
    n = 100_000
    x = stream(0, "lattice", f"d={d}").uniform(0, 2, (n, d))
    if (
        d == 2
    ):  # rows of distance sqrt(3)/2 after scaling the shortest vector to 1 would be A2; volume sqrt(3)/2
        step = np.array([1.0, math.sqrt(3)])
        x = x * step / 2
        shifted = x - step / 2
        errors = squared_error(x, np.round(x / step) * step, np.round(shifted / step) * step + step / 2)
    elif d == 3:
        errors = squared_error(x, 2 * np.round(x / 2), 2 * np.round((x - 1) / 2) + 1)
    elif d == 4:
        errors = squared_error(x, nearest_even_sum(x))
    else:
        errors = squared_error(x, nearest_even_sum(x), nearest_even_sum(x - 0.5) + 0.5)
    assert errors.max() <= largest
    moment = errors / (d * volume ** (2 / d))
    log_term = math.log(4 / 1e-9)  # empirical Bernstein, false-alarm rate 1e-9
    bound = largest / (d * volume ** (2 / d))
    width = math.sqrt(2 * moment.var(ddof=1) * log_term / n) + 7 * bound * log_term / (3 * n)
    assert abs(moment.mean() - zador_constant(d).upper) <= width
    assert (
        abs(moment.mean() - 1.04 * zador_constant(d).upper) > width
    )  # negative control: the cube is 4 % off


def test_perplexity_of_optimal_levels_approaches_its_ratio():
    limit = optimal_perplexity_ratio(Gaussian(1))
    ratios = [perplexity(lloyd_max(Gaussian(1), n).masses) / n for n in (16, 64, 256)]
    assert limit == pytest.approx(math.exp(-(1 / 2) * (1 / 3 - 1 + math.log(3))), rel=1e-12)
    assert np.all(np.diff(np.abs(np.array(ratios) - limit)) < 0)
    assert ratios[-1] == pytest.approx(limit, abs=0.005)
    assert ratios[1] == pytest.approx(0.818, abs=5e-4)


def test_only_uniform_laws_use_all_codewords_equally():
    assert optimal_perplexity_ratio(Uniform(4)) == pytest.approx(1, abs=1e-12)
    assert optimal_perplexity_ratio(Laplace(4)) < optimal_perplexity_ratio(Gaussian(4)) < 1


def test_gains_multiply_to_the_ratio_of_the_limits():
    diagonal = Diagonal([Gaussian(1, 4.0), Laplace(1), Uniform(1)])
    for source in (CORRELATED, diagonal, Uniform(2), Laplace(5)):
        ratio = scalar_limit(source, 1000) / zador(source, 1000)
        assert math.prod(gains(source)) == pytest.approx(ratio, rel=1e-12)
    covariance = CORRELATED.covariance
    hadamard = (np.prod(np.diag(covariance)) / np.linalg.det(covariance)) ** (1 / 3)
    assert gains(CORRELATED).memory == pytest.approx(hadamard, rel=1e-12)
    assert gains(diagonal).memory == pytest.approx(1, rel=1e-12)
    assert gains(Uniform(8))[1:] == pytest.approx((1, 1), rel=1e-12)


@pytest.mark.parametrize(("d", "decibel"), [(2, 1.14), (4, 1.87), (8, 2.31), (16, 2.55), (10**6, 2.81)])
def test_shape_gain_of_gaussian_vectors_in_decibel(d, decibel):
    per_dim = Gaussian(1).marginal(0).power_integral(1 / 3) ** 3 / (
        2 * math.pi * ((d + 2) / d) ** ((d + 2) / 2)
    )
    if d <= 16:
        assert gains(Gaussian(d)).shape == pytest.approx(per_dim, rel=1e-12)
    assert 10 * math.log10(per_dim) == pytest.approx(decibel, abs=0.006)


def test_products_lie_between_vectors_and_scalars_at_high_rate():
    K = 10**6
    two = product_limit([Gaussian(2)] * 2, K)
    assert zador(Gaussian(4), K) < two < scalar_limit(Gaussian(4), K)
    assert product_limit([Gaussian(1)] * 4, K) == pytest.approx(scalar_limit(Gaussian(4), K), rel=1e-12)
    assert product_limit([Gaussian(4)], K) == pytest.approx(zador(Gaussian(4), K), rel=1e-12)


def test_scalar_limit_is_approached_by_exact_allocation():
    source = Diagonal([Gaussian(1, 4.0), Laplace(1, 0.5)])
    assert optimal_scalar(source, 20_000).distortion == pytest.approx(scalar_limit(source, 20_000), rel=0.03)


@pytest.mark.parametrize("d", [1, 3, 8, 16])
def test_the_best_spread_of_codewords_is_not_that_of_the_source(d):
    best = (d + 2) / d
    optimum = gaussian_point_density(d, 10**6, 1.0, best)
    assert optimum == pytest.approx(zador(Gaussian(d), 10**6), rel=1e-12)
    assert optimal_point_density(Gaussian(d)).variance == pytest.approx(best)
    for factor in (0.98, 1.02):
        assert gaussian_point_density(d, 10**6, 1.0, factor * best) > optimum


@pytest.mark.parametrize(("d", "loss"), [(3, 1.449), (4, 1.185), (8, 1.036), (16, 1.008)])
def test_loss_of_matched_codewords_at_high_rate(d, loss):
    ratio = gaussian_point_density(d, 10**6, 1.0, 1.0) / zador(Gaussian(d), 10**6)
    assert ratio == pytest.approx((d / (d - 2)) ** (d / 2) / ((d + 2) / d) ** ((d + 2) / 2), rel=1e-12)
    assert ratio == pytest.approx(loss, abs=6e-4)


@pytest.mark.parametrize("d", [1, 2])
def test_matched_codewords_lose_the_rate_in_one_and_two_dimensions(d):
    with pytest.raises(DomainError, match="tends to infinity"):
        random_codebook_limit(d, 1000, 1.0, 1.0)
    scaled = [matched_codebook_distortion(d, K) * K ** (2 / d) for K in (2**8, 2**16, 2**24)]
    assert scaled[0] < scaled[1] < scaled[2]


@pytest.mark.parametrize("d", [3, 4, 8])
def test_random_codebooks_approach_their_limit(d):
    K = 2**45
    spread = (d + 2) / d
    exact = matched_codebook_distortion(d, K, 2.0, 2.0 * spread)
    assert exact == pytest.approx(random_codebook_limit(d, K, 2.0, 2.0 * spread), rel=0.01)


@pytest.mark.parametrize("points", [Gaussian(1, 3.0), Gaussian(1, 6.0), Laplace(1, 4.0)])
def test_bennetts_integral_is_approached_by_levels_at_quantiles(points):
    n = 512
    levels = points.marginal(0).power_quantile(1.0, (np.arange(n) + 0.5) / n)
    borders = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    law = Gaussian(1).marginal(0)
    first, mass = law.first_moment(borders[:-1], borders[1:]), law.mass(borders[:-1], borders[1:])
    error = 1 - float(np.sum(2 * levels * first - levels**2 * mass))
    assert error == pytest.approx(bennett(Gaussian(1), points, n), rel=0.01)
    assert bennett(Gaussian(1), points, n) >= panter_dite(Gaussian(1), n) * (1 - 1e-12)


def test_bennetts_integral_of_bounded_sources_is_exact_for_uniform_levels():
    assert bennett(Uniform(1), Uniform(1), 10) == pytest.approx(1 / 300, rel=1e-12)
    assert bennett(Uniform(1), Uniform(1, 2.0), 10) == pytest.approx(4 / 300, rel=1e-12)


# Entropy coding --------------------------------------------------------------------------------------


def test_entropy_coded_scalar_quantizers_are_a_quarter_bit_above_shannon():
    coded = entropy_coded_at_rate(Gaussian(1), 6.0)
    assert coded.rate == pytest.approx(6, abs=1e-9)
    assert coded.distortion / 4**-6.0 == pytest.approx(math.pi * math.e / 6, rel=1e-4)
    gap = coded.rate - 0.5 * math.log2(1 / coded.distortion)
    assert gap == pytest.approx(0.2546, abs=1e-4)


@pytest.mark.parametrize("name", ["gaussian", "laplace", "logistic"])
@pytest.mark.parametrize("rate", [0.2, 1.0, 3.0])
def test_entropy_coding_beats_equally_many_levels_and_stays_above_shannon(name, rate):
    coded = entropy_coded_at_rate(LINE[name], rate)
    assert coded.rate == pytest.approx(rate, abs=1e-9)
    below = shannon_lower_bound(LINE[name], 2**rate)
    assert below < coded.distortion < LINE[name].variance
    assert coded.distortion < lloyd_max(LINE[name], int(2**rate)).distortion


def test_distortion_of_small_cells_is_a_twelfth_of_the_squared_step():
    for name in ("gaussian", "laplace", "logistic"):
        step = 0.01 * LINE[name].variance ** 0.5
        assert entropy_coded_uniform(LINE[name], step).distortion == pytest.approx(step**2 / 12, rel=1e-3)
    # 1/50 of an interval: full cells but for the two at its ends
    assert entropy_coded_uniform(Uniform(1), 2 / 51).distortion == pytest.approx(4 / 51**2 / 12, rel=1e-9)


# Outside the hypotheses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: zador(Subspace.diagonal(3), 8), DomainError, "tends to 0"),
        (lambda: zador(FiniteSource([[0.0], [1.0]], [0.5, 0.5]), 8), DomainError, "tends to 0"),
        (
            lambda: zador(Mixture([Gaussian(2), Gaussian(2, 2.0)], [0.5, 0.5]), 8),
            DomainError,
            "not known exactly",
        ),
        (
            lambda: shannon_lower_bound(Gaussian(2, covariance=np.ones((2, 2))), 8),
            DomainError,
            "needs a density",
        ),
        (lambda: shannon_lower_bound(Gaussian(2), 0.5), DomainError, "K must be at least 1"),
        (lambda: panter_dite(Gaussian(2), 8), ShapeError, "scalar_limit"),
        (
            lambda: gaussian_distortion_rate([[1.0, 2.0], [2.0, 1.0]], 1.0),
            DomainError,
            "positive semidefinite",
        ),
        (lambda: gaussian_distortion_rate([[1.0, 0.2], [0.0, 1.0]], 1.0), DomainError, "symmetric"),
        (lambda: gaussian_distortion_rate([[1.0, 0.2]], 1.0), ShapeError, "square"),
        (lambda: gaussian_distortion_rate(np.eye(2), -1.0), DomainError, "rate must be at least 0"),
        (lambda: optimal_point_density(Uniform(2)), DomainError, "must be Gaussian"),
        (lambda: bennett(Gaussian(1), Gaussian(1, 2.0), 4), DomainError, "dense enough"),
        (lambda: bennett(Gaussian(1), Gaussian(1, 0.5), 4), DomainError, "dense enough"),
        (lambda: bennett(Gaussian(1), Uniform(1, 3.0), 4), DomainError, "dense enough"),
        (lambda: bennett(Gaussian(2), Gaussian(2), 4), ShapeError, "dimension 1"),
        (lambda: product_limit([], 4), ShapeError, "blocks must not be empty"),
        (lambda: entropy_coded_uniform(Gaussian(1), 1e-9), DomainError, "high-rate limit"),
        (lambda: entropy_coded_at_rate(Gaussian(2), 1.0), ShapeError, "dimension 1"),
    ],
)
def test_limits_refuse_what_they_say_nothing_about(call, error, message):
    with pytest.raises(error, match=message):
        call()
