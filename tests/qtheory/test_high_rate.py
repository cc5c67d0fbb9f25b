"""High rate: the constants, gains and densities that optimal quantizers approach."""

import math

import numpy as np
import pytest

from qtheory.claims._lattices import LATTICES, second_moment
from qtheory.entropy import perplexity
from qtheory.errors import DomainError
from qtheory.expected import matched_codebook_distortion
from qtheory.limits import (
    bennett,
    gains,
    gaussian_point_density,
    optimal_perplexity_ratio,
    optimal_point_density,
    panter_dite,
    product_limit,
    random_codebook_limit,
    scalar_limit,
    zador,
    zador_constant,
)
from qtheory.optimal import lloyd_max, optimal_scalar
from qtheory.results import stream
from qtheory.sources import Diagonal, Gaussian, Laplace, Uniform
from tests.qtheory.laws import CORRELATED, LINE


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
    assert zador_constant(11).source == "D10+ x Z"
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
    # negative control: the cube is 4 % off or more, at two widths missed with probability 1e-9 at most
    assert 0.04 * zador_constant(d).upper > 2 * width
    assert abs(moment.mean() - 1.04 * zador_constant(d).upper) > width


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "Leech" else ()) for name in LATTICES]
)
def test_second_moments_listed_are_those_of_sampled_cells(name):
    listed = zador_constant(LATTICES[name].dim)
    mean, width = second_moment(name)
    assert listed.source == name
    assert abs(mean - listed.upper) <= width
    # negative control: 1.5 % off is two half widths away, missed with probability 1e-9 at most
    assert 0.015 * listed.upper > 2 * width
    assert min(abs(mean - factor * listed.upper) for factor in (0.985, 1.015)) > width


@pytest.mark.parametrize("name", LATTICES)
def test_a_lattice_holds_its_box_and_its_cells_their_radius(name):
    lattice = LATTICES[name]
    sides = np.broadcast_to(lattice.sides, lattice.dim)
    x = stream(0, "box", name).uniform(0, 1, (300, lattice.dim)) * sides
    distance = lattice.distance(x)
    for j in (0, lattice.dim - 1):  # the lattice does not change when shifted by a side of the box
        assert lattice.distance(x + sides * np.eye(lattice.dim)[j]) == pytest.approx(distance, abs=1e-9)
    assert lattice.distance(-x) == pytest.approx(distance, abs=1e-9)
    assert distance.max() <= lattice.radius
    assert lattice.distance(np.zeros((1, lattice.dim))) == pytest.approx(0, abs=1e-12)


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
