"""Limits of every quantizer: Shannon's bound, water-filling and entropy coding."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qtheory.entropy import perplexity
from qtheory.errors import DomainError
from qtheory.limits import (
    entropy_coded_at_rate,
    entropy_coded_uniform,
    gaussian_distortion_rate,
    perplexity_lower_bound,
    reverse_water_filling,
    shannon_lower_bound,
)
from qtheory.optimal import lloyd_max, optimal_scalar
from qtheory.sources import Gaussian, Laplace, Uniform
from tests.qtheory.laws import CORRELATED, LINE


@st.composite
def covariances(draw, max_dim=5):
    d = draw(st.integers(1, max_dim))
    factor = draw(arrays(np.float64, (d, d), elements=st.integers(-8, 8).map(lambda k: k / 4)))
    return factor @ factor.T + draw(st.sampled_from([0.0, 0.01])) * np.eye(d)


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


def test_water_filling_takes_the_variances_of_independent_coordinates():
    variances = [0.5, 3.0, 0.0, 1.0]
    level, distortions = reverse_water_filling(variances, 2.5)
    assert level == reverse_water_filling(np.diag(variances), 2.5).level
    assert distortions.tolist() == reverse_water_filling(np.diag(variances), 2.5).distortions.tolist()
    with pytest.raises(DomainError, match="must be positive semidefinite"):
        reverse_water_filling([1.0, -0.5], 1.0)


@pytest.mark.parametrize(
    ("law", "rate"), [(Gaussian(1), 30.0), (Laplace(1), 5000.0), (Uniform(1), 1e9)], ids=str
)
def test_a_rate_that_no_step_reaches_is_named_and_not_the_step(law, rate):
    with pytest.raises(DomainError, match=r"^rate must be within .* got .* bits; use a rate in \(0, 8\]"):
        entropy_coded_at_rate(law, rate)
    assert entropy_coded_at_rate(law, 8.0).rate == pytest.approx(8.0, abs=1e-10)


@pytest.mark.parametrize("law", [Gaussian(2, 1e308), Laplace(3, 1e308)], ids=["gaussian", "laplace"])
def test_shannons_bound_above_float64_is_refused(law):
    with pytest.raises(DomainError, match=r"^Shannon's bound must lie within .* take a smaller variance"):
        shannon_lower_bound(law, 1)
    assert 0 < shannon_lower_bound(law, 2**100) < math.inf
