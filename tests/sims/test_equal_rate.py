"""At equal rate: exact values of scalar methods, bounds that nothing beats, and gains that add up."""

import math

import numpy as np
import pytest
from scipy import stats

from qtheory import limits
from qtheory.sources import Gaussian
from sims import _cases
from sims.equal_rate import STUDY, exact_entropy_coded, findings
from sims.runner import run_study

FALSE_ALARM = 1e-9


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


def excess(rows, expected):
    return (rows.distortion - expected) / rows.standard_error


def test_no_quantizer_does_better_on_fresh_vectors_than_shannon_allows(frame):
    # one-sided: a fitted quantizer's expected distortion is at least the bound
    assert excess(frame, frame.shannon_bound).min() > stats.norm.ppf(FALSE_ALARM / len(frame))


def test_a_bound_ten_percent_above_the_best_method_would_be_rejected(frame):
    best = frame.groupby(["source", "bits"]).distortion.transform("min")
    assert excess(frame, 1.1 * best).min() < 2 * stats.norm.ppf(FALSE_ALARM / len(frame)) / 4


def test_fitted_scalar_quantizers_reach_the_exact_optimum_from_above(frame):
    rows = frame[frame.expected_distortion.notna()]
    assert {"sq", "sq-pca", "ecsq", "ecsq-pca"} == set(rows.method)
    fixed = rows[rows.method.isin(["sq", "sq-pca"])]
    # a codebook fitted to 4,000 vectors is not the optimum, so only this side is sure
    assert excess(fixed, fixed.expected_distortion).min() > stats.norm.ppf(FALSE_ALARM / len(fixed))
    np.testing.assert_allclose(rows.distortion, rows.expected_distortion, rtol=0.1)


def test_rates_are_kept(frame):
    coded = frame.method.str.startswith("ecsq")
    assert (frame[~coded].codebook_size <= 2.0 ** frame[~coded].bits).all()
    np.testing.assert_allclose(frame.rate_per_dim * _cases.DIM, frame.bits)


def test_gaps_are_distortions_in_decibels(frame):
    np.testing.assert_allclose(frame.gap_db, 10 * np.log10(frame.distortion / frame.shannon_bound))


@pytest.mark.parametrize("name", _cases.NAMES)
def test_laws_along_marginals_and_axes_describe_the_source(name):
    case = _cases.case(name)
    variances = [law.variance for law in case.marginals]
    np.testing.assert_allclose(variances, case.source.coordinate_variances, rtol=1e-12)
    total = sum(law.variance for law in case.axes)
    np.testing.assert_allclose(total, np.trace(case.source.covariance), rtol=1e-12)
    np.testing.assert_allclose(case.source.variance, 1.0, rtol=1e-9)
    spectrum = np.linalg.eigvalsh(case.source.covariance)
    np.testing.assert_allclose(sorted(law.variance for law in case.axes), spectrum, rtol=1e-9)


@pytest.mark.parametrize("name", _cases.NAMES)
def test_gains_multiply_to_the_ratio_of_scalar_quantization_to_shannon(name):
    case = _cases.case(name)
    scalar = limits.scalar_limit(case.source, 1) / limits.shannon_lower_bound(case.axes_law, 1)
    np.testing.assert_allclose(math.prod(case.gains().values()), scalar, rtol=1e-9)
    assert min(case.gains().values()) >= 1 - 1e-12


def test_the_entropy_of_the_correlated_source_is_that_of_its_axes():
    case = _cases.case("correlated")
    np.testing.assert_allclose(
        case.axes_law.differential_entropy, case.source.differential_entropy, rtol=1e-9
    )
    np.testing.assert_allclose(case.axes_law.density_norm, case.source.density_norm, rtol=1e-9)


@pytest.mark.parametrize("bits", [4, 16])
def test_one_step_for_equal_coordinates_is_the_scalar_quantizer_at_its_share_of_the_rate(bits):
    found = exact_entropy_coded((Gaussian(1),) * 8, bits)
    np.testing.assert_allclose(
        found, 8 * limits.entropy_coded_at_rate(Gaussian(1), bits / 8).distortion, rtol=1e-6
    )


def test_findings_name_each_source(frame):
    text = "\n".join(findings(frame))
    assert all(name in text for name in _cases.NAMES)
