"""Expected errors of fixed codebooks, LFQ, BSQ and FSQ: closed forms, known limits and simulation."""

import math

import numpy as np
import pytest

from qtheory.expected import (
    bsq_distortion,
    bsq_input_distortion,
    fsq_distortion,
    lfq_distortion,
    mean_sphere_l1,
)
from qtheory.optimal import optimal_scalar
from qtheory.results import stream
from qtheory.sources import Gaussian
from tests.qtheory.intervals import empirical_bernstein


def test_lfq_is_least_at_two_over_pi_and_optimal_at_pi_over_two():
    least = lfq_distortion(8, 2 / math.pi)
    assert least == pytest.approx(8 * (1 - 2 / math.pi), rel=1e-14)
    optimum = optimal_scalar(Gaussian(8), 256).distortion
    assert lfq_distortion(8, math.pi / 2) == pytest.approx(math.pi / 2 * optimum, rel=1e-12)
    for variance in (0.6, 0.68, 0.01, 2.0):
        assert lfq_distortion(8, variance) > 1.0001 * variance * optimum
        assert lfq_distortion(8, variance) > least
    assert lfq_distortion(8, 0.0) == 8
    assert lfq_distortion(8, 2.0) == pytest.approx(5.946, abs=5e-4)


def test_bsq_by_quadrature_on_the_circle_and_limit():
    # d = 2: the angle is uniform, the nearest codeword is at 45 degrees of every quadrant
    angles = (np.arange(200_000) + 0.5) / 200_000 * math.pi / 2
    cosine = float(np.cos(angles - math.pi / 4).mean())
    assert bsq_distortion(2) == pytest.approx(2 - 2 * cosine, abs=1e-10)
    assert bsq_distortion(8) == pytest.approx(0.353707, abs=1e-6)
    assert bsq_distortion(10**8) == pytest.approx(2 - 2 * math.sqrt(2 / math.pi), abs=1e-7)
    assert bsq_distortion(1) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("d", [1, 2, 3, 50, 100, 101, 102, 1000, 10**6, 10**12, 10**15, 10**40, 10**400])
def test_bsq_has_the_digits_of_ball_arithmetic_in_every_dimension(d):
    from flint import arb, ctx

    with ctx.workprec(4000):
        cosine = (arb(d) / arb.pi()).sqrt() * ((arb(d) / 2).lgamma() - (arb(d + 1) / 2).lgamma()).exp()
        found, whole = arb(mean_sphere_l1(d)), arb(bsq_distortion(d))
        assert abs(found / cosine - 1) < 4e-14
        assert abs(whole - (2 - 2 * cosine)) < 8e-14


def test_one_sign_codes_a_point_of_the_sphere_of_one_dimension_exactly():
    assert mean_sphere_l1(1) == 1.0
    assert bsq_distortion(1) == 0.0
    assert bsq_distortion(1, 1 + 1e-9) > 0


def test_the_best_radius_of_bsq_is_the_mean_cosine():
    c = mean_sphere_l1(8)
    assert bsq_distortion(8, c) == pytest.approx(1 - c**2, rel=1e-12)
    assert bsq_distortion(8, 0.9 * c) > bsq_distortion(8, c) < bsq_distortion(8, 1.1 * c)


def test_simulated_fixed_codebooks_have_the_expected_errors():
    d, n, variance = 8, 100_000, 0.6
    z = math.sqrt(variance) * stream(0, "expected", "fixed").standard_normal((n, d))
    sphere = z / np.linalg.norm(z, axis=1, keepdims=True)
    half, offset = 1.5 * 0.999, 0.5
    bounded = np.tanh(z + math.atanh(offset / half)) * half - offset
    paper = 2 * np.tanh(z)
    cases = [
        (((z - np.sign(z)) ** 2).sum(axis=1), lfq_distortion(d, variance), 400.0),
        (((sphere - np.sign(z) / math.sqrt(d)) ** 2).sum(axis=1), bsq_distortion(d), 4.0),
        (((z - np.sign(z) / math.sqrt(d)) ** 2).sum(axis=1), bsq_input_distortion(d, variance), 400.0),
        (((bounded - np.round(bounded)) ** 2).sum(axis=1), fsq_distortion(d, 4, variance), d / 4),
        (((paper - np.round(paper)) ** 2).sum(axis=1), fsq_distortion(d, 4, variance, "paper"), d / 4),
    ]
    for values, expected, bound in cases:
        assert values.max() < bound
        width = empirical_bernstein(values, bound)
        assert abs(values.mean() - expected) <= width
        # negative control: 30 % off, at two widths missed with probability 1e-9 at most
        assert 0.3 * expected > 2 * width
        assert abs(values.mean() - 1.3 * expected) > width


@pytest.mark.parametrize(
    ("variance", "paper", "official"),
    [
        (0.01, 0.3038, 0.1403),
        (0.2, 0.6660, 0.7157),
        (0.6, 0.6962, 0.6898),
        (1.0, 0.6601, 0.6343),
        (2.0, 0.5593, 0.5260),
    ],
)
def test_fsq_values(variance, paper, official):
    assert fsq_distortion(8, 4, variance, form="paper") == pytest.approx(paper, abs=6e-5)
    assert fsq_distortion(8, 4, variance) == pytest.approx(official, abs=6e-5)


def test_fsq_vanishes_at_both_ends_in_the_papers_form():
    assert fsq_distortion(8, 4, 1e-6, form="paper") == pytest.approx(32e-6, rel=1e-4)
    assert fsq_distortion(8, 4, 1e6, form="paper") < 0.02


def test_fsq_forms_agree_for_odd_levels_up_to_the_shrinkage_of_the_reference():
    for variance in (0.3, 1.0):
        assert fsq_distortion(1, 5, variance) == pytest.approx(
            fsq_distortion(1, 5, variance, form="paper"), abs=2e-3
        )


def test_fsq_adds_over_dimensions():
    mixed = fsq_distortion(3, (8, 5, 5), 0.7)
    assert mixed == pytest.approx(fsq_distortion(1, 8, 0.7) + 2 * fsq_distortion(1, 5, 0.7), rel=1e-13)
