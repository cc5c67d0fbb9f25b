"""Figure 5: the measured curves are the closed forms, and equal rate orders the methods."""

import numpy as np
import pytest
from scipy import stats

from qtheory.optimal import lloyd_max
from qtheory.quantizers import FSQ
from qtheory.sources import Gaussian
from sims import _fsq_decoder
from sims.quantizer_variance import DIM, STUDY, findings
from sims.runner import run_study

FALSE_ALARM = 1e-9


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


def farthest(distortion, expected, standard_error):
    """Largest deviation in standard errors, and the value that true means exceed with `FALSE_ALARM`.

    Each row averages 5,000 independent vectors of 8 coordinates, normal for all purposes.
    """
    z = np.abs(distortion - expected) / standard_error
    return z.max(), stats.norm.isf(FALSE_ALARM / 2 / len(z))


def fixed_codebooks(frame):
    """Rows whose codebook is not random, so that their standard error covers all that varies."""
    return frame[frame.expected_distortion.notna() & ~frame.method.str.startswith("matched")]


def test_fixed_codebooks_cost_their_closed_forms(frame):
    rows = fixed_codebooks(frame)
    assert set(rows.method) == {"fsq-paper", "fsq-official", "lfq", "bsq", "sq", "fsq", "fsq-scaled"}
    worst, allowed = farthest(rows.distortion, rows.expected_distortion, rows.standard_error)
    assert worst < allowed


@pytest.mark.parametrize(("method", "other"), [("fsq-paper", "fsq-official"), ("fsq-official", "fsq-paper")])
def test_the_closed_form_of_the_other_fsq_would_be_rejected(frame, method, other):
    panel = frame[frame.panel == "figure-5"].set_index("variance")
    rows, wrong = panel[panel.method == method], panel[panel.method == other].expected_distortion
    worst, allowed = farthest(
        rows.distortion, wrong.groupby("variance").first()[rows.index], rows.standard_error
    )
    assert worst > 2 * allowed


def test_matched_codebooks_cost_their_quadrature(frame):
    rows = frame[frame.method.str.startswith("matched")]
    # a trial of PQ with 64 random words a block deviates by about 2 %
    np.testing.assert_allclose(rows.distortion, rows.expected_distortion, rtol=0.13)


def test_all_methods_see_the_same_vectors(frame):
    from sims.quantizer_variance import RULES

    cell = STUDY.sweep("smoke", seed=0).cells()[0]
    variance = cell.parameters["variance"]
    x = Gaussian(DIM, variance).sample(cell.parameters["n"], rng=cell.rng("features", "n", "variance"))
    rows = frame[(frame.variance == variance) & (frame.trial == 0)].set_index("method").distortion
    np.testing.assert_allclose(rows["lfq"], ((x - np.sign(x)) ** 2).sum(1).mean(), rtol=1e-12)
    bounded = 2 * np.tanh(x)
    np.testing.assert_allclose(
        rows["fsq-paper"], ((bounded - np.round(bounded)) ** 2).sum(1).mean(), rtol=1e-12
    )
    sphere = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(
        rows["bsq"], ((sphere - np.sign(x) / np.sqrt(DIM)) ** 2).sum(1).mean(), rtol=1e-12
    )
    assert set(RULES) <= set(rows.index)


def test_no_method_beats_the_shannon_bound_and_limits_stay_in_the_space_of_the_source(frame):
    here = frame.space == "source"
    assert (frame[here].distortion > frame[here].shannon_lower_bound).all()
    assert frame[~here].shannon_lower_bound.isna().all()
    assert frame[~here].zador.isna().all()


def test_at_one_bit_a_dimension_bsq_and_lfq_with_the_best_decoder_are_the_optimal_scalar_quantizer(frame):
    rows = frame[(frame.panel == "equal-rate") & (frame.rate == 8)].set_index(["trial", "method"]).distortion
    for trial in (0, 1):
        np.testing.assert_allclose(rows[trial, "lfq"], rows[trial, "sq"], rtol=1e-12)
        assert rows[trial, "bsq"] == rows[trial, "lfq"]


def test_fitted_codebooks_cost_more_on_fresh_vectors(frame):
    rows = frame[frame.in_sample_distortion.notna()]
    assert set(rows.method) == {"kmeans-vq", "kmeans-pq"}
    assert (rows.distortion > rows.in_sample_distortion).mean() > 0.7
    at_4096 = rows[(rows.rate == 12) & (rows.method == "kmeans-vq")]
    assert (at_4096.distortion > 1.03 * at_4096.in_sample_distortion).all(), "five vectors a codeword"


def test_every_method_keeps_the_rate(frame):
    panel = frame[frame.panel == "equal-rate"]
    assert (panel.codebook_size <= 2.0**panel.rate).all()


def test_findings_name_the_limit(frame):
    assert any("no quantizer below 1.0000" in line for line in findings(frame))


@pytest.mark.parametrize("levels", [3, 4, 5, 8])
def test_cells_before_the_tanh_are_those_of_fsq(levels):
    z = np.random.default_rng(levels).normal(scale=2.0, size=5000)
    codes = np.searchsorted(_fsq_decoder.fsq_borders(levels), z)
    np.testing.assert_array_equal(codes, FSQ([levels]).encode(z[:, None]))


@pytest.mark.parametrize("levels", [1, 3, 4, 7])
@pytest.mark.parametrize("variance", [0.1, 1.0, 5.0])
def test_centroids_of_fsq_cells_do_no_better_than_optimal_levels(levels, variance):
    _, distortion = _fsq_decoder.centroid_decoder(levels, variance)
    assert lloyd_max(Gaussian(1, variance), levels).distortion <= distortion * (1 + 1e-12)
    assert distortion <= variance * (1 + 1e-12)


def test_the_best_levels_fit_and_leave_coordinates_out_where_they_must():
    levels, _ = _fsq_decoder.best_levels(8, 4096, 1.0)
    assert np.prod(levels) <= 4096
    assert 1 in levels, "three levels in each of 8 coordinates are 6561 codewords"
    assert _fsq_decoder.best_levels(8, 6561, 1.0)[0] == (3,) * 8
