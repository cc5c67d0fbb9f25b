"""Training error is optimistic, most of all where much is fitted."""

import numpy as np
import pytest

from sims.finite_sample import STUDY, findings
from sims.runner import run_study


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    return run_study(STUDY, "smoke", seed=0, out=tmp_path_factory.mktemp("results"), quiet=True).frame


@pytest.fixture(scope="module")
def frame(every):
    """Rows of the source with a density."""
    return every[every.source == "gaussian"]


def test_the_gap_closes_with_points_and_is_largest_where_most_is_fitted(frame):
    gaps = (frame.distortion / frame.in_sample_distortion).groupby(
        [frame.method, frame.points_per_codeword]
    ).mean() - 1
    for method in ("vq", "pq-2", "sq"):
        assert gaps[method, 4] > gaps[method, 64]
    assert gaps["vq", 4] > 2 * gaps["pq-2", 4] > 2 * gaps["sq", 4] > 0


def test_a_training_error_may_lie_below_what_any_quantizer_can_reach_and_a_held_out_one_never_does(frame):
    few = frame[(frame.method == "vq") & (frame.points_per_codeword == 4)]
    assert (few.in_sample_distortion < few.shannon_lower_bound).all()
    assert (frame.distortion - 7 * frame.standard_error > frame.shannon_lower_bound).all()


def test_fitted_values_are_counted_by_block(frame):
    counts = frame.groupby("method").fitted_values.first()
    # 64 vectors of 4, two blocks of 8 vectors of 2, and scalar levels (2, 3, 3, 3)
    assert counts["vq"] == 256
    assert counts["pq-2"] == 32
    assert 10 <= counts["sq"] <= 12


def test_scalar_quantizers_cost_at_least_their_exact_optimum(frame):
    rows = frame[frame.method == "sq"]
    assert (rows.distortion + 7 * rows.standard_error > rows.expected_distortion).all()
    many = rows[rows.points_per_codeword == 64]
    np.testing.assert_allclose(many.distortion, many.expected_distortion, rtol=0.05)


def test_the_gaps_of_latents_close_with_more_vectors_on_the_same_and_on_other_photographs(every):
    rows = every[(every.source == "latents") & (every.method == "vq")]
    few, many = (rows[rows.points_per_codeword == points] for points in (4, 64))
    assert (few.same_photographs_distortion > few.in_sample_distortion).all()
    same, other = (
        (few[column] / few.in_sample_distortion).mean() - (many[column] / many.in_sample_distortion).mean()
        for column in ("same_photographs_distortion", "distortion")
    )
    assert same > 0
    assert other > 0
    assert every.shannon_lower_bound[every.source == "latents"].isna().all()


def test_intervals_of_latents_are_over_photographs(every):
    relative = (every.standard_error / every.distortion * every.n_measured**0.5).groupby(every.source).mean()
    # as if there were far fewer vectors: those of a photograph say much the same
    assert relative["latents"] > 3 * relative["gaussian"]


def test_findings_cover_all_methods(every):
    named = {tuple(line.split(":")[0].split(", ")) for line in findings(every)}
    assert named == {
        (source, method) for source in ("gaussian", "latents") for method in ("vq", "pq-2", "sq")
    }
